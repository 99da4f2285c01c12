"""Noise: the same for the same seed, little, and never where an answer may depend on it."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.augment.noise import NOISES, protected_of, words_of
from tunewright.data.augment.templates import ENGLISH_QUESTIONS, Template, parse_templates, reworded
from tunewright.errors import DataError

WORDS = "How do I reset the password of my account please Straße ığdır naïve 東京 don't".split()
FIXED = [
    "12",
    "[EMAIL_1]",
    '"as it is"',
    "`code here`",
    "{slot}",
    "a@example.com",
    "not",
    "v2.0",
    "$x y$",
    "never",
    "«ja ja»",
]

kinds = st.sampled_from(sorted(NOISES))
rates = st.sampled_from([0.0, 0.05, 0.3, 1.0])
plain = st.lists(st.sampled_from(WORDS), max_size=20).map(" ".join)
mixed = st.lists(st.sampled_from([*WORDS, *FIXED, "\n", ", ", "?"]), max_size=20).map(" ".join)
anything = st.text(max_size=60)


def noisy(kind: str, text: str, rate: float, seed: int = 0) -> str:
    return NOISES[kind](text, random.Random(seed), rate)


@given(kinds, anything, rates)
def test_any_text_is_safe_and_the_same_seed_gives_the_same(kind: str, text: str, rate: float) -> None:
    assert noisy(kind, text, rate) == noisy(kind, text, rate)
    assert noisy(kind, "", rate) == ""


@given(kinds, st.one_of(anything, mixed))
def test_a_rate_of_0_changes_nothing(kind: str, text: str) -> None:
    assert noisy(kind, text, 0) == text


@given(kinds, mixed, rates, st.integers(0, 5))
def test_what_an_answer_may_depend_on_is_kept(kind: str, text: str, rate: float, seed: int) -> None:
    after = noisy(kind, text, rate, seed)
    assert Counter(protected_of(text)) == Counter(protected_of(after))
    for word in ("not", "never", "don't"):
        assert text.split().count(word) == after.split().count(word)


@given(kinds, plain, rates, st.integers(0, 5))
def test_at_most_rate_plus_one_words_change(kind: str, text: str, rate: float, seed: int) -> None:
    limit = rate * len(words_of(text)) + 1
    before, after = text.split(), noisy(kind, text, rate, seed).split()
    if kind == "delete":
        assert len(before) - len(after) <= limit
        assert not (Counter(after) - Counter(before))
    else:
        # A swap moves two words.
        changed = sum(one != other for one, other in zip(before, after, strict=True))
        assert changed <= (2 if kind == "swap" else 1) * limit


@given(plain, rates)
def test_each_kind_does_only_what_its_name_says(text: str, rate: float) -> None:
    assert sorted(noisy("swap", text, rate).split()) == sorted(text.split())
    assert noisy("casing", text, rate).casefold() == text.casefold()
    assert noisy("delete", text, rate).strip() or not text.strip()
    assert len(noisy("typo", text, rate).split()) == len(text.split())


@pytest.mark.parametrize("kind", sorted(NOISES))
def test_a_low_rate_still_changes_a_short_text(kind: str) -> None:
    assert noisy(kind, "How do I reset it", 0.01) != "How do I reset it"


FAMILIES = parse_templates(ENGLISH_QUESTIONS)


@settings(max_examples=50)
@given(
    st.sampled_from([t for family in FAMILIES for t in family]),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=5),
)
def test_a_shipped_wording_comes_back_from_every_other_one(template: Template, words: list[str]) -> None:
    text = template.write({"x": " ".join(words)})
    others = reworded(text, FAMILIES, random.Random(0))
    assert others
    assert all(text in reworded(other, FAMILIES, random.Random(1)) for other in others)
    assert text not in others


def test_templates_of_a_user_are_used_and_unfit_texts_left_alone() -> None:
    families = parse_templates("# mine\nPrice of {x} in {y}\nIn {y}, what is the price of {x}?\n\n{x}\nHey, {x}\n")
    assert sorted(reworded("Price of tea in Rome", families, random.Random(0))) == [
        "Hey, Price of tea in Rome",
        "In Rome, what is the price of tea?",
    ]
    assert reworded("What is this? What is that?", FAMILIES, random.Random(0)) == []
    assert reworded("", families, random.Random(0)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no template"),
        ("What is {x}?", "at least two wordings"),
        ("What is {x}?\nWhat is {y}?", "same slots"),
        ("plain\nalso plain", "same slots"),
        ("{x} or {x}?\n{x}", "each slot once"),
    ],
)
def test_templates_that_cannot_work_are_named(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        parse_templates(text)
