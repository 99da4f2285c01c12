"""What every format asks of a record: known keys, metadata that is an object, text where there must be text.

Also how many faults of one record are told, and how a wrong value is shown: both are bounded, because a record may be
eight megabytes of nonsense, nested a thousand levels deep. Deliberately does not know any one format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any

from tunewright.data.rows import AnyRow, Finding, RowFault, placed, shown
from tunewright.errors import DataError
from tunewright.spec.faults import near_miss

MAX_FINDINGS = 100
"""Faults told of one record. One with more was never meant to be a row, and listing a million of them helps nobody."""

_MAX_SHOWN = 80
_NOWHERE: Mapping[str, str] = MappingProxyType({})


def faults_of(findings: Iterable[Finding], path: str, line: int) -> list[RowFault]:
    """Return the faults of one record; after `MAX_FINDINGS` of them one that says that there are more."""
    told = list(islice(findings, MAX_FINDINGS + 1))
    if len(told) > MAX_FINDINGS:
        rule = "has more faults than are listed"
        told[MAX_FINDINGS] = ("bad_value", "", rule, f"{MAX_FINDINGS} listed", "mend the ones before this first")
    return placed(told, path, line)


def key_fix(key: str, keys: Sequence[str], elsewhere: Mapping[str, str] = _NOWHERE) -> str:
    """Return which of `keys` was meant by `key`; `elsewhere` says what other tools call them."""
    if key.lower() in elsewhere:
        return f"did you mean {elsewhere[key.lower()]}?"
    # Comparing a text of megabytes letter by letter would take minutes.
    return near_miss(key, list(keys)) if len(key) <= _MAX_SHOWN else ""


def key_findings(
    record: Mapping[str, Any], keys: Sequence[str], what: str, elsewhere: Mapping[str, str] = _NOWHERE
) -> Iterator[Finding]:
    """Yield a finding for each key of `record` that `what` ("a chat row") does not have.

    A null says nothing and is passed over: tables and OpenAI's client write one for each key that is not used.
    """
    for key, value in record.items():
        if key not in keys and value is not None:
            fix = key_fix(key, keys, elsewhere) or "take it out, or put it into metadata"
            yield "unknown_key", key[:_MAX_SHOWN], f"is not a key of {what}", shown(value), fix


def metadata_findings(record: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield a finding if `metadata` is there and no object."""
    if not isinstance(record.get("metadata"), dict | None):
        fix = 'write {"metadata": {"group": "…"}}'
        yield "bad_value", "metadata", "must be an object", shown(record["metadata"]), fix


def text_findings(record: Mapping[str, Any], key: str, *, may_be_empty: bool = False) -> Iterator[Finding]:
    """Yield a finding unless `key` is there and holds text; blank text only where it may be empty."""
    if key not in record:
        yield "missing_key", key, "must be given", "nothing", f'write "{key}": "…"'
    elif not isinstance(record[key], str):
        yield "bad_value", key, "must be text", shown(record[key]), f'write "{key}": "…"'
    elif not may_be_empty and is_blank(record[key]):
        yield "no_content", key, "must be text that is not empty", shown(record[key]), f'write "{key}": "…"'


def is_blank(text: str) -> bool:
    """Whether the text holds nothing but white space."""
    return not text or text.isspace()


def is_text(value: Any) -> bool:
    """Whether the value is text that is not blank."""
    return isinstance(value, str) and not is_blank(value)


def is_plain(record: Mapping[str, Any], keys: Sequence[str]) -> bool:
    """Whether the record has only `keys` and metadata in order: the part of `is_sound` that formats share."""
    return all(key in keys for key in record) and isinstance(record.get("metadata"), dict | None)


def with_metadata(record: dict[str, Any], row: AnyRow) -> dict[str, Any]:
    """Return the record together with what the row's file said beside it."""
    return {**record, "metadata": dict(row.meta)} if row.meta else record


def cannot_hold(row: AnyRow, name: str, reason: str) -> DataError:
    """Return the error of a row that format `name` has no place for: writing part of it would drop the rest."""
    hint = "write it in a format that can hold it: chat for conversations, preference_trl for preferences"
    return DataError(f"{row.where}: {name} cannot hold this row: {reason}", hint=hint)
