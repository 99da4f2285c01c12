"""What a page says of an evaluation, gathered part by part for the templates.

The verdict, the chart, the scores with their scale, slices, matrices, rows, and what went wrong. Does not score or
compare anything: it shows what `evaluation.json` holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from tunewright.evaluate.page.bars import Bar, interval_chart
from tunewright.evaluate.page.confusion import ConfusionTable, confusion_table
from tunewright.evaluate.page.figures import Scale, number_text, scale_of
from tunewright.evaluate.page.row_views import RowsOnPage, rows_on_page
from tunewright.evaluate.page.slices import ScoreOf, SliceTable, slice_tables
from tunewright.evaluate.page.verdict import (
    TUNED,
    VERDICT_WORDS,
    headline_sentence,
    judged_sentence,
    rival_sentence,
)
from tunewright.evaluate.statistics.intervals import score_of
from tunewright.runs.evaluation import Column, Evaluation, Verdict

_NUM_REASONS = 5
_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class EvaluationView:
    """Everything that is worked out of an evaluation to be shown; the rest is read from the evaluation itself."""

    verdict: str
    rival: str
    chart: Markup
    scales: Mapping[str, Scale]
    """By grader, in the order in which they are shown."""
    headline: Scale
    set_names: tuple[str, ...]
    set_values: Mapping[str, Mapping[str, float]]
    """By column, then by name of the score."""
    signatures: tuple[str, ...]
    has_accuracy: bool
    """Whether a share of tokens foretold was measured on the test set."""
    splits: tuple[str, ...]
    """Splits whose losses are worth a table: empty if there is none but the test set."""
    has_usage: bool
    judged: tuple[str, ...]
    """One sentence for each of the evaluation's judged pairs."""
    slices: tuple[SliceTable, ...]
    confusions: tuple[tuple[Column, str, ConfusionTable], ...]
    shown: RowsOnPage
    faults: tuple[tuple[str, str], ...]
    failures: Mapping[str, list[tuple[str, str, int]]]
    """By column, what graders could not judge."""
    verdict_words: Mapping[Verdict, tuple[str, str, str]]


def evaluation_view(evaluation: Evaluation, score_of: ScoreOf = score_of) -> EvaluationView:
    """Return the view; `score_of` makes the interval of a slice."""
    columns = evaluation.columns
    set_values = {column.name: _set_values(column) for column in columns}
    signatures = {found.signature for column in columns for found in column.set_scores.values()}
    return EvaluationView(
        verdict=headline_sentence(evaluation),
        rival=rival_sentence(evaluation),
        chart=headline_chart(evaluation),
        scales={name: scale_of(evaluation, name) for name in graders_of(evaluation)},
        headline=scale_of(evaluation, evaluation.headline),
        set_names=tuple(sorted({name for values in set_values.values() for name in values})),
        set_values=set_values,
        signatures=tuple(sorted(signatures - {""})),
        has_accuracy=any(c.losses["test"].token_accuracy is not None for c in columns if "test" in c.losses),
        splits=_splits(evaluation),
        has_usage=any(c.usage or c.training_seconds is not None or c.training_dollars is not None for c in columns),
        judged=tuple(judged_sentence(found) for found in evaluation.judged),
        slices=tuple(slice_tables(evaluation, score_of)) if evaluation.headline else (),
        confusions=_confusions(evaluation),
        shown=rows_on_page(evaluation),
        faults=tuple(answer_faults(evaluation)),
        failures={column.name: failure_counts(column) for column in columns},
        verdict_words=VERDICT_WORDS,
    )


def headline_chart(evaluation: Evaluation, *, chart_id: str = "headline") -> Markup:
    """Return every column's headline score with its interval, in the table's order; the loss where nothing was graded.

    Nothing without a score.
    """
    if not evaluation.headline:
        return _loss_bars(evaluation, chart_id)
    scale = scale_of(evaluation, evaluation.headline)
    scored = [(column, column.scores.get(evaluation.headline)) for column in evaluation.columns]
    bars = [
        Bar(column.name, scale.score(score), score.mean, (score.low, score.high), column.kind in TUNED)
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


def _loss_bars(evaluation: Evaluation, chart_id: str) -> Markup:
    bars = [
        Bar(column.name, number_text(column.loss, 3), column.loss, None, column.kind in TUNED)
        for column in evaluation.columns
        if column.loss is not None
    ]
    title = "loss of every column, nats a token; lower is better"
    return interval_chart(bars, title=title, chart_id=chart_id, in_percent=False)


def _splits(evaluation: Evaluation) -> tuple[str, ...]:
    names = {name for column in evaluation.columns for name in column.losses}
    if not names - {"test"}:
        return ()
    return (*(name for name in _SPLITS if name in names), *sorted(names.difference(_SPLITS)))


def _set_values(column: Column) -> dict[str, float]:
    return {name: value for scores in column.set_scores.values() for name, value in scores.values.items()}


def _confusions(evaluation: Evaluation) -> tuple[tuple[Column, str, ConfusionTable], ...]:
    """Return the matrices, those of tuned columns first."""
    found = [
        (column, grader, confusion_table(scores.confusion))
        for column in evaluation.columns
        for grader, scores in column.set_scores.items()
        if scores.confusion is not None and scores.confusion.labels
    ]
    return tuple(sorted(found, key=lambda item: item[0].kind not in TUNED))
