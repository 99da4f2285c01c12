"""Which graders suit rows that nobody chose any for. The first one is the headline; the rule is stated with it.

Looks at references and metadata only, and at which optional packages are installed: an evaluation must not stop for
want of one that nobody asked for. Does not know what the rows are for: a recipe that says so always wins.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median

from tunewright.graders.grade import Item
from tunewright.graders.numbers import is_number
from tunewright.graders.words import normalised
from tunewright.spec.grader import (
    ChrfSpec,
    ContainsSpec,
    EndedSpec,
    ExactMatchSpec,
    GraderNode,
    JsonFieldsSpec,
    JsonSpec,
    LabelSpec,
    NumericSpec,
    RougeSpec,
    TokenF1Spec,
    ToolCallSpec,
)

MAX_LABELS = 50
"""More distinct references than this are no labels."""
MAX_WORDS_OF_LABEL = 5
MIN_ROWS_OF_LABEL = 3.0
"""Rows for each label, on average: with fewer, references that happen to be short would pass for labels."""
MIN_SHARE_OF_JSON = 0.95
MAX_WORDS_OF_SHORT = 12
"""The median length up to which an answer is right or wrong as a whole; longer ones are compared by their wording."""

_NEEDED = {
    "label": ("sklearn",),
    "numeric": ("pint",),
    "rouge_l": ("rouge_score", "rapidfuzz"),
    "chrf": ("sacrebleu",),
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The graders, and why these."""

    specs: tuple[GraderNode, ...]
    rule: str


@dataclass(frozen=True, slots=True)
class _Shape:
    """A shape of rows, the graders that suit it, and those that do where a package is missing."""

    rule: str
    has: Callable[[Sequence[Item], Sequence[str]], bool]
    specs: tuple[GraderNode, ...]
    instead: tuple[GraderNode, ...] = (TokenF1Spec(), ExactMatchSpec())


def choose(items: Sequence[Item], is_installed: Callable[[str], bool] | None = None) -> Chosen:
    """Return the graders for `items`; the first is the headline, the last always `ended`.

    `is_installed` says whether a package can be imported; automatic: whether this Python finds it.
    """
    references = [item.reference for item in items if item.reference is not None]
    shape = next(shape for shape in _SHAPES if shape.has(items, references))
    missing = [
        package
        for spec in shape.specs
        for package in _NEEDED.get(spec.kind, ())
        if not (is_installed or _is_installed)(package)
    ]
    kept = tuple(spec for spec in shape.specs if not set(_NEEDED.get(spec.kind, ())) & set(missing))
    rule = shape.rule
    if missing:
        left_out = ", ".join(spec.kind for spec in shape.specs if spec not in kept)
        packages = ", ".join(dict.fromkeys(missing))
        rule += f"; without {left_out}, because {packages} is not installed (pip install 'tunewright[evaluate]')"
    return Chosen((*(kept or shape.instead), EndedSpec()), rule)


def are_labels(references: Sequence[str]) -> bool:
    """Return whether the references are a few labels: short, and each shared by several rows."""
    labels = {normalised(reference) for reference in references}
    return (
        0 < len(labels) <= MAX_LABELS
        and len(references) >= MIN_ROWS_OF_LABEL * len(labels)
        and all(len(label.split()) <= MAX_WORDS_OF_LABEL for label in labels)
    )


def _call_tools(items: Sequence[Item], references: Sequence[str]) -> bool:
    return bool(items) and 2 * sum(bool(item.tool_calls) for item in items) >= len(items)


def _name_facts(items: Sequence[Item], references: Sequence[str]) -> bool:
    return bool(items) and all(item.meta.get("fact") is not None for item in items)


def _are_json(items: Sequence[Item], references: Sequence[str]) -> bool:
    return bool(references) and sum(map(_is_json, references)) >= MIN_SHARE_OF_JSON * len(references)


def _are_labels(items: Sequence[Item], references: Sequence[str]) -> bool:
    return are_labels(references)


def _are_numbers(items: Sequence[Item], references: Sequence[str]) -> bool:
    return bool(references) and all(map(is_number, references))


def _are_short(items: Sequence[Item], references: Sequence[str]) -> bool:
    return not references or median(len(reference.split()) for reference in references) <= MAX_WORDS_OF_SHORT


_SHAPES = (
    _Shape("at least half of the rows call tools", _call_tools, (ToolCallSpec(),)),
    _Shape(
        "every row names the fact that an answer holds",
        _name_facts,
        (ContainsSpec(), TokenF1Spec(), ExactMatchSpec()),
    ),
    _Shape("the references are JSON", _are_json, (JsonFieldsSpec(), JsonSpec(), ExactMatchSpec())),
    _Shape("the references are a few labels", _are_labels, (LabelSpec(), ExactMatchSpec())),
    _Shape("the references are numbers", _are_numbers, (NumericSpec(), ExactMatchSpec())),
    _Shape("the references are short text", _are_short, (TokenF1Spec(), ExactMatchSpec())),
    _Shape("the references are long text", lambda items, references: True, (RougeSpec(), ChrfSpec())),
)


def _is_json(reference: str) -> bool:
    if not reference.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(reference)
    except (ValueError, RecursionError):
        return False
    return True


def _is_installed(package: str) -> bool:
    return find_spec(package) is not None
