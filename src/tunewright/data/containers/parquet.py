"""Parquet: one record in each row, read by batches of rows. Lines count rows, from 1.

Needs pyarrow. Deliberately does not know formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunewright.data.containers.record import Record
from tunewright.data.containers.values import typed_record
from tunewright.data.rows import RowFault
from tunewright.errors import DataError, MissingExtraError

MAGIC = b"PAR1"

_NUM_ROWS = 1024


def read(path: Path, name: str) -> Iterator[Record | RowFault]:
    """Yield the record of each row; `name` is the path as the user gave it.

    Raises:
        DataError: the file is damaged and holds no row that can be read.
        MissingExtraError: pyarrow is missing.
    """
    file = opened(path, name)
    line = 0
    try:
        for batch in file.iter_batches(batch_size=_NUM_ROWS):
            for value in batch.to_pylist():
                line += 1
                yield typed_record(value, name, line)
    except (OSError, ValueError) as error:  # pyarrow's own errors are both
        rule, fix = (
            f"must be Parquet that can be read ({error})",
            "write the file again; the rows from here on are lost",
        )
        yield RowFault(name, line + 1, "", rule, "", fix, "file_ends_early")
    finally:
        file.close()


def opened(path: Path, name: str) -> Any:
    """Return pyarrow's view of the file.

    Raises:
        DataError, MissingExtraError: as `read`.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError.of("data", "pyarrow") from error
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{name} is damaged: it begins as Parquet, but {error}", hint="write the file again") from error


def num_rows(path: Path, name: str) -> int:
    """Return the number of rows, without reading them."""
    with opened(path, name) as file:
        return file.metadata.num_rows
