"""Two texts that belong together: translations, queries and their documents, sentences and how alike they are.

The keys are those of `PAIRS`, or `{"translation": {"en": "…", "de": "…"}}` as `datasets` holds translations; the
languages of that go to the metadata. A `score` is a number, or the text of one, as tables hold it.
Deliberately does not know files, nor what the pair will teach.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from tunewright.data.formats.record import (
    faults_of,
    key_findings,
    metadata_findings,
    text_findings,
    with_metadata,
)
from tunewright.data.rows import Finding, Kind, PairRow, RowFault, shown

PAIRS = (
    ("source", "target"),
    ("anchor", "positive"),
    ("sentence1", "sentence2"),
    ("query", "document"),
    ("query", "positive"),
)
"""Names of the first and the second text. The first pair that a record has both of is meant."""

NAME: str = "pairs"
KIND: Kind = "pair"
KEYS: tuple[str, ...] = (*dict.fromkeys(key for pair in PAIRS for key in pair), "translation", "score", "metadata")


def detect(record: dict[str, Any]) -> bool:
    """Whether the record means to be a pair."""
    return isinstance(record.get("translation"), dict) or _keys(record) is not None


def is_sound(record: dict[str, Any]) -> bool:
    """Whether `read` finds no fault."""
    return not isinstance(read(record, "", 0), list)


def read(record: dict[str, Any], path: str, line: int) -> PairRow | list[RowFault]:
    """Return the row, or every fault of the record."""
    if faults := faults_of(_findings(record), path, line):
        return faults
    meta = record.get("metadata") or {}
    translation = record.get("translation")
    if translation is not None:
        first, second = translation.values()
        meta = {**meta, "languages": list(translation)}
    else:
        first, second = (record[key] for key in _keys(record) or PAIRS[0])
    score = record.get("score")
    return PairRow(path, line, first, second, None if score is None else float(score), meta)


def write(row: PairRow) -> dict[str, Any]:
    """Return the record, under the first names of `PAIRS` whatever it was read from."""
    record: dict[str, Any] = dict(zip(PAIRS[0], (row.first, row.second), strict=True))
    if row.score is not None:
        record["score"] = row.score
    return with_metadata(record, row)


def _keys(record: dict[str, Any]) -> tuple[str, str] | None:
    return next((pair for pair in PAIRS if all(key in record for key in pair)), None)


def _findings(record: dict[str, Any]) -> Iterator[Finding]:
    yield from metadata_findings(record)
    if record.get("translation") is not None:
        yield from key_findings(record, ("translation", "score", "metadata"), "a translation")
        yield from _translation_findings(record["translation"])
    else:
        # Half a pair is told what the other half is called.
        keys = _keys(record) or next((pair for pair in PAIRS if any(key in record for key in pair)), PAIRS[0])
        yield from key_findings(record, (*keys, "score", "metadata"), f"a pair of {keys[0]} and {keys[1]}")
        yield from text_findings(record, keys[0])
        yield from text_findings(record, keys[1])
    if record.get("score") is not None and not _is_number(record["score"]):
        yield "bad_value", "score", "must be a number", shown(record["score"]), 'write "score": 0.8, or take it out'


def _translation_findings(translation: Any) -> Iterator[Finding]:
    if not isinstance(translation, dict) or len(translation) != 2:
        fix = 'write {"en": "…", "de": "…"}'
        yield "bad_value", "translation", "must be an object of two languages", shown(translation), fix
        return
    for language in translation:
        for kind, name, rule, value, fix in text_findings(translation, language):
            yield kind, f"translation.{name[:80]}", rule, value, fix


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float | str) and not isinstance(value, bool) and math.isfinite(float(value))
    except (ValueError, OverflowError):
        return False
