"""transformers' Trainer over peft, in one of its settings: batch, precision, grouping by length.

Precisions: `fp32`; `autocast` (fp32 weights, `bf16=True`); `bf16` (base and adapters in bf16, the fastest that its user
can choose). With several settings in the job the fastest is looked for: every one takes one step, the best ones more.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model
from train_rows import TokenRow, load_rows, num_tokens
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments, set_seed

from train_arms.job import Job, Trained, load_job, run_arm, warm_up
from train_arms.watching import Watch, adapter, arguments, as_dataset, heldout_of, num_trainable

PRECISIONS = ("bf16", "autocast", "fp32")
FINALISTS, FINAL_STEPS = 3, 3
SETTINGS: tuple[dict[str, Any], ...] = tuple(
    {"batch": batch, "precision": precision, "group_by_length": group}
    for precision in PRECISIONS
    for batch in (1, 2, 4, 8)
    for group in ((False,) if batch == 1 else (False, True))  # a batch of one row has no padding to save
)


def train(job: Job, rows: Sequence[TokenRow]) -> Trained:
    """Train in the job's setting and return what came of it."""
    settings = job.settings
    set_seed(job.seed)
    dtype = torch.bfloat16 if settings["precision"] == "bf16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(job.model, dtype=dtype)
    model = get_peft_model(model, adapter(), autocast_adapter_dtype=False)
    watch = Watch(job, num_trainable(model))
    batch = min(settings["batch"], job.rows_per_step)
    with tempfile.TemporaryDirectory() as scratch:
        tree = {**arguments(job, batch, scratch), "bf16": settings["precision"] == "autocast"}
        if settings["group_by_length"]:
            tree["train_sampling_strategy"] = "group_by_length"
        given = TrainingArguments(**tree, dataloader_pin_memory=False)
        Trainer(
            model=model,
            args=given,
            data_collator=pad,
            train_dataset=as_dataset(rows),
            eval_dataset=heldout_of(job),
            callbacks=[watch],
        ).train()
    return watch.trained


def pad(rows: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Return the rows side by side, filled up on the right."""
    width = max(len(row["input_ids"]) for row in rows)

    def filled(key: str, value: int) -> torch.Tensor:
        return torch.tensor([row[key] + [value] * (width - len(row[key])) for row in rows])

    mask = [[1] * len(row["input_ids"]) + [0] * (width - len(row["input_ids"])) for row in rows]
    return {
        "input_ids": filled("input_ids", 0),
        "labels": filled("labels", -100),
        "attention_mask": torch.tensor(mask),
    }


def sweep(job: Job, rows: Sequence[TokenRow]) -> list[dict[str, Any]]:
    """Return every setting with its tokens per second, the best first; the finalists' figures are of more steps."""
    for precision in PRECISIONS:
        small = dataclasses.replace(job, settings={"batch": 2, "precision": precision, "group_by_length": False})
        warm_up(small, rows, train)
    tried = [_speed(job, rows, setting, 1) for setting in SETTINGS]
    tried.sort(key=lambda each: -each["tokens_per_s"])
    more = max(1, min(FINAL_STEPS, len(rows) // job.rows_per_step))
    finalists = [_speed(job, rows, each["setting"], more) for each in tried[:FINALISTS]]
    finalists.sort(key=lambda each: -each["tokens_per_s"])
    return [*finalists, *tried[FINALISTS:]]


def _speed(job: Job, rows: Sequence[TokenRow], setting: dict[str, Any], num_steps: int) -> dict[str, Any]:
    own = dataclasses.replace(job, settings=setting, num_steps=num_steps)
    visited = rows[: num_steps * job.rows_per_step]
    speed = num_tokens(visited) / train(own, visited).step_ends[-1]
    gc.collect()
    print(f"{setting}: {speed:.0f} tokens/s", flush=True)
    return {"setting": setting, "num_steps": num_steps, "tokens_per_s": speed}


if __name__ == "__main__":
    if load_job(Path(sys.argv[1])).settings:
        run_arm(train)
    else:
        everything = load_job(Path(sys.argv[1]))
        found = sweep(everything, load_rows(Path(everything.rows)))
        Path(sys.argv[2]).write_text(json.dumps({"sweep": found}), encoding="utf-8")
