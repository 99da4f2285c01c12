"""Quantiles of the normal, Student's and Poisson's distributions, to the last digits, without scipy.

Series and bisection: a quantile is asked for once for each number of rows, so speed is no concern. Does not know what
they are for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist

import numpy as np


def normal_quantile(probability: float) -> float:
    """Return the standard normal quantile."""
    return NormalDist().inv_cdf(probability)


@lru_cache(maxsize=256)
def student_quantile(probability: float, degrees: int) -> float:
    """Return the quantile of Student's t with `degrees` ≥ 1 degrees of freedom, by bisection of its distribution."""
    if probability < 0.5:
        return -student_quantile(1 - probability, degrees)
    return _root(lambda t: student_cdf(t, degrees) - probability)


@lru_cache(maxsize=256)
def poisson_low(count: float, tail: float = 0.05) -> float:
    """Return the rate at which `count` events or more have the probability `tail`; `count` > 0 need not be whole.

    P(N ≥ x | λ) is the regularised lower incomplete gamma function P(x, λ), here by its series (Abramowitz & Stegun
    6.5.29); for whole counts λ = χ²(2x, tail) / 2.
    """
    return _root(lambda rate: _gamma_share(count, rate) - tail)


def student_cdf(t: float, degrees: int) -> float:
    """Return P(T ≤ t) by the finite series of whole degrees of freedom (Abramowitz & Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan2(t, math.sqrt(degrees))
    cosine = math.cos(angle)
    is_odd = degrees % 2
    # Odd: cos + 2/3 cos³ + 2·4/(3·5) cos⁵ + …; even: 1 + 1/2 cos² + 1·3/(2·4) cos⁴ + …
    steps = np.arange(2 if is_odd else 1, degrees - 2, 2, dtype=np.float64) if degrees > 2 else np.empty(0)
    factors = np.cumprod(steps / (steps + 1) * cosine**2)
    series = math.sin(angle) * (cosine if is_odd else 1.0) * (1 + float(factors.sum()))
    between = series if not is_odd else 2 / math.pi * (angle + (series if degrees > 1 else 0.0))
    return (1 + between) / 2


def _gamma_share(shape: float, x: float) -> float:
    if x <= 0:
        return 0.0
    term = math.exp(shape * math.log(x) - x - math.lgamma(shape + 1))
    total, step = term, shape
    while term > 1e-17 * total:
        step += 1
        term *= x / step
        total += term
    return total


def _root(rising: Callable[[float], float]) -> float:
    """Return where a rising function crosses 0, on the positive side."""
    low, high = 0.0, 1.0
    while rising(high) < 0:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2
