"""Forgetting is base − tuned on the rows that both were judged on, and bad only if it is surely there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tunewright.evaluate.signals.forgetting import Compare, Scores, forgetting
from tunewright.evaluate.statistics.paired import compare_columns
from tunewright.runs.evaluation import Comparison


def comparing(low: float, high: float) -> Compare:
    """Return a comparison with a given interval around the true difference."""

    def compare(a: Scores, b: Scores, groups: Sequence[str | None]) -> Comparison:
        pairs = [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None]
        return Comparison(
            column="base",
            against="tuned",
            grader="suite",
            difference=sum(x - y for x, y in pairs) / len(pairs),
            low=low,
            high=high,
            p_value=1.0,
            p_holm=1.0,
            test="paired_bootstrap",
            num_rows=len(pairs),
            num_groups=len(set(groups)),
            verdict="no_difference_shown",
        )

    return compare


def test_what_the_tuned_model_lost_is_positive_and_bad_if_the_interval_is_above_zero() -> None:
    signal = forgetting([1, 1, 1, 0], [1, 0, 0, 0], [None] * 4, comparing(0.1, 0.9))
    assert (signal.value, signal.low, signal.high, signal.num_rows) == (0.5, 0.1, 0.9, 4)
    assert signal.is_bad
    assert "base 0.750 − tuned 0.250" in signal.rule


def test_with_our_own_paired_statistics_a_large_loss_is_sure_and_a_small_one_is_not() -> None:
    def compare(a: Scores, b: Scores, groups: Sequence[str | None]) -> Comparison:
        return compare_columns("base", "tuned", "forgetting", a, b, groups=groups)

    large = forgetting([1.0] * 60, [0.0] * 15 + [1.0] * 45, [None] * 60, compare)
    small = forgetting([1.0] * 60, [0.0] * 1 + [1.0] * 59, [None] * 60, compare)
    assert (large.value, large.is_bad) == (pytest.approx(0.25), True)
    assert (small.value, small.is_bad) == (pytest.approx(1 / 60), False)


@pytest.mark.parametrize("low", [-0.1, 0.0])
def test_a_loss_that_may_be_chance_is_shown_and_not_bad(low: float) -> None:
    signal = forgetting([1, 1], [1, 0], [None, None], comparing(low, 0.9))
    assert (signal.value, signal.is_bad) == (0.5, False)


def test_rows_without_a_score_are_left_out_and_counted() -> None:
    signal = forgetting([1, None, 1, 1], [0, 1, None, 1], [None] * 4, comparing(0.1, 0.9))
    assert (signal.value, signal.num_rows) == (0.5, 2)
    assert "2 rows that could not be judged are left out" in signal.rule


def test_the_domains_that_lost_most_come_first_and_those_that_gained_not_at_all() -> None:
    domains = ["facts", "facts", "sums", "stories", ""]
    signal = forgetting([1, 1, 1, 0, 1], [1, 0, 0, 1, 0], [None] * 5, comparing(0, 1), domains=domains)
    assert signal.examples == ["sums: 1.00 → 0.00 (1 rows)", "facts: 1.00 → 0.50 (2 rows)"]


def test_a_suite_of_which_nothing_could_be_judged_is_not_measured() -> None:
    signal = forgetting([None, 1], [1, None], [None, None], comparing(0, 1), suite="mine")
    assert (signal.value, signal.num_rows, signal.is_bad) == (None, 0, False)
    assert "the suite mine" in signal.rule


@pytest.mark.parametrize(("tuned", "domains"), [([1.0], []), ([1.0, 1.0], ["facts"])])
def test_sequences_of_different_lengths_are_refused(tuned: list[float], domains: list[str]) -> None:
    with pytest.raises(ValueError, match="one entry for each row"):
        forgetting([1, 1], tuned, [None, None], comparing(0, 1), domains=domains)
