"""Forests made from the shape of their trees alone, for tests of attention."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewright.data.forest import Forest, Targets

Tree = tuple[int, list["Tree"]]
"""Tokens of a segment, and the trees below it."""


def grown(grove: Sequence[Tree]) -> Forest:
    """Return the forest with these trees; ids and targets are of no matter to attention."""
    positions: list[int] = []
    ends: list[int] = []

    def plant(tree: Tree, depth: int) -> None:
        length, below = tree
        start = len(ends)
        positions.extend(range(depth, depth + length))
        ends.extend([0] * length)
        for each in below:
            plant(each, depth + length)
        ends[start : start + length] = [len(ends)] * length

    for tree in grove:
        plant(tree, 0)
    none = np.empty(0, np.int64)
    targets = Targets(none, none, none.astype(np.float32))
    num_tokens = len(ends)
    return Forest(
        np.zeros(num_tokens, np.int32), np.array(positions, np.int32), np.array(ends, np.int32), targets,
        none.astype(np.int32),
    )  # fmt: skip
