"""Files of one JSON object per line that grow while a run lives: an appender and a reader that survive a crash.

A process may die in the middle of a line. The reader overlooks an unfinished last line; the appender mends it before
it adds another. A damaged line anywhere else is an error that names it. Does not know what the lines mean.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import orjson

from tunewright.errors import RunError
from tunewright.runs.atomic import storage_guard

Row = TypeVar("Row")


class LineWriter:
    """Appends lines to a file; each is handed to the system at once, so a killed process loses none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with storage_guard(path):
            _mend_tail(path)
            self._file = path.open("ab", buffering=0)

    def append(self, line: bytes) -> None:
        """Add `line` and its line end.

        Raises:
            StorageError: if the storage refuses; no part of the line stays.
        """
        with storage_guard(self._path):
            start = self._file.seek(0, 2)
            rest = memoryview(line + b"\n")
            try:
                while rest:
                    rest = rest[self._file.write(rest) or 0 :]
            except OSError:
                with suppress(OSError):
                    self._file.truncate(start)
                raise

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._file.close()


def read_rows(path: Path, parse: Callable[[bytes], Row]) -> list[Row]:
    """Return `parse(line)` of every line; none if the file does not exist.

    Raises:
        RunError: if a line other than an unfinished last one cannot be parsed, or the file cannot be read.
    """
    try:
        *whole, tail = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}", hint="check the permissions") from error
    rows = [_parsed(path, number, line, parse) for number, line in enumerate(whole, start=1) if line.strip()]
    if _is_complete(tail):
        rows.append(_parsed(path, len(whole) + 1, tail, parse))
    return rows


def _parsed(path: Path, number: int, line: bytes, parse: Callable[[bytes], Row]) -> Row:
    try:
        return parse(line)
    except RunError as error:
        raise RunError(f"{path}:{number}: {error.message}", hint=error.hint) from error
    except ValueError as error:
        reason = " ".join(str(error).split())[:200]
        hint = "the file is damaged or was edited; remove the line to read the rest"
        raise RunError(f"{path}:{number}: is not a line of this file: {reason}", hint=hint) from error


def _is_complete(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except ValueError:
        return False


def _mend_tail(path: Path) -> None:
    if not path.exists():
        return
    content = path.read_bytes()
    tail = content[content.rfind(b"\n") + 1 :]
    if not tail:
        return
    with path.open("r+b") as file:
        if _is_complete(tail):
            file.seek(0, 2)
            file.write(b"\n")
        else:
            file.truncate(len(content) - len(tail))
