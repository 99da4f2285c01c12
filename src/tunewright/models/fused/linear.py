"""Linear layers with or without a LoRA adapter: several on one input, a residual added on the way, one backward pass.

    y_i = x W_iᵀ + b_i + s_i (x A_iᵀ) B_iᵀ (+ residual)

The sums stay inside the matrix products (addmm), and the adapters of layers with one input share theirs: one product
for all A. Deliberately does not know which layers a model has.

Axes: T tokens, I inputs, O outputs, r rank, R the ranks of a group together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from peft.tuners.lora import Linear as PeftLinear
from torch.nn import functional as F


class LinearParts(NamedTuple):
    """What one linear layer computes with: weight [O, I], bias [O], A [r, I], B [O, r], and s."""

    weight: torch.Tensor
    bias: torch.Tensor | None = None
    a: torch.Tensor | None = None
    b: torch.Tensor | None = None
    scale: float = 1.0


def parts_of(module: torch.nn.Module) -> LinearParts | None:
    """Return the parts of a plain or a plainly adapted linear layer; None if it computes anything else."""
    if type(module) is torch.nn.Linear:
        return LinearParts(module.weight, module.bias)
    if type(module) is not PeftLinear or type(module.base_layer) is not torch.nn.Linear:
        return None
    base = module.base_layer
    if module.disable_adapters or module.merged or module.fan_in_fan_out or len(module.active_adapters) != 1:
        return None
    [name] = module.active_adapters
    if name in module.lora_variant or module.lora_bias.get(name) or name not in module.lora_A:
        return None
    dropout = module.lora_dropout[name]
    if isinstance(dropout, torch.nn.Dropout) and dropout.training and dropout.p > 0:
        return None
    a: torch.Tensor = module.lora_A[name].weight  # pyright: ignore[reportAssignmentType] - a ModuleDict of linears
    b: torch.Tensor = module.lora_B[name].weight  # pyright: ignore[reportAssignmentType]
    if not a.dtype == b.dtype == base.weight.dtype:
        return None
    return LinearParts(base.weight, base.bias, a, b, float(module.scaling[name]))


def apply_linear(x_TI: torch.Tensor, module: torch.nn.Module, residual_TO: torch.Tensor | None = None) -> torch.Tensor:
    """Return the layer's output, with the residual added; a layer of another kind is called as it is."""
    parts = parts_of(module)
    if parts is None:
        y_TO = module(x_TI)
        return y_TO if residual_TO is None else residual_TO + y_TO
    return fused_linears(x_TI, [parts], residual_TO)[0]


def apply_linears(x_TI: torch.Tensor, modules: Sequence[torch.nn.Module]) -> tuple[torch.Tensor, ...]:
    """Return the outputs of several layers on one input."""
    parts = [parts_of(module) for module in modules]
    known = [each for each in parts if each is not None]
    if len(known) < len(parts):
        return tuple(apply_linear(x_TI, module) for module in modules)
    return fused_linears(x_TI, known)


def fused_linears(
    x_TI: torch.Tensor, layers: Sequence[LinearParts], residual_TO: torch.Tensor | None = None
) -> tuple[torch.Tensor, ...]:
    """Return the outputs of `layers`; a residual goes to the only one."""
    scales = tuple(layer.scale for layer in layers)
    tensors = [tensor for layer in layers for tensor in layer[:4]]
    return _Linears.apply(x_TI, residual_TO, scales, *tensors)  # pyright: ignore[reportReturnType]


class _Linears(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        residual: torch.Tensor | None,
        scales: tuple[float, ...],
        *tensors: torch.Tensor | None,
    ) -> tuple[torch.Tensor, ...]:
        layers = _layers(tensors, scales)
        outputs = [_base(x, layer, residual) for layer in layers]
        ctx.has_adapters = any(layer.a is not None for layer in layers)
        inner_TR = None
        if ctx.has_adapters:
            inner_TR = x @ _all_a(layers).t()
            for y, layer, own in zip(outputs, layers, _own_columns(layers), strict=True):
                if layer.b is not None:
                    y.addmm_(inner_TR[:, own], layer.b.t(), alpha=layer.scale)
        ctx.scales = scales
        ctx.save_for_backward(x, inner_TR, *tensors)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        x, inner_TR, *tensors = ctx.saved_tensors
        layers = _layers(tensors, ctx.scales)
        needs = ctx.needs_input_grad
        dx = None
        if needs[0]:
            dx = gradients[0] @ layers[0].weight
            for dy, layer in zip(gradients[1:], layers[1:], strict=True):
                dx.addmm_(dy, layer.weight)
        found = [_plain_gradients(x, dy, needs[3 + 4 * i :]) for i, dy in enumerate(gradients)]
        if ctx.has_adapters:
            dinner_TR = torch.cat(
                [
                    torch.mm(dy, layer.b) * layer.scale
                    for dy, layer in zip(gradients, layers, strict=True)
                    if layer.b is not None
                ],
                dim=1,
            )
            if dx is not None:
                dx.addmm_(dinner_TR, _all_a(layers))
            da_RI = dinner_TR.t() @ x
            for each, dy, layer, own in zip(found, gradients, layers, _own_columns(layers), strict=True):
                if layer.b is not None:
                    each[2] = da_RI[own]
                    each[3] = torch.mm(dy.t(), inner_TR[:, own]) * layer.scale
        dresidual = gradients[0] if needs[1] else None
        return (dx, dresidual, None, *(gradient for each in found for gradient in each))


def _layers(tensors: Sequence[Any], scales: Sequence[float]) -> list[LinearParts]:
    return [LinearParts(*tensors[4 * i : 4 * i + 4], scale=scale) for i, scale in enumerate(scales)]


def _base(x: torch.Tensor, layer: LinearParts, residual: torch.Tensor | None) -> torch.Tensor:
    if residual is None:
        return F.linear(x, layer.weight, layer.bias)
    y = torch.addmm(residual, x, layer.weight.t())
    return y if layer.bias is None else y.add_(layer.bias)


def _all_a(layers: Sequence[LinearParts]) -> torch.Tensor:
    some = [layer.a for layer in layers if layer.a is not None]
    return some[0] if len(some) == 1 else torch.cat(some)


def _own_columns(layers: Sequence[LinearParts]) -> list[slice]:
    """Return where each layer's rank stands among all; an empty slice for a layer without adapter."""
    columns: list[slice] = []
    for layer in layers:
        start = columns[-1].stop if columns else 0
        columns.append(slice(start, start + (0 if layer.a is None else len(layer.a))))
    return columns


def _plain_gradients(x: torch.Tensor, dy: torch.Tensor, needs: Sequence[bool]) -> list[torch.Tensor | None]:
    dweight = dy.t() @ x if needs[0] else None
    dbias = dy.sum(0) if needs[1] else None
    return [dweight, dbias, None, None]
