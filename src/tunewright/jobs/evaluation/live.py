"""Score the live model on the held-out rows at the end of a run, and say whether it helped; at a bounded cost.

Losses are of all held-out rows, answers of the exam's. The first answers of the base are timed: where all of them, for
both models, would take longer than `evaluate.max_minutes`, both answer fewer rows and the evaluation says how many.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

from tunewright.data.rows import Row
from tunewright.evaluate.baselines.prompts import ZeroShot
from tunewright.evaluate.columns import (
    Answering,
    ColumnFacts,
    Progress,
    answer_all,
    column_of,
    compared,
    mean_score,
    with_losses,
)
from tunewright.evaluate.signals.gap import contaminated, contamination, gap
from tunewright.infer.shared import SharedEngine
from tunewright.jobs.evaluation.exam import Exam
from tunewright.jobs.evaluation.losses import split_loss
from tunewright.jobs.prepare import Prepared
from tunewright.jobs.validation import evaluation_mode
from tunewright.objectives.objective import Objective
from tunewright.runs.atomic import write_json
from tunewright.runs.evaluation import Column, Evaluation
from tunewright.runs.events import Scored
from tunewright.runs.recorder import Recorder
from tunewright.runs.summary import summarise
from tunewright.train.randomness import randomness_kept

NUM_TIMED = 16
"""Answers by which the time of the others is foretold."""

Subject = Literal["base", "tuned"]


@dataclass(frozen=True, slots=True)
class LiveExam:
    """The exam of a run whose model lives in this process: before training it is the base, afterwards the tuned one.

    Attributes:
        check_stop: raises Interrupted if somebody asked to stop.
    """

    prepared: Prepared
    objective: Objective
    exam: Exam
    recorder: Recorder
    check_stop: Callable[[], None]

    def base(self) -> Column | None:
        """Return the base's column; None without held-out rows. A resumed run reads what its first process wrote.

        Call it before anything of the model is changed.

        Raises:
            Interrupted: if asked to stop meanwhile.
            StorageError: if the column cannot be kept.
        """
        path = self.recorder.run.path / "report" / "base.json"
        former = load_column(path, self.exam)
        if former is not None:
            return former
        column = self._score("base", self.exam)
        if column is not None:
            save_column(path, self.exam, column)
        return column

    def conclude(self, base: Column | None) -> Evaluation | None:
        """Return base against tuned with intervals and tests: both answer the same rows. None without held-out rows.

        Raises:
            Interrupted: if asked to stop meanwhile.
        """
        started = time.perf_counter()
        asked = self.exam.first(len(base.answers) if base else 0)
        tuned = self._score("tuned", asked)
        if base is None or tuned is None:
            return None
        columns = [_in_order(column, asked) for column in (base, tuned)]
        headline = asked.headline if any(asked.headline in a.scores for c in columns for a in c.answers) else ""
        train = [row for source in self.prepared.sets.train for row in source.rows if isinstance(row, Row)]
        # Equal rows only: to look for nearly equal ones among very many takes longer than the verdict may.
        leaks = contaminated(asked.rows, train, threshold=None)
        test = asked.test_set().model_copy(update={"contaminated": leaks})
        columns, comparisons, seeds = compared(columns, test, seed=asked.seed)
        summary = summarise(self.recorder.run)
        return Evaluation(
            headline=headline,
            test=test,
            columns=columns,
            comparisons=comparisons,
            signals=[
                gap(summary.train_loss, summary.best_valid_loss, len(self.prepared.tokens.validation)),
                contamination(asked.rows, train, threshold=None),
            ],
            seeds={"sample": asked.seed, **seeds},
            seconds=time.perf_counter() - started,
            notes=self._notes(len(asked.rows)),
        )

    def _score(self, subject: Subject, exam: Exam) -> Column | None:
        """Return the column of the live model and record it; the base answers as many rows as the time allows."""
        started = time.perf_counter()
        rows = self.prepared.tokens.test
        if not rows:
            return None
        with randomness_kept(), evaluation_mode(self.prepared.model):
            column = self._answered(subject, exam)
            tell = self._progress(f"scoring the {subject} model")
            loss, by_row = split_loss(self.prepared, self.prepared.runner, self.objective, rows, tell)
        column = with_losses(column, {"test": loss}, exam.rows[: len(column.answers)], by_row)
        self.recorder.event(
            Scored(
                subject=subject,
                num_rows=len(rows),
                num_answered=len(column.answers),
                loss=loss.loss,
                perplexity=loss.perplexity,
                scores={name: mean for name in exam.graders if (mean := mean_score(column, name)) is not None},
                seconds=time.perf_counter() - started,
            )
        )
        return column

    def _answered(self, subject: Subject, exam: Exam) -> Column:
        recipe, tokenizer = self.prepared.recipe, self.prepared.tokenizer
        engine = SharedEngine(self.prepared.model, tokenizer, batch_size=recipe.evaluate.batch_size)
        how = Answering(engine, tokenizer, exam.graders, recipe.evaluate.max_new_tokens)
        source = recipe.model.source if subject == "base" else str(self.recorder.run.path)
        facts = ColumnFacts(subject, subject, source, {} if subject == "base" else {"method": recipe.method.kind})
        asked = [ZeroShot().ask(row) for row in exam.rows]
        tell = self._progress(f"answering with the {subject} model")
        answers, spent = answer_all(how, asked[:NUM_TIMED], _shifted(tell, 0, len(asked)))
        # The tuned model is asked what the base could answer in time: its exam is as short as it must be.
        limit = _affordable(len(asked), spent, recipe.evaluate.max_minutes) if subject == "base" else len(asked)
        rest, more = answer_all(how, asked[NUM_TIMED:limit], _shifted(tell, NUM_TIMED, limit))
        column = column_of(facts, asked[:limit], [*answers, *rest], exam.graders, spent + more)
        notes = [f"answered without sharing prefixes: {engine.fallback}"] if engine.fallback else []
        return column.model_copy(update={"notes": notes})

    def _progress(self, phase: str) -> Progress:
        def tell(done: int, total: int) -> None:
            self.check_stop()
            self.recorder.progress(phase, done, total)

        return tell

    def _notes(self, num_answered: int) -> list[str]:
        notes: list[str] = []
        if num_answered < len(self.exam.rows):
            notes.append(
                f"{num_answered:,} of the {len(self.exam.rows):,} rows of the sample were answered: all would have "
                f"taken longer than evaluate.max_minutes {self.prepared.recipe.evaluate.max_minutes:g}"
            )
        if self.prepared.sets.test_is_validation:
            notes.append(
                "no test file was given: these rows also chose the checkpoint, so the tuned score flatters a little"
            )
        return notes


def save_column(path: Path, exam: Exam, column: Column) -> None:
    """Write the base's column, so that a resumed run need not answer again.

    Raises:
        StorageError: if the storage refuses.
    """
    places = [row.where for row in exam.rows[: len(column.answers)]]
    write_json(path, {"rows": places, "column": column.model_dump(mode="json")})


def load_column(path: Path, exam: Exam) -> Column | None:
    """Return the column at `path` if it holds answers to the beginning of the exam, else None."""
    try:
        tree = orjson.loads(path.read_bytes())
        column, places = Column.model_validate(tree["column"]), tree["rows"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    known = [row.where for row in exam.rows[: len(places)]]
    is_long_enough = len(places) >= min(NUM_TIMED, len(exam.rows))
    return column if places == known and len(column.answers) == len(places) and is_long_enough else None


def _affordable(num_rows: int, spent: float, max_minutes: float) -> int:
    """Return how many rows half of the time allows, by what the first ones took; never fewer than those."""
    if num_rows <= NUM_TIMED or spent <= 0:
        return num_rows
    return min(num_rows, max(NUM_TIMED, int(NUM_TIMED * 30.0 * max_minutes / spent)))


def _shifted(tell: Progress, start: int, total: int) -> Progress:
    return lambda done, _: tell(start + done, total)


def _in_order(column: Column, exam: Exam) -> Column:
    return column.model_copy(update={"answers": [column.answers[place] for place in exam.in_file_order()]})
