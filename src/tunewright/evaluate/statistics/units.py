"""What counts as one piece of evidence: a row, or all rows of one group together, and how such units are resampled.

A mean over rows is then a ratio, sum of sums / sum of sizes, and its error follows from the units' residuals (Cochran
1977, Sampling Techniques, §6.3 and §9A). Units are sorted, so the order of rows cannot matter. Does not know what is
tested.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_Draw = Callable[[np.random.Generator, int, int], NDArray[Any]]
"""(random numbers, number of units G, number of resamples R) → weight of each unit in each resample, [R, G]."""

# Sums of the same scores in another order differ in the last digits, and must still sort alike.
_DIGITS = 12
# Draws held at once: 32 MB as floats.
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True)
class Units:
    """The evidence of one column: `sums` and `sizes` (rows) of its G units, both [G]."""

    sums: Array
    sizes: Array

    @property
    def mean(self) -> float:
        """Mean over rows; summed without rounding, so that the units' order and sign leave no trace."""
        return math.fsum(self.sums) / math.fsum(self.sizes)

    @property
    def residuals(self) -> Array:
        """What each unit's sum is above the mean's share of its size, [G]."""
        return self.sums - self.mean * self.sizes

    @property
    def are_rows(self) -> bool:
        """Whether each unit is a single row."""
        return bool((self.sizes == 1).all())

    @property
    def num_off_mode(self) -> int:
        """Units whose mean is not the commonest one: only these tell how much scores vary."""
        _, counts = np.unique(np.round(self.sums / self.sizes, _DIGITS), return_counts=True)
        return int(len(self.sums) - counts.max())

    @property
    def num_off_zero(self) -> int:
        """Units whose sum is not 0."""
        return int((np.abs(self.sums) > 10.0**-_DIGITS).sum())

    def standard_error(self) -> float:
        """Standard error of the mean, √(G / (G − 1) · Σ residual²) / rows; 0 for a single unit."""
        num_units = len(self.sums)
        if num_units < 2:
            return 0.0
        return math.sqrt(num_units / (num_units - 1) * float((self.residuals**2).sum())) / float(self.sizes.sum())


def units_of(scores: Sequence[float] | Array, groups: Sequence[str | None] | None) -> Units:
    """Return the units of `scores`, sorted; a row whose group is None is a unit of its own.

    Raises:
        ValueError: if there is not one group for each score.
    """
    values = np.asarray(scores, dtype=np.float64)
    if groups is None:
        return Units(np.sort(values), np.ones(len(values)))
    if len(groups) != len(values):
        raise ValueError(f"there must be a group for each score: {len(groups)} groups, {len(values)} scores")
    number: dict[str | int, int] = {}
    # A group's name is a text, so a row's own number never meets one.
    member = [number.setdefault(row if group is None else group, len(number)) for row, group in enumerate(groups)]
    sizes = np.bincount(member, minlength=len(number)).astype(np.float64)
    totals = np.bincount(member, weights=values, minlength=len(number)).astype(np.float64)
    sums = np.round(totals, _DIGITS)
    order = np.lexsort((sums, sizes))
    return Units(sums[order], sizes[order])


def resampled(columns: Array, seed: int, num_resamples: int) -> Array:
    """Return the column sums of `columns` [G, K] over G units drawn with replacement, [num_resamples, K]."""
    return _drawn(columns, seed, num_resamples, _counts)


def reweighted(columns: Array, seed: int, num_resamples: int) -> Array:
    """Return the column sums of `columns` [G, K] with exponential weights of the G units, [num_resamples, K].

    Ratios of such sums are means with weights from the flat Dirichlet distribution (Rubin 1981, "The Bayesian
    bootstrap").
    """
    return _drawn(columns, seed, num_resamples, _weights)


def _drawn(columns: Array, seed: int, num_resamples: int, draw: _Draw) -> Array:
    num_units = len(columns)
    if num_units * num_resamples <= _BLOCK:
        return _kept(draw, num_units, num_resamples, seed).astype(np.float64) @ columns
    rng = np.random.default_rng(seed)
    size = max(1, _BLOCK // num_units)
    blocks = (min(size, num_resamples - start) for start in range(0, num_resamples, size))
    return np.concatenate([draw(rng, num_units, block).astype(np.float64) @ columns for block in blocks])


@lru_cache(maxsize=4)
def _kept(draw: _Draw, num_units: int, num_resamples: int, seed: int) -> NDArray[Any]:
    """Kept, because every column and grader of one evaluation has the same number of units."""
    return draw(np.random.default_rng(seed), num_units, num_resamples)


def _counts(rng: np.random.Generator, num_units: int, num_resamples: int) -> NDArray[Any]:
    drawn = rng.integers(0, num_units, (num_resamples, num_units))
    drawn += np.arange(num_resamples)[:, None] * num_units
    counts = np.bincount(drawn.ravel(), minlength=num_resamples * num_units)
    return counts.reshape(num_resamples, num_units).astype(np.int16)


def _weights(rng: np.random.Generator, num_units: int, num_resamples: int) -> NDArray[Any]:
    return rng.standard_exponential((num_resamples, num_units), dtype=np.float32)
