"""A rater's sheet tells nothing about who answered, and the key undoes it exactly."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.evaluate.human.building import make_evaluation
from tunewright.errors import DataError, DataMissingError, RunError
from tunewright.evaluate.human.sheet import SHARED, Study, load_key, load_sheet, make_sheet, save_study


def shown(study: Study) -> list[set[str]]:
    return [{question.row for question in sheet.questions} for sheet in study.sheets]


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 99))
def test_the_key_gives_every_answer_back_to_its_column(num_rows: int, raters: int, seed: int) -> None:
    study = make_sheet(make_evaluation(num_rows), "tuned", "base", num_rows, seed=seed, raters=raters)
    for sheet in study.sheets:
        sides = study.key.sides[sheet.id]
        assert set(sides) == {question.row for question in sheet.questions}
        for question in sheet.questions:
            from_a = question.left if sides[question.row] == "left" else question.right
            from_b = question.right if sides[question.row] == "left" else question.left
            place = int(study.key.places[question.row].partition(":")[2])
            assert (from_a, from_b) == (f"from tuned {place - 1}", f"from base {place - 1}")


@given(st.integers(1, 60), st.integers(2, 6), st.integers(0, 99))
def test_a_fifth_of_the_rows_or_more_is_on_every_sheet_and_each_other_row_on_one(
    num_rows: int, raters: int, seed: int
) -> None:
    rows = shown(make_sheet(make_evaluation(num_rows), "base", "tuned", num_rows, seed=seed, raters=raters))
    everywhere = set.intersection(*rows)
    assert len(everywhere) >= SHARED * num_rows
    assert len(set.union(*rows)) == num_rows
    assert sum(map(len, rows)) == len(everywhere) * raters + num_rows - len(everywhere)


@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 99))
def test_column_a_stands_left_on_half_of_each_sheet(num_rows: int, raters: int, seed: int) -> None:
    key = make_sheet(make_evaluation(num_rows), "base", "tuned", num_rows, seed=seed, raters=raters).key
    for sides in key.sides.values():
        assert abs(list(sides.values()).count("left") - len(sides) / 2) <= 0.5


def test_the_same_seed_gives_the_same_study_and_another_one_another() -> None:
    evaluation = make_evaluation(30)
    study = make_sheet(evaluation, "base", "tuned", 20, seed=1, raters=2)
    assert study == make_sheet(evaluation, "base", "tuned", 20, seed=1, raters=2)
    assert study != make_sheet(evaluation, "base", "tuned", 20, seed=2, raters=2)


def test_no_more_rows_are_asked_than_wanted_and_the_order_differs_between_raters() -> None:
    study = make_sheet(make_evaluation(100), "base", "tuned", 40, raters=2)
    assert len(set.union(*shown(study))) == 40
    orders = [[question.row for question in sheet.questions] for sheet in study.sheets]
    shared = set(orders[0]) & set(orders[1])
    assert [row for row in orders[0] if row in shared] != [row for row in orders[1] if row in shared]


def test_equal_answers_are_kept_as_ties_and_nobody_is_asked() -> None:
    study = make_sheet(make_evaluation(10, same=4), "base", "tuned", 10, raters=2)
    assert len(study.key.same) == 4
    assert set.union(*shown(study)).isdisjoint(study.key.same)
    assert len(study.key.places) == 10


def test_no_name_of_a_column_or_place_of_a_row_is_in_a_raters_file(tmp_path: Path) -> None:
    evaluation = make_evaluation(12)
    neutral = [
        column.model_copy(
            update={
                "name": f"secret-{column.kind}",
                "answers": [a.model_copy(update={"text": a.text[::-1]}) for a in column.answers],
            }
        )
        for column in evaluation.columns
    ]
    evaluation = evaluation.model_copy(update={"columns": neutral})
    study = make_sheet(evaluation, "secret-base", "secret-tuned", 12, raters=2)
    sheets, key = save_study(tmp_path, study)
    for path in sheets:
        text = path.read_text(encoding="utf-8")
        assert "secret" not in text
        assert "t.jsonl" not in text
    assert "secret-base" in key.read_text(encoding="utf-8")


def test_sheets_and_key_are_read_as_they_were_written(tmp_path: Path) -> None:
    study = make_sheet(make_evaluation(5), "base", "tuned", 5, raters=2)
    sheets, key = save_study(tmp_path, study)
    assert [load_sheet(path) for path in sheets] == study.sheets
    assert load_key(key) == study.key


def test_a_file_that_is_missing_or_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="there is no such file"):
        load_key(tmp_path / "key.json")
    (tmp_path / "key.json").write_bytes(orjson.dumps({"version": 1}))
    with pytest.raises(DataError, match="is no key of sheets"):
        load_key(tmp_path / "key.json")
    (tmp_path / "sheet.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="is no sheet"):
        load_sheet(tmp_path / "sheet.json")


def test_a_column_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(RunError, match="tunned") as caught:
        make_sheet(make_evaluation(3), "base", "tunned", 3)
    assert "tuned" in caught.value.hint


@pytest.mark.parametrize(("num_rows", "raters"), [(0, 1), (3, 0)])
def test_a_sheet_without_rows_or_raters_is_refused(num_rows: int, raters: int) -> None:
    with pytest.raises(DataError, match="needs rows and raters"):
        make_sheet(make_evaluation(3), "base", "tuned", num_rows, raters=raters)


def test_a_column_against_itself_is_refused() -> None:
    with pytest.raises(DataError, match="with itself"):
        make_sheet(make_evaluation(3), "base", "base", 3)


def test_columns_without_answers_are_refused() -> None:
    evaluation = make_evaluation(3)
    empty = evaluation.columns[1].model_copy(update={"answers": []})
    with pytest.raises(DataError, match="0 answers to 3 rows"):
        make_sheet(evaluation.model_copy(update={"columns": [evaluation.columns[0], empty]}), "base", "tuned", 3)


def test_columns_that_answer_all_alike_are_refused() -> None:
    with pytest.raises(DataError, match="equal answers to all 3 rows"):
        make_sheet(make_evaluation(3, same=3), "base", "tuned", 3)
