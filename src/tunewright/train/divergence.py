"""What is done about losses and gradients that are not numbers: skip the batch, then go back, then give up.

One bad batch costs one step. Several in a row mean that the weights themselves have gone wrong, so the run returns to
a checkpoint and takes smaller steps from there. When that has not helped often enough, rows or recipe are at fault,
and the user must hear which. Knows neither model nor optimiser.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.data.encode import EncodedRow
from tunewright.errors import Fault, TrainingError
from tunewright.runs.folder import Checkpoint, RunFolder
from tunewright.train.checkpoint import LoopState

MAX_SKIPPED = 3
"""Batches skipped in a row before the run goes back; a single overflow is no reason to."""
MAX_BACK_OFFS = 3
"""Times that a run goes back; after three halvings the rate is an eighth, and a rate was never the cause."""
RATE_FACTOR = 0.5
"""What the learning rate is multiplied by each time that the run goes back."""
_MAX_NAMED = 5


def choose_return(run: RunFolder, state: LoopState) -> Checkpoint:
    """Return the checkpoint to go back to: the newest that was due, or the one before it if that one did not help.

    The loop saves one before its first step, so there always is one.
    """
    anchors = [checkpoint for checkpoint in run.checkpoints() if checkpoint.step in state.anchors]
    if anchors[-1].step == state.back_to and len(anchors) > 1:
        return anchors[-2]
    return anchors[-1]


def after_return(loaded: LoopState, former: LoopState) -> LoopState:
    """Return the state to go on with: that of the checkpoint, with what the run has learned since."""
    loaded.rate_scale = former.rate_scale * RATE_FACTOR
    loaded.num_back_offs = former.num_back_offs + 1
    loaded.micro_batch_tokens = former.micro_batch_tokens
    loaded.num_skipped = 0
    loaded.back_to = loaded.step
    return loaded


def diverged_error(reason: str, state: LoopState, guilty: Sequence[EncodedRow], num_rows: int) -> TrainingError:
    """Return the error that ends the run; `guilty` are the rows, of `num_rows` suspects, that fail by themselves."""
    names = [row.source.where for row in guilty]
    shown = ", ".join(names[:_MAX_NAMED]) + (f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else "")
    tried = f"in {MAX_SKIPPED} batches in a row up to step {state.step}, after going back {state.num_back_offs} times"
    is_about_rows = 0 < len(guilty) < num_rows
    whose = f"rows that fail by themselves: {shown}" if is_about_rows else f"rows of these batches: {shown}"
    return TrainingError(
        f"{reason} {tried}; {whose}",
        hint="mend or remove these rows; the checkpoints are kept"
        if is_about_rows
        else "lower train.learning_rate (a tenth is a good next try), or set train.hardware.precision=fp32; "
        "the checkpoints are kept",
        faults=tuple(Fault(path=name, rule="its loss or gradient is not a number") for name in names)
        if is_about_rows
        else (),
    )
