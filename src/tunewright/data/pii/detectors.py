"""The table of all detectors, and `find_pii`, which asks them.

A new detector is a function and its line here. Names of people come from a plug-in that the caller passes in.
Deliberately does not know records or what becomes of a find.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from itertools import groupby

from tunewright.data.pii.accounts import find_cards, find_ibans
from tunewright.data.pii.contacts import find_emails, find_ips, find_phones
from tunewright.data.pii.national_ids import find_german_tax_ids, find_spanish_ids
from tunewright.data.pii.numbers import holds_number
from tunewright.data.pii.secrets import (
    find_api_keys,
    find_assigned_secrets,
    find_jwts,
    find_private_keys,
    may_hold_assigned,
    may_hold_marked,
)
from tunewright.data.pii.span import Detector, NameFinder, Span, resolve
from tunewright.errors import DataError

NAME = "name"
"""The type of what a plug-in finds."""

_QUAD_OR_COLONS = re.compile(r"\.\d{1,3}\.|:[0-9A-Fa-f]{0,4}:")


def _holds(mark: str) -> Callable[[str], bool]:
    return lambda text: mark in text


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.search(text) is not None


DETECTORS: tuple[Detector, ...] = (
    Detector("private_key", _holds("PRIVATE KEY"), find_private_keys),
    Detector("jwt", _holds("eyJ"), find_jwts),
    Detector("api_key", may_hold_marked, find_api_keys),
    Detector("secret", may_hold_assigned, find_assigned_secrets),
    Detector("email", _holds("@"), find_emails),
    # Neighbours that share a test are asked after one run of it.
    Detector("iban", holds_number, find_ibans),
    Detector("card", holds_number, find_cards),
    Detector("es_id", holds_number, find_spanish_ids),
    Detector("de_tax_id", holds_number, find_german_tax_ids),
    Detector("phone", holds_number, find_phones),
    Detector("ip", _matches(_QUAD_OR_COLONS), find_ips),
)
"""Every detector; where two find the same stretch, the earlier one names it."""

TYPES: tuple[str, ...] = tuple(detector.type for detector in DETECTORS)

_BY_TEST = tuple((test, tuple(group)) for test, group in groupby(DETECTORS, key=lambda detector: detector.may_hold))


def find_pii(
    text: str, types: Collection[str] | None = None, *, label: str = "", names: NameFinder | None = None
) -> list[Span]:
    """Return what is personal or secret in `text`, by start, without overlaps.

    Args:
        text: any text.
        types: which of `TYPES` (and "name") are wanted; None: all.
        label: what the text is called where it stands, such as the key "phone": read as words before it.
        names: finds names of people; None: none are looked for.

    Raises:
        DataError: the plug-in returned a place that is not in the text.
    """
    offset = len(label) + 2 if label else 0
    labelled = f"{label}: {text}" if label else text
    spans = [
        span
        for test, detectors in _BY_TEST
        if test(labelled)
        for detector in detectors
        if types is None or detector.type in types
        for span in detector.find(labelled)
        if span.end > offset
    ]
    if offset:
        spans = [span._replace(start=max(0, span.start - offset), end=span.end - offset) for span in spans]
    if names is not None and (types is None or NAME in types):
        spans += [_name_span(text, place) for place in names(text)]
    return resolve(spans, TYPES) if spans else spans


def _name_span(text: str, place: tuple[int, int]) -> Span:
    start, end = place
    if not 0 <= start < end <= len(text):
        raise DataError(
            f"the name plug-in returned ({start}, {end}) for a text of {len(text)} characters",
            hint="it must return (start, end) with 0 ≤ start < end ≤ length",
        )
    return Span(start, end, NAME, 0.5)
