"""In which order an epoch visits its rows, and how often each: a matter of two numbers, whatever else is random.

Deliberately does not know rows, nor how they are divided or batched.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


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


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
