"""Which graders suit rows that nobody chose any for. The first one is the headline; the rule is stated with it.

Looks at references and metadata only. Does not know what the rows are for: a recipe that says so always wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.graders.grade import Item
from tunewright.spec.grader import (
    ContainsSpec,
    ExactMatchSpec,
    GraderNode,
    TokenF1Spec,
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The graders, and why these."""

    specs: tuple[GraderNode, ...]
    rule: str


def choose(items: Sequence[Item]) -> Chosen:
    """Return the graders for `items`; the first is the headline."""
    if items and all(item.meta.get("fact") is not None for item in items):
        return Chosen(
            (ContainsSpec(), TokenF1Spec(), ExactMatchSpec()), "every row names the fact that an answer holds"
        )
    return Chosen((TokenF1Spec(), ExactMatchSpec()), "the references are free text")
