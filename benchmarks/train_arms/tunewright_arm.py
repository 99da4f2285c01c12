"""Tunewright: the real loop over encoded rows, without validation unless there is a goal.

`make_loop` is the only place that knows how a job puts the loop together (`jobs/train` does the same from a recipe).
The job's settings may name a `layout`: `packed` shares nothing, `tree` computes shared prefixes once.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from train_rows import TokenRow, load_rows

from train_arms.job import ADAM, ALPHA, RANK, Clock, Job, Trained, run_arm
from tunewright.data.encode import EncodedRow
from tunewright.data.order import epoch_rows
from tunewright.data.pack import make_forests
from tunewright.data.rows import TextRow
from tunewright.errors import Interrupted
from tunewright.evaluate.loss import score_loss
from tunewright.models.forward import ForestModel
from tunewright.models.hardware import bound_kernel_caches, choose_hardware
from tunewright.models.layout import choose_layout
from tunewright.models.load import load_model
from tunewright.models.source import find_model
from tunewright.runs.events import CheckpointSaved, Event
from tunewright.runs.folder import RunFolder
from tunewright.runs.metrics import MetricsRow
from tunewright.runs.recorder import Recorder, Silent
from tunewright.spec.maker import load_maker
from tunewright.spec.method import LoraSpec
from tunewright.spec.model import ModelSpec
from tunewright.spec.objective import CausalLmSpec
from tunewright.spec.recipe import Recipe
from tunewright.spec.train import HardwareSpec, OptimizerSpec, ScheduleSpec, TrainSpec
from tunewright.train.loop import Loop, LoopInput

PAD_ID = 0


def train(job: Job, rows: Sequence[TokenRow]) -> Trained:
    """Train and return what came of it."""
    steps = _Steps()
    goal = _Watched()
    with tempfile.TemporaryDirectory() as scratch, RunFolder.create(Path(scratch) / "run", Recipe()) as run:
        loop = make_loop(job, rows, Recorder(run, steps), goal)
        trainable = sum(w.numel() for w in loop.given.model.model.parameters() if w.requires_grad)
        steps.clock.begin()
        try:
            loop.run()
        except Interrupted:
            assert goal.reached, "only the goal stops this loop"
    return Trained(
        trainable=trainable,
        losses=[row.train_loss or float("nan") for row in steps.rows],
        step_ends=steps.clock.ends,
        computed_tokens=computed_tokens(steps.rows),
        heldout=goal.seen,
    )


def make_loop(job: Job, rows: Sequence[TokenRow], recorder: Recorder, goal: _Watched) -> Loop:
    """Return the loop of the job: LoRA on all linear layers, the rows visited in the order given."""
    spec = TrainSpec(
        learning_rate=job.learning_rate,
        batch_size=job.rows_per_step,
        seed=job.seed,
        max_steps=job.num_steps,
        eval_steps=job.goal.every if job.goal else job.num_steps,
        save_steps=job.num_steps,
        optimizer=OptimizerSpec.model_validate(ADAM),
        schedule=ScheduleSpec(kind="constant", warmup=0.0),
        hardware=HardwareSpec(device="cpu", layout=job.settings.get("layout", "auto")),
    )
    bound_kernel_caches()
    model_spec, objective_spec = ModelSpec(source=job.model), CausalLmSpec()
    model = load_model(find_model(model_spec), model_spec, choose_hardware(spec.hardware))
    torch.manual_seed(job.seed)
    method = LoraSpec(rank=RANK, alpha=ALPHA, targets="all-linear")
    model = load_maker(method)(method).apply(model)
    objective = load_maker(objective_spec)(objective_spec)
    longest = max(len(row.ids) for row in rows)
    runner = ForestModel(model, choose_layout(model, spec.hardware.layout, longest))
    if job.goal is not None:
        heldout = [_encoded(row) for row in load_rows(Path(job.goal.heldout))]
        forests = make_forests(heldout, spec.hardware.micro_batch_tokens, runner.choice.layout)
        goal.watch(job.goal.loss, lambda: score_loss(runner, objective, forests).loss)
    given = LoopInput(
        model=runner,
        objective=objective,
        rows=visited_in_order(rows, job.seed),
        source_sizes=(len(rows),),
        source_weights=(1.0,),
        spec=spec,
        num_steps=job.num_steps,
        validate=goal.validate if job.goal else None,
        should_stop=lambda: goal.reached,
    )
    return Loop(given, recorder)


def visited_in_order(rows: Sequence[TokenRow], seed: int) -> list[EncodedRow]:
    """Return the rows laid so that the loop, which shuffles an epoch by its seed, visits them in the order given."""
    order = epoch_rows((len(rows),), (1.0,), seed, 0)
    placed = np.empty(len(rows), dtype=np.int64)
    placed[order] = np.arange(len(rows))
    return [_encoded(rows[index]) for index in placed.tolist()]


def computed_tokens(steps: Sequence[MetricsRow]) -> int:
    """Return the tokens that went through the layers: the loop counts those of its forests."""
    return steps[-1].computed_tokens


def _encoded(row: TokenRow) -> EncodedRow:
    weights = np.zeros(len(row.ids), dtype=np.float32)
    weights[len(row.ids) - row.num_taught :] = 1.0
    return EncodedRow(row.ids, weights, TextRow("rows", 0, ""))


class _Steps(Silent):
    """Keeps the numbers of every step and when it ended."""

    def __init__(self) -> None:
        self.clock, self.rows = Clock(), list[MetricsRow]()

    def on_event(self, event: Event) -> None:
        # The checkpoint of step 0 is written before the first step; the peers' clocks begin behind their set-up too.
        if isinstance(event, CheckpointSaved) and not self.rows:
            self.clock.begin()

    def on_metrics(self, row: MetricsRow) -> None:
        self.clock.step()
        self.rows.append(row)


class _Watched:
    """The held-out loss as it was seen, and whether it is low enough."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, float]] = []
        self.reached = False

    def watch(self, limit: float, score: Callable[[], float]) -> None:
        self.limit, self.score = limit, score

    def validate(self) -> dict[str, float]:
        loss = self.score()
        self.seen.append((time.time(), loss))
        self.reached = loss <= self.limit
        return {"valid_loss": loss}


if __name__ == "__main__":
    run_arm(train)
