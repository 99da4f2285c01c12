"""The forest: token rows laid out back to back, so that a shared prefix would be computed once and no padding at all.

Segments stand in depth-first order. One integer per token, the end of its segment's subtree, describes causality,
shared prefixes and the borders between rows alike: token i attends to token j ⇔ j ≤ i and i < subtree_end[j]. Every
taught token names its predecessor, because behind a branching point one token predicts a successor for each branch.
Deliberately does not know how rows come to share a prefix (`prefix_tree`), nor tensors.

Axes: T tokens of the forest, N taught tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tunewright.data.encode import EncodedRow


class Targets(NamedTuple):
    """What is taught: the token at `query_index` predicts `target_id`, with `weight` (all above 0).

    A token of a shared prefix that is taught in several rows stands here once for each of them.
    """

    query_index: np.ndarray
    """int64, [N], indices into the forest."""
    target_id: np.ndarray
    """int64, [N]."""
    weight: np.ndarray
    """float32, [N]."""


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Token rows in one array. `positions` restart for each row: a token's distance from the beginning of its row."""

    ids: np.ndarray
    """int32, [T]."""
    positions: np.ndarray
    """int32, [T], ≥ 0."""
    subtree_end: np.ndarray
    """int32, [T]; index + 1 ≤ subtree_end ≤ T."""
    targets: Targets
    target_row: np.ndarray
    """int32, [N]: which of the rows that the forest was made of a taught token belongs to."""

    @property
    def num_tokens(self) -> int:
        """Tokens that are computed."""
        return len(self.ids)

    @property
    def weight_sum(self) -> float:
        """What a mean over the taught tokens divides by."""
        return float(self.targets.weight.sum(dtype=np.float64))


def pack(rows: Sequence[EncodedRow]) -> Forest:
    """Return the rows, at least one, as a forest in which each is a tree of one segment: nothing is shared."""
    lengths = np.array([row.num_tokens for row in rows], dtype=np.int64)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    weights_T = np.concatenate([row.weights for row in rows])
    # A first token has no predecessor in its row; the one before it is the end of another row.
    weights_T[starts] = 0
    ids = np.concatenate([row.ids for row in rows]).astype(np.int32, copy=False)
    place_N = np.flatnonzero(weights_T)
    return Forest(
        ids=ids,
        positions=(np.arange(len(ids)) - np.repeat(starts, lengths)).astype(np.int32),
        subtree_end=np.repeat(ends, lengths).astype(np.int32),
        targets=Targets(place_N - 1, ids[place_N].astype(np.int64), weights_T[place_N]),
        target_row=np.repeat(np.arange(len(rows), dtype=np.int32), lengths)[place_N],
    )


class Segment(NamedTuple):
    """A run of tokens without a branching point: `start` ≤ its tokens < `end` ≤ its descendants < `subtree_end`."""

    start: int
    end: int
    subtree_end: int


def segments(forest: Forest) -> list[Segment]:
    """Return the segments in depth-first order, read from the arrays alone.

    All tokens of a segment see the same ancestors and themselves up to their own place; all descendants see all of it.
    """
    if not forest.num_tokens:
        return []
    is_start_T = np.ones(forest.num_tokens, dtype=bool)
    is_start_T[1:] = (np.diff(forest.subtree_end) != 0) | (np.diff(forest.positions) != 1)
    starts = np.flatnonzero(is_start_T)
    ends = np.append(starts[1:], forest.num_tokens)
    subtree_ends = forest.subtree_end[starts]
    return [Segment(*map(int, each)) for each in zip(starts, ends, subtree_ends, strict=True)]


def attention_mask(forest: Forest) -> np.ndarray:
    """Return the dense mask, [T, T] bool: row i is what token i attends to. For tests and for looking at."""
    index_T = np.arange(forest.num_tokens)
    return (index_T[None, :] <= index_T[:, None]) & (index_T[:, None] < forest.subtree_end[None, :])
