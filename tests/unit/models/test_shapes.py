"""The choice of kernel on a CPU is the recorded one."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tunewright.models.attention.shapes import FUSED_FROM, fused_from

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("attention_shapes")


def test_the_table_is_what_the_benchmark_recorded(benchmark: ModuleType) -> None:
    record = json.loads(benchmark.RESULTS.read_text(encoding="utf-8"))
    by_shape: dict[tuple[torch.dtype, int], list[dict[str, object]]] = {}
    for row in record["rows"]:
        by_shape.setdefault((getattr(torch, row["dtype"]), row["head_size"]), []).append(row)
    assert {shape: benchmark.fused_from(rows) for shape, rows in by_shape.items()} == FUSED_FROM


@pytest.mark.parametrize(
    ("fused_ms", "start"),
    [((9, 9, 9), None), ((9, 9, 1), 128), ((9, 1, 1), 64), ((1, 1, 1), 32), ((1, 9, 1), 128), ((1, 1, 9), None)],
)
def test_the_fused_kernel_is_taken_only_where_it_wins_at_all_longer_lengths_too(
    fused_ms: tuple[float, ...], start: int | None, benchmark: ModuleType
) -> None:
    rows = [
        {"length": length, "products_ms": 5.0, "fused_ms": each}
        for length, each in zip((32, 64, 128), fused_ms, strict=True)
    ]
    assert benchmark.fused_from(rows) == start


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("length", [32, 96])
def test_both_ways_that_are_timed_compute_the_same(length: int, dtype: torch.dtype, benchmark: ModuleType) -> None:
    forest = benchmark.rows_of(length, 200)
    inputs = [torch.randn(3, forest.num_tokens, 64, dtype=dtype, requires_grad=True) for _ in range(3)]
    gradient = torch.randn(forest.num_tokens, 3 * 64, dtype=dtype)
    found = []
    for way in (benchmark.by_products(forest, dtype, 64), benchmark.by_fused_kernel(length)):
        out = way(*inputs)
        found.append((out, *torch.autograd.grad(out, inputs, gradient)))
    tolerance = 1e-5 if dtype == torch.float32 else 5e-2
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def test_a_head_size_that_was_not_measured_counts_as_the_nearest_and_a_dtype_never() -> None:
    assert {shape: fused_from(*shape) for shape in FUSED_FROM} == FUSED_FROM
    assert fused_from(torch.float32, 256) == FUSED_FROM[torch.float32, 128]
    assert fused_from(torch.float32, 32) == FUSED_FROM[torch.float32, 64]
    assert fused_from(torch.float16, 64) is None
