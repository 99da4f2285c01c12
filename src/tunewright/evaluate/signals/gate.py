"""`--fail-if "forgetting>0.05"`: which conditions on an evaluation make a command fail, and whether one is met.

A gate says when to fail. What was not measured fails too, and says so: a gate that passes because nobody looked would
be worse than none. Names are checked before anything runs. Deliberately does not know exit codes.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tunewright.errors import Fault, RecipeError
from tunewright.runs.evaluation import Column, Evaluation
from tunewright.spec.faults import near_miss

SIGNAL_NAMES = ("gap", "memorised", "contamination", "forgetting")
"""The signals that a gate may name."""

COLUMN_NAMES = ("score", "difference", "perplexity", "loss")
"""Of the tuned column: the headline score, its difference to the base, perplexity and loss on the references."""

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_FORM = re.compile(r"\s*(?P<name>[^<>=]*[^<>=\s])\s*(?P<op>>=|<=|>|<)\s*(?P<value>[^<>=\s]+)\s*")
_HINT = 'write NAME OPERATOR NUMBER, such as "forgetting>0.05" or "score<80%"'


@dataclass(frozen=True, slots=True)
class Gate:
    """Fail if `name op value` holds; shares are fractions of 1."""

    name: str
    op: str
    value: float

    def __str__(self) -> str:
        return f"{self.name}{self.op}{self.value:g}"


@dataclass(frozen=True, slots=True)
class _Measured:
    """One number that a gate is held against; `about` says what it is of, `value` None that nobody measured it."""

    value: float | None
    about: str
    low: float | None = None
    high: float | None = None
    num_rows: int | None = None


def parse_gate(text: str) -> Gate:
    """Return the gate that `text` spells; a value may be written as a percentage.

    Raises:
        RecipeError: it is not `NAME OPERATOR NUMBER`, the operator being one of > >= < <=.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise RecipeError(f"--fail-if {text!r}: is not a condition", hint=_HINT)
    written = match["value"]
    try:
        value = float(written.removesuffix("%")) / (100 if written.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RecipeError(f"--fail-if {text!r}: {written!r} is not a number", hint=_HINT)
    return Gate(match["name"], match["op"], value)


def check_gates(gates: Sequence[Gate], graders: Iterable[str], *, signals: Iterable[str] = SIGNAL_NAMES) -> None:
    """Refuse gates on what this evaluation will not have, before it runs.

    Args:
        graders: titles of the graders that will judge the tuned column.
        signals: those that will be taken.

    Raises:
        RecipeError: names that are unknown, all at once, each with a near miss.
    """
    known = list(dict.fromkeys((*signals, *COLUMN_NAMES, *graders)))
    faults = tuple(
        Fault(f"--fail-if {gate}", "must name what is measured", repr(gate.name), near_miss(gate.name, known))
        for gate in gates
        if gate.name not in known
    )
    if faults:
        count = "1 gate names" if len(faults) == 1 else f"{len(faults)} gates name"
        raise RecipeError(f"{count} nothing that is measured", hint=f"names here: {', '.join(known)}", faults=faults)


def failed_gates(gates: Sequence[Gate], evaluation: Evaluation, *, column: str | None = None) -> list[str]:
    """Return a message for each gate that fails, in their order: the value, its interval and the rule.

    A gate on the tuned column is held against every one of them: one that fails is enough.

    Args:
        column: the one tuned column to look at. Automatic: all of kind `tuned`.
    """
    messages: list[str] = []
    for gate in gates:
        for found in _measured(gate.name, evaluation, column):
            message = _message(gate, found)
            if message:
                messages.append(message)
    return messages


def _message(gate: Gate, found: _Measured) -> str:
    if found.value is None:
        return f"{gate.name} was not measured, so that the gate {gate} cannot pass: {found.about}"
    if not _OPERATORS[gate.op](found.value, gate.value):
        return ""
    facts: list[str] = []
    if found.low is not None and found.high is not None:
        facts.append(f"95 % interval {found.low:.4g} to {found.high:.4g}")
    if found.num_rows is not None:
        facts.append(f"{found.num_rows} rows")
    inside = f" ({', '.join(facts)})" if facts else ""
    return f"{gate.name} is {found.value:.4g}{inside}, and the gate fails at {gate}: {found.about}"


def _measured(name: str, evaluation: Evaluation, column: str | None) -> Iterator[_Measured]:
    """Yield the numbers called `name`; one without a value where there is none."""
    signals = [signal for signal in evaluation.signals if signal.name == name]
    for signal in signals:
        yield _Measured(
            signal.value, signal.rule.removeprefix("not measured: "), signal.low, signal.high, signal.num_rows
        )
    if signals:
        return
    if name in SIGNAL_NAMES:
        yield _Measured(None, "the evaluation has no such signal")
        return
    tuned = [each for each in evaluation.columns if each.kind == "tuned" and column in (None, each.name)]
    if not tuned:
        yield _Measured(None, "the evaluation has no tuned column" + (f" called {column}" if column else ""))
    for each in tuned:
        yield from _OF_COLUMN.get(name, _grader(name))(evaluation, each)


_Look = Callable[[Evaluation, Column], Iterator[_Measured]]


def _grader(name: str) -> _Look:
    def look(evaluation: Evaluation, column: Column) -> Iterator[_Measured]:
        score = column.scores.get(name)
        if score is None:
            yield _Measured(None, f"the column {column.name} has no score by {name or 'any grader'}")
        else:
            about = f"{name} of the column {column.name}"
            if score.num_failed:
                about += f", {score.num_failed} answers that could not be judged left out"
            yield _Measured(score.mean, about, score.low, score.high, score.num_rows)

    return look


def _score(evaluation: Evaluation, column: Column) -> Iterator[_Measured]:
    return _grader(evaluation.headline)(evaluation, column)


def _difference(evaluation: Evaluation, column: Column) -> Iterator[_Measured]:
    bases = {each.name for each in evaluation.columns if each.kind == "base"}
    for found in evaluation.comparisons:
        if found.column == column.name and found.against in bases and found.grader == evaluation.headline:
            about = f"{found.column} − {found.against} by {found.grader}"
            yield _Measured(found.difference, about, found.low, found.high, found.num_rows)
            return
    yield _Measured(None, f"the column {column.name} is not compared with the base")


def _number(field: str) -> _Look:
    def look(evaluation: Evaluation, column: Column) -> Iterator[_Measured]:
        value = getattr(column, field)
        yield _Measured(value, f"{field} of the column {column.name}" + (" is missing" if value is None else ""))

    return look


_OF_COLUMN: dict[str, _Look] = {
    "score": _score,
    "difference": _difference,
    "perplexity": _number("perplexity"),
    "loss": _number("loss"),
}
