"""Rows by what they say, eight bytes each: which say the same, and which answer the same prompt differently.

What a row says becomes one 64-bit hash (Python's own, keyed SipHash: nobody can construct two texts that share one;
by chance two of a million rows do with probability 3e-8). Metadata and weights say nothing. Which line a row stood on
is kept as runs, so lines that follow one another cost nothing. Deliberately does not know files or near duplicates.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tunewright.data.rows import AnyRow, FeedbackRow, LabelRow, Row, TokenLabelsRow

_PART_ROWS = 1 << 18
_MAX_PARTS = 256
_MIN_PLACES = 1 << 10

Hashes = npt.NDArray[np.int64]


Fingerprint = tuple[int, int | None]
"""Of everything a row says, and of what is asked: None where a kind of rows may answer in many ways.

A plain tuple, because a named one takes four times as long to make.
"""

Keep = Callable[[int, Fingerprint], None]
"""Keeps the fingerprint of the row on a line."""


class Place(NamedTuple):
    """Where a row was read."""

    path: str
    line: int


class SeenHashes:
    """A set of 64-bit hashes that only grows: at most 24 bytes each, where a Python set of them takes about 70.

    Open addressing with linear probing: a hash is evenly spread, so it is its own place. 0 marks an empty place, so a
    hash of 0 is remembered apart.
    """

    def __init__(self) -> None:
        self._table = array("q", bytes(8 * _MIN_PLACES))
        self._num_filled = 0
        self._has_zero = False

    def __len__(self) -> int:
        return self._num_filled + self._has_zero

    @property
    def num_bytes(self) -> int:
        """Size of the table."""
        return len(self._table) * self._table.itemsize

    def add(self, value: int) -> bool:
        """Remember a hash, and return whether it was there already."""
        if not value:
            was_there, self._has_zero = self._has_zero, True
            return was_there
        if not _fill(self._table, value):
            return True
        self._num_filled += 1
        if 3 * self._num_filled > 2 * len(self._table):
            former, self._table = self._table, array("q", bytes(2 * self.num_bytes))
            for each in former:
                if each:
                    _fill(self._table, each)
        return False


def _fill(table: array[int], value: int) -> bool:
    """Put a value into a table whose size is a power of two; return False if it was there already."""
    last = len(table) - 1
    place = (value ^ value >> 32) & last
    while found := table[place]:
        if found == value:
            return False
        place = (place + 1) & last
    table[place] = value
    return True


@dataclass(frozen=True, slots=True)
class Pairs:
    """How many rows stand back behind an earlier one, and the first of them: each with that earlier one."""

    total: int
    shown: tuple[tuple[Place, Place], ...]


def conversation_fingerprint(roles: tuple[str, ...], said: list[str]) -> Fingerprint:
    """Return the fingerprint of turns, of which the last is the answer.

    Without a user nobody asked, and any number of answers is right.
    """
    prompt = hash((roles, *said[:-1]))
    return hash((prompt, said[-1])), prompt if "user" in roles else None


def fingerprint(row: AnyRow) -> Fingerprint:
    """Return the fingerprint of a row of any kind."""
    if isinstance(row, Row):
        roles = tuple([message.role for message in row.messages])
        return conversation_fingerprint(roles, [message.said for message in row.messages])
    parts = _ASKED_AND_ANSWERED.get(type(row))
    if parts is None:
        return hash(row.said), None
    asked, answered = parts(row)
    prompt = hash(asked)
    return hash((prompt, answered)), prompt


def _feedback(row: FeedbackRow) -> tuple[Hashable, Hashable]:
    turns = (*row.prompt, *row.completion)
    return tuple([(message.role, message.said) for message in turns]), row.label


def _label(row: LabelRow) -> tuple[Hashable, Hashable]:
    return row.text, row.label


def _token_labels(row: TokenLabelsRow) -> tuple[Hashable, Hashable]:
    return row.tokens, row.labels


# Two translations of a sentence or two comparisons of one prompt are no contradiction: those kinds are not here.
_ASKED_AND_ANSWERED: dict[type, Callable[[Any], tuple[Hashable, Hashable]]] = {
    FeedbackRow: _feedback,
    LabelRow: _label,
    TokenLabelsRow: _token_labels,
}


class Fingerprints:
    """Collects one fingerprint per row, across files.

    Args:
        max_prompts: prompts are kept for so many rows, eight bytes more each; with more rows they are given up, and
            `contradictions` knows none.
    """

    def __init__(self, max_prompts: int) -> None:
        self.said = array("q")
        self.prompts: array[int] | None = array("q")
        self._max_prompts = max_prompts
        self._paths: list[str] = []
        # A run is where the line is not the one after the former: its first row, its file and its line.
        self._run_rows, self._run_paths, self._run_lines = array("q"), array("q"), array("q")

    def begin(self, path: str) -> Keep:
        """Return what keeps the next rows, which are those of this file."""
        self._paths.append(path)
        number, next_line = len(self._paths) - 1, -1
        # Names of a closure, because attributes would cost as much as all the rest.
        keep_said, prompts, max_prompts = self.said.append, self.prompts, self._max_prompts

        def keep(line: int, row: Fingerprint) -> None:
            nonlocal next_line, prompts
            said, prompt = row
            if line != next_line:
                self._run_rows.append(len(self.said))
                self._run_paths.append(number)
                self._run_lines.append(line)
            next_line = line + 1
            keep_said(said)
            if prompts is not None:
                # A prompt that cannot be contradicted is as good as one that nobody else has.
                prompts.append(said if prompt is None else prompt)
                if len(prompts) > max_prompts:
                    prompts = self.prompts = None

        return keep

    def place(self, row: int) -> Place:
        """Return where the row of that number was read."""
        run = bisect_right(self._run_rows, row) - 1
        return Place(self._paths[self._run_paths[run]], self._run_lines[run] + row - self._run_rows[run])

    def duplicates(self, num_shown: int) -> Pairs:
        """Return the rows that say what an earlier row says."""
        said = np.frombuffer(self.said, dtype=np.int64) if self.said else np.empty(0, np.int64)
        # The search goes by parts that share a byte of the hash, so that it never needs a second copy of all hashes.
        num_parts = min(_MAX_PARTS, 1 << max(0, (len(said) - 1) // _PART_ROWS).bit_length())
        low_bytes = said.view(np.uint8)[::8]
        total, later, first = 0, np.empty(0, np.int64), np.empty(0, np.int64)
        for part in range(num_parts):
            rows = np.flatnonzero((low_bytes & np.uint8(num_parts - 1)) == part) if num_parts > 1 else None
            part_later, part_first = _repeats(said if rows is None else said[rows])
            if not len(part_later):
                continue
            total += len(part_later)
            if rows is not None:
                part_later, part_first = rows[part_later], rows[part_first]
            later, first = _earliest(np.append(later, part_later), np.append(first, part_first), num_shown)
        return self._pairs(total, later, first)

    def contradictions(self, num_shown: int) -> Pairs:
        """Return the rows that ask what an earlier row asks, and answer it as no earlier row does."""
        if not self.prompts:
            return Pairs(0, ())
        said = np.frombuffer(self.said, dtype=np.int64)
        prompts = np.frombuffer(self.prompts, dtype=np.int64)
        answers = np.sort(np.unique(said, return_index=True)[1])
        later, first = _repeats(prompts[answers])
        total = len(later)
        return self._pairs(total, *_earliest(answers[later], answers[first], num_shown))

    def _pairs(self, total: int, later: Hashes, first: Hashes) -> Pairs:
        pairs = zip(later.tolist(), first.tolist(), strict=True)
        return Pairs(total, tuple((self.place(one), self.place(other)) for one, other in pairs))


def _repeats(values: Hashes) -> tuple[Hashes, Hashes]:
    """Return the positions of values that were there before, and beside each where its value was first."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    is_repeat = np.zeros(len(values), dtype=bool)
    is_repeat[1:] = ordered[1:] == ordered[:-1]
    if not is_repeat.any():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    group_start = np.maximum.accumulate(np.where(is_repeat, 0, np.arange(len(values))))
    return order[is_repeat], order[group_start[is_repeat]]


def _earliest(later: Hashes, first: Hashes, num: int) -> tuple[Hashes, Hashes]:
    order = np.argsort(later, kind="stable")[:num]
    return later[order], first[order]
