"""Graders of JSON: is the answer valid, and how many fields of the reference does it have?

JSON is looked for in the whole answer, else inside its one ```json fence; nothing else is repaired, because whoever
parses the answer later will not repair it either. The grammar is that of RFC 8259: no NaN, no comments, no trailing
commas. Does not know what a field means: values are equal or they are not.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from tunewright.errors import GraderError, MissingExtraError
from tunewright.graders.grade import NO_REFERENCE, Grade, GradeFailure, Item, Output
from tunewright.spec.grader import JsonFieldsSpec, JsonSpec

MAX_DEPTH = 100
"""Deepest nesting that is still taken for JSON; RFC 8259, section 9, lets a parser set such a limit."""

Leaf = tuple[tuple[str | int, ...], str, Any]
"""Path, kind of the value, value. The kind tells `1` from `true` and an empty list from an empty object."""


@dataclass(frozen=True, slots=True)
class Json:
    """JSON that was found; `value` may itself be None."""

    value: Any


class JsonValid:
    """1 if the output is JSON (and meets the schema, if there is one), else 0.

    Raises:
        GraderError: if the schema is not one of draft 2020-12.
        MissingExtraError: if there is a schema and jsonschema is not installed.
    """

    def __init__(self, spec: JsonSpec) -> None:
        self._schema = _Schema(spec.json_schema) if spec.json_schema is not None else None

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        found = json_in(output.text)
        if found is None:
            return 0.0
        return 1.0 if self._schema is None else self._schema.grade(found.value)


class JsonFields:
    """F1 = 2·common / (given + wanted) over the fields of output and reference, as bags of (path, value).

    List items have their place as path; numbers are equal by value (1 and 1.0), text only letter by letter. Of a key
    that stands twice in one object, the last one counts. Output that is no JSON, or does not meet the schema, gets 0.

    Raises:
        GraderError: if the schema is not one of draft 2020-12.
        MissingExtraError: if there is a schema and jsonschema is not installed.
    """

    def __init__(self, spec: JsonFieldsSpec) -> None:
        self._schema = _Schema(spec.json_schema) if spec.json_schema is not None else None

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        if item.reference is None:
            return NO_REFERENCE
        wanted = json_in(item.reference)
        if wanted is None:
            return GradeFailure("the reference is no JSON: there are no fields to compare")
        given = json_in(output.text)
        if given is None:
            return 0.0
        allowed = 1.0 if self._schema is None else self._schema.grade(given.value)
        return allowed if allowed != 1.0 else _f1(Counter(leaves(given.value)), Counter(leaves(wanted.value)))


def json_in(text: str) -> Json | None:
    """Return the JSON that is the whole text, else what the one ```json fence holds, else None."""
    found = read_json(text)
    if found is not None:
        return found
    fenced = _fenced(text)
    return None if fenced is None else read_json(fenced)


def read_json(text: str) -> Json | None:
    """Return the JSON that `text` is, or None if it is none or is nested deeper than `MAX_DEPTH`."""
    try:
        value = JSON_DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return Json(value) if is_shallow(value) else None


def is_shallow(value: Any) -> bool:
    """Return whether `value` is nested no deeper than `MAX_DEPTH`."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for _, child in _children(node)]
        if not level:
            return True
    return False


def leaves(value: Any) -> Iterator[Leaf]:
    """Yield each value that holds no other, with its path. Equal bags of leaves mean equal JSON, and the reverse."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while waiting:
        path, node = waiting.pop()
        children = _children(node)
        waiting += [((*path, key), child) for key, child in children]
        if not children:
            yield path, _kind(node), None if isinstance(node, dict | list) else node


class _Schema:
    def __init__(self, schema: Mapping[str, Any]) -> None:
        try:
            import jsonschema
            import referencing
            import referencing.exceptions
        except ImportError as error:
            raise MissingExtraError.of("evaluate", "jsonschema") from error
        checker = jsonschema.Draft202012Validator
        try:
            checker.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise GraderError(
                f"json_schema is no JSON Schema of draft 2020-12: at {error.json_path}: {_short(error.message)}",
                hint="mend the schema in the recipe, or leave it out",
            ) from error
        # A registry of its own: the library's would fetch whatever address a `$ref` names.
        self._validator = checker(schema, registry=referencing.Registry())
        self._unresolvable = referencing.exceptions.Unresolvable

    def grade(self, value: Any) -> Grade:
        try:
            return float(self._validator.is_valid(value))
        except self._unresolvable as error:
            return GradeFailure(f"the schema refers to what it does not hold: {_short(str(error))}")
        except (RecursionError, ArithmeticError, ValueError, re.error) as error:
            return GradeFailure(f"the schema cannot be checked: {type(error).__name__}: {_short(str(error))}")


def _f1(given: Counter[Leaf], wanted: Counter[Leaf]) -> float:
    return 2 * (given & wanted).total() / (given.total() + wanted.total())


def _fenced(text: str) -> str | None:
    # Lines, not a regular expression: an answer that repeats an opening mark for ever would make one quadratic.
    lines = [line.strip() for line in text.split("\n")]
    openings = [index for index, line in enumerate(lines) if line.lower() == "```json"]
    if len(openings) != 1:
        return None
    [start] = openings
    closing = next((index for index in range(start + 1, len(lines)) if lines[index] == "```"), None)
    return None if closing is None else "\n".join(text.split("\n")[start + 1 : closing])


def _children(node: Any) -> list[tuple[str | int, Any]]:
    if isinstance(node, dict):
        return list(node.items())
    return list(enumerate(node)) if isinstance(node, list) else []


def _kind(node: Any) -> str:
    if isinstance(node, bool):
        return "bool"
    return "number" if isinstance(node, int | float) else type(node).__name__


def _whole_number(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        # Python refuses thousands of digits; as a double such a number is infinite, and still valid JSON.
        return float(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _short(text: str) -> str:
    return " ".join(text.split())[:160]


JSON_DECODER = json.JSONDecoder(parse_int=_whole_number, parse_constant=_refuse)
"""Reads strictly: neither NaN nor Infinity, which Python alone takes for JSON."""
