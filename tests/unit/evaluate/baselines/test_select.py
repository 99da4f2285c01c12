"""Which candidate is chosen, and what is recorded of the others."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.errors import DataError, Interrupted
from tunewright.evaluate.baselines.asked import Baseline
from tunewright.evaluate.baselines.prompts import SystemPrompt
from tunewright.evaluate.baselines.select import Failed, Tried, select
from tunewright.runs.evaluation import Candidate

NAMES = ["a", "b", "c"]
CANDIDATES = [SystemPrompt(f"text {name}", name) for name in NAMES]


def chosen(results: list[Tried | Failed], column: str = "") -> tuple[str | None, list[Candidate]]:
    by_name = dict(zip(NAMES, results, strict=True))
    best, records = select(CANDIDATES, lambda candidate: by_name[candidate.name], column=column)
    return (best.name if best else None), records


@pytest.mark.parametrize(
    ("scores", "tokens", "expected"),
    [
        ((0.1, 0.5, 0.3), (1, 9, 1), "b"),
        ((0.5, 0.5, 0.3), (9, 8, 1), "b"),
        ((0.5, 0.5, 0.5), (7, 7, 8), "a"),
        ((0.0, 0.0, 0.0), (3, 2, 1), "c"),
    ],
)
def test_the_best_wins_then_the_cheaper_then_the_first(
    scores: tuple[float, ...], tokens: tuple[int, ...], expected: str
) -> None:
    best, records = chosen([Tried(s, 10, t) for s, t in zip(scores, tokens, strict=True)])
    assert best == expected
    assert [record.column for record in records if record.is_chosen] == [expected]
    assert [record.score for record in records] == list(scores)
    assert all(record.num_rows == 10 for record in records)


def test_a_candidate_that_fails_is_recorded_with_its_reason_and_not_chosen() -> None:
    best, records = chosen([Failed("the service is down"), Tried(math.nan, 5, 1), Tried(0.0, 5, 1)])
    assert best == "c"
    assert records[0].settings == {"prompt": "a", "system_prompt": "text a"}
    assert records[0].failure == "the service is down"
    assert records[1].failure == "its score is not a number, got nan"
    assert [(r.score, r.num_rows, r.is_chosen) for r in records] == [(None, 0, False), (None, 0, False), (0.0, 5, True)]


def test_none_is_chosen_where_all_fail() -> None:
    best, records = chosen([Failed("no")] * 3)
    assert best is None
    assert not any(record.is_chosen for record in records)
    assert select([], lambda candidate: Failed("no")) == (None, [])


def test_an_error_of_ours_is_a_failure_of_that_candidate_only() -> None:
    def score(candidate: Baseline) -> Tried | Failed:
        if candidate.name == "b":
            raise DataError("validation rows cannot be read")
        return Tried(0.5, 3, 10)

    best, records = select(CANDIDATES, score)
    assert best is CANDIDATES[0]
    assert records[1].failure == "validation rows cannot be read"


def test_the_user_s_stop_is_no_failure() -> None:
    def stop(candidate: Baseline) -> Tried | Failed:
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        select(CANDIDATES, stop)


def test_candidates_can_stand_for_one_column() -> None:
    _, records = chosen([Tried(0.1, 2, 3)] * 3, column="best prompt")
    assert {record.column for record in records} == {"best prompt"}
    assert [record.settings["prompt"] for record in records] == NAMES


results = st.one_of(
    st.builds(Tried, st.sampled_from([0.0, 0.5, 1.0, math.nan]), st.just(4), st.sampled_from([1.0, 2.0])),
    st.just(Failed("no")),
)


@given(st.lists(results, min_size=3, max_size=3))
def test_no_candidate_with_a_score_beats_the_chosen_one(drawn: list[Tried | Failed]) -> None:
    best, records = chosen(drawn)
    scored = [(r.score, name) for r, name in zip(records, NAMES, strict=True) if r.score is not None]
    assert (best is None) == (not scored)
    if best is not None:
        assert {name: score for score, name in scored}[best] == max(score for score, _ in scored)
