"""What an arm is asked and what it answers: two JSON files, and the process around one arm.

An arm trains a model on rows in their order and tells when each step was over. It is given a warm-up first: a few small
steps on a model that is thrown away, so that imports, kernels and caches are not counted. Knows no tool.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train_rows import TokenRow, load_rows, num_tokens

RANK, ALPHA = 16, 32
ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}


@dataclass(frozen=True)
class Goal:
    """Train until the held-out loss is at most `loss`, looked at every `every` steps."""

    heldout: str
    loss: float
    every: int


@dataclass(frozen=True)
class Job:
    """What is to be trained. `settings` is what only one arm knows, such as a precision."""

    model: str
    rows: str
    num_steps: int
    rows_per_step: int = 16
    learning_rate: float = 1e-3
    warm_rows: int = 8
    seed: int = 0
    goal: Goal | None = None
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Trained:
    """What came of it.

    `step_ends`: seconds since the first step began. `computed_tokens`: tokens that went through the layers; for a tool
    that shares nothing, those of the rows (padding is computed too, but of no use, and not counted). `heldout`: pairs
    of the clock's time and the held-out loss, where there was a goal.
    """

    trainable: int
    losses: list[float] = field(default_factory=list)
    step_ends: list[float] = field(default_factory=list)
    computed_tokens: int | None = None
    heldout: list[tuple[float, float]] = field(default_factory=list)


Train = Callable[[Job, Sequence[TokenRow]], Trained]


def run_arm(train: Train) -> None:
    """Do the job named on the command line and write the answer: `python -m train_arms.… job.json answer.json`.

    A job with a goal is timed from the start of the process and is not warmed up.
    """
    job_path, answer_path = map(Path, sys.argv[1:])
    answer_path.write_text(json.dumps(answer_to(load_job(job_path), train)), encoding="utf-8")


def load_job(path: Path) -> Job:
    """Read a job."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    return Job(**{**tree, "goal": Goal(**tree["goal"]) if tree.get("goal") else None})


def save_job(path: Path, job: Job) -> Path:
    """Write a job and return `path`."""
    path.write_text(json.dumps(dataclasses.asdict(job)), encoding="utf-8")
    return path


def answer_to(job: Job, train: Train) -> dict[str, Any]:
    """Warm up, train and return the answer."""
    rows = load_rows(Path(job.rows))
    if job.goal is not None:
        return {**dataclasses.asdict(train(job, rows)), "peak_mb": peak_mb()}
    rows = rows[: job.num_steps * job.rows_per_step]
    warm_up(job, rows, train)
    trained = train(job, rows)
    seconds, row_tokens = trained.step_ends[-1], num_tokens(rows)
    return {
        **dataclasses.asdict(trained),
        "peak_mb": peak_mb(),
        "seconds": seconds,
        "row_tokens": row_tokens,
        "computed_tokens": trained.computed_tokens or row_tokens,
        "supervised_tokens": sum(row.num_taught for row in rows),
        "tokens_per_s": row_tokens / seconds,
    }


def warm_up(job: Job, rows: Sequence[TokenRow], train: Train) -> None:
    """Take two small steps with a model that is then thrown away."""
    per_step = max(1, min(job.warm_rows, len(rows)) // 2)
    train(dataclasses.replace(job, num_steps=2, rows_per_step=per_step), rows[: 2 * per_step])
    gc.collect()


def peak_mb() -> float | None:
    """Return the most memory that this process has held; None where the system does not tell.

    Not the resource module's figure: on Linux a child inherits that of the process which started it.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    [line] = [line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


class Clock:
    """Notes when steps end, counted from `begin`."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.ends: list[float] = []

    def begin(self) -> None:
        """Start counting."""
        self.began = time.perf_counter()

    def step(self) -> None:
        """Note the end of a step."""
        self.ends.append(time.perf_counter() - self.began)
