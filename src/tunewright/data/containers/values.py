"""From the values of a typed table to those that JSON has; an unset value is an absent key, as in the other layouts.

Deliberately does not know where the table lies.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import math
import uuid
from typing import Any

from tunewright.data.containers.record import Record
from tunewright.data.rows import RowFault, shown


def typed_record(value: dict[str, Any], path: str, line: int) -> Record | RowFault:
    """Return the record of one row of a typed table, or its fault."""
    try:
        return Record(line, plain(value))
    except _NotANumberError as error:
        fix = "leave the value unset"
        return RowFault(path, line, "", "must hold numbers that are finite", shown(error.args[0]), fix, "bad_value")
    except TypeError as error:
        return RowFault(
            path, line, "", "must hold texts, numbers and lists", str(error), "save it as text", "bad_value"
        )
    except RecursionError:
        return RowFault(path, line, "", "must not be nested so deeply", "", "flatten the value", "bad_value")


def plain(value: Any) -> Any:
    """Return `value` with only objects, lists, texts, numbers, truths; keys whose value is unset are left out."""
    if isinstance(value, str | bool | int | None):
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float | decimal.Decimal):
        if not math.isfinite(value):
            raise _NotANumberError(value)
        return float(value)
    return as_text(value)


def as_text(value: Any) -> str:
    """Return bytes, dates and the like as text.

    Raises:
        TypeError: the value is none of what a typed table holds.
    """
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta | uuid.UUID | decimal.Decimal):
        return str(value)
    raise TypeError(f"a value of type {type(value).__name__} is no data")


class _NotANumberError(ValueError):
    pass
