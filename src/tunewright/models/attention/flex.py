"""Forest attention by FlexAttention (arXiv 2412.05496), the back end of CUDA devices: one fused kernel a layer.

    token i sees token j  ⇔  j ≤ i  and  i < subtree_end[j]  and, with a window w,  positions[i] − positions[j] < w
    score = scale · qᵀk, then cap · tanh(score / cap) if there is a cap

The kernel skips blocks of 128 · 128 scores that nothing sees and asks for the predicate only in blocks that are seen in
part. Which those are is read from the forest block by block on the host; no [T, T] mask is ever made, as torch's own
`create_block_mask` would. Deliberately does not know which devices take it (`attention/backend`).

Every batch has another length, and a compiled kernel must not be compiled again for each. So a forest is filled up to a
multiple of 128 tokens and at least two blocks (1 is a size that torch always compiles apart, and a single short block
would pick another kernel); a token that fills up sees itself alone. Lengths and numbers of blocks are then marked as
dynamic, everything else is constant. `dynamic=True` would do less: it makes symbols of scale and cap as well, and
FlexAttention refuses a captured float that is a symbol (torch 2.13). What is left to compile, once in a process, is
one kernel each for layers with and without a window, with and without gradients.

Axes: H query heads, K key heads, T tokens, P tokens with those that fill up, n = P / 128 blocks, D head size.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from tunewright.data.forest import Forest
from tunewright.models.attention.products import Scoring

BLOCK = 128
"""Side of a block of scores: torch's default, of which the tiles of all its kernels are parts."""
_FEWEST_BLOCKS = 2
_RECOMPILES = 64
"""Kernels per process before torch gives up. Two models with windows and frozen layers would pass its default, 8."""


class BlockLists(NamedTuple):
    """For each block on one side the blocks on the other that it meets; int32, on the device.

    `num_partial`, `num_full`: [1, 1, n]. `partial`, `full`: [1, 1, n, n], those that count stand first in each line.
    """

    num_partial: torch.Tensor
    partial: torch.Tensor
    num_full: torch.Tensor
    full: torch.Tensor


class TreeMask(NamedTuple):
    """What tokens see, by token and by block. `position_P` and `reach_P` are None where no window cuts anything off.

    A key at `position` is seen from positions below its `reach` = position + window. All by token: int32 [P].
    """

    subtree_end_P: torch.Tensor
    position_P: torch.Tensor | None
    reach_P: torch.Tensor | None
    keys: BlockLists
    queries: BlockLists


Kernel = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, TreeMask, Scoring], torch.Tensor]


def attend(
    q_HTD: torch.Tensor, k_KTD: torch.Tensor, v_KTD: torch.Tensor, mask: TreeMask, scoring: Scoring
) -> torch.Tensor:
    """Return the attention's output, [T, H · D], by the compiled kernel. Scores must be without dropout."""
    return attend_with(_compiled(), q_HTD, k_KTD, v_KTD, mask=mask, scoring=scoring)


def attend_with(
    kernel: Kernel,
    q_HTD: torch.Tensor,
    k_KTD: torch.Tensor,
    v_KTD: torch.Tensor,
    *,
    mask: TreeMask,
    scoring: Scoring,
) -> torch.Tensor:
    """Return the same by `kernel`: `over_blocks`, or what a compiler made of it."""
    num_tokens = q_HTD.shape[1]
    extra = len(mask.subtree_end_P) - num_tokens
    q, k, v = (_marked(torch.nn.functional.pad(x, (0, 0, 0, extra))[None], 2) for x in (q_HTD, k_KTD, v_KTD))
    out_HPD = kernel(q, k, v, mask, scoring)[0]
    return out_HPD[:, :num_tokens].transpose(0, 1).flatten(1)


def over_blocks(
    q_1HPD: torch.Tensor, k_1KPD: torch.Tensor, v_1KPD: torch.Tensor, mask: TreeMask, scoring: Scoring
) -> torch.Tensor:
    """Return softmax(scores) V, [1, H, P, D]: the function that is compiled."""
    # Tells the compiler that lengths are multiples of the block, so that the kernel need not look out for its ends.
    length = BLOCK * mask.keys.partial.shape[-1]
    torch._check(q_1HPD.shape[2] == length)
    torch._check(k_1KPD.shape[2] == length)
    torch._check(v_1KPD.shape[2] == length)
    blocks = BlockMask(
        (length, length),
        *mask.keys,
        *mask.queries,
        BLOCK_SIZE=(BLOCK, BLOCK),
        mask_mod=mask_function(mask),
    )
    out: Any = flex_attention(
        q_1HPD,
        k_1KPD,
        v_1KPD,
        score_mod=score_function(scoring),
        block_mask=blocks,
        scale=scoring.scale,
        enable_gqa=q_1HPD.shape[1] != k_1KPD.shape[1],
    )
    return out


def mask_function(mask: TreeMask) -> Callable[..., torch.Tensor]:
    """Return the predicate as FlexAttention asks for it: (batch, head, query index, key index) → bool."""
    subtree_end_P, position_P, reach_P = mask.subtree_end_P, mask.position_P, mask.reach_P

    def sees(batch: torch.Tensor, head: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return (key <= query) & (query < subtree_end_P[key])

    if position_P is None or reach_P is None:
        return sees

    def sees_near(batch: torch.Tensor, head: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return (key <= query) & (query < subtree_end_P[key]) & (position_P[query] < reach_P[key])

    return sees_near


def score_function(scoring: Scoring) -> Callable[..., torch.Tensor] | None:
    """Return what happens to scaled scores: (score, batch, head, query index, key index) → score; None for nothing."""
    cap = scoring.softcap
    if cap is None:
        return None

    def bend(score: torch.Tensor, *place: torch.Tensor) -> torch.Tensor:
        return cap * torch.tanh(score / cap)

    return bend


def make_mask(forest: Forest, window: int | None, device: torch.device | str) -> TreeMask:
    """Return what the tokens of `forest` see, with a sliding window (see `attention/plan`) or without."""
    size = BLOCK * max(_FEWEST_BLOCKS, -(-forest.num_tokens // BLOCK))
    if window is not None and (not forest.num_tokens or int(forest.positions.max()) < window):
        window = None
    subtree_end_P = np.arange(1, size + 1, dtype=np.int32)
    subtree_end_P[: forest.num_tokens] = forest.subtree_end
    position_P = np.zeros(size, dtype=np.int32)
    position_P[: forest.num_tokens] = forest.positions
    is_seen, is_full = _seen_blocks(subtree_end_P, position_P, window)
    is_near = window is not None
    return TreeMask(
        subtree_end_P=_marked(torch.from_numpy(subtree_end_P).to(device)),
        position_P=_marked(torch.from_numpy(position_P).to(device)) if is_near else None,
        reach_P=_marked(torch.from_numpy(position_P + np.int32(window)).to(device)) if is_near else None,
        keys=_lists(is_seen & ~is_full, is_full, device),
        queries=_lists((is_seen & ~is_full).T, is_full.T, device),
    )


def _seen_blocks(
    subtree_end_P: np.ndarray, position_P: np.ndarray, window: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return [n, n] bool, queries · keys: blocks of which anything is seen, and those of which all is.

    With a window some of the first may hold nothing; the predicate is asked there, so that costs time and no more.
    """
    end, position = subtree_end_P.reshape(-1, BLOCK), position_P.reshape(-1, BLOCK)
    number = np.arange(len(end))
    first, last = number[:, None] * BLOCK, number[:, None] * BLOCK + BLOCK - 1
    is_seen = (number[None, :] <= number[:, None]) & (first < end.max(1))
    is_full = (number[None, :] < number[:, None]) & (last < end.min(1))
    if window is not None:
        low, high = position.min(1), position.max(1)
        is_seen &= low[:, None] - high[None, :] < window
        is_full &= high[:, None] - low[None, :] < window
    return is_seen, is_full


def _lists(is_partial: np.ndarray, is_full: np.ndarray, device: torch.device | str) -> BlockLists:
    made: list[torch.Tensor] = []
    for meets in (is_partial, is_full):
        order = np.argsort(~meets, axis=1, kind="stable")
        for each, last in ((meets.sum(1), 2), (order, 3)):
            tensor = torch.from_numpy(each.astype(np.int32))[None, None].to(device)
            made.append(_marked(tensor, *range(2, last + 1)))
    return BlockLists(*made)


def _marked(tensor: torch.Tensor, *axes: int) -> torch.Tensor:
    """Return the tensor with its axes (the first, if none is named) marked as of another size in every batch."""
    for axis in axes or (0,):
        torch._dynamo.mark_dynamic(tensor, axis)
    return tensor


@cache
def _compiled() -> Kernel:
    # torch 2.9 has its limit for the whole process only.
    limit: Any = {"recompile_limit": _RECOMPILES} if "recompile_limit" in signature(torch.compile).parameters else {}
    # fullgraph: beyond the limit torch would otherwise go on uncompiled and make all [H, T, T] scores, without a word.
    return torch.compile(over_blocks, dynamic=False, fullgraph=True, **limit)
