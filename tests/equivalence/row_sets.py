"""Rows that grow into trees: a strategy for sets of them, with every way in which rows may have something in common.

Rows share a first prefix, or that and a second one, or nothing; some repeat another row or are the beginning of one;
some are one token long; what is taught begins anywhere, also inside a shared prefix. Deliberately does not know models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from tests.equivalence.architectures import VOCABULARY
from tunewright.data.encode import EncodedRow
from tunewright.data.rows import TextRow

WEIGHTS = (0.25, 0.5, 1.0, 2.0)


class Thresholds(NamedTuple):
    """Constants of the engine that decide how a forest is cut, drawn so that small rows meet every branch."""

    min_prefix: int
    min_saved: int
    max_block: int
    max_tree: int
    max_tokens: int


thresholds = st.builds(
    Thresholds,
    min_prefix=st.sampled_from([1, 4, 16]),
    min_saved=st.sampled_from([1, 8, 32]),
    max_block=st.sampled_from([5, 16, 512]),
    max_tree=st.sampled_from([0, 12, 320]),
    max_tokens=st.sampled_from([60, 4096]),
)


def make_row(ids: Sequence[int] | np.ndarray, weights: Sequence[float] | np.ndarray) -> EncodedRow:
    """Return a row as the loop gets it; its first token is not taught, whatever its weight."""
    taught = np.array(weights, np.float32)
    taught[:1] = 0
    return EncodedRow(np.array(ids, np.int32), taught, TextRow("", 1, ""))


@st.composite
def row_sets(draw: st.DrawFn, max_rows: int = 5) -> list[EncodedRow]:
    """Draw up to `max_rows` + 2 rows, in any order; at least one of them teaches something."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    first = rng.integers(3, VOCABULARY, draw(st.integers(0, 24)))
    second = rng.integers(3, VOCABULARY, draw(st.integers(0, 20)))
    beginnings = [first[:0], first, np.concatenate([first, second])]
    rows = [make_row(rng.integers(3, VOCABULARY, 12), np.ones(12))]
    for _ in range(draw(st.integers(1, max_rows))):
        body = rng.integers(3, VOCABULARY, draw(st.integers(1, 16)))
        ids = np.concatenate([beginnings[draw(st.integers(0, 2))], body])
        rows.append(make_row(ids, _weights(draw, len(ids), rng)))
    origin = draw(st.sampled_from(rows))
    kind = draw(st.sampled_from(["repeated", "beginning", "one token"]))
    length = {"repeated": origin.num_tokens, "beginning": (origin.num_tokens + 1) // 2, "one token": 1}[kind]
    rows.append(make_row(origin.ids[:length], _weights(draw, length, rng)))
    return draw(st.permutations(rows))


def _weights(draw: st.DrawFn, length: int, rng: np.random.Generator) -> np.ndarray:
    weights = rng.choice(WEIGHTS, length)
    weights[: draw(st.integers(0, length))] = 0
    # An answer that another turn follows: the tokens behind it are not taught.
    weights[length - min(length, draw(st.sampled_from([0, 0, 3]))) :] = 0
    return weights
