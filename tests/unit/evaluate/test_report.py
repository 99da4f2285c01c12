"""The report page stands alone, shows what the run holds in any state, and trusts nothing that it shows."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.evaluate.chart import Series, line_chart, smoothed, ticks
from tunewright.evaluate.page.rendering import duration_text
from tunewright.evaluate.report import machine_charts, render_report, write_report
from tunewright.runs.events import Notice, RowLeftOut, RunFailed, RunInterrupted, RunStarted
from tunewright.runs.folder import RunFolder
from tunewright.runs.hardest import HARDEST, Hardest, HardRow, save_hardest
from tunewright.runs.metrics import MetricsRow
from tunewright.runs.samples import GroupScores, Message, Sample, Scores
from tunewright.spec.recipe import build_recipe

V1 = Path(__file__).parents[2] / "fixtures" / "run_v1"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}"
VOID = {"meta", "br", "img", "link", "input", "hr"}


class _Page(HTMLParser):
    """Tags, attributes and visible text of a page; fails on a tag closed out of order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", build_recipe({"name": "x"}))


def test_page_of_the_old_run_tells_all_of_it(tmp_path: Path) -> None:
    run = RunFolder.open(shutil.copytree(V1, tmp_path / "run"))
    path = write_report(run)
    assert path == run.report_path
    page = _Page(path.read_text(encoding="utf-8"))
    for told in (
        "contains: 2 % → 81 % on 170 held-out rows",
        "opening hours",
        "We open at 9:30 on Saturdays.",
        "✓ right",
        "✗ wrong",
        "train.jsonl:17",
        "messages[2].role is 'bot'",
        "largest power of two",
        "kind: lora",
        "2.13.0",
        "Intel(R) Xeon(R) Processor",
        run.manifest().recipe_sha256,
    ):
        assert told in page.text, told
    assert page.text.index("on 170 held-out rows") < page.text.index("Base against tuned")


def test_page_needs_nothing_from_outside() -> None:
    text = render_report(RunFolder.open(V1))
    page = _Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in {"src", "href", "srcset", "xlink:href"}]
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", text)
    assert "prefers-color-scheme: dark" in text


def test_hostile_content_is_shown_and_never_run(run: RunFolder) -> None:
    with run:
        run.append_event(RowLeftOut(path=HOSTILE, line=1, reason=HOSTILE))
        run.append_event(Notice(message=HOSTILE, hint=HOSTILE))
        run.append_event(RunFailed(code="x", message=HOSTILE, hint=HOSTILE))
        run.append_metrics(MetricsRow(step=1, train_loss=1.0))
    sample = Sample(
        prompt_messages=[Message(role=HOSTILE, content=HOSTILE)],
        reference=HOSTILE,
        base=HOSTILE,
        tuned=HOSTILE,
        group=HOSTILE,
        source=HOSTILE,
        line=1,
    )
    group = GroupScores(base=0.0, tuned=1.0, num_rows=1)
    scores = Scores(
        headline=HOSTILE,
        num_rows=1,
        base={HOSTILE: 0.0},
        tuned={HOSTILE: 1.0},
        groups={HOSTILE: group},
        samples=[sample],
    )
    run.save_scores(scores)
    hard = HardRow(
        path=HOSTILE, line=1, loss=9.0, num_supervised=1, prompt=HOSTILE, answer=HOSTILE, contradictions=[HOSTILE]
    )
    save_hardest(run.path / HARDEST, Hardest(num_rows=1, num_all=1, rows=[hard]))
    page = _Page(render_report(run))
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert page.text.count(HOSTILE) >= 18


def test_run_without_anything_has_a_page(run: RunFolder) -> None:
    page = _Page(render_report(run))
    assert "Stopped" in page.text
    assert "never started" in page.text
    assert "No step was taken yet." in page.text


def test_interrupted_run_has_a_page_with_its_curve_and_the_way_on(run: RunFolder) -> None:
    with run:
        run.append_event(RunStarted(run_id="r", name="x", tunewright_version="0"))
        run.append_metrics(MetricsRow(step=1, train_loss=2.0, valid_loss=2.5))
        run.append_metrics(MetricsRow(step=2, train_loss=float("nan")))
        run.append_event(RunInterrupted(step=2, hint="tunewright resume here"))
    page = _Page(render_report(run))
    assert "interrupted after step 2" in page.text
    assert "tunewright resume here" in page.text
    assert "svg" in page.tags


def test_losses_alone_are_enough_for_a_verdict(run: RunFolder) -> None:
    run.save_scores(Scores(headline="loss", num_rows=1, base={"loss": 2.0}, tuned={"loss": 1.0}))
    assert "loss: 2.000 → 1.000 on 1 held-out row" in _Page(render_report(run)).text


def test_the_hardest_rows_are_shown_with_loss_place_words_and_what_that_may_mean(run: RunFolder) -> None:
    rows = [
        HardRow(
            path="t.jsonl",
            line=17,
            loss=6.2134,
            num_supervised=1,
            prompt="user: When?",
            answer="Never.",
            contradictions=["t.jsonl:4"],
        ),
        HardRow(path="t.jsonl", line=3, loss=2.0, num_supervised=1200, prompt="", answer="Some text."),
    ]
    save_hardest(run.path / HARDEST, Hardest(num_rows=2000, num_all=12000, median_loss=0.4, rows=rows))
    text = _Page(render_report(run)).text
    for told in (
        "Rows that the model finds hardest",
        "a sample of 2,000 of the 12,000 training rows",
        "half of them are below 0.400",
        "the answer is wrong",
        "6.213",
        "over 1 token",
        "over 1,200 tokens",
        "t.jsonl:17",
        "another answer to the same prompt: t.jsonl:4",
    ):
        assert told in " ".join(text.split()), told
    assert text.index("Never.") < text.index("Some text.")


def test_what_the_machine_did_is_drawn_where_it_was_measured(run: RunFolder) -> None:
    with run:
        for step in range(1, 30):
            row = MetricsRow(step=step, train_loss=1.0, tokens_per_second=900.0 + step, memory_bytes=2 * 10**9)
            run.append_metrics(row)
    page = _Page(render_report(run))
    assert "throughput (tokens/s)" in page.text
    assert "memory (GB)" in page.text
    assert "Half of the steps had more than 915 tokens/s, none more than 929." in page.text
    assert "processor (" not in page.text
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_a_run_from_before_usage_was_measured_has_no_charts_of_it() -> None:
    assert machine_charts(RunFolder.open(V1).metrics()) == []
    assert "Machine" not in _Page(render_report(RunFolder.open(V1))).text


def test_a_small_chart_starts_at_zero_and_has_one_line_and_no_legend() -> None:
    [chart] = machine_charts([MetricsRow(step=step, cpu_percent=190.0) for step in (1, 2, 3)])
    root = ET.fromstring(chart)
    assert "0" in [mark.text for mark in root.iter("text")]
    assert len(list(root.iter("polyline"))) == 1
    assert not [mark for mark in root.iter("text") if mark.attrib["class"] == "legend"]


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


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0.0 s"), (41.7, "42 s"), (125.2, "2 min 5 s"), (3600.0, "1 h 0 min"), (59.99, "60 s")]
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
