"""A source of records, whatever it is: a file of any layout, packed or not, or a part of a data set.

Opening tells the layout; iterating reads it from its beginning, as a stream, as often as wanted.
Deliberately does not know formats, column mappings or slices.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import orjson

from tunewright.data.containers import parquet
from tunewright.data.containers.blocks import DamagedError, blocks, packing_of
from tunewright.data.containers.data_set import is_hub_id, is_saved, open_data_set
from tunewright.data.containers.layout import PARQUET, READERS, SUFFIXES, layout_of, notices_of
from tunewright.data.containers.record import MAX_RECORD_BYTES, Record
from tunewright.data.rows import RowFault
from tunewright.errors import DataError, DataMissingError

_NUM_NAMES = 5
_Stamp = tuple[int, int, int]


class Container(Protocol):
    """What holds records. `count` is None where only reading would tell."""

    @property
    def layout(self) -> str: ...

    @property
    def notices(self) -> tuple[str, ...]: ...

    def __iter__(self) -> Iterator[Record | RowFault]: ...

    def count(self) -> int | None: ...


@dataclass(frozen=True)
class RowFile:
    """A file whose layout is known. A change between opening it and the end of a reading is a fault of that reading."""

    name: str
    layout: str
    notices: tuple[str, ...]
    stamp: _Stamp

    def __iter__(self) -> Iterator[Record | RowFault]:
        path = Path(self.name)
        try:
            if self.layout == PARQUET:
                yield from parquet.read(path, self.name)
            else:
                yield from READERS[self.layout](blocks(path), self.name)
        except DamagedError as error:
            yield _damage(error, self.name)
        except OSError as error:
            raise _unreadable(path, error) from error
        if self._has_changed(path):
            fix = "let no other program write it, and read it again"
            yield RowFault(self.name, 1, "", "must not change while it is read", "", fix, "file_changed")

    def count(self) -> int | None:
        """Return the number of records where the file itself knows it."""
        return parquet.num_rows(Path(self.name), self.name) if self.layout == PARQUET else None

    def _has_changed(self, path: Path) -> bool:
        try:
            return _stamp(path) != self.stamp
        except OSError:
            return True


def open_container(name: str, part: str = "", subset: str | None = None) -> Container:
    """Return the file or the part of a data set that `name` means.

    Raises:
        DataMissingError: there is none, or it cannot be opened.
        DataError: it is UTF-16 text or damaged from its beginning, or a file was asked for a part.
        MissingExtraError: an optional package is needed.
    """
    path = Path(name)
    try:
        is_folder = path.is_dir()
        if (is_folder and (is_saved(path) or part or subset)) or (not is_folder and is_hub_id(name)):
            return open_data_set(name, part, subset)
        return _open_file(path, name, part or subset or "")
    except FileNotFoundError as error:
        raise DataMissingError(f"{path} does not exist", hint=_missing_hint(path)) from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise _unreadable(path, error) from error


def sha256_of(container: Container, records: Iterable[Record | RowFault]) -> str:
    """Return the hash of a file's bytes; of a data set, whose files are the library's affair, that of `records`.

    `records` are those that were read: of a data set that is streamed, no more is fetched.
    """
    if isinstance(container, RowFile):
        try:
            with Path(container.name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _unreadable(Path(container.name), error) from error
    digest = hashlib.sha256()
    for record in records:
        digest.update(orjson.dumps(record.value if isinstance(record, Record) else str(record)) + b"\n")
    return digest.hexdigest()


def _open_file(path: Path, name: str, part: str) -> RowFile:
    status = path.stat()
    if path.is_dir():
        raise DataMissingError(f"{path} is a folder; a file of rows is wanted", hint=_folder_hint(path))
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path} is no file: it is read more than once", hint="write the rows to a file first")
    if part:
        raise DataError(f"{path} is a file and has no part {part}", hint="take a slice without a name: [:4096], [10%:]")
    stamp = _stamp(path)
    head, is_whole = _head(path)
    layout = layout_of(head, name, is_whole=is_whole)
    if layout == PARQUET:
        if packing_of(path):
            raise DataError(f"{path} is Parquet that was packed again", hint="unpack it first: gunzip, or zstd -d")
        parquet.opened(path, name).close()
    notices = tuple(notices_of(layout, head, name))
    return RowFile(name, layout, notices, stamp)


def _head(path: Path) -> tuple[bytes, bool]:
    # More than the largest record: whether a file is one object shows at its end only.
    head, parts = b"", blocks(path)
    try:
        for part in parts:
            head += part
            if len(head) > MAX_RECORD_BYTES or not head.lstrip().startswith(b"{"):
                return head, next(parts, None) is None
    except DamagedError:
        pass  # The reading itself tells it, after the records that are good.
    return head, True


def _stamp(path: Path) -> _Stamp:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ino


def _damage(error: DamagedError, name: str) -> RowFault:
    fix = "pack the file again, or fetch it again; the records from here on are lost"
    rule = f"must be a whole {error.packing} archive ({error.reason})"
    return RowFault(name, error.line, "", rule, "", fix, "file_ends_early")


def _unreadable(path: Path, error: Exception) -> DataMissingError:
    reason = getattr(error, "strerror", None) or error
    return DataMissingError(f"{path} cannot be read: {reason}", hint="check its permissions")


def _folder_hint(folder: Path) -> str:
    names = _row_files(folder)
    return f"name a file in it: {', '.join(names)}" if names else "name a .jsonl or .json file"


def _missing_hint(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"the folder {folder} does not exist either"
    names = sorted(item.name for item in folder.iterdir() if item.is_file())
    close = difflib.get_close_matches(path.name, names, n=2, cutoff=0.7)
    if close:
        return f"did you mean {' or '.join(str(folder / name) for name in close)}?"
    rows = _row_files(folder)
    return f"files of rows in {folder}: {', '.join(rows)}" if rows else f"{folder} holds no .jsonl or .json file"


def _row_files(folder: Path) -> list[str]:
    packed = (".gz", ".zst")
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith((*SUFFIXES, *packed)))
    return list(islice(names, _NUM_NAMES))
