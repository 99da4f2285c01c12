"""What each text grader counts as right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.graders.choose import choose
from tunewright.graders.grade import NO_REFERENCE, Grade, GradeFailure, Item, Output
from tunewright.graders.make import make_graders, named_grader, names_without_settings
from tunewright.spec.grader import ContainsSpec, RegexSpec

texts = st.text(st.characters(), max_size=40)


def grade(name: str, output: str, reference: str | None, meta: dict[str, object] | None = None) -> Grade:
    spec = named_grader(name, ())
    assert spec is not None
    return make_graders([spec])[name](Output(output), Item(reference, meta or {}))


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
    assert grade("exact_match", output, reference) == score


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
    assert grade("token_f1", output, reference) == pytest.approx(score)


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
    assert grade("contains", output, "something else", {"fact": fact}) == score


def test_contains_takes_the_reference_where_no_fact_is_given() -> None:
    assert grade("contains", "I say hello to you", "Hello.") == 1.0


@pytest.mark.parametrize("fact", ["", "   ", None, 3, ["a"]])
def test_a_fact_that_cannot_be_looked_for_is_a_failure_and_not_a_zero(fact: object) -> None:
    assert isinstance(grade("contains", "text", "text", {"fact": fact}), GradeFailure)


@given(texts, texts)
def test_graders_are_symmetric_where_they_compare_whole_answers(one: str, other: str) -> None:
    assert grade("exact_match", one, other) == grade("exact_match", other, one)
    assert grade("token_f1", one, other) == grade("token_f1", other, one)


@given(texts, texts)
def test_an_exact_match_is_contained_and_what_is_contained_need_not_match(output: str, reference: str) -> None:
    found = grade("contains", output, reference)
    if grade("exact_match", output, reference) == 1.0 and not isinstance(found, GradeFailure):
        assert found == 1.0


@given(
    st.sampled_from(["exact_match", "token_f1", "contains", "edit_similarity"]),
    texts,
    st.none() | texts,
    st.one_of(st.just({}), st.dictionaries(st.just("fact"), texts)),
)
def test_no_text_makes_a_grader_raise(name: str, output: str, reference: str | None, meta: dict[str, object]) -> None:
    found = grade(name, output, reference, meta)
    assert isinstance(found, GradeFailure) or 0.0 <= found <= 1.0


@pytest.mark.parametrize("name", ["exact_match", "token_f1", "contains", "edit_similarity"])
def test_without_a_reference_there_is_no_score(name: str) -> None:
    assert grade(name, "text", None) == NO_REFERENCE


@pytest.mark.parametrize(
    ("output", "reference", "score"),
    [("kitten", "sitting", 4 / 7), ("", "", 1.0), ("abc", "", 0.0), ("A b", "a  b.", 1)],
)
def test_edit_similarity_is_one_minus_the_share_of_edits(output: str, reference: str, score: float) -> None:
    assert grade("edit_similarity", output, reference) == pytest.approx(score)


@pytest.mark.parametrize(
    ("pattern", "output", "reference", "score"),
    [
        ("^yes", "yes, sir", None, 1.0),
        ("^yes", "no", None, 0.0),
        (r"answer: (\w+)", "The answer: Paris", "paris", 1.0),
        (r"answer: (\w+)", "The answer: Rome", "paris", 0.0),
        (r"answer: (\w+)", "The answer: Rome", None, NO_REFERENCE),
        (r"(a)|b", "b", "a", 0.0),
    ],
)
def test_regex_searches_and_compares_its_first_group(
    pattern: str, output: str, reference: str | None, score: Grade
) -> None:
    [grader] = make_graders([RegexSpec(pattern=pattern)]).values()
    assert grader(Output(output), Item(reference)) == score


def test_facts_make_contains_the_headline() -> None:
    assert choose([Item("a", {"fact": "a"}), Item("b", {"fact": "b"})]).specs[0] == ContainsSpec()
    assert "contains" not in {spec.kind for spec in choose([Item("a")]).specs}


def test_a_word_asks_for_a_grader_that_needs_no_settings_and_a_title_for_the_recipe_s_own() -> None:
    own = RegexSpec(pattern="x", name="mine")
    assert named_grader("mine", [own]) is own
    assert named_grader("regex", [own]) is None
    assert named_grader("nothing", [own]) is None
    assert {"exact_match", "rouge_1", "ended"} <= set(names_without_settings())
    assert not {"regex", "judge", "python"} & set(names_without_settings())
