"""Score the live model on the held-out rows at the end of a run, and say whether it helped; at a bounded cost.

Losses are of all held-out rows, answers of the exam's. The first answers of each model are timed: where all of them
would take longer than half of `evaluate.max_minutes`, fewer rows are answered, the same for both, and the evaluation
says how many.
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
    RowKey,
    answer_all,
    column_of,
    compared,
    mean_score,
    with_first_answers,
    with_losses,
)
from tunewright.evaluate.signals.gap import contaminations
from tunewright.infer.shared import SharedEngine
from tunewright.jobs.evaluation.exam import Exam
from tunewright.jobs.evaluation.losses import split_loss, splits_of
from tunewright.jobs.evaluation.signals import loss_gap
from tunewright.jobs.evaluation.stage import room_for
from tunewright.jobs.prepare import Prepared
from tunewright.jobs.validation import evaluation_mode
from tunewright.objectives.objective import Objective
from tunewright.runs.atomic import write_json
from tunewright.runs.evaluation import Column, Evaluation, SplitLoss
from tunewright.runs.events import Scored
from tunewright.runs.folder import RunFolder
from tunewright.runs.recorder import Recorder
from tunewright.train.randomness import randomness_kept

NUM_TIMED = 16
"""Answers by which the time of the others is foretold."""
MAX_TRAIN_ROWS = 200
"""Training rows that are scored at most: a seeded sample."""

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
        path = base_path(self.recorder.run)
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
        if len(tuned.answers) < len(base.answers):
            asked = asked.first(len(tuned.answers))
            base = with_first_answers(base, asked.graders, asked.rows, len(asked.rows))
            save_column(base_path(self.recorder.run), asked, base)
        columns = [_in_order(column, asked) for column in (base, tuned)]
        headline = asked.headline if any(asked.headline in a.scores for c in columns for a in c.answers) else ""
        train = [row for source in self.prepared.sets.train for row in source.rows if isinstance(row, Row)]
        # Equal rows only: to look for nearly equal ones among very many takes longer than the verdict may.
        leak, leaks = contaminations(asked.rows, train, threshold=None)
        test = asked.test_set().model_copy(update={"contaminated": leaks})
        columns, comparisons, seeds = compared(columns, test, seed=asked.seed)
        return Evaluation(
            headline=headline,
            test=test,
            columns=columns,
            comparisons=comparisons,
            signals=[
                loss_gap(columns[-1]),
                leak,
            ],
            seeds={"sample": asked.seed, **seeds},
            seconds=self._base_seconds() + time.perf_counter() - started,
            notes=self._notes(len(asked.rows)),
        )

    def _score(self, subject: Subject, exam: Exam) -> Column | None:
        """Return the column of the live model and record it; it answers as many rows as the time allows."""
        started = time.perf_counter()
        rows = self.prepared.tokens.test
        if not rows:
            return None
        with randomness_kept(), evaluation_mode(self.prepared.model):
            column = self._answered(subject, exam)
            losses, by_row = self._losses(subject)
        loss = losses["test"]
        column = with_losses(column, losses, exam.rows[: len(column.answers)], by_row)
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
        plain = ZeroShot(room=room_for(engine, recipe.evaluate.max_new_tokens))
        asked = [plain.ask(row) for row in exam.rows]
        tell = self._progress(f"answering with the {subject} model")
        answers, spent = answer_all(how, asked[:NUM_TIMED], _shifted(tell, 0, len(asked)))
        fallback = engine.fallback
        # Each has half of the time: one that never stops may take far longer than one that soon says nothing more.
        limit = _affordable(len(asked), spent, recipe.evaluate.max_minutes)
        rest, more = answer_all(how, asked[NUM_TIMED:limit], _shifted(tell, NUM_TIMED, limit))
        column = column_of(facts, asked[:limit], [*answers, *rest], exam.graders, spent + more)
        fallback = engine.fallback or fallback
        notes = [f"answered without sharing prefixes: {fallback}"] if fallback else []
        return column.model_copy(update={"notes": notes})

    def _losses(self, subject: Subject) -> tuple[dict[str, SplitLoss], dict[RowKey, float]]:
        """Return the losses by split and those of the test rows; of the tuned model also what its gap is made of."""
        splits = splits_of(self.prepared, MAX_TRAIN_ROWS)
        losses: dict[str, SplitLoss] = {}
        by_row: dict[RowKey, float] = {}
        for name, rows in splits.items():
            if rows and (name == "test" or subject == "tuned"):
                tell = self._progress(f"scoring the {subject} model")
                losses[name], found = split_loss(self.prepared, self.prepared.runner, self.objective, rows, tell)
                by_row = found if name == "test" else by_row
        return losses, by_row

    def _base_seconds(self) -> float:
        """Return what scoring the base took, be it in another process."""
        scored = [each for each in self.recorder.run.events() if isinstance(each, Scored) and each.subject == "base"]
        return scored[-1].seconds if scored else 0.0

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
        if self.prepared.sets.test_is_validation and self.exam.rows:
            notes.append(
                "no test file was given: these rows also chose the checkpoint, so the tuned score flatters a little"
            )
        return notes


def base_path(run: RunFolder) -> Path:
    """Return where a run keeps the base's answers to the rows that it ends with."""
    return run.path / "report" / "base.json"


def save_column(path: Path, exam: Exam, column: Column) -> None:
    """Write the base's column, so that a resumed run need not answer again.

    Raises:
        StorageError: if the storage refuses.
    """
    places = [row.where for row in exam.rows[: len(column.answers)]]
    write_json(path, {"rows": places, "column": column.model_dump(mode="json")})


def load_column(path: Path, exam: Exam) -> Column | None:
    """Return the column at `path` if it holds answers to the beginning of the exam by its graders, else None."""
    try:
        tree = orjson.loads(path.read_bytes())
        column, places = Column.model_validate(tree["column"]), list(tree["rows"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    known = [row.where for row in exam.rows[: len(places)]]
    is_long_enough = len(places) >= min(NUM_TIMED, len(exam.rows))
    graded_by = {name for answer in column.answers for name in (*answer.scores, *answer.failures)}
    is_graded_alike = not column.answers or graded_by == set(exam.graders)
    fits = places == known and len(column.answers) == len(places) and is_long_enough and is_graded_alike
    return column if fits else None


def _affordable(num_rows: int, spent: float, max_minutes: float) -> int:
    """Return how many rows half of the time allows, by what the first ones took; never fewer than those."""
    if num_rows <= NUM_TIMED or spent <= 0:
        return num_rows
    return min(num_rows, max(NUM_TIMED, int(NUM_TIMED * 30.0 * max_minutes / spent)))


def _shifted(tell: Progress, start: int, total: int) -> Progress:
    return lambda done, _: tell(start + done, total)


def _in_order(column: Column, exam: Exam) -> Column:
    return column.model_copy(update={"answers": [column.answers[place] for place in exam.in_file_order()]})
