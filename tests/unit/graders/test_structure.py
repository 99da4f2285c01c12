"""What counts as JSON, what meets a schema, and how many fields two objects share."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.errors import GraderError, MissingExtraError
from tunewright.graders.grade import NO_REFERENCE, Grade, GradeFailure, Item, Output
from tunewright.graders.make import make_graders
from tunewright.graders.structure import MAX_DEPTH, json_in
from tunewright.spec.grader import JsonFieldsSpec, JsonSpec

values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
PERSON = {"type": "object", "required": ["age"], "properties": {"age": {"type": "integer", "minimum": 0}}}


def valid(output: str, schema: dict[str, Any] | None = None) -> Grade:
    [grader] = make_graders([JsonSpec(json_schema=schema)]).values()
    return grader(Output(output), Item(None))


def fields(output: str, reference: str | None, schema: dict[str, Any] | None = None) -> Grade:
    [grader] = make_graders([JsonFieldsSpec(json_schema=schema)]).values()
    return grader(Output(output), Item(reference))


@pytest.mark.parametrize(
    ("output", "score"),
    [
        ('{"a": [1, 2.5e3, null]}', 1.0),
        (' \n"text"\n', 1.0),
        ("null", 1.0),
        ('Here you are:\n```json\n{"a": 1}\n```\nAnything else?', 1.0),
        ("  ```JSON\n[1]\n  ```", 1.0),
        ('Here you are: {"a": 1}', 0.0),
        ("```\n{}\n```", 0.0),
        ("```json\n{}", 0.0),
        ("```json\n{}\n```\n```json\n{}\n```", 0.0),
        ('{"a": 1,}', 0.0),
        ("{'a': 1}", 0.0),
        ("NaN", 0.0),
        ('{"a": -Infinity}', 0.0),
        ("", 0.0),
        ('"line\nbreak"', 0.0),
    ],
)
def test_json_is_the_whole_text_or_one_fence_and_nothing_is_repaired(output: str, score: float) -> None:
    assert valid(output) == score


@pytest.mark.parametrize(
    ("output", "score"),
    [('{"age": 3}', 1.0), ('{"age": 3.0}', 1.0), ('{"age": -1}', 0.0), ('{"age": "3"}', 0.0), ("{}", 0.0), ("[", 0.0)],
)
def test_a_schema_must_be_met(output: str, score: float) -> None:
    assert valid(output, PERSON) == score


@pytest.mark.parametrize("schema", [{"type": "intger"}, {"pattern": "("}, {"properties": {"a": {"minimum": "x"}}}])
def test_a_schema_that_is_none_is_refused_before_any_answer_is_graded(schema: dict[str, Any]) -> None:
    for spec in (JsonSpec(json_schema=schema), JsonFieldsSpec(json_schema=schema)):
        with pytest.raises(GraderError, match=r"draft 2020-12: at \$"):
            make_graders([spec])


@pytest.mark.filterwarnings("ignore")
def test_a_reference_that_the_schema_does_not_hold_is_a_failure_and_nothing_is_fetched(tmp_path: Path) -> None:
    elsewhere = tmp_path / "schema.json"
    elsewhere.write_text('{"type": "integer"}', encoding="utf-8")
    for address in ("#/$defs/missing", elsewhere.as_uri()):
        found = valid('{"age": 3}', {"properties": {"age": {"$ref": address}}})
        assert isinstance(found, GradeFailure)
        assert "refers to what it does not hold" in found.reason


def test_a_check_that_overflows_or_recurses_without_end_is_a_failure() -> None:
    for output, schema in [("1e999", {"multipleOf": 0.5}), ("1", {"$ref": "#"})]:
        found = valid(output, schema)
        assert isinstance(found, GradeFailure)
        assert "cannot be checked" in found.reason


def test_without_jsonschema_the_message_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    assert valid("{}") == 1.0
    with pytest.raises(MissingExtraError, match="jsonschema"):
        valid("{}", PERSON)


@pytest.mark.parametrize(
    ("output", "reference", "score"),
    [
        ('{"a": 1, "b": "x"}', '{"b": "x", "a": 1.0}', 1.0),
        ('{"a": 1, "b": "X"}', '{"a": 1, "b": "x"}', 0.5),
        ('{"a": 1}', '{"a": 1, "b": 2, "c": 3}', 2 * 1 * (1 / 3) / (1 + 1 / 3)),
        ('{"a": true}', '{"a": 1}', 0.0),
        ('{"a": null}', "{}", 0.0),
        ('{"a": []}', '{"a": {}}', 0.0),
        ("[]", "[]", 1.0),
        ("{}", "{}", 1.0),
        ("[1, 2]", "[2, 1]", 0.0),
        ('{"0": 1}', "[1]", 0.0),
        ('{"a": {"b": [1, {"c": 2}]}}', '{"a": {"b": [1, {"c": 3}]}}', 0.5),
        ("3", "3.0", 1.0),
        ('{"a": 1, "a": 2}', '{"a": 2}', 1.0),
        ("no json", '{"a": 1}', 0.0),
        ('```json\n{"a": 1}\n```', '{"a": 1}', 1.0),
    ],
)
def test_fields_are_compared_by_path_and_value(output: str, reference: str, score: float) -> None:
    assert fields(output, reference) == pytest.approx(score)


def test_a_reference_that_is_no_json_is_a_failure_and_not_a_zero() -> None:
    assert fields("{}", None) == NO_REFERENCE
    found = fields("{}", "plain words")
    assert isinstance(found, GradeFailure)
    assert "the reference is no JSON" in found.reason


def test_fields_that_do_not_meet_the_schema_get_nothing() -> None:
    assert fields('{"age": -1, "name": "x"}', '{"age": 1, "name": "x"}', PERSON) == 0.0
    assert fields('{"age": 2, "name": "x"}', '{"age": 1, "name": "x"}', PERSON) == 0.5


@given(values, values)
def test_f1_is_1_for_equal_json_symmetric_and_below_1_for_any_difference(one: Any, other: Any) -> None:
    text, other_text = json.dumps(one), json.dumps(other)
    assert fields(text, json.dumps(one, indent=1, ensure_ascii=False)) == 1.0
    score = fields(text, other_text)
    assert score == fields(other_text, text)
    # Python's own equality, once `1 == True` is out of the way.
    assert (score == 1.0) == (_plain(one) == _plain(other))


@pytest.mark.parametrize("deep", ["[" * 200_000, "[" * 500 + "]" * 500, '{"a":' * 100_000, "[" * 99_999 + "]" * 99_999])
def test_nesting_beyond_the_limit_is_no_json(deep: str) -> None:
    assert valid(deep) == valid(deep, PERSON) == fields(deep, "1") == 0.0
    assert isinstance(fields("1", deep), GradeFailure)


def test_nesting_up_to_the_limit_is_json() -> None:
    most = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert valid(most) == valid(most, {"type": "array"}) == fields(most, most) == 1.0
    assert valid(f"[{most}]") == 0.0


@pytest.mark.parametrize(
    "number", ["9" * 6000, "1e999999999999999999999", "-1E400", "0." + "1" * 9000, "1" + "0" * 400]
)
def test_a_number_of_any_size_is_json(number: str) -> None:
    assert valid(number) == valid(number, {"type": "number"}) == fields(number, number) == 1.0
    assert fields(number, "1") == 0.0


@pytest.mark.parametrize("text", ["```json\n" * 60_000, "\n" * 400_000, "```json\n" + "```" * 100_000])
def test_a_repeating_answer_is_read_in_one_pass(text: str) -> None:
    assert json_in(text) is None


def _plain(value: Any) -> Any:
    if isinstance(value, bool | str) or value is None:
        return repr(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value
