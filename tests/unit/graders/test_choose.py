"""Graders that nobody chose suit the shape of the references, and never need what is not installed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.graders.choose import choose
from tunewright.graders.grade import Item
from tunewright.graders.make import make_graders

LONG = "One sentence of a longer answer that goes on for quite a few words more than twelve."


def items(*references: str | None) -> list[Item]:
    return [Item(reference) for reference in references]


SHAPES = {
    "tools": ([Item(None, tool_calls=({"function": {"name": "f"}},)), Item("text")], ["tool_call"]),
    "facts": ([Item("a", {"fact": "a"}), Item("b", {"fact": "b"})], ["contains", "token_f1", "exact_match"]),
    "json": (items('{"a": 1}', "[1, 2]", ' {"b": null} '), ["json_fields", "json", "exact_match"]),
    "labels": (items(*["yes", "no", "Yes."] * 3), ["label", "exact_match"]),
    "ratings": (items(*["1", "2"] * 5), ["label", "exact_match"]),
    "numbers": (items("42", "3.5 km", "$1,200", "20 %"), ["numeric", "exact_match"]),
    "short": (items("the red house", "a dog", "he was born in Rome"), ["token_f1", "exact_match"]),
    "long": (items(LONG, LONG[:-1] + " still", "short"), ["rouge_l", "chrf"]),
    "nothing": ([], ["token_f1", "exact_match"]),
    "no references": (items(None, None), ["token_f1", "exact_match"]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shape_of_the_references_decides_and_ended_is_always_last(shape: str) -> None:
    rows, kinds = SHAPES[shape]
    chosen = choose(rows)
    assert [spec.kind for spec in chosen.specs] == [*kinds, "ended"]
    assert "not installed" not in chosen.rule


@pytest.mark.parametrize(
    ("rows", "headline"),
    [
        (items(*['{"a": 1}'] * 19, "{broken"), "json_fields"),
        (items(*['{"a": 1}'] * 18, "plain", "{broken"), "label"),
        (items(*[f"label {number}" for number in range(50)] * 3), "label"),
        (items(*[f"label {number}" for number in range(51)] * 3), "token_f1"),
        (items(*[f"label {number}" for number in range(50)] * 3)[:-1], "token_f1"),
        (items(*["one two three four five"] * 3), "label"),
        (items(*["one two three four five six"] * 3), "token_f1"),
        (items("1", "2", "three"), "token_f1"),
        ([Item("a", {"fact": "a"}), Item("b")], "token_f1"),
        ([Item("{}", tool_calls=({},)), *items("a b c", "d")], "token_f1"),
        (items("[" * 100_000), "token_f1"),
    ],
)
def test_the_limits_of_each_shape(rows: list[Item], headline: str) -> None:
    assert choose(rows).specs[0].kind == headline


@pytest.mark.parametrize(
    ("shape", "missing", "kinds"),
    [
        ("labels", {"sklearn"}, ["exact_match"]),
        ("numbers", {"pint"}, ["exact_match"]),
        ("long", {"rouge_score"}, ["chrf"]),
        ("long", {"rapidfuzz"}, ["chrf"]),
        ("long", {"sacrebleu"}, ["rouge_l"]),
        ("long", {"sacrebleu", "rouge_score"}, ["token_f1", "exact_match"]),
    ],
)
def test_a_package_that_is_missing_is_done_without_and_the_rule_says_so(
    shape: str, missing: set[str], kinds: list[str]
) -> None:
    chosen = choose(SHAPES[shape][0], lambda package: package not in missing)
    assert [spec.kind for spec in chosen.specs] == [*kinds, "ended"]
    assert "pip install 'tunewright[evaluate]'" in chosen.rule
    assert all(package in chosen.rule for package in missing)


references = st.none() | st.text(st.characters(), max_size=30) | st.sampled_from(["yes", "{}", "3 km", LONG])


@settings(deadline=None)
@given(st.lists(references.map(Item), max_size=12))
def test_every_choice_can_be_made_and_has_different_names(rows: list[Item]) -> None:
    chosen = choose(rows)
    assert len(make_graders(chosen.specs)) == len(chosen.specs)
    assert chosen.rule
