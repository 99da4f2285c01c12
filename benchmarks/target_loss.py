"""Seconds to a target held-out loss, from the start of the process: the number that users feel.

    python benchmarks/target_loss.py

The support example on the built-in starter, LoRA r=16 on all linear layers, 16 rows a step, one learning rate, a look
at the held-out rows every 20 steps. Each tool trains in its own way (order of the rows, precision, collation) on the
same token rows, and stops once its own held-out loss is low enough: TRL as installed, transformers' Trainer in the
setting that is fastest on these rows, Tunewright's loop. Importing and loading count; encoding the rows does not.
Peers: pip install "trl==1.16.*" "accelerate==1.15.*" "datasets>=4,<6". Writes `benchmarks/results/target_loss.json`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from train_arms.job import Goal, Job
from train_arms.process import HOW_TO_INSTALL, peers_installed, run_job
from train_rows import TokenRow, save_rows

from tunewright.data.encode import EncodedRow, encode_stream
from tunewright.data.rows import Row, RowFault, TextRow
from tunewright.jobs.rows import load_rows
from tunewright.models.source import find_model
from tunewright.models.tokenizer import load_tokenizer
from tunewright.runs.machine import read_hardware
from tunewright.spec.data import DataSpec
from tunewright.spec.model import ModelSpec

EXAMPLE = Path(__file__).parents[1] / "examples" / "support"
RESULTS = Path(__file__).parent / "results" / "target_loss.json"
SWEEP_ROWS = 48
ARMS = ("tunewright", "trainer", "trl")


def support_rows() -> tuple[list[TokenRow], list[TokenRow]]:
    """Return the example's training and held-out rows as the starter is taught them."""
    files = {"train": str(EXAMPLE / "train.jsonl"), "test": str(EXAMPLE / "heldout.jsonl"), "validation_split": 0.0}
    sets = load_rows(DataSpec.model_validate(files))
    return _encoded(sets.train[0].rows), _encoded(sets.test)


def measure(arm: str, job: Job, scratch: Path, timeout_s: float) -> dict[str, Any]:
    """Return when the goal was reached, in seconds since the process began, and the losses on the way."""
    goal = job.goal
    assert goal is not None
    began = time.time()
    answer = run_job(arm, job, scratch, timeout_s)
    if "error" in answer:
        print(f"{arm:12} {answer['error']}", flush=True)
        return answer
    seen = [(round(at - began, 2), loss) for at, loss in answer["heldout"]]
    reached = next((at for at, loss in seen if loss <= goal.loss), None)
    text = f"{reached:6.1f} s" if reached is not None else "not reached"
    last = seen[-1][1]
    print(
        f"{arm:12} {text}, {len(answer['losses'])} steps, held-out loss {last:.4f}, {answer['peak_mb']:,.0f} MB",
        flush=True,
    )
    keep = {key: answer[key] for key in ("trainable", "peak_mb")}
    return {"seconds": reached, "steps": len(answer["losses"]), "heldout": seen, **keep}


def fastest_setting(job: Job, rows: Sequence[TokenRow], scratch: Path, timeout_s: float) -> dict[str, Any]:
    """Return the setting in which Trainer is fastest on these rows.

    Raises:
        RuntimeError: if no setting runs.
    """
    few = save_rows(scratch / "few.npz", rows[:SWEEP_ROWS])
    found = run_job("trainer", dataclasses.replace(job, rows=str(few), goal=None), scratch, timeout_s)
    if "error" in found:
        raise RuntimeError(found["error"])
    print(f"Trainer's fastest setting here: {found['sweep'][0]['setting']}", flush=True)
    return found["sweep"][0]["setting"]


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=float, default=0.4, help="held-out loss, nats per taught token")
    parser.add_argument("--every", type=int, default=20, help="steps between two looks at the held-out rows")
    parser.add_argument("--steps", type=int, default=300, help="most steps that are taken")
    parser.add_argument("--learning-rate", type=float, default=5e-3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=ARMS, action="append")
    parser.add_argument("--timeout", type=float, default=600, help="seconds that an arm may take")
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    given = arguments()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        train, heldout = support_rows()
        goal = Goal(str(save_rows(scratch / "heldout.npz", heldout)), given.target, given.every)
        rows = str(save_rows(scratch / "train.npz", train))
        model = find_model(ModelSpec()).location
        job = Job(model, rows, given.steps, learning_rate=given.learning_rate, goal=goal)
        jobs = dict.fromkeys(given.only or ARMS, job)
        if not peers_installed():
            print(HOW_TO_INSTALL)
            jobs = {"tunewright": job}
        if "trainer" in jobs:
            setting = fastest_setting(job, train, scratch, given.timeout)
            jobs["trainer"] = dataclasses.replace(job, settings=setting)
        rounds = [
            {arm: measure(arm, own, scratch, given.timeout) for arm, own in jobs.items()} for _ in range(given.rounds)
        ]
        settings = {arm: own.settings for arm, own in jobs.items()}
    write(given, rounds, settings)


def write(given: argparse.Namespace, rounds: list[dict[str, dict[str, Any]]], settings: dict[str, Any]) -> None:
    """Print the medians and write everything."""
    medians: dict[str, float] = {}
    for arm in rounds[0]:
        times = [each[arm]["seconds"] for each in rounds if each[arm].get("seconds") is not None]
        if len(times) == len(rounds):
            medians[arm] = statistics.median(times)
    ours = medians.get("tunewright")
    for arm, seconds in medians.items():
        beside = f"   ours takes {ours / seconds:.0%} of it" if ours else ""
        print(f"{arm:12}{seconds:8.1f} s{beside}")
    asked = {"target": given.target, "every": given.every, "learning_rate": given.learning_rate, "settings": settings}
    machine = read_hardware().model_dump(mode="json")
    tree = {"machine": machine, **asked, "median_seconds": medians, "rounds": rounds}
    given.output.write_text(json.dumps(tree, indent=2) + "\n", encoding="utf-8")
    print(f"written to {given.output}")


def _encoded(rows: Sequence[Row | TextRow]) -> list[TokenRow]:
    tokenizer = load_tokenizer(find_model(ModelSpec()), ModelSpec())
    encoded: list[TokenRow] = []
    for result in encode_stream(rows, tokenizer):
        assert not isinstance(result, RowFault), str(result)
        encoded += [_tail_taught(row) for row in result]
    return encoded


def _tail_taught(row: EncodedRow) -> TokenRow:
    taught = np.flatnonzero(row.weights)
    first, end = int(taught[0]), int(taught[-1]) + 1
    assert end - first == len(taught), "the benchmark's rows are taught at their end only"
    return TokenRow(row.ids[:end], len(taught))


if __name__ == "__main__":
    main()
