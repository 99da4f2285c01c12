"""Slices count every row once and carry their interval."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.evaluate.page.building import make_evaluation, score_of
from tunewright.evaluate.page.confusion import confusion_table
from tunewright.evaluate.page.row_views import lost_rows, rows_on_page, worst_rows
from tunewright.evaluate.page.slices import GROUP, OTHERS, slice_tables
from tunewright.runs.evaluation import Confusion, Evaluation, Score


def with_slices(evaluation: Evaluation, values: list[str]) -> Evaluation:
    rows = [
        row.model_copy(update={"slices": {"field": value}})
        for row, value in zip(evaluation.test.rows, values, strict=True)
    ]
    return evaluation.model_copy(update={"test": evaluation.test.model_copy(update={"rows": rows})})


def with_groups(evaluation: Evaluation, groups: list[str]) -> Evaluation:
    rows = [row.model_copy(update={"group": group}) for row, group in zip(evaluation.test.rows, groups, strict=True)]
    return evaluation.model_copy(update={"test": evaluation.test.model_copy(update={"rows": rows})})


@given(st.lists(st.sampled_from([f"v{n}" for n in range(30)]), min_size=40, max_size=40))
@settings(max_examples=40)
def test_every_row_is_in_one_value_of_a_field(values: list[str]) -> None:
    evaluation = with_slices(make_evaluation(num_rows=40), values)
    tables = {table.field: table for table in slice_tables(evaluation, score_of)}
    if len(set(values)) == 1:
        assert "field" not in tables
        return
    table = tables["field"]
    assert sum(row.num_rows for row in table.rows) == 40
    assert len(table.rows) <= 13
    assert (OTHERS in [row.value for row in table.rows]) == (len(set(values)) > 13)


def test_a_slice_has_the_mean_and_interval_of_its_own_rows() -> None:
    evaluation = make_evaluation(num_rows=40)
    [table] = [table for table in slice_tables(evaluation, score_of) if table.field == "topic"]
    [row] = [row for row in table.rows if row.value == "refunds"]
    tuned = evaluation.column("tuned").answers
    scores = [
        answer.scores["contains"]
        for answer, its in zip(tuned, evaluation.test.rows, strict=True)
        if its.slices["topic"] == "refunds"
    ]
    assert row.scores[table.columns.index("tuned")] == score_of(scores, 0, [])


def test_answers_without_a_score_are_counted_and_not_averaged() -> None:
    evaluation = make_evaluation(num_rows=40)
    [table] = [table for table in slice_tables(evaluation, score_of) if table.field == "topic"]
    place = table.columns.index("retrieval")
    failed = {row.value: score.num_failed for row in table.rows if (score := row.scores[place])}
    assert failed == {"delivery": 0, "opening hours": 2, "refunds": 0, "warranty": 0}


@given(st.lists(st.integers(0, 80), min_size=120, max_size=120))
@settings(max_examples=20)
def test_groups_are_told_apart_the_largest_first_in_at_most_fifty_lines(groups: list[int]) -> None:
    evaluation = with_groups(make_evaluation(num_rows=120), [f"g{group}" for group in groups])
    tables = [table for table in slice_tables(evaluation, score_of) if table.field == GROUP]
    if len(set(groups)) == 1:
        assert tables == []
        return
    [table] = tables
    assert len(table.rows) == min(len(set(groups)), 50)
    assert sum(row.num_rows for row in table.rows) == 120
    sizes = [row.num_rows for row in table.rows if row.value != OTHERS]
    assert sizes == sorted((groups.count(group) for group in set(groups)), reverse=True)[: len(sizes)]


def test_rows_of_one_group_are_the_evidence_about_it_and_of_many_they_are_not() -> None:
    seen: dict[str, list[str | None]] = {}

    def recorded(scores: Sequence[float], num_failed: int, groups: Sequence[str | None]) -> Score:
        seen[f"{len(scores)}"] = list(groups)
        return score_of(scores, num_failed, groups)

    # Forty-nine pairs, and five more groups of two that share the last line.
    names = [f"g{number // 2:02d}" for number in range(108)]
    slice_tables(with_groups(make_evaluation(num_rows=108, shares={"retrieval": 0}), names), recorded)
    assert seen["2"] == [None, None]
    assert seen["10"] == names[98:]


def test_groups_of_one_row_each_are_no_table_nor_is_a_field_of_that_name_told_twice() -> None:
    evaluation = make_evaluation(num_rows=12)
    alone = with_groups(evaluation, [f"g{number}" for number in range(12)])
    assert GROUP not in [table.field for table in slice_tables(alone, score_of)]
    rows = [row.model_copy(update={"slices": {GROUP: row.group}}) for row in evaluation.test.rows]
    own = evaluation.model_copy(update={"test": evaluation.test.model_copy(update={"rows": rows})})
    assert [table.field for table in slice_tables(own, score_of)].count(GROUP) == 1


def test_a_slice_that_no_grader_judged_has_no_score() -> None:
    evaluation = make_evaluation(num_rows=8)
    values = ["odd" if number == 5 else "rest" for number in range(8)]
    [table] = [t for t in slice_tables(with_slices(evaluation, values), score_of) if t.field == "field"]
    [odd] = [row for row in table.rows if row.value == "odd"]
    assert odd.scores[table.columns.index("retrieval")] is None


def test_worst_rows_are_the_lowest_and_never_right_ones() -> None:
    evaluation = make_evaluation(num_rows=60)
    tuned = evaluation.column("tuned").answers
    worst = worst_rows(evaluation, most=100)
    assert sorted(worst) == [n for n, answer in enumerate(tuned) if answer.scores["contains"] < 1]
    losses = [tuned[number].loss or 0.0 for number in worst]
    assert losses == sorted(losses, reverse=True)


def test_lost_rows_are_those_that_the_base_had_right() -> None:
    evaluation = make_evaluation(num_rows=60, shares={"base": 0.7, "tuned": 0.5})
    base, tuned = evaluation.column("base").answers, evaluation.column("tuned").answers
    lost = lost_rows(evaluation, most=100)
    assert lost
    assert all(base[n].scores["contains"] > tuned[n].scores["contains"] for n in lost)
    assert len(lost) == sum(a.scores["contains"] > b.scores["contains"] for a, b in zip(base, tuned, strict=True))


@given(st.integers(1, 70), st.integers(1, 80))
@settings(max_examples=40)
def test_no_more_rows_are_shown_than_asked_for_and_each_group_early(num_rows: int, most: int) -> None:
    evaluation = make_evaluation(num_rows=num_rows)
    shown = rows_on_page(evaluation, most=most)
    places = {view.row.where for view in (*shown.worst, *shown.lost, *shown.others)}
    assert len(places) == min(num_rows, shown.num_shown)
    assert len({view.row.where for view in shown.others}) <= most
    firsts = [view.row.group for view in shown.others]
    seen = {row.group for row in evaluation.test.rows}
    if shown.num_shown == num_rows and not (shown.worst or shown.lost):
        assert set(firsts[: len(seen)]) == seen


@given(st.integers(1, 30), st.randoms(use_true_random=False))
def test_a_confusion_table_keeps_every_count_of_the_labels_it_shows(size: int, rng: object) -> None:
    draw = rng.randint  # type: ignore[attr-defined]
    counts = [[draw(0, 9) for _ in range(size + 1)] for _ in range(size)]
    table = confusion_table(Confusion(labels=[f"l{n}" for n in range(size)], counts=counts))
    assert table.has_hidden == (size > 20)
    assert len(table.rows) == min(size, 20)
    for row in table.rows:
        number = int(row.label[1:])
        assert sum(cell.count for cell in row.cells) == sum(counts[number]) == row.num_rows
        assert [cell.count for cell in row.cells if cell.is_right] == [counts[number][number]] == [row.num_right]
        assert all((cell.step == 0) == (cell.count == 0) for cell in row.cells)
