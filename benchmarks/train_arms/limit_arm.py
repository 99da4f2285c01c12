"""The machine's own limit: the best rate of bf16 matrix products in the shapes of the model, in operations per second.

Forward products of one layer over a batch of tokens; each shape is repeated for a while and its fastest tenth counts.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import torch

from train_arms.shape import SHAPES, Shape

TOKENS = (512, 2048)


def best_rate(shape: Shape, seconds: float = 0.7) -> dict[str, float]:
    """Return operations per second for each product, by name."""
    widths = {"square": (shape.hidden, shape.hidden), "up": (shape.hidden, shape.intermediate)}
    widths["down"] = (shape.intermediate, shape.hidden)
    return {
        f"{name}, {tokens} tokens": _rate(tokens, *width, seconds)
        for name, width in widths.items()
        for tokens in TOKENS
    }


def _rate(tokens: int, wide: int, narrow: int, seconds: float) -> float:
    inputs = torch.randn(tokens, wide).bfloat16()
    weight = torch.randn(narrow, wide).bfloat16()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        torch.nn.functional.linear(inputs, weight)
        times.append(time.perf_counter() - began)
    fastest = sorted(times)[: max(1, len(times) // 10)]
    return 2 * tokens * wide * narrow / statistics.mean(fastest)


if __name__ == "__main__":
    rates = best_rate(SHAPES[sys.argv[1]])
    Path(sys.argv[2]).write_text(json.dumps(rates), encoding="utf-8")
