"""One call for a whole evaluation: who is held against whom, what is left out, and how long it takes."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

import numpy as np

from tunewright.evaluate.statistics.intervals import score_of
from tunewright.evaluate.statistics.pairs import planned_pairs
from tunewright.evaluate.statistics.table import score_table
from tunewright.runs.evaluation import ColumnKind

Column = tuple[str, Mapping[str, Sequence[float | None]]]


def column(name: str, share: float, num_rows: int = 200) -> Column:
    """Return a column whose first rows are right."""
    right = round(share * num_rows)
    return name, {"exact": [1.0] * right + [0.0] * (num_rows - right)}


def test_exactly_the_pairs_asked_for_are_compared_in_their_order_and_direction() -> None:
    columns = [column("base", 0.2), column("prompt", 0.5), column("shots", 0.7), column("tuned", 0.9)]
    pairs = [("tuned", "base"), ("prompt", "tuned"), ("shots", "prompt")]
    table = score_table(columns, pairs=pairs)
    assert [(each.column, each.against) for each in table.comparisons] == pairs
    assert [each.verdict for each in table.comparisons] == ["better", "worse", "better"]
    assert list(table.scores) == ["base", "prompt", "shots", "tuned"]


def test_holm_counts_the_comparisons_of_one_grader() -> None:
    columns = [column("base", 0.5), column("a", 0.53), column("b", 0.9)]
    one = score_table(columns, pairs=[("a", "base")]).comparisons[0]
    two = score_table(columns, pairs=[("a", "base"), ("b", "base"), ("b", "a")]).comparisons[0]
    assert one.p_holm == one.p_value
    assert (two.p_value, two.p_holm) == (one.p_value, one.p_value)
    three = score_table([*columns, column("c", 0.5)], pairs=[("a", "base"), ("c", "base"), ("b", "base")]).comparisons[
        0
    ]
    assert three.p_holm == 2 * one.p_value


def test_no_pairs_make_no_comparison() -> None:
    assert score_table([column("base", 0.2), column("tuned", 0.9)], pairs=[]).comparisons == []


def test_scores_are_those_of_each_column_and_seeds_are_stated() -> None:
    rng = np.random.default_rng(0)
    values, groups = rng.random(90).tolist(), [str(row // 3) for row in range(90)]
    table = score_table([("base", {"f1": values})], groups, pairs=[], seed=7)
    assert table.scores == {"base": {"f1": score_of(values, 0, groups, seed=7)}}
    assert table.seeds == {"bootstrap": 7}


def test_rows_without_a_score_are_counted_and_a_grader_without_any_is_absent() -> None:
    columns: list[Column] = [
        ("base", {"exact": [1.0, None, math.nan, 0.0], "judge": [None] * 4}),
        ("tuned", {"exact": [None, 1.0, 1.0, 1.0], "judge": [1.0] * 4, "own": [0.5] * 4}),
        ("remote", {"exact": [None, 1.0, None, None]}),
        ("silent", {}),
    ]
    pairs = [("tuned", "base"), ("remote", "base"), ("silent", "base"), ("base", "silent"), ("remote", "tuned")]
    table = score_table(columns, ["a", "b", "c", "d"], pairs=pairs)
    assert (table.scores["base"]["exact"].num_rows, table.scores["base"]["exact"].num_failed) == (2, 2)
    assert "judge" not in table.scores["base"]
    assert table.scores["silent"] == {}
    found = [(each.column, each.against, each.grader, each.num_rows) for each in table.comparisons]
    assert found == [("tuned", "base", "exact", 1), ("remote", "tuned", "exact", 1)]


def test_the_same_seed_gives_the_same_table() -> None:
    rng = np.random.default_rng(0)
    columns: list[Column] = [(name, {"f1": rng.random(150).tolist()}) for name in ("base", "shots", "tuned")]
    tables = [score_table(columns, pairs=[("tuned", "base")], seed=seed) for seed in (1, 1, 2)]
    assert tables[0] == tables[1]
    assert tables[0].scores != tables[2].scores


def test_equal_columns_are_told_apart_in_at_most_6_of_100_evaluations() -> None:
    rng, wrong = np.random.default_rng(4), 0
    kinds: list[tuple[str, ColumnKind]] = [
        ("base", "base"),
        ("brief", "prompt"),
        ("shots", "few_shot"),
        ("tuned", "tuned"),
        ("big", "remote"),
    ]
    for _ in range(300):
        level = rng.random(100)
        columns: list[Column] = [
            (name, {"exact": (rng.random(100) < level).astype(float).tolist()}) for name, _ in kinds
        ]
        found = score_table(columns, pairs=planned_pairs(kinds)).comparisons
        wrong += any(each.verdict in ("better", "worse") for each in found)
    assert wrong / 300 <= 0.06


def test_ten_columns_of_2000_rows_and_three_graders_take_seconds() -> None:
    rng = np.random.default_rng(0)
    columns: list[Column] = [
        (f"c{number}", {grader: rng.random(2000).tolist() for grader in ("f1", "chrf", "edit")}) for number in range(10)
    ]
    started = time.process_time()
    pairs = [
        (f"c{number}", against) for number in range(1, 10) for against in ("c0", "c1") if number != 1 or against == "c0"
    ]
    table = score_table(columns, pairs=pairs)
    assert time.process_time() - started < 5
    assert len(table.comparisons) == 51
