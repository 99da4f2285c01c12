"""FlexAttention sees what the forest says: its functions made dense, its forward on the CPU, and all of it on a GPU."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import create_mask

from tests.unit.models.groves import Tree, grown
from tunewright.data.forest import Forest, attention_mask
from tunewright.models.attention import products
from tunewright.models.attention.backend import attend, uses_flex
from tunewright.models.attention.flex import (
    BLOCK,
    BlockLists,
    TreeMask,
    attend_with,
    make_mask,
    mask_function,
    over_blocks,
    score_function,
)
from tunewright.models.attention.plan import make_plan
from tunewright.models.attention.products import Scoring
from tunewright.models.forest import ForestTensors, to_tensors

lengths = st.integers(1, 170)
trees = st.recursive(
    st.tuples(lengths, st.just([])), lambda below: st.tuples(lengths, st.lists(below, max_size=3)), max_leaves=5
)
groves = st.lists(trees, min_size=1, max_size=3)
windows = st.none() | st.integers(1, 300)
scorings = st.sampled_from([Scoring(0.25), Scoring(0.1, 2.0)])
heads = st.sampled_from([(2, 2), (4, 2), (3, 1)])

TWO_LEVELS: list[Tree] = [(150, [(90, [(40, []), (200, [])]), (30, [])]), (20, [])]
ONE_LONG: list[Tree] = [(900, [])]
EXACT_FIT: list[Tree] = [(128, []), (128, [(128, [])])]


def seen(forest: Forest, window: int | None) -> np.ndarray:
    """Return [T, T]: what the data room says that tokens see."""
    distance = forest.positions[:, None] - forest.positions[None, :]
    return attention_mask(forest) & (distance < (window or forest.num_tokens + 1))


def dense(mask: TreeMask) -> np.ndarray:
    """Return [P, P]: what the mask function says."""
    size = len(mask.subtree_end_P)
    return create_mask(mask_function(mask), 1, 1, size, size, "cpu")[0, 0].numpy()


def listed(num: torch.Tensor, which: torch.Tensor) -> np.ndarray:
    """Return lists of blocks as [n, n] bool."""
    found = np.zeros(which.shape[2:], dtype=bool)
    for line, (count, order) in enumerate(zip(num[0, 0].tolist(), which[0, 0].tolist(), strict=True)):
        assert sorted(order) == list(range(len(order)))
        found[line, order[:count]] = True
    return found


def operands(num_heads: tuple[int, int], num_tokens: int, size: int, **how: Any) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(num_tokens)
    sizes = ((each, num_tokens, size) for each in (num_heads[0], num_heads[1], num_heads[1]))
    return [torch.randn(each, generator=generator).to(**how) for each in sizes]


def by_products(inputs: Sequence[torch.Tensor], forest: Forest, window: int | None, scoring: Scoring) -> torch.Tensor:
    q, k, v = inputs
    return products.attend(q, k, v, make_plan(forest, window, q.dtype, q.device), scoring)


def by_dense_scores(inputs: Sequence[torch.Tensor], mask: TreeMask, scoring: Scoring) -> torch.Tensor:
    """Attend with nothing but the two functions that FlexAttention is given."""
    q, k, v = inputs
    k, v = (x.repeat_interleave(len(q) // len(x), dim=0) for x in (k, v))
    scores = scoring.scale * q @ k.transpose(1, 2)
    bend = score_function(scoring)
    scores = scores if bend is None else bend(scores)
    is_seen = torch.from_numpy(dense(mask)[: q.shape[1], : q.shape[1]])
    weights = scores.masked_fill(~is_seen, float("-inf")).softmax(-1)
    return (weights @ v).transpose(0, 1).flatten(1)


@contextmanager
def uncompiled() -> Iterator[None]:
    """Have FlexAttention run as it is, without its advice to compile it."""
    with warnings.catch_warnings(), torch.compiler.set_stance("force_eager"):
        warnings.filterwarnings("ignore", "flex_attention called without torch.compile", UserWarning)
        yield


@given(grove=groves, window=windows)
@example(TWO_LEVELS, None)
@example(TWO_LEVELS, 100)
@example(ONE_LONG, 130)
@example(EXACT_FIT, 128)
@settings(max_examples=25, deadline=None)
def test_the_mask_function_made_dense_is_the_forests_mask(grove: list[Tree], window: int | None) -> None:
    forest = grown(grove)
    found = dense(make_mask(forest, window, "cpu"))
    size = forest.num_tokens
    assert np.array_equal(found[:size, :size], seen(forest, window))
    is_self = np.eye(len(found), dtype=bool)
    assert np.array_equal(found[size:], is_self[size:])
    assert np.array_equal(found[:, size:], is_self[:, size:])


@given(grove=groves, window=windows)
@example(TWO_LEVELS, None)
@example(TWO_LEVELS, 100)
@example(ONE_LONG, 130)
@example(ONE_LONG, 255)
@example(ONE_LONG, 500)
@example(EXACT_FIT, None)
@settings(max_examples=25, deadline=None)
def test_block_lists_leave_out_nothing_that_is_seen_and_call_full_what_is(
    grove: list[Tree], window: int | None
) -> None:
    forest = grown(grove)
    mask = make_mask(forest, window, "cpu")
    num_blocks = len(mask.subtree_end_P) // BLOCK
    blocks = dense(mask).reshape(num_blocks, BLOCK, num_blocks, BLOCK)
    is_some, is_all = blocks.any((1, 3)), blocks.all((1, 3))
    partial = listed(mask.keys.num_partial, mask.keys.partial)
    full = listed(mask.keys.num_full, mask.keys.full)
    assert np.array_equal(full, is_all)
    assert not (partial & full).any()
    assert not (is_some & ~partial & ~full).any()
    if mask.position_P is None:
        assert np.array_equal(partial, is_some & ~is_all)
    assert np.array_equal(listed(mask.queries.num_partial, mask.queries.partial), partial.T)
    assert np.array_equal(listed(mask.queries.num_full, mask.queries.full), full.T)


def test_a_window_spares_the_blocks_behind_it() -> None:
    forest = grown([(10 * BLOCK, [])])
    lists: list[BlockLists] = [make_mask(forest, window, "cpu").keys for window in (None, BLOCK)]
    met = [int(each.num_partial.sum() + each.num_full.sum()) for each in lists]
    assert met == [55, 19]


@given(grove=groves, window=windows, scoring=scorings, num_heads=heads)
@example(TWO_LEVELS, 100, Scoring(0.25, 2.0), (4, 2))
@settings(max_examples=15, deadline=None)
def test_its_functions_give_the_output_and_the_gradients_of_the_products(
    grove: list[Tree], window: int | None, scoring: Scoring, num_heads: tuple[int, int]
) -> None:
    forest = grown(grove)
    inputs = [x.requires_grad_() for x in operands(num_heads, forest.num_tokens, 16)]
    gradient = torch.randn(forest.num_tokens, num_heads[0] * 16)
    out = by_dense_scores(inputs, make_mask(forest, window, "cpu"), scoring)
    expected = by_products(inputs, forest, window, scoring)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
    found = torch.autograd.grad(out, inputs, gradient)
    for one, other in zip(found, torch.autograd.grad(expected, inputs, gradient), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-5)


@given(grove=groves, window=windows, scoring=scorings, num_heads=heads)
@example(TWO_LEVELS, None, Scoring(0.25), (4, 2))
@example(TWO_LEVELS, 100, Scoring(0.25, 2.0), (3, 1))
@settings(max_examples=15, deadline=None)
def test_flex_on_the_cpu_equals_the_products(
    grove: list[Tree], window: int | None, scoring: Scoring, num_heads: tuple[int, int]
) -> None:
    forest = grown(grove)
    inputs = operands(num_heads, forest.num_tokens, 16)
    with uncompiled():
        out = attend_with(over_blocks, *inputs, mask=make_mask(forest, window, "cpu"), scoring=scoring)
    torch.testing.assert_close(out, by_products(inputs, forest, window, scoring), rtol=1e-4, atol=1e-5)


def test_forests_of_all_lengths_share_one_compiled_kernel() -> None:
    graphs: list[torch.fx.GraphModule] = []

    def count(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    kernel: Any = torch.compile(over_blocks, dynamic=False, fullgraph=True, backend=count)
    counts: list[int] = []
    # 1 and 2 blocks, as many blocks as heads, other windows and other caps of another length
    for length in (5, 130, 256, 500, 900, 300):
        forest = grown([(length, [(20, []), (30, [])])])
        for window in (None, 4 + length // 20):
            mask = make_mask(forest, window, "cpu")
            inputs = operands((4, 2), forest.num_tokens, 16)
            with torch.no_grad():
                out = attend_with(kernel, *inputs, mask=mask, scoring=Scoring(0.25, 30.0))
            expected = by_products(inputs, forest, window, Scoring(0.25, 30.0))
            torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
        counts.append(len(graphs))
    assert counts == [2] * 6, "one with a window and one without, made by the first forest"
    torch.compiler.reset()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
def test_a_kernel_that_goes_by_the_block_lists_equals_the_products() -> None:
    # Uncompiled, only the mask function counts. With a window torch 2.13 writes C++ that does not compile.
    torch.compiler.reset()
    kernel: Any = torch.compile(over_blocks, dynamic=False, fullgraph=True)
    for grove in (TWO_LEVELS, ONE_LONG, EXACT_FIT, [(5, [])]):
        forest = grown(grove)
        inputs = operands((4, 2), forest.num_tokens, 32)
        with torch.no_grad():
            out = attend_with(kernel, *inputs, mask=make_mask(forest, None, "cpu"), scoring=Scoring(0.25))
        torch.testing.assert_close(out, by_products(inputs, forest, None, Scoring(0.25)), rtol=1e-4, atol=1e-5)
    torch.compiler.reset()


def test_an_empty_forest_has_an_empty_output() -> None:
    forest = grown([])
    with uncompiled():
        out = attend_with(
            over_blocks, *operands((2, 1), 0, 16), mask=make_mask(forest, 8, "cpu"), scoring=Scoring(0.25)
        )
    assert out.shape == (0, 32)


@pytest.mark.parametrize(
    ("device", "dtype", "head_size", "dropout", "expected"),
    [
        ("cuda", torch.bfloat16, 64, 0.0, True),
        ("cuda", torch.float32, 256, 0.0, True),
        ("cuda", torch.float16, 96, 0.0, True),
        ("cuda", torch.bfloat16, 64, 0.1, False),
        ("cuda", torch.bfloat16, 8, 0.0, False),
        ("cuda", torch.bfloat16, 512, 0.0, False),
        ("cuda", torch.float64, 64, 0.0, False),
        ("cpu", torch.bfloat16, 64, 0.0, False),
        ("mps", torch.float32, 64, 0.0, False),
    ],
)
@pytest.mark.parametrize("softcap", [None, 50.0])
def test_flex_is_used_on_cuda_for_what_its_kernels_can_do(
    device: str, dtype: torch.dtype, head_size: int, dropout: float, expected: bool, softcap: float | None
) -> None:
    assert uses_flex(device, dtype, head_size, Scoring(0.1, softcap, dropout)) is expected


def test_the_cpu_attends_by_products_and_learns() -> None:
    forest = to_tensors(grown(TWO_LEVELS), "cpu")
    # FlexAttention would refuse operands that want gradients here.
    inputs = [x.requires_grad_() for x in operands((4, 2), forest.forest.num_tokens, 16)]
    q, k, v = inputs
    out = attend(q, k, v, forest, window=100, scoring=Scoring(0.25))
    assert torch.equal(out, by_products(inputs, forest.forest, 100, Scoring(0.25)))
    assert all(gradient.abs().sum() > 0 for gradient in torch.autograd.grad(out.square().sum(), inputs))


def test_a_block_mask_is_made_once_for_each_window() -> None:
    forest: ForestTensors = to_tensors(grown(TWO_LEVELS), "cpu")
    assert forest.block_mask(100) is forest.block_mask(100)
    assert forest.block_mask(100) is not forest.block_mask(None)
    assert forest.block_mask(100).reach_P is not None
    # No row is longer than 440 tokens, so that this window cuts nothing off.
    assert forest.block_mask(440).reach_P is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("window", [None, 100])
@pytest.mark.parametrize("softcap", [None, 20.0])
@pytest.mark.parametrize("size", [64, 96, 128])
def test_flex_on_a_gpu_equals_the_products_forward_and_backward(
    size: int, softcap: float | None, window: int | None, dtype: torch.dtype
) -> None:
    scoring = Scoring(size**-0.5, softcap)
    for grove in (TWO_LEVELS, ONE_LONG, EXACT_FIT, [(5, [])]):
        forest = to_tensors(grown(grove), "cuda")
        inputs = operands((4, 2), forest.forest.num_tokens, size, device="cuda", dtype=dtype)
        inputs = [x.requires_grad_() for x in inputs]
        exact = [x.detach().double().cpu().float().requires_grad_() for x in inputs]
        gradient = torch.randn(forest.forest.num_tokens, 4 * size, device="cuda", dtype=dtype)
        assert uses_flex("cuda", dtype, size, scoring)
        q, k, v = inputs
        out = attend(q, k, v, forest, window=window, scoring=scoring)
        found = [out, *torch.autograd.grad(out, inputs, gradient)]
        expected = by_products(exact, forest.forest, window, scoring)
        wanted = [expected, *torch.autograd.grad(expected, exact, gradient.float().cpu())]
        for one, other in zip(found, wanted, strict=True):
            difference = torch.linalg.vector_norm(one.float().cpu() - other) / torch.linalg.vector_norm(other)
            assert difference < (1e-4 if dtype == torch.float32 else 1e-2)
