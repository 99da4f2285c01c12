"""What frozen lower layers make of each row, kept on disk: from the second epoch on they need not be computed.

Below the lowest layer that learns, hidden states are a function of the row alone. They are written when a row is first
computed, with the step that did so; a run that goes on from a checkpoint forgets what later steps wrote, so that it
computes what an uninterrupted run would have. Deliberately does not know how layers are computed.

Axes: T tokens of a forest, D model width, R rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from tunewright.data.encode import EncodedRow
from tunewright.data.forest import Forest
from tunewright.data.prefix_tree import useful_tokens
from tunewright.models.forest import ForestTensors
from tunewright.runs.atomic import storage_guard

_NEVER = np.iinfo(np.int64).max


def first_learning_layer(model: PreTrainedModel) -> int:
    """Return the index of the lowest decoder layer in which, or below which, a weight learns; their number if none."""
    layers: Sequence[torch.nn.Module] = getattr(model.get_decoder(), "layers", ())
    if any(weight.requires_grad for weight in model.get_input_embeddings().parameters()):
        return 0
    learning = (any(weight.requires_grad for weight in layer.parameters()) for layer in layers)
    return next((index for index, learns in enumerate(learning) if learns), len(layers))


def obstacle(model: PreTrainedModel, *, is_fused: bool) -> str:
    """Return why the states of this model's lower layers cannot be kept, or nothing."""
    if not is_fused:
        return "its layers are not among those computed by our own operations"
    if first_learning_layer(model) == 0:
        return "its lowest layer learns (method.layers: last:4 leaves the lower ones frozen)"
    if getattr(model.config.get_text_config(), "attention_dropout", 0.0):
        return "its attention has dropout, so a row is another one each time"
    return ""


class FrozenStates:
    """Hidden states in front of the lowest layer that learns, by training row, in two files below `folder`.

    Whoever goes on with a run calls `forget_after` first.

    Args:
        rows: the training rows; `Forest.target_row` of what is kept and read counts in them.

    Raises:
        StorageError: if the files cannot be made.
    """

    def __init__(self, folder: Path, rows: Sequence[EncodedRow], model: PreTrainedModel) -> None:
        lengths = [useful_tokens(row) for row in rows]
        self.first_layer = first_learning_layer(model)
        self._offsets = np.concatenate([[0], np.cumsum(lengths)])
        self._dtype, width = model.dtype, int(model.config.get_text_config().hidden_size)
        with storage_guard(folder):
            folder.mkdir(parents=True, exist_ok=True)
            size_bytes = torch.empty(0, dtype=self._dtype).element_size()
            self._states = _mapped(folder / "states.bin", np.uint8, (int(self._offsets[-1]), width * size_bytes))
            is_new = not (folder / "steps.bin").exists()
            self._steps = _mapped(folder / "steps.bin", np.int64, (len(rows),))
        if is_new:
            self._steps[:] = _NEVER
        self.now = 0
        """The step that is being computed."""

    def forget_after(self, step: int) -> None:
        """Forget what steps after `step` wrote."""
        self._steps[self._steps > step] = _NEVER

    def flush(self) -> None:
        """Have everything on the disk; before a checkpoint that counts on it."""
        self._states.flush()
        self._steps.flush()

    def close(self) -> None:
        """Let go of the files, so that they can be removed; the states cannot be used afterwards."""
        del self._states, self._steps

    def read(self, forest: ForestTensors) -> torch.Tensor | None:
        """Return the states of the forest's tokens, [T, D]; None if some row of it was never written."""
        rows = np.unique(forest.forest.target_row)
        if (self._steps[rows] == _NEVER).any():
            return None
        states = np.zeros((forest.forest.num_tokens, self._states.shape[1]), dtype=np.uint8)
        for row, path in _paths(forest.forest):
            states[path] = self._states[self._offsets[row] : self._offsets[row + 1]]
        return torch.from_numpy(states).view(self._dtype).to(forest.ids_T.device)

    def keep(self, forest: ForestTensors, states_TD: torch.Tensor) -> None:
        """Keep the states of the forest's rows, computed in step `now`."""
        states = states_TD.detach().cpu().contiguous().view(torch.uint8).numpy()
        for row, path in _paths(forest.forest):
            self._states[self._offsets[row] : self._offsets[row + 1]] = states[path]
            self._steps[row] = self.now


def _paths(forest: Forest) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each row with the places of its tokens, first to last: the last that predicts, and what it attends to."""
    index_T = np.arange(forest.num_tokens)
    for row in np.unique(forest.target_row):
        last = int(forest.targets.query_index[forest.target_row == row].max())
        yield int(row), np.flatnonzero((index_T <= last) & (forest.subtree_end > last))


def _mapped(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> np.memmap:
    mode = "r+" if path.exists() else "w+"
    return np.memmap(path, dtype=dtype, mode=mode, shape=shape)
