"""What every model of a run is asked, and how it is judged: the same rows and graders, chosen once from the recipe.

Does not know which model answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tunewright.data.encode import EncodedRow
from tunewright.data.rows import Row
from tunewright.evaluate.columns import test_row
from tunewright.evaluate.item import item_of
from tunewright.evaluate.sample import sample_words, stratified_order
from tunewright.evaluate.slices import slices_of
from tunewright.graders.choose import choose
from tunewright.graders.grade import Grader
from tunewright.jobs.graders import live_graders
from tunewright.jobs.prepare import Prepared
from tunewright.runs.evaluation import TestSet


@dataclass(frozen=True, slots=True)
class Exam:
    """The rows that are answered, in an order of which every beginning is a fair sample, and the graders.

    Attributes:
        by: what the sample keeps in proportion; empty for nothing.
        num_available: held-out rows that could have been answered.
    """

    rows: tuple[Row, ...]
    graders: dict[str, Grader]
    by: str
    num_available: int
    seed: int

    @property
    def headline(self) -> str:
        """The grader that the verdict and every choice go by; empty if there is none."""
        return next(iter(self.graders), "")

    def first(self, num_rows: int) -> Exam:
        """Return the exam of the first rows alone."""
        return replace(self, rows=self.rows[:num_rows])

    def in_file_order(self) -> list[int]:
        """Return the places of the rows, sorted by file and line: so an evaluation has them."""
        return sorted(range(len(self.rows)), key=lambda place: (self.rows[place].path, self.rows[place].line))

    def sorted(self) -> Exam:
        """Return the exam with its rows sorted by file and line; its beginning is no fair sample any more."""
        return replace(self, rows=tuple(self.rows[place] for place in self.in_file_order()))

    def test_set(self) -> TestSet:
        """Return the rows, sorted by file and line, as the evaluation keeps them."""
        rows = self.sorted().rows
        kept = [test_row(row, slices) for row, slices in zip(rows, slices_of(rows), strict=True)]
        return TestSet(
            rows=kept,
            num_available=self.num_available,
            seed=self.seed,
            chosen=sample_words(len(rows), self.num_available, self.by, self.seed),
            num_groups=len({number if row.group is None else row.group for number, row in enumerate(kept)}),
            files=sorted({row.path for row in rows}),
        )


def make_exam(prepared: Prepared, max_rows: int | None = None) -> Exam:
    """Return the exam of a job whose rows are read; `max_rows` is the recipe's unless it is given.

    Raises:
        GraderError, MissingExtraError: if a grader cannot be made.
        RecipeError: if no row has the field that the sample shall keep in proportion.
    """
    spec, seed = prepared.recipe.evaluate, prepared.recipe.data.split_seed
    rows = asked_rows(prepared.tokens.test)
    order = stratified_order(rows, seed, spec.stratify_by if rows else None)
    kept = order.rows[: spec.max_rows if max_rows is None else max_rows]
    return Exam(kept, graders_of(prepared), order.by, len(rows), seed)


def asked_rows(rows: Sequence[EncodedRow]) -> list[Row]:
    """Return the conversations among token rows, each once: by its last answer, where each answer became a row.

    Plain texts have no question. Places do not tell rows apart: a JSON list may be one line long.
    """
    found: list[Row] = []
    for source in (row.source for row in rows if isinstance(row.source, Row)):
        if found and _is_begun_by(source, found[-1]):
            found[-1] = source
        else:
            found.append(source)
    return found


def _is_begun_by(row: Row, earlier: Row) -> bool:
    """Return whether `earlier` is the same conversation up to an earlier answer."""
    if row.where != earlier.where or len(earlier.messages) >= len(row.messages):
        return False
    return all(a.role == b.role and a.said == b.said for a, b in zip(earlier.messages, row.messages, strict=False))


def graders_of(prepared: Prepared) -> dict[str, Grader]:
    """Return the recipe's graders by name, or those that suit the held-out rows.

    Raises:
        GraderError, MissingExtraError: if one cannot be made.
    """
    specs = prepared.recipe.evaluate.graders or choose([item_of(row) for row in prepared.test_rows]).specs
    taught = [row.reference for source in prepared.sets.train for row in source.rows if isinstance(row, Row)]
    known = [*taught, *(row.reference for row in prepared.test_rows)]
    return live_graders(specs, known=known, taught=taught, hardware=prepared.recipe.train.hardware)
