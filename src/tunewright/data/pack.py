"""From token rows to the batches that the loop consumes: which rows go together, and their arrays.

A batch names, for every taught token, the place of its predecessor: the triples (query, target, weight) are all that
an objective sees of the labels. The prompt tree will replace the padded layout of `tokens_BT` behind the same triples.
Deliberately does not know epochs, objectives or devices.

Axes: B rows, T longest row in tokens, N taught tokens of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewright.data.encode import EncodedRow


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows side by side, filled up on the right.

    `query_N` indexes `tokens_BT.reshape(-1)`: the token whose hidden state predicts `target_N`.
    """

    tokens_BT: np.ndarray
    """int64."""
    lengths_B: np.ndarray
    """int64, each at least 1 and at most T."""
    query_N: np.ndarray
    """int64."""
    target_N: np.ndarray
    """int64 token ids."""
    weight_N: np.ndarray
    """float32, above 0."""

    @property
    def num_tokens(self) -> int:
        """Tokens of the rows, without the filling."""
        return int(self.lengths_B.sum())

    @property
    def weight_sum(self) -> float:
        """What a mean over the taught tokens divides by."""
        return float(self.weight_N.sum(dtype=np.float64))


def collate(rows: Sequence[EncodedRow], pad_id: int) -> Batch:
    """Return the rows as one batch, in order. `rows` is not empty."""
    lengths_B = np.array([row.num_tokens for row in rows], dtype=np.int64)
    num_columns = int(lengths_B.max())
    tokens_BT = np.full((len(rows), num_columns), pad_id, dtype=np.int64)
    weights_BT = np.zeros((len(rows), num_columns), dtype=np.float32)
    for index, row in enumerate(rows):
        tokens_BT[index, : row.num_tokens] = row.ids
        weights_BT[index, : row.num_tokens] = row.weights
    # A first token has no predecessor in its row; the flat predecessor would be the end of the row above.
    weights_BT[:, 0] = 0
    place_N = np.flatnonzero(weights_BT)
    return Batch(tokens_BT, lengths_B, place_N - 1, tokens_BT.reshape(-1)[place_N], weights_BT.reshape(-1)[place_N])


def plan_steps(
    lengths: Sequence[int], order: Sequence[int] | np.ndarray, batch_size: int, micro_batch_tokens: int
) -> list[list[list[int]]]:
    """Return the optimiser steps of one epoch: steps → micro-batches → row indices.

    Every step takes the next `batch_size` rows of `order` (the last one takes what is left). Inside a step, rows are
    sorted by length, because filling costs as much as text, and cut so that rows · longest ≤ `micro_batch_tokens`;
    only a row that is longer by itself stands alone above it. The longest come first: memory runs out at once or never.
    """
    indices = [int(index) for index in order]
    steps = [indices[start : start + batch_size] for start in range(0, len(indices), batch_size)]
    return [_micro_batches(lengths, step, micro_batch_tokens) for step in steps]


def _micro_batches(lengths: Sequence[int], step: Sequence[int], micro_batch_tokens: int) -> list[list[int]]:
    micro_batches: list[list[int]] = []
    for index in sorted(step, key=lambda each: -lengths[each]):
        current = micro_batches[-1] if micro_batches else []
        if current and (len(current) + 1) * lengths[current[0]] <= micro_batch_tokens:
            current.append(index)
        else:
            micro_batches.append([index])
    return micro_batches
