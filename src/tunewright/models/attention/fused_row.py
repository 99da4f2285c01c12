"""Attention of one row that shares nothing, by torch's fused kernel: for the lengths at which it beats products.

Its graph is its own, so that the products around it can ask for its gradients when theirs are due. Deliberately does
not know when it is the faster one (`shapes`).

Axes: H query heads, K key heads, T tokens of the forest, L tokens of the row, D head size.
"""

from __future__ import annotations

from typing import NamedTuple

import torch


class FusedRow(NamedTuple):
    """A row's inputs and output, [1, heads, L, D], joined by a graph if a backward pass is to come."""

    place: slice
    inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    out: torch.Tensor

    def gradients(self, gradient_HTD: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the gradients of queries, keys and values, [heads, L, D], given that of the whole output."""
        found = torch.autograd.grad(self.out, self.inputs, gradient_HTD[None, :, self.place])
        return tuple(gradient[0] for gradient in found)


def attend_row(
    q_HTD: torch.Tensor, k_KTD: torch.Tensor, v_KTD: torch.Tensor, place: slice, scale: float, *, keeps: bool
) -> FusedRow:
    """Return the causal attention of the tokens at `place`; `keeps` what the backward pass needs."""
    q, k, v = (x[None, :, place].detach().requires_grad_(keeps) for x in (q_HTD, k_KTD, v_KTD))
    with torch.set_grad_enabled(keeps):
        is_grouped = len(q_HTD) != len(k_KTD)
        out = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, is_causal=True, scale=scale, enable_gqa=is_grouped
        )
    return FusedRow(place, (q, k, v), out)
