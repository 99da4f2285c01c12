"""A place in a text that holds something personal or secret, and how places that overlap become one.

Deliberately does not know what is looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Span(NamedTuple):
    """`text[start:end]` is of `type`. `confidence`, 0…1, is a grade and no measured probability: 0.9 and more means
    that a checksum or an unmistakable prefix says so, 0.6 that only the shape or the words before it do."""

    start: int
    end: int
    type: str
    confidence: float


class NameFinder(Protocol):
    """Finds names of people. It is a plug-in: rules cannot tell Rose from a rose, so nothing is shipped."""

    def __call__(self, text: str) -> Iterable[tuple[int, int]]:
        """Return (start, end) of each name; the same for the same text."""
        ...


@dataclass(frozen=True, slots=True)
class Detector:
    """Finds one type. `may_hold` is a cheap test that is never false where `find` would find something."""

    type: str
    may_hold: Callable[[str], bool]
    find: Callable[[str], Iterator[Span]]


def resolve(spans: Sequence[Span], priority: Sequence[str]) -> list[Span]:
    """Return spans that do not overlap, by start.

    Of those that overlap, the longest names the type; between equals, the type that comes first in `priority`. It takes
    the whole stretch that they cover together, so that no end of a loser stays readable.
    """
    if len(spans) < 2:
        return list(spans)
    rank = {name: place for place, name in enumerate(priority)}
    ordered = sorted(spans)
    resolved: list[Span] = []
    cluster = [ordered[0]]
    end = ordered[0].end
    for span in ordered[1:]:
        if span.start >= end:
            resolved.append(_winner(cluster, end, rank))
            cluster = []
        cluster.append(span)
        end = max(end, span.end)
    resolved.append(_winner(cluster, end, rank))
    return resolved


def _winner(cluster: list[Span], end: int, rank: dict[str, int]) -> Span:
    best = min(cluster, key=lambda span: (span.start - span.end, rank.get(span.type, len(rank))))
    return best._replace(start=cluster[0].start, end=end)
