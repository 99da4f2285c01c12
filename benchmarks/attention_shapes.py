"""Explicit products or torch's fused kernel? Attention of rows alone on a CPU, by length, dtype and head size.

    OMP_NUM_THREADS=2 python benchmarks/attention_shapes.py

Forward and backward of causal attention over rows of one length, as many as make up `--tokens`, heads contiguous, and
the output by token, as a layer needs it: once by `models/attention/products` (which cuts rows into blocks of at most
512 tokens), once by `scaled_dot_product_attention`. The two take turns; medians. Prints a table and writes
`benchmarks/results/attention_shapes.json`; `fused_from` there is what `models/attention/shapes.py` must say.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tunewright.data.forest import Forest, Targets
from tunewright.models.attention.plan import make_plan
from tunewright.models.attention.products import Scoring, attend
from tunewright.models.hardware import cpu_flags

RESULTS = Path(__file__).parent / "results" / "attention_shapes.json"
LENGTHS = (32, 64, 128, 256, 512, 1024, 2048)
DTYPES = (torch.float32, torch.bfloat16)
HEAD_SIZES = (64, 128)

Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def rows_of(length: int, num_tokens: int) -> Forest:
    """Return a forest of rows that share nothing, each of `length` tokens."""
    num_rows = max(1, num_tokens // length)
    nothing = np.empty(0, np.int64)
    return Forest(
        ids=np.zeros(num_rows * length, np.int32),
        positions=np.tile(np.arange(length, dtype=np.int32), num_rows),
        subtree_end=np.repeat(np.arange(1, num_rows + 1, dtype=np.int32) * length, length),
        targets=Targets(nothing, nothing, np.empty(0, np.float32)),
        target_row=np.empty(0, np.int32),
    )


def by_products(forest: Forest, dtype: torch.dtype, head_size: int) -> Attend:
    """Return attention as the core does it on a CPU, [H, T, D] → [T, H · D]."""
    plan, scoring = make_plan(forest, None, dtype, "cpu"), Scoring(head_size**-0.5)
    return lambda q, k, v: attend(q, k, v, plan, scoring)


def by_fused_kernel(length: int) -> Attend:
    """Return the same by torch's kernel; rows stand where it expects heads, so that nothing is copied before it."""

    def run(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        q, k, v = (x.view(len(x), -1, length, x.shape[-1]) for x in (q, k, v))
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return out.flatten(1, 2).transpose(0, 1).flatten(1)

    return run


def milliseconds(ways: Sequence[Attend], sizes: tuple[int, int, int], dtype: torch.dtype, repeats: int) -> list[float]:
    """Return the median time of forward and backward of each of `ways`, which take turns; sizes are H, T, D."""
    inputs = [torch.randn(sizes, dtype=dtype, requires_grad=True) for _ in range(3)]
    gradient = torch.randn(sizes[1], sizes[0] * sizes[2], dtype=dtype)
    times: list[list[float]] = [[] for _ in ways]
    for turn in range(repeats + 1):
        for way, found in zip(ways, times, strict=True):
            started = time.perf_counter()
            torch.autograd.grad(way(*inputs), inputs, gradient)
            # The first turn warms caches and allocator.
            found.extend([time.perf_counter() - started] if turn else [])
    return [statistics.median(found) * 1e3 for found in times]


def fused_from(rows: Sequence[dict[str, Any]]) -> int | None:
    """Return the shortest length from which on the fused kernel is faster at all that were measured, or None."""
    start = None
    for row in sorted(rows, key=lambda each: -each["length"]):
        if row["fused_ms"] >= row["products_ms"]:
            break
        start = row["length"]
    return start


def main() -> None:
    """Measure every shape, print and write."""
    parser = argparse.ArgumentParser(description="Explicit products or torch's fused kernel?")
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--shared-machine", action="store_true", help="write that other work ran beside this")
    plan = parser.parse_args()
    torch.manual_seed(0)
    print(f"{'dtype':10} {'head':>5} {'length':>7} {'products ms':>12} {'fused ms':>9}")
    rows: list[dict[str, Any]] = []
    for dtype in DTYPES:
        for head_size in HEAD_SIZES:
            rows.extend(_measure(plan, dtype, head_size, length) for length in LENGTHS)
    groups = {(row["dtype"], row["head_size"]) for row in rows}
    record = {
        "tokens": plan.tokens,
        "heads": plan.heads,
        "repeats": plan.repeats,
        "torch": torch.__version__,
        "num_threads": torch.get_num_threads(),
        "cpu_flags": cpu_flags(),
        "machine_was_shared": plan.shared_machine,
        "fused_from": [_start(rows, *group) for group in sorted(groups)],
        "rows": rows,
    }
    for start in record["fused_from"]:
        print(start)
    RESULTS.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8", newline="")


def _measure(plan: argparse.Namespace, dtype: torch.dtype, head_size: int, length: int) -> dict[str, Any]:
    forest = rows_of(length, plan.tokens)
    ways = (by_products(forest, dtype, head_size), by_fused_kernel(length))
    sizes = (plan.heads, forest.num_tokens, head_size)
    products_ms, fused_ms = milliseconds(ways, sizes, dtype, plan.repeats)
    name = str(dtype).removeprefix("torch.")
    print(f"{name:10} {head_size:>5} {length:>7} {products_ms:>12.2f} {fused_ms:>9.2f}", flush=True)
    times = {"products_ms": round(products_ms, 3), "fused_ms": round(fused_ms, 3)}
    return {"dtype": name, "head_size": head_size, "length": length, **times}


def _start(rows: Sequence[dict[str, Any]], dtype: str, head_size: int) -> dict[str, Any]:
    mine = [row for row in rows if (row["dtype"], row["head_size"]) == (dtype, head_size)]
    return {"dtype": dtype, "head_size": head_size, "length": fused_from(mine)}


if __name__ == "__main__":
    main()
