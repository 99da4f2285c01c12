"""Write records to a file whose name says the layout; the file appears whole or not at all.

Records are written as they arrive, into a hidden neighbour that takes the name when all went well. What a layout cannot
hold is an error, never left out. Deliberately does not know rows or formats.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

import orjson

from tunewright.data.containers.values import as_text, plain
from tunewright.errors import DataError, MissingExtraError, RecipeError, StorageError
from tunewright.runs.atomic import storage_guard

_PARQUET_ROWS = 4096
_JSON_LINES_HINT = "write JSON Lines: -o name.jsonl"


class RecordWriter:
    """Writes `path` as records arrive; its suffix says the layout, a further .gz or .zst packs it.

    Raises:
        RecipeError: the suffix is none of a layout.
        StorageError: the file exists and may not be replaced, or the storage refuses.
        DataError: a record that the layout cannot hold.
        MissingExtraError: Parquet or zstd without pyarrow.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        layout, packing = _layout_of(path)
        refuse_existing(path, overwrite=overwrite)
        self.path = path
        self.num_records = 0
        # A link stays a link: what it points to is replaced.
        self._final = Path(os.path.realpath(path))
        self._part = self._final.with_name(f".{self._final.name}.{secrets.token_hex(4)}.tmp")
        with storage_guard(path):
            self._file = self._part.open("xb")
        self._packed: Any = self._file
        self._layout: Any = self._file
        try:
            self._packed = _packed(self._file, packing)
            self._layout = _LAYOUTS[layout](self._packed)
        except BaseException:
            self._abandon()
            raise

    def write(self, record: dict[str, Any], raw: bytes = b"") -> None:
        """Append a record. `raw`: its JSON as it was read, kept byte for byte where the layout is JSON Lines."""
        with storage_guard(self.path):
            self._layout.write(record, raw)
        self.num_records += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._abandon()
            return
        try:
            with storage_guard(self.path):
                self._layout.end()
                if self._packed is not self._file:
                    self._packed.close()
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
                os.replace(self._part, self._final)
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        # Half a file is thrown away: that what packs it cannot end it well is no news.
        for each in (self._layout, self._packed, self._file):
            with suppress(OSError, ValueError):
                each.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Make sure that a file may be written at `path`, as far as that shows beforehand.

    Raises:
        StorageError: something is there that may not be replaced, or the folder is missing.
    """
    if path.exists() and not (overwrite and path.is_file()):
        hint = "name another file with --output, or use --overwrite" if path.is_file() else "name a file"
        raise StorageError(f"{path} already exists", hint=hint)
    if not path.absolute().parent.is_dir():
        message = f"{path}: cannot be written: there is no folder {path.parent}"
        raise StorageError(message, hint="make it first, or name another file")


def refuse_same_file(output: Path, source: str) -> None:
    """Make sure that the output is not what is being read.

    Raises:
        RecipeError: both are one file.
    """
    with suppress(OSError, ValueError):
        if output.samefile(source):
            raise RecipeError(f"{output} is the file that is read", hint="name another file with --output")


def json_text(record: Any) -> bytes:
    """Return a record as JSON; dates and bytes, which typed tables hold, as text.

    Raises:
        DataError: it holds what JSON has no way to say.
    """
    try:
        return orjson.dumps(record, default=as_text)
    except orjson.JSONEncodeError as error:
        raise DataError(f"a record cannot be written as JSON: {error}", hint="mend the row") from error


# ── layouts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Layout(Protocol):
    def write(self, record: dict[str, Any], raw: bytes) -> None: ...

    def end(self) -> None: ...

    def close(self) -> None: ...


class _Stream:
    """What holds nothing that must be given back."""

    def end(self) -> None:
        pass

    def close(self) -> None:
        pass


class _JsonLines(_Stream):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, record: dict[str, Any], raw: bytes) -> None:
        text = raw.strip()
        # JSON that was spread over lines is written again: here each line is a record.
        self._file.write((text if text and b"\n" not in text else json_text(record)) + b"\n")


class _JsonArray(_Stream):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._before = b"[\n"

    def write(self, record: dict[str, Any], raw: bytes) -> None:
        self._file.write(self._before + (raw.strip() or json_text(record)))
        self._before = b",\n"

    def end(self) -> None:
        self._file.write(b"[]\n" if self._before == b"[\n" else b"\n]\n")


class _Table(_Stream):
    """CSV; the first record says which columns there are, because the header stands before everything else."""

    _delimiter = ","

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._line = io.StringIO(newline="")
        form: dict[str, Any] = {"delimiter": self._delimiter, "lineterminator": "\n"}
        self._plain = csv.writer(self._line, **form)
        # csv itself leaves a carriage return unquoted, which no reader takes back.
        self._quoted = csv.writer(self._line, **form, quoting=csv.QUOTE_ALL)
        self._keys: list[str] = []

    def write(self, record: dict[str, Any], raw: bytes) -> None:
        if not self._keys:
            self._keys = list(record)
            self._add(self._keys)
        if unknown := [key for key in record if key not in self._keys]:
            message = f"the key {unknown[0]} is not in the first record, whose keys are the columns of the table"
            raise DataError(message, hint=_JSON_LINES_HINT)
        self._add([_cell(record.get(key)) for key in self._keys])

    def _add(self, cells: list[str]) -> None:
        (self._quoted if any("\r" in cell for cell in cells) else self._plain).writerow(cells)
        self._file.write(self._line.getvalue().encode("utf-8"))
        self._line.seek(0)
        self._line.truncate()


class _TabTable(_Table):
    _delimiter = "\t"


class _Parquet:
    """Parquet; the columns and their types are those of the first records, and no later one may need others."""

    def __init__(self, file: BinaryIO) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise MissingExtraError.of("data", "pyarrow") from error
        self._pa = pyarrow
        self._file = file
        self._rows: list[dict[str, Any]] = []
        self._writer: Any = None

    def write(self, record: dict[str, Any], raw: bytes) -> None:
        self._rows.append(record)
        if len(self._rows) == _PARQUET_ROWS:
            self._flush()

    def end(self) -> None:
        if self._rows or self._writer is None:
            self._flush()
        self.close()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        schema = self._writer.schema if self._writer else None
        names = list(dict.fromkeys(key for row in self._rows for key in row))
        try:
            # Without a schema pyarrow takes the columns of the first row alone.
            full = [{name: row.get(name) for name in names} for row in self._rows] if schema is None else self._rows
            table = self._pa.Table.from_pylist(full, schema=schema)
            if plain(table.to_pylist()) != plain(self._rows):
                raise ValueError("a record has keys or values that the first ones do not have")
            self._writer = self._writer or self._pa.parquet.ParquetWriter(self._file, table.schema)
            self._writer.write_table(table)
        # pyarrow's errors are these; a file that refuses is an OSError and not ours to judge.
        except (ValueError, TypeError, NotImplementedError) as error:
            raise DataError(f"the records do not fit one Parquet table: {error}", hint=_JSON_LINES_HINT) from error
        self._rows = []


_LAYOUTS: dict[str, Callable[[BinaryIO], _Layout]] = {
    ".jsonl": _JsonLines,
    ".json": _JsonArray,
    ".csv": _Table,
    ".tsv": _TabTable,
    ".parquet": _Parquet,
}


def _layout_of(path: Path) -> tuple[str, str]:
    suffix = path.suffix.lower()
    packing = suffix if suffix in (".gz", ".zst") else ""
    layout = Path(path.stem).suffix.lower() if packing else suffix
    if layout not in _LAYOUTS:
        raise RecipeError(
            f"{path}: the name of an output ends in {', '.join(_LAYOUTS)}", hint="a further .gz or .zst packs it"
        )
    if packing and layout == ".parquet":
        raise RecipeError(f"{path}: Parquet packs its columns itself", hint=f"name it {path.stem}")
    return layout, packing


def _packed(file: BinaryIO, packing: str) -> Any:
    if packing == ".gz":
        # Without name and time: equal rows make equal files.
        return gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)
    if packing == ".zst":
        try:
            import pyarrow
        except ImportError as error:
            raise MissingExtraError.of("data", "pyarrow") from error
        # pyarrow closes what it is given, and the file is still to be synced.
        own = os.fdopen(os.dup(file.fileno()), "wb")
        return pyarrow.CompressedOutputStream(pyarrow.PythonFile(own, "w"), "zstd")
    return file


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json_text(value).decode("utf-8")
