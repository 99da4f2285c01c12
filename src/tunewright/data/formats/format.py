"""What a module of this folder offers: a format is these seven names, and is registered in `all` and nowhere else.

Deliberately does not know files: a record is a JSON object, wherever it came from.
"""

from __future__ import annotations

from typing import Any, Protocol

from tunewright.data.rows import AnyRow, Kind, RowFault


class Format(Protocol):
    """One shape of records.

    `read` never raises and never changes its record: it returns the row, or every fault of the record (the first
    `record.MAX_FINDINGS` of more). `write` is its inverse: `read(write(row), row.path, row.line) == row` for each row
    that the same format's `read` returned.
    """

    NAME: str
    KIND: Kind
    KEYS: tuple[str, ...]
    """The keys that a record of this format may have, the required ones first: what a column mapping maps to."""

    def detect(self, record: dict[str, Any]) -> bool:
        """Whether the record means to have this format, rightly written or not.

        At most one format should say so; where a record truly could be two things, both do, and the user is asked.
        """
        ...

    def read(self, record: dict[str, Any], path: str, line: int) -> AnyRow | list[RowFault]:
        """Return the row, or every fault of the record."""
        ...

    def is_sound(self, record: dict[str, Any]) -> bool:
        """Whether `read` would certainly find no fault: the fast path of a check, in which no row is wanted.

        False says only that `read` must look.
        """
        ...

    def write(self, row: Any) -> dict[str, Any]:
        """Return the record of a row of this format's kind.

        Raises:
            DataError: the format has no place for something that the row holds, which would be dropped silently.
        """
        ...
