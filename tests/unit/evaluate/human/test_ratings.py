"""Choices are asked for once each, kept through interruptions, and a file that cannot be counted is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import orjson
import pytest

from tests.unit.evaluate.human.building import make_evaluation
from tunewright.errors import DataError
from tunewright.evaluate.human.ratings import RatingsFile, rate_in_terminal, read_ratings
from tunewright.evaluate.human.sheet import make_sheet

STUDY = make_sheet(make_evaluation(8), "base", "tuned", 8, raters=2)
SHEET, KEY = STUDY.sheets[0], STUDY.key
ROWS = [question.row for question in SHEET.questions]


def typing(words: Iterable[str]) -> Callable[[str], str]:
    """Return a person who types `words` and then closes the terminal."""
    left = iter(words)

    def ask(prompt: str) -> str:
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    return ask


def write(path: Path, **changes: object) -> Path:
    file = {"version": 1, "sheet": SHEET.id, "rater": "1", "ratings": [{"row": ROWS[0], "choice": "left"}]}
    path.write_bytes(orjson.dumps({**file, **changes}))
    return path


def test_each_key_is_its_side_in_the_order_of_the_sheet() -> None:
    found = rate_in_terminal(SHEET, typing(["1", " 2 ", "0"]), lambda text: None)
    assert [(rated.row, rated.choice) for rated in found.ratings] == [
        (ROWS[0], "left"),
        (ROWS[1], "right"),
        (ROWS[2], "tie"),
    ]
    assert (found.sheet, found.rater) == (SHEET.id, SHEET.rater)


def test_every_choice_is_saved_at_once() -> None:
    saved: list[RatingsFile] = []
    rate_in_terminal(SHEET, typing(["1", "2", "q"]), lambda text: None, save=saved.append)
    assert [len(file.ratings) for file in saved] == [1, 2]


def test_a_second_sitting_goes_on_where_the_first_one_ended() -> None:
    first = rate_in_terminal(SHEET, typing(["1", "2", "q"]), lambda text: None)
    shown: list[str] = []
    both = rate_in_terminal(SHEET, typing(["0"] * 99), shown.append, done=first.ratings)
    assert [rated.choice for rated in both.ratings] == ["left", "right"] + ["tie"] * (len(ROWS) - 2)
    assert len(shown) == len(ROWS) - 2
    assert f"3 of {len(ROWS)}" in shown[0]


def test_going_back_changes_the_choice_before() -> None:
    found = rate_in_terminal(SHEET, typing(["1", "b", "2", "q"]), lambda text: None)
    assert [(rated.row, rated.choice) for rated in found.ratings] == [(ROWS[0], "right")]


def test_what_is_no_choice_is_said_and_asked_again() -> None:
    shown: list[str] = []
    found = rate_in_terminal(SHEET, typing(["3", "left", "1", "q"]), shown.append)
    assert len(found.ratings) == 1
    assert sum("is none of" in text for text in shown) == 2


def test_control_sequences_in_an_answer_do_not_reach_the_terminal() -> None:
    question = SHEET.questions[0].model_copy(update={"left": "\x1b[2Jgone\tkept\r", "right": ""})
    shown: list[str] = []
    rate_in_terminal(SHEET.model_copy(update={"questions": [question]}), typing([]), shown.append)
    assert "[2Jgone\tkept" in shown[0]
    assert "\x1b" not in shown[0]
    assert "\r" not in shown[0]
    assert "(empty)" in shown[0]


def test_files_of_both_raters_become_choices_of_columns(tmp_path: Path) -> None:
    paths: list[Path] = []
    for sheet in STUDY.sheets:
        found = rate_in_terminal(sheet, typing(["1"] * 99), lambda text: None)
        paths.append(tmp_path / f"{sheet.rater}.json")
        paths[-1].write_bytes(orjson.dumps(found.model_dump(mode="json")))
    ratings = read_ratings(paths, KEY)
    assert len(ratings) == sum(len(sheet.questions) for sheet in STUDY.sheets)
    for rating in ratings:
        sheet = next(sheet for sheet in STUDY.sheets if sheet.rater == rating.rater)
        left = next(question.left for question in sheet.questions if question.row == rating.row)
        assert rating.preferred == ("a" if left.startswith("from base") else "b")


def test_a_tie_prefers_neither(tmp_path: Path) -> None:
    path = write(tmp_path / "r.json", ratings=[{"row": ROWS[0], "choice": "tie"}])
    [rating] = read_ratings([path], KEY)
    assert (rating.side, rating.preferred) == ("tie", "tie")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"sheet": "0123456789ab"}, "not of this key"),
        ({"ratings": [{"row": "999", "choice": "left"}]}, "a row that its sheet does not have"),
        ({"ratings": [{"row": ROWS[0], "choice": "left"}] * 2}, f"rates row {ROWS[0]} 2 times"),
        ({"ratings": [{"row": ROWS[0], "choice": "middle"}]}, "is no file of ratings"),
        ({"version": 2}, "is no file of ratings"),
        ({"ratings": None}, "is no file of ratings"),
    ],
)
def test_a_file_that_cannot_be_counted_is_named_with_its_fault(
    changes: dict[str, object], rule: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "r.json", **changes)
    with pytest.raises(DataError, match="cannot be counted") as caught:
        read_ratings([path], KEY)
    [fault] = caught.value.faults
    assert rule in fault.rule
    assert fault.path == str(path)


def test_one_sheet_in_two_files_is_refused(tmp_path: Path) -> None:
    paths = [write(tmp_path / "one.json"), write(tmp_path / "two.json")]
    with pytest.raises(DataError, match=r"one\.json rates too"):
        read_ratings(paths, KEY)


def test_the_faults_of_all_files_come_together(tmp_path: Path) -> None:
    paths = [write(tmp_path / "one.json", sheet="x"), tmp_path / "missing.json", write(tmp_path / "ok.json")]
    with pytest.raises(DataError, match="and 1 more") as caught:
        read_ratings(paths, KEY)
    assert [fault.path for fault in caught.value.faults] == [str(paths[0]), str(paths[1])]
