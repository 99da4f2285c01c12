"""A packed batch of the data room as tensors on a device.

B rows, T tokens in the longest row, N supervised tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tunewright.data.pack import Batch


@dataclass(frozen=True, slots=True)
class TensorBatch:
    """The tensors of one micro-batch; fields as in `data.pack.Batch`."""

    tokens_BT: torch.Tensor
    query_N: torch.Tensor
    target_N: torch.Tensor
    weight_N: torch.Tensor


def to_tensors(batch: Batch, device: torch.device | str) -> TensorBatch:
    """Return `batch` on `device`: ids int64, weights fp32."""
    return TensorBatch(
        tokens_BT=torch.from_numpy(batch.tokens_BT).to(device),
        query_N=torch.from_numpy(batch.query_N).to(device),
        target_N=torch.from_numpy(batch.target_N).to(device),
        weight_N=torch.from_numpy(batch.weight_N).to(device),
    )
