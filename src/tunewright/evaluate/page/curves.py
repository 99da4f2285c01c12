"""The course of a training as charts: its loss, and what the machine did meanwhile.

Draws what `metrics.jsonl` and the events hold; what was not measured has no chart. Does not know on which page a
chart stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tunewright.evaluate.chart import SMALL, Point, Series, line_chart, smoothed
from tunewright.runs.events import Event, Validated
from tunewright.runs.metrics import MetricsRow

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


def loss_chart(rows: Sequence[MetricsRow], events: Sequence[Event], best_step: int | None) -> Markup:
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


def machine_charts(rows: Sequence[MetricsRow]) -> list[Markup]:
    """Return small charts of throughput, memory, processor and accelerator: those that were measured."""
    charts = (_machine_chart(curve, rows) for curve in _MACHINE)
    return [chart for chart in charts if chart]


def _machine_chart(curve: _Curve, rows: Sequence[MetricsRow]) -> Markup:
    points: list[Point] = [(row.step, _scaled(getattr(row, curve.field), curve.unit_size)) for row in rows]
    known = [y for _, y in points if y is not None]
    if not known:
        return Markup("")
    series = [Series(curve.name, "line", points)]
    if curve.is_noisy and len(known) >= _MIN_POINTS_TO_SMOOTH:
        series = [Series("each step", "thin", points), Series(curve.name, "line", smoothed(points))]
    # From 0: a share of what there is is judged by its height, and a flat line must look flat.
    series.append(Series("", "none", [(points[0][0], 0.0)]))
    middle = sorted(known)[len(known) // 2]
    words = f"Half of the steps had more than {middle:,.4g} {curve.unit}, none more than {max(known):,.4g}."
    return line_chart(
        series,
        title=f"{curve.name} over the run",
        description=words,
        x_label="optimiser step",
        y_label=f"{curve.name} ({curve.unit})",
        chart_id=curve.field,
        frame=SMALL,
    )


def _scaled(value: float | None, unit_size: float) -> float | None:
    return None if value is None else value / unit_size


def _in_words(train: Sequence[Point], valid: Sequence[Point], best_step: int | None) -> str:
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
