"""Paired tests: exact values, symmetry, false alarms under no difference, and Holm against an independent version."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.errors import NoRowsError
from tunewright.evaluate.statistics.paired import compare_columns, holm, mcnemar_p
from tunewright.runs.evaluation import Comparison

Draw = Callable[[np.random.Generator], tuple[Any, Any, list[str] | None]]


def compared(a: Any, b: Any, groups: Any = None, **settings: Any) -> Comparison:
    """Return the comparison of two plain columns."""
    return compare_columns("a", "b", "score", list(a), list(b), groups=groups, **settings)


def with_p(p: float, grader: str = "score", difference: float = 0.1) -> Comparison:
    """Return a comparison of which only the p-value matters."""
    return compared([0.5 + difference] * 3, [0.5] * 3).model_copy(update={"p_value": p, "p_holm": p, "grader": grader})


def binary(rng: np.random.Generator) -> tuple[Any, Any, None]:
    """Return two columns right equally often, which agree on most rows."""
    agree, kind = (rng.random(100) < 0.6).astype(float), rng.random(100)
    return (
        np.where(kind < 0.15, 1.0, np.where(kind > 0.85, 0.0, agree)),
        np.where(kind < 0.15, 0.0, np.where(kind > 0.85, 1.0, agree)),
        None,
    )


def binary_in_groups(rng: np.random.Generator) -> tuple[Any, Any, list[str]]:
    """Return two columns whose groups differ, each way alike."""
    share, moved = np.repeat(rng.beta(3, 3, 40), 3), np.repeat(rng.normal(0, 0.15, 40), 3)
    left, right = rng.random(120) < np.clip(share + moved, 0, 1), rng.random(120) < np.clip(share - moved, 0, 1)
    return left.astype(float), right.astype(float), [str(row // 3) for row in range(120)]


def partly(rng: np.random.Generator) -> tuple[Any, Any, None]:
    """Return two columns of scores that differ on half of the rows."""
    moved = np.where(rng.random(100) < 0.5, rng.normal(0, 0.2, 100), 0)
    return 0.5 + moved, np.full(100, 0.5), None


def hardly(rng: np.random.Generator) -> tuple[Any, Any, list[str]]:
    """Return two columns that differ on a handful of groups only."""
    moved = np.repeat(rng.choice([-1.0, 0.0, 1.0], 60, p=[0.05, 0.9, 0.05]), 2)
    return np.clip(moved, 0, 1), np.clip(-moved, 0, 1), [str(row // 2) for row in range(120)]


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemars_p_is_the_sum_of_both_binomial_tails(better: int, worse: int) -> None:
    pairs = better + worse
    tail = sum(math.comb(pairs, k) for k in range(pairs + 1) if abs(2 * k - pairs) >= abs(better - worse))
    assert mcnemar_p(better, worse) == pytest.approx(tail / 2**pairs, rel=1e-12)


def test_mcnemars_p_has_its_known_values() -> None:
    assert mcnemar_p(6, 0) == 0.03125
    assert mcnemar_p(5, 0) == 0.0625
    assert mcnemar_p(0, 0) == 1.0
    assert mcnemar_p(0, 20_000) == 0.0


def test_right_or_wrong_without_groups_is_mcnemar_with_the_interval_of_bonett_and_price() -> None:
    found = compared([1] * 8 + [0] * 2 + [1] * 50 + [0] * 40, [0] * 8 + [1] * 2 + [1] * 50 + [0] * 40)
    assert (found.test, found.num_rows, found.num_groups) == ("mcnemar", 100, 100)
    assert found.difference == pytest.approx(0.06)
    assert found.p_value == found.p_holm == mcnemar_p(8, 2)
    one, two = 9 / 102, 3 / 102
    half = 1.959964 * math.sqrt((one + two - (one - two) ** 2) / 102)
    assert (found.low, found.high) == pytest.approx((one - two - half, one - two + half), abs=1e-6)


@pytest.mark.parametrize("draw", [binary, binary_in_groups, partly, hardly])
def test_no_difference_is_found_in_at_most_6_of_100_sets_and_the_interval_holds_it(draw: Draw) -> None:
    rng = np.random.default_rng(11)
    found = [compared(*draw(rng), seed=number % 40) for number in range(700)]
    assert np.mean([each.p_value < 0.05 for each in found]) <= 0.06
    assert np.mean([each.low <= 0 <= each.high for each in found]) >= 0.93


def test_groups_taken_for_independent_rows_would_find_too_much() -> None:
    rng = np.random.default_rng(11)
    found = [compared(*hardly(rng)[:2]).p_value < 0.05 for _ in range(700)]
    assert np.mean(found) > 0.08


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([binary, binary_in_groups, partly, hardly]), st.randoms())
def test_swapping_columns_negates_and_the_order_of_rows_does_not_matter(number: int, draw: Draw, random: Any) -> None:
    a, b, groups = draw(np.random.default_rng(number))
    one, other = compared(a, b, groups), compared(b, a, groups)
    assert (other.difference, other.p_value) == (-one.difference, one.p_value)
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-12)
    assert other.detectable == pytest.approx(one.detectable)
    order = list(range(len(a)))
    random.shuffle(order)
    mixed = compared(a[order], b[order], groups and [groups[row] for row in order])
    assert mixed.p_value == one.p_value
    assert (mixed.difference, mixed.low, mixed.high) == pytest.approx((one.difference, one.low, one.high), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(-0.15, 0.15))
def test_the_bootstraps_interval_leaves_out_0_exactly_when_p_is_below_5_percent(number: int, shift: float) -> None:
    rng = np.random.default_rng(number)
    found = compared(rng.normal(shift, 0.3, 60), [0.0] * 60)
    assert found.test == "paired_bootstrap"
    assert (found.p_value < 0.05) == (not found.low <= 0 <= found.high)


def test_the_bootstraps_p_is_near_students_for_normal_differences() -> None:
    d = np.random.default_rng(2).normal(0.05, 0.3, 300)
    t = abs(d.mean()) / (d.std(ddof=1) / math.sqrt(300))
    assert compared(d, [0.0] * 300).p_value == pytest.approx(math.erfc(t / math.sqrt(2)), abs=0.02)


def test_a_few_groups_that_agree_prove_no_more_than_as_many_tosses_of_a_coin() -> None:
    for num_groups in (1, 2, 5):
        found = compared(
            [1.0] * num_groups * 10, [0.0] * num_groups * 10, [str(n // 10) for n in range(num_groups * 10)]
        )
        assert found.test == "sign_flips"
        assert found.p_value == 2.0 ** (1 - num_groups)
        assert found.verdict == "too_few_rows"


def test_only_rows_with_both_scores_count() -> None:
    found = compared([1.0, None, 1.0, math.nan, 1.0], [0.0, 0.0, None, 0.0, 1.0], ["a", "a", "b", "b", None])
    assert (found.num_rows, found.num_groups, found.difference) == (2, 2, 0.5)


def test_columns_with_no_row_in_common_or_of_other_lengths_are_refused() -> None:
    with pytest.raises(NoRowsError, match="no row has a score of score for both"):
        compared([None, 1.0], [1.0, None])
    with pytest.raises(ValueError, match="a has 1 scores and b 2"):
        compared([1.0], [1.0, 0.0])


def test_equal_columns_differ_by_nothing_and_the_verdict_depends_on_the_number_of_rows() -> None:
    few, many = compared([1.0, 0.0] * 10, [1.0, 0.0] * 10), compared([1.0, 0.0] * 300, [1.0, 0.0] * 300)
    assert (few.difference, few.p_value, many.p_value) == (0, 1, 1)
    assert few.low < 0 < few.high
    assert (few.verdict, many.verdict) == ("too_few_rows", "no_difference_shown")
    assert compared([1.0, 0.0] * 300, [1.0, 0.0] * 300, smallest_that_matters=0.001).verdict == "too_few_rows"


def test_the_verdict_has_the_direction_of_the_difference() -> None:
    assert compared([1.0] * 30, [0.0] * 30).verdict == "better"
    assert compared([0.0] * 30, [1.0] * 30).verdict == "worse"


def test_holm_gives_the_worked_example_for_each_grader_alone() -> None:
    found = holm([with_p(p) for p in (0.01, 0.04, 0.03, 0.005)] + [with_p(0.04, "other")])
    assert [each.p_holm for each in found] == pytest.approx([0.03, 0.06, 0.06, 0.02, 0.04])
    assert [each.verdict for each in found] == ["better", "too_few_rows", "too_few_rows", "better", "better"]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_monotone_never_below_the_raw_p_and_at_most_bonferroni(raw: list[float]) -> None:
    found = holm([with_p(p) for p in raw])
    assert [each.p_value for each in found] == raw
    for each in found:
        assert each.p_value <= each.p_holm <= min(1.0, len(raw) * each.p_value) + 1e-12
    in_order = sorted(found, key=lambda each: each.p_value)
    assert all(a.p_holm <= b.p_holm for a, b in pairwise(in_order))


def test_a_column_that_is_right_nearly_everywhere_is_better_than_one_that_never_is() -> None:
    groups = [f"fact {index // 3}" for index in range(144)]
    right = [1.0] * 143 + [0.0]
    found = compare_columns("found", "base", "contains", right, [0.0] * 144, groups=groups)
    assert found.p_value < 0.001
    assert found.verdict == "better"
    turned = compare_columns("base", "found", "contains", [0.0] * 144, right, groups=groups)
    assert (turned.p_value, turned.verdict) == (found.p_value, "worse")
    assert turned.low == pytest.approx(-found.high)
