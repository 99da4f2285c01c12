"""Which texts say the same: exact duplicates, near ones, and the clusters that they form.

MinHash proposes pairs, and the exact Jaccard similarity of their shingles decides: a pair that is reported is one. A
cluster is what such pairs connect, so that its ends may be less alike than the threshold. The same rows give the same
clusters in any order. Deliberately does not know rows (`compared` says what of them is text) nor what to do about them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tunewright.data.duplicates.minhash import Signatures
from tunewright.data.duplicates.shingles import Tell, TextSet, spellings

DEFAULT_THRESHOLD = 0.8


class Member(NamedTuple):
    """A row of a cluster: how similar it is to the representative, 0…1, and whether its text is exactly the same."""

    row: int
    similarity: float
    is_exact: bool


Cluster = tuple[Member, ...]
"""At least two rows, ascending; the first represents it."""


@dataclass(frozen=True)
class Clusters:
    """The duplicates among `num_rows` rows: clusters in the order of their first rows; no row is in two."""

    num_rows: int
    clusters: tuple[Cluster, ...]

    @property
    def num_duplicates(self) -> int:
        """Rows beside the first of each cluster."""
        return sum(len(cluster) - 1 for cluster in self.clusters)

    def ids(self) -> np.ndarray:
        """Return a number per row, int64 [num_rows]: the lowest row of its cluster, its own where it is in none."""
        ids = np.arange(self.num_rows, dtype=np.int64)
        for cluster in self.clusters:
            ids[[member.row for member in cluster]] = cluster[0].row
        return ids


Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Distinct texts, int64 [n] each, and their similarity, float64 [n]."""


def find_duplicates(
    texts: Iterable[str] | TextSet, threshold: float = DEFAULT_THRESHOLD, *, seed: int = 0, tell: Tell | None = None
) -> Clusters:
    """Return the clusters of texts that are exact or near duplicates.

    Args:
        texts: one text per row.
        threshold: Jaccard similarity from which two rows are duplicates, 0.5…1.
        seed: of the MinHash; another one may find another few of the pairs at the threshold.
        tell: is told how far it is.

    Raises:
        MissingExtraError: rensa is not installed.
        DataError: the threshold is out of range.
    """
    text_set = texts if isinstance(texts, TextSet) else TextSet(texts, tell)
    roots = np.arange(text_set.num_texts)

    def are_apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return roots[first] != roots[second]

    for first, second, _ in near_pairs(text_set, threshold, are_apart, seed=seed, tell=tell):
        _join(roots, first, second)
    return _clusters(text_set, roots[text_set.text_of_row])


def find_exact_duplicates(texts: Iterable[str] | TextSet) -> Clusters:
    """Return the clusters of texts that are equal character by character. Needs nothing beside numpy."""
    groups = texts.spelling_of_row if isinstance(texts, TextSet) else spellings(texts)
    members = [tuple(Member(row, 1.0, True) for row in rows.tolist()) for rows in _groups_of_several(groups)]
    return Clusters(len(groups), tuple(sorted(members)))


def cluster_ids(texts: Iterable[str], threshold: float = DEFAULT_THRESHOLD) -> np.ndarray:
    """Return a number per row, int64 [num_rows], equal for rows of one cluster; a row in none has its own.

    Raises:
        MissingExtraError, DataError: as `find_duplicates`.
    """
    return find_duplicates(texts, threshold).ids()


def near_pairs(
    texts: TextSet,
    threshold: float,
    wanted: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    seed: int = 0,
    tell: Tell | None = None,
) -> Iterator[Pairs]:
    """Yield pairs of distinct texts whose similarity is at least the threshold, batch by batch.

    Args:
        wanted: says which candidate pairs are still of interest, bool [n]; asked before each batch is verified, so that
            it may learn from the batches before. A pair that stays wanted may come again.

    Raises:
        MissingExtraError, DataError: as `find_duplicates`.
    """
    signatures = Signatures(texts, threshold, seed, tell)
    refuted = np.zeros(0, dtype=np.int64)
    for band in range(signatures.num_bands):
        refuted_now = [refuted]
        for first, second in signatures.pairs(band):
            number = first * texts.num_texts + second
            chosen = np.flatnonzero(wanted(first, second))
            chosen = chosen[~_contains(refuted, number[chosen])]
            chosen = chosen[signatures.are_likely(first[chosen], second[chosen])]
            similarity = texts.jaccard(first[chosen], second[chosen])
            is_near = similarity >= threshold
            refuted_now.append(number[chosen[~is_near]])
            near = chosen[is_near]
            if len(near):
                yield first[near], second[near], similarity[is_near]
        refuted = np.unique(np.concatenate(refuted_now))
        if tell:
            tell("comparing rows", (band + 1) / signatures.num_bands)


def _contains(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
    if not len(ordered):
        return np.zeros(len(values), dtype=bool)
    return ordered[np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)] == values


def _join(roots: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
    """Connect pairs in place: `roots[i]` is the lowest number that i is connected with."""
    while True:
        roots_of_first, roots_of_second = roots[first], roots[second]
        lower, higher = np.minimum(roots_of_first, roots_of_second), np.maximum(roots_of_first, roots_of_second)
        is_open = lower != higher
        if not is_open.any():
            return
        roots[higher[is_open]] = lower[is_open]
        while (further := roots[roots] != roots).any():
            roots[further] = roots[roots[further]]


def _groups_of_several(groups: np.ndarray) -> list[np.ndarray]:
    """Return the rows, ascending, of every group that has two or more."""
    order = np.argsort(groups, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    return [part for part in parts if len(part) > 1]


def _clusters(texts: TextSet, groups: np.ndarray) -> Clusters:
    several = _groups_of_several(groups)
    if not several:
        return Clusters(texts.num_rows, ())
    rows = np.concatenate(several)
    sizes = np.array([len(part) for part in several])
    representatives = np.repeat(np.array([part[0] for part in several]), sizes)
    text, of = texts.text_of_row[rows], texts.text_of_row[representatives]
    similarity = np.ones(len(rows))
    differ = text != of
    similarity[differ] = texts.jaccard(text[differ], of[differ])
    is_exact = texts.spelling_of_row[rows] == texts.spelling_of_row[representatives]
    members = list(map(Member, rows.tolist(), similarity.tolist(), is_exact.tolist()))
    ends = np.cumsum(sizes)
    clusters = (tuple(members[begin:end]) for begin, end in zip((ends - sizes).tolist(), ends.tolist(), strict=True))
    return Clusters(texts.num_rows, tuple(sorted(clusters)))
