"""A process that trains in forked children and kills them: `python -m tests.unit.jobs.killing MODEL FOLDER KILLS SEED`.

It trains `FOLDER/whole` itself, so that everything is imported once and children begin in milliseconds. The run
`FOLDER/cut` is trained by children that are killed with SIGKILL at random moments, most of them while it trains, and
is taken up again until it ends. What happened is printed as one JSON object. One thread: a fork takes no other along.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.tiny import write_rows
from tunewright.jobs.train import finetune, resume
from tunewright.runs.folder import RunFolder
from tunewright.spec.recipe import Recipe, build_recipe

_MAX_SECONDS = 120
_SHARE_ANYWHERE = 0.2
_PAUSE_S = 0.001


def make_recipe(model: Path, folder: Path, name: str, num_steps: int) -> Recipe:
    """Return a job with dropout, validations and an early stop that never comes, saved at every other step."""
    return build_recipe(
        {
            "model": {"source": str(model)},
            "data": {"train": str(folder / "rows.jsonl"), "validation_split": 0.2},
            "method": {"kind": "lora", "rank": 4, "dropout": 0.1},
            "train": {
                "max_steps": num_steps,
                "batch_size": 4,
                "learning_rate": 0.01,
                "eval_steps": 3,
                "save_steps": 2,
                "stop": {"patience": num_steps},
                "hardware": {"device": "cpu", "precision": "fp32", "micro_batch_tokens": 80},
            },
            "evaluate": {"graders": ["token_f1"], "max_new_tokens": 2, "max_rows": 1},
            "output": str(folder / name),
        }
    )


def main(model: Path, folder: Path, num_kills: int, seed: int) -> dict[str, Any]:
    """Do all of it, and return what happened."""
    write_rows(folder / "rows.jsonl", 20)
    num_steps = max(24, 5 * num_kills)
    whole, cut = (make_recipe(model, folder, name, num_steps) for name in ("whole", "cut"))
    torch.set_num_threads(1)
    finetune(whole)
    seconds = [row.seconds for row in RunFolder.open(folder / "whole").metrics()]
    # Each child may do its share of the steps, and on average half of it.
    window = (seconds[-1] - seconds[0]) / num_kills
    moments = random.Random(seed)
    told: dict[str, Any] = {"kills": 0, "half_written": 0, "begun_again": 0, "steps": []}
    until_training = 0.0
    for _ in range(num_kills):
        if until_training and moments.random() < _SHARE_ANYWHERE:
            _kill_anywhere(cut, moments.uniform(0, until_training))
        else:
            until_training = _kill_in_training(cut, moments.uniform(0, window))
        told["kills"] += 1
        _look(folder / "cut", told)
    assert os.waitpid(_fork(lambda: _go_on(cut)), 0)[1] == 0, "the last process failed"
    return told


def _kill_anywhere(recipe: Recipe, delay: float) -> None:
    child = _fork(lambda: _go_on(recipe))
    time.sleep(delay)
    _kill(child)


def _kill_in_training(recipe: Recipe, delay: float) -> float:
    """Kill a child some time after its first step, and return how long it took until then."""
    metrics = Path(str(recipe.output)) / "metrics.jsonl"
    # The child drops the rows after its checkpoint before it adds any.
    before = metrics.stat().st_mtime_ns if metrics.exists() else 0
    started = time.monotonic()
    child = _fork(lambda: _go_on(recipe))
    rewritten = _wait_for_change(metrics, before)
    _wait_for_change(metrics, rewritten)
    taken = time.monotonic() - started
    time.sleep(delay)
    _kill(child)
    return taken


def _kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the child ended by itself with {status}: give the run more steps"


def _look(run: Path, told: dict[str, Any]) -> None:
    """Note what the killed process left."""
    if not (run / "manifest.json").exists():
        told["begun_again"] += 1
        return
    told["half_written"] += any((run / "checkpoints").glob(".*.tmp"))
    checkpoints = RunFolder.open(run).checkpoints()
    told["steps"].append(checkpoints[-1].step if checkpoints else -1)


def _go_on(recipe: Recipe) -> None:
    path = Path(str(recipe.output))
    resume(path) if (path / "manifest.json").exists() else finetune(recipe)


def _wait_for_change(path: Path, before: int) -> int:
    """Wait until the file was written after the time `before`, and return when it was."""
    deadline = time.monotonic() + _MAX_SECONDS
    while time.monotonic() < deadline:
        now = path.stat().st_mtime_ns if path.exists() else 0
        if now > before:
            return now
        time.sleep(_PAUSE_S)
    raise AssertionError(f"{path.name} was not written within {_MAX_SECONDS} s")


def _fork(work: Callable[[], object]) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.alarm(_MAX_SECONDS)
        work()
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
