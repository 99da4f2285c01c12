"""Which rows a page shows, and each of them with every column's answer beside its reference.

The worst rows and the biggest losses against the base are named as such; the others come in an order that shows every
group early, not the best first. What is long is cut and says so. Does not know how a row is laid out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tunewright.evaluate.page.figures import Scale, scale_of
from tunewright.evaluate.page.text_diff import Piece, word_diff
from tunewright.evaluate.page.verdict import main_column
from tunewright.runs.evaluation import Answer, Column, Evaluation, Row, every_group_early

MAX_ROWS = 200
"""Most rows on one page, the worst ones included."""
NUM_WORST = 10
_MAX_TEXT = 1200


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One column's answer: its mark is (CSS class, sign, words), None if the headline grader said nothing."""

    column: str
    mark: tuple[str, str, str] | None
    pieces: tuple[Piece, ...]
    num_cut: int
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowView:
    """One row of the test set with all answers; `title` is the beginning of its last turn."""

    row: Row
    title: str
    reference: str | None
    num_cut: int
    answers: tuple[AnswerView, ...]


@dataclass(frozen=True, slots=True)
class RowsOnPage:
    """The rows that a page shows, and how many there are."""

    worst: tuple[RowView, ...]
    lost: tuple[RowView, ...]
    others: tuple[RowView, ...]
    num_shown: int
    num_rows: int


def rows_on_page(evaluation: Evaluation, *, most: int = MAX_ROWS) -> RowsOnPage:
    """Return the rows to show, at most `most` different ones."""
    worst, lost = worst_rows(evaluation)[:most], lost_rows(evaluation)[:most]
    named = set(worst) | set(lost)
    others = [n for n in every_group_early(evaluation.test.rows) if n not in named][: max(0, most - len(named))]
    view = _Viewer(evaluation)
    return RowsOnPage(
        view.rows(worst), view.rows(lost), view.rows(others), len(named) + len(others), len(evaluation.test.rows)
    )


def worst_rows(evaluation: Evaluation, *, most: int = NUM_WORST) -> list[int]:
    """Return the rows that the main column did worst on, by place; of equal scores the ones with a higher loss first.

    A row that was answered in full is not among them.
    """
    column = main_column(evaluation)
    if column is None:
        return []
    in_percent = scale_of(evaluation, evaluation.headline).in_percent
    judged = [
        (answer.scores[evaluation.headline], -(answer.loss or 0.0), number)
        for number, answer in enumerate(column.answers)
        if evaluation.headline in answer.scores
    ]
    return [number for score, _, number in sorted(judged) if not (in_percent and score >= 1)][:most]


def lost_rows(evaluation: Evaluation, *, most: int = NUM_WORST) -> list[int]:
    """Return the rows that the main column answers worse than the base, by place, the biggest losses first."""
    column, base = main_column(evaluation), evaluation.first("base")
    if column is None or base is None or column is base:
        return []
    lost: list[tuple[float, int]] = []
    for number, (before, after) in enumerate(zip(base.answers, column.answers, strict=False)):
        first, then = before.scores.get(evaluation.headline), after.scores.get(evaluation.headline)
        if first is not None and then is not None and then < first:
            lost.append((then - first, number))
    return [number for _, number in sorted(lost)][:most]


@dataclass(frozen=True, slots=True)
class _Viewer:
    evaluation: Evaluation

    def rows(self, numbers: Iterable[int]) -> tuple[RowView, ...]:
        return tuple(self._row(number) for number in numbers)

    def _row(self, number: int) -> RowView:
        row = self.evaluation.test.rows[number]
        scale = scale_of(self.evaluation, self.evaluation.headline)
        columns = [column for column in self.evaluation.columns if number < len(column.answers)]
        answers = tuple(_answer(column, column.answers[number], row, scale) for column in columns)
        reference = None if row.reference is None else row.reference[:_MAX_TEXT]
        last = row.prompt[-1].content if row.prompt else ""
        return RowView(row, _beginning(last), reference, max(0, len(row.reference or "") - _MAX_TEXT), answers)


def _answer(column: Column, answer: Answer, row: Row, scale: Scale) -> AnswerView:
    text = answer.text[:_MAX_TEXT]
    remarks = [f"{name}: {reason}" for name, reason in answer.failures.items()]
    if not answer.has_ended:
        remarks.append("did not end by itself")
    if answer.note:
        remarks.append(answer.note)
    num_cut = max(0, len(answer.text) - _MAX_TEXT)
    # A cut text would differ from its reference at the cut alone.
    pieces = [Piece("plain", text)] if num_cut else word_diff(row.reference or "", text)
    score = answer.scores.get(scale.name)
    mark = None if score is None else _mark(score, scale)
    return AnswerView(column.name, mark, tuple(pieces), num_cut, tuple(remarks))


def _mark(score: float, scale: Scale) -> tuple[str, str, str]:
    """Return how an answer did as (CSS class, sign, words): never by colour alone."""
    if not scale.in_percent:
        return "partly", "", scale.value(score)
    if score >= 1:
        return "right", "✓", "right"
    return ("wrong", "✗", "wrong") if score <= 0 else ("partly", "◐", scale.value(score))


def _beginning(text: str) -> str:
    flat = " ".join(text[:400].split())
    return flat if len(flat) <= 90 else flat[:89] + "…"
