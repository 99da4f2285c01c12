"""What a grade is: a score from 0 to 1, or a named reason why there is none.

A failure is not a zero: an answer that cannot be judged must not look like a wrong one. The one function type serves
as metric, reward, stop signal and export check. `Output` and `Item` are what OpenAI's grader objects call `sample` and
`item`. Deliberately does not know models, files of rows or reports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable


@dataclass(frozen=True, slots=True)
class Output:
    """One answer as it was given.

    `has_ended` is False where a length limit cut it off; `num_tokens` is None where nobody counted.
    """

    text: str
    has_ended: bool = True
    num_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """What the answer was given to, and what it is held against.

    Attributes:
        reference: what a right answer says; None if the row has none.
        meta: the row's metadata.
        prompt: (role, text) of each turn before the answer.
        tool_calls: the calls of the reference, in OpenAI's form.
    """

    reference: str | None
    meta: Mapping[str, Any] = field(default_factory=dict)
    prompt: tuple[tuple[str, str], ...] = ()
    tool_calls: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class GradeFailure:
    """Why an answer could not be judged; `reason` is one short sentence."""

    reason: str


Grade: TypeAlias = float | GradeFailure
"""A score within 0…1, higher is better, or the failure to give one."""

NO_REFERENCE = GradeFailure("the row has no reference to hold the answer against")


class Grader(Protocol):
    """Judges one answer.

    Obligations: the same input gets the same grade; never raises on any text; a reference of None is a failure where
    one is needed; 1.0 for an output that equals the reference, where it compares the two at all. What needs the outside
    world (a judge model, a user's file) was given to its maker.
    """

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        ...


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each expected label was answered with which: `counts[expected][given]`, both by `labels`.

    What is no known label has the last column, which `labels` lacks: a row has one count more than there are labels.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class SetScore:
    """What can be told of a whole set only: values by name, and the signature under which others can repeat them."""

    values: Mapping[str, float]
    signature: str = ""
    confusion: Confusion | None = None


@runtime_checkable
class SetGrader(Protocol):
    """A grader that also says something about all answers together (corpus BLEU, macro-F1).

    The mean over single answers is still what intervals and tests are taken of.
    """

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of one answer."""
        ...

    def grade_set(self, graded: Sequence[tuple[Output, Item]], /) -> SetScore:
        """Return the scores of the whole set, of which every item has a reference; empty for an empty set."""
        ...
