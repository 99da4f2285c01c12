"""Whether an answer ended, how long it is and whether it refuses, whatever it says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.graders.grade import NO_REFERENCE, Grade, GradeFailure, Item, Output
from tunewright.graders.manner import REFUSALS, Ended, Length, NotRefused
from tunewright.spec.grader import EndedSpec, LengthSpec, NotRefusedSpec


def not_refused(text: str, *phrases: str) -> Grade:
    return NotRefused(NotRefusedSpec(phrases=phrases))(Output(text), Item(None))


def test_the_mean_of_ended_is_the_stop_rate() -> None:
    ended = Ended(EndedSpec())
    answers = [Output("a"), Output("", has_ended=True), Output("a b", has_ended=False)]
    assert [ended(answer, Item(None)) for answer in answers] == [1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("answer", "reference", "score"),
    [
        ("one two", "three four", 1.0),
        ("one", "one two three four", 0.25),
        ("one two three four", "one", 0.25),
        ("", "", 1.0),
        ("", "one", 0.0),
        ("猫が寝る", "いぬ寝る", 1.0),
        ("GPT で 寝る", "a b c d", 1.0),
    ],
)
def test_without_limits_length_is_how_close_the_word_counts_are(answer: str, reference: str, score: float) -> None:
    assert Length(LengthSpec())(Output(answer), Item(reference)) == score


@pytest.mark.parametrize(
    ("least", "most", "num_words", "score"),
    [
        (2, 3, 1, 0.0),
        (2, 3, 2, 1.0),
        (2, 3, 3, 1.0),
        (2, 3, 4, 0.0),
        (None, 3, 0, 1.0),
        (2, None, 500, 1.0),
        (0, None, 0, 1.0),
    ],
)
def test_limits_are_inclusive_and_need_no_reference(
    least: int | None, most: int | None, num_words: int, score: float
) -> None:
    assert Length(LengthSpec(least=least, most=most))(Output("word " * num_words), Item(None)) == score


def test_without_limits_a_row_needs_a_reference() -> None:
    assert Length(LengthSpec())(Output("a"), Item(None)) == NO_REFERENCE


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, but I can\u2019t help with that.",
        "I AM UNABLE TO answer.",
        "\n\n" + " " * 300 + "As an  AI\nlanguage model, I have no opinion.",
        "Thank you for asking. Unfortunately, I cannot provide that.",
    ],
)
def test_refusals_are_seen_whatever_their_case_apostrophes_and_white_space(text: str) -> None:
    assert not_refused(text) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "Paris.",
        "I can't help but smile: it is Paris.",
        "Sorry to hear that. Restart the router first.",
        "He has an airline.",
        "x" * 200 + " I cannot help you",
        "Hawaii refuse toes",
    ],
)
def test_what_only_resembles_a_refusal_or_comes_late_is_none(text: str) -> None:
    assert not_refused(text) == 1.0


@pytest.mark.parametrize("phrase", REFUSALS)
def test_every_published_phrase_is_plain_and_works(phrase: str) -> None:
    assert phrase == " ".join(phrase.lower().split())
    assert "\u2019" not in phrase
    assert not_refused(f"Well, {phrase} …") == 0.0


def test_phrases_of_the_recipe_are_added_in_any_language() -> None:
    assert not_refused("Das kann ich leider nicht sagen.") == 1.0
    assert not_refused("Das kann ich  leider nicht sagen.", "Kann ich leider") == 0.0
    assert not_refused("大変申し訳ありませんがお答えできません", "申し訳ありません") == 0.0
    assert not_refused("anything", " ", "") == 1.0


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_answer_neither_answers_nor_refuses(text: str) -> None:
    assert isinstance(not_refused(text), GradeFailure)


texts = st.text(st.characters(), max_size=40)


@settings(deadline=None)
@given(texts, texts)
def test_no_text_makes_a_manner_grader_raise(answer: str, reference: str) -> None:
    graders = [
        Ended(EndedSpec()),
        Length(LengthSpec()),
        Length(LengthSpec(least=2, most=4)),
        NotRefused(NotRefusedSpec(phrases=(reference,))),
    ]
    for grader in graders:
        found = grader(Output(answer), Item(reference))
        assert isinstance(found, GradeFailure) or 0.0 <= found <= 1.0


@settings(deadline=None)
@given(texts, texts)
def test_closeness_of_lengths_is_symmetric(one: str, other: str) -> None:
    length = Length(LengthSpec())
    assert length(Output(one), Item(other)) == length(Output(other), Item(one))
