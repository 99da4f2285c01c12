"""Generated answers on held-out rows, and their grades.

The same rows, renderer and decoder for every model that is compared. Which rows is a seeded sample that is stated.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tunewright.data.encode import encode_prompt
from tunewright.data.rows import Row
from tunewright.data.template import ChatTokenizer
from tunewright.graders.grade import GradeFailure, Grader, Item, Output
from tunewright.infer.engine import Engine, Sampling


@dataclass(frozen=True, slots=True)
class Answer:
    """One model's answer to one row; `scores` has the graders that gave a score, `failures` the others' reasons."""

    row: Row
    text: str
    has_ended: bool
    scores: dict[str, float]
    failures: dict[str, str]


def sample_rows(rows: Sequence[Row], max_rows: int, seed: int) -> list[Row]:
    """Return at most `max_rows` of `rows` in their order: all of them, or a seeded sample without replacement."""
    if len(rows) <= max_rows:
        return list(rows)
    chosen = sorted(random.Random(seed).sample(range(len(rows)), max_rows))
    return [rows[index] for index in chosen]


def answer_rows(
    engine: Engine,
    tokenizer: ChatTokenizer,
    rows: Sequence[Row],
    graders: Mapping[str, Grader],
    max_new_tokens: int,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Answer]:
    """Return the greedy answer to each row's prompt, graded."""
    prompts = [encode_prompt(row.prompt, tokenizer, row.tools) for row in rows]
    completions = engine.generate(prompts, Sampling(max_new_tokens=max_new_tokens), on_progress=on_progress)
    outputs = [Output(c.text.strip(), c.has_ended, len(c.ids)) for c in completions]
    return [grade_answer(row, output, graders) for row, output in zip(rows, outputs, strict=True)]


def grade_answer(row: Row, output: Output, graders: Mapping[str, Grader]) -> Answer:
    """Return the answer with the grade of each grader: a score, or a named failure, never a silent zero."""
    scores: dict[str, float] = {}
    failures: dict[str, str] = {}
    item = item_of(row)
    for name, grader in graders.items():
        grade = grader(output, item)
        if isinstance(grade, GradeFailure):
            failures[name] = grade.reason
        else:
            scores[name] = grade
    return Answer(row, output.text, output.has_ended, scores, failures)


def item_of(row: Row) -> Item:
    """Return what graders see of a row."""
    return Item(
        reference=row.reference,
        meta=row.meta,
        prompt=tuple((message.role, message.said) for message in row.prompt),
        tool_calls=row.reference_calls,
    )


def mean_scores(answers: Sequence[Answer], graders: Iterable[str]) -> dict[str, float]:
    """Return the mean of each grader over the answers that it could grade; a grader that graded none is absent."""
    means: dict[str, float] = {}
    for name in graders:
        graded = [answer.scores[name] for answer in answers if name in answer.scores]
        if graded:
            means[name] = sum(graded) / len(graded)
    return means
