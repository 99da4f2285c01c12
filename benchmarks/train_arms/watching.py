"""What the two peers share: rows as a data set, the adapter, and a callback that notes steps and losses.

Everything goes through public options of transformers; nothing of theirs is replaced.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
from peft import LoraConfig
from train_rows import TokenRow, load_rows
from transformers import TrainerCallback

from train_arms.job import ADAM, ALPHA, RANK, Clock, Job, Trained


class Watch(TrainerCallback):
    """Fills a `Trained` while a Trainer runs, and stops it at the goal."""

    def __init__(self, job: Job, trainable: int) -> None:
        self.job, self.clock = job, Clock()
        self.trained = Trained(trainable=trainable, step_ends=self.clock.ends)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock."""
        self.clock.begin()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note the time."""
        self.clock.step()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """Note the loss of the step."""
        if logs and "loss" in logs:
            self.trained.losses.append(float(logs["loss"]))

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, float] | None = None, **_: Any
    ) -> None:
        """Note the held-out loss and stop where it is low enough."""
        goal = self.job.goal
        if goal is None or not metrics:
            return
        self.trained.heldout.append((time.time(), float(metrics["eval_loss"])))
        control.should_training_stop = metrics["eval_loss"] <= goal.loss


def as_dataset(rows: Sequence[TokenRow]) -> datasets.Dataset:
    """Return the rows as a tokenised data set."""
    return datasets.Dataset.from_dict(
        {"input_ids": [row.ids.tolist() for row in rows], "labels": [row.labels for row in rows]}
    )


def adapter() -> LoraConfig:
    """Return LoRA on all linear layers."""
    return LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")


def arguments(job: Job, batch: int, scratch: str) -> dict[str, Any]:
    """Return the training arguments that both peers are given: what is asked for, and nothing about how."""
    tree: dict[str, Any] = {
        "output_dir": scratch,
        "max_steps": job.num_steps,
        "train_sampling_strategy": "sequential" if job.goal is None else "random",
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": job.rows_per_step // batch,
        "learning_rate": job.learning_rate,
        "lr_scheduler_type": "constant",
        "adam_beta1": ADAM["beta1"],
        "adam_beta2": ADAM["beta2"],
        "adam_epsilon": ADAM["eps"],
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "seed": job.seed,
    }
    if job.goal is not None:
        tree |= {"eval_strategy": "steps", "eval_steps": job.goal.every}
    return tree


def heldout_of(job: Job) -> datasets.Dataset | None:
    """Return the held-out rows of the goal."""
    return as_dataset(load_rows(Path(job.goal.heldout))) if job.goal else None


def num_trainable(model: Any) -> int:
    """Return the number of weights that learn."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
