"""The headline score told apart: by label, length and script, by every field that the test set names, by group.

Each figure comes with its rows and interval, because a slice is small. The interval arrives as a callable. Does not
know how rows come by their slices, nor which of them matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunewright.runs.evaluation import Column, Evaluation, Score

ScoreOf = Callable[[Sequence[float], int, Sequence[str | None]], Score]
"""Scores, number of answers without one, and the group of each score → mean with its interval."""

OTHERS = "all others"
GROUP = "group"
_MAX_VALUES = 13
_MAX_GROUPS = 50


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One value of a field: how many rows have it, and each column's score on them (None: none was judged)."""

    value: str
    num_rows: int
    scores: tuple[Score | None, ...]


@dataclass(frozen=True, slots=True)
class SliceTable:
    """One field: its values, those with most rows first; the last of many is all others together."""

    field: str
    columns: tuple[str, ...]
    rows: tuple[SliceRow, ...]


def slice_tables(evaluation: Evaluation, score_of: ScoreOf) -> list[SliceTable]:
    """Return one table for each field that has at least two values among the rows."""
    fields = [row.slices for row in evaluation.test.rows]
    names = sorted({name for row in fields for name in row})
    tables = [_table(evaluation, name, [row.get(name) for row in fields], score_of) for name in names]
    if GROUP not in names:
        tables += _group_tables(evaluation, score_of)
    return [table for table in tables if len(table.rows) > 1]


def _group_tables(evaluation: Evaluation, score_of: ScoreOf) -> list[SliceTable]:
    """Return the table of groups, unless each row is a group of its own, which is the list of rows."""
    groups = [row.group for row in evaluation.test.rows]
    known = [group for group in groups if group is not None]
    if len(set(known)) == len(known):
        return []
    return [_table(evaluation, GROUP, groups, score_of, most=_MAX_GROUPS)]


def _table(
    evaluation: Evaluation, name: str, values: Sequence[str | None], score_of: ScoreOf, *, most: int = _MAX_VALUES
) -> SliceTable:
    counts = Counter(value for value in values if value is not None)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    kept = ordered if len(ordered) <= most else ordered[: most - 1]
    members = {value: [n for n, own in enumerate(values) if own == value] for value in kept}
    rest = set(ordered) - set(kept)
    if rest:
        members[OTHERS] = [n for n, own in enumerate(values) if own in rest]
    columns = [column for column in evaluation.columns if len(column.answers) == len(evaluation.test.rows)]
    groups = [row.group for row in evaluation.test.rows]
    rows: list[SliceRow] = []
    for value, numbers in members.items():
        # Within one group there is no other group to generalise to: its rows are the evidence about it.
        units = [None] * len(groups) if name == GROUP and value != OTHERS else groups
        scores = tuple(_score(evaluation.headline, column, numbers, units, score_of) for column in columns)
        rows.append(SliceRow(value, len(numbers), scores))
    return SliceTable(name, tuple(column.name for column in columns), tuple(rows))


def _score(
    headline: str, column: Column, numbers: Sequence[int], units: Sequence[str | None], score_of: ScoreOf
) -> Score | None:
    answers = column.answers
    judged = [n for n in numbers if headline in answers[n].scores]
    if not judged:
        return None
    scores = [answers[n].scores[headline] for n in judged]
    return score_of(scores, len(numbers) - len(judged), [units[n] for n in judged])
