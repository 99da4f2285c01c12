"""What a stopped run needs to go on as if it had never stopped, in one folder per step.

    checkpoints/step-000120/  weights.safetensors (fp32 masters) · optimizer.pt · random.pt · state.json

Written beside and renamed, so a folder with its final name is whole. Knows nothing of data: order is a function of
seed and epoch, and `LoopState` says how far it was followed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tunewright.errors import RunError, StorageError
from tunewright.runs.atomic import replace_folder
from tunewright.runs.folder import RunFolder
from tunewright.train.masters import MasterWeights

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
    """How far the loop is. `tokens` and `seconds` count what was computed; `stale` validations since the best."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best_step: int | None = None
    best_loss: float | None = None
    stale: int = 0


def save_checkpoint(path: Path, state: LoopState, masters: MasterWeights, optimizer: torch.optim.Optimizer) -> None:
    """Write the checkpoint folder `path`.

    Raises:
        StorageError: if the storage refuses; no folder of that name is left.
    """
    weights = {name: t.detach().contiguous() for name, t in masters.tensors.items()}
    devices = {"cuda": torch.cuda.get_rng_state_all()} if torch.cuda.is_available() else {}
    with replace_folder(path) as folder:
        try:
            save_file(weights, str(folder / "weights.safetensors"))
            torch.save(optimizer.state_dict(), folder / "optimizer.pt")
            torch.save({"cpu": torch.get_rng_state(), **devices}, folder / "random.pt")
        except (RuntimeError, SafetensorError) as error:
            # On a full disk both libraries raise an error of their own, which hides the system's.
            raise StorageError(
                f"{path}: cannot be written: {error}", hint="is the disk full? free some space, then resume the run"
            ) from error
        (folder / "state.json").write_text(json.dumps(dataclasses.asdict(state)), encoding="utf-8")


def load_checkpoint(path: Path, masters: MasterWeights, optimizer: torch.optim.Optimizer) -> LoopState:
    """Take up weights, optimiser and random state of `path`, and return how far the loop was.

    Raises:
        RunError: if the checkpoint is damaged or of another model.
    """
    with _damage_named(path):
        state = LoopState(**json.loads((path / "state.json").read_text(encoding="utf-8")))
        masters.load(load_file(str(path / "weights.safetensors")))
        optimizer.load_state_dict(torch.load(path / "optimizer.pt", weights_only=True))
        random = torch.load(path / "random.pt", weights_only=True)
    torch.set_rng_state(random["cpu"])
    if "cuda" in random and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(random["cuda"])
    return state


def load_weights(path: Path, masters: MasterWeights) -> None:
    """Take up only the weights of a checkpoint.

    Raises:
        RunError: if they are damaged or of another model.
    """
    with _damage_named(path):
        masters.load(load_file(str(path / "weights.safetensors")))


def prune_checkpoints(run: RunFolder, keep: int, best_step: int | None) -> None:
    """Delete all but the newest `keep` checkpoints and the best one."""
    for checkpoint in run.checkpoints()[:-keep]:
        if checkpoint.step != best_step:
            run.remove_checkpoint(checkpoint.step)


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise RunError(
            f"checkpoint {path}: cannot be taken up: {error or type(error).__name__}",
            hint=f"delete {path.name} to go on from the one before",
        ) from error
