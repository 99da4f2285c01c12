"""From a forest to the output head: the model run in the layout that was chosen for it.

The one place that knows fused layers, library layers and padding; whoever trains or scores sees hidden states at the
places that predict. Deliberately does not know objectives, optimisers or where rows come from.

Axes: T tokens of the forest, N taught tokens, B rows, L the longest row, D model width, V vocabulary.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from transformers import PreTrainedModel

from tunewright.data.forest import Forest
from tunewright.models.attention.registry import forest_attention
from tunewright.models.forest import ForestTensors, to_tensors
from tunewright.models.fused.llama import Keeper, walk
from tunewright.models.head import HiddenHead, LogitsHead, OutputHead, output_head
from tunewright.models.layout import LayoutChoice

Head = HiddenHead | LogitsHead

_COMPILERS = ("c++", "g++", "clang++", "cl")
_COMPILED = ("Norm", "MLP")


class ForestModel:
    """A model as the loop and the scorer use it: `heads` of forests, inside `active`.

    Args:
        checkpointing: recompute each layer's activations in the backward pass.
    """

    def __init__(self, model: PreTrainedModel, choice: LayoutChoice, *, checkpointing: bool = False) -> None:
        self.model, self.choice, self.checkpointing = model, choice, checkpointing
        if checkpointing and not choice.is_fused:
            model.activation_checkpointing_enable({"use_reentrant": False})

    def compile_parts(self) -> str:
        """Have torch.compile fuse the norms and MLPs of the model's own layers; return why that is not done, or "".

        Compiled at their first use, in 5 to 20 s on a CPU (kept on disk by torch for later runs); adapters inside are
        compiled with them, and names of weights stay as they are.
        """
        if self.choice.is_fused:
            return "our own operations compute its layers, and leave little to fuse"
        if self.model.device.type == "cpu" and not any(shutil.which(name) for name in _COMPILERS):
            return f"no C++ compiler is on the path ({', '.join(_COMPILERS)})"
        for module in self.model.modules():
            if type(module).__name__.endswith(_COMPILED):
                module.compile(dynamic=True)
        return ""

    @contextmanager
    def active(self) -> Iterator[None]:
        """Be ready for forests inside the context, forward and backward; behind it the model generates as ever."""
        if self.choice.is_fused or self.choice.layout == "padded":
            yield
            return
        with forest_attention(self.model):
            yield

    def tensors(self, forest: Forest) -> ForestTensors:
        """Return `forest` on the model's device, as its layout wants it."""
        return to_tensors(forest, self.model.device, fills=self.choice.layout != "padded")

    def head(self, forest: ForestTensors, keeper: Keeper | None = None) -> Head:
        """Return the output head at the places that predict; a `keeper` spares the fused path its frozen layers."""
        head = output_head(self.model)
        decoder = self.model.get_decoder()
        output = self.model.get_output_embeddings()
        if head is None and self.choice.is_fused and output is not None:
            # An adapted head is called as it is; none of the models that can be walked changes logits behind it.
            return LogitsHead(output(walk(self.model, forest, checkpointing=self.checkpointing, keeper=keeper)))
        if head is None or decoder is None or decoder is self.model:
            return LogitsHead(self._run(self.model, forest, "logits"))
        return HiddenHead(self._hidden(decoder, forest, keeper), head)

    def _hidden(self, decoder: torch.nn.Module, forest: ForestTensors, keeper: Keeper | None) -> torch.Tensor:
        if self.choice.is_fused:
            return walk(self.model, forest, checkpointing=self.checkpointing, keeper=keeper)
        return self._run(decoder, forest, "last_hidden_state")

    def _run(self, module: Callable[..., object], forest: ForestTensors, output: str) -> torch.Tensor:
        if self.choice.layout == "padded":
            above = self.choice.apart_above
            if above is not None and int(forest.forest.positions.max()) >= above:
                rows = [module(input_ids=ids_1L, use_cache=False) for ids_1L in _apart(forest)]
                return torch.cat([getattr(row, output)[0] for row in rows]).index_select(0, forest.query_N)
            tokens_BL, query_N = _padded(forest)
            states_BLX: torch.Tensor = getattr(module(input_ids=tokens_BL, use_cache=False), output)
            return states_BLX.flatten(0, 1).index_select(0, query_N)
        positions_1T = forest.positions_T[None]
        out = module(input_ids=forest.ids_T[None], position_ids=positions_1T, use_cache=False, forest=forest)
        # index_select, not fancy indexing: its backward adds in a fixed order, so runs are repeatable to the bit.
        return getattr(out, output)[0].index_select(0, forest.query_N)


def _apart(forest: ForestTensors) -> list[torch.Tensor]:
    """Return the rows of a forest that shares nothing, each [1, its length]."""
    starts = np.flatnonzero(forest.forest.positions == 0)
    return list(forest.ids_T[None].tensor_split(starts[1:].tolist(), dim=1))


def _padded(forest: ForestTensors) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the rows of a forest that shares nothing, filled up on the right, and the flat places that predict.

    No attention mask is needed: what fills up stands behind every real token, and attention is causal.
    """
    positions = forest.forest.positions
    row_T = np.cumsum(positions == 0) - 1
    longest = int(positions.max()) + 1
    place_T = row_T * longest + positions
    tokens = np.zeros((int(row_T[-1]) + 1, longest), dtype=np.int64)
    tokens.reshape(-1)[place_T] = forest.forest.ids
    query = place_T[forest.forest.targets.query_index]
    device = forest.ids_T.device
    return torch.from_numpy(tokens).to(device), torch.from_numpy(query).to(device)


__all__ = ["ForestModel", "Head", "HiddenHead", "LogitsHead", "OutputHead"]
