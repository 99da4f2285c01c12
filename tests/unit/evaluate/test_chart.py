"""Every chart is well formed, inside its frame, honest about spikes and gaps, and its ticks are round."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from tunewright.evaluate.chart import Series, line_chart, smoothed, ticks

FINITE = st.floats(-1e12, 1e12)


@given(st.lists(st.tuples(st.integers(0, 10**7), st.none() | st.floats() | FINITE), max_size=30))
def test_every_chart_is_well_formed_and_inside_its_frame(points: list[tuple[float, float | None]]) -> None:
    # Beyond 1e300 the frame itself would overflow.
    points = [(x, y) for x, y in points if y is None or not 1e300 < abs(y) < float("inf")]
    series = [
        Series("<a>", "line", points),
        Series("b", "dots", points),
        Series("c", "thin", []),
        Series("d", "best", points[:1]),
    ]
    text = line_chart(series, title="t<", description="d&", x_label="x", y_label="y")
    if not text:
        return
    root = ET.fromstring(text)
    assert root.attrib["role"] == "img"
    assert "nan" not in text
    places = [(float(mark.attrib["cx"]), float(mark.attrib["cy"])) for mark in root.iter("circle")]
    assert all(-1 <= x <= 721 and -1 <= y <= 301 for x, y in places)


def test_chart_of_nothing_is_empty_and_of_one_point_has_a_dot() -> None:
    def chart(value: float | None) -> str:
        return line_chart([Series("a", "line", [(1, value)])], title="t", description="d", x_label="x", y_label="y")

    assert chart(None) == chart(float("nan")) == ""
    assert chart(2.0).count("<circle") == 1


def test_long_line_is_thinned_without_losing_its_spike() -> None:
    points = [(step, 50.0 if step == 7777 else 1.0) for step in range(20_000)]
    text = line_chart([Series("a", "thin", points)], title="t", description="d", x_label="x", y_label="y")
    heights = [float(pair.split(",")[1]) for pair in re.findall(r'points="([^"]+)"', text)[0].split()]
    assert len(heights) < 1000
    assert min(heights) < 100 < max(heights)


@given(st.lists(FINITE, min_size=1, max_size=5))
def test_ticks_enclose_the_values_in_few_round_steps(values: list[float]) -> None:
    marks = ticks(values)
    slack = 1e-6 * max(1.0, *map(abs, values))
    assert marks[0] <= min(values) + slack
    assert marks[-1] >= max(values) - slack
    assert 2 <= len(marks) <= 9


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=60))
def test_smoothing_keeps_steps_and_range(losses: list[float]) -> None:
    smooth = smoothed(list(enumerate(losses)))
    assert [x for x, _ in smooth] == list(range(len(losses)))
    assert all(min(losses) - 1e-6 <= (y or 0.0) <= max(losses) + 1e-6 for _, y in smooth)
