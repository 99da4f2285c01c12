"""Who won does not depend on how many rated a row, ties are half a win, and a favoured side is noticed."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.evaluate.human.building import make_evaluation
from tunewright.evaluate.human.ratings import Preferred, Rating
from tunewright.evaluate.human.sheet import SheetKey, make_sheet
from tunewright.evaluate.human.tally import HumanResult, result_lines, sign_test, tally
from tunewright.evaluate.statistics.intervals import score_of, wilson

SIDES = {"left": "right", "right": "left"}


def key_of(num_rows: int, *, raters: int = 1, same: int = 0) -> SheetKey:
    return make_sheet(make_evaluation(num_rows, same=same), "base", "tuned", num_rows, raters=raters).key


def rate(key: SheetKey, choices: dict[str, dict[str, Preferred]]) -> list[Rating]:
    """Return ratings of rater → row → preferred column, the sides being those of the rater's sheet."""
    ratings: list[Rating] = []
    for sheet, rater in key.raters.items():
        for row, preferred in choices.get(rater, {}).items():
            side = key.sides[sheet].get(row, "left")
            shown = {"a": side, "b": SIDES[side], "tie": "tie"}[preferred]
            ratings.append(Rating.model_validate({"rater": rater, "row": row, "side": shown, "preferred": preferred}))
    return ratings


def count(key: SheetKey, ratings: list[Rating]) -> HumanResult:
    return tally(key, ratings, score_of, wilson)


def test_a_tie_is_half_a_win_and_listed_apart() -> None:
    key = key_of(4)
    result = count(key, rate(key, {"1": {"1": "a", "2": "a", "3": "tie", "4": "b"}}))
    assert result.win_rate == pytest.approx(0.625)
    assert (result.num_wins, result.num_losses, result.num_ties, result.num_rows) == (2, 1, 1, 4)
    assert result.low is not None
    assert result.high is not None
    assert result.low < 0.625 < result.high


def test_rows_with_equal_answers_are_ties_without_a_rating() -> None:
    key = key_of(6, same=4)
    asked = [row for row in key.places if row not in key.same]
    result = count(key, rate(key, {"1": dict.fromkeys(asked, "a")}))
    assert (result.num_rows, result.num_ties, result.num_same, result.num_wins) == (6, 4, 4, 2)
    assert result.win_rate == pytest.approx((2 + 4 * 0.5) / 6)
    assert result.num_missing == 0


def test_a_row_that_three_people_rated_counts_once() -> None:
    key = key_of(2, raters=3)
    ratings = rate(key, {"1": {"1": "a", "2": "b"}, "2": {"1": "a"}, "3": {"1": "b"}})
    result = count(key, ratings)
    assert (result.num_rows, result.num_wins, result.num_losses) == (2, 1, 1)
    assert result.win_rate == pytest.approx((2 / 3 + 0) / 2)


def test_two_raters_get_kappa_and_three_get_alpha() -> None:
    two, three = key_of(10, raters=2), key_of(10, raters=3)
    rows: dict[str, Preferred] = {"1": "a", "2": "b", "3": "tie"}
    assert count(two, rate(two, {"1": rows, "2": rows})).agreement_kind == "cohen_kappa"
    result = count(three, rate(three, {"1": rows, "2": rows, "3": rows}))
    assert (result.agreement_kind, result.num_shared) == ("krippendorff_alpha", 3)
    assert result.agreement == pytest.approx(1)


def test_one_rater_has_nobody_to_agree_with() -> None:
    key = key_of(3)
    result = count(key, rate(key, {"1": {"1": "a"}}))
    assert (result.agreement_kind, result.agreement, result.num_shared) == (None, None, 0)
    assert result.num_missing == 2


def test_who_always_takes_the_left_side_is_noticed_and_decides_nothing() -> None:
    key = key_of(40)
    [(sheet, rater)] = key.raters.items()
    ratings = [
        Rating(rater=rater, row=row, side="left", preferred="a" if side == "left" else "b")
        for row, side in key.sides[sheet].items()
    ]
    result = count(key, ratings)
    assert (result.win_rate, result.left_share, result.num_sided) == (0.5, 1.0, 40)
    lines = "\n".join(result_lines(result))
    assert "no preference is shown" in lines
    assert "the raters prefer a side" in lines


@pytest.mark.parametrize(("preferred", "winner"), [("a", "base is preferred"), ("b", "tuned is preferred")])
def test_the_verdict_names_the_winner_with_its_interval(preferred: Preferred, winner: str) -> None:
    key = key_of(40)
    lines = result_lines(count(key, rate(key, {"1": dict.fromkeys(key.places, preferred)})))
    assert lines[0].startswith(winner)
    assert "95 % interval" in lines[0]
    assert "prefer a side" not in "\n".join(lines)


def test_without_a_rating_there_is_no_verdict() -> None:
    result = count(key_of(3), [])
    assert (result.win_rate, result.p_value, result.left_share, result.num_missing) == (None, None, None, 3)
    assert result_lines(result) == ["base against tuned: nothing was rated"]


def test_missing_questions_and_untellable_agreement_are_said() -> None:
    key = key_of(10, raters=2)
    lines = "\n".join(result_lines(count(key, rate(key, {"1": {"1": "a"}, "2": {"1": "a"}}))))
    assert "cannot be told: all choices are the same" in lines
    assert "10 questions have no rating" in lines


@given(st.integers(0, 30), st.integers(0, 30))
def test_the_sign_test_is_the_binomial_one(wins: int, losses: int) -> None:
    total = wins + losses
    as_likely = [comb(total, k) for k in range(total + 1) if comb(total, k) <= comb(total, wins)]
    expected = None if not total else sum(as_likely) / 2**total
    assert sign_test(wins, losses) == (pytest.approx(expected) if expected is not None else None)
    assert sign_test(wins, losses) == sign_test(losses, wins)
