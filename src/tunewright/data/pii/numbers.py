"""Where a text holds enough digits in a row, parted as people part them, to be anybody's number.

The patterns of numbers begin with a look backwards, which costs time at every character: they are tried only here.
Deliberately does not know what the numbers are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_RUN = re.compile(r"\d(?:[ .\-/()\u00a0]{0,3}\d){6,}")
# What may stand around the digits and belong to the number: (0…, +49, X1234567L, 12345678-Z.
_MARGIN_BEFORE = 4
_MARGIN_AFTER = 8


def holds_number(text: str) -> bool:
    """Whether there are seven digits in a row, parted by at most three of the usual signs."""
    return _RUN.search(text) is not None


def number_matches(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Yield the matches of `pattern` that lie in a run of seven digits or more, in order."""
    end = 0
    for run in _RUN.finditer(text):
        # A match looks beyond the window on its left; on its right, the margin holds all that it looks at.
        for match in pattern.finditer(text, max(end, run.start() - _MARGIN_BEFORE), run.end() + _MARGIN_AFTER):
            yield match
            end = match.end()


def run_starts(text: str) -> Iterator[int]:
    """Yield where such runs begin."""
    for run in _RUN.finditer(text):
        yield run.start()
