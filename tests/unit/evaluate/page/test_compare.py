"""Runs are held against each other only on the same rows, and only settings that differ are shown."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.unit.evaluate.page.building import loss_evaluation, make_evaluation
from tunewright.evaluate.page.compare_page import APART, comparison_lines, comparison_markdown, comparison_page
from tunewright.evaluate.page.compare_runs import Compared, compare_runs, differing_settings, flat_settings, listed
from tunewright.evaluate.statistics.paired import compare_columns

GOLDENS = Path(__file__).parents[3] / "golden" / "evaluation"
HOSTILE = "<script>alert(1)</script>{{ 7 * 7 }}"


def check(name: str, text: str) -> None:
    golden = GOLDENS / name
    if os.environ.get("UPDATE_GOLDENS"):
        golden.write_text(text, encoding="utf-8", newline="\n")
    assert text == golden.read_text(encoding="utf-8")


def four() -> list[Compared]:
    """Two runs of one test set, one of another, and one that was not evaluated."""
    return [
        Compared("desk-a", make_evaluation(), settings={"method": {"kind": "lora", "rank": 8}, "seed": 1}),
        Compared("desk-b", make_evaluation(shares={"tuned": 0.4}), settings={"method": {"kind": "full"}, "seed": 1}),
        Compared("other", make_evaluation(num_rows=40), settings={"method": {"kind": "full"}, "seed": 1}),
        Compared("old", note="failed at step 40 of 100"),
    ]


def test_terminal_text_of_four_runs() -> None:
    check("compared.txt", "\n".join(comparison_lines(compare_runs(four()), 80)) + "\n")


def test_markdown_of_four_runs() -> None:
    check("compared.md", comparison_markdown(compare_runs(four())))


def test_only_runs_of_the_same_rows_stand_together() -> None:
    compared = compare_runs(four())
    assert [family.runs for family in compared.families] == [("desk-a", "desk-b"), ("other",)]
    assert "Scores of different test sets cannot be held against each other" in compared.remarks[0]
    assert compared.remarks[1] == "Not evaluated: old."
    assert compared.unevaluated == (("old", "failed at step 40 of 100"),)


def test_a_reference_that_changed_makes_it_another_test_set() -> None:
    run, other = make_evaluation(num_rows=8), make_evaluation(num_rows=8)
    rows = [other.test.rows[0].model_copy(update={"reference": "changed"}), *other.test.rows[1:]]
    other = other.model_copy(update={"test": other.test.model_copy(update={"rows": rows})})
    assert len(compare_runs([Compared("a", run), Compared("b", other)]).families) == 2


def test_the_test_is_that_of_the_two_tuned_columns_row_by_row() -> None:
    runs = four()[:2]
    [family] = compare_runs(runs).families
    [found] = family.evaluation.comparisons
    a, b = (
        [answer.scores["contains"] for answer in run.evaluation.column("tuned").answers]
        for run in runs
        if run.evaluation
    )
    assert found.difference == sum(y - x for x, y in zip(a, b, strict=True)) / len(a)
    groups = [row.group for row in family.evaluation.test.rows]
    assert found.p_holm == compare_columns("b", "a", "contains", b, a, groups=groups).p_value
    assert family.sentences[0].startswith("“desk-b · tuned” is worse than “desk-a · tuned”: contains 83 % → ")


def test_a_base_that_runs_share_is_shown_once() -> None:
    [family] = compare_runs(four()[:2]).families
    names = [column.name for column in family.evaluation.columns]
    assert "desk-a · base" in names
    assert "desk-b · base" not in names
    assert "desk-b · tuned" in names


def test_runs_without_a_row_in_common_that_was_judged_are_not_tested() -> None:
    bare = make_evaluation(num_rows=8)
    columns = [
        c.model_copy(update={"answers": [a.model_copy(update={"scores": {}}) for a in c.answers]}) for c in bare.columns
    ]
    runs = [Compared("a", make_evaluation(num_rows=8)), Compared("b", bare.model_copy(update={"columns": columns}))]
    assert compare_runs(runs).verdict == "a and b answered the same rows, but no grader judged both on one row."


def test_runs_that_were_only_foretold_are_told_by_their_losses_and_not_tested() -> None:
    verdict = compare_runs([Compared("a", loss_evaluation()), Compared("b", loss_evaluation())]).verdict
    assert verdict == (
        "a and b were not graded, and of losses no test is made "
        "(nats a token: a · base 2.000; a · tuned 1.000; b · tuned 1.000)."
    )


def test_plain_texts_of_different_files_are_different_test_sets() -> None:
    one = loss_evaluation()
    other = one.model_copy(update={"test": one.test.model_copy(update={"files": ["other.txt"]})})
    assert len(compare_runs([Compared("a", one), Compared("b", other)]).families) == 2


def test_settings_are_flattened_without_loss() -> None:
    tree = {"a": {"b": 1, "c": {"d": None}}, "e": [1, 2], "f": {}, "g": [{"path": "x"}, {"path": "y"}]}
    assert flat_settings(tree) == {
        "a.b": "1",
        "a.c.d": "",
        "e": "1, 2",
        "f": "{}",
        "g.0.path": "x",
        "g.1.path": "y",
    }


def test_nothing_to_compare_is_said() -> None:
    assert compare_runs([Compared("a")]).verdict == "None of these runs is evaluated, so there is nothing to compare."
    assert comparison_lines(compare_runs([Compared("a")]))[-1] == "! a: not evaluated"
    assert compare_runs([Compared("a", make_evaluation(num_rows=4))]).verdict == "There is nothing to hold a against."


SETTINGS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2), max_size=4)


@given(st.lists(SETTINGS, min_size=1, max_size=4))
def test_a_setting_is_shown_if_and_only_if_it_differs(settings: list[dict[str, int]]) -> None:
    shown = {name for name, _ in differing_settings(settings)}
    known = [tree for tree in settings if tree]
    assert shown == {name for name in "abcd" if len({tree.get(name) for tree in known}) > 1}


def test_page_shows_all_of_it_and_runs_nothing() -> None:
    runs = [*four(), Compared(HOSTILE, make_evaluation(num_rows=12), settings={HOSTILE: HOSTILE})]
    text = comparison_page(compare_runs(runs), title=HOSTILE)
    assert "<script" not in text
    assert "49" not in re.sub(r"<svg.*?</svg>|<style>.*?</style>|<td.*?</td>", "", text, flags=re.DOTALL)
    for told in (
        APART,
        "desk-b · tuned",
        "method.rank",
        "old: not evaluated (failed at step 40 of 100)",
        "Settings that differ",
    ):
        assert told in text, told
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids)) > 2


def test_equal_settings_are_said_to_be_equal() -> None:
    runs = [Compared(name, make_evaluation(num_rows=4), settings={"seed": 1}) for name in "ab"]
    assert re.search(r"Settings that differ</h2>\s*<p class=\"empty\">None", comparison_page(compare_runs(runs)))


@given(st.integers(40, 100))
def test_no_line_is_wider_than_the_window(width: int) -> None:
    runs = [Compared(name * 9, note=name * 40, settings={"name": name * 30}) for name in ("a ", "日", "c")]
    assert all(cell_len(line) <= width for line in comparison_lines(compare_runs(runs), width))


def test_names_are_listed_as_a_sentence_has_them() -> None:
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
