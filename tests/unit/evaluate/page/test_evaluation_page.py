"""The page of an evaluation says the verdict first, holds all the numbers, and trusts nothing that it shows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.evaluate.page.building import empty_evaluation, make_evaluation
from tunewright.errors import StorageError
from tunewright.evaluate.chart import Series, line_chart
from tunewright.evaluate.page.bars import WIDTH, Bar, interval_chart
from tunewright.evaluate.page.evaluation_page import (
    answer_faults,
    failure_counts,
    flat_settings,
    render_evaluation_page,
    write_evaluation_page,
)
from tunewright.evaluate.page.verdict import headline_sentence
from tunewright.runs.evaluation import Confusion, Evaluation, Row, SetScore
from tunewright.runs.samples import Message

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
        self.text = " ".join(self.text.split())

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


def page_of(evaluation: Evaluation, **more: object) -> _Page:
    return _Page(render_evaluation_page(evaluation, title="desk", **more))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def page() -> _Page:
    curve = line_chart([Series("training", "line", [(1, 2.0), (2, 1.0)])], title="Loss", description="It falls.",
                       x_label="step", y_label="loss", chart_id="loss")  # fmt: skip
    return page_of(make_evaluation(), curves=[curve], settings={"method": {"kind": "lora", "rank": 8}, "seed": 1})


def test_the_verdict_comes_before_everything_else(page: _Page) -> None:
    verdict = headline_sentence(make_evaluation())
    body = page.text.index("desk", page.text.index("@media print"))
    assert page.text[body:].startswith(f"desk {verdict}")


def test_page_holds_every_part_of_the_evaluation(page: _Page) -> None:
    for told in (
        "Too few rows to tell the tuned model from “4 examples (bm25)”",
        "1 test row nearly repeats a training row",
        "Fine-tune: the tuned model wins.",
        "comparisons.0.difference",
        "3 not judged",
        "nrefs:1|case:mixed|eff:no|tok:13a",
        "+80 (+69 to +91)",
        "McNemar",
        "16 points",
        "$0.0026",
        "812 MB",
        "82 ms",
        "3 min 4 s",
        "machine-seconds at $0.12 an hour",
        "Cyrillic",
        "opening hours",
        "expected ↓ given →",
        "12 of 15",
        "✗ memorised",
        "? forgetting",
        "not measured",
        "7 of 60 answers are empty",
        "3 answers without a score by contains: the judge timed out after 30 s",
        "did not end by itself",
        "oldest 1 of 4 examples left out",
        "Lost against the base",
        "Lowest scores",
        "All 60 rows.",
        "It falls.",
        "method.kind",
        "chosen on 40 validation rows, 4 settings",
        "4 settings tried on validation rows",
        "test set 0, bootstrap 0, examples 7",
        "2 test rows have no reference",
    ):
        assert told in page.text, told


def test_page_needs_nothing_from_outside_and_no_script() -> None:
    text = render_evaluation_page(make_evaluation(), title="desk")
    page = _Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in {"src", "href", "srcset", "xlink:href"}]
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", text)
    assert "prefers-color-scheme: dark" in text


def test_no_two_elements_share_an_id(page: _Page) -> None:
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids)) > 0


def test_hostile_content_is_shown_and_never_run() -> None:
    evaluation = make_evaluation(num_rows=12)
    tuned = evaluation.columns[-1]
    answers = [
        answer.model_copy(update={"text": HOSTILE, "note": HOSTILE, "scores": {}, "failures": {"contains": HOSTILE}})
        for answer in tuned.answers
    ]
    labels = SetScore(values={HOSTILE: 1.0}, signature=HOSTILE, confusion=Confusion(labels=[HOSTILE], counts=[[1, 2]]))
    hostile = tuned.model_copy(
        update={
            "name": HOSTILE,
            "model": HOSTILE,
            "settings": {HOSTILE: HOSTILE},
            "set_scores": {HOSTILE: labels},
            "answers": answers,
            "notes": [HOSTILE],
        }
    )
    row = Row(
        where=HOSTILE,
        prompt=[Message(role=HOSTILE, content=HOSTILE)],
        reference=HOSTILE,
        group=HOSTILE,
        slices={HOSTILE: HOSTILE},
    )
    test = evaluation.test.model_copy(update={"rows": [row, *evaluation.test.rows[1:]], "chosen": HOSTILE})
    evaluation = evaluation.model_copy(
        update={"columns": [*evaluation.columns[:-1], hostile], "test": test, "comparisons": [], "notes": [HOSTILE]}
    )
    page = page_of(evaluation, settings={HOSTILE: HOSTILE})
    assert not {"script", "img"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert page.text.count(HOSTILE) >= 18


@pytest.mark.parametrize("columns", [0, 1])
def test_an_evaluation_of_almost_nothing_has_a_page(columns: int) -> None:
    full = make_evaluation(num_rows=4)
    bare = [full.columns[0].model_copy(update={"usage": None, "scores": {}, "set_scores": {}, "answers": []})]
    page = page_of(empty_evaluation(*bare[:columns]))
    assert "can be said about whether it helped" in page.text or "No answer was graded" in page.text


def test_at_most_two_hundred_rows_are_shown_and_the_page_says_so() -> None:
    text = render_evaluation_page(make_evaluation(num_rows=230), title="desk")
    assert "200 of the 230 rows are on this page; all are in evaluation.json." in text
    assert len(set(re.findall(r'<div class="from">(heldout\.jsonl:\d+)', text))) == 200


def test_a_long_answer_is_cut_and_says_by_how_much() -> None:
    evaluation = make_evaluation(num_rows=4)
    column = evaluation.columns[-1]
    answers = [column.answers[0].model_copy(update={"text": "x" * 5000}), *column.answers[1:]]
    column = column.model_copy(update={"answers": answers})
    page = page_of(evaluation.model_copy(update={"columns": [*evaluation.columns[:-1], column]}))
    assert "… 3,800 more characters" in page.text
    assert "x" * 1201 not in page.text


def test_the_file_is_written_whole_or_the_storage_is_blamed(tmp_path: Path) -> None:
    write_evaluation_page(tmp_path / "page.html", make_evaluation(num_rows=4), title="desk")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    with pytest.raises(StorageError):
        write_evaluation_page(tmp_path / "page.html" / "page.html", make_evaluation(num_rows=4), title="desk")


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


def test_settings_are_flattened_without_loss() -> None:
    assert flat_settings({"a": {"b": 1, "c": {"d": None}}, "e": [1, 2], "f": {}}) == {
        "a.b": "1",
        "a.c.d": "",
        "e": "[1, 2]",
        "f": "{}",
    }


SCORES = st.floats(0, 1)


@given(st.lists(st.tuples(st.text(max_size=200), SCORES, SCORES, SCORES), min_size=1, max_size=6))
def test_every_chart_is_well_formed_and_inside_its_frame(drawn: list[tuple[str, float, float, float]]) -> None:
    bars = [Bar(_printable(name), "5 % (3–7 %)", mean, min(a, b), max(a, b), True) for name, mean, a, b in drawn]
    root = ET.fromstring(interval_chart(bars, title="t<", chart_id="x", in_percent=True))
    height = float(root.attrib["viewBox"].split()[3])
    for mark in root.iter("rect"):
        assert 0 <= float(mark.attrib["x"]) <= float(mark.attrib["x"]) + float(mark.attrib["width"]) <= WIDTH
        assert 0 <= float(mark.attrib["y"]) <= height
    assert root.attrib["role"] == "img"
    assert all(bar.name in (root.findtext("desc") or "") for bar in bars)


def test_whiskers_lie_at_the_interval_of_a_scale_of_its_own() -> None:
    bars = [Bar("a", "3", 3.0, 2.0, 4.0, False), Bar("b", "1", -1.0, -2.0, 0.5, True)]
    root = ET.fromstring(interval_chart(bars, title="t", chart_id="x", in_percent=False))
    [first, second] = [re.findall(r"[\d.]+", mark.attrib["d"]) for mark in root.iter("path")]
    [zero_bar, below] = [float(mark.attrib["x"]) for mark in root.iter("rect")]
    # The first bar starts where the second ends: at zero.
    assert float(second[0]) < below < zero_bar < float(first[0])


def test_no_bar_no_chart() -> None:
    assert interval_chart([], title="t", chart_id="x", in_percent=True) == ""


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())
