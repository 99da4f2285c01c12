"""Which part of a source is read: `train`, `train[:4096]`, `test[10%:]`, `[:100]+[200:300]`.

A number counts records from the beginning, or from the end where it is negative; a percentage is rounded to the nearest
record. Deliberately does not know sources.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TypeVar

from tunewright.errors import RecipeError

Item = TypeVar("Item")

_RANGE = re.compile(r"(?P<name>[\w.-]*)(?:\[(?P<start>-?\d+%?)?:(?P<stop>-?\d+%?)?\])?", re.ASCII)
_HINT = "write train, train[:4096], test[10%:] or, in a file, [:4096]"


@dataclass(frozen=True, slots=True)
class Part:
    """The name of a part, empty where none is given, and the ranges of its records that are read, in this order."""

    name: str = ""
    ranges: tuple[tuple[str, str], ...] = ()

    @property
    def needs_count(self) -> bool:
        """Whether the number of records must be known beforehand."""
        return any("%" in bound or "-" in bound for each in self.ranges for bound in each)

    def bounds(self, count: int) -> list[tuple[int, int | None]]:
        """Return the records that are read, from the first to before the last; `count` as in `needs_count`, else 0.

        Raises:
            RecipeError: ranges overlap, or do not follow one another as the records do.
        """
        found = [(_bound(start, count) or 0, _bound(stop, count)) for start, stop in self.ranges]
        for (_, stop), (start, _) in pairwise(found):
            if stop is None or start < stop:
                raise RecipeError("split: ranges must follow one another without overlap", hint="[:10]+[20:30]")
        return found


def parse_part(text: str | None) -> Part:
    """Return the part that `text` means; None is all of the source.

    Raises:
        RecipeError: the text is no part.
    """
    if text is None:
        return Part()
    matches = [_RANGE.fullmatch(piece.strip()) for piece in text.split("+")]
    if not text.strip() or not all(matches):
        raise RecipeError(f"split: {text!r} is no part of a source", hint=_HINT)
    found = [match for match in matches if match]
    names = {match["name"] for match in found}
    if len(names) > 1:
        raise RecipeError(f"split: {text!r} joins parts of different names", hint="name each as a source of its own")
    is_all = len(found) == 1 and "[" not in text
    ranges = () if is_all else tuple((match["start"] or "", match["stop"] or "") for match in found)
    return Part(names.pop(), ranges)


def sliced(items: Callable[[], Iterable[Item]], part: Part, count: int | None) -> Iterator[Item]:
    """Yield the items of a part; they are counted first, in a pass of its own, where that is needed and not known."""
    if part.needs_count and count is None:
        count = sum(1 for _ in items())
    stream, position = iter(items()), 0
    for start, stop in part.bounds(count or 0):
        yield from islice(stream, max(0, start - position), None if stop is None else max(0, stop - position))
        position = max(position, start if stop is None else stop)


def _bound(text: str, count: int) -> int | None:
    if not text:
        return None
    value = round(int(text[:-1]) * count / 100) if text.endswith("%") else int(text)
    return max(0, value + count) if value < 0 else value
