"""What went wrong is counted, and every column's score is drawn with its interval, inside its frame."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.evaluate.page.building import loss_evaluation, make_evaluation
from tunewright.evaluate.page.bars import WIDTH, Bar, interval_chart
from tunewright.evaluate.page.evaluation_view import answer_faults, evaluation_view, failure_counts, headline_chart


def test_reasons_are_counted_most_frequent_first_and_only_five() -> None:
    column = make_evaluation(num_rows=60).columns[-1]
    answers = [
        answer.model_copy(update={"failures": {"judge": f"reason {number % 7 if number < 14 else 6}"}})
        for number, answer in enumerate(column.answers)
    ]
    counted = failure_counts(column.model_copy(update={"answers": answers}))
    assert counted[0] == ("judge", "reason 6", 48)
    assert [count for _, _, count in counted] == [48, 2, 2, 2, 2]


def test_empty_endless_and_shortened_are_told_only_where_they_are() -> None:
    told = answer_faults(make_evaluation(num_rows=60))
    assert {name for name, _ in told} == {"base", "4 examples (bm25)"}


def test_splits_are_told_apart_only_where_there_is_more_than_the_test_set() -> None:
    assert evaluation_view(make_evaluation(num_rows=4)).splits == ("train", "validation", "test")
    assert evaluation_view(loss_evaluation()).splits == ()


def test_losses_are_drawn_without_an_interval_that_nobody_measured() -> None:
    root = ET.fromstring(headline_chart(loss_evaluation()))
    assert root.findtext("desc") == "base: 2.000. tuned: 1.000."
    assert not list(root.iter("path"))
    widths = [float(mark.attrib["width"]) for mark in root.iter("rect")]
    assert abs(widths[0] - 2 * widths[1]) < 0.2


SCORES = st.floats(0, 1)


@given(st.lists(st.tuples(st.text(max_size=200), SCORES, SCORES, SCORES), min_size=1, max_size=6))
def test_every_chart_is_well_formed_and_inside_its_frame(drawn: list[tuple[str, float, float, float]]) -> None:
    bars = [Bar(_printable(name), "5 % (3–7 %)", mean, (min(a, b), max(a, b)), True) for name, mean, a, b in drawn]
    root = ET.fromstring(interval_chart(bars, title="t<", chart_id="x", in_percent=True))
    height = float(root.attrib["viewBox"].split()[3])
    for mark in root.iter("rect"):
        assert 0 <= float(mark.attrib["x"]) <= float(mark.attrib["x"]) + float(mark.attrib["width"]) <= WIDTH
        assert 0 <= float(mark.attrib["y"]) <= height
    assert root.attrib["role"] == "img"
    assert all(bar.name in (root.findtext("desc") or "") for bar in bars)


def test_whiskers_lie_at_the_interval_of_a_scale_of_its_own() -> None:
    bars = [Bar("a", "3", 3.0, (2.0, 4.0), False), Bar("b", "1", -1.0, (-2.0, 0.5), True)]
    root = ET.fromstring(interval_chart(bars, title="t", chart_id="x", in_percent=False))
    [first, second] = [re.findall(r"[\d.]+", mark.attrib["d"]) for mark in root.iter("path")]
    [zero_bar, below] = [float(mark.attrib["x"]) for mark in root.iter("rect")]
    # The first bar starts where the second ends: at zero.
    assert float(second[0]) < below < zero_bar < float(first[0])


def test_no_bar_no_chart() -> None:
    assert interval_chart([], title="t", chart_id="x", in_percent=True) == ""


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())
