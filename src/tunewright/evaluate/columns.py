"""One column of an evaluation: the same rows, asked in one way, answered by one engine, judged by the same graders.

And from columns to the evaluation: scores with intervals, comparisons, what can only be told of a whole set. Does not
know how a prompt came about, nor where an engine comes from; writes nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunewright.data.encode import encode_prompt
from tunewright.data.rows import Row, TextRow
from tunewright.data.template import ChatTokenizer
from tunewright.evaluate.baselines.asked import Asked, Settings
from tunewright.evaluate.item import item_of
from tunewright.evaluate.statistics.paired import SMALLEST_THAT_MATTERS
from tunewright.evaluate.statistics.pairs import planned_pairs
from tunewright.evaluate.statistics.table import score_table
from tunewright.graders.grade import GradeFailure, Grader, Output, SetGrader
from tunewright.infer.engine import Engine, Sampling
from tunewright.runs import evaluation as parts

Progress = Callable[[int, int], None]

RowKey = tuple[str, str]
"""What tells a row from all others (`row_key`)."""


@dataclass(frozen=True, slots=True)
class Answering:
    """With what rows are answered and judged; the same for every column of an evaluation, but for the engine."""

    engine: Engine
    tokenizer: ChatTokenizer
    graders: Mapping[str, Grader]
    max_new_tokens: int


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What a column is, as the evaluation states it."""

    name: str
    kind: parts.ColumnKind
    model: str
    settings: Settings
    chosen_on: str = ""


def answer_column(
    facts: ColumnFacts, how: Answering, asked: Sequence[Asked], on_progress: Progress | None = None
) -> parts.Column:
    """Return the column with its answers, their grades, and how many rows a second that was; scores come later."""
    answers, seconds = answer_all(how, asked, on_progress)
    return column_of(facts, asked, answers, how.graders, seconds)


def answer_all(
    how: Answering, asked: Sequence[Asked], on_progress: Progress | None = None
) -> tuple[list[parts.Answer], float]:
    """Return the greedy answer to each prompt with its grades, and the seconds that generating them took."""
    prompts = [encode_prompt(each.messages, how.tokenizer, each.row.tools) for each in asked]
    started = time.perf_counter()
    sampling = Sampling(max_new_tokens=how.max_new_tokens)
    completions = how.engine.generate(prompts, sampling, on_progress=on_progress)
    seconds = time.perf_counter() - started
    outputs = [Output(c.text.strip(), c.has_ended, len(c.ids)) for c in completions]
    answers = [
        graded_answer(each, output, how.graders, prompt_tokens=len(prompt))
        for each, prompt, output in zip(asked, prompts, outputs, strict=True)
    ]
    return answers, seconds


def graded_answer(asked: Asked, output: Output, graders: Mapping[str, Grader], *, prompt_tokens: int) -> parts.Answer:
    """Return the answer with the grade of each grader: a score, or a named failure, never a silent zero."""
    item = item_of(asked.row)
    grades = {name: grader(output, item) for name, grader in graders.items()}
    return parts.Answer(
        text=output.text,
        has_ended=output.has_ended,
        prompt_tokens=prompt_tokens,
        completion_tokens=output.num_tokens or 0,
        scores={name: grade for name, grade in grades.items() if not isinstance(grade, GradeFailure)},
        failures={name: grade.reason for name, grade in grades.items() if isinstance(grade, GradeFailure)},
        note=asked.note,
    )


def column_of(
    facts: ColumnFacts,
    asked: Sequence[Asked],
    answers: Sequence[parts.Answer],
    graders: Mapping[str, Grader],
    seconds: float | None = None,
) -> parts.Column:
    """Return the column of graded answers, with what can be told of the whole set; usage if they took `seconds`."""
    return parts.Column(
        name=facts.name,
        kind=facts.kind,
        model=facts.model,
        settings=facts.settings,
        chosen_on=facts.chosen_on,
        set_scores=_set_scores(graders, [each.row for each in asked], answers),
        usage=_usage(answers, seconds) if answers and seconds is not None else None,
        num_shortened=sum(each.is_shortened for each in asked),
        answers=list(answers),
    )


def with_losses(
    column: parts.Column, losses: Mapping[str, parts.SplitLoss], rows: Sequence[Row], by_row: Mapping[RowKey, float]
) -> parts.Column:
    """Return the column with its losses by split, and with each answer's own by `row_key` of its row."""
    answers = [
        answer.model_copy(update={"loss": by_row.get(row_key(row))})
        for answer, row in zip(column.answers, rows, strict=True)
    ]
    return column.model_copy(update={"losses": dict(losses), "answers": answers})


def with_first_answers(
    column: parts.Column, graders: Mapping[str, Grader], rows: Sequence[Row], count: int
) -> parts.Column:
    """Return the column of its first `count` answers, to the first of `rows`; throughput and losses by split stay."""
    answers = column.answers[:count]
    means = _usage(answers, 0.0) if answers else None
    usage = column.usage and means and means.model_copy(update={"rows_per_s": column.usage.rows_per_s})
    return column.model_copy(
        update={
            "answers": answers,
            "set_scores": _set_scores(graders, rows[:count], answers),
            "num_shortened": sum(bool(answer.note) for answer in answers),
            "usage": usage,
        }
    )


def mean_score(column: parts.Column, grader: str) -> float | None:
    """Return the mean of one grader over the answers that it could judge; None if there is none."""
    scores = [answer.scores[grader] for answer in column.answers if grader in answer.scores]
    return sum(scores) / len(scores) if scores else None


def compared(
    columns: Sequence[parts.Column],
    test: parts.TestSet,
    *,
    seed: int,
    smallest_that_matters: float = SMALLEST_THAT_MATTERS,
) -> tuple[list[parts.Column], list[parts.Comparison], dict[str, int]]:
    """Return the columns with scores and intervals, the comparisons, and the seeds that both rest on.

    Who is held against whom follows from what the columns are, not from how they score.
    """
    groups = [row.group for row in test.rows]
    graders = list(dict.fromkeys(name for column in columns for answer in column.answers for name in answer.scores))
    given = [
        (column.name, {name: [answer.scores.get(name) for answer in column.answers] for name in graders})
        for column in columns
    ]
    has_groups = any(group is not None for group in groups)
    table = score_table(
        given,
        groups if has_groups else None,
        pairs=planned_pairs([(column.name, column.kind) for column in columns]),
        seed=seed,
        smallest_that_matters=smallest_that_matters,
    )
    scored = [column.model_copy(update={"scores": table.scores[column.name]}) for column in columns]
    return scored, table.comparisons, table.seeds


def row_key(row: Row | TextRow) -> RowKey:
    """Return the row's place and what it says: all rows of a JSON list that is one line long have one place."""
    return row.where, row.said


def group_text(group: Any) -> str | None:
    """Return the group of a row as text, whatever its file holds (7 and "7" are one group); None for no group."""
    if group is None or group == "":
        return None
    return group if isinstance(group, str) else json.dumps(group, ensure_ascii=False, sort_keys=True, default=str)


def test_row(row: Row, slices: Mapping[str, str]) -> parts.Row:
    """Return a row of the test set as the evaluation keeps it."""
    return parts.Row(
        where=row.where,
        prompt=[parts.Message(role=message.role, content=message.said) for message in row.prompt],
        reference=row.reference,
        group=group_text(row.group),
        slices=dict(slices),
    )


def _set_scores(
    graders: Mapping[str, Grader], rows: Sequence[Row], answers: Sequence[parts.Answer]
) -> dict[str, parts.SetScore]:
    graded = [
        (Output(answer.text, answer.has_ended, answer.completion_tokens), item_of(row))
        for row, answer in zip(rows, answers, strict=True)
    ]
    found: dict[str, parts.SetScore] = {}
    for name, grader in graders.items():
        if isinstance(grader, SetGrader) and graded:
            score = grader.grade_set(graded)
            confusion = score.confusion and parts.Confusion(
                labels=list(score.confusion.labels), counts=[list(row) for row in score.confusion.counts]
            )
            found[name] = parts.SetScore(values=dict(score.values), signature=score.signature, confusion=confusion)
    return found


def _usage(answers: Sequence[parts.Answer], seconds: float) -> parts.Usage:
    count = len(answers)
    return parts.Usage(
        prompt_tokens=sum(answer.prompt_tokens for answer in answers) / count,
        completion_tokens=sum(answer.completion_tokens for answer in answers) / count,
        rows_per_s=count / seconds if seconds > 0 else None,
    )
