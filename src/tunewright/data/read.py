"""From a source to its rows: every row that can be used, and every fault of every one that cannot.

A source has one format, the one that is named or that of its records. What to do about faults is the caller's choice
(`data.unusable`); only a source from which nothing can be read is an error here. Deliberately does not know templates
or tokens, nor how records lie in a file (`containers/`).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from tunewright.data.containers.json_text import duplicate_fault, duplicate_keys
from tunewright.data.containers.record import Record
from tunewright.data.containers.source import Container, open_container, sha256_of
from tunewright.data.formats.all import FORMATS, format_named
from tunewright.data.formats.format import Format
from tunewright.data.mapping import Mapped, column_mapping, text_template
from tunewright.data.part import Part, parse_part, sliced
from tunewright.data.rows import AnyRow, RowFault
from tunewright.errors import DataError, RecipeError
from tunewright.spec.data import SourceSpec
from tunewright.spec.faults import near_miss

_NUM_KEYS_SHOWN = 12
# How many records, and how many unreadable places before them, are looked at to find the format.
_NUM_RECORDS_LOOKED_AT = 50
_NUM_FAULTS_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """A source whose records could be of several formats: what a person is asked to decide."""

    path: str
    formats: tuple[str, ...]
    keys: tuple[str, ...]


Choose = Callable[[Ambiguity], str]
"""Asks a person for the name of one of the formats."""


class Entry(NamedTuple):
    """One record of a source, as it was found and as it was understood.

    `record` is None where the line holds no JSON object. `row` is None exactly where `faults` is not empty. `raw` is
    the JSON of the record as it was read, empty where the layout or a column mapping gives it none of its own.
    """

    line: int
    record: dict[str, Any] | None
    row: AnyRow | None
    faults: tuple[RowFault, ...]
    raw: bytes = b""


@dataclass(frozen=True)
class OpenSource:
    """A source whose format is known. Iterating reads it from its beginning, as a stream; it can be done again.

    `way_out` says how to name the format where it was only assumed, and is empty elsewhere.
    """

    path: str
    format: Format
    layout: str
    notices: tuple[str, ...]
    spec: SourceSpec
    stream: _Stream = field(repr=False)
    way_out: str = ""

    def __iter__(self) -> Iterator[Entry]:
        for record in self.records():
            yield self.entry(record)

    def records(self) -> Iterator[Record | RowFault]:
        """Yield the records and the unreadable places, columns mapped, rows not yet read."""
        return iter(self.stream)

    def entry(self, record: Record | RowFault) -> Entry:
        """Return the record together with its row or its faults."""
        if isinstance(record, RowFault):
            return Entry(record.line, None, None, (record,))
        line, value, raw = record
        try:
            faults = self._duplicates(record) if raw else ()
            read = self._read(record)
        except RecursionError:  # orjson reads 1024 levels, of which Python's own stack may not have as many left
            fix = "a row needs five levels at most"
            faults, read = (), [RowFault(self.path, line, "", "must not be nested so deeply", "", fix)]
        if isinstance(read, list):
            return Entry(line, value, None, (*faults, *read), raw)
        return Entry(line, value, None if faults else read, faults, raw)

    def _duplicates(self, record: Record) -> tuple[RowFault, ...]:
        keys = duplicate_keys(record.raw, record.value)
        return (duplicate_fault(keys, self.path, record.line),) if keys else ()

    def _read(self, record: Record) -> AnyRow | list[RowFault]:
        own = self.format
        # A record that matches nothing is read as its neighbours are: that names the key which is missing or misspelt.
        if own.detect(record.value) or not (others := _detected(record.value)):
            return own.read(record.value, self.path, record.line)
        rule, fix = f"must have the format of the file, {own.NAME}", "give each format a file of its own"
        value = " or ".join(other.NAME for other in others)
        return [RowFault(self.path, record.line, "", rule, value, fix, "mixed_formats")]


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What one source held. `num_records` counts usable and faulty ones; `notice` says what was odd yet readable."""

    path: Path
    format: str
    rows: tuple[AnyRow, ...]
    faults: tuple[RowFault, ...]
    num_records: int
    sha256: str
    notice: str = ""


def open_source(spec: SourceSpec, choose: Choose | None = None, *, otherwise: str | None = None) -> OpenSource:
    """Return the source with its format found out.

    Args:
        spec: where the records are and how they are to be understood.
        choose: asks a person where several formats are possible; without one that is an error.
        otherwise: the format that is assumed where no record has a known one, or there is none; without it that is an
            error. With it, a check can say of each record what is wrong.

    Raises:
        RecipeError: the source's format, columns, template or split is not valid.
        DataMissingError: there is no such file or data set, or it cannot be opened.
        MissingExtraError: an optional package is needed to read it.
        DataError: it holds no record, no record of a known format, or records that could be of several formats.
    """
    part = parse_part(spec.split)
    named = _format_asked_for(spec)
    container = open_container(spec.path, part.name, spec.subset)
    stream = _Stream(container, part, _mapping(spec, named))
    found = _first(stream)
    if otherwise and not any(_detected(each.value) for each in found if isinstance(each, Record)):
        assumed = named or format_named(otherwise)
        keys = _keys(found)
        hint = _format_hint(keys) if keys and not named and not spec.columns else ""
        notice = f"no record of {spec.path} has a known format: it is taken for {assumed.NAME}"
        notice = f"{notice}; {hint}" if hint else notice if found else f"{spec.path} holds no record"
        return OpenSource(spec.path, assumed, container.layout, (*container.notices, notice), spec, stream, hint)
    if not found:
        where = f"{spec.path} is empty" if not part.ranges else f"{spec.path}: {spec.split} is empty"
        raise DataError(f"{where}: it holds no record", hint=f"write rows of one format: {_format_names()}")
    if named and not any(isinstance(each, Record) for each in found):
        raise _unreadable(found, spec)
    file_format = named or _format_of(found, spec, choose)
    notices = container.notices
    if stream.mapped is None and any(len(_detected(e.value)) > 1 for e in found if isinstance(e, Record)):
        # Somebody chose one of several formats; what the record holds for the others is no fault of it.
        stream = replace(stream, mapped=column_mapping({}, file_format.KEYS, spec.path))
        notices = (*notices, f"{spec.path} is read as {file_format.NAME}; keys of other formats go to metadata")
    return OpenSource(spec.path, file_format, container.layout, notices, spec, stream)


def read_rows(spec: SourceSpec, choose: Choose | None = None) -> ReadResult:
    """Read one whole source.

    Raises:
        RecipeError, DataMissingError, DataError, MissingExtraError: as `open_source`.
    """
    source = open_source(spec, choose)
    rows: list[AnyRow] = []
    faults: list[RowFault] = []
    num_records = 0
    for entry in source:
        num_records += 1
        faults += entry.faults
        if entry.row is not None:
            rows.append(entry.row)
    sha256 = sha256_of(source.stream.container, source.stream.unmapped())
    notice = "; ".join(source.notices)
    return ReadResult(Path(spec.path), source.format.NAME, tuple(rows), tuple(faults), num_records, sha256, notice)


@dataclass(frozen=True, slots=True)
class _Stream:
    """The records of a source as its format sees them: its part, with columns mapped."""

    container: Container
    part: Part
    mapped: Mapped | None

    def __iter__(self) -> Iterator[Record | RowFault]:
        records = self.unmapped()
        if self.mapped is None:
            return records
        mapped = self.mapped
        return (each if isinstance(each, RowFault) else mapped(each) for each in records)

    def unmapped(self) -> Iterator[Record | RowFault]:
        """Yield the records of the part as the source has them."""
        container = self.container
        return sliced(container.__iter__, self.part, container.count()) if self.part.ranges else iter(container)


def _format_asked_for(spec: SourceSpec) -> Format | None:
    if spec.text_template is not None:
        if spec.columns or spec.format not in (None, "text"):
            raise RecipeError(
                f"{spec.path}: text_template makes rows of the format text", hint="leave out format and columns"
            )
        return format_named("text")
    names = [each.NAME for each in FORMATS]
    if spec.format is not None and spec.format not in names:
        close = near_miss(spec.format, names)
        hint = close if close.startswith("did") else f"the formats are {_format_names()}"
        raise RecipeError(f"{spec.path}: there is no format {spec.format}", hint=hint)
    return format_named(spec.format) if spec.format else None


def _mapping(spec: SourceSpec, named: Format | None) -> Mapped | None:
    if spec.text_template is not None:
        return text_template(spec.text_template, spec.path)
    if not spec.columns:
        return None
    possible = [named] if named else [each for each in FORMATS if set(spec.columns) <= set(each.KEYS)]
    known = list(dict.fromkeys(key for each in possible or FORMATS for key in each.KEYS))
    for key in spec.columns:
        if key not in known or not possible:
            what = f"the format {named.NAME}" if named else "one format"
            rule = f"{spec.path}: columns: {', '.join(spec.columns)} are not all keys of {what}"
            raise RecipeError(rule, hint=near_miss(key, known) or "write KEY=COLUMN, the key of the format first")
    return column_mapping(spec.columns, known, spec.path)


def _first(stream: _Stream) -> list[Record | RowFault]:
    found: list[Record | RowFault] = []
    num_records = 0
    for each in stream:
        found.append(each)
        num_records += isinstance(each, Record)
        if num_records == _NUM_RECORDS_LOOKED_AT or len(found) - num_records == _NUM_FAULTS_LOOKED_AT:
            break
    return found


def _format_of(found: Sequence[Record | RowFault], spec: SourceSpec, choose: Choose | None) -> Format:
    records = [each.value for each in found if isinstance(each, Record)]
    record, matches = next(((each, hits) for each in records if (hits := _detected(each))), ({}, []))
    if not matches:
        raise _unreadable(found, spec)
    if len(matches) == 1:
        return matches[0]
    names, keys = tuple(each.NAME for each in matches), tuple(record)
    if choose is not None:
        return format_named(choose(Ambiguity(spec.path, names, keys)))
    raise DataError(
        f"{spec.path} with the keys {_listed(keys)} could be of several formats: {', '.join(names)}",
        hint=f"say which: --format {names[0]}; in a recipe, format: {names[0]} beside its path",
    )


def _unreadable(found: Sequence[Record | RowFault], spec: SourceSpec) -> DataError:
    """Return the error of a source in whose first records there is nothing that a format knows."""
    faults = [each for each in found if isinstance(each, RowFault)]
    keys = _keys(found)
    message = f"{spec.path} has no known format; the formats are {_format_names()}"
    if keys:
        message += f"; the keys found are {_listed(keys)}"
    if faults:
        message += f"; {len(faults)} of the {len(found)} records looked at cannot be read"
    return DataError(message, hint=_format_hint(keys), faults=tuple(fault.as_fault() for fault in faults))


def _keys(found: Sequence[Record | RowFault]) -> list[str]:
    return list(dict.fromkeys(key for each in found if isinstance(each, Record) for key in each.value))


def _format_hint(keys: Sequence[str]) -> str:
    for key in keys:
        if close := difflib.get_close_matches(key, ["messages", "prompt", "completion"], n=1, cutoff=0.75):
            return f"did you mean {close[0]} by {key}?" if close[0] != key else "prompt needs a completion beside it"
    if keys:
        return "say which column is which: --columns prompt=… --columns completion=…, or --text-template"
    return 'write {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]} on each line'


def _detected(record: dict[str, Any]) -> list[Format]:
    return [each for each in FORMATS if each.detect(record)]


def _listed(keys: Sequence[str]) -> str:
    return ", ".join(keys[:_NUM_KEYS_SHOWN]) + ", …" * (len(keys) > _NUM_KEYS_SHOWN)


def _format_names() -> str:
    return ", ".join(each.NAME for each in FORMATS)
