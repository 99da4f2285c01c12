"""What a grade is: a score from 0 to 1, or a named reason why there is none.

A failure is not a zero: an answer that cannot be judged must not look like a wrong one. The one function type serves
as metric, reward, stop signal and export check. Deliberately does not know models, rows or reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class GradeFailure:
    """Why an answer could not be judged; `reason` is one short sentence."""

    reason: str


Grade: TypeAlias = float | GradeFailure
"""A score within 0…1, higher is better, or the failure to give one."""


class Grader(Protocol):
    """Judges one answer.

    Obligations: pure (same input, same grade; nothing is read, written or kept), never raises on any text, and gives
    1.0 for an output that equals the reference, where it can judge at all. `meta` is the row's metadata.
    """

    def __call__(self, output: str, reference: str, meta: Mapping[str, Any], /) -> Grade:
        """Return the grade of `output`."""
        ...
