"""The course of a training is drawn where it was measured, from zero where it is a share of what there is."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tunewright.evaluate.page.curves import loss_chart, machine_charts
from tunewright.evaluate.page.rendering import duration_text
from tunewright.runs.events import Validated
from tunewright.runs.metrics import MetricsRow


def test_a_run_from_before_usage_was_measured_has_no_charts_of_it() -> None:
    assert machine_charts([MetricsRow(step=1, train_loss=2.0)]) == []
    assert machine_charts([]) == []


def test_a_small_chart_starts_at_zero_and_has_one_line_and_no_legend() -> None:
    [chart] = machine_charts([MetricsRow(step=step, cpu_percent=190.0) for step in (1, 2, 3)])
    root = ET.fromstring(chart)
    assert "0" in [mark.text for mark in root.iter("text")]
    assert len(list(root.iter("polyline"))) == 1
    assert not [mark for mark in root.iter("text") if mark.attrib["class"] == "legend"]


def test_half_of_the_steps_is_their_median() -> None:
    rows = [MetricsRow(step=step, tokens_per_second=900.0 + step, memory_bytes=2 * 10**9) for step in range(1, 30)]
    told = [ET.fromstring(chart).findtext("desc") for chart in machine_charts(rows)]
    assert told == [
        "Half of the steps had more than 915 tokens/s, none more than 929.",
        "Half of the steps had more than 2 GB, none more than 2.",
    ]


def test_the_loss_curve_says_its_ends_and_marks_the_best_validation() -> None:
    rows = [MetricsRow(step=step, train_loss=3.0 / step) for step in range(1, 21)]
    events = [
        Validated(step=step, valid_loss=loss, perplexity=2.0, is_best=True) for step, loss in ((10, 0.9), (20, 1.1))
    ]
    root = ET.fromstring(loss_chart(rows, events, 10))
    assert root.findtext("desc") == (
        "Training loss goes from 3.000 at step 1 to 0.150 at step 20. "
        "Validation loss goes from 0.900 at step 10 to 1.100 at step 20. The best validation is at step 10."
    )
    # One mark of the best in the chart, one in its legend; each step and its trend are two lines.
    assert len([mark for mark in root.iter("circle") if mark.attrib["class"] == "best"]) == 2
    assert len(list(root.iter("polyline"))) == 2


def test_without_a_step_there_is_no_curve() -> None:
    assert loss_chart([], [], None) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0.0 s"), (41.7, "42 s"), (125.2, "2 min 5 s"), (3600.0, "1 h 0 min"), (59.99, "60 s")]
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
