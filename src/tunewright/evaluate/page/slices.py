"""The headline score told apart: by label, by length, by script, and by every field that the test set names.

Each figure comes with its rows and interval, because a slice is small. The interval arrives as a callable. Fields that
the rows do not bring are derived here where they tell anything. Does not know which slices matter.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunewright.runs.evaluation import Evaluation, Row, Score

ScoreOf = Callable[[Sequence[float], int, Sequence[str | None]], Score]
"""Scores, number of answers without one, and the group of each score → mean with its interval."""

OTHERS = "all others"
_MAX_VALUES = 12
_MAX_LABELS = 20
_MAX_LABEL_LENGTH = 40


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One value of a field: how many rows have it, and each column's score on them (None: none was judged)."""

    value: str
    num_rows: int
    scores: tuple[Score | None, ...]


@dataclass(frozen=True, slots=True)
class SliceTable:
    """One field: its values, those with most rows first; beyond twelve they are put together."""

    field: str
    columns: tuple[str, ...]
    rows: tuple[SliceRow, ...]


def slice_tables(evaluation: Evaluation, score_of: ScoreOf) -> list[SliceTable]:
    """Return one table for each field that has at least two values among the rows."""
    fields = fields_of(evaluation.test.rows)
    names = sorted({name for row in fields for name in row})
    tables = [_table(evaluation, name, [row.get(name) for row in fields], score_of) for name in names]
    return [table for table in tables if len(table.rows) > 1]


def fields_of(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return each row's own slices, with label, prompt length and script where the row does not bring them."""
    derived = {"label": _labels(rows), "prompt length": _lengths(rows), "script": _scripts(rows)}
    found: list[dict[str, str]] = []
    for number, row in enumerate(rows):
        ours = {name: values[number] for name, values in derived.items() if values}
        found.append({**ours, **row.slices})
    return found


def _table(evaluation: Evaluation, name: str, values: Sequence[str | None], score_of: ScoreOf) -> SliceTable:
    counts = Counter(value for value in values if value is not None)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    kept = ordered if len(ordered) <= _MAX_VALUES + 1 else ordered[:_MAX_VALUES]
    members = {value: [n for n, own in enumerate(values) if own == value] for value in kept}
    rest = set(ordered) - set(kept)
    if rest:
        members[OTHERS] = [n for n, own in enumerate(values) if own in rest]
    columns = [column for column in evaluation.columns if len(column.answers) == len(evaluation.test.rows)]
    rows = [
        SliceRow(value, len(numbers), tuple(_score(evaluation, c.name, numbers, score_of) for c in columns))
        for value, numbers in members.items()
    ]
    return SliceTable(name, tuple(column.name for column in columns), tuple(rows))


def _score(evaluation: Evaluation, column: str, numbers: Sequence[int], score_of: ScoreOf) -> Score | None:
    answers = evaluation.column(column).answers
    judged = [n for n in numbers if evaluation.headline in answers[n].scores]
    if not judged:
        return None
    scores = [answers[n].scores[evaluation.headline] for n in judged]
    return score_of(scores, len(numbers) - len(judged), [evaluation.test.rows[n].group for n in judged])


def _labels(rows: Sequence[Row]) -> list[str]:
    """Return the references where they are labels: short, and each shared by two rows on average."""
    references = [row.reference for row in rows]
    known = [reference for reference in references if reference is not None]
    if len(known) < len(rows) or max(map(len, known), default=0) > _MAX_LABEL_LENGTH:
        return []
    return known if 2 <= len(set(known)) <= min(_MAX_LABELS, len(rows) // 2) else []


def _lengths(rows: Sequence[Row]) -> list[str]:
    """Return which third of the prompts, by characters, each one is in; nothing if they are about as long."""
    sizes = [sum(len(message.content) for message in row.prompt) for row in rows]
    if not sizes:
        return []
    ordered = sorted(sizes)
    low, high = ordered[len(sizes) // 3], ordered[2 * len(sizes) // 3]
    # Thirds that differ by a word or two are no difference in length.
    if high < 1.5 * max(low, 1):
        return []
    bands = (f"up to {low:,} characters", f"{low + 1:,} to {high:,} characters", f"over {high:,} characters")
    return [bands[(size > low) + (size > high)] for size in sizes]


def _scripts(rows: Sequence[Row]) -> list[str]:
    """Return the script that most letters of each last turn are written in."""
    return [_script(row.prompt[-1].content if row.prompt else "") for row in rows]


def _script(text: str) -> str:
    letters = (character for character in text[:400] if character.isalpha())
    names = Counter(unicodedata.name(letter, "?").split(" ")[0].split("-")[0] for letter in letters)
    return names.most_common(1)[0][0].capitalize() if names else "no letters"
