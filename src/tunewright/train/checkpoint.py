"""What a stopped run needs to go on as if it had never stopped, in one folder per step.

    checkpoints/step-000120/  weights.safetensors (masters) · optimizer.pt · random.pt · state.json · checksums.json

Written beside and renamed, so a folder with its final name was whole; `checksums.json` says whether it still is. Knows
nothing of data: order is a function of seed and epoch, and `LoopState` says how far it was followed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tunewright.errors import RunError
from tunewright.runs.atomic import library_error, replace_folder
from tunewright.runs.folder import Checkpoint, RunFolder
from tunewright.runs.manifest import file_sha256
from tunewright.train.masters import MasterWeights
from tunewright.train.randomness import random_state, restore_random_state

WEIGHTS, OPTIMIZER, RANDOM, STATE = "weights.safetensors", "optimizer.pt", "random.pt", "state.json"
CHECKSUMS = "checksums.json"

# Each file that is empty, torn or foreign fails in a way of its own: torch alone has five.
_DAMAGE = (
    OSError,
    LookupError,
    TypeError,
    ValueError,
    RuntimeError,
    EOFError,
    UnpicklingError,
    SafetensorError,
)


@dataclass
class LoopState:
    """How far the loop is, and what it has learned about the run.

    Attributes:
        step: optimiser steps counted, skipped ones included; with the seed it says which rows come next.
        tokens, computed_tokens, seconds: spent up to `step`; steps that were thrown away do not count.
        best_step, best_value: where `train.stop.metric` was best, and what it was there.
        stale: validations since the best.
        micro_batch_tokens: tokens computed at once since memory ran out; None while it never did.
        rate_scale: multiple of the scheduled learning rate, halved at every back-off.
        num_skipped: batches skipped in a row up to `step`.
        num_back_offs, back_to: how often the run went back, and to which step the last time.
        anchors: steps of the newest checkpoints that were due, at most `train.keep_checkpoints`, those between skipped
            batches left out. A pause saves one that was not due: were the run to go back to it, it would end
            differently from one that nobody paused.
        unfinished: the numbers of `step`, if its validation was interrupted and is still owed.
    """

    step: int = 0
    tokens: int = 0
    computed_tokens: int = 0
    seconds: float = 0.0
    best_step: int | None = None
    best_value: float | None = None
    stale: int = 0
    micro_batch_tokens: int | None = None
    rate_scale: float = 1.0
    num_skipped: int = 0
    num_back_offs: int = 0
    back_to: int | None = None
    anchors: list[int] = field(default_factory=list)
    unfinished: dict[str, float | None] | None = None


@dataclass(frozen=True, slots=True)
class Damage:
    """A checkpoint that cannot be used, and why."""

    checkpoint: Checkpoint
    reason: str


def save_checkpoint(path: Path, state: LoopState, masters: MasterWeights, optimizer: torch.optim.Optimizer) -> None:
    """Write the checkpoint folder `path`, or replace it.

    Raises:
        StorageError: if the storage refuses; `path` is then as it was before.
    """
    weights = {name: t.detach().contiguous() for name, t in masters.tensors.items()}
    with replace_folder(path) as folder:
        try:
            save_file(weights, str(folder / WEIGHTS))
            torch.save(optimizer.state_dict(), folder / OPTIMIZER)
            torch.save(random_state(), folder / RANDOM)
        except (RuntimeError, SafetensorError) as error:
            raise library_error(path, error) from error
        (folder / STATE).write_text(json.dumps(dataclasses.asdict(state)), encoding="utf-8")
        sums = {name: file_sha256(folder / name) for name in (WEIGHTS, OPTIMIZER, RANDOM, STATE)}
        (folder / CHECKSUMS).write_text(json.dumps({"sha256": sums}), encoding="utf-8")


def load_checkpoint(path: Path, masters: MasterWeights, optimizer: torch.optim.Optimizer) -> LoopState:
    """Take up weights, optimiser and random state of `path`, and return how far the loop was.

    Reads without comparing checksums: `newest_whole` has done that.

    Raises:
        RunError: if the checkpoint is damaged or of another model.
    """
    with _damage_named(path):
        state = _read_state(path)
        masters.load(load_file(str(path / WEIGHTS)))
        optimizer.load_state_dict(torch.load(path / OPTIMIZER, weights_only=True))
        restore_random_state(torch.load(path / RANDOM, weights_only=True))
    return state


def load_weights(path: Path, masters: MasterWeights) -> None:
    """Take up only the weights of a checkpoint, whose checksum is compared.

    Raises:
        RunError: if they are damaged or of another model.
    """
    with _damage_named(path):
        if reason := find_damage(path, (WEIGHTS,)):
            raise ValueError(reason)
        masters.load(load_file(str(path / WEIGHTS)))


def find_damage(path: Path, names: Iterable[str] = (WEIGHTS, OPTIMIZER, RANDOM, STATE)) -> str:
    """Return what is wrong with the files of a checkpoint by their checksums, or an empty text."""
    try:
        sums: Any = json.loads((path / CHECKSUMS).read_text(encoding="utf-8"))["sha256"]
        for name in names:
            if file_sha256(path / name) != sums[name]:
                return f"{name} is not what was written (its checksum differs)"
    except FileNotFoundError as error:
        return f"{Path(error.filename or CHECKSUMS).name} is missing"
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    except (LookupError, TypeError, ValueError):
        return f"{CHECKSUMS} is torn"
    return ""


def newest_whole(run: RunFolder) -> tuple[Checkpoint | None, list[Damage]]:
    """Return the newest checkpoint that a run can go on from, and the newer ones that it cannot; None if there is none.

    A checkpoint can be used if its files are what was written, and so are those of the best one that it remembers: at
    the end the best weights are delivered.
    """
    damages: list[Damage] = []
    for checkpoint in reversed(run.checkpoints()):
        reason = find_damage(checkpoint.path) or _find_lost_best(run, checkpoint)
        if not reason:
            return checkpoint, damages
        damages.append(Damage(checkpoint, reason))
    return None, damages


def prune_checkpoints(run: RunFolder, state: LoopState) -> None:
    """Delete all but the newest that were due, the one of this step, the best one, and the best that each remembers.

    Without the last, one damaged checkpoint would cost the one before it too.
    """
    needed = {*state.anchors, state.step, state.best_step}
    checkpoints = run.checkpoints()
    needed |= {_remembered_best(checkpoint) for checkpoint in checkpoints if checkpoint.step in needed}
    for checkpoint in checkpoints:
        if checkpoint.step not in needed:
            run.remove_checkpoint(checkpoint.step)


def free_one_checkpoint(run: RunFolder) -> Checkpoint | None:
    """Delete the oldest checkpoint that the newest one does not need, and return which; None if there is none."""
    checkpoints = run.checkpoints()
    best = _remembered_best(checkpoints[-1]) if checkpoints else None
    for checkpoint in checkpoints[:-1]:
        if checkpoint.step != best:
            run.remove_checkpoint(checkpoint.step)
            return checkpoint
    return None


def _read_state(path: Path) -> LoopState:
    return LoopState(**json.loads((path / STATE).read_text(encoding="utf-8")))


def _remembered_best(checkpoint: Checkpoint) -> int | None:
    with suppress(*_DAMAGE):
        return _read_state(checkpoint.path).best_step
    return None


def _find_lost_best(run: RunFolder, checkpoint: Checkpoint) -> str:
    best = _remembered_best(checkpoint)
    if best is None or best == checkpoint.step:
        return ""
    reason = find_damage(run.checkpoint_path(best), (WEIGHTS,))
    return f"the best weights so far, those of step {best}, are lost: {reason}" if reason else ""


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise RunError(
            f"checkpoint {path}: cannot be taken up: {error or type(error).__name__}",
            hint=f"delete {path.name} to go on from the one before",
        ) from error
