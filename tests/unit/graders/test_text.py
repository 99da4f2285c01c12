"""What each text grader counts as right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.graders.grade import GradeFailure
from tunewright.graders.text import GRADERS, choose, contains, exact_match, token_f1

texts = st.text(st.characters(), max_size=40)


@pytest.mark.parametrize(
    ("output", "reference", "score"),
    [
        ("  Yes.\n", "yes", 1.0),
        ("two  words", "Two\nwords !", 1.0),
        ("no", "yes", 0.0),
        ("50%", "50", 0.0),
        ("", "yes", 0.0),
        ("?", "!", 0.0),
    ],
)
def test_exact_match_ignores_case_white_space_and_final_punctuation_only(
    output: str, reference: str, score: float
) -> None:
    assert exact_match(output, reference, {}) == score


@pytest.mark.parametrize(
    ("output", "reference", "score"),
    [
        ("The cat sat.", "a cat sat", 1.0),
        ("the big black dog", "black dog", 2 * (2 / 3) * 1 / (2 / 3 + 1)),
        ("yes yes yes", "yes", 2 * (1 / 3) * 1 / (1 / 3 + 1)),
        ("nothing shared", "at all", 0.0),
        ("", "word", 0.0),
        ("the", "a", 1.0),
    ],
)
def test_token_f1_is_that_of_squad(output: str, reference: str, score: float) -> None:
    assert token_f1(output, reference, {}) == pytest.approx(score)


@pytest.mark.parametrize(
    ("output", "fact", "score"),
    [
        ("It is Paris, of course.", "paris", 1.0),
        ("a comparison", "paris", 0.0),
        ("the year was 1789.", "1789", 1.0),
        ("it costs $1,200", "200", 0.0),
        ("it costs $1,200", "$1,200", 1.0),
        ("about 3.14", "3", 0.0),
        ("use C++ here", "C++", 1.0),
        ("New\nYork City", "new york", 1.0),
        ("首都是巴黎。", "巴黎", 1.0),
        ("", "paris", 0.0),
    ],
)
def test_contains_finds_the_fact_as_whole_words(output: str, fact: str, score: float) -> None:
    assert contains(output, "something else", {"fact": fact}) == score


def test_contains_takes_the_reference_where_no_fact_is_given() -> None:
    assert contains("I say hello to you", "Hello.", {}) == 1.0


@pytest.mark.parametrize("fact", ["", "   ", None, 3, ["a"]])
def test_a_fact_that_cannot_be_looked_for_is_a_failure_and_not_a_zero(fact: object) -> None:
    assert isinstance(contains("text", "text", {"fact": fact}), GradeFailure)


@given(texts, texts)
def test_graders_are_symmetric_where_they_compare_whole_answers(one: str, other: str) -> None:
    assert exact_match(one, other, {}) == exact_match(other, one, {})
    assert token_f1(one, other, {}) == token_f1(other, one, {})


@given(texts, texts)
def test_an_exact_match_is_contained_and_what_is_contained_need_not_match(output: str, reference: str) -> None:
    grade = contains(output, reference, {})
    if exact_match(output, reference, {}) == 1.0 and not isinstance(grade, GradeFailure):
        assert grade == 1.0


@given(st.sampled_from(sorted(GRADERS)), texts, texts, st.one_of(st.just({}), st.dictionaries(st.just("fact"), texts)))
def test_no_text_makes_a_grader_raise(name: str, output: str, reference: str, meta: dict[str, str]) -> None:
    grade = GRADERS[name](output, reference, meta)
    assert isinstance(grade, GradeFailure) or 0.0 <= grade <= 1.0


def test_facts_make_contains_the_headline() -> None:
    assert choose(rows_have_fact=True)[0] == "contains"
    assert "contains" not in choose(rows_have_fact=False)
    assert {*choose(rows_have_fact=True), *choose(rows_have_fact=False)} <= set(GRADERS)
