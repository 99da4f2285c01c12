"""Which queries meet which keys in a forest, cut into few, large, mostly unmasked products.

A tree is one block that attends to itself under its own mask where that is cheaper: it computes scores that the mask
drops, but needs no calls per branch. In any other each segment is cut into blocks of
at most `MAX_BLOCK` tokens; a block is to those behind it in its segment what a parent is to its children. A block then
attends to itself (batched with other blocks of like length) and everything below it attends to the whole of it:
descendants stand back to back, so that is one product of two slices, without a mask and without gathering.
Deliberately does not compute attention, nor know heads.

Axes: T tokens of the forest, B blocks of a bucket, L their length after filling up.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from tunewright.data.forest import Forest, Segment, segments
from tunewright.models.shapes import round_blocks, round_length

MAX_BLOCK = 512
"""Longest block. Shorter ones waste less of the causal half, longer ones need fewer calls: see docs/training.md."""
MAX_TREE = 1024
"""Largest tree that may be one block: its mask has the square of it."""
CALL_AREA = 16384
"""Scores of one head that take as long as the calls of one more product do; 8,192 to 40,000 are alike."""
_CALLS_OF_PARTS = 8
"""What a tree in parts needs beside a product for each branching, in calls: its bucket, and joining the parts."""


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """Blocks of like length that attend to themselves, filled up at the end.

    Attributes:
        num_blocks, length: B and L.
        tokens: int64 [B · L], the token at each place; places that fill up repeat a token of their block.
        places: slice of the concatenated places of all buckets.
        mask: [1, L, L], or [B, L, L] for trees, in the dtype of the scores: 0 where a query sees a key, else −inf.
        is_merged: whether its blocks also attend to ancestors.
        is_whole: whether the bucket is the whole forest in its order, so that nothing needs gathering.
        filled: int64, the places that fill up; None if there are none.
    """

    num_blocks: int
    length: int
    tokens: torch.Tensor
    places: slice
    mask: torch.Tensor
    is_merged: bool
    is_whole: bool
    filled: torch.Tensor | None


@dataclass(frozen=True, slots=True, eq=False)
class Cross:
    """All of `queries` attend to all of `keys`, or to those that `mask` ([queries, keys], 0 or −inf) leaves."""

    queries: slice
    keys: slice
    mask: torch.Tensor | None


@dataclass(frozen=True, slots=True, eq=False)
class AttentionPlan:
    """The products of one forest for one sliding window (or none); used by every layer that has that window.

    `place_T`: int64 [T], the place of each token among the concatenated places of the buckets; meaningless for the
    tokens of `fused`, the rows that are left to the fused kernel.
    """

    num_tokens: int
    buckets: tuple[Bucket, ...]
    crosses: tuple[Cross, ...]
    place_T: torch.Tensor
    fused: tuple[slice, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether places and tokens are the same."""
        return len(self.buckets) == 1 and self.buckets[0].is_whole


def make_plan(
    forest: Forest,
    window: int | None,
    dtype: torch.dtype,
    device: torch.device | str,
    *,
    fused_from: int | None = None,
) -> AttentionPlan:
    """Return the plan of `forest`; with a `window` a token sees those less than `window` positions before it.

    Rows that share nothing, of `fused_from` tokens or more, are not cut into blocks, unless there is a window.
    """
    if window is not None and (not forest.num_tokens or int(forest.positions.max()) < window):
        window = None
    some = segments(forest)
    fused = [] if fused_from is None or window is not None else [s for s in some if _is_alone(forest, s, fused_from)]
    blocks = _blocks([segment for segment in some if segment not in fused])
    make = _Maker(forest, window, dtype, device)
    buckets: list[Bucket] = []
    for is_merged in (False, True):
        for is_tree in (False, True):
            some = [b for b in blocks if (forest.positions[b.start] > 0) == is_merged and b.is_tree == is_tree]
            for group in _alike(some):
                first_place = buckets[-1].places.stop if buckets else 0
                buckets.append(make.bucket(group, first_place, is_merged=is_merged))
    crosses = tuple(make.cross(block) for block in blocks if block.subtree_end > block.end)
    rows = tuple(slice(segment.start, segment.end) for segment in fused)
    return AttentionPlan(forest.num_tokens, tuple(buckets), crosses, make.places(), rows)


def is_whole_forest(blocks: Sequence[_Block], num_tokens: int) -> bool:
    """Return whether blocks of one length stand back to back over the whole forest: then nothing is gathered."""
    length = blocks[0].end - blocks[0].start
    return len(blocks) * length == num_tokens and all(
        block.start == k * length and block.end - block.start == length for k, block in enumerate(blocks)
    )


class _Block(NamedTuple):
    """Tokens `start` … `end` − 1 that attend to themselves at once; what is below them ends at `subtree_end`."""

    start: int
    end: int
    subtree_end: int
    is_tree: bool = False


def _is_alone(forest: Forest, segment: Segment, least: int) -> bool:
    is_row = not forest.positions[segment.start] and segment.subtree_end == segment.end
    return is_row and segment.end - segment.start >= least


def _blocks(some: Sequence[Segment]) -> list[_Block]:
    blocks: list[_Block] = []
    for index, segment in enumerate(some):
        start, end, subtree_end = segment
        if blocks and start < blocks[-1].end:
            # Inside a tree that is one block.
            continue
        if end < subtree_end <= start + MAX_TREE and _is_cheaper_whole(some, index):
            blocks.append(_Block(start, subtree_end, subtree_end, is_tree=True))
            continue
        edges = [*range(start, end, MAX_BLOCK), end]
        blocks += [_Block(a, b, subtree_end) for a, b in itertools.pairwise(edges)]
    return blocks


def _is_cheaper_whole(some: Sequence[Segment], index: int) -> bool:
    root = some[index]
    whole = (root.subtree_end - root.start) ** 2
    parts = CALL_AREA * _CALLS_OF_PARTS
    for start, end, subtree_end in itertools.takewhile(lambda each: each.start < root.subtree_end, some[index:]):
        parts += (end - start) * (subtree_end - start)
        parts += CALL_AREA if subtree_end > end else 0
    return whole <= parts


def _alike(blocks: Sequence[_Block]) -> list[list[_Block]]:
    """Return the blocks in buckets, the longest first, such that scores and calls together take the least time.

    A bucket computes squares of its longest block. Blocks in order of length are cut where that is cheapest, by dynamic
    programming over the different lengths; blocks of one length are never parted.
    """
    ordered = sorted(blocks, key=lambda each: each.start - each.end)
    lengths = [round_length(block.end - block.start) for block in ordered]
    edges = [k for k in range(len(lengths)) if not k or lengths[k] != lengths[k - 1]] + [len(lengths)]
    best: list[tuple[int, int]] = [(0, 0)]
    for end in range(1, len(edges)):
        best.append(
            min(
                (
                    best[start][0] + round_blocks(edges[end] - edges[start]) * lengths[edges[start]] ** 2 + CALL_AREA,
                    start,
                )
                for start in range(end)
            )
        )
    groups: list[list[_Block]] = []
    end = len(edges) - 1
    while end:
        start = best[end][1]
        groups.append(ordered[edges[start] : edges[end]])
        end = start
    return groups[::-1]


class _Maker:
    def __init__(self, forest: Forest, window: int | None, dtype: torch.dtype, device: torch.device | str) -> None:
        self.forest, self.window, self.dtype, self.device = forest, window, dtype, device
        self._place_T = np.zeros(forest.num_tokens, dtype=np.int64)

    def places(self) -> torch.Tensor:
        return torch.from_numpy(self._place_T).to(self.device)

    def bucket(self, blocks: Sequence[_Block], first_place: int, *, is_merged: bool) -> Bucket:
        starts = np.array([block.start for block in blocks])
        lengths = np.array([block.end - block.start for block in blocks])
        longest, num_blocks = round_length(int(lengths.max())), round_blocks(len(blocks))
        if is_whole_forest(blocks, self.forest.num_tokens):
            longest, num_blocks = int(lengths.max()), len(blocks)
        # A block that only fills up repeats the first token of the forest, and no token of its own is real.
        starts = np.concatenate([starts, np.zeros(num_blocks - len(blocks), dtype=starts.dtype)])
        lengths = np.concatenate([lengths, np.zeros(num_blocks - len(blocks), dtype=lengths.dtype)])
        offset_BL = np.broadcast_to(np.arange(longest), (num_blocks, longest))
        is_real_BL = offset_BL < lengths[:, None]
        tokens_BL = starts[:, None] + np.where(is_real_BL, offset_BL, 0)
        place_BL = first_place + np.arange(tokens_BL.size).reshape(tokens_BL.shape)
        self._place_T[tokens_BL[is_real_BL]] = place_BL[is_real_BL]
        return Bucket(
            num_blocks=num_blocks,
            length=longest,
            tokens=torch.from_numpy(tokens_BL.reshape(-1).astype(np.int64)).to(self.device),
            places=slice(first_place, first_place + tokens_BL.size),
            mask=self._tree_masks(blocks, num_blocks, longest) if blocks[0].is_tree else self._causal(longest),
            is_merged=is_merged,
            is_whole=np.array_equal(tokens_BL.reshape(-1), np.arange(self.forest.num_tokens)),
            filled=None if is_real_BL.all() else torch.from_numpy(np.flatnonzero(~is_real_BL)).to(self.device),
        )

    def cross(self, block: _Block) -> Cross:
        queries, keys = slice(block.end, block.subtree_end), slice(block.start, block.end)
        positions = self.forest.positions
        if self.window is None or int(positions[queries].max()) - int(positions[keys][0]) < self.window:
            return Cross(queries, keys, None)
        return Cross(queries, keys, self._additive(self._sees(positions[queries], positions[keys])))

    def _causal(self, length: int) -> torch.Tensor:
        return self._additive(self._sees(np.arange(length), np.arange(length)))[None]

    def _tree_masks(self, blocks: Sequence[_Block], num_blocks: int, length: int) -> torch.Tensor:
        """Return [B, L, L]; what fills up sees itself and is seen by no real token, as it stands behind them all."""
        index_L = np.arange(length)
        ends_BL = np.full((num_blocks, length), length)
        positions_BL = np.broadcast_to(index_L, (num_blocks, length)).copy()
        for row, block in enumerate(blocks):
            size = block.end - block.start
            ends_BL[row, :size] = self.forest.subtree_end[block.start : block.end] - block.start
            positions_BL[row, :size] = self.forest.positions[block.start : block.end]
            positions_BL[row, size:] = positions_BL[row, size - 1] + 1 + np.arange(length - size)
        sees_BLL = (index_L[None, :, None] >= index_L[None, None, :]) & (index_L[None, :, None] < ends_BL[:, None, :])
        if self.window is not None:
            sees_BLL &= positions_BL[:, :, None] - positions_BL[:, None, :] < self.window
        return self._additive(sees_BLL)

    def _sees(self, query_positions: np.ndarray, key_positions: np.ndarray) -> np.ndarray:
        distance = query_positions[:, None].astype(np.int64) - key_positions[None, :]
        return (distance >= 0) & (distance < self.window) if self.window is not None else distance >= 0

    def _additive(self, sees: np.ndarray) -> torch.Tensor:
        mask = torch.zeros(sees.shape, dtype=self.dtype, device=self.device)
        return mask.masked_fill_(torch.from_numpy(~sees).to(self.device), float("-inf"))
