"""What `tunewright data redact` does with a file, and what it says about it; a value that was found is never said."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunewright.cli.data.output import refuse_in_place
from tunewright.cli.data.stages import watched
from tunewright.cli.screen import clean
from tunewright.data.containers.record import Record
from tunewright.data.containers.write import RecordWriter, refuse_existing
from tunewright.data.pii.span import NameFinder
from tunewright.data.read import OpenSource
from tunewright.data.redact import Place, Placeholders, Redactor, placeholders_in
from tunewright.data.rows import RowFault
from tunewright.errors import RecipeError

_NUM_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of the command."""

    output: str | None
    types: tuple[str, ...] | None
    names: NameFinder | None
    is_check: bool
    report: str | None
    overwrite: bool
    as_json: bool


@dataclass
class _Tally:
    num_records: int = 0
    num_changed: int = 0
    by_type: Counter[str] = field(default_factory=Counter)
    left_out: list[RowFault] = field(default_factory=list)
    first: list[tuple[int, Place]] = field(default_factory=list)


def run(source: OpenSource, wish: Wish) -> int:
    """Redact or list; return the exit code: 1 where a check found something, or a line could not be read.

    Raises:
        RecipeError: no output is named, or it is the input.
        StorageError: the output exists, or cannot be written.
    """
    _refuse_in_place(source, wish)
    # A placeholder that the file holds already must not be given to another value.
    reserved = [] if wish.is_check else placeholders_in(watched(_only_records(source), "looking for placeholders"))
    redactor = Redactor(Placeholders(reserved), wish.types, wish.names)
    tally = _Tally()
    output = None if wish.is_check else wish.output
    with _writer(output, wish) as rows, _writer(wish.report, wish) as places:
        for item in watched(source.records(), "redacting"):
            _one(item, redactor, tally, rows, places)
    _say(source, wish, tally, redactor.placeholders.num_values())
    return int(bool(tally.left_out) or (wish.is_check and tally.by_type.total() > 0))


def _refuse_in_place(source: OpenSource, wish: Wish) -> None:
    if wish.report is not None:
        refuse_in_place(source.path, wish.report)
    if wish.is_check:
        return
    refuse_in_place(source.path, wish.output)
    # Before the search for placeholders: nobody waits for it only to be told that the file is there.
    for path in filter(None, (wish.output, wish.report)):
        refuse_existing(Path(path), overwrite=wish.overwrite)
    if wish.report is not None and Path(wish.report).resolve() == Path(wish.output or "").resolve():
        raise RecipeError(f"{wish.report} is both --output and --report", hint="name two files")


def _only_records(source: OpenSource) -> Iterator[Record]:
    return (item for item in source.records() if isinstance(item, Record))


def _writer(path: str | None, wish: Wish) -> AbstractContextManager[RecordWriter | None]:
    return RecordWriter(Path(path), overwrite=wish.overwrite) if path else nullcontext()


def _one(
    item: Record | RowFault, redactor: Redactor, tally: _Tally, rows: RecordWriter | None, places: RecordWriter | None
) -> None:
    if isinstance(item, RowFault):
        tally.left_out.append(item)
        return
    redacted, found = redactor.record(item.value)
    tally.num_records += 1
    tally.num_changed += bool(found)
    tally.by_type.update(place.find.type for place in found)
    tally.first += [(item.line, place) for place in found[: _NUM_SHOWN - len(tally.first)]]
    if rows is not None:
        rows.write(redacted, b"" if found else item.raw)
    for place in found if places is not None else ():
        places.write(_place_dict(item.line, place))  # pyright: ignore[reportOptionalMemberAccess]


def _place_dict(line: int, place: Place) -> dict[str, Any]:
    find = place.find
    return {
        "line": line,
        "field": place.field,
        "type": find.type,
        "placeholder": find.placeholder,
        "confidence": find.confidence,
    }


def _say(source: OpenSource, wish: Wish, tally: _Tally, num_values: int) -> None:
    if wish.as_json:
        said = {
            "path": source.path,
            "format": source.format.NAME,
            "records": tally.num_records,
            "changed": tally.num_changed,
            "found": dict(sorted(tally.by_type.items())),
            "values": num_values,
            "left_out": [str(_without_value(fault)) for fault in tally.left_out],
            "output": None if wish.is_check else wish.output,
        }
        if wish.is_check:
            said["places"] = [_place_dict(line, place) for line, place in tally.first]
        print(json.dumps(said, ensure_ascii=False))
        return
    if wish.is_check:
        for line, place in tally.first:
            print(clean(f"{source.path}:{line}: {place.field}: {place.find.type} ({place.find.confidence:.2f})"))
        if tally.by_type.total() > _NUM_SHOWN:
            print(f"… and {tally.by_type.total() - _NUM_SHOWN:,} more; --report FILE lists all")
    for kind, count in tally.by_type.most_common():
        print(f"{count:>7,}  {kind}")
    for fault in tally.left_out[:_NUM_SHOWN]:
        print(clean(f"not read, and so not in the copy: {_without_value(fault)}"))
    print(clean(_summary(wish, tally, num_values)))


def _without_value(fault: RowFault) -> str:
    # The value of a line that is no JSON is its beginning, which may be what must not be shown.
    return f"{fault.path}:{fault.line}: {fault.rule}"


def _summary(wish: Wish, tally: _Tally, num_values: int) -> str:
    total = tally.by_type.total()
    if wish.is_check:
        return f"{total:,} places with {num_values:,} different values in {tally.num_records:,} records"
    text = f"{total:,} places redacted in {tally.num_changed:,} of {tally.num_records:,} records, "
    text += f"{num_values:,} different values → {wish.output}"
    return text + (f"; {len(tally.left_out):,} lines could not be read" if tally.left_out else "")
