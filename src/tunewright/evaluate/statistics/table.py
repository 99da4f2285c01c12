"""All statistics of one evaluation in one call: a score for each column and grader, and the comparisons that matter.

Each column is held against the one that it must beat (`against`, usually the base) and against the best of the others.
Does not know what the columns are; picks nothing for the user.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tunewright.evaluate.statistics.intervals import score_of
from tunewright.evaluate.statistics.paired import SMALLEST_THAT_MATTERS, as_array, compare_columns, holm
from tunewright.runs.evaluation import Comparison, Score

Columns = Sequence[tuple[str, Mapping[str, Sequence[float | None]]]]


class ScoreTable(NamedTuple):
    """Scores by column and grader, the comparisons with Holm's correction, and the seeds that both rest on."""

    scores: dict[str, dict[str, Score]]
    comparisons: list[Comparison]
    seeds: dict[str, int]


class _Pair(NamedTuple):
    column: str
    against: str
    num_candidates: int


def score_table(
    columns: Columns,
    groups: Sequence[str | None] | None = None,
    *,
    headline: str,
    against: str,
    seed: int = 0,
    smallest_that_matters: float = SMALLEST_THAT_MATTERS,
) -> ScoreTable:
    """Return the statistics of `columns`: (name, grader → one score for each row, None where there is none).

    A grader that scored no row of a column has no score there, and no comparison. The best other column is that with
    the highest mean of `headline` (the earlier one of equals); it was picked by the test set itself, so its p-values
    are multiplied by the number of columns that it was picked from. Of two columns that are each other's best other,
    the later is held against the earlier, once.
    """
    scores = {name: _scores(graders, groups, seed) for name, graders in columns}
    by_name = dict(columns)
    comparisons: list[Comparison] = []
    candidates: list[int] = []
    for pair in _pairs(scores, headline, against):
        left, right = by_name[pair.column], by_name[pair.against]
        for grader in left:
            if grader not in right or not _meet(left[grader], right[grader]):
                continue
            comparisons.append(
                compare_columns(
                    pair.column, pair.against, grader, left[grader], right[grader], groups=groups, seed=seed
                )
            )
            candidates.append(pair.num_candidates)
    corrected = holm(comparisons, smallest_that_matters=smallest_that_matters, num_candidates=candidates)
    return ScoreTable(scores, corrected, {"bootstrap": seed})


def _scores(
    graders: Mapping[str, Sequence[float | None]], groups: Sequence[str | None] | None, seed: int
) -> dict[str, Score]:
    found: dict[str, Score] = {}
    for grader, given in graders.items():
        values = as_array(given)
        rows = np.flatnonzero(np.isfinite(values)).tolist()
        if rows:
            kept = None if groups is None else [groups[row] for row in rows]
            found[grader] = score_of(values[rows].tolist(), len(values) - len(rows), kept, seed=seed)
    return found


def _pairs(scores: Mapping[str, Mapping[str, Score]], headline: str, against: str) -> list[_Pair]:
    names = [name for name in scores if name != against]
    pairs = [_Pair(name, against, 1) for name in names] if against in scores else []
    ranked = sorted((n for n in names if headline in scores[n]), key=lambda n: -scores[n][headline].mean)
    best_other = {name: next((other for other in ranked if other != name), None) for name in names}
    for place, name in enumerate(names):
        other = best_other[name]
        # Of two that are each other's best other, the earlier one waits for the later.
        if other is None or (best_other[other] == name and place < names.index(other)):
            continue
        pairs.append(_Pair(name, other, len(ranked) - (name in ranked)))
    return pairs


def _meet(a: Sequence[float | None], b: Sequence[float | None]) -> bool:
    return bool((np.isfinite(as_array(a)) & np.isfinite(as_array(b))).any())
