"""Where does a number stand in an evaluation, and how does a sentence come to rest on it? Paths, and their values.

A path is dotted: `columns.tuned.scores.contains.mean`, `comparisons.tuned.base.contains.p_holm`, `test.rows.count`. A
part that holds a dot or a quote is written as a JSON text. What follows from several numbers stands under `derived`,
what the user asked for under `given`. Draws no conclusion.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from tunewright.errors import RunError
from tunewright.evaluate.advice.break_even import requests_to_break_even
from tunewright.evaluate.advice.figures import money_text, number_text, points_text, roughly
from tunewright.evaluate.page.figures import p_text, seconds_text
from tunewright.runs.evaluation import Column, Comparison, Evaluation, Sentence, Signal
from tunewright.runs.summary import score_text

_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[^."]+')


def path_of(*parts: str) -> str:
    """Return the path whose parts are `parts`; `value_at` takes it apart again."""
    return ".".join(part if re.fullmatch(r'[^."]+', part) else json.dumps(part, ensure_ascii=False) for part in parts)


def value_at(evaluation: Evaluation, path: str, given: Mapping[str, float] | None = None) -> float | None:
    """Return the number at `path`, None where there is none (not measured, or not finite).

    Under `derived` stand `break_even.<tuned>.<other>` (requests), `first_thousand.<column>` (dollars: training and a
    thousand requests) and `rows_needed.<column>.<against>.<grader>`, which needs `smallest_that_matters`; `given` holds
    what was asked for, such as that.

    Raises:
        RunError: if nothing of that path can be in an evaluation, or a column or key of it is not in this one.
    """
    parts = [json.loads(part) if part.startswith('"') else part for part in _PART.findall(path)]
    try:
        found = _found(evaluation, parts, given or {})
    except (LookupError, StopIteration, TypeError, ValueError) as error:
        raise RunError(f"no number stands at {path!r}", hint="paths begin like columns.<name>.scores") from error
    return None if found is None or not math.isfinite(found) else float(found)


class Facts:
    """Writes numbers into one sentence and keeps where each stands; every number goes through here."""

    def __init__(self, evaluation: Evaluation, given: Mapping[str, float]) -> None:
        self._evaluation = evaluation
        self._given = given
        self._because: dict[str, float | None] = {}

    def peek(self, *parts: str) -> float | None:
        """Return the number there without resting on it."""
        return value_at(self._evaluation, path_of(*parts), self._given)

    def take(self, *parts: str) -> float:
        """Return the number there and rest on it; the caller has made sure that there is one."""
        value = self.rest_on(*parts)
        return math.nan if value is None else value

    def rest_on(self, *parts: str) -> float | None:
        """Return the number there and rest on it; one that is not known is kept as None: that is a reason too."""
        value = self._because[path_of(*parts)] = self.peek(*parts)
        return value

    def score(self, grader: str, *parts: str) -> str:
        """Return a score as people write it."""
        return score_text(grader, self.take(*parts))

    def points(self, *parts: str) -> str:
        """Return the size of a difference of scores in points."""
        return points_text(self.take(*parts))

    def money(self, *parts: str) -> str:
        """Return an amount in dollars."""
        return money_text(self.take(*parts))

    def number(self, *parts: str) -> str:
        """Return a number to three digits, a whole one in full."""
        return number_text(self.take(*parts))

    def probability(self, *parts: str) -> str:
        """Return a p-value: `p = 0.012`, `p < 0.001`."""
        return p_text(self.take(*parts))

    def seconds(self, *parts: str) -> str:
        """Return a time with its unit."""
        return seconds_text(self.take(*parts))

    def about(self, *parts: str) -> str:
        """Return an estimated count to two digits."""
        return f"about {roughly(self.take(*parts))}"

    def sentence(self, text: str) -> Sentence:
        """Return the sentence with what it rests on."""
        return Sentence(text=text, because=self._because)


def quoted(name: str) -> str:
    """Return a name as it stands in a sentence: what is between quotes is somebody's text, no claim of ours."""
    return '"' + name.replace('"', "'") + '"'


def _found(evaluation: Evaluation, parts: Sequence[str], given: Mapping[str, float]) -> float | None:
    root, *rest = parts
    if root == "given":
        (name,) = rest
        return given[name]
    if root == "derived":
        return _DERIVED[rest[0]](evaluation, rest[1:], given)
    return _plain_number(_walked(evaluation, parts))


def _plain_number(value: Any) -> float | None:
    if value is None or isinstance(value, int | float):
        return value
    raise TypeError(f"{type(value).__name__} is no number")


def _walked(node: Any, parts: Sequence[str]) -> Any:
    rest = list(parts)
    while rest:
        if isinstance(node, BaseModel):
            name = rest.pop(0)
            node = {field: getattr(node, field) for field in type(node).model_fields}[name]
        elif isinstance(node, list):
            node = _of_list(node, rest)
        else:
            node = node[rest.pop(0)]
    return node


def _of_list(items: list[Any], rest: list[str]) -> Any:
    """Return the item that the next parts name, or the length of the list; takes those parts off `rest`."""
    if rest == ["count"]:
        rest.clear()
        return len(items)
    width = 3 if isinstance(items[0] if items else None, Comparison) else 1
    key = tuple(rest[:width])
    del rest[:width]
    return next(item for item in items if _key(item) == key)


def _key(item: Any) -> tuple[str, ...]:
    if isinstance(item, Comparison):
        return item.column, item.against, item.grader
    return (item.name,) if isinstance(item, Column | Signal) else ()


def _break_even(evaluation: Evaluation, names: Sequence[str], given: Mapping[str, float]) -> float | None:
    tuned, other = names
    return requests_to_break_even(
        value_at(evaluation, path_of("columns", tuned, "training_dollars")),
        _dollars(evaluation, tuned),
        _dollars(evaluation, other),
    )


def _first_thousand(evaluation: Evaluation, names: Sequence[str], given: Mapping[str, float]) -> float | None:
    """An untrained column costs its requests only; what was trained at an unknown price costs an unknown sum."""
    (name,) = names
    column = evaluation.column(name)
    requests = _dollars(evaluation, name)
    training = value_at(evaluation, path_of("columns", name, "training_dollars"))
    if training is None and column.kind not in ("tuned", "tuned_retrieval"):
        training = 0.0
    return None if requests is None or training is None else training + requests


def _rows_needed(evaluation: Evaluation, names: Sequence[str], given: Mapping[str, float]) -> float | None:
    """The error of a mean falls with the root of the number of rows: n · (detectable / wanted)²."""
    place = ("comparisons", *names)
    detectable = value_at(evaluation, path_of(*place, "detectable"))
    rows = value_at(evaluation, path_of(*place, "num_rows"))
    wanted = given["smallest_that_matters"]
    if detectable is None or rows is None or not 0 < wanted < detectable < 1e6:
        return None
    needed = rows * (detectable / wanted) ** 2
    return float(math.ceil(needed)) if math.isfinite(needed) else None


def _dollars(evaluation: Evaluation, name: str) -> float | None:
    if evaluation.column(name).usage is None:
        return None
    return value_at(evaluation, path_of("columns", name, "usage", "dollars_per_1000"))


_DERIVED: dict[str, Callable[[Evaluation, Sequence[str], Mapping[str, float]], float | None]] = {
    "break_even": _break_even,
    "first_thousand": _first_thousand,
    "rows_needed": _rows_needed,
}
