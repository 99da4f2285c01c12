"""Which held-out rows a model has seen in training: exactly, nearly, or with the same question.

A score on such rows measures memory. Each leaking row is named with the training row that is most like it. Deliberately
does not know how duplicates are found (`duplicates`), nor what is done about them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tunewright.data.checking.fingerprints import Place
from tunewright.data.duplicates.clusters import DEFAULT_THRESHOLD, near_pairs
from tunewright.data.duplicates.compared import By, compared, without_system
from tunewright.data.duplicates.shingles import Tell, TextSet
from tunewright.data.read import OpenSource


class Leak(NamedTuple):
    """A held-out row, the training row that is most like it, their similarity 0…1, and whether the texts are equal."""

    test_row: int
    train_row: int
    similarity: float
    is_exact: bool


class PlacedLeak(NamedTuple):
    """The same, by the places where the rows stand, and the beginning of what was compared, normalised."""

    test: Place
    train: Place
    similarity: float
    is_exact: bool
    excerpt: str


@dataclass(frozen=True, slots=True)
class LeakageReport:
    """What was compared, and what leaks in the order of the held-out rows; `num_unusable` rows were not compared."""

    num_train: int
    num_test: int
    num_unusable: int
    leaks: tuple[PlacedLeak, ...]


def find_leakage(
    train_texts: Iterable[str],
    test_texts: Iterable[str],
    threshold: float | None = DEFAULT_THRESHOLD,
    *,
    seed: int = 0,
    tell: Tell | None = None,
) -> tuple[Leak, ...]:
    """Return the held-out rows that are duplicates of training rows, in their order.

    Of several training rows the most similar one is named; of equally similar ones that which is equal character by
    character, then the first.

    Args:
        threshold: Jaccard similarity from which a row leaks, 0.5…1; None: only rows that are exactly equal.

    Raises:
        MissingExtraError: near duplicates are wanted and rensa is not installed.
        DataError: the threshold is out of range.
    """
    texts, num_train = _both(train_texts, test_texts, tell)
    return _leaks(texts, num_train, threshold, seed, tell)


def leakage_between(
    train: Sequence[OpenSource],
    test: Sequence[OpenSource],
    threshold: float | None = DEFAULT_THRESHOLD,
    by: By = "row",
    tell: Tell | None = None,
) -> LeakageReport:
    """Return which rows of the sources `test` leak from the sources `train`.

    Args:
        by: compare whole rows, or only what is asked (another answer to a known question leaks too).

    Raises:
        MissingExtraError, DataError: as `find_leakage`.
    """
    places: list[Place] = []
    num_unusable = 0

    def read(sources: Sequence[OpenSource]) -> Iterator[str]:
        nonlocal num_unusable
        for source in sources:
            for entry in source:
                if entry.row is None:
                    num_unusable += 1
                    continue
                places.append(Place(source.path, entry.line))
                yield compared(entry.row, by)

    texts, num_train = _both(read(train), read(test), tell)
    leaks = _leaks(texts, num_train, threshold, 0, tell)
    return LeakageReport(
        num_train,
        texts.num_rows - num_train,
        num_unusable,
        tuple(
            PlacedLeak(
                places[num_train + leak.test_row],
                places[leak.train_row],
                leak.similarity,
                leak.is_exact,
                without_system(texts.normal(int(texts.text_of_row[num_train + leak.test_row]))),
            )
            for leak in leaks
        ),
    )


def _both(train: Iterable[str], test: Iterable[str], tell: Tell | None) -> tuple[TextSet, int]:
    num_train = 0

    def chained() -> Iterator[str]:
        nonlocal num_train
        for text in train:
            num_train += 1
            yield text
        yield from test

    texts = TextSet(chained(), tell)
    return texts, num_train


def _leaks(texts: TextSet, num_train: int, threshold: float | None, seed: int, tell: Tell | None) -> tuple[Leak, ...]:
    train_spelling = _first_row(texts.spelling_of_row[:num_train], texts.num_rows)
    best_row, best = _equal(texts, num_train)
    if threshold is not None:
        _add_near(texts, num_train, threshold, (best_row, best), seed=seed, tell=tell)
    leaks: list[Leak] = []
    for row in range(texts.num_rows - num_train):
        text, spelling = texts.text_of_row[num_train + row], texts.spelling_of_row[num_train + row]
        if train_spelling[spelling] < texts.num_rows:
            leaks.append(Leak(row, int(train_spelling[spelling]), 1.0, True))
        elif threshold is not None and best[text] > 0:
            leaks.append(Leak(row, int(best_row[text]), float(best[text]), False))
    return tuple(leaks)


def _first_row(numbers: np.ndarray, size: int) -> np.ndarray:
    """Return the first row that has each number, int64 [size]; `size` where none has."""
    first = np.full(size, size, dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return first


def _equal(texts: TextSet, num_train: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each distinct text the first training row that has it, and 1 where there is one, 0 elsewhere."""
    row = _first_row(texts.text_of_row[:num_train], texts.num_rows)[: texts.num_texts]
    return row.copy(), (row < texts.num_rows).astype(float)


def _add_near(
    texts: TextSet,
    num_train: int,
    threshold: float,
    best: tuple[np.ndarray, np.ndarray],
    *,
    seed: int,
    tell: Tell | None,
) -> None:
    """Write into `best`, a training row and a similarity for each distinct text, what MinHash finds."""
    best_row, best_similarity = best
    train_row = best_row.copy()
    is_train = best_similarity > 0
    is_test = np.zeros(texts.num_texts, dtype=bool)
    is_test[texts.text_of_row[num_train:]] = True
    # A text that stands in both is as similar as can be already.
    is_test &= ~is_train

    def crosses(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return (is_train[first] & is_test[second]) | (is_test[first] & is_train[second])

    for first, second, similarity in near_pairs(texts, threshold, crosses, seed=seed, tell=tell):
        test, train = np.where(is_test[first], first, second), np.where(is_test[first], second, first)
        # Of one text's pairs the best comes last, and the last assignment is the one that stays.
        order = np.lexsort((-train_row[train], similarity))
        test, rows, similarity = test[order], train_row[train[order]], similarity[order]
        is_better = (similarity > best_similarity[test]) | (
            (similarity == best_similarity[test]) & (rows < best_row[test])
        )
        best_row[test[is_better]], best_similarity[test[is_better]] = rows[is_better], similarity[is_better]
