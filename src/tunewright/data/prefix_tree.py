"""Rows that begin alike, grown into trees: what they share stands once in the forest, and is computed once.

Sorted by their token ids, rows with a common prefix are neighbours, and the lengths of the prefixes that neighbours
share are all that a tree needs. A prefix is shared where that saves more than its bookkeeping costs. What follows the
last token that predicts something is left away: no loss depends on it. Deliberately does not know tensors, nor which
rows come together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from tunewright.data.encode import EncodedRow
from tunewright.data.forest import Forest, Targets

MIN_PREFIX = 16
"""Shortest prefix, in tokens, that is shared: a branching point costs a few small calls in each layer."""
MIN_SAVED = 32
"""Fewest tokens that sharing a prefix must spare, over all rows that have it."""


def useful_tokens(row: EncodedRow) -> int:
    """Return how many tokens of the row must be computed: all before the last taught one, which is only predicted."""
    taught = np.flatnonzero(row.weights)
    return int(taught[-1]) if len(taught) else 0


def sort_by_prefix(rows: Sequence[EncodedRow]) -> list[int]:
    """Return the indices of the rows in the order of their useful ids, so that rows that begin alike are neighbours."""
    # Big-endian bytes sort as the numbers do; equal rows keep their order.
    keys = [row.ids[: useful_tokens(row)].astype(">i4").tobytes() for row in rows]
    return sorted(range(len(rows)), key=keys.__getitem__)


def shared_length(first: np.ndarray, second: np.ndarray) -> int:
    """Return how many tokens two rows have in common at their beginning."""
    length = min(len(first), len(second))
    different = first[:length] != second[:length]
    # argmax finds the first True, and 0 where there is none.
    place = int(different.argmax()) if length else 0
    return place if length and different[place] else length


def grow(rows: Sequence[EncodedRow]) -> Forest:
    """Return the rows, at least one, as a forest in which every prefix worth it is shared.

    Trees and branches stand in the order of their token ids, not in that of the rows: `target_row` says which is which.
    """
    order = sort_by_prefix(rows)
    ids = [rows[index].ids[: useful_tokens(rows[index])] for index in order]
    neighbours = [0] + [shared_length(first, second) for first, second in pairwise(ids)]
    garden = _Garden(ids, neighbours)
    garden.plant(0, len(ids), 0, [])
    return garden.forest(rows, order)


@dataclass
class _Garden:
    """A forest while it grows: rows `ids` in sorted order; `neighbours[k]` tokens are shared by rows k − 1 and k."""

    ids: list[np.ndarray]
    neighbours: list[int]
    pieces: list[np.ndarray] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    """Position of the first token of each segment."""
    ends: list[int] = field(default_factory=list)
    """End of each segment's subtree."""
    paths: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """Of each row, its segments as (position of the first token, place of it in the forest)."""
    size: int = 0

    def plant(self, first: int, last: int, depth: int, path: list[tuple[int, int]]) -> None:
        """Add the rows first … last − 1, which share their first `depth` tokens; those stand at `path` already."""
        if last - first == 1:
            self._add_leaf(first, depth, path)
            return
        shared = min(self.neighbours[first + 1 : last])
        if shared - depth < MIN_PREFIX or (shared - depth) * (last - first - 1) < MIN_SAVED:
            self._plant_branches(first, last, depth, path, shared)
            return
        index, branch = self._add_segment(first, depth, shared, path)
        self._plant_branches(first, last, shared, branch, shared)
        self.ends[index] = self.size

    def _plant_branches(self, first: int, last: int, depth: int, path: list[tuple[int, int]], shared: int) -> None:
        """Add the groups of rows that share more than `shared` tokens, each with a branch of its own."""
        cuts = [first, *(k for k in range(first + 1, last) if self.neighbours[k] == shared), last]
        for start, end in pairwise(cuts):
            self.plant(start, end, depth, path)

    def _add_leaf(self, row: int, depth: int, path: list[tuple[int, int]]) -> None:
        index, branch = self._add_segment(row, depth, len(self.ids[row]), path)
        if index >= 0:
            self.ends[index] = self.size
        self.paths[row] = branch

    def _add_segment(
        self, row: int, depth: int, end: int, path: list[tuple[int, int]]
    ) -> tuple[int, list[tuple[int, int]]]:
        if end == depth:
            return -1, path
        self.pieces.append(self.ids[row][depth:end])
        self.depths.append(depth)
        self.ends.append(0)
        branch = [*path, (depth, self.size)]
        self.size += end - depth
        return len(self.pieces) - 1, branch

    def forest(self, rows: Sequence[EncodedRow], order: Sequence[int]) -> Forest:
        """Return what has grown."""
        lengths = [len(piece) for piece in self.pieces]
        positions = [np.arange(depth, depth + n) for depth, n in zip(self.depths, lengths, strict=True)]
        targets = [self._targets(rows[index], self.paths[k]) for k, index in enumerate(order)]
        counts = [len(each.weight) for each in targets]
        return Forest(
            ids=_joined(self.pieces, np.int32),
            positions=_joined(positions, np.int32),
            subtree_end=np.repeat(np.array(self.ends, dtype=np.int32), lengths),
            targets=Targets(
                _joined([each.query_index for each in targets], np.int64),
                _joined([each.target_id for each in targets], np.int64),
                _joined([each.weight for each in targets], np.float32),
            ),
            target_row=np.repeat(np.array(order, dtype=np.int32), counts),
        )

    def _targets(self, row: EncodedRow, path: list[tuple[int, int]]) -> Targets:
        taught = np.flatnonzero(row.weights)
        depths, starts = np.array([each[0] for each in path]), np.array([each[1] for each in path])
        if not len(taught):
            return Targets(taught, taught, row.weights[taught])
        segment = np.searchsorted(depths, taught - 1, side="right") - 1
        return Targets(starts[segment] + taught - 1 - depths[segment], row.ids[taught], row.weights[taught])


def _joined(arrays: Sequence[np.ndarray], dtype: type[np.generic]) -> np.ndarray:
    return np.concatenate(arrays).astype(dtype, copy=False) if arrays else np.empty(0, dtype)
