"""PiSSA (Meng et al., arXiv 2404.02948, eq. 2–4): adapters that start as the largest singular directions of the weight.

    W = U S Vᵀ;   s · B₀ A₀ = U_r S_r V_rᵀ;   W_res = W − s · B₀ A₀, frozen in the place of W

The artifact must fit the unchanged base. Since W_res + s·BA = W + s·(BA − B₀A₀), it is a plain LoRA of rank 2r, made of
A' = [A; A₀] and B' = [B, −B₀]. Checked against peft's own initialisation and against the trained model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from peft.tuners.lora.layer import LoraLayer

from tunewright.errors import ModelError
from tunewright.methods.merge import ADAPTER, factors, outputs_first

# Above, an exact decomposition takes seconds a matrix; 16 power iterations are the paper's "fast SVD" at its best.
_LARGEST_EXACT = 1024
_NUM_ITERATIONS = 16


@dataclass(frozen=True, slots=True)
class StartFactors:
    """A₀ [rank, inputs] and B₀ [outputs, rank] of one layer, fp32 on the CPU, as the model computes with them."""

    a_RI: torch.Tensor
    b_OR: torch.Tensor


@torch.no_grad()
def start_at_largest_directions(name: str, layer: LoraLayer) -> StartFactors:
    """Move the largest singular directions of `layer`'s weight into its adapter, and return the adapter's start.

    Raises:
        ModelError: if the rank is more than the smaller side of the weight.
    """
    rank, scale = layer.r[ADAPTER], layer.scaling[ADAPTER]
    weight = cast(torch.nn.Linear, layer.get_base_layer()).weight  # or a Conv1D's
    weight_OI = outputs_first(layer, weight).float()
    if rank > min(weight_OI.shape):
        raise ModelError(
            f"method.rank: {rank} is more than the smaller side of {name}, {min(weight_OI.shape)}: a start by singular "
            "directions has no more of them",
            hint=f"--set method.rank={min(weight_OI.shape)}, or --set method.init=zero",
        )
    u_OR, s_R, v_RI = _largest(weight_OI, rank)
    root_R = (s_R / scale).sqrt()
    a_RI, b_OR = factors(layer)
    a_RI.copy_(root_R.unsqueeze(1) * v_RI)
    b_OR.copy_(u_OR * root_R)
    # From the rounded factors, not the exact ones: so their rounding is no part of the start's error.
    rest_OI = weight_OI - scale * (b_OR.float() @ a_RI.float())
    weight.copy_(outputs_first(layer, rest_OI))
    return StartFactors(
        a_RI.detach().to("cpu", torch.float32, copy=True), b_OR.detach().to("cpu", torch.float32, copy=True)
    )


def with_start_taken_off(
    start: StartFactors, a_RI: torch.Tensor, b_OR: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return A' [2 · rank, inputs] and B' [outputs, 2 · rank] of the plain LoRA on the unchanged weight."""
    return torch.cat([a_RI, start.a_RI]), torch.cat([b_OR, -start.b_OR], dim=1)


def _largest(weight_OI: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    if min(weight_OI.shape) <= _LARGEST_EXACT:
        u, s, v = torch.linalg.svd(weight_OI, full_matrices=False)
        return u[:, :rank], s[:rank], v[:rank]
    u, s, v = torch.svd_lowrank(weight_OI, q=rank, niter=_NUM_ITERATIONS)
    return u, s, v.T
