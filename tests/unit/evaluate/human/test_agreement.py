"""Agreement has the values that were published for it, and none where chance alone explains everything."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.evaluate.human.agreement import cohen_kappa, krippendorff_alpha

WORDS = st.sampled_from(["a", "b", "tie"])

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve units, "." missing.
FOUR_OBSERVERS = ("123321412...", "1233224125.3", ".33323422 51.".replace(" ", ""), "12332441251.")


def test_kappa_of_a_table_is_agreement_beyond_chance() -> None:
    # The usual example of two readers of 50 grant proposals: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no.
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert cohen_kappa(pairs) == pytest.approx(0.4)


@pytest.mark.parametrize(("counts", "kappa"), [((45, 15, 25, 15), 0.1304), ((25, 35, 5, 35), 0.2593)])
def test_kappa_tells_tables_of_equal_agreement_apart(counts: tuple[int, int, int, int], kappa: float) -> None:
    cells = [("y", "y"), ("y", "n"), ("n", "y"), ("n", "n")]
    pairs = [cell for cell, count in zip(cells, counts, strict=True) for _ in range(count)]
    assert cohen_kappa(pairs) == pytest.approx(kappa, abs=5e-5)


def test_kappa_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = random.Random(0)
    first = [rng.choice(["a", "b", "tie"]) for _ in range(200)]
    second = [word if rng.random() < 0.6 else rng.choice(["a", "b", "tie"]) for word in first]
    assert cohen_kappa(list(zip(first, second, strict=True))) == pytest.approx(metrics.cohen_kappa_score(first, second))


def test_alpha_of_two_observers_and_two_values_is_the_published_one() -> None:
    units = list(zip("0100000010", "1110010000", strict=True))
    assert krippendorff_alpha(units) == pytest.approx(0.095, abs=5e-4)


def test_alpha_of_two_observers_and_five_values_is_the_published_one() -> None:
    units = list(zip("aabbdcccedda", "babbbcccedddd"[:12], strict=True))
    assert krippendorff_alpha(units) == pytest.approx(0.692, abs=5e-4)


def test_alpha_of_four_observers_with_gaps_is_the_published_one() -> None:
    units = [[value for value in unit if value != "."] for unit in zip(*FOUR_OBSERVERS, strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)


@given(st.lists(WORDS, min_size=2).filter(lambda words: len(set(words)) > 1))
def test_raters_who_always_agree_agree_perfectly(words: list[str]) -> None:
    assert cohen_kappa([(word, word) for word in words]) == 1
    assert krippendorff_alpha([[word] * 3 for word in words]) == pytest.approx(1)


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1))
def test_the_order_of_raters_does_not_matter(pairs: list[tuple[str, str]]) -> None:
    swapped = [(second, first) for first, second in pairs]
    assert cohen_kappa(pairs) == cohen_kappa(swapped)
    assert krippendorff_alpha(pairs) == krippendorff_alpha(swapped)


@pytest.mark.parametrize("pairs", [[], [("a", "a")] * 5])
def test_without_two_different_values_agreement_cannot_be_told(pairs: list[tuple[str, str]]) -> None:
    assert cohen_kappa(pairs) is None
    assert krippendorff_alpha(pairs) is None
