"""What `tunewright data convert` does with a file, and what it says: how many rows, and each one that was left out.

A row is written only if reading it back gives the same row: what a format cannot express is named, never bent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.cli.data.stages import watched
from tunewright.cli.screen import clean
from tunewright.data.containers.write import RecordWriter, refuse_same_file
from tunewright.data.formats.all import FORMATS, format_named
from tunewright.data.formats.format import Format
from tunewright.data.read import Entry, OpenSource
from tunewright.data.rows import RowFault
from tunewright.errors import DataError, RecipeError
from tunewright.spec.faults import near_miss

_NUM_LISTED = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of the command."""

    to: str
    output: str
    drop_unusable: bool
    overwrite: bool
    as_json: bool


def run(source: OpenSource, wish: Wish) -> None:
    """Write the rows and say how many.

    Raises:
        RecipeError: no such format, the output is the input, or its name ends in no layout.
        DataError: the formats hold different kinds of rows, or rows cannot be read or expressed and may not be dropped.
        StorageError: the output exists or cannot be written.
    """
    target = _target(source, wish.to)
    output = Path(wish.output)
    refuse_same_file(output, source.path)
    left_out: list[RowFault] = []
    num_left_out = 0
    with RecordWriter(output, overwrite=wish.overwrite) as writer:
        for item in watched(source.records(), "converting"):
            written = _written(source.entry(item), source, target)
            if isinstance(written, Entry):
                writer.write(written.record or {}, written.raw)
            else:
                num_left_out += 1
                # A file of faults alone must not fill the memory.
                left_out += written[: max(0, _NUM_LISTED - len(left_out))]
        if num_left_out and not wish.drop_unusable:
            raise _refusal(left_out, num_left_out)
        if not writer.num_records:
            raise DataError(f"no row of {source.path} can be written as {wish.to}", faults=_shown(left_out))
    _report(source, wish, writer.num_records, (left_out, num_left_out))


def _target(source: OpenSource, name: str) -> Format:
    names = [each.NAME for each in FORMATS]
    if name not in names:
        close = near_miss(name, names)
        hint = close if close.startswith("did") else f"the formats are {', '.join(names)}"
        raise RecipeError(f"--to {name}: there is no such format", hint=hint)
    target = format_named(name)
    if target.KIND != source.format.KIND:
        fits = ", ".join(each.NAME for each in FORMATS if each.KIND == source.format.KIND)
        raise DataError(
            f"{source.path} is in the format {source.format.NAME}, whose rows {name} cannot hold",
            hint=f"it fits {fits}",
        )
    return target


def _written(entry: Entry, source: OpenSource, target: Format) -> Entry | list[RowFault]:
    """Return the entry as it is to be written, or why it cannot be."""
    if entry.row is None:
        return list(entry.faults)
    if target is source.format:
        return entry
    rule = f"cannot be expressed in the format {target.NAME} without a loss"
    fix = "write it in another format, or leave it out with --drop-unusable"
    try:
        record = target.write(entry.row)
    except DataError as error:
        return [RowFault(source.path, entry.line, "", rule, error.message.removeprefix(f"{entry.row.where}: "), fix)]
    back = target.read(record, source.path, entry.line)
    if back == entry.row:
        return entry._replace(record=record, raw=b"")
    lost = [f"{fault.field} {fault.rule}".strip() for fault in back] if isinstance(back, list) else []
    return [RowFault(source.path, entry.line, "", rule, lost[0] if lost else "", fix)]


def _refusal(faults: list[RowFault], num_rows: int) -> DataError:
    rows = "1 row" if num_rows == 1 else f"{num_rows:,} rows"
    hint = "mend them, or leave them out with --drop-unusable"
    return DataError(f"{rows} cannot be converted; nothing was written", hint=hint, faults=_shown(faults))


def _report(source: OpenSource, wish: Wish, num_rows: int, dropped: tuple[list[RowFault], int]) -> None:
    left_out, num_left_out = dropped
    if wish.as_json:
        tree: dict[str, Any] = {
            "path": source.path,
            "from": source.format.NAME,
            "layout": source.layout,
            "to": wish.to,
            "output": wish.output,
            "num_rows": num_rows,
            "num_dropped": num_left_out,
            "notices": list(source.notices),
            "dropped": [{"line": fault.line, "kind": fault.kind, "text": str(fault)} for fault in left_out],
        }
        print(json.dumps(tree, ensure_ascii=False))
        return
    for notice in source.notices:
        print(clean(notice))
    for fault in left_out:
        print(clean(f"left out: {fault}"))
    more = num_left_out - len({fault.line for fault in left_out})
    if more > 0:
        print(f"left out: {more:,} more")
    print(
        clean(f"{source.path}: {source.format.NAME}, {source.layout} → {wish.to}: {num_rows:,} rows in {wish.output}")
    )


def _shown(faults: list[RowFault]) -> Any:
    return tuple(fault.as_fault() for fault in faults)
