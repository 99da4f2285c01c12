"""The page of an evaluation: one self-contained file, the verdict first, everything behind it below.

Gathers what the page says and hands it to `evaluation.html.jinja`, which escapes all that comes from rows, models or
files. Needs no network and no script. Does not score or compare: it shows what `evaluation.json` holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tunewright.evaluate.page import figures
from tunewright.evaluate.page.bars import Bar, interval_chart
from tunewright.evaluate.page.confusion import ConfusionTable, confusion_table
from tunewright.evaluate.page.rendering import render_page
from tunewright.evaluate.page.row_views import rows_on_page
from tunewright.evaluate.page.slices import ScoreOf, slice_tables
from tunewright.evaluate.page.verdict import TUNED, VERDICT_WORDS, headline_sentence, rival_sentence
from tunewright.evaluate.statistics.intervals import score_of
from tunewright.runs.atomic import write_text
from tunewright.runs.evaluation import Column, Evaluation

_TEMPLATE = Path(__file__).with_name("evaluation.html.jinja")
_NUM_REASONS = 5


def write_evaluation_page(
    path: Path,
    evaluation: Evaluation,
    *,
    title: str,
    curves: Sequence[Markup] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write the page; `curves` are charts of the training (`report.loss_chart`), `settings` the recipe's tree.

    Raises:
        StorageError: if the page cannot be written.
    """
    write_text(path, render_evaluation_page(evaluation, title=title, curves=curves, settings=settings))


def render_evaluation_page(
    evaluation: Evaluation,
    *,
    title: str,
    curves: Sequence[Markup] | None = None,
    settings: Mapping[str, Any] | None = None,
    score_of: ScoreOf = score_of,
) -> str:
    """Return the page as text; `score_of` makes the interval of a slice."""
    scales = {name: figures.scale_of(evaluation, name) for name in graders_of(evaluation)}
    headline = figures.scale_of(evaluation, evaluation.headline)
    page = {
        "title": title,
        "evaluation": evaluation,
        "verdict": headline_sentence(evaluation),
        "rival": rival_sentence(evaluation),
        "chart": headline_chart(evaluation),
        "graders": list(scales),
        "scales": scales,
        "headline": headline,
        "set_names": sorted({name for column in evaluation.columns for name in _set_values(column)}),
        "set_values": {column.name: _set_values(column) for column in evaluation.columns},
        "signatures": _signatures(evaluation),
        "slices": slice_tables(evaluation, score_of) if evaluation.headline else [],
        "confusions": _confusions(evaluation),
        "shown": rows_on_page(evaluation),
        "failures": {column.name: failure_counts(column) for column in evaluation.columns},
        "faults": answer_faults(evaluation),
        "verdict_words": VERDICT_WORDS,
        "curves": [curve for curve in curves or () if curve],
        "settings": flat_settings(settings or {}),
        "f": figures,
    }
    return render_page(_TEMPLATE, page)


def headline_chart(evaluation: Evaluation, *, chart_id: str = "headline") -> Markup:
    """Return every column's headline score with its interval, in the table's order; nothing without a score."""
    scale = figures.scale_of(evaluation, evaluation.headline)
    scored = [(column, column.scores.get(evaluation.headline)) for column in evaluation.columns]
    bars = [
        Bar(column.name, scale.score(score), score.mean, score.low, score.high, column.kind in TUNED)
        for column, score in scored
        if score is not None
    ]
    title = f"{evaluation.headline} of every column, with 95 % intervals"
    return interval_chart(bars, title=title, chart_id=chart_id, in_percent=scale.in_percent)


def graders_of(evaluation: Evaluation) -> list[str]:
    """Return the graders of all columns: the headline first, then in the order of the columns."""
    names = dict.fromkeys(name for column in evaluation.columns for name in column.scores)
    return sorted(names, key=lambda name: name != evaluation.headline)


def failure_counts(column: Column) -> list[tuple[str, str, int]]:
    """Return (grader, reason, number of answers) of what could not be judged, the five most frequent first."""
    counts = Counter(item for answer in column.answers for item in answer.failures.items())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(grader, reason, count) for (grader, reason), count in ordered[:_NUM_REASONS]]


def answer_faults(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return (column, what was odd about its answers): empty ones, endless ones, shortened prompts."""
    told: list[tuple[str, str]] = []
    for column in evaluation.columns:
        count = len(column.answers)
        empty = sum(not answer.text.strip() for answer in column.answers)
        endless = sum(not answer.has_ended for answer in column.answers)
        counts = (
            (empty, "answers are empty"),
            (endless, "answers did not end by themselves within the tokens they had"),
            (column.num_shortened, "prompts were shortened to fit the context"),
        )
        told += [(column.name, f"{number:,} of {count:,} {words}") for number, words in counts if number]
    return told


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return a tree of settings as `a.b.c` → text, in its own order."""
    flat: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            flat |= flat_settings(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = "" if value is None else str(value)
    return flat


def _set_values(column: Column) -> dict[str, float]:
    return {name: value for scores in column.set_scores.values() for name, value in scores.values.items()}


def _signatures(evaluation: Evaluation) -> list[str]:
    found = (scores.signature for column in evaluation.columns for scores in column.set_scores.values())
    return sorted({signature for signature in found if signature})


def _confusions(evaluation: Evaluation) -> list[tuple[Column, str, ConfusionTable]]:
    """Return the matrices, those of tuned columns first."""
    found = [
        (column, grader, confusion_table(scores.confusion))
        for column in evaluation.columns
        for grader, scores in column.set_scores.items()
        if scores.confusion is not None and scores.confusion.labels
    ]
    return sorted(found, key=lambda item: item[0].kind not in TUNED)
