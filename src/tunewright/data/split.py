"""Which rows are held out, and in which order the others are seen.

The side of a row follows from the seed and from what the row says, not from its place: rows added to a file later move
no other, and exact duplicates never stand on both sides. Deliberately does not know groups (yet), tokens or batches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import orjson

from tunewright.data.rows import Row
from tunewright.errors import NoRowsError


def split(rows: Sequence[Row], share: float, seed: int) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Return (train, validation): disjoint, together all rows, each in the order of `rows`.

    About `share` of the distinct conversations are held out: each is, by itself, with that probability. With a share
    above 0 at least one is, and at least one is left to train with; rows that all say the same are all trained on.

    Raises:
        NoRowsError: there is no row.
    """
    if not rows:
        raise NoRowsError("no row is left to train with", hint="look at the faults of the files, or name another file")
    scores = [_score(row, seed) for row in rows]
    distinct = sorted(set(scores))
    num_held_out = sum(score < share for score in distinct)
    if share > 0:
        num_held_out = max(1, num_held_out)
    num_held_out = min(num_held_out, len(distinct) - 1)
    held_out = set(distinct[:num_held_out])
    train = tuple(row for row, score in zip(rows, scores, strict=True) if score not in held_out)
    validation = tuple(row for row, score in zip(rows, scores, strict=True) if score in held_out)
    return train, validation


def epoch_rows(counts: Sequence[int], weights: Sequence[float], seed: int, epoch: int) -> np.ndarray:
    """Return the rows that one epoch visits, in order: indices into the files laid end to end.

    A file of n rows and weight w contributes round(w · n) visits, at least 1: every row ⌊w⌋ times, and for the rest a
    sample without replacement that differs by epoch. The number of visits is the same in every epoch.

    Returns:
        int64 indices, shuffled by `seed` and `epoch` alone.
    """
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    visits: list[np.ndarray] = []
    first = 0
    for count, weight in zip(counts, weights, strict=True):
        num_visits = max(1, round(weight * count)) if count else 0
        repeats, rest = divmod(num_visits, count) if count else (0, 0)
        own = np.arange(first, first + count, dtype=np.int64)
        visits += [np.tile(own, repeats), generator.permutation(own)[:rest] if rest else own[:0]]
        first += count
    return generator.permutation(np.concatenate(visits)) if visits else np.empty(0, dtype=np.int64)


def _score(row: Row, seed: int) -> float:
    """Return a number in [0, 1) that depends on the seed and on who says what, and on nothing else."""
    said = orjson.dumps([[message.role, message.content] for message in row.messages])
    digest = hashlib.blake2b(b"%d\n" % seed + said, digest_size=8).digest()
    # 53 bits: the whole digest divided by 2^64 can round up to 1.0.
    return (int.from_bytes(digest, "little") >> 11) / 2**53
