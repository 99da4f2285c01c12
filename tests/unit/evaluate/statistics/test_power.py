"""What is called detectable is found 8 times out of 10, and the number of rows is its inverse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.evaluate.statistics.paired import compare_columns, mcnemar_p
from tunewright.evaluate.statistics.power import detectable_difference, rows_needed


def signs(num_better: int, num_worse: int, num_rows: int) -> list[float]:
    """Return differences of right-or-wrong rows."""
    return [1.0] * num_better + [-1.0] * num_worse + [0.0] * (num_rows - num_better - num_worse)


@pytest.mark.parametrize(("num_rows", "discordant"), [(100, 0), (100, 20), (400, 8), (400, 80), (400, 200)])
def test_mcnemar_finds_the_detectable_difference_8_times_out_of_10(num_rows: int, discordant: int) -> None:
    detectable = detectable_difference(signs(discordant // 2, discordant // 2, num_rows))
    assert detectable is not None
    rng, share = np.random.default_rng(0), max(discordant / num_rows, detectable)
    counts = rng.multinomial(num_rows, [(share + detectable) / 2, (share - detectable) / 2, 1 - share], 1500)
    power = np.mean([mcnemar_p(int(b), int(w)) < 0.05 for b, w, _ in counts])
    assert 0.78 <= power <= 0.94


@pytest.mark.parametrize("size", [1, 4])
def test_the_bootstrap_finds_the_detectable_difference_8_times_out_of_10(size: int) -> None:
    rng = np.random.default_rng(0)
    groups = [str(row // size) for row in range(60 * size)]

    def found(shift: float) -> list[tuple[bool, float]]:
        draws = (np.repeat(rng.normal(shift, 0.2, 60), size) + rng.normal(0, 0.2, 60 * size) for _ in range(400))
        zeros = [0.0] * 60 * size
        each = [compare_columns("a", "b", "g", d.tolist(), zeros, groups=groups, seed=n) for n, d in enumerate(draws)]
        return [(one.p_value < 0.05, one.detectable or math.nan) for one in each]

    detectable = float(np.mean([d for _, d in found(0.0)]))
    assert np.mean([is_found for is_found, _ in found(detectable)]) == pytest.approx(0.8, abs=0.06)


def test_many_varied_rows_follow_the_formula() -> None:
    d = np.random.default_rng(0).normal(0, 0.3, 400)
    assert detectable_difference(d) == pytest.approx((1.959964 + 0.841621) * d.std(ddof=1) / 20, rel=1e-6)


def test_rephrasings_detect_no_more_than_their_groups() -> None:
    d = np.random.default_rng(0).normal(0, 0.3, 100)
    groups = [str(row // 5) for row in range(500)]
    assert detectable_difference(np.repeat(d, 5), groups) == pytest.approx(detectable_difference(d))


def test_rows_that_all_agree_do_not_detect_everything() -> None:
    assert detectable_difference([0.0] * 100) == pytest.approx((2.8015852**2 + 1) / 100)


def test_no_evidence_detects_nothing() -> None:
    assert detectable_difference([]) is None
    assert detectable_difference([0.3]) is None
    assert detectable_difference([0.1, -0.2, 0.3], ["a", "a", "a"]) is None
    assert detectable_difference([1.0, -1.0, 1.0, 0.0]) is None
    assert rows_needed(0.1, [0.3]) is None


@settings(deadline=None)
@given(st.integers(30, 400), st.integers(1, 5), st.integers(0, 1000))
def test_rows_needed_for_what_is_detectable_are_those_that_there_are(num_rows: int, size: int, seed: int) -> None:
    d = np.random.default_rng(seed).normal(0, 0.1, num_rows * size)
    groups = [str(row // size) for row in range(len(d))]
    detectable = detectable_difference(d, groups)
    assert detectable is not None
    assert rows_needed(detectable, d, groups) == len(d)


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_rows_needed_inverts_also_for_right_or_wrong(better: int, worse: int) -> None:
    d = signs(better, worse, 200)
    detectable = detectable_difference(d)
    assert detectable is not None
    assert rows_needed(detectable, d) == 200


def test_half_the_difference_takes_about_four_times_the_rows() -> None:
    d = np.random.default_rng(0).normal(0, 0.4, 200)
    assert (rows_needed(0.02, d) or 0) / (rows_needed(0.04, d) or 1) == pytest.approx(4, rel=0.01)


def test_a_difference_of_nothing_cannot_be_shown() -> None:
    with pytest.raises(ValueError, match="above 0"):
        rows_needed(0.0, [0.1, 0.2])
