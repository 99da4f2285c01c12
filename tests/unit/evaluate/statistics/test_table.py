"""One call for a whole evaluation: who is held against whom, what is left out, and how long it takes."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

import numpy as np

from tunewright.evaluate.statistics.intervals import score_of
from tunewright.evaluate.statistics.table import score_table

Column = tuple[str, Mapping[str, Sequence[float | None]]]


def column(name: str, share: float, num_rows: int = 200) -> Column:
    """Return a column whose first rows are right."""
    right = round(share * num_rows)
    return name, {"exact": [1.0] * right + [0.0] * (num_rows - right)}


def test_every_column_is_held_against_the_base_and_the_best_other_each_pair_once() -> None:
    columns = [column("base", 0.2), column("prompt", 0.5), column("shots", 0.7), column("tuned", 0.9)]
    table = score_table(columns, headline="exact", against="base")
    assert [(each.column, each.against) for each in table.comparisons] == [
        ("prompt", "base"),
        ("shots", "base"),
        ("tuned", "base"),
        ("prompt", "tuned"),
        ("tuned", "shots"),
    ]
    assert [each.verdict for each in table.comparisons] == ["better", "better", "better", "worse", "better"]


def test_the_base_is_no_best_other_even_if_it_is_the_best() -> None:
    columns = [column("base", 0.9), column("shots", 0.5), column("tuned", 0.3)]
    table = score_table(columns, headline="exact", against="base")
    pairs = [(each.column, each.against) for each in table.comparisons]
    assert pairs == [("shots", "base"), ("tuned", "base"), ("tuned", "shots")]


def test_two_columns_make_one_comparison_and_one_makes_none() -> None:
    base, tuned = column("base", 0.2), column("tuned", 0.9)
    [only] = score_table([base, tuned], headline="exact", against="base").comparisons
    assert only.p_holm == only.p_value
    assert score_table([base], headline="exact", against="base").comparisons == []


def test_scores_are_those_of_each_column_and_seeds_are_stated() -> None:
    rng = np.random.default_rng(0)
    values, groups = rng.random(90).tolist(), [str(row // 3) for row in range(90)]
    table = score_table([("base", {"f1": values})], groups, headline="f1", against="base", seed=7)
    assert table.scores == {"base": {"f1": score_of(values, 0, groups, seed=7)}}
    assert table.seeds == {"bootstrap": 7}


def test_rows_without_a_score_are_counted_and_a_grader_without_any_is_absent() -> None:
    columns: list[Column] = [
        ("base", {"exact": [1.0, None, math.nan, 0.0], "judge": [None] * 4}),
        ("tuned", {"exact": [None, 1.0, 1.0, 1.0], "judge": [1.0] * 4, "own": [0.5] * 4}),
        ("remote", {"exact": [None, 1.0, None, None]}),
        ("silent", {}),
    ]
    table = score_table(columns, ["a", "b", "c", "d"], headline="exact", against="base")
    assert (table.scores["base"]["exact"].num_rows, table.scores["base"]["exact"].num_failed) == (2, 2)
    assert "judge" not in table.scores["base"]
    assert table.scores["silent"] == {}
    found = [(each.column, each.against, each.grader, each.num_rows) for each in table.comparisons]
    assert found == [("tuned", "base", "exact", 1), ("remote", "tuned", "exact", 1)]


def test_an_unknown_base_or_headline_leaves_out_what_needs_it() -> None:
    columns = [column("a", 0.5), column("b", 0.6)]
    assert score_table(columns, headline="", against="a").comparisons[0].column == "b"
    assert len(score_table(columns, headline="exact", against="none").comparisons) == 1
    assert score_table(columns, headline="", against="none").comparisons == []


def test_the_same_seed_gives_the_same_table() -> None:
    rng = np.random.default_rng(0)
    columns: list[Column] = [(name, {"f1": rng.random(150).tolist()}) for name in ("base", "shots", "tuned")]
    tables = [score_table(columns, headline="f1", against="base", seed=seed) for seed in (1, 1, 2)]
    assert tables[0] == tables[1]
    assert tables[0].scores != tables[2].scores


def test_equal_columns_are_told_apart_in_at_most_6_of_100_evaluations_although_the_best_is_picked() -> None:
    rng, wrong = np.random.default_rng(4), 0
    for _ in range(300):
        level = rng.random(100)
        columns: list[Column] = [
            (name, {"exact": (rng.random(100) < level).astype(float).tolist()}) for name in ("base", "a", "b", "c", "d")
        ]
        found = score_table(columns, headline="exact", against="base").comparisons
        wrong += any(each.verdict in ("better", "worse") for each in found)
    assert wrong / 300 <= 0.06


def test_ten_columns_of_2000_rows_and_three_graders_take_seconds() -> None:
    rng = np.random.default_rng(0)
    columns: list[Column] = [
        (f"c{number}", {grader: rng.random(2000).tolist() for grader in ("f1", "chrf", "edit")}) for number in range(10)
    ]
    started = time.process_time()
    table = score_table(columns, headline="f1", against="c0")
    assert time.process_time() - started < 5
    assert len(table.comparisons) == 51
