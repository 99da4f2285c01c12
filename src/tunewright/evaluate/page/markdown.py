"""An evaluation as Markdown, for an issue, a pull request or a model card: the verdict, the tables, the warnings.

What comes from rows, models or files cannot make markup of its own. Does not hold the answers: the page does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunewright.evaluate.page import figures
from tunewright.evaluate.page.evaluation_view import graders_of
from tunewright.evaluate.page.terminal import warnings
from tunewright.evaluate.page.text_table import safe_text
from tunewright.evaluate.page.verdict import VERDICT_WORDS, headline_sentence, judged_sentence, rival_sentence
from tunewright.runs.evaluation import Column, Evaluation

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#!$@])")


def evaluation_markdown(evaluation: Evaluation) -> str:
    """Return the document, ending in a line end."""
    parts = [f"**{escaped(headline_sentence(evaluation))}**"]
    rival = rival_sentence(evaluation)
    parts += [escaped(rival)] if rival else []
    parts += [escaped(f"{evaluation.test.chosen}.")]
    parts += ["\n".join(f"- {escaped(sentence.text)}" for sentence in evaluation.advice)] if evaluation.advice else []
    parts += ["### Scores", column_table(evaluation)]
    if evaluation.comparisons:
        parts += ["### Comparisons", _comparisons(evaluation)]
    if evaluation.judged:
        told = (judged_sentence(found) for found in evaluation.judged)
        parts += ["### Preferred by a judge", "\n".join(f"- {escaped(text)}" for text in told)]
    if any(column.usage or column.training_dollars is not None for column in evaluation.columns):
        parts += ["### What an answer takes", _costs(evaluation.columns)]
    told = warnings(evaluation)
    if told:
        parts += ["### To know about these numbers", "\n".join(f"- {escaped(text)}" for text in told)]
    return "\n\n".join(parts) + "\n"


def column_table(evaluation: Evaluation) -> str:
    """Return every column with all its scores, their rows, and its loss."""
    graders = graders_of(evaluation)
    scales = {name: figures.scale_of(evaluation, name) for name in graders}
    rows = [
        [
            column.name,
            *(scales[name].score(column.scores.get(name)) for name in graders),
            _counted(column, evaluation.headline),
            figures.number_text(column.loss, 3),
        ]
        for column in evaluation.columns
    ]
    return markdown_table(["column", *(f"{name} (95 %)" for name in graders), "rows", "loss"], rows)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column is names, the others figures."""
    marks = ["---", *("---:" for _ in header[1:])]
    cells = [[escaped(cell) for cell in row] for row in (header, *rows)]
    lines = [cells[0], marks, *cells[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """Return the text on one line, with a backslash before everything that Markdown could take for markup."""
    return _SPECIAL.sub(r"\\\1", safe_text(text))


def _counted(column: Column, grader: str) -> str:
    score = column.scores.get(grader)
    if score is None:
        return figures.NONE
    return f"{score.num_rows:,}" + (f" ({score.num_failed:,} not judged)" if score.num_failed else "")


def _comparisons(evaluation: Evaluation) -> str:
    rows: list[list[str]] = []
    for found in evaluation.comparisons:
        scale = figures.scale_of(evaluation, found.grader)
        rows.append(
            [
                f"{found.column} against {found.against}, {found.grader}",
                scale.short_difference(found.difference, found.low, found.high),
                figures.p_text(found.p_holm),
                figures.NONE if found.detectable is None else scale.size(found.detectable),
                f"{found.num_rows:,}",
                VERDICT_WORDS[found.verdict][2],
            ]
        )
    return markdown_table(["compared", "difference (95 %)", "p (Holm)", "detectable", "rows", "verdict"], rows)


def _costs(columns: Sequence[Column]) -> str:
    rows: list[list[str]] = []
    for column in columns:
        usage = column.usage
        rows.append(
            [
                column.name,
                figures.number_text(usage.prompt_tokens if usage else None),
                figures.number_text(usage.completion_tokens if usage else None),
                figures.seconds_text(usage.latency_p50 if usage else None),
                figures.seconds_text(usage.latency_p95 if usage else None),
                figures.bytes_text(usage.peak_bytes if usage else None),
                figures.dollars_text(usage.dollars_per_1000 if usage else None),
                figures.dollars_text(column.training_dollars),
            ]
        )
    header = [
        "column",
        "tokens in",
        "tokens out",
        "latency p50",
        "p95",
        "memory",
        "per 1,000 requests",
        "training, once",
    ]
    return markdown_table(header, rows)
