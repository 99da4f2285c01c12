"""An evaluation as Markdown and in the terminal: goldens, the width, and what may not get through.

`UPDATE_GOLDENS=1 pytest tests/unit/evaluate/page/test_texts.py` writes the goldens anew; read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.unit.evaluate.page.building import empty_evaluation, make_evaluation
from tunewright.evaluate.page.markdown import escaped, evaluation_markdown
from tunewright.evaluate.page.terminal import evaluation_lines, verdict_lines
from tunewright.evaluate.page.text_table import safe_text, table_lines, wrapped
from tunewright.evaluate.page.verdict import headline_sentence

GOLDENS = Path(__file__).parents[3] / "golden" / "evaluation"


def check(name: str, text: str) -> None:
    golden = GOLDENS / name
    if os.environ.get("UPDATE_GOLDENS"):
        golden.write_text(text, encoding="utf-8", newline="\n")
    assert text == golden.read_text(encoding="utf-8")


def test_terminal_text_of_a_tuning_that_helped() -> None:
    check("better.txt", "\n".join(evaluation_lines(make_evaluation(), 80)) + "\n")


def test_terminal_text_of_too_few_rows_in_a_narrow_window() -> None:
    evaluation = make_evaluation(num_rows=12, verdict="too_few_rows", shares={"tuned": 0.3, "base": 0.2})
    check("too_few.txt", "\n".join(evaluation_lines(evaluation, 60)) + "\n")


def test_markdown_of_a_tuning_that_helped() -> None:
    check("better.md", evaluation_markdown(make_evaluation()))


@given(st.integers(40, 120), st.text(max_size=60))
@settings(max_examples=40)
def test_no_line_is_wider_than_the_window(width: int, name: str) -> None:
    evaluation = make_evaluation(num_rows=4)
    column = evaluation.columns[-1].model_copy(update={"name": name, "num_shortened": 1})
    evaluation = evaluation.model_copy(update={"columns": [*evaluation.columns[:-1], column], "notes": [name * 5]})
    for lines in (evaluation_lines(evaluation, width), verdict_lines(evaluation, width)):
        assert all(cell_len(line) <= width for line in lines)


def test_a_training_ends_with_its_verdict_and_nothing_else() -> None:
    evaluation = make_evaluation()
    assert " ".join(verdict_lines(evaluation, 50)) == headline_sentence(evaluation)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=5), st.integers(20, 60))
def test_figures_are_whole_or_left_out_and_named(cells: list[str], width: int) -> None:
    header = ["name", *(f"h{n}" for n in range(len(cells)))]
    lines, missing = table_lines(header, [["a long name of a column", *cells]], width)
    kept = len(cells) - len(missing)
    assert missing == header[kept + 1 :]
    assert all(safe_text(cell) in lines[-1] for cell in cells[:kept])


def test_wrapping_keeps_a_figure_and_its_unit_together() -> None:
    assert wrapped("It rose, p = 0.012, to 81 % of rows.", 13) == ["It rose,", "p = 0.012, to", "81 % of rows."]
    assert wrapped("a " * 30 + "x" * 50, 20, indent="  ")[-1].startswith("  x")


def test_control_characters_reach_neither_screen_nor_document() -> None:
    evil = "\x1b[2J\x07name\u202e"
    evaluation = make_evaluation(num_rows=4)
    column = evaluation.columns[-1].model_copy(update={"name": evil})
    evaluation = evaluation.model_copy(update={"columns": [column], "notes": [evil], "comparisons": []})
    for text in ("\n".join(evaluation_lines(evaluation, 80)), evaluation_markdown(evaluation)):
        assert "name" in text
        assert not set(text) & {"\x1b", "\x07", "\u202e"}


@pytest.mark.parametrize("text", ["a | b", "<b>", "*x* _y_ `z`", "[a](b)", "line\nbreak", "# no heading", "@everyone"])
def test_markdown_takes_nothing_of_a_name_for_markup(text: str) -> None:
    told = escaped(text)
    assert "\n" not in told
    bare = told.replace("\\\\", "")
    assert not [n for n, letter in enumerate(bare) if letter in "|<*_`[#@" and (n == 0 or bare[n - 1] != "\\")]


def test_an_evaluation_of_nothing_is_one_honest_sentence() -> None:
    empty = empty_evaluation()
    assert evaluation_lines(empty, 80) == [headline_sentence(empty)]
    assert evaluation_markdown(empty).startswith("**Nothing was graded")
