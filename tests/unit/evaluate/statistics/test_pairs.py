"""Who is held against whom: fixed by what columns are, each pair once, and enough for every rule that reads them."""

from __future__ import annotations

from itertools import combinations
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.evaluate.columns import compared
from tunewright.evaluate.page.verdict import rival_sentence
from tunewright.evaluate.statistics.pairs import planned_pairs
from tunewright.runs.evaluation import Answer, Column, ColumnKind, Evaluation, Row
from tunewright.runs.evaluation import TestSet as FrozenRows

KINDS: tuple[ColumnKind, ...] = get_args(ColumnKind)
WITHOUT_TRAINING = {"prompt", "few_shot", "retrieval", "remote"}

columns_of_any_kind = st.lists(st.sampled_from(KINDS), max_size=9).map(
    lambda kinds: [(f"{kind} {place}", kind) for place, kind in enumerate(kinds)]
)


def answered(name: str, kind: ColumnKind, scores: list[float]) -> Column:
    """Return a column of which only the scores matter."""
    answers = [
        Answer(text="", has_ended=True, prompt_tokens=1, completion_tokens=1, scores={"exact": each}) for each in scores
    ]
    return Column(name=name, kind=kind, model="starter", answers=answers)


def frozen(num_rows: int) -> FrozenRows:
    """Return a test set without groups."""
    rows = [Row(where=f"test.jsonl:{number}", prompt=[], reference="x") for number in range(num_rows)]
    return FrozenRows(rows=rows, num_available=num_rows, seed=0, chosen="all", num_groups=num_rows)


def test_every_kind_has_its_rivals() -> None:
    columns: list[tuple[str, ColumnKind]] = [(kind, kind) for kind in KINDS]
    assert planned_pairs(columns) == [
        *((kind, "base") for kind in KINDS if kind != "base"),
        *(("tuned", kind) for kind in ("prompt", "few_shot", "retrieval", "remote")),
        *(("tuned_retrieval", kind) for kind in ("prompt", "few_shot", "retrieval", "tuned", "remote")),
        *(("remote", kind) for kind in ("prompt", "few_shot", "retrieval")),
    ]


def test_of_several_tuned_columns_the_later_is_held_against_the_earlier() -> None:
    columns: list[tuple[str, ColumnKind]] = [("run 1", "tuned"), ("base", "base"), ("run 2", "tuned"), ("3", "tuned")]
    assert planned_pairs(columns)[3:] == [("run 2", "run 1"), ("3", "run 1"), ("3", "run 2")]


def test_nothing_is_planned_for_nothing_or_one_column_or_ways_that_need_no_training() -> None:
    assert planned_pairs([]) == []
    assert planned_pairs([("base", "base")]) == []
    assert planned_pairs([("a", "prompt"), ("b", "few_shot")]) == []
    assert planned_pairs([("same", "base"), ("same", "tuned")]) == []


@given(columns_of_any_kind)
def test_each_pair_stands_once_in_one_direction(columns: list[tuple[str, ColumnKind]]) -> None:
    pairs = planned_pairs(columns)
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    assert all(len(set(pair)) == 2 for pair in pairs)


@given(columns_of_any_kind)
def test_whatever_a_rule_compares_is_planned(columns: list[tuple[str, ColumnKind]]) -> None:
    planned = {frozenset(pair) for pair in planned_pairs(columns)}
    base = next((name for name, kind in columns if kind == "base"), None)
    for (one, its_kind), (other, other_kind) in combinations(columns, 2):
        kinds = {its_kind, other_kind}
        # Tuned against doing without, with and without passages, and somebody else's model against what runs here.
        is_needed = (
            base in (one, other)
            or (kinds & {"tuned", "tuned_retrieval"} and kinds & WITHOUT_TRAINING)
            or kinds in ({"tuned"}, {"tuned", "tuned_retrieval"})
            or ("remote" in kinds and kinds & {"prompt", "few_shot", "retrieval"})
        )
        assert (frozenset((one, other)) in planned) == bool(is_needed)


@pytest.mark.parametrize("best", ["brief", "4 examples", "big"])
def test_the_page_finds_the_comparison_with_whichever_rival_is_best(best: str) -> None:
    rng = np.random.default_rng(0)
    kinds: dict[str, ColumnKind] = {
        "base": "base",
        "brief": "prompt",
        "4 examples": "few_shot",
        "tuned": "tuned",
        "big": "remote",
    }
    shares = {name: 0.7 if name == best else 0.4 for name in kinds}
    columns = [
        answered(name, kind, (rng.random(200) < shares[name]).astype(float).tolist()) for name, kind in kinds.items()
    ]
    scored, comparisons, seeds = compared(columns, frozen(200), seed=3)
    assert seeds == {"bootstrap": 3}
    made = Evaluation(headline="exact", test=frozen(200), columns=scored, comparisons=comparisons)
    for one, other in (("tuned", best), (best, "tuned")):
        assert made.comparison(one, other, "exact") is not None
    assert f"“{best}”" in rival_sentence(made)


def test_scores_decide_nothing_about_what_is_compared_and_what_matters_reaches_the_verdict() -> None:
    columns = [answered("base", "base", [1.0, 0.0] * 300), answered("tuned", "tuned", [1.0, 0.0] * 300)]
    [lenient] = compared(columns, frozen(600), seed=0)[1]
    [strict] = compared(columns, frozen(600), seed=0, smallest_that_matters=0.001)[1]
    assert (lenient.column, lenient.against, lenient.verdict) == ("tuned", "base", "no_difference_shown")
    assert strict.verdict == "too_few_rows"
