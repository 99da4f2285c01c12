"""The report page of a run: one self-contained file that a browser shows without a network, in light or dark.

Gathers what the page says and hands it to `report.html.jinja`, which escapes everything that comes from rows, models
or files. Works for a run in any state. Does not score anything: it shows what the run folder holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tunewright.evaluate.chart import SMALL, Point, Series, line_chart, smoothed
from tunewright.evaluate.page.rendering import render_page
from tunewright.runs.atomic import write_text
from tunewright.runs.events import DataRead, DataSplit, Event, ModelLoaded, RowLeftOut, TrainingStarted, Validated
from tunewright.runs.folder import RunFolder
from tunewright.runs.hardest import HARDEST, load_hardest
from tunewright.runs.metrics import MetricsRow
from tunewright.runs.samples import Sample, Scores
from tunewright.runs.summary import LOWER_IS_BETTER, distinct, last_of, score_text, summarise

_TEMPLATE = Path(__file__).with_name("report.html.jinja")
_MAX_LEFT_OUT = 100
# Fewer points than this are a line one can read; smoothing would only hide them.
_MIN_POINTS_TO_SMOOTH = 12


@dataclass(frozen=True, slots=True)
class _Curve:
    field: str
    name: str
    unit: str
    unit_size: float = 1.0
    is_noisy: bool = True


_MACHINE = (
    _Curve("tokens_per_second", "throughput", "tokens/s"),
    _Curve("memory_bytes", "memory", "GB", 1e9, is_noisy=False),
    _Curve("cpu_percent", "processor", "% of one core"),
    _Curve("gpu_percent", "accelerator busy", "%"),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One score of both models; widths in percent of the longest bar that makes sense."""

    name: str
    base: str
    tuned: str
    base_width: float
    tuned_width: float
    is_headline: bool
    lower_is_better: bool


def write_report(run: RunFolder) -> Path:
    """Write `report/index.html` of a run and return its path.

    Raises:
        RunError: if a file of the run is damaged.
        StorageError: if the page cannot be written.
    """
    write_text(run.report_path, render_report(run))
    return run.report_path


def render_report(run: RunFolder) -> str:
    """Return the page as text."""
    events, scores = run.events(), run.scores()
    summary = summarise(run)
    page = {
        "summary": summary,
        "bars": score_bars(scores, summary.headline),
        "chart": loss_chart(run.metrics(), events, summary.best_step),
        "machine": machine_charts(run.metrics()),
        "hardest": load_hardest(run.path / HARDEST),
        "groups": _groups(scores, summary.headline),
        "samples": [_sample(sample, summary.headline) for sample in scores.samples] if scores else [],
        "model": last_of(ModelLoaded, events),
        "training": last_of(TrainingStarted, events),
        "recipe": run.recipe_path.read_text(encoding="utf-8"),
        "manifest": run.manifest(),
        **_data(events),
    }
    return render_page(_TEMPLATE, page)


def score_bars(scores: Scores | None, headline: str | None) -> list[Bar]:
    """Return one bar pair per score that both models have: the headline first, losses last."""
    if scores is None:
        return []
    names = [name for name in scores.tuned if name in scores.base]
    names.sort(key=lambda name: (name != headline, name in LOWER_IS_BETTER))
    return [_bar(name, scores.base[name], scores.tuned[name], name == headline) for name in names]


def loss_chart(rows: list[MetricsRow], events: list[Event], best_step: int | None) -> Markup:
    """Return the loss curve (each step thin, its trend, validations, the best one), or nothing without points."""
    train: list[Point] = [(row.step, row.train_loss) for row in rows]
    by_step = {row.step: row.valid_loss for row in rows if row.valid_loss is not None}
    by_step |= {event.step: event.valid_loss for event in events if isinstance(event, Validated) and event.valid_loss}
    valid: list[Point] = sorted(by_step.items())
    series = [Series("validation", "dots", valid), Series("best", "best", [p for p in valid if p[0] == best_step])]
    if len(train) < _MIN_POINTS_TO_SMOOTH:
        series.insert(0, Series("training", "line", train))
    else:
        series[:0] = [Series("each step", "thin", train), Series("training, smoothed", "line", smoothed(train))]
    return line_chart(
        series,
        title="Loss over the run",
        description=_in_words(train, valid, best_step),
        x_label="optimiser step",
        y_label="loss (nats per token)",
        chart_id="loss",
    )


def machine_charts(rows: list[MetricsRow]) -> list[Markup]:
    """Return small charts of throughput, memory, processor and accelerator: those that were measured."""
    charts: list[Markup] = []
    for curve in _MACHINE:
        points: list[Point] = [(row.step, _scaled(getattr(row, curve.field), curve.unit_size)) for row in rows]
        known = [y for _, y in points if y is not None]
        if not known:
            continue
        few = len(known) < _MIN_POINTS_TO_SMOOTH
        series = [Series(curve.name, "line", points)]
        if curve.is_noisy and not few:
            series = [Series("each step", "thin", points), Series(curve.name, "line", smoothed(points))]
        # From 0: a share of what there is is judged by its height, and a flat line must look flat.
        series.append(Series("", "none", [(points[0][0], 0.0)]))
        middle = sorted(known)[len(known) // 2]
        words = f"Half of the steps had more than {middle:,.4g} {curve.unit}, none more than {max(known):,.4g}."
        chart = line_chart(
            series,
            title=f"{curve.name} over the run",
            description=words,
            x_label="optimiser step",
            y_label=f"{curve.name} ({curve.unit})",
            chart_id=curve.field,
            frame=SMALL,
        )
        charts.append(chart)
    return charts


def _scaled(value: float | None, unit_size: float) -> float | None:
    return None if value is None else value / unit_size


def _bar(name: str, base: float, tuned: float, is_headline: bool) -> Bar:
    full = max(base, tuned, 1e-12) if name in LOWER_IS_BETTER or max(base, tuned) > 1 else 1.0
    return Bar(
        name=name,
        base=score_text(name, base),
        tuned=score_text(name, tuned),
        base_width=round(100 * max(base, 0) / full, 1),
        tuned_width=round(100 * max(tuned, 0) / full, 1),
        is_headline=is_headline,
        lower_is_better=name in LOWER_IS_BETTER,
    )


def _groups(scores: Scores | None, headline: str | None) -> list[tuple[str, int, Bar]]:
    if scores is None or headline is None:
        return []
    ordered = sorted(scores.groups.items(), key=lambda item: (-item[1].num_rows, item[0]))
    return [(name, group.num_rows, _bar(headline, group.base, group.tuned, False)) for name, group in ordered]


def _sample(sample: Sample, headline: str | None) -> dict[str, Any]:
    answers = [
        ("base", sample.base, _judged(headline, sample.base_scores)),
        ("tuned", sample.tuned, _judged(headline, sample.tuned_scores)),
    ]
    return {"row": sample, "answers": answers}


def _judged(headline: str | None, scores: dict[str, float]) -> tuple[str, str, str] | None:
    """Return how an answer did as (CSS class, sign, words): never by colour alone."""
    if headline is None or headline in LOWER_IS_BETTER or headline not in scores:
        return None
    score = scores[headline]
    if score >= 1:
        return "right", "✓", "right"
    if score <= 0:
        return "wrong", "✗", "wrong"
    return "partly", "◐", score_text(headline, score)


def _data(events: list[Event]) -> dict[str, Any]:
    left_out = distinct(RowLeftOut, events)
    return {
        "files": distinct(DataRead, events),
        "split": last_of(DataSplit, events),
        "left_out": left_out[:_MAX_LEFT_OUT],
        "num_more_left_out": max(0, len(left_out) - _MAX_LEFT_OUT),
    }


def _in_words(train: list[Point], valid: list[Point], best_step: int | None) -> str:
    """Return what the curve shows, for those who cannot see it."""
    parts: list[str] = []
    for name, points in (("Training", train), ("Validation", valid)):
        known = [(step, loss) for step, loss in points if loss is not None]
        if known:
            (first, start), (last, end) = known[0], known[-1]
            parts.append(f"{name} loss goes from {start:.3f} at step {first} to {end:.3f} at step {last}.")
    if best_step is not None:
        parts.append(f"The best validation is at step {best_step}.")
    return " ".join(parts)
