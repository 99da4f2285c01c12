"""Keys and values of a batch of prompts: what all of them begin with stands here once, the rest by row.

Prompts are computed as one forest. After that every step adds one token a row, whose attention joins two products, one
with the shared part and one with the row's own, under one softmax: the shared part is neither copied nor read again for
each row (after Hydragen, arXiv 2402.05099, §3.1). Reached through the library's public registry, as forests are.
Deliberately does not know which token is chosen, nor which models may run so.

Axes: B rows, H query heads, K key heads, G = H / K, T tokens of the forest, P shared tokens, L places of a row's own
part, D head size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import AttentionInterface, PreTrainedModel

from tunewright.data.encode import EncodedRow
from tunewright.data.prefix_tree import grow, shared_length
from tunewright.data.rows import TextRow
from tunewright.errors import ModelError
from tunewright.models.attention.backend import attend
from tunewright.models.attention.products import Scoring
from tunewright.models.attention.registry import attention_named
from tunewright.models.forest import to_tensors

NAME = "tunewright_shared"

MIN_SHARED = 16
"""Fewest tokens that are kept apart; to copy fewer is cheaper than two more products in each layer."""
_PLACES = 32
"""A row's own part is attended to in whole multiples of this: a product of a new shape costs oneDNN up to 4 ms."""
_UNKNOWN_TERMS = ("s_aux", "position_bias", "head_mask", "alibi")


class _Layer(NamedTuple):
    """What one attention layer keeps."""

    shared_k_KPD: torch.Tensor
    shared_v_KPD: torch.Tensor
    own_k_BKLD: torch.Tensor
    own_v_BKLD: torch.Tensor


class SharedCache:
    """The batch: `prompts`, none empty, of ids; room for `room` further tokens each, 0 or more."""

    def __init__(self, prompts: Sequence[np.ndarray], room: int, model: PreTrainedModel) -> None:
        device = model.device
        self.num_shared = _common(prompts)
        forest = grow([_asking(prompt) for prompt in prompts])
        self._forest = to_tensors(forest, device)
        self.last_places = np.zeros(len(prompts), dtype=np.int64)
        self.last_places[forest.target_row] = forest.targets.query_index
        rests = np.array([len(prompt) - self.num_shared for prompt in prompts])
        self._filled = int(rests.max())
        self._width = -(-(self._filled + room) // _PLACES) * _PLACES
        # Rests end at one place, so that what comes next stands side by side.
        is_own_BL = np.arange(self._filled) >= (self._filled - rests)[:, None]
        paths = [_path(forest.subtree_end, int(last)) for last in self.last_places]
        own_BL = np.zeros(is_own_BL.shape, dtype=np.int64)
        own_BL[is_own_BL] = np.concatenate([path[self.num_shared :] for path in paths])
        self._own_places = torch.from_numpy(own_BL.reshape(-1)).to(device)
        self._shared_places = torch.from_numpy(paths[0][: self.num_shared]).to(device)
        self._mask_BL = torch.full((len(prompts), self._width), -torch.inf, dtype=model.dtype, device=device)
        self._mask_BL[:, : self._filled].masked_fill_(torch.from_numpy(is_own_BL).to(device), 0.0)
        self._positions_B1 = torch.tensor([[len(prompt)] for prompt in prompts], device=device)
        self._layers: dict[torch.nn.Module, _Layer] = {}

    def prefill(self, model: PreTrainedModel) -> torch.Tensor:
        """Compute the prompts; return the logits behind each, [B, V]. Inside `shared_attention`, once."""
        places = torch.from_numpy(self.last_places).to(self._forest.ids_T.device)
        out: Any = model(
            input_ids=self._forest.ids_T[None],
            position_ids=self._forest.positions_T[None],
            use_cache=False,
            logits_to_keep=places,
            shared=self,
        )
        return out.logits[0]

    def step(self, model: PreTrainedModel, ids_B: torch.Tensor) -> torch.Tensor:
        """Add one token a row; return the logits behind it, [B, V]. Inside `shared_attention`, after `prefill`."""
        self._mask_BL[:, self._filled] = 0.0
        self._filled += 1
        out: Any = model(
            input_ids=ids_B[:, None], position_ids=self._positions_B1, use_cache=False, logits_to_keep=1, shared=self
        )
        self._positions_B1 = self._positions_B1 + 1
        return out.logits[:, -1]

    def keep(self, rows: torch.Tensor) -> None:
        """Forget all rows but `rows`, int64, which are counted from 0 from now on."""
        self._mask_BL = self._mask_BL.index_select(0, rows)
        self._positions_B1 = self._positions_B1.index_select(0, rows)
        for module, (shared_k, shared_v, own_k, own_v) in self._layers.items():
            own_k, own_v = own_k.index_select(0, rows), own_v.index_select(0, rows)
            self._layers[module] = _Layer(shared_k, shared_v, own_k, own_v)

    def attend(
        self, module: torch.nn.Module, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scoring: Scoring
    ) -> torch.Tensor:
        """Return the attention of `module` and keep `k` and `v`: of the forest at first, of one token a row later.

        Queries are [1, H, T, D] or [B, H, 1, D], keys and values the same with K heads; returns [1, T, H, D] or
        [B, 1, H, D].
        """
        layer = self._layers.get(module)
        if layer is not None:
            return self._attend_step(layer, q, k, v, scoring)
        q_HTD, k_KTD, v_KTD = q[0].contiguous(), k[0].contiguous(), v[0].contiguous()
        self._layers[module] = _Layer(
            k_KTD.index_select(1, self._shared_places),
            v_KTD.index_select(1, self._shared_places),
            self._own(k_KTD),
            self._own(v_KTD),
        )
        out = attend(q_HTD, k_KTD, v_KTD, self._forest, window=None, scoring=scoring)
        return out.view(1, q.shape[2], q.shape[1], -1)

    def _own(self, x_KTD: torch.Tensor) -> torch.Tensor:
        num_rows, (num_heads, _, size) = len(self._mask_BL), x_KTD.shape
        own_BKLD = x_KTD.new_zeros(num_rows, num_heads, self._width, size)
        rests = x_KTD.index_select(1, self._own_places).view(num_heads, num_rows, -1, size)
        width = rests.shape[2]
        own_BKLD[:, :, :width] = rests.transpose(0, 1)
        return own_BKLD

    def _attend_step(
        self, layer: _Layer, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scoring: Scoring
    ) -> torch.Tensor:
        """Attend from one token a row: softmax over [shared scores, own scores], then the two sums of values."""
        layer.own_k_BKLD[:, :, self._filled - 1] = k[:, :, 0]
        layer.own_v_BKLD[:, :, self._filled - 1] = v[:, :, 0]
        num_rows, num_keys, _, size = k.shape
        groups, shared = q.shape[1] // num_keys, self.num_shared
        places = -(-self._filled // _PLACES) * _PLACES
        own_k, own_v = (x[:, :, :places].reshape(-1, places, size) for x in (layer.own_k_BKLD, layer.own_v_BKLD))
        q_BKGD = q.reshape(num_rows, num_keys, groups, size) * scoring.scale
        own = torch.bmm(q_BKGD.view(-1, groups, size), own_k.transpose(1, 2)).view(num_rows, num_keys, groups, places)
        scores = own
        if shared:
            q_KMD = q_BKGD.transpose(0, 1).reshape(num_keys, -1, size)
            common = torch.bmm(q_KMD, layer.shared_k_KPD.transpose(1, 2)).view(num_keys, num_rows, groups, shared)
            scores = torch.cat([common.transpose(0, 1), own], dim=-1)
        if scoring.softcap is not None:
            scores = scores.div_(scoring.softcap).tanh_().mul_(scoring.softcap)
        scores[..., shared:] += self._mask_BL[:, None, None, :places]
        weights = torch.softmax(scores, dim=-1)
        out = torch.bmm(weights[..., shared:].reshape(-1, groups, places), own_v)
        out = out.view(num_rows, num_keys, groups, size)
        if shared:
            weights_KMP = weights[..., :shared].transpose(0, 1).reshape(num_keys, -1, shared)
            common = torch.bmm(weights_KMP, layer.shared_v_KPD).view(num_keys, num_rows, groups, size)
            out = out + common.transpose(0, 1)
        return out.view(num_rows, 1, num_keys * groups, size)


@contextmanager
def shared_attention(model: PreTrainedModel) -> Iterator[None]:
    """Have the model's layers attend through a `SharedCache` inside the context, and as before behind it."""
    with attention_named(model, NAME):
        yield


def _common(prompts: Sequence[np.ndarray]) -> int:
    # Of sorted rows, the first and the last have in common what all have.
    order = sorted(prompts, key=lambda ids: ids.astype(">i4").tobytes())
    length = shared_length(order[0], order[-1])
    return length if length >= MIN_SHARED and len(prompts) > 1 else 0


def _asking(prompt: np.ndarray) -> EncodedRow:
    """Return the prompt as a row that teaches one token behind it: then a forest computes all of the prompt."""
    ids = np.append(prompt, 0).astype(np.int32)
    weights = np.zeros(len(ids), dtype=np.float32)
    weights[-1] = 1.0
    return EncodedRow(ids, weights, TextRow("", 0, ""))


def _path(subtree_end_T: np.ndarray, last: int) -> np.ndarray:
    """Return the places of all tokens that the one at `last` attends to, itself included, in their order."""
    return np.flatnonzero(subtree_end_T[: last + 1] > last)


def _forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    shared: SharedCache | None = None,
    **terms: Any,
) -> tuple[torch.Tensor, None]:
    """Attend; see `SharedCache.attend`."""
    unknown = [name for name in _UNKNOWN_TERMS if terms.get(name) is not None]
    if shared is None or unknown:
        what = f"adds {unknown[0]} to its scores" if unknown else "does not pass the cache on"
        raise ModelError(f"{type(module).__name__} {what}", hint="generate with the plain engine, HfEngine")
    scale = terms.get("scaling")
    scoring = Scoring(query.shape[-1] ** -0.5 if scale is None else float(scale), terms.get("softcap"))
    return shared.attend(module, query, key, value, scoring), None


AttentionInterface.register(NAME, _forward)
