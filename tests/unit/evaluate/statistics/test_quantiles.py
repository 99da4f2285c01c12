"""The distributions' quantiles against printed tables and against sums and integrals that share no code with them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tunewright.evaluate.statistics.quantiles import normal_quantile, poisson_low, student_cdf, student_quantile

# Abramowitz & Stegun, table 26.10.
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 10: 2.228, 29: 2.045, 30: 2.042, 120: 1.980}


def test_the_normal_quantile_is_the_inverse_of_the_error_function() -> None:
    for probability in (0.001, 0.025, 0.5, 0.8, 0.975):
        back = (1 + math.erf(normal_quantile(probability) / math.sqrt(2))) / 2
        assert back == pytest.approx(probability, abs=1e-12)


@pytest.mark.parametrize(("degrees", "printed"), STUDENT.items())
def test_students_quantiles_are_the_printed_ones(degrees: int, printed: float) -> None:
    assert student_quantile(0.975, degrees) == pytest.approx(printed, abs=6e-4)
    assert student_quantile(0.025, degrees) == -student_quantile(0.975, degrees)


@pytest.mark.parametrize("degrees", [1, 2, 3, 6, 7, 40])
def test_students_distribution_is_the_integral_of_its_density(degrees: int) -> None:
    t = np.linspace(0, 1.7, 20_001)
    log_scale = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(degrees * math.pi) / 2
    density = math.exp(log_scale) * (1 + t**2 / degrees) ** (-(degrees + 1) / 2)
    integral = float(((density[1:] + density[:-1]) / 2).sum() * (t[1] - t[0]))
    assert student_cdf(1.7, degrees) == pytest.approx(0.5 + integral, abs=1e-8)


def test_students_quantile_nears_the_normal_one_as_rows_grow() -> None:
    assert student_quantile(0.975, 50_000) == pytest.approx(normal_quantile(0.975), abs=1e-4)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10])
def test_at_the_poisson_end_that_many_events_have_the_stated_probability(count: int) -> None:
    rate = poisson_low(count)
    fewer = sum(math.exp(-rate) * rate**k / math.factorial(k) for k in range(count))
    assert 1 - fewer == pytest.approx(0.05, abs=1e-10)


def test_the_poisson_end_of_a_number_that_is_not_whole_solves_the_gamma_integral() -> None:
    rate = poisson_low(2.5)
    x = np.linspace(0, rate, 200_001)
    density = x**1.5 * np.exp(-x) / math.gamma(2.5)
    assert float(((density[1:] + density[:-1]) / 2).sum() * x[1]) == pytest.approx(0.05, abs=1e-7)
