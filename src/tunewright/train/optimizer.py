"""From the recipe's words to an optimiser over the weights that learn.

    adamw        torch's fused AdamW (arXiv 1711.05101, algorithm 2)
    adamw_8bit   the same with moments in 8 bits, block by block (arXiv 2110.02861; bitsandbytes): 2 bytes a weight
                 instead of 8. Tensors of fewer than 4,096 weights keep fp32 moments there: most of a small adapter's.
    muon         `muon` for matrices inside the layers, AdamW for the rest

What decays is decided in `groups`. Each is deterministic and goes on from its `state_dict` bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from tunewright.errors import MissingExtraError, RecipeError
from tunewright.spec.train import OptimizerSpec
from tunewright.train.groups import Role
from tunewright.train.masters import MasterWeights
from tunewright.train.muon import Joined
from tunewright.train.rounding import StochasticRounding

_LEAST_8BIT = 4096  # bitsandbytes' own limit: below it, moments are fp32

Weights = Mapping[Role, list[torch.Tensor]]


def make_optimizer(
    spec: OptimizerSpec, masters: MasterWeights, learning_rate: float, *, seed: int = 0
) -> torch.optim.Optimizer:
    """Return the optimiser that moves `masters.tensors`; `seed` is that of stochastic rounding.

    Raises:
        MissingExtraError, RecipeError: if the optimiser is not to be had here, as `check_optimizer`.
    """
    tensors = masters.tensors
    check_optimizer(spec, next(iter(tensors.values())).device)

    def make(weights: Mapping[str, torch.Tensor]) -> torch.optim.Optimizer:
        by_role = {role: [weights[name] for name, each in masters.roles.items() if each is role] for role in Role}
        return _MAKERS[spec.kind](spec, by_role, learning_rate)

    if spec.rounding == "stochastic" and any(tensor.dtype != torch.float32 for tensor in tensors.values()):
        return StochasticRounding(masters, make, seed)
    return make(tensors)


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set the rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


def check_optimizer(spec: OptimizerSpec, device: torch.device | str) -> None:
    """Return if the optimiser can move weights on `device`; it is tried, because that depends on the installation.

    Raises:
        MissingExtraError: if its package is not installed.
        RecipeError: if its package does not work on the device.
    """
    if spec.kind != "adamw_8bit":
        return
    library = _bitsandbytes()
    weight = torch.nn.Parameter(torch.zeros(_LEAST_8BIT, device=device))
    weight.grad = torch.ones_like(weight)
    try:
        library.optim.AdamW8bit([weight]).step()
    except (NotImplementedError, RuntimeError, AttributeError) as error:
        raise RecipeError(
            f"train.optimizer.kind: adamw_8bit does not work on {device} with bitsandbytes {library.__version__}:"
            f" {str(error).strip().partition(chr(10))[0]}",
            hint="--set train.optimizer.kind=adamw, or bitsandbytes 0.50 or newer on CPU or CUDA",
        ) from error


def _adamw(spec: OptimizerSpec, weights: Weights, learning_rate: float) -> torch.optim.Optimizer:
    groups = _groups(spec, weights)
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(spec.beta1, spec.beta2), eps=spec.eps, fused=True)


def _adamw_8bit(spec: OptimizerSpec, weights: Weights, learning_rate: float) -> torch.optim.Optimizer:
    return _bitsandbytes().optim.AdamW8bit(
        _groups(spec, weights),
        lr=learning_rate,
        betas=(spec.beta1, spec.beta2),
        eps=spec.eps,
        min_8bit_size=_LEAST_8BIT,
    )


def _muon(spec: OptimizerSpec, weights: Weights, learning_rate: float) -> torch.optim.Optimizer:
    make_muon = partial(
        torch.optim.Muon,
        lr=learning_rate,
        weight_decay=spec.weight_decay,
        momentum=spec.momentum,
        adjust_lr_fn="match_rms_adamw",
    )
    rest = {**weights, Role.HIDDEN: []}
    parts = [make_muon(weights[Role.HIDDEN])] if weights[Role.HIDDEN] else []
    return Joined([*parts, _adamw(spec, rest, learning_rate)] if any(rest.values()) else parts)


_MAKERS: dict[str, Callable[[OptimizerSpec, Weights, float], torch.optim.Optimizer]] = {
    "adamw": _adamw,
    "adamw_8bit": _adamw_8bit,
    "muon": _muon,
}


def _groups(spec: OptimizerSpec, weights: Weights) -> list[dict[str, object]]:
    """Return the groups that have weights, in a fixed order: state is loaded by position."""
    decayed = [*weights[Role.HIDDEN], *weights[Role.OUTER]]
    groups = [(decayed, spec.weight_decay), (weights[Role.UNDECAYED], 0.0)]
    return [{"params": params, "weight_decay": decay} for params, decay in groups if params]


def _bitsandbytes() -> Any:
    try:
        import bitsandbytes
    except ImportError as error:
        raise MissingExtraError.of("qlora", "bitsandbytes") from error
    return bitsandbytes
