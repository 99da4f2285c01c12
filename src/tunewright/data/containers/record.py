"""One record of a file, before any format has looked at it, and the largest that is parsed."""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_RECORD_BYTES = 8 * 1024 * 1024
"""A longer record is not parsed: it is a file that lost its line ends far more often than a row to learn from."""


class Record(NamedTuple):
    """One JSON object of a file: the line on which it begins (from 1), its value, and its bytes where it had its own.

    A tuple and not a dataclass, because a million of them are made in seconds. `raw` is empty for records of tables.
    """

    line: int
    value: dict[str, Any]
    raw: bytes = b""
