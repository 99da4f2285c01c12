"""Pairs become wins, losses and ties only where the judge keeps to its word; the rest is counted with its reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.evaluate.judged import NO_ANSWER, given_text, judge_pairs
from tunewright.evaluate.statistics.intervals import mean_interval
from tunewright.graders.grade import Item
from tunewright.runs.evaluation import Answer, JudgedPairs
from tunewright.spec.grader import JudgeSpec

SPEC = JudgeSpec(model="m", name="critic")
_SHOWN = re.compile(r"--- BEGIN ANSWER ([AB]) (\w+) ---\n(.*?)\n--- END ANSWER \1 \2 ---", re.DOTALL)

Messages = list[dict[str, str]]


def shown(messages: Messages) -> tuple[str, str]:
    """Return the answers at the first and the second place."""
    found = {name: text for name, _, text in _SHOWN.findall(messages[1]["content"])}
    return found["A"], found["B"]


def preferring(better: Callable[[str, str], str]) -> Callable[[Messages], str]:
    """Return a judge that says what `better` makes of the first and the second answer."""
    return lambda messages: f"better: {better(*shown(messages))}"


def longest(first: str, second: str) -> str:
    return "tie" if len(first) == len(second) else "A" if len(first) > len(second) else "B"


def pairs(
    ask: Callable[[Messages], Any], a: list[str | None], b: list[str | None], groups: list[str] | None = None
) -> JudgedPairs:
    metas = [{"group": group} for group in groups] if groups else [{}] * len(a)
    items = [Item("Paris", meta) for meta in metas]
    return judge_pairs(ask, SPEC, items, a, b, column="tuned", against="base", title="critic", seed=3)


def test_wins_are_those_of_the_first_column_and_the_rate_counts_ties_half() -> None:
    found = pairs(preferring(longest), ["aaa", "aaa", "a", "xy"], ["b", "bb", "bb", "yx"])
    assert (found.column, found.against, found.judge) == ("tuned", "base", "critic")
    assert (found.wins, found.losses, found.ties, found.num_failed) == (2, 1, 1, 0)
    assert found.win_rate == pytest.approx(2.5 / 4)
    interval = mean_interval([1, 1, 0, 0.5], seed=3)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert (found.consistent, found.place_bias) == (1.0, 0.0)


def test_a_judge_that_likes_a_place_gives_ties_and_its_bias_is_told() -> None:
    found = pairs(preferring(lambda first, second: "A"), ["a"] * 8, ["b"] * 8)
    assert (found.wins, found.losses, found.ties) == (0, 0, 8)
    assert (found.win_rate, found.consistent, found.place_bias) == (0.5, 0.0, 1.0)
    other = pairs(preferring(lambda first, second: "B"), ["a"] * 8, ["b"] * 8)
    assert other.place_bias == -1.0


def test_a_bias_that_gives_way_to_a_clear_difference_is_told_in_its_share() -> None:
    def lazy(first: str, second: str) -> str:
        return longest(first, second) if abs(len(first) - len(second)) > 3 else "A"

    found = pairs(preferring(lazy), ["a" * 9, "aa", "a", "aaa"], ["b", "b", "b" * 9, "bb"])
    assert (found.wins, found.losses, found.ties) == (1, 1, 2)
    assert (found.consistent, found.place_bias) == (0.5, 0.5)


def test_identical_answers_are_a_tie_that_nobody_is_asked_about() -> None:
    asked: list[Messages] = []

    def ask(messages: Messages) -> str:
        asked.append(messages)
        return "better: A"

    found = pairs(ask, ["same", " same\n", "", "a"], ["same", "same", "", "b"])
    assert len(asked) == 2
    assert (found.ties, found.num_failed) == (4, 0)
    # Of the one pair that was asked, where the judge liked the place: what is sure to be a tie must not hide that.
    assert (found.consistent, found.place_bias) == (0.0, 1.0)


def test_only_identical_answers_say_nothing_of_the_judge() -> None:
    found = pairs(lambda messages: pytest.fail("asked"), ["x", "y"], ["x", "y"])
    assert (found.ties, found.win_rate, found.consistent, found.place_bias) == (2, 0.5, None, None)


def test_failures_are_counted_by_reason_and_are_no_ties() -> None:
    def ask(messages: Messages) -> Any:
        first, second = shown(messages)
        texts = first + second
        if "t" in texts:
            raise TimeoutError("too slow")
        if "n" in texts:
            return f"nonsense about {first}"
        return None if "o" in texts else "better: " + longest(first, second)

    found = pairs(ask, ["long", "t1", "n1", "n22", "o1", "more"], ["b", "b", "b", "b", "b", "b"])
    # "long" and "more" hold an n and an o.
    assert (found.wins, found.losses, found.ties, found.num_failed) == (0, 0, 0, 6)
    assert (found.win_rate, found.low, found.high, found.consistent) == (None, None, None, None)
    assert found.failures == {
        "the judge gave no line 'better: …', even when asked again": 3,
        "the judge must answer with text, got NoneType": 2,
        "the judge did not answer: TimeoutError: too slow": 1,
    }
    assert list(found.failures.values()) == [3, 2, 1]


def test_the_rate_is_of_the_pairs_with_a_verdict() -> None:
    def ask(messages: Messages) -> str:
        if "broken" in "".join(shown(messages)):
            raise ConnectionError("lost")
        return "better: " + longest(*shown(messages))

    found = pairs(ask, ["aa", "broken", "aa", None], ["b", "b", "b", "b"])
    assert (found.wins, found.win_rate, found.num_failed) == (2, 1.0, 2)
    assert found.failures == {"the judge did not answer: ConnectionError: lost": 1, NO_ANSWER: 1}


def test_many_reasons_are_counted_together_and_none_is_lost() -> None:
    def ask(messages: Messages) -> str:
        raise ValueError(f"no {min(shown(messages))} \ud800")

    found = pairs(ask, [f"a{number:02}" for number in range(14)], ["b"] * 14)
    assert len(found.failures) == 11
    assert found.failures["other reasons"] == 4
    assert sum(found.failures.values()) == found.num_failed == 14
    "".join(found.failures).encode()  # what a file can hold


def test_rows_of_one_group_are_one_piece_of_evidence() -> None:
    a: list[str | None] = ["aa", "aa", "aa", "a", "a", "a"] * 5
    b: list[str | None] = ["b", "b", "b", "bb", "bb", "bb"] * 5
    groups = [f"fact {number // 3}" for number in range(30)]
    grouped, single = pairs(preferring(longest), a, b, groups), pairs(preferring(longest), a, b)
    assert grouped.win_rate == single.win_rate == 0.5
    width, narrow = [(each.high or 0) - (each.low or 0) for each in (grouped, single)]
    assert width > 1.3 * narrow


def test_progress_counts_every_pair() -> None:
    told: list[tuple[int, int]] = []
    judge_pairs(
        preferring(longest),
        SPEC,
        [Item(None)] * 3,
        ["a", "b", None],
        ["b", "b", "b"],
        column="tuned",
        against="base",
        title="critic",
        seed=0,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_columns_of_different_length_are_a_mistake_and_no_rows_have_no_rate() -> None:
    with pytest.raises(ValueError, match="zip"):
        pairs(preferring(longest), ["a"], ["a", "b"])
    assert pairs(preferring(longest), [], []).win_rate is None


texts = st.sampled_from(["", "a", "bb", "ccc", "ddd"])


@given(st.lists(st.tuples(texts, texts), max_size=8))
def test_the_other_way_round_wins_are_losses(answers: list[tuple[str, str]]) -> None:
    a: list[str | None] = [first for first, _ in answers]
    b: list[str | None] = [second for _, second in answers]
    one, other = pairs(preferring(longest), a, b), pairs(preferring(longest), b, a)
    assert (one.wins, one.losses, one.ties) == (other.losses, other.wins, other.ties)
    assert one.wins + one.losses + one.ties == len(answers)
    if answers:
        assert one.win_rate is not None
        assert other.win_rate == pytest.approx(1 - one.win_rate)


@pytest.mark.parametrize(
    ("text", "has_ended", "num_tokens", "given_"),
    [("x", True, 1, "x"), ("x", False, 0, "x"), ("", True, 0, ""), ("", False, 5, ""), ("", False, 0, None)],
)
def test_an_answer_that_was_never_given_is_told_from_an_empty_one(
    text: str, has_ended: bool, num_tokens: int, given_: str | None
) -> None:
    answer = Answer(text=text, has_ended=has_ended, prompt_tokens=3, completion_tokens=num_tokens)
    assert given_text(answer) == given_
