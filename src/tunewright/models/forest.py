"""A forest of the data room as tensors on a device, with the attention plans that its layers ask for.

Deliberately does not know models or objectives. Axes: T tokens of the forest, N taught tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from tunewright.data.forest import Forest
from tunewright.models.attention.flex import TreeMask, make_mask
from tunewright.models.attention.plan import AttentionPlan, make_plan


@dataclass(slots=True, eq=False)
class ForestTensors:
    """The tensors of one forest: ids int64, weights fp32.

    `row_N` says whose token a taught one is. `query_places` are the distinct places of `query_N` in order, and
    `query_N[i] == query_places[query_order_N[i]]`: behind a branching point one place predicts several tokens.
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
    _plans: dict[tuple[int | None, torch.dtype], AttentionPlan] = field(default_factory=dict)
    _block_masks: dict[int | None, TreeMask] = field(default_factory=dict)

    def plan(self, window: int | None, dtype: torch.dtype) -> AttentionPlan:
        """Return the plan of layers with this sliding window and dtype of scores; made once and kept."""
        key = (window, dtype)
        if key not in self._plans:
            self._plans[key] = make_plan(self.forest, window, dtype, self.ids_T.device)
        return self._plans[key]

    def block_mask(self, window: int | None) -> TreeMask:
        """Return what FlexAttention asks for layers with this sliding window; made once and kept."""
        if window not in self._block_masks:
            self._block_masks[window] = make_mask(self.forest, window, self.ids_T.device)
        return self._block_masks[window]


def to_tensors(forest: Forest, device: torch.device | str) -> ForestTensors:
    """Return `forest` on `device`."""
    targets = forest.targets
    places, order_N = np.unique(targets.query_index, return_inverse=True)
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
