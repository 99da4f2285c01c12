"""The one training loop: order rows, step, validate, save, stop.

Knows no method (the model arrives trainable), no data format (rows arrive encoded) and no evaluation (the validation
loss arrives as a callable). Everything it does is told to the recorder.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel

from tunewright.data.encode import EncodedRow
from tunewright.data.order import epoch_rows
from tunewright.data.pack import collate, plan_steps
from tunewright.errors import Interrupted
from tunewright.objectives.objective import Objective
from tunewright.runs.events import CheckpointSaved, Notice, TrainingStarted, Validated
from tunewright.runs.metrics import MetricsRow
from tunewright.runs.recorder import Recorder
from tunewright.spec.train import TrainSpec
from tunewright.train.checkpoint import LoopState, load_checkpoint, load_weights, prune_checkpoints, save_checkpoint
from tunewright.train.masters import MasterWeights
from tunewright.train.optimizer import make_optimizer, set_learning_rate
from tunewright.train.schedule import learning_rate_scale
from tunewright.train.step import Stepper, StepResult


@dataclass(frozen=True)
class LoopInput:
    """What is trained, on what, and how.

    Attributes:
        model: made trainable by a method; its parameters are moved in place.
        rows: encoded training rows, file after file.
        source_sizes, source_weights: rows and weight of each file, in the order of `rows`.
        spec: settled (no automatic value left).
        validate: returns the mean validation loss in nats per supervised token; None without validation rows.
        should_stop: asked after every step; True ends the run with a checkpoint.
    """

    model: PreTrainedModel
    objective: Objective
    rows: Sequence[EncodedRow]
    source_sizes: Sequence[int]
    source_weights: Sequence[float]
    spec: TrainSpec
    num_steps: int
    pad_id: int
    validate: Callable[[], float] | None
    should_stop: Callable[[], bool]


class Loop:
    """One run of the loop; `run` is the whole of its use."""

    def __init__(self, given: LoopInput, recorder: Recorder) -> None:
        assert given.spec.learning_rate is not None, "settle the recipe first"
        self.given, self.spec, self.recorder = given, given.spec, recorder
        self.peak_rate = given.spec.learning_rate
        self.masters = MasterWeights(given.model)
        self.optimizer = make_optimizer(given.spec.optimizer, self.masters.tensors.values(), self.peak_rate)
        limit = given.spec.optimizer.max_grad_norm
        self.stepper = Stepper(given.model, self.masters, given.objective, self.optimizer, limit)
        self.state = LoopState()
        self._planned: tuple[int, list[list[list[int]]]] = (0, self._make_plan(0))
        self._steps_per_epoch = len(self._planned[1])

    def run(self, resume_from: Path | None = None) -> LoopState:
        """Train to the last step or the early stop, then leave the best weights in the model and return the final
        state.

        Raises:
            Interrupted: if `should_stop` said so; a checkpoint of the last step is there.
            TrainingError: if the loss or a gradient is not finite.
            StorageError: if a checkpoint or metrics cannot be written.
        """
        if resume_from is not None:
            self.state = load_checkpoint(resume_from, self.masters, self.optimizer)
        self._announce()
        if self.state.step == 0:
            self._validate()
        while self.state.step < self.given.num_steps and not self._has_stalled():
            self._one_step()
            if self.given.should_stop():
                self._save()
                raise Interrupted(f"stopped at step {self.state.step} of {self.given.num_steps}")
        self._restore_best()
        return self.state

    def _one_step(self) -> None:
        started = time.perf_counter()
        rate = self.peak_rate * learning_rate_scale(self.spec.schedule, self.state.step, self.given.num_steps)
        set_learning_rate(self.optimizer, rate)
        self.given.model.train()
        micro_batches = [collate([self.given.rows[i] for i in rows], self.given.pad_id) for rows in self._batch()]
        result = self.stepper.step(micro_batches)
        self.state.step += 1
        self.state.tokens += result.num_tokens
        self.state.seconds += time.perf_counter() - started
        is_last = self.state.step == self.given.num_steps
        is_due = is_last or self.state.step % (self.spec.eval_steps or self.given.num_steps) == 0
        valid_loss = self._validate() if is_due else None
        self._record(result, rate, valid_loss)
        is_best = valid_loss is not None and self.state.best_step == self.state.step
        if is_best or is_last or self.state.step % (self.spec.save_steps or self.given.num_steps) == 0:
            self._save()

    def _batch(self) -> list[list[int]]:
        """Return the micro-batches (row indices) of this step; the plan is a function of seed and epoch alone."""
        epoch, position = divmod(self.state.step, self._steps_per_epoch)
        if self._planned[0] != epoch:
            self._planned = (epoch, self._make_plan(epoch))
        return self._planned[1][position]

    def _make_plan(self, epoch: int) -> list[list[list[int]]]:
        assert self.spec.batch_size is not None, "settle the recipe first"
        order = epoch_rows(self.given.source_sizes, self.given.source_weights, self.spec.seed, epoch)
        lengths = [len(row.ids) for row in self.given.rows]
        return plan_steps(lengths, order, self.spec.batch_size, self.spec.hardware.micro_batch_tokens)

    def _validate(self) -> float | None:
        if self.given.validate is None:
            return None
        started = time.perf_counter()
        loss = self.given.validate()
        best = math.inf if self.state.best_loss is None else self.state.best_loss - self.spec.stop.min_delta
        is_best = self.state.step > 0 and loss < best
        if is_best:
            self.state.best_loss, self.state.best_step, self.state.stale = loss, self.state.step, 0
        elif self.state.step > 0:
            self.state.stale += 1
        perplexity = float(torch.tensor(loss).exp())
        self.recorder.event(Validated(step=self.state.step, valid_loss=loss, perplexity=perplexity, is_best=is_best))
        self.state.seconds += time.perf_counter() - started
        return loss

    def _has_stalled(self) -> bool:
        patience = self.spec.stop.patience
        if patience is None or self.state.stale < patience:
            return False
        message = f"stopped early at step {self.state.step}: {self.state.stale} validations without a new best"
        self.recorder.event(Notice(message=message, hint="train.stop.patience decides when"))
        return True

    def _record(self, result: StepResult, rate: float, valid_loss: float | None) -> None:
        self.recorder.metrics(
            MetricsRow(
                step=self.state.step,
                train_loss=result.loss,
                train_token_accuracy=result.scalars.get("token_accuracy"),
                valid_loss=valid_loss,
                learning_rate=rate,
                grad_norm=result.grad_norm,
                tokens=self.state.tokens,
                seconds=self.state.seconds,
            )
        )

    def _save(self) -> None:
        path = self.recorder.run.checkpoint_path(self.state.step)
        if not path.exists():
            save_checkpoint(path, self.state, self.masters, self.optimizer)
            self.recorder.event(CheckpointSaved(step=self.state.step, path=f"checkpoints/{path.name}"))
        prune_checkpoints(self.recorder.run, self.spec.keep_checkpoints, self.state.best_step)

    def _restore_best(self) -> None:
        best = self.state.best_step
        if best is not None and best != self.state.step:
            load_weights(self.recorder.run.checkpoint_path(best), self.masters)
        self.given.model.eval()

    def _announce(self) -> None:
        visits = [row for step in self._make_plan(0) for micro in step for row in micro]
        rows = self.given.rows
        self.recorder.event(
            TrainingStarted(
                num_steps=self.given.num_steps,
                num_rows=len(visits),
                batch_size=self.spec.batch_size or 1,
                num_tokens=sum(len(rows[row].ids) for row in visits),
                num_supervised_tokens=sum(rows[row].num_supervised for row in visits),
            )
        )
