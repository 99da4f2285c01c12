"""Intervals: published values, exact coverage by summing binomials, simulated coverage, and the odd corners."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.errors import NoRowsError
from tunewright.evaluate.statistics.intervals import (
    bootstrap,
    effective_wilson,
    mean_interval,
    proportion_interval,
    room_for_unseen,
    score_of,
    wilson,
)
from tunewright.evaluate.statistics.units import resampled, units_of

# Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
PUBLISHED = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
NEAR_ENDS = (0.005, 0.02, 0.1, 0.5, 0.98, 0.995)
Draw = Callable[[np.random.Generator], tuple[list[float], list[str | None] | None]]


Shape = tuple[float, float, float, float]
SHAPES: list[Shape] = [
    (0.005, 0.0, 300, 2),
    (0.02, 0.0, 300, 2),
    (0.01, 0.7, 30, 2),
    (0.02, 0.0, 30, 2),
    (0.03, 0.0, 30, 2),
    (0.05, 0.0, 30, 2),
    (0.1, 0.0, 30, 2),
    (0.02, 0.0, 6e7, 4e7),
    (0.0, 0.0, 5, 3),
    (0.0, 0.0, 10, 0.1),
    (0.0, 0.0, 0.2, 0.2),
]
"""Shares of zeros and of ones, and the beta distribution of the others."""


def shaped(shape: Shape, num_rows: int, is_mirrored: bool) -> tuple[Draw, float]:
    """Return the source of independent scores of that shape, or of 1 − score, and their true mean."""
    zeros, ones, a, b = shape
    truth = ones + (1 - zeros - ones) * a / (a + b)

    def draw(rng: np.random.Generator) -> tuple[list[float], None]:
        kind = rng.random(num_rows)
        scores = np.where(kind < zeros, 0.0, np.where(kind > 1 - ones, 1.0, rng.beta(a, b, num_rows)))
        return (1 - scores if is_mirrored else scores).tolist(), None

    return draw, 1 - truth if is_mirrored else truth


def covered(draw: Draw, truth: float, num_sets: int) -> float:
    """Return the share of simulated test sets whose interval holds the truth."""
    rng = np.random.default_rng(3)
    held = 0
    for number in range(num_sets):
        low, high, _ = mean_interval(*draw(rng), seed=number % 3, num_resamples=500)
        held += low - 1e-12 <= truth <= high + 1e-12
    return held / num_sets


def in_groups(p: float, correlation: float) -> Draw:
    """Return the source of 30 to 40 beta-binomial groups of 1 to 6 rows."""

    def draw(rng: np.random.Generator) -> tuple[list[float], list[str | None]]:
        sizes = rng.integers(1, 7, 35)
        spread = (1 - correlation) / correlation
        share = np.repeat(rng.beta(p * spread, (1 - p) * spread, 35), sizes)
        names = [str(number) for number in np.repeat(np.arange(35), sizes)]
        return (rng.random(len(share)) < share).astype(float).tolist(), [*names]

    return draw


@pytest.mark.parametrize(("right", "rows", "low", "high"), PUBLISHED)
def test_wilson_gives_the_published_intervals(right: int, rows: int, low: float, high: float) -> None:
    assert wilson(right, rows) == pytest.approx((low, high), abs=5e-5)


@settings(deadline=None)
@given(st.integers(1, 3000), st.floats(0.5, 0.999))
def test_wilson_is_exact_at_none_and_at_all_and_symmetric(rows: int, level: float) -> None:
    assert wilson(0, rows, level)[0] == 0.0
    assert wilson(rows, rows, level)[1] == 1.0
    low, high = wilson(rows // 3, rows, level)
    assert wilson(rows - rows // 3, rows, level) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize(("right", "rows"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_what_is_no_proportion(right: int, rows: int) -> None:
    with pytest.raises(ValueError, match="must hold"):
        wilson(right, rows)


@pytest.mark.parametrize("num_rows", [100, 101, 107, 120, 150, 333, 1000])
def test_the_interval_of_a_proportion_covers_93_percent_at_every_share(num_rows: int) -> None:
    right = np.arange(num_rows + 1)
    ways = np.array([math.log(math.comb(num_rows, k)) for k in right])
    low, high = np.array([proportion_interval(k, num_rows) for k in right.tolist()]).T
    for p in np.concatenate([np.linspace(0.01, 15, 700) / num_rows, np.linspace(15 / num_rows, 0.5, 500)]):
        chance = np.exp(ways + right * math.log(p) + (num_rows - right) * math.log1p(-p))
        assert chance[(low <= p) & (p <= high)].sum() >= 0.93, p


def test_without_the_poisson_end_coverage_near_the_ends_would_be_too_low() -> None:
    p = 0.0017
    chance = [math.comb(100, k) * p**k * (1 - p) ** (100 - k) for k in range(101)]
    held = sum(c for k, c in enumerate(chance) if wilson(k, 100)[0] <= p <= wilson(k, 100)[1])
    assert held < 0.85


@pytest.mark.parametrize("correlation", [0.1, 0.6, 0.95])
@pytest.mark.parametrize("p", NEAR_ENDS)
def test_right_or_wrong_in_groups_is_covered(p: float, correlation: float) -> None:
    assert covered(in_groups(p, correlation), p, 500) >= 0.93


def test_groups_that_are_right_or_wrong_as_a_whole_are_covered_at_every_share() -> None:
    right, groups = np.arange(101), [str(row // 4) for row in range(400)]
    low, high = np.array([mean_interval([1.0] * 4 * k + [0.0] * 4 * (100 - k), groups)[:2] for k in right.tolist()]).T
    ways = np.array([math.log(math.comb(100, k)) for k in right.tolist()])
    for p in np.concatenate([np.linspace(0.0001, 0.15, 500), np.linspace(0.15, 0.5, 300)]):
        chance = np.exp(ways + right * math.log(p) + (100 - right) * math.log1p(-p))
        assert chance[(low <= p) & (p <= high)].sum() >= 0.93, p


def test_rows_of_a_group_as_if_independent_would_not_be_covered() -> None:
    draw, rng = in_groups(0.5, 0.6), np.random.default_rng(3)
    held = 0
    for _ in range(300):
        scores, _ = draw(rng)
        low, high = wilson(sum(scores), len(scores))
        held += low <= 0.5 <= high
    assert held / 300 < 0.85


@pytest.mark.parametrize("ones", [0.5, 0.9, 0.975])
def test_means_of_partly_right_scores_are_covered(ones: float) -> None:
    shares = [ones, (1 - ones) / 4, (1 - ones) * 3 / 4]

    def draw(rng: np.random.Generator) -> tuple[list[float], None]:
        kind = rng.choice(3, 100, p=shares)
        return np.where(kind == 0, 1.0, np.where(kind == 1, 0.0, rng.beta(4, 2, 100))).tolist(), None

    assert covered(draw, shares[0] + shares[2] * 4 / 6, 500) >= 0.93


@pytest.mark.parametrize(("num_rows", "is_mirrored"), [(100, False), (100, True), (250, False)])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scores_from_0_to_1_are_covered_though_an_extreme_may_be_missing(
    shape: Shape, num_rows: int, is_mirrored: bool
) -> None:
    draw, truth = shaped(shape, num_rows, is_mirrored)
    assert covered(draw, truth, 200) >= 0.93


def test_scores_of_any_shape_are_covered() -> None:
    rng = np.random.default_rng(8)
    for _ in range(12):
        zeros, ones = rng.uniform(0, 0.1, 2)
        shape = (float(zeros), float(ones), *(np.exp(rng.uniform(-2, 5, 2))).tolist())
        draw, truth = shaped(shape, 100, is_mirrored=False)
        assert covered(draw, truth, 200) >= 0.93, shape


@pytest.mark.parametrize("zeros", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("num_groups", [20, 100])
def test_groups_of_1_to_10_rows_that_fail_together_are_covered(num_groups: int, zeros: float) -> None:
    def draw(rng: np.random.Generator) -> tuple[list[float], list[str | None]]:
        sizes = rng.integers(1, 11, num_groups)
        fails = np.repeat(rng.random(num_groups) < zeros, sizes)
        names = [str(number) for number in np.repeat(np.arange(num_groups), sizes)]
        return np.where(fails, 0.0, rng.beta(30, 2, len(fails))).tolist(), [*names]

    assert covered(draw, (1 - zeros) * 30 / 32, 300) >= 0.93


def test_a_bootstrap_alone_would_not_cover_what_a_sample_lacks() -> None:
    draw, truth = shaped((0.01, 0.0, 300, 2), 100, is_mirrored=False)
    rng, held = np.random.default_rng(3), 0
    for _ in range(200):
        low, high = bootstrap(units_of(draw(rng)[0], None), 0, 500)
        held += low <= truth <= high
    assert held / 200 < 0.7


@pytest.mark.parametrize(("right", "rows"), [(0, 100), (1, 100), (7, 60), (30, 60), (59, 60)])
def test_room_for_the_unseen_is_clopper_and_pearsons_bound_for_right_or_wrong(right: int, rows: int) -> None:
    low, high = room_for_unseen(units_of([1.0] * right + [0.0] * (rows - right), None), 0, 20_000)
    ways = np.array([float(math.comb(rows, k)) for k in range(rows + 1)])
    wrong = rows - np.arange(rows + 1)
    at_low, at_high = (ways * p ** np.arange(rows + 1) * (1 - p) ** wrong for p in (low, high))
    assert low == 0 if right == 0 else at_low[right:].sum() == pytest.approx(0.035, abs=0.005)
    assert at_high[: right + 1].sum() == pytest.approx(0.035, abs=0.005)


@pytest.mark.parametrize(("size", "num_units"), [(1, 100), (4, 25), (1, 1)])
def test_room_for_the_unseen_of_scores_all_alike_is_the_rule_of_three_over_units(size: int, num_units: int) -> None:
    groups = [str(row // size) for row in range(size * num_units)]
    low, high = room_for_unseen(units_of([0.6] * len(groups), groups), 0, 20_000)
    share = 0.035 ** (1 / num_units)
    assert low == pytest.approx(0.6 * share, rel=0.06)
    assert 1 - high == pytest.approx(0.4 * share, rel=0.06)


def test_room_for_the_unseen_hardly_widens_what_varies_enough() -> None:
    scores = np.random.default_rng(0).beta(2, 2, 200)
    low, high, _ = mean_interval(scores.tolist())
    plain_low, plain_high = bootstrap(units_of(scores, None), 0, 2000)
    assert high - low < 1.04 * (plain_high - plain_low)


def test_means_beyond_0_to_1_are_covered_also_in_groups() -> None:
    def draw(rng: np.random.Generator) -> tuple[list[float], list[str | None]]:
        of_group = np.repeat(rng.gamma(4, 5, 40), 3)
        return rng.normal(of_group, 4).tolist(), [str(number) for number in np.repeat(np.arange(40), 3)]

    assert covered(draw, 20.0, 500) >= 0.93


def test_the_method_is_named_by_the_kind_of_scores_and_groups() -> None:
    rng = np.random.default_rng(0)
    binary, partly = (rng.random(90) < 0.7).astype(float).tolist(), rng.random(90).tolist()
    threes, ones = [str(row // 3) for row in range(90)], [str(row) for row in range(90)]
    found = [mean_interval(scores, groups).method for scores in (binary, partly) for groups in (None, ones, threes)]
    assert found == ["wilson", "wilson", "wilson", "bootstrap", "bootstrap", "group_bootstrap"]


def test_groups_of_one_row_and_rows_without_a_group_are_rows() -> None:
    scores = np.random.default_rng(0).random(50).tolist()
    alone: list[str | None] = [f"g{row}" if row % 2 else None for row in range(50)]
    assert mean_interval(scores, alone) == pytest.approx(mean_interval(scores), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans(), st.booleans())
def test_the_order_of_rows_does_not_matter(random: object, is_binary: bool, is_grouped: bool) -> None:
    rng = np.random.default_rng(5)
    scores = (rng.random(90) < 0.6).astype(float) if is_binary else rng.random(90)
    names = [str(row // 4) for row in range(90)]
    order = list(range(90))
    random.shuffle(order)  # pyright: ignore[reportAttributeAccessIssue]
    before = score_of(scores.tolist(), 0, names if is_grouped else None)
    after = score_of(scores[order].tolist(), 0, [names[row] for row in order] if is_grouped else None)
    assert (after.low, after.high) == pytest.approx((before.low, before.high), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["a", "b", "c", None])), min_size=1, max_size=60))
def test_an_interval_of_shares_holds_the_mean_stays_within_0_to_1_and_is_no_point(
    rows: list[tuple[float, str | None]],
) -> None:
    scores, groups = zip(*rows, strict=True)
    score = score_of(scores, 2, groups)
    assert 0 <= score.low <= score.mean <= score.high <= 1
    assert score.high > score.low
    assert score.mean == pytest.approx(sum(scores) / len(scores), abs=1e-9)
    assert (score.num_rows, score.num_failed) == (len(rows), 2)


def test_scores_that_are_all_equal_get_no_point() -> None:
    for value in (0.0, 0.4, 1.0, 37.0, -3.0):
        low, high, method = mean_interval([value] * 100)
        assert low < high
        assert low <= value <= high
        assert method == ("bootstrap" if value == 0.4 else "wilson")
    low, high, _ = mean_interval([0.4] * 100)
    assert high - low < 0.1


def test_a_single_row_proves_next_to_nothing() -> None:
    assert mean_interval([1.0])[:2] == pytest.approx(proportion_interval(1, 1))
    low, high, _ = mean_interval([0.5])
    assert high - low > 0.6


def test_one_group_of_many_rows_counts_as_one() -> None:
    low, _, _ = mean_interval([1.0] * 50, ["only"] * 50)
    assert low < 0.21


def test_groups_that_are_all_right_count_as_so_many_rows() -> None:
    low, _, _ = mean_interval([1.0] * 120, [str(row // 3) for row in range(120)])
    assert low == pytest.approx(wilson(40, 40)[0], abs=0.01)


def test_effective_wilson_of_all_or_nothing_groups_is_wilson_of_groups() -> None:
    scores, groups = [0.0] * 200 + [1.0] * 200, [str(row // 4) for row in range(400)]
    ends = effective_wilson(units_of(scores, groups), (0.0, 1.0), is_right_or_wrong=True)
    assert ends == pytest.approx(wilson(50, 100), abs=0.003)


def test_no_score_is_said_and_not_averaged() -> None:
    with pytest.raises(NoRowsError, match="no score"):
        score_of([], 5)


def test_a_group_for_each_score_is_asked_for() -> None:
    with pytest.raises(ValueError, match="2 groups, 3 scores"):
        mean_interval([0.1, 0.2, 0.3], ["a", "b"])


def test_many_units_are_resampled_in_blocks_and_few_at_once_with_the_right_spread() -> None:
    for num_units in (200, 30_000):
        columns = np.column_stack([np.arange(num_units) / num_units, np.ones(num_units)])
        drawn = resampled(columns, 0, 500)
        assert (drawn[:, 1] == num_units).all()
        means = drawn[:, 0] / num_units
        assert means.std() == pytest.approx(math.sqrt(1 / 12 / num_units), rel=0.12)
        assert np.array_equal(drawn, resampled(columns, 0, 500))
