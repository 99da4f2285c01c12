"""`eval human` in all its forms: blind sheets, ratings at the terminal, and who won; nothing that was rated is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.evaluate.page.building import make_evaluation
from tunewright.cli import main
from tunewright.runs.folder import RunFolder

Said = Callable[..., tuple[str, str]]
Types = Callable[[Iterable[str | type[BaseException]]], list[str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Return what runs `eval human …`, holds it to its exit code, and returns what it said."""

    def call(*arguments: str | Path, code: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        ended = main(["eval", "human", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert ended == code, (ended, out[-2000:], err)
        assert "Traceback" not in out + err
        assert err.count("error: ") == (code != 0)
        return out, err

    return call


@pytest.fixture
def types(monkeypatch: pytest.MonkeyPatch) -> Types:
    """Return what puts words (or Ctrl-C, or the end) at the prompt, and returns the list of prompts seen."""

    def put(words: Iterable[str | type[BaseException]]) -> list[str]:
        coming, prompts = iter(words), []

        def ask(prompt: str = "") -> str:
            prompts.append(prompt)
            word = next(coming, EOFError)
            if isinstance(word, str):
                return word
            raise word

        monkeypatch.setattr("builtins.input", ask)
        return prompts

    return put


@pytest.fixture
def run(finished_run: Path, here: Path) -> Path:
    """Return a run in the working folder whose evaluation has twelve rows and five columns."""
    shutil.copytree(finished_run, here / "run")
    RunFolder.open(Path("run")).save_evaluation(make_evaluation(num_rows=12))
    return Path("run")


def _tree(path: str) -> dict[str, Any]:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _side_of(column: str, sheet: str) -> list[str]:
    """Return what to type to prefer a column on every row of a sheet, in its order."""
    key, told = _tree("sheets/key.json"), _tree(sheet)
    is_a = key["column_a"] == column
    sides = key["sides"][told["id"]]
    return ["1" if (sides[question["row"]] == "left") == is_a else "2" for question in told["questions"]]


def test_from_sheets_by_ratings_to_a_winner(run: Path, said: Said, types: Types) -> None:
    out, _ = said(run, "--raters", "2")
    assert [line.split()[0] for line in out.splitlines()] == ["rater", "rater", "key", "rate", "then"]
    for number in (1, 2):
        sheet = f"sheets/sheet-{number}.json"
        # Nobody who rates can see whose answer is whose.
        page = Path(sheet).with_suffix(".html").read_text(encoding="utf-8")
        assert not {'"base"', '"tuned"'} & set(json.dumps(_tree(sheet)).split())
        assert "tuned" not in page.casefold()
        types(_side_of("tuned", sheet))
        out, _ = said("--rate", sheet, "-o", f"ratings-{number}.json")
        assert out.endswith(f"rows rated: ratings-{number}.json\n")
    out, _ = said("--key", "sheets/key.json", "--tally", "ratings-1.json", "--tally", "ratings-2.json")
    assert out.startswith("tuned is preferred: base wins ")
    assert max(map(len, out.splitlines())) <= 80
    tree = json.loads(said("--key", "sheets/key.json", "--tally", "ratings-1.json", "ratings-2.json", "--json")[0])
    assert tree["num_missing"] == 0
    assert tree["num_wins"] == 0
    assert tree["num_losses"] > 0


def test_every_file_that_the_shell_puts_in_place_of_a_pattern_is_counted(run: Path, said: Said, types: Types) -> None:
    out, _ = said(run, "--raters", "2")
    # The very command that the sheets end with, as a shell passes it on.
    [then] = [line for line in out.splitlines() if line.startswith("then")]
    assert then.endswith("--key sheets/key.json --tally ratings-*.json")
    for number in (1, 2):
        types("1" * 40)
        said("--rate", f"sheets/sheet-{number}.json", "-o", f"ratings-{number}.json")
    files = sorted(path.name for path in Path().glob("ratings-*.json"))
    out, _ = said("--key", "sheets/key.json", "--tally", *files)
    assert "have no rating" not in out


def test_sheets_are_not_written_over_sheets_that_may_have_been_rated(run: Path, said: Said) -> None:
    said(run)
    key = Path("sheets/key.json").read_bytes()
    _, err = said(run, "--rows", "3", code=5)
    assert "sheets: sheets are there already" in err
    assert "--output" in err
    assert Path("sheets/key.json").read_bytes() == key
    said(run, "--rows", "3", "-o", "others")
    assert Path("others/key.json").is_file()


@pytest.mark.parametrize("end", [KeyboardInterrupt, EOFError, "q"], ids=["Ctrl-C", "Ctrl-D", "q"])
def test_an_interrupted_sitting_keeps_what_was_rated_and_goes_on_there(
    end: str | type[BaseException], run: Path, said: Said, types: Types
) -> None:
    said(run)
    num_rows = len(_tree("sheets/sheet-1.json")["questions"])
    types(["1", "2", end])
    out, _ = said("--rate", "sheets/sheet-1.json", "-o", "my ratings.json")
    assert f"2 of {num_rows} rows rated: my ratings.json" in out
    assert "go on  tunewright eval human --rate sheets/sheet-1.json -o 'my ratings.json'" in out
    assert [rated["choice"] for rated in _tree("my ratings.json")["ratings"]] == ["left", "right"]
    prompts = types(["0"] * num_rows)
    out, _ = said("--rate", "sheets/sheet-1.json", "-o", "my ratings.json")
    assert len(prompts) == num_rows - 2
    assert f"{num_rows} of {num_rows} rows rated" in out
    assert "go on" not in out


def test_a_word_that_is_no_choice_is_asked_again_and_answers_cannot_move_the_cursor(
    run: Path, said: Said, types: Types
) -> None:
    evaluation = make_evaluation(num_rows=4)
    columns = [
        column.model_copy(
            update={"answers": [a.model_copy(update={"text": f"\x1b[2J{column.name}\x07"}) for a in column.answers]}
        )
        for column in evaluation.columns
    ]
    RunFolder.open(run).save_evaluation(evaluation.model_copy(update={"columns": columns}))
    said(run)
    types(["maybe\x1b[2J", "q"])
    out, _ = said("--rate", "sheets/sheet-1.json")
    assert "is none of 1, 2, 0, b and q" in out
    assert "\x1b" not in out
    assert "\x07" not in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "name a RUN to write sheets of, a sheet to --rate, or ratings to --tally"),
        (["--tally", "ratings.json"], "--tally needs --key"),
        (["--key", "key.json"], "--key needs --tally"),
        (["run", "--key", "key.json"], "--key needs --tally"),
        (["run", "--rate", "sheet.json"], "--rate takes a sheet and --output alone"),
        (["--rate", "sheet.json", "--tally", "a", "--key", "b"], "--rate takes a sheet and --output alone"),
        (["run", "again"], "sheets are of one RUN, got 2: run, again"),
    ],
)
def test_words_that_would_be_passed_over_are_refused(
    arguments: list[str], expected: str, run: Path, said: Said
) -> None:
    _, err = said(*arguments, code=2)
    assert expected in err
    assert "hint: tunewright eval human --help" in err
    assert not Path("sheets").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["nowhere"], 5, ["nowhere: does not exist"]),
        (["run", "--columns", "base", "nobody"], 5, ["no column is called 'nobody'", "there are: base"]),
        (["run", "--columns", "base", "base"], 3, ["base is compared with itself", "two different columns"]),
        (["run", "--rows", "0"], 3, ["got 0 rows", "hint: "]),
        (["run", "--raters", "0"], 3, ["0 raters", "hint: "]),
        (["run", "-o", "run/manifest.json/sheets"], 6, ["cannot be written", "--output"]),
        (["bare"], 5, ["bare: the run was not evaluated", "hint: tunewright eval bare"]),
    ],
)
def test_sheets_that_cannot_be_written(
    arguments: list[str], code: int, expected: list[str], run: Path, said: Said
) -> None:
    shutil.copytree(run, "bare")
    Path("bare/report/evaluation.json").unlink()
    _, err = said(*arguments, code=code)
    for text in expected:
        assert text in err
    assert not Path("sheets").exists()


def test_columns_of_ones_own_choice_are_compared(run: Path, said: Said, types: Types) -> None:
    said(run, "--columns", "retrieval", "tuned", "--rows", "6")
    types(_side_of("retrieval", "sheets/sheet-1.json"))
    said("--rate", "sheets/sheet-1.json")
    out, _ = said("--key", "sheets/key.json", "--tally", "ratings.json")
    assert "retrieval wins" in out


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"version": 1}'])
def test_a_key_or_a_sheet_that_is_none_is_named(content: str | None, run: Path, said: Said, types: Types) -> None:
    said(run)
    types("1" * 40)
    said("--rate", "sheets/sheet-1.json")
    if content is not None:
        Path("damaged.json").write_text(content, encoding="utf-8")
    for arguments in (["--key", "damaged.json", "--tally", "ratings.json"], ["--rate", "damaged.json"]):
        _, err = said(*arguments, code=3)
        assert "damaged.json: " in err
        assert "hint: write " in err


def test_ratings_that_cannot_be_counted_are_named_together(run: Path, said: Said, types: Types) -> None:
    said(run, "-o", "others", "--rows", "5")
    types("1" * 40)
    said("--rate", "others/sheet-1.json", "-o", "other.json")
    said(run)
    types("1" * 40)
    said("--rate", "sheets/sheet-1.json", "-o", "mine.json")
    Path("damaged.json").write_text("{", encoding="utf-8")
    files = ["mine.json", "mine.json", "other.json", "damaged.json", "nowhere.json"]
    _, err = said("--key", "sheets/key.json", "--tally", *files, code=3)
    assert "mine.json: rates the sheet that mine.json rates too" in err
    assert "other.json: rates a sheet that is not of this key" in err
    assert "damaged.json: is no file of ratings" in err
    assert "nowhere.json: is no file of ratings" in err
    said("--key", "sheets/key.json", "--tally", "mine.json")


def test_ratings_of_another_sheet_are_neither_mixed_in_nor_overwritten(run: Path, said: Said, types: Types) -> None:
    said(run, "-o", "others", "--rows", "5")
    types("1" * 40)
    said("--rate", "others/sheet-1.json")
    before = Path("ratings.json").read_bytes()
    said(run)
    types("2" * 40)
    _, err = said("--rate", "sheets/sheet-1.json", code=3)
    assert "ratings.json: " in err
    assert "--output" in err
    assert Path("ratings.json").read_bytes() == before


@pytest.mark.parametrize("content", ["", "{", '{"version": 1}', "\xff"])
def test_a_damaged_file_of_ratings_is_named_and_left_alone(content: str, run: Path, said: Said, types: Types) -> None:
    said(run)
    Path("ratings.json").write_text(content, encoding="latin-1")
    types("1" * 40)
    _, err = said("--rate", "sheets/sheet-1.json", code=3)
    assert "ratings.json: " in err
    assert "internal error" not in err
    assert Path("ratings.json").read_text(encoding="latin-1") == content
