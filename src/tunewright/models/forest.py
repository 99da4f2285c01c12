"""A forest of the data room as tensors on a device, with the attention plans that its layers ask for.

Deliberately does not know models or objectives. Axes: T tokens of the forest, N taught tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from tunewright.data.forest import Forest, segments
from tunewright.models.attention.flex import TreeMask, make_mask
from tunewright.models.attention.plan import AttentionPlan, make_plan
from tunewright.models.shapes import round_tokens


@dataclass(slots=True, eq=False)
class ForestTensors:
    """The tensors of one forest: ids int64, weights fp32. `forest` may be filled up to a size that recurs (`fill_up`).

    `row_N` says whose token a taught one is. `query_places` are the distinct places of `query_N` in order (and what
    fills up), and `query_N[i] == query_places[query_order_N[i]]`: a branching point predicts several tokens.
    """

    forest: Forest
    ids_T: torch.Tensor
    positions_T: torch.Tensor
    query_N: torch.Tensor
    target_N: torch.Tensor
    weight_N: torch.Tensor
    row_N: torch.Tensor
    query_places: torch.Tensor
    query_order_N: torch.Tensor
    _plans: dict[tuple[int | None, torch.dtype, int | None], AttentionPlan] = field(default_factory=dict)
    _block_masks: dict[int | None, TreeMask] = field(default_factory=dict)

    def plan(self, window: int | None, dtype: torch.dtype, fused_from: int | None = None) -> AttentionPlan:
        """Return the plan of layers with this sliding window and dtype of scores; made once and kept.

        Rows alone of `fused_from` tokens or more are left to the fused kernel.
        """
        key = (window, dtype, fused_from)
        if key not in self._plans:
            self._plans[key] = make_plan(self.forest, window, dtype, self.ids_T.device, fused_from=fused_from)
        return self._plans[key]

    def block_mask(self, window: int | None) -> TreeMask:
        """Return what FlexAttention asks for layers with this sliding window; made once and kept."""
        if window not in self._block_masks:
            self._block_masks[window] = make_mask(self.forest, window, self.ids_T.device)
        return self._block_masks[window]


def fill_up(forest: Forest) -> Forest:
    """Return the forest with tokens appended that predict nothing and that no other token attends to.

    They hang under the root of the last tree, so that the products with a prefix that all rows share recur in size too;
    where positions would run beyond the longest row's, they are a tree of their own.
    """
    size = forest.num_tokens
    extra = round_tokens(size) - size
    if not extra or not size:
        return forest
    roots = [segment for segment in segments(forest) if forest.positions[segment.start] == 0]
    last = roots[-1]
    first_position = last.end - last.start
    subtree_end = forest.subtree_end.copy()
    if first_position + extra - 1 <= int(forest.positions.max()):
        subtree_end[last.start : last.end] = size + extra
    else:
        first_position = 0
    return replace(
        forest,
        ids=np.concatenate([forest.ids, np.zeros(extra, dtype=forest.ids.dtype)]),
        positions=np.concatenate([forest.positions, np.arange(first_position, first_position + extra, dtype=np.int32)]),
        subtree_end=np.concatenate([subtree_end, np.full(extra, size + extra, dtype=np.int32)]),
    )


def to_tensors(forest: Forest, device: torch.device | str, *, fills: bool = True) -> ForestTensors:
    """Return `forest` on `device`; `fills` adds tokens that nobody sees, so that its size recurs."""
    if fills:
        forest = fill_up(forest)
    targets = forest.targets
    places, order_N = np.unique(targets.query_index, return_inverse=True)
    if fills:
        places = np.concatenate([places, np.zeros(round_tokens(len(places)) - len(places), dtype=places.dtype)])
    return ForestTensors(
        forest=forest,
        ids_T=torch.from_numpy(forest.ids).to(device, torch.int64),
        positions_T=torch.from_numpy(forest.positions).to(device, torch.int64),
        query_N=torch.from_numpy(targets.query_index).to(device),
        target_N=torch.from_numpy(targets.target_id).to(device),
        weight_N=torch.from_numpy(targets.weight).to(device),
        row_N=torch.from_numpy(forest.target_row).to(device, torch.int64),
        query_places=torch.from_numpy(places).to(device),
        query_order_N=torch.from_numpy(order_N).to(device),
    )
