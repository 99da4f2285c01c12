"""How much of a set lies in prefixes that rows share: what the prompt tree will not have to compute twice.

Rows as token arrays are sorted; the tokens that a row shares with the one before it are exactly those that a trie of
all the rows would not store again, so their sum over neighbours is the saving. Inside windows of 64 rows in file order
it is exact for any set; over the whole set at most 20,000 rows and 40 million tokens are compared, drawn by a hash of
their number. Deliberately does not know batches: what a run saves depends on how its rows are grouped.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

MAX_ROWS = 20_000
MAX_TOKENS = 40_000_000
WINDOW = 64

# Big-endian, so that the order of the bytes is the order of the ids.
_ID = np.dtype(">u4")
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class SharedPrefixes:
    """Shares (0…1) of all tokens that repeat the beginning of another row.

    `whole_set` is measured on `num_rows_compared` of `num_rows` rows; where that is a sample, it is a lower estimate,
    since a row whose only partner was not drawn counts as sharing nothing. `windows` is exact.
    """

    whole_set: float
    num_rows_compared: int
    num_rows: int
    windows: float
    window: int

    @property
    def is_sample(self) -> bool:
        """Whether only a part of the rows was compared with each other."""
        return self.num_rows_compared < self.num_rows


class PrefixMeter:
    """Measures shared prefixes of rows that arrive one at a time.

    Args:
        max_rows, max_tokens: how much of the set is kept for the comparison of the whole set.
        window: how many neighbouring rows are compared with each other.
    """

    def __init__(self, max_rows: int = MAX_ROWS, max_tokens: int = MAX_TOKENS, window: int = WINDOW) -> None:
        self._max_rows, self._max_tokens, self._window = max_rows, max_tokens, window
        self._num_rows = self._num_tokens = self._shared_in_windows = self._tokens_kept = 0
        self._recent: list[bytes] = []
        self._kept: list[tuple[int, bytes]] = []
        self._ceiling = _MASK + 1

    def add(self, ids: np.ndarray) -> None:
        """Take one row: int32, not negative."""
        row = ids.astype(_ID).tobytes()
        self._recent.append(row)
        if len(self._recent) == self._window:
            self._shared_in_windows += num_shared(self._recent)
            self._recent = []
        self._keep(row)
        self._num_rows += 1
        self._num_tokens += len(ids)

    def result(self) -> SharedPrefixes:
        """Return the shares; 0 where there was no token."""
        in_windows = self._shared_in_windows + num_shared(self._recent)
        kept = [row for _, row in self._kept]
        return SharedPrefixes(
            whole_set=num_shared(kept) / max(1, self._tokens_kept),
            num_rows_compared=len(kept),
            num_rows=self._num_rows,
            windows=in_windows / max(1, self._num_tokens),
            window=self._window,
        )

    def _keep(self, row: bytes) -> None:
        drawn = _mixed(self._num_rows)
        if drawn >= self._ceiling:
            return
        heapq.heappush(self._kept, (-drawn, row))
        self._tokens_kept += len(row) // _ID.itemsize
        # Every row below the ceiling is kept and none above it: a sample that knows neither order nor length.
        while len(self._kept) > self._max_rows or (self._tokens_kept > self._max_tokens and len(self._kept) > 1):
            highest, dropped = heapq.heappop(self._kept)
            self._ceiling = -highest
            self._tokens_kept -= len(dropped) // _ID.itemsize


def num_shared(rows: Sequence[bytes]) -> int:
    """Return how many tokens of the rows (4 bytes each, big-endian) a trie of them would not store a second time."""
    return sum(_common(first, second) for first, second in pairwise(sorted(rows)))


def _common(first: bytes, second: bytes) -> int:
    length = min(len(first), len(second)) // _ID.itemsize
    differs = np.frombuffer(first, _ID, length) != np.frombuffer(second, _ID, length)
    position = int(differs.argmax()) if length else 0
    return position if length and differs[position] else length


def _mixed(number: int) -> int:
    """Return 64 bits that look random and are the same on every machine (splitmix64)."""
    number = (number + 1) * 0x9E3779B97F4A7C15 & _MASK
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    number = (number ^ number >> 27) * 0x94D049BB133111EB & _MASK
    return number ^ number >> 31
