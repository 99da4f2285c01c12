"""From a file to its rows: every row that can be used, and every fault of every one that cannot.

A file has one format, that of the first record which matches any. What to do about faults is the caller's choice
(`data.unusable`); only a file from which nothing can be read is an error here. Adding a format is one file in
`formats/` and one name in `FORMATS`. Deliberately does not know templates or tokens.
"""

from __future__ import annotations

import codecs
import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tunewright.data.formats import chat, prompt_completion
from tunewright.data.records import JSON, Record, layout, records
from tunewright.data.rows import Row, RowFault
from tunewright.errors import DataError, DataMissingError

_NUM_FAULTS_SHOWN = 5
_NUM_KEYS_SHOWN = 12
_SUFFIXES = (".jsonl", ".json")


class Format(Protocol):
    """What a module of `formats/` offers. `parse` never raises: it returns the row or all of the record's faults."""

    NAME: str

    def detect(self, record: dict[str, Any]) -> bool:
        """Whether the record means to have this format, rightly written or not."""
        ...

    def parse(self, record: dict[str, Any], path: str, line: int) -> Row | list[RowFault]:
        """Return the row, or every fault of the record."""
        ...


FORMATS: tuple[Format, ...] = (chat, prompt_completion)


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What one file held. `num_records` counts usable and faulty ones; `notice` says what was odd yet readable."""

    path: Path
    format: str
    rows: tuple[Row, ...]
    faults: tuple[RowFault, ...]
    num_records: int
    sha256: str
    notice: str = ""


def read_rows(path: Path) -> ReadResult:
    """Read one file of rows.

    Raises:
        DataMissingError: there is no such file, or it cannot be opened.
        DataError: the file holds no record, or no record of a known format.
    """
    content = _bytes(path)
    body = content.removeprefix(codecs.BOM_UTF8)
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{path} is UTF-16 text; rows are read as UTF-8", hint="save the file as UTF-8")
    found = list(records(body, str(path)))
    if not found:
        raise DataError(f"{path} is empty: it holds no record", hint=f"write rows of one format: {_format_names()}")
    file_format = _format_of(found, path)
    rows, faults = _parse(found, file_format, str(path))
    sha256 = hashlib.sha256(content).hexdigest()
    return ReadResult(path, file_format.NAME, rows, faults, len(found), sha256, _notice(body, path))


def _bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise DataMissingError(f"{path} is a folder; a file of rows is wanted", hint=_folder_hint(path))
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataMissingError(f"{path} does not exist", hint=_missing_hint(path)) from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise DataMissingError(f"{path} cannot be read: {reason}", hint="check its permissions") from error


def _folder_hint(folder: Path) -> str:
    names = sorted(item.name for item in folder.iterdir() if item.suffix in _SUFFIXES)
    return f"name a file in it: {', '.join(names[:5])}" if names else "name a .jsonl or .json file"


def _missing_hint(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"the folder {folder} does not exist either"
    names = sorted(item.name for item in folder.iterdir() if item.is_file())
    close = difflib.get_close_matches(path.name, names, n=2, cutoff=0.7)
    if close:
        return f"did you mean {' or '.join(str(folder / name) for name in close)}?"
    rows = [name for name in names if name.endswith(_SUFFIXES)]
    return f"files of rows in {folder}: {', '.join(rows[:5])}" if rows else f"{folder} holds no .jsonl or .json file"


def _format_of(found: Sequence[Record | RowFault], path: Path) -> Format:
    matches = (_detect(each.value) for each in found if isinstance(each, Record))
    file_format = next((match for match in matches if match), None)
    if file_format:
        return file_format
    faults = [each for each in found if isinstance(each, RowFault)]
    keys = list(dict.fromkeys(key for each in found if isinstance(each, Record) for key in each.value))
    message = f"{path} has no known format; the formats are {_format_names()}"
    if keys:
        message += f"; the keys found are {', '.join(keys[:_NUM_KEYS_SHOWN])}{', …' * (len(keys) > _NUM_KEYS_SHOWN)}"
    if faults:
        first = "\n".join(f"  {fault}" for fault in faults[:_NUM_FAULTS_SHOWN])
        message += f"\n{len(faults)} of {len(found)} records are not JSON objects:\n{first}"
    raise DataError(message, hint=_format_hint(keys), faults=tuple(fault.as_fault() for fault in faults))


def _format_hint(keys: Sequence[str]) -> str:
    for key in keys:
        if close := difflib.get_close_matches(key, ["messages", "prompt", "completion"], n=1, cutoff=0.75):
            return f"did you mean {close[0]} by {key}?" if close[0] != key else "prompt needs a completion beside it"
    return 'write {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]} on each line'


def _detect(record: dict[str, Any]) -> Format | None:
    return next((each for each in FORMATS if each.detect(record)), None)


def _parse(
    found: Sequence[Record | RowFault], file_format: Format, path: str
) -> tuple[tuple[Row, ...], tuple[RowFault, ...]]:
    rows: list[Row] = []
    faults: list[RowFault] = []
    for each in found:
        parsed = [each] if isinstance(each, RowFault) else _parse_record(each, file_format, path)
        if isinstance(parsed, Row):
            rows.append(parsed)
        else:
            faults += parsed
    return tuple(rows), tuple(faults)


def _parse_record(record: Record, file_format: Format, path: str) -> Row | list[RowFault]:
    own_format = _detect(record.value)
    # A record that matches nothing is read as its neighbours are: that names the key which is missing or misspelt.
    if own_format in (None, file_format):
        return file_format.parse(record.value, path, record.line)
    rule = f"must have the format of the file, {file_format.NAME}"
    return [RowFault(path, record.line, "", rule, own_format.NAME, "give each format a file of its own")]


def _notice(body: bytes, path: Path) -> str:
    if path.suffix == ".jsonl" and layout(body) == JSON:
        return f"{path} is one JSON text, though its name ends in .jsonl; it was read as JSON"
    return ""


def _format_names() -> str:
    return ", ".join(each.NAME for each in FORMATS)
