"""The three shapes that a profile reports numbers in: quantiles, a histogram, and the most frequent texts.

Numbers are kept as 4 bytes each, texts by their first characters and a hash, so that millions of rows fit. Deliberately
does not know rows: whoever counts says what is counted.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace

import numpy as np

MAX_DISTINCT = 50_000
MAX_SHOWN_CHARS = 160
_MAX_BINS = 16


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A distribution of whole numbers; each quantile is a value that occurs. All 0 where nothing was counted."""

    count: int
    total: int
    mean: float
    p50: int
    p90: int
    p95: int
    p99: int
    max: int


@dataclass(frozen=True, slots=True)
class Bin:
    """How many numbers lie in `low`…`high`, both included."""

    low: int
    high: int
    count: int

    @property
    def label(self) -> str:
        """`513–1,024`, or one number where the bin holds only one."""
        return f"{self.low:,}" if self.low == self.high else f"{self.low:,}–{self.high:,}"


@dataclass(frozen=True, slots=True)
class Count:
    """A text and how often it occurs."""

    value: str
    count: int


class Numbers:
    """Whole numbers from 0 to 2³²−1, 4 bytes each."""

    def __init__(self) -> None:
        self._values = array("I")

    def add(self, value: int) -> None:
        """Take one number."""
        self._values.append(value)

    def quantiles(self) -> Quantiles:
        """Return their distribution."""
        values = self._as_numpy()
        if not len(values):
            return Quantiles(0, 0, 0.0, 0, 0, 0, 0, 0)
        p50, p90, p95, p99 = (int(q) for q in np.quantile(values, (0.5, 0.9, 0.95, 0.99), method="inverted_cdf"))
        total = int(values.sum(dtype=np.int64))
        return Quantiles(len(values), total, round(total / len(values), 2), p50, p90, p95, p99, int(values.max()))

    def histogram(self) -> tuple[Bin, ...]:
        """Return at most 18 bins; the width is a power of two, so that their borders are the usual limits.

        The last bin holds everything above the 99th percentile: a few long rows must not flatten the others.
        """
        values = self._as_numpy().astype(np.int64)
        if not len(values):
            return ()
        low, high = int(values.min()), int(np.quantile(values, 0.99, method="inverted_cdf"))
        width = 1
        while (high - low) / width > _MAX_BINS:
            width *= 2
        # Bin i holds i·width+1 … (i+1)·width: a row of exactly 512 tokens lies below the border 512. A 0 joins bin 0,
        # unless bins are one wide: then it is a bin of its own, number -1.
        numbers = (values - 1) // width if width == 1 else np.maximum(values - 1, 0) // width
        first = int(numbers.min())
        rest = int(np.quantile(numbers, 0.99, method="inverted_cdf")) + 1
        counts = np.bincount(np.minimum(numbers, rest) - first, minlength=rest - first)
        bins = [Bin((first + i) * width + 1, (first + i + 1) * width, int(n)) for i, n in enumerate(counts)]
        if width > 1 and low == 0:
            bins[0] = replace(bins[0], low=0)
        if len(bins) > rest - first:
            bins[-1] = replace(bins[-1], high=int(values.max()))
        return tuple(bins)

    def _as_numpy(self) -> np.ndarray:
        return np.frombuffer(self._values, dtype=np.uint32) if self._values else np.zeros(0, dtype=np.uint32)


class Tally:
    """Counts texts. Beyond 50,000 different ones the rarest are forgotten, and `is_exact` says so."""

    def __init__(self, max_distinct: int = MAX_DISTINCT) -> None:
        self._counts: dict[tuple[str, int], int] = {}
        self._max_distinct = max_distinct
        self.num_added = 0
        self.is_exact = True

    @property
    def num_distinct(self) -> int:
        """How many different texts are known; where `is_exact` does not hold, there were more."""
        return len(self._counts)

    def add(self, text: str) -> None:
        """Count one text."""
        # The first characters are what is shown; the hash tells apart what differs only later.
        key = (text[:MAX_SHOWN_CHARS], hash(text))
        self._counts[key] = self._counts.get(key, 0) + 1
        self.num_added += 1
        if len(self._counts) > self._max_distinct:
            self._forget_rarest()

    def most(self, num: int, *, least: int = 1) -> tuple[Count, ...]:
        """Return the most frequent texts that occur `least` times or more, cut to 160 characters."""
        frequent = [(text, count) for (text, _), count in self._counts.items() if count >= least]
        frequent.sort(key=lambda item: (-item[1], item[0]))
        return tuple(Count(printable(text), count) for text, count in frequent[:num])

    def _forget_rarest(self) -> None:
        self.is_exact = False
        least = 2
        while len(self._counts) > self._max_distinct // 2:
            self._counts = {key: count for key, count in self._counts.items() if count >= least}
            least *= 2


def printable(text: str) -> str:
    """Return `text` without lone surrogates, which no file can be written with."""
    return text.encode("utf-8", "replace").decode("utf-8")
