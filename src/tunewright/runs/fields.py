"""Field types whose every value survives a trip through JSON, and the clock that stamps what is written.

A diverged loss is NaN and a file name may hold bytes that are no UTF-8; neither may stop the run that reports it. So a
number that is not finite becomes None, and a lone surrogate becomes its escape. Knows nothing of any file.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator


def utc_now() -> str:
    """Return the present time as ISO-8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _finite_or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _finite_entries(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: number for key, number in value.items() if _finite_or_none(number) is not None}


def _writable(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_writable)]
Number = Annotated[float | None, BeforeValidator(_finite_or_none)]
NamedScores = Annotated[dict[str, float], BeforeValidator(_finite_entries)]
"""Scores by name; a score that is not a number is left out."""
