"""How well a mean score is known: its 95 % interval.

Right-or-wrong scores get Wilson's interval (1927), with the effective number of rows where rows come in groups. Other
scores get a bootstrap over rows or groups, widened as small samples need (Hesterberg 2015, "What teachers should know
about the bootstrap", §4.3) and, between 0 and 1, for the extremes that a sample may just not contain (Gaffke 2005);
of scores without bounds, too few that differ get the effective Wilson interval. Chosen by measured coverage:
`benchmarks/interval_coverage.py`. Does not know what was graded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from tunewright.errors import NoRowsError
from tunewright.evaluate.statistics.quantiles import normal_quantile, poisson_low, student_quantile
from tunewright.evaluate.statistics.units import Array, Units, resampled, reweighted, units_of
from tunewright.runs.evaluation import Score

Method = Literal["wilson", "bootstrap", "group_bootstrap"]

NUM_RESAMPLES = 2000
ENOUGH_UNITS = 20
"""Units that differ from the commonest value, from which on a bootstrap covers as it says."""
_PRIOR_UNITS = 3.0
# Up to this many rows from 0 or n, Wilson's end is too far in: without, coverage falls to 83.9 % at n·p = 0.18.
_NEAR = 10.0
_Z = normal_quantile(0.975)
# Two of these make 7 %: scores between 0 and 1 are covered at 93 % however they are spread.
_UNSEEN = 0.035


class Interval(NamedTuple):
    """A 95 % interval, and how it was come by."""

    low: float
    high: float
    method: Method


def wilson(num_right: float, num_rows: float, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion (1927); 0 right gives exactly 0, all right exactly 1.

    (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n). Neither number need be whole: an effective number of rows.

    Raises:
        ValueError: if `num_rows` is not above 0, or `num_right` not in 0 … `num_rows`.
    """
    if num_rows <= 0 or not 0 <= num_right <= num_rows:
        raise ValueError(f"0 ≤ right ≤ rows and 0 < rows must hold, got {num_right} of {num_rows}")
    return _wilson(num_right / num_rows, num_rows, normal_quantile((1 + level) / 2))


def proportion_interval(num_right: float, num_rows: float, z: float = _Z) -> tuple[float, float]:
    """Return Wilson's 95 % interval, with the Poisson end where one side has at most 10 rows.

    Brown, Cai & DasGupta (2001, "Interval estimation for a binomial proportion", §4.1.1) mend Wilson's end near 0 by
    λ / n with P(N ≥ x | λ) = 5 %, for up to 3 rows; up to 10, coverage is at least 93 % at every p for n ≥ 100, which
    a test shows without simulation. Neither number need be whole.
    """
    low, high = _wilson(num_right / num_rows, num_rows, z)
    num_wrong = num_rows - num_right
    if 0 < num_right <= _NEAR:
        low = min(low, poisson_low(num_right) / num_rows)
    if 0 < num_wrong <= _NEAR:
        high = max(high, 1 - poisson_low(num_wrong) / num_rows)
    return low, high


def mean_interval(
    scores: Sequence[float],
    groups: Sequence[str | None] | None = None,
    *,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> Interval:
    """Return the 95 % interval of the mean of `scores`, over rows, or over groups where any has several rows.

    Scores in 0 … 1 keep their interval in there. Of others no bound is known, and twice the furthest that was seen is
    taken for one where the bootstrap sees too little.

    Raises:
        NoRowsError: if there is no score.
    """
    if not len(scores):
        raise NoRowsError("there is no score to take the mean of", hint="see the failures of the grader")
    units = units_of(scores, groups)
    values = np.asarray(scores, dtype=np.float64)
    is_right_or_wrong = bool(np.isin(values, (0.0, 1.0)).all())
    if is_right_or_wrong and units.are_rows:
        return Interval(*proportion_interval(float(values.sum()), len(values)), "wilson")
    are_shares = bool((values >= 0).all() and (values <= 1).all())
    if is_right_or_wrong or (not are_shares and units.num_off_mode < ENOUGH_UNITS):
        bounds = (0.0, 1.0) if is_right_or_wrong else _range_of(values)
        return Interval(*effective_wilson(units, bounds, is_right_or_wrong), "wilson")
    ends = [bootstrap(units, seed, num_resamples)] if len(units.sums) > 1 else []
    ends += [room_for_unseen(units, seed, num_resamples)] if are_shares else []
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    return Interval(low, high, "bootstrap" if units.are_rows else "group_bootstrap")


def score_of(
    scores: Sequence[float], num_failed: int = 0, groups: Sequence[str | None] | None = None, *, seed: int = 0
) -> Score:
    """Return the mean of the rows that have a score, with its interval; `num_failed` is stated, not averaged in.

    Raises:
        NoRowsError: if there is no score.
    """
    interval = mean_interval(scores, groups, seed=seed)
    mean = units_of(scores, groups).mean
    return Score(
        mean=mean,
        low=min(interval.low, mean),
        high=max(interval.high, mean),
        method=interval.method,
        num_rows=len(scores),
        num_failed=num_failed,
    )


def bootstrap(units: Units, seed: int, num_resamples: int, level: float = 0.95) -> tuple[float, float]:
    """Return the expanded percentile interval of the mean (Hesterberg 2015, §4.3).

    The percentiles are those at which a normal interval would be as wide as Student's with the unbiased variance:
    without this, G units are covered as if they were about G − 3.
    """
    sums = resampled(np.column_stack([units.sums, units.sizes]), seed, num_resamples)
    num_units = len(units.sums)
    stretch = math.sqrt(num_units / (num_units - 1)) * student_quantile((1 + level) / 2, num_units - 1)
    tail = 0.5 * math.erfc(stretch / math.sqrt(2))
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [tail, 1 - tail])
    return float(low), float(high)


def room_for_unseen(units: Units, seed: int, num_resamples: int) -> tuple[float, float]:
    """Return how low and how high a mean of scores in 0 … 1 may be, extremes counted that no unit shows.

    No resample holds a 0 that the sample lacks: of scores near 1 with 2 % zeros, 13 % of samples of 100 have none, and
    a bootstrap covers 87 %. Gaffke's bound (2005, "Three test statistics for a nonparametric one-sided hypothesis on
    the mean of a nonnegative variable", Math. Methods of Statistics 14; Phan, Thomas & Learned-Miller 2021, "Towards
    practical mean bounds for small samples", ICML) adds one unit at 0 (at 1) and takes the 3.5 % (96.5 %) quantile
    over weights from the flat Dirichlet distribution. For right or wrong it is that of Clopper & Pearson (1934). Of n
    units all alike at m it is m · 0.035^(1/n), near m · (1 − 3.4 / n): were q of all units 0, none would be among n
    with probability (1 − q)ⁿ, which falls to 3.5 % there (with 5 %: the rule of three, Hanley & Lippman-Hand 1983,
    JAMA 249). No distribution is known for which it covers less than it says, and there is no proof. The unit added
    has the mean size of a row's group; what is known of groups that differ in size is from simulation.
    """
    size = float((units.sizes**2).sum() / units.sizes.sum())
    seen = np.column_stack([units.sums, units.sums, units.sizes])
    lows, highs, sizes = reweighted(np.vstack([seen, [0.0, size, size]]), seed, num_resamples).T
    low, high = np.quantile(lows / sizes, _UNSEEN), np.quantile(highs / sizes, 1 - _UNSEEN)
    return max(0.0, float(low)), min(1.0, float(high))


def effective_wilson(units: Units, bounds: tuple[float, float], is_right_or_wrong: bool) -> tuple[float, float]:
    """Return Wilson's interval with the number of independent right-or-wrong rows that would vary as these units do.

    That number is (Σ size)² / Σ size² / r, where r is the variance of the mean over what it would be if each unit were
    wholly right or wholly wrong (Kish 1965: the design effect). r is not estimable from units that are all alike, so it
    is drawn towards 1 with the weight of `_PRIOR_UNITS` units, against those that are off the nearer bound.
    """
    low, high = bounds
    mean = min(1.0, max(0.0, (units.mean - low) / (high - low)))
    shares = np.round((units.sums / units.sizes - low) / (high - low), 12)
    num_off = float((shares < 1).sum() if mean >= 0.5 else (shares > 0).sum())
    kish = float(units.sizes.sum() ** 2 / (units.sizes**2).sum())
    most = mean * (1 - mean) / kish
    ratio = (units.standard_error() / (high - low)) ** 2 / most if most > 0 else 1.0
    rows = kish * (num_off + _PRIOR_UNITS) / (num_off * ratio + _PRIOR_UNITS)
    if is_right_or_wrong:
        rows = min(rows, float(units.sizes.sum()))
    ends = proportion_interval(mean * rows, rows, student_quantile(0.975, max(1, len(units.sums) - 1)))
    return low + ends[0] * (high - low), low + ends[1] * (high - low)


def _wilson(share: float, num_rows: float, z: float) -> tuple[float, float]:
    centre = (share + z * z / (2 * num_rows)) / (1 + z * z / num_rows)
    half = z / (1 + z * z / num_rows) * math.sqrt(share * (1 - share) / num_rows + z * z / (4 * num_rows**2))
    # Rounding must not leave 1e-17 where the formula has 0 or 1.
    return (0.0 if share == 0 else max(0.0, centre - half)), (1.0 if share == 1 else min(1.0, centre + half))


def _range_of(values: Array) -> tuple[float, float]:
    return min(0.0, 2 * float(values.min())), max(1.0, 2 * float(values.max()))
