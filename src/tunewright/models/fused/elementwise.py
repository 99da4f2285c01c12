"""What stands between the matrix products: RMS norm, rotary positions, the gated unit; few passes, little kept.

Axes: T tokens, D model width, H heads, d head size, I inner width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """Return x / √(mean x² + eps) · weight over the last axis, the mean in fp32 (arXiv 1910.07467)."""
    return _RmsNorm.apply(x, weight, eps)  # pyright: ignore[reportReturnType]


def rotate(x_THd: torch.Tensor, cos_Td: torch.Tensor, sin_Td: torch.Tensor) -> torch.Tensor:
    """Return x turned by its tokens' angles, as [H, T, d] (Su et al., arXiv 2104.09864, halves instead of pairs)."""
    return _Rotate.apply(x_THd, cos_Td, sin_Td)  # pyright: ignore[reportReturnType]


def by_head(x_THd: torch.Tensor) -> torch.Tensor:
    """Return x as contiguous [H, T, d]."""
    return x_THd.transpose(0, 1).contiguous()


def swiglu(gate_TI: torch.Tensor, up_TI: torch.Tensor) -> torch.Tensor:
    """Return silu(gate) · up (Shazeer, arXiv 2002.05202)."""
    return _Swiglu.apply(gate_TI, up_TI)  # pyright: ignore[reportReturnType]


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        inverse = torch.rsqrt(norm * norm / x.shape[-1] + eps)
        ctx.save_for_backward(x, weight, inverse)
        # The product with fp32 is rounded once, as in the models' own code.
        return (x * inverse).to(x.dtype).mul_(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        x, weight, inverse = ctx.saved_tensors
        [dy] = gradients
        dx = dweight = None
        if ctx.needs_input_grad[1]:
            dweight = (dy * (x * inverse).to(x.dtype)).flatten(0, -2).sum(0)
        if ctx.needs_input_grad[0]:
            g = dy * weight
            # dx = inverse · g − inverse³ · x · mean(g · x)
            mean = (g * x).sum(-1, keepdim=True, dtype=torch.float32) / x.shape[-1]
            dx = (g * inverse).sub_(x * (inverse**3 * mean)).to(x.dtype)
        return dx, dweight, None


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_THd: torch.Tensor, cos_Td: torch.Tensor, sin_Td: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos_Td, sin_Td)
        x = x_THd.transpose(0, 1)
        return _turned(x, cos_Td, sin_Td, torch.empty(x.shape, dtype=x.dtype, device=x.device))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        cos, sin = ctx.saved_tensors
        dy = gradients[0].transpose(0, 1)
        out = torch.empty(dy.shape, dtype=dy.dtype, device=dy.device)
        # A rotation's transpose turns the other way; both halves of an angle table are alike.
        return _turned(dy, cos[:, None], -sin[:, None], out), None, None


def _turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    torch.mul(x, cos, out=out)
    out[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-1)
    out[..., half:].addcmul_(x[..., :half], sin[..., half:])
    return out


class _Swiglu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gate, up)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        gate, up = ctx.saved_tensors
        [dy] = gradients
        # The operation that autograd itself calls for silu: in fp32 inside, rounded once.
        return torch.ops.aten.silu_backward(dy * up, gate), F.silu(gate).mul_(dy)
