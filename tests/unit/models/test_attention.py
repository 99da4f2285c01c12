"""Attention over a forest by products is that of the dense mask, forward and backward, however the forest is cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.models.groves import Tree, grown
from tunewright.data.forest import Forest, attention_mask
from tunewright.models.attention import backend, products
from tunewright.models.attention import plan as plans
from tunewright.models.attention.fused_row import attend_row
from tunewright.models.attention.plan import Cross, make_plan
from tunewright.models.attention.products import Scoring, attend
from tunewright.models.attention.shapes import FUSED_FROM
from tunewright.models.forest import to_tensors

lengths = st.integers(1, 14)
trees = st.recursive(
    st.tuples(lengths, st.just([])), lambda below: st.tuples(lengths, st.lists(below, max_size=3)), max_leaves=6
)
groves = st.lists(trees, min_size=1, max_size=3)
windows = st.none() | st.integers(1, 20)
scorings = st.sampled_from([Scoring(0.4), Scoring(0.4, softcap=1.5)])
blocks = st.sampled_from([1, 4, 7, 512])
sizes = st.tuples(blocks, st.sampled_from([0, 8, 24, 320]))
"""MAX_BLOCK and MAX_TREE."""
heads = st.sampled_from([(2, 2), (4, 2), (4, 1)])

DEEP: list[Tree] = [(3, [(2, [(4, [(1, [(5, [(2, []), (3, [])]), (2, [])]), (3, [])]), (6, [])]), (1, [])])]
BROAD: list[Tree] = [(9, [(k, []) for k in (1, 2, 5, 5, 30)]), (4, [])]
SIZE = 8


class Inputs(NamedTuple):
    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    gradient: torch.Tensor


def dense_mask(forest: Forest, window: int | None) -> np.ndarray:
    distance = forest.positions[:, None] - forest.positions[None, :]
    mask = attention_mask(forest)
    return mask if window is None else mask & (distance < window)


def make_inputs(num_tokens: int, num_heads: tuple[int, int], seed: int = 0, scale: float = 1.0) -> Inputs:
    random = torch.Generator().manual_seed(seed)
    shapes = [(num_heads[0], num_tokens, SIZE), *[(num_heads[1], num_tokens, SIZE)] * 2]
    q, k, v = (scale * torch.randn(shape, generator=random) for shape in shapes)
    return Inputs(q, k, v, torch.randn(num_tokens, num_heads[0] * SIZE, generator=random))


def dense(inputs: Inputs, mask: np.ndarray, scoring: Scoring) -> list[torch.Tensor]:
    """Return output and gradients in fp64, by autograd."""
    q, k, v = (x.detach().double().requires_grad_() for x in inputs[:3])
    groups = len(q) // len(k)
    scores = scoring.scale * q @ k.repeat_interleave(groups, 0).mT
    if scoring.softcap is not None:
        scores = scoring.softcap * torch.tanh(scores / scoring.softcap)
    scores = scores.masked_fill(~torch.from_numpy(mask), float("-inf"))
    out = (torch.softmax(scores, -1) @ v.repeat_interleave(groups, 0)).transpose(0, 1).flatten(1)
    return [out.detach(), *torch.autograd.grad(out, (q, k, v), inputs.gradient.double())]


def by_products(
    inputs: Inputs,
    forest: Forest,
    window: int | None,
    scoring: Scoring,
    *,
    block: int = 512,
    tree: int = 0,
    fused_from: int | None = None,
) -> list[torch.Tensor]:
    """Return output and gradients of what is under test, in the dtype of the inputs; by default no tree is a block."""
    q, k, v = (x.detach().requires_grad_() for x in inputs[:3])
    with sized(block, tree):
        plan = make_plan(forest, window, q.dtype, "cpu", fused_from=fused_from)
    out = attend(q, k, v, plan, scoring)
    return [out.detach(), *torch.autograd.grad(out, (q, k, v), inputs.gradient.to(q.dtype))]


@contextmanager
def sized(block: int, tree: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "MAX_BLOCK", block)
        patch.setattr(plans, "MAX_TREE", tree)
        yield


@given(groves, heads, windows, scorings, sizes)
@example(DEEP, (4, 2), None, Scoring(0.4), (512, 0))
@example(DEEP, (4, 2), 2, Scoring(0.4), (4, 0))
@example(BROAD, (4, 1), 6, Scoring(0.4, softcap=1.5), (4, 0))
@example(DEEP, (4, 2), 3, Scoring(0.4), (512, 320))
@example(BROAD, (4, 1), None, Scoring(0.4, softcap=1.5), (512, 320))
@settings(deadline=None, max_examples=80)
def test_output_and_gradients_are_those_of_the_dense_mask(
    grove: list[Tree], num_heads: tuple[int, int], window: int | None, scoring: Scoring, size: tuple[int, int]
) -> None:
    forest = grown(grove)
    inputs = make_inputs(forest.num_tokens, num_heads)
    expected = dense(inputs, dense_mask(forest, window), scoring)
    found = by_products(inputs, forest, window, scoring, block=size[0], tree=size[1])
    for name, one, other in zip("out dq dk dv".split(), found, expected, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=5e-6, msg=lambda text, n=name: f"{n}: {text}")


@given(groves, heads, windows, st.integers(1, 12))
@example([(9, []), (7, [])], (4, 2), None, 1)
@example([(9, []), (5, [(3, []), (4, [])]), (2, [])], (4, 2), None, 5)
@settings(deadline=None, max_examples=40)
def test_rows_alone_may_be_left_to_the_fused_kernel(
    grove: list[Tree], num_heads: tuple[int, int], window: int | None, fused_from: int
) -> None:
    forest, scoring = grown(grove), Scoring(0.4)
    inputs = make_inputs(forest.num_tokens, num_heads)
    expected = dense(inputs, dense_mask(forest, window), scoring)
    found = by_products(inputs, forest, window, scoring, tree=8, fused_from=fused_from)
    for name, one, other in zip("out dq dk dv".split(), found, expected, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=5e-6, msg=lambda text, n=name: f"{n}: {text}")


def test_only_whole_rows_without_a_window_are_left_to_the_fused_kernel() -> None:
    forest = grown([(9, []), (5, [(30, []), (4, [])]), (8, [])])
    assert make_plan(forest, None, torch.float32, "cpu", fused_from=9).fused == (slice(0, 9),)
    assert make_plan(forest, 3, torch.float32, "cpu", fused_from=9).fused == ()
    assert make_plan(forest, None, torch.float32, "cpu").fused == ()


@given(groves, windows, sizes)
@settings(deadline=None, max_examples=60)
def test_every_pair_of_a_query_and_a_key_that_it_sees_is_in_exactly_one_product(
    grove: list[Tree], window: int | None, size: tuple[int, int]
) -> None:
    forest = grown(grove)
    with sized(*size):
        plan = make_plan(forest, window, torch.float32, "cpu")
    count = np.zeros((forest.num_tokens, forest.num_tokens), int)
    for bucket in plan.buckets:
        tokens_BL = bucket.tokens.view(bucket.num_blocks, bucket.length).numpy()
        is_real = np.ones(tokens_BL.size, bool)
        if bucket.filled is not None:
            is_real[bucket.filled.numpy()] = False
        sees_BLL = np.broadcast_to(bucket.mask.numpy() == 0, (bucket.num_blocks, bucket.length, bucket.length))
        for tokens, real, sees in zip(tokens_BL, is_real.reshape(tokens_BL.shape), sees_BLL, strict=True):
            kept = tokens[real]
            count[np.ix_(kept, kept)] += sees[: len(kept), : len(kept)]
    for cross in plan.crosses:
        count[cross.queries, cross.keys] += 1 if cross.mask is None else cross.mask.numpy() == 0
    np.testing.assert_array_equal(count, dense_mask(forest, window).astype(int))


def test_a_descendant_behind_the_window_sees_nothing_of_a_block_and_is_still_a_number() -> None:
    forest = grown([(6, [(30, []), (4, [])])])
    with sized(512, 0):
        plan = make_plan(forest, 5, torch.float32, "cpu")
    assert any(isinstance(cross.mask, torch.Tensor) and bool((cross.mask < 0).all(1).any()) for cross in plan.crosses)
    inputs = make_inputs(forest.num_tokens, (4, 2))
    assert all(torch.isfinite(each).all() for each in by_products(inputs, forest, 5, Scoring(0.4)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_query_that_sees_nothing_of_a_block_is_a_number_in_every_dtype(dtype: torch.dtype) -> None:
    forest = grown(BROAD)
    inputs = make_inputs(forest.num_tokens, (4, 2))
    found = by_products(Inputs(*(each.to(dtype) for each in inputs)), forest, 3, Scoring(0.4), block=4)
    for one, exact in zip(found, dense(inputs, dense_mask(forest, 3), Scoring(0.4)), strict=True):
        assert float((one.double() - exact).norm()) < 0.02 * float(exact.norm())


@pytest.mark.parametrize("scale", [1e-3, 8.0])
def test_scores_of_any_size_give_the_dense_result(scale: float) -> None:
    forest = grown(BROAD)
    inputs = make_inputs(forest.num_tokens, (4, 2), scale=scale)
    found, expected = (
        by_products(inputs, forest, None, Scoring(0.4)),
        dense(inputs, attention_mask(forest), Scoring(0.4)),
    )
    for one, other in zip(found, expected, strict=True):
        assert float((one.double() - other).norm()) <= 1e-4 * max(float(other.norm()), 1e-3)


@given(groves, heads, windows)
@settings(deadline=None, max_examples=20)
def test_recomputed_probabilities_give_the_gradients_of_kept_ones(
    grove: list[Tree], num_heads: tuple[int, int], window: int | None
) -> None:
    forest = grown(grove)
    inputs = make_inputs(forest.num_tokens, num_heads)
    for scoring in (Scoring(0.4), Scoring(0.4, dropout=0.3)):
        results = []
        for kept_bytes in (2**30, 0):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(products, "KEPT_BYTES", kept_bytes)
                torch.manual_seed(5)
                results.append(by_products(inputs, forest, window, scoring, block=4))
        for one, other in zip(*results, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_a_forward_without_gradients_gives_the_same_output() -> None:
    forest = grown(BROAD)
    inputs = make_inputs(forest.num_tokens, (4, 2))
    plan = make_plan(forest, None, torch.float32, "cpu")
    with torch.no_grad():
        out = attend(*inputs[:3], plan, Scoring(0.4))
    assert torch.equal(out, by_products(inputs, forest, None, Scoring(0.4), tree=plans.MAX_TREE)[0])


@pytest.mark.parametrize("grove", [BROAD, [(1, [(16, []), (9, []), (10, [(3, []), (12, [])])])]])
def test_scores_far_apart_give_numbers(grove: list[Tree]) -> None:
    forest = grown(grove)
    inputs = make_inputs(forest.num_tokens, (4, 2), scale=1e4)
    assert all(torch.isfinite(each).all() for each in by_products(inputs, forest, None, Scoring(0.4)))


# More threads than the machine has free cost half a second a run, so few runs have two.
@pytest.mark.parametrize(("num_runs", "num_threads"), [(20, 1), (3, 2)])
def test_runs_are_equal_to_the_bit(num_runs: int, num_threads: int) -> None:
    forest = grown([*BROAD, *DEEP, (40, [(20, []), (20, [])])])
    inputs = make_inputs(forest.num_tokens, (4, 2))
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        runs = [by_products(inputs, forest, 30, Scoring(0.4), block=16) for _ in range(num_runs)]
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, first) for run in runs for one, first in zip(run, runs[0], strict=True))


@pytest.mark.parametrize("scoring", [Scoring(0.4), Scoring(0.4, softcap=1.5)])
def test_bf16_is_as_near_to_the_truth_as_the_dense_computation_in_bf16(scoring: Scoring) -> None:
    forest = grown([(60, [(40, []), (30, [(20, []), (25, [])])]), (50, [])])
    inputs = Inputs(*(each.bfloat16().float() for each in make_inputs(forest.num_tokens, (4, 2))))
    mask = attention_mask(forest)
    truth = dense(inputs, mask, scoring)
    found = by_products(Inputs(*(each.bfloat16() for each in inputs)), forest, None, scoring, block=32)
    for one, other, exact in zip(found, _plain_bf16(inputs, mask, scoring), truth, strict=True):
        assert one.dtype == torch.bfloat16
        assert float((one.double() - exact).norm()) <= 1.5 * float((other.double() - exact).norm())


def _plain_bf16(inputs: Inputs, mask: np.ndarray, scoring: Scoring) -> list[torch.Tensor]:
    """Return what transformers' eager attention does: products in bf16, softmax in fp32."""
    q, k, v = (x.bfloat16().requires_grad_() for x in inputs[:3])
    groups = len(q) // len(k)
    scores = q @ k.repeat_interleave(groups, 0).mT * scoring.scale
    if scoring.softcap is not None:
        scores = scoring.softcap * torch.tanh(scores / scoring.softcap)
    scores = scores.masked_fill(~torch.from_numpy(mask), float("-inf"))
    probabilities = torch.softmax(scores, -1, dtype=torch.float32).bfloat16()
    out = (probabilities @ v.repeat_interleave(groups, 0)).transpose(0, 1).flatten(1)
    return [out.detach(), *torch.autograd.grad(out, (q, k, v), inputs.gradient.bfloat16())]


# ── dropout ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_dropout_is_decided_by_the_seed_and_by_nothing_else() -> None:
    forest = grown(BROAD)
    inputs = make_inputs(forest.num_tokens, (4, 2))
    outs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outs.append(by_products(inputs, forest, None, Scoring(0.4, dropout=0.5)))
    assert all(torch.equal(one, other) for one, other in zip(outs[0], outs[1], strict=True))
    assert not torch.equal(outs[0][0], outs[2][0])


def test_the_mean_over_many_noises_is_the_output_without_noise() -> None:
    forest = grown([(5, [(4, []), (3, [(2, [])])]), (6, [])])
    inputs = make_inputs(forest.num_tokens, (2, 1))
    torch.manual_seed(0)
    outs = torch.stack([by_products(inputs, forest, None, Scoring(0.4, dropout=0.3))[0] for _ in range(600)])
    exact = by_products(inputs, forest, None, Scoring(0.4))[0]
    error = outs.std(0) / 600**0.5
    # Five standard errors of a mean; the first token of a row may be all there is or nothing, so it is the worst.
    assert bool(((outs.mean(0) - exact).abs() <= 5 * error + 1e-6).all())
    assert float(error.max()) > 0


def test_with_one_noise_the_gradients_are_those_of_that_noise() -> None:
    forest = grown([(7, [(5, []), (4, [(3, [])])]), (6, [])])
    inputs = make_inputs(forest.num_tokens, (4, 2))
    scoring = Scoring(0.4, dropout=0.4)
    torch.manual_seed(3)
    _, *gradients = by_products(inputs, forest, None, scoring, block=4)
    random = torch.Generator().manual_seed(9)
    for index, gradient in enumerate(gradients):
        direction, values = torch.randn(gradient.shape, generator=random), []
        for sign in (1, -1):
            moved = [*inputs]
            moved[index] = moved[index] + sign * 1e-2 * direction
            torch.manual_seed(3)
            out = by_products(Inputs(*moved), forest, None, scoring, block=4)[0]
            values.append(float((out * inputs.gradient).sum()))
        slope = (values[0] - values[1]) / 2e-2
        assert slope == pytest.approx(float((gradient * direction).sum()), rel=5e-3, abs=5e-3), "qkv"[index]


def test_two_equal_branches_get_noises_of_their_own_behind_one_prefix() -> None:
    """What stands once has one noise for all rows; a branch has its own, attention back to the prefix included."""
    forest = grown([(6, [(4, []), (4, [])])])
    inputs = make_inputs(forest.num_tokens, (2, 2))
    q, k, v = (torch.cat([x, x[:, 6:10]], dim=1) for x in (each[:, :10] for each in inputs[:3]))
    plan = make_plan(forest, None, torch.float32, "cpu")
    torch.manual_seed(0)
    assert torch.equal(*attend(q, k, v, plan, Scoring(0.4))[6:].split(4))
    assert not torch.equal(*attend(q, k, v, plan, Scoring(0.4, dropout=0.5))[6:].split(4))


def test_a_plan_names_no_cross_product_where_nothing_is_shared() -> None:
    plan = make_plan(grown([(5, []), (9, [])]), None, torch.float32, "cpu")
    assert plan.crosses == ()
    assert all(not bucket.is_merged for bucket in plan.buckets)
    with sized(512, 0):
        assert isinstance(make_plan(grown(DEEP), None, torch.float32, "cpu").crosses[0], Cross)


def test_a_small_tree_is_one_block_and_a_large_one_is_not() -> None:
    small = make_plan(grown([(5, [(3, []), (4, [])])]), None, torch.float32, "cpu")
    assert small.crosses == ()
    assert [bucket.is_merged for bucket in small.buckets] == [False]
    large = make_plan(grown([(5, [(200, [(40, []), (50, [])]), (300, [])])]), None, torch.float32, "cpu")
    # The root meets its descendants in one product; the smaller branch is a tree of one block.
    assert [(cross.keys, cross.queries.stop) for cross in large.crosses] == [(slice(0, 5), 595)]


def test_the_recorded_table_decides_which_rows_the_fused_kernel_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[slice] = []

    def watched(*given: Any, **kept: Any) -> Any:
        rows.append(given[3])
        return attend_row(*given, **kept)

    monkeypatch.setitem(FUSED_FROM, (torch.float32, 64), 9)
    monkeypatch.setattr(products, "attend_row", watched)
    forest = grown([(9, []), (8, []), (20, [])])
    inputs = [torch.randn(2, forest.num_tokens, 64, generator=torch.Generator().manual_seed(0)) for _ in range(3)]
    tensors = to_tensors(forest, "cpu", fills=False)
    out = backend.attend(*inputs, tensors, window=None, scoring=Scoring(0.1))
    assert rows == [slice(0, 9), slice(17, 37)]
    torch.testing.assert_close(out, attend(*inputs, make_plan(forest, None, torch.float32, "cpu"), Scoring(0.1)))
    rows.clear()
    backend.attend(*inputs, tensors, window=None, scoring=Scoring(0.1, softcap=2.0))
    backend.attend(*(x.bfloat16() for x in inputs), tensors, window=None, scoring=Scoring(0.1))
    assert rows == []
