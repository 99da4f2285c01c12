"""Columns become keys, and none gets lost on the way."""

from __future__ import annotations

from typing import Any

import pytest

from tunewright.data.containers.record import Record
from tunewright.data.mapping import column_mapping, text_template
from tunewright.data.rows import RowFault
from tunewright.errors import RecipeError


def mapped(value: dict[str, Any], **columns: str) -> Any:
    result = column_mapping(columns, ("prompt", "completion", "metadata"), "t")(Record(3, value))
    return result.value if isinstance(result, Record) else result


def test_other_columns_join_the_metadata_that_is_there() -> None:
    value = {"q": "?", "completion": "!", "metadata": {"a": 1}, "b": 2}
    assert mapped(value, prompt="q") == {"prompt": "?", "completion": "!", "metadata": {"a": 1, "b": 2}}
    assert value == {"q": "?", "completion": "!", "metadata": {"a": 1}, "b": 2}


def test_a_nested_column_is_taken_out_of_its_object() -> None:
    value = {"x": {"q": "?", "id": 1}, "y": {"a": "!"}}
    assert mapped(value, prompt="x.q", completion="y.a") == {
        "prompt": "?",
        "completion": "!",
        "metadata": {"x": {"id": 1}},
    }


def test_two_things_of_one_name_are_a_fault() -> None:
    fault = mapped({"q": "?", "metadata": {"b": 1}, "b": 2}, prompt="q")
    assert isinstance(fault, RowFault)
    assert (fault.kind, fault.field, fault.line) == ("duplicate_key", "metadata.b", 3)


def test_a_missing_column_has_a_near_miss() -> None:
    fault = mapped({"question": "?"}, prompt="qestion")
    assert "the columns question → did you mean question?" in str(fault)


@pytest.mark.parametrize("template", ["{", "{}", "{a!r}", "{a:>3}", "no column", "}"])
def test_a_template_that_is_none_is_an_error(template: str) -> None:
    with pytest.raises(RecipeError, match="text_template"):
        text_template(template, "t")


def test_values_that_are_no_text_are_json_and_unset_ones_nothing() -> None:
    result = text_template("{a.b}|{c}|{d}\\t\\\\n", "t")(Record(1, {"a": {"b": [1]}, "c": None, "d": "{e}"}))
    assert result == Record(1, {"text": "[1]||{e}\t\\n"})
