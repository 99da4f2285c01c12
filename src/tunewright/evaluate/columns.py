"""One column of an evaluation: the same rows, asked in one way, answered by one engine, judged by the same graders.

And from columns to the evaluation: scores with intervals, comparisons, what can only be told of a whole set. Does not
know how a prompt came about, nor where an engine comes from; writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tunewright.data.encode import encode_prompt
from tunewright.data.rows import Row
from tunewright.data.template import ChatTokenizer
from tunewright.evaluate.answers import item_of
from tunewright.evaluate.baselines.asked import Asked, Settings
from tunewright.evaluate.statistics.table import score_table
from tunewright.graders.grade import GradeFailure, Grader, Output, SetGrader
from tunewright.infer.engine import Completion, Engine, Sampling
from tunewright.runs import evaluation as parts
from tunewright.runs.samples import Message

Progress = Callable[[int, int], None]


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
    prompts = [encode_prompt(each.messages, how.tokenizer, each.row.tools) for each in asked]
    started = time.perf_counter()
    sampling = Sampling(max_new_tokens=how.max_new_tokens)
    completions = how.engine.generate(prompts, sampling, on_progress=on_progress)
    seconds = time.perf_counter() - started
    answers = [
        _answer(each, len(prompt), completion, how.graders)
        for each, prompt, completion in zip(asked, prompts, completions, strict=True)
    ]
    return parts.Column(
        name=facts.name,
        kind=facts.kind,
        model=facts.model,
        settings=facts.settings,
        chosen_on=facts.chosen_on,
        set_scores=_set_scores(how.graders, [each.row for each in asked], answers),
        usage=_usage(answers, seconds) if answers else None,
        num_shortened=sum(each.is_shortened for each in asked),
        answers=answers,
    )


def mean_score(column: parts.Column, grader: str) -> float | None:
    """Return the mean of one grader over the answers that it could judge; None if there is none."""
    scores = [answer.scores[grader] for answer in column.answers if grader in answer.scores]
    return sum(scores) / len(scores) if scores else None


def compared(
    columns: Sequence[parts.Column], test: parts.TestSet, *, headline: str, against: str, seed: int
) -> tuple[list[parts.Column], list[parts.Comparison], dict[str, int]]:
    """Return the columns with scores and intervals, the comparisons, and the seeds that both rest on."""
    groups = [row.group for row in test.rows]
    graders = list(dict.fromkeys(name for column in columns for answer in column.answers for name in answer.scores))
    given = [
        (column.name, {name: [answer.scores.get(name) for answer in column.answers] for name in graders})
        for column in columns
    ]
    has_groups = any(group is not None for group in groups)
    table = score_table(given, groups if has_groups else None, headline=headline, against=against, seed=seed)
    scored = [column.model_copy(update={"scores": table.scores[column.name]}) for column in columns]
    return scored, table.comparisons, table.seeds


def test_row(row: Row, slices: Mapping[str, str]) -> parts.Row:
    """Return a row of the test set as the evaluation keeps it."""
    return parts.Row(
        where=row.where,
        prompt=[Message(role=message.role, content=message.said) for message in row.prompt],
        reference=row.reference,
        group=row.group if isinstance(row.group, str) else None,
        slices=dict(slices),
    )


def _answer(asked: Asked, num_prompt: int, completion: Completion, graders: Mapping[str, Grader]) -> parts.Answer:
    output = Output(completion.text.strip(), completion.has_ended, len(completion.ids))
    item = item_of(asked.row)
    grades = {name: grader(output, item) for name, grader in graders.items()}
    return parts.Answer(
        text=output.text,
        has_ended=output.has_ended,
        prompt_tokens=num_prompt,
        completion_tokens=len(completion.ids),
        scores={name: grade for name, grade in grades.items() if not isinstance(grade, GradeFailure)},
        failures={name: grade.reason for name, grade in grades.items() if isinstance(grade, GradeFailure)},
        note=asked.note,
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
