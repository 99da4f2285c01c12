"""All statistics of one evaluation in one call: a score for each column and grader, and the comparisons asked for.

Which columns are compared is settled before (`pairs`), so that no score decides what is tested. Does not know what the
columns are; picks nothing for the user.
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


def score_table(
    columns: Columns,
    groups: Sequence[str | None] | None = None,
    *,
    pairs: Sequence[tuple[str, str]],
    seed: int = 0,
    smallest_that_matters: float = SMALLEST_THAT_MATTERS,
) -> ScoreTable:
    """Return the statistics of `columns`: (name, grader → one score for each row, None where there is none).

    Each pair (column, against) is compared by every grader that has a score of both on some row; Holm's correction is
    over all comparisons of one grader. A grader that scored no row of a column has no score there.
    """
    by_name = dict(columns)
    comparisons = [
        compare_columns(name, against, grader, given, by_name[against][grader], groups=groups, seed=seed)
        for name, against in pairs
        for grader, given in by_name[name].items()
        if grader in by_name[against] and _meet(given, by_name[against][grader])
    ]
    return ScoreTable(
        {name: _scores(graders, groups, seed) for name, graders in columns},
        holm(comparisons, smallest_that_matters=smallest_that_matters),
        {"bootstrap": seed},
    )


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


def _meet(a: Sequence[float | None], b: Sequence[float | None]) -> bool:
    return bool((np.isfinite(as_array(a)) & np.isfinite(as_array(b))).any())
