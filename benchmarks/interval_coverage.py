"""Does a 95 % interval hold the truth 95 times out of 100? By distribution of scores, number of rows, and method.

    OMP_NUM_THREADS=1 python benchmarks/interval_coverage.py

Draws test sets from distributions whose mean is known and counts how often each method's interval holds it: Wilson's as
published, the plain percentile bootstrap, BCa (Efron 1987), the expanded percentile bootstrap, and what
`evaluate/statistics` chooses. Then the paired tests: how often they find a difference where there is none, and where
there is the one they call detectable. Prints tables and writes `benchmarks/results/interval_coverage.json`.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewright.evaluate.statistics.intervals import bootstrap, mean_interval, proportion_interval, wilson
from tunewright.evaluate.statistics.paired import compare_columns
from tunewright.evaluate.statistics.units import Units, resampled, units_of

RESULTS = Path(__file__).parent / "results" / "interval_coverage.json"
NUM_RESAMPLES = 1000
SHARES = (0.005, 0.02, 0.1, 0.5, 0.9, 0.98, 0.995)

Scores = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], tuple[Scores, list[str] | None]]
Ends = tuple[float, float]


def right_or_wrong(p: float) -> Draw:
    """Return independent right-or-wrong scores."""
    return lambda rng, n: ((rng.random(n) < p).astype(float), None)


def grouped(p: float, size: int, correlation: float) -> Draw:
    """Return right-or-wrong scores in groups of `size`: beta-binomial, so that rows correlate within a group.

    Size 0 stands for sizes from 1 to 9, by chance.
    """

    def draw(rng: np.random.Generator, n: int) -> tuple[Scores, list[str]]:
        sizes = np.full(n // size, size) if size else rng.integers(1, 10, n // 5)
        of_group = (rng.random(len(sizes)) < p).astype(float)
        if correlation < 1:
            spread = (1 - correlation) / correlation
            of_group = rng.beta(p * spread, (1 - p) * spread, len(sizes))
        scores = (rng.random(sizes.sum()) < np.repeat(of_group, sizes)).astype(float)
        return scores, [str(number) for number in np.repeat(np.arange(len(sizes)), sizes)]

    return draw


def mixture(shares: Sequence[float], parts: Sequence[tuple[float, float]]) -> Draw:
    """Return scores that are 1 or 0 with the first two shares, else from a beta distribution of `parts`."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Scores, None]:
        kind = rng.choice(len(shares), n, p=shares)
        scores = (kind == 0).astype(float)
        for number, (a, b) in enumerate(parts, start=2):
            scores[kind == number] = rng.beta(a, b, int((kind == number).sum()))
        return scores, None

    return draw


def mixture_mean(shares: Sequence[float], parts: Sequence[tuple[float, float]]) -> float:
    """Return the mean of that mixture."""
    return shares[0] + sum(s * a / (a + b) for s, (a, b) in zip(shares[2:], parts, strict=True))


MIXTURES: dict[str, tuple[list[float], list[tuple[float, float]]]] = {
    "token F1, half right": ([0.5, 0.2, 0.3], [(2, 2)]),
    "token F1, mostly right": ([0.9, 0.02, 0.08], [(4, 2)]),
    "token F1, nearly all right": ([0.975, 0.005, 0.02], [(8, 2)]),
    "token F1, nearly all wrong": ([0.005, 0.975, 0.02], [(2, 8)]),
    "near misses, a rare zero": ([0.6, 0.005, 0.395], [(18, 2)]),
    "edit similarity": ([0.0, 0.0, 1.0], [(5, 3)]),
    "skewed to 0": ([0.0, 0.0, 1.0], [(0.5, 5)]),
    "mostly right, 2 % zeros": ([0.7, 0.02, 0.28], [(30, 2)]),
    "near 1, 0.5 % zeros": ([0.0, 0.005, 0.995], [(300, 2)]),
    "near 1, 2 % zeros": ([0.0, 0.02, 0.98], [(300, 2)]),
    "high, 1 % zeros": ([0.0, 0.01, 0.99], [(30, 2)]),
    "high, 3 % zeros": ([0.0, 0.03, 0.97], [(30, 2)]),
    "high, 10 % zeros": ([0.0, 0.1, 0.9], [(30, 2)]),
    "near 0, 2 % ones": ([0.02, 0.0, 0.98], [(2, 300)]),
    "near 0, skewed": ([0.0, 0.0, 1.0], [(0.1, 10)]),
    "both ends, hardly between": ([0.0, 0.0, 1.0], [(0.2, 0.2)]),
}

FEW_VALUES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "0.97 or 0.95, 2 % zeros": ((0.97, 0.95, 0.0), (0.9, 0.08, 0.02)),
    "always 0.6, 2 % zeros": ((0.6, 0.0), (0.98, 0.02)),
    "always 0.6": ((0.6,), (1.0,)),
}


def few_values(values: tuple[float, ...], shares: tuple[float, ...]) -> Draw:
    """Return scores that have one of a few values."""
    return lambda rng, n: (np.asarray(values)[rng.choice(len(values), n, p=shares)], None)


def failing_groups(zeros: float) -> Draw:
    """Return partly right scores in groups of 1 to 9 rows, of which that share is 0 throughout."""

    def draw(rng: np.random.Generator, n: int) -> tuple[Scores, list[str]]:
        sizes = rng.integers(1, 10, n // 5)
        fails = np.repeat(rng.random(len(sizes)) < zeros, sizes)
        scores = np.where(fails, 0.0, rng.beta(30, 2, len(fails)))
        return scores, [str(number) for number in np.repeat(np.arange(len(sizes)), sizes)]

    return draw


def bca(units: Units, seed: int) -> Ends:
    """Return the bias-corrected and accelerated interval (Efron 1987), with the jackknife's acceleration."""
    sums = resampled(np.column_stack([units.sums, units.sizes]), seed, NUM_RESAMPLES)
    means = np.sort(sums[:, 0] / sums[:, 1])
    normal = NormalDist()
    below = ((means < units.mean).sum() + (means <= units.mean).sum()) / 2
    bias = normal.inv_cdf(min(max(below, 0.5), NUM_RESAMPLES - 0.5) / NUM_RESAMPLES)
    left_out = (units.sums.sum() - units.sums) / (units.sizes.sum() - units.sizes)
    from_mean = left_out.mean() - left_out
    scale = float((from_mean**2).sum()) ** 1.5
    speed = float((from_mean**3).sum()) / (6 * scale) if scale else 0.0
    corrected = (
        normal.cdf(bias + (bias + z) / (1 - speed * (bias + z))) for z in (normal.inv_cdf(0.025), normal.inv_cdf(0.975))
    )
    low, high = np.quantile(means, list(corrected))
    return float(low), float(high)


def percentile(units: Units, seed: int) -> Ends:
    """Return the plain percentile interval."""
    sums = resampled(np.column_stack([units.sums, units.sizes]), seed, NUM_RESAMPLES)
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975])
    return float(low), float(high)


def coverage(draw: Draw, truth: float, num_rows: int, num_sets: int) -> dict[str, Any]:
    """Return the share of `num_sets` test sets whose interval holds `truth`, for each method, and the mean width."""
    rng = np.random.default_rng(0)
    held: dict[str, list[bool]] = {}
    widths: dict[str, list[float]] = {}
    for _ in range(num_sets):
        scores, groups = draw(rng, num_rows)
        units = units_of(scores, groups)
        ends: dict[str, Ends] = {
            "percentile": percentile(units, 0),
            "bca": bca(units, 0),
            "expanded": bootstrap(units, 0, NUM_RESAMPLES),
            "chosen": mean_interval(scores.tolist(), groups, num_resamples=NUM_RESAMPLES)[:2],
        }
        if np.isin(scores, (0, 1)).all():
            ends["wilson"] = wilson(float(scores.sum()), len(scores))
        for method, (low, high) in ends.items():
            held.setdefault(method, []).append(low - 1e-12 <= truth <= high + 1e-12)
            widths.setdefault(method, []).append(high - low)
    return {
        **{method: round(float(np.mean(found)), 4) for method, found in held.items()},
        "width": {method: round(float(np.mean(found)), 4) for method, found in widths.items()},
    }


def exact_coverage(interval: Callable[[int, int], Ends], num_rows: int) -> tuple[float, float]:
    """Return the lowest coverage over the shares from 0.01 / n to 0.5, and that share, by summing binomials."""
    right = np.arange(num_rows + 1)
    ways = [math.lgamma(num_rows + 1) - math.lgamma(k + 1) - math.lgamma(num_rows - k + 1) for k in right]
    low, high = np.asarray([interval(int(k), num_rows) for k in right]).T
    shares = np.concatenate([np.linspace(0.01, 12, 1200) / num_rows, np.linspace(12 / num_rows, 0.5, 1200)])
    held = [
        float(np.exp(ways + right * math.log(p) + (num_rows - right) * math.log1p(-p))[(low <= p) & (p <= high)].sum())
        for p in shares
    ]
    return round(min(held), 4), round(float(shares[int(np.argmin(held))]), 5)


def paired_sets(kind: str, shift: float) -> Callable[[np.random.Generator], tuple[list[float], list[float], Any]]:
    """Return a source of two columns that differ by `shift` on average: 100 or 120 rows, the latter in 40 groups."""

    def continuous(rng: np.random.Generator) -> tuple[list[float], list[float], None]:
        base = rng.normal(0.5, 0.2, 100)
        return (base + rng.normal(shift, 0.25, 100)).tolist(), base.tolist(), None

    def skewed(rng: np.random.Generator) -> tuple[list[float], list[float], None]:
        return (rng.exponential(0.2, 100) - 0.2 + shift).tolist(), [0.0] * 100, None

    def rows(rng: np.random.Generator) -> tuple[list[float], list[float], None]:
        better = rng.random(100)
        agree = (rng.random(100) < 0.6).astype(float)
        left = np.where(better < 0.1 + shift / 2, 1.0, np.where(better > 0.9 + shift / 2, 0.0, agree))
        right = np.where(better < 0.1 + shift / 2, 0.0, np.where(better > 0.9 + shift / 2, 1.0, agree))
        return left.tolist(), right.tolist(), None

    def groups(rng: np.random.Generator) -> tuple[list[float], list[float], list[str]]:
        # Nothing reaches 0 or 1: otherwise the true difference would be smaller than the shift.
        of_group = np.repeat(rng.uniform(0.3, 0.6, 40), 3)
        moved = np.repeat(rng.uniform(-0.2, 0.2, 40), 3) + shift
        left = (rng.random(120) < of_group + moved).astype(float)
        right = (rng.random(120) < of_group).astype(float)
        return left.tolist(), right.tolist(), [str(number) for number in np.repeat(np.arange(40), 3)]

    def rare_loss(rng: np.random.Generator) -> tuple[list[float], list[float], None]:
        lost = rng.random(100) < 0.01
        return np.where(lost, 0.0, 0.8 / 0.99 + shift + rng.normal(0, 0.02, 100)).tolist(), [0.8] * 100, None

    sources = {"continuous": continuous, "skewed": skewed, "right or wrong": rows, "in groups": groups}
    return {**sources, "a rare loss": rare_loss}[kind]


def found_share(kind: str, shift: float, num_sets: int) -> tuple[float, float]:
    """Return how often p < 0.05, and the mean of what the sets call detectable."""
    rng = np.random.default_rng(1)
    draw = paired_sets(kind, shift)
    found: list[bool] = []
    detectable: list[float] = []
    for number in range(num_sets):
        left, right, groups = draw(rng)
        comparison = compare_columns("a", "b", "score", left, right, groups=groups, seed=number % 4)
        found.append(comparison.p_value < 0.05)
        detectable.append(comparison.detectable or 1.0)
    return round(float(np.mean(found)), 4), round(float(np.mean(detectable)), 4)


def main() -> None:
    """Simulate, print and write."""
    parser = argparse.ArgumentParser(description="Does a 95 % interval hold the truth 95 times out of 100?")
    parser.add_argument("--sets", type=int, default=800, help="test sets for each line")
    num_sets = parser.parse_args().sets
    started = time.perf_counter()
    exact = [_exact(num_rows) for num_rows in (100, 107, 120, 200, 500, 1000)]
    rows = [_line(case, num_sets) for case in _cases()]
    tests = [
        _test(kind, 3 * num_sets) for kind in ("right or wrong", "continuous", "skewed", "in groups", "a rare loss")
    ]
    record = {
        "sets": num_sets,
        "resamples": NUM_RESAMPLES,
        "seconds": round(time.perf_counter() - started, 1),
        "lowest_chosen": min(row["chosen"] for row in rows),
        "exact_lowest": exact,
        "coverage": rows,
        "paired": tests,
    }
    RESULTS.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8", newline="")


def _cases() -> list[tuple[str, Draw, float, int]]:
    cases: list[tuple[str, Draw, float, int]] = []
    for num_rows in (100, 400):
        cases += [(f"rows, p {p}", right_or_wrong(p), p, num_rows) for p in SHARES]
        for size, correlation in ((4, 0.5), (4, 1.0), (0, 0.1), (0, 0.5)):
            name = f"groups of {size or '1-9'}, rho {correlation}"
            cases += [(f"{name}, p {p}", grouped(p, size, correlation), p, num_rows) for p in SHARES]
    for num_rows in (100, 200, 500):
        cases += [(name, mixture(*each), mixture_mean(*each), num_rows) for name, each in MIXTURES.items()]
        cases += [(name, few_values(*each), float(np.dot(*each)), num_rows) for name, each in FEW_VALUES.items()]
        cases += [
            (f"groups of 1-9, {zeros} fail", failing_groups(zeros), (1 - zeros) * 30 / 32, num_rows)
            for zeros in (0.01, 0.05, 0.1)
        ]
    return cases


def _exact(num_rows: int) -> dict[str, Any]:
    plain, where = exact_coverage(wilson, num_rows)
    mended, mended_where = exact_coverage(proportion_interval, num_rows)
    print(f"n {num_rows:5}: lowest coverage of Wilson {plain} (p {where}), chosen {mended} (p {mended_where})")
    return {"rows": num_rows, "wilson": plain, "wilson_at": where, "chosen": mended, "chosen_at": mended_where}


def _line(case: tuple[str, Draw, float, int], num_sets: int) -> dict[str, Any]:
    name, draw, truth, num_rows = case
    found = coverage(draw, truth, num_rows, num_sets)
    shown = "  ".join(f"{method} {found[method]:.3f}" for method in found if method != "width")
    print(f"{name:32} n {num_rows:4}  {shown}", flush=True)
    return {"case": name, "rows": num_rows, **found}


def _test(kind: str, num_sets: int) -> dict[str, Any]:
    wrongly, detectable = found_share(kind, 0.0, num_sets)
    rightly, _ = found_share(kind, detectable, num_sets)
    print(f"{kind:20} finds nothing {wrongly:.3f}, finds {detectable:.3f} {rightly:.3f}", flush=True)
    return {"case": kind, "type_1": wrongly, "detectable": detectable, "power": rightly}


if __name__ == "__main__":
    main()
