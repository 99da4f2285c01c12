"""What a process does, before it computes, about how the one before it ended: damaged checkpoints, memory that ran out.

Knows that a run is resumed and nothing of how it trains. Whatever it changes, it says as an event of the run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tunewright.jobs.prepare import Prepared
from tunewright.runs.events import CheckpointDamaged, MicroBatchHalved, Notice
from tunewright.runs.folder import Checkpoint
from tunewright.runs.recorder import Recorder
from tunewright.train.checkpoint import Damage


def set_aside(damages: Sequence[Damage], used: Checkpoint | None, recorder: Recorder) -> None:
    """Take damaged checkpoints out of use, and say which, why, and from where the run goes on instead.

    Raises:
        StorageError: if they cannot be renamed.
    """
    instead = f"the run goes on from {used.path.name}" if used else "none is left, so the run begins again at step 0"
    for damage in damages:
        aside = recorder.run.set_checkpoint_aside(damage.checkpoint.step)
        path = f"checkpoints/{aside.name}"
        recorder.event(CheckpointDamaged(step=damage.checkpoint.step, path=path, reason=damage.reason))
        message = f"checkpoint {damage.checkpoint.path.name} cannot be used: {damage.reason}; {instead}"
        recorder.event(Notice(message=message, hint=f"check the disk; {path} may be deleted"))


def within_memory(prepared: Prepared, recorder: Recorder, *, was_killed: bool) -> Prepared:
    """Return the job with no more tokens at once than earlier processes survived.

    If the last one was killed because memory ran out, that is half of what it computed at once. Steps keep their rows.
    """
    hardware = prepared.recipe.train.hardware
    halvings = [event for event in recorder.run.events() if isinstance(event, MicroBatchHalved)]
    # What an allocator refused is in the checkpoints, from the step on at which it did.
    tokens = min([hardware.micro_batch_tokens, *(each.tokens for each in halvings if each.cause == "killed")])
    if was_killed:
        tokens = _halve(prepared, min([tokens, *(each.tokens for each in halvings)]), recorder)
    if tokens == hardware.micro_batch_tokens:
        return prepared
    smaller = hardware.model_copy(update={"micro_batch_tokens": tokens})
    train = prepared.recipe.train.model_copy(update={"hardware": smaller})
    return dataclasses.replace(prepared, recipe=prepared.recipe.model_copy(update={"train": train}))


def _halve(prepared: Prepared, former: int, recorder: Recorder) -> int:
    longest = max(row.num_tokens for row in prepared.tokens.train)
    # A budget above what a step holds changes nothing when it is halved.
    largest_step = longest * (prepared.recipe.train.batch_size or 1)
    tokens = min(former, largest_step) // 2
    killed = "the last process was killed because the machine had no memory left"
    if former <= longest:
        message = f"{killed}, and rows are computed one at a time already"
        hint = "close other programs, set train.hardware.activation_checkpointing=true, or train fewer weights"
        recorder.event(Notice(message=message, hint=hint))
        return former
    recorder.event(
        MicroBatchHalved(step=_newest_step(recorder), former_tokens=former, tokens=max(1, tokens), cause="killed")
    )
    return max(1, tokens)


def _newest_step(recorder: Recorder) -> int:
    checkpoints = recorder.run.checkpoints()
    return checkpoints[-1].step if checkpoints else 0
