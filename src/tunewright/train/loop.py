"""The one training loop: order rows, step, validate, save, stop; and go on after what need not end a run.

Knows no method (the model arrives trainable), no data format (rows arrive encoded) and no evaluation (validation
arrives as a callable). Everything it does is told to the recorder. All that decides what comes next is in `LoopState`,
in the weights, the optimiser and the random generators, so a checkpoint holds the whole of it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from tunewright.data.encode import EncodedRow
from tunewright.data.forest import Forest
from tunewright.data.order import epoch_rows
from tunewright.data.pack import make_forests, plan_steps
from tunewright.errors import Interrupted, RecipeError, StorageError, TrainingError
from tunewright.models.forward import ForestModel
from tunewright.models.frozen import FrozenStates, obstacle
from tunewright.objectives.objective import Objective
from tunewright.runs.atomic import remove_folder
from tunewright.runs.events import (
    BatchSkipped,
    CheckpointSaved,
    MicroBatchHalved,
    Notice,
    RateLowered,
    TrainingStarted,
    Validated,
)
from tunewright.runs.metrics import MetricsRow, improves_downwards
from tunewright.runs.recorder import Recorder
from tunewright.runs.usage import UsageMeter
from tunewright.spec.train import TrainSpec
from tunewright.train.checkpoint import (
    LoopState,
    free_one_checkpoint,
    load_checkpoint,
    load_weights,
    prune_checkpoints,
    save_checkpoint,
)
from tunewright.train.divergence import MAX_BACK_OFFS, MAX_SKIPPED, after_return, choose_return, diverged_error
from tunewright.train.masters import MasterWeights
from tunewright.train.memory import retry_within_memory
from tunewright.train.optimizer import make_optimizer, set_learning_rate
from tunewright.train.randomness import randomness_kept
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
        validate: returns what was measured on the validation rows by name, `valid_loss` (nats per supervised token) and
            `train.stop.metric` among it; None without validation rows. It may raise Interrupted.
        should_stop: asked after every step; True ends the run with a checkpoint.
        meter: read once a step, for the curves of memory and load.
        dithers: whether the model's own weights learn, which are shipped in the model's precision (`train.masters`).
    """

    model: ForestModel
    objective: Objective
    rows: Sequence[EncodedRow]
    source_sizes: Sequence[int]
    source_weights: Sequence[float]
    spec: TrainSpec
    num_steps: int
    validate: Callable[[], Mapping[str, float]] | None
    should_stop: Callable[[], bool]
    meter: UsageMeter = field(default_factory=UsageMeter)
    dithers: bool = False


class Loop:
    """One run of the loop; `run` is the whole of its use."""

    def __init__(self, given: LoopInput, recorder: Recorder) -> None:
        assert given.spec.learning_rate is not None, "settle the recipe first"
        self.given, self.spec, self.recorder = given, given.spec, recorder
        self.peak_rate = given.spec.learning_rate
        self.masters = MasterWeights(given.model.model, given.spec.optimizer.rounding, dithers=given.dithers)
        self.optimizer = make_optimizer(given.spec.optimizer, self.masters, self.peak_rate, seed=given.spec.seed)
        limit = given.spec.optimizer.max_grad_norm
        self.frozen = self._frozen_states()
        self.stepper = Stepper(given.model, self.masters, given.objective, self.optimizer, limit, self.frozen)
        self.state = LoopState()
        self._saved_step: int | None = None
        self._skipped_rows: list[int] = []
        self._planned: tuple[int, list[list[int]]] = (0, self._plan(0))
        self._steps_per_epoch = len(self._planned[1])

    def run(self, resume_from: Path | None = None) -> LoopState:
        """Train to the last step or the early stop, then leave the best weights in the model and return the final
        state.

        Raises:
            Interrupted: if `should_stop` said so; a checkpoint of the last step is there.
            TrainingError: if losses stay not finite, or a single row does not fit into memory.
            StorageError: if a checkpoint or metrics cannot be written; former checkpoints are there.
        """
        if resume_from is not None:
            self.state = load_checkpoint(resume_from, self.masters, self.optimizer)
            self._saved_step = self.state.step
        if self.frozen is not None:
            self.frozen.forget_after(self.state.step)
        self._announce()
        if self.state.step == 0:
            # What a run goes back to when its first steps diverge; and a disk that is too small is found now.
            self._save()
            self._validate()
        if self.state.unfinished is not None:
            self._finish_step(self.state.unfinished)
        while self.state.step < self.given.num_steps and not self._has_stalled():
            self._one_step()
            if self.given.should_stop():
                self._save(is_due=False)
                raise Interrupted(f"stopped at step {self.state.step} of {self.given.num_steps}")
        self._restore_best()
        self._drop_frozen()
        return self.state

    # ── one step ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _one_step(self) -> None:
        started = time.perf_counter()
        scale = learning_rate_scale(self.spec.schedule, self.state.step, self.given.num_steps)
        rate = self.peak_rate * scale * self.state.rate_scale
        set_learning_rate(self.optimizer, rate)
        self.given.model.model.train()
        rows = self._step_rows()
        if self.frozen is not None:
            self.frozen.now = self.state.step + 1
        result = self._step_within_memory(rows)
        self.state.step += 1
        num_tokens = sum(self.given.rows[row].num_tokens for row in rows)
        seconds = time.perf_counter() - started
        self.state.tokens += num_tokens
        self.state.computed_tokens += result.num_tokens
        self.state.seconds += seconds
        if self._is_diverging(result, rows):
            self._go_back(result)
            return
        accuracy = result.scalars.get("token_accuracy")
        numbers = {"train_loss": result.loss, "train_token_accuracy": accuracy, "grad_norm": result.grad_norm}
        speed = num_tokens / seconds if seconds else None
        self._finish_step({**numbers, "learning_rate": rate, "tokens_per_second": speed})

    def _finish_step(self, numbers: dict[str, float | None]) -> None:
        """Validate if it is time to, write the row of this step, and save if it is time to."""
        is_last = self.state.step == self.given.num_steps
        is_due = is_last or self.state.step % (self.spec.eval_steps or self.given.num_steps) == 0
        try:
            measured = self._validate() if is_due else {}
        except Interrupted:
            self.state.unfinished = numbers
            self._save(is_due=False)
            raise
        if self.state.unfinished is not None:
            # What was saved of this step still owes the validation that is done now.
            self.state.unfinished = self._saved_step = None
            self.recorder.run.truncate_metrics_after(self.state.step - 1)
        self.recorder.metrics(
            MetricsRow(
                step=self.state.step,
                train_loss=numbers["train_loss"],
                train_token_accuracy=numbers["train_token_accuracy"],
                valid_loss=measured.get("valid_loss"),
                valid_scores={name: value for name, value in measured.items() if name != "valid_loss"},
                learning_rate=numbers["learning_rate"],
                grad_norm=numbers["grad_norm"],
                tokens=self.state.tokens,
                computed_tokens=self.state.computed_tokens,
                seconds=self.state.seconds,
                tokens_per_second=numbers.get("tokens_per_second"),
                **self.given.meter.read().as_metrics(),
            )
        )
        is_best = bool(measured) and self.state.best_step == self.state.step
        if is_best or is_last or self.state.step % (self.spec.save_steps or self.given.num_steps) == 0:
            self._save()

    def _step_rows(self) -> list[int]:
        """Return the rows of this step; the plan is a function of seed and epoch alone."""
        epoch, position = divmod(self.state.step, self._steps_per_epoch)
        if self._planned[0] != epoch:
            self._planned = (epoch, self._plan(epoch))
        return self._planned[1][position]

    def _plan(self, epoch: int) -> list[list[int]]:
        assert self.spec.batch_size is not None, "settle the recipe first"
        order = epoch_rows(self.given.source_sizes, self.given.source_weights, self.spec.seed, epoch)
        return plan_steps(self.given.rows, order, self.spec.batch_size)

    def _micro_batches(self, rows: Sequence[int], max_tokens: int) -> list[Forest]:
        """Return the micro-batches of these rows under this token budget: the one place that makes them."""
        forests = make_forests([self.given.rows[row] for row in rows], max_tokens, self.given.model.choice.layout)
        # From a place in this step to one among all rows: what is kept of a row is found by that.
        return [replace(forest, target_row=np.array(rows)[forest.target_row]) for forest in forests]

    # ── memory ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _max_tokens(self) -> int:
        asked = self.spec.hardware.micro_batch_tokens
        return min(asked, self.state.micro_batch_tokens or asked)

    def _step_within_memory(self, rows: Sequence[int]) -> StepResult:
        def step() -> StepResult:
            return self.stepper.step(self._micro_batches(rows, self._max_tokens()))

        return retry_within_memory(step, lambda: self._cut_smaller(rows))

    def _cut_smaller(self, rows: Sequence[int]) -> None:
        """Lower the token budget until these rows fall into more micro-batches than before."""
        self.stepper.forget()
        former = tokens = self._max_tokens()
        num_former = len(self._micro_batches(rows, former))
        while tokens > 1 and len(self._micro_batches(rows, tokens)) <= num_former:
            tokens //= 2
        if len(self._micro_batches(rows, tokens)) <= num_former:
            longest = max((self.given.rows[row] for row in rows), key=lambda row: row.num_tokens)
            raise TrainingError(
                f"{longest.source.where}: a row of {longest.num_tokens:,} tokens does not fit into memory by itself",
                hint=f"shorten such rows (--set data.max_length={longest.num_tokens // 2}), set "
                "train.hardware.activation_checkpointing=true, or train fewer weights (method.kind=lora)",
            )
        self.state.micro_batch_tokens = tokens
        self.recorder.event(
            MicroBatchHalved(step=self.state.step, former_tokens=former, tokens=tokens, cause="allocator")
        )

    # ── losses that are not numbers ──────────────────────────────────────────────────────────────────────────────────

    def _is_diverging(self, result: StepResult, rows: Sequence[int]) -> bool:
        """Take note of a skipped batch, and return whether there were too many in a row."""
        if not result.fault:
            self.state.num_skipped = 0
            self._skipped_rows.clear()
            return False
        self.state.num_skipped += 1
        self._skipped_rows += rows
        names = tuple(self.given.rows[row].source.where for row in rows)
        self.recorder.event(BatchSkipped(step=self.state.step, reason=result.fault, rows=names))
        return self.state.num_skipped >= MAX_SKIPPED

    def _go_back(self, result: StepResult) -> None:
        """Return to a checkpoint with a lower rate, or give up and name the rows."""
        suspects = list(dict.fromkeys(self._skipped_rows))
        if self.state.num_back_offs == MAX_BACK_OFFS:
            guilty = [self.given.rows[row] for row in suspects if not self._is_finite(row)]
            raise diverged_error(
                result.fault, self.state, guilty or [self.given.rows[i] for i in suspects], len(suspects)
            )
        run, former = self.recorder.run, self.state
        target = choose_return(run, former)
        loaded = load_checkpoint(target.path, self.masters, self.optimizer)
        self.state = after_return(loaded, former)
        # Later ones belong to a path that is left: a process that takes this one up must not find them.
        for checkpoint in run.checkpoints():
            if checkpoint.step > target.step:
                run.remove_checkpoint(checkpoint.step)
        self._saved_step = target.step
        if self.frozen is not None:
            self.frozen.forget_after(target.step)
        self._skipped_rows.clear()
        run.truncate_metrics_after(target.step)
        scale = self.state.rate_scale
        self.recorder.event(RateLowered(step=former.step, back_to=target.step, rate_scale=scale))

    def _is_finite(self, row: int) -> bool:
        return all(self.stepper.is_finite(batch) for batch in self._micro_batches([row], self._max_tokens()))

    # ── validation and early stop ────────────────────────────────────────────────────────────────────────────────────

    def _validate(self) -> Mapping[str, float]:
        """Score the validation rows and update what is best; nothing that training draws from is moved."""
        if self.given.validate is None:
            return {}
        started = time.perf_counter()
        with randomness_kept():
            measured = self._measure(self.given.validate)
        is_best = self.state.step > 0 and self._is_new_best(measured[self.spec.stop.metric])
        if is_best:
            self.state.best_value, self.state.best_step = measured[self.spec.stop.metric], self.state.step
            self.state.stale = 0
        elif self.state.step > 0:
            self.state.stale += 1
        loss = measured.get("valid_loss", math.nan)
        perplexity = float(torch.tensor(loss).exp())
        self.recorder.event(
            Validated(
                step=self.state.step, valid_loss=loss, perplexity=perplexity, is_best=is_best, scores=dict(measured)
            )
        )
        self.state.seconds += time.perf_counter() - started
        return measured

    def _measure(self, validate: Callable[[], Mapping[str, float]]) -> Mapping[str, float]:
        measured = validate()
        metric = self.spec.stop.metric
        if metric not in measured:
            raise RecipeError(
                f"train.stop.metric: {metric!r} is not measured in validation",
                hint=f"choose one of {', '.join(sorted(measured))}",
            )
        return measured

    def _is_new_best(self, value: float) -> bool:
        if self.state.best_value is None:
            return math.isfinite(value)
        gain = value - self.state.best_value
        return (-gain if improves_downwards(self.spec.stop.metric) else gain) > self.spec.stop.min_delta

    def _has_stalled(self) -> bool:
        patience = self.spec.stop.patience
        if patience is None or self.state.stale < patience:
            return False
        message = f"stopped early at step {self.state.step}: {self.state.stale} validations without a new best"
        self.recorder.event(Notice(message=message, hint="train.stop.patience decides when"))
        return True

    # ── what is written ──────────────────────────────────────────────────────────────────────────────────────────────

    def _save(self, *, is_due: bool = True) -> None:
        run = self.recorder.run
        if self._saved_step != self.state.step:
            if is_due and not self.state.num_skipped:
                self.state.anchors = [*self.state.anchors, self.state.step][-self.spec.keep_checkpoints :]
            path = run.checkpoint_path(self.state.step)
            self._save_or_make_room(path)
            self._saved_step = self.state.step
            self.recorder.event(CheckpointSaved(step=self.state.step, path=f"checkpoints/{path.name}"))
        prune_checkpoints(run, self.state)

    def _save_or_make_room(self, path: Path) -> None:
        if self.frozen is not None:
            self.frozen.flush()
        try:
            save_checkpoint(path, self.state, self.masters, self.optimizer)
        except StorageError as error:
            freed = free_one_checkpoint(self.recorder.run)
            save_checkpoint(path, self.state, self.masters, self.optimizer)
            removed = f"after {freed.path.name} had been removed" if freed else "at the second attempt"
            self.recorder.event(Notice(message=f"{error.message}; it was written {removed}", hint=error.hint))

    def _frozen_states(self) -> FrozenStates | None:
        if not self.spec.hardware.keep_frozen_states:
            return None
        runner = self.given.model
        reason = obstacle(runner.model, is_fused=runner.choice.is_fused)
        if reason:
            message = f"the states of frozen layers are not kept: {reason}"
            self.recorder.event(Notice(message=message, hint="train.hardware.keep_frozen_states: false"))
            return None
        return FrozenStates(self.recorder.run.cache_path, self.given.rows, runner.model)

    def _drop_frozen(self) -> None:
        if self.frozen is not None:
            self.frozen.close()
            remove_folder(self.recorder.run.cache_path)

    def _restore_best(self) -> None:
        best = self.state.best_step
        if best is not None and best != self.state.step:
            load_weights(self.recorder.run.checkpoint_path(best), self.masters)
        self.given.model.model.eval()

    def _announce(self) -> None:
        visits = [self.given.rows[row] for step in self._plan(0) for row in step]
        self.recorder.event(
            TrainingStarted(
                num_steps=self.given.num_steps,
                num_rows=len(visits),
                batch_size=self.spec.batch_size or 1,
                num_tokens=sum(row.num_tokens for row in visits),
                num_supervised_tokens=sum(row.num_supervised for row in visits),
            )
        )
