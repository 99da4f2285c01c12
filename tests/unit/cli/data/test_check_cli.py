"""`data check` says its verdict first, exits as documented and never touches its input; goldens hold its report."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from tunewright.cli.data.check import check
from tunewright.errors import DataError, RecipeError, StorageError

GOLDEN = Path(__file__).parents[3] / "golden" / "data_check"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(GOLDEN / "damaged.jsonl", "damaged.jsonl")


def run(*arguments: str) -> Result:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(check)
    return CliRunner().invoke(app, list(arguments))


def good(name: str, number: int = 10, answer: str = "answer") -> None:
    said = [(f"question {n}", f"{answer} {n}") for n in range(number)]
    rows = [{"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]} for q, a in said]
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("damaged.txt", ["damaged.jsonl"]),
        ("damaged_capped.txt", ["damaged.jsonl", "--max-shown", "1", "--method", "dpo"]),
        ("damaged.json", ["damaged.jsonl", "--json"]),
        ("damaged_fix.txt", ["damaged.jsonl", "--fix"]),
        ("damaged_fix.json", ["damaged.jsonl", "--fix", "--json"]),
    ],
)
def test_the_report_is_the_golden_one(name: str, arguments: list[str]) -> None:
    said = run(*arguments).stdout
    if os.environ.get("UPDATE_GOLDENS"):
        (GOLDEN / name).write_text(said, encoding="utf-8")
    assert said == (GOLDEN / name).read_text(encoding="utf-8")


def test_exit_codes() -> None:
    good("good.jsonl")
    assert run("good.jsonl").exit_code == 0
    assert run("good.jsonl", "--strict").exit_code == 0
    good("odd.jsonl", answer="\x07")
    assert run("odd.jsonl").exit_code == 0
    assert run("odd.jsonl", "--strict").exit_code == 1
    assert run("damaged.jsonl").exit_code == 1
    assert isinstance(run("missing.jsonl").exception, DataError)


def test_a_clean_file_says_so() -> None:
    good("good.jsonl")
    assert run("good.jsonl").stdout.splitlines()[0] == "nothing is wrong in 10 rows"


def test_after_a_repair_the_exit_code_is_that_of_the_copy() -> None:
    good("good.jsonl")
    with Path("good.jsonl").open("a", encoding="utf-8") as file:
        file.write("broken\n")
    assert run("good.jsonl").exit_code == 1
    before = Path("good.jsonl").read_bytes()
    assert run("good.jsonl", "--fix").exit_code == 0
    assert Path("good.jsonl").read_bytes() == before
    assert isinstance(run("good.jsonl", "--fix").exception, StorageError)
    assert run("good.jsonl", "--fix", "--overwrite").exit_code == 0
    assert run("good.jsonl", "--fix", "--output", "copy.jsonl").exit_code == 0
    assert Path("copy.jsonl").read_bytes() == Path("good.fixed.jsonl").read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [["--method", "magic"], ["--output", "x.jsonl"], ["damaged.jsonl", "--fix", "--output", "x.jsonl"]],
)
def test_arguments_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    assert isinstance(run("damaged.jsonl", *arguments).exception, RecipeError)
    assert not Path("x.jsonl").exists()


def test_text_of_the_data_cannot_steer_the_terminal() -> None:
    good("rows.jsonl")
    with Path("rows.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"messages": [{"role": "\x1b[2J", "content": "x"}], "\x1b]0;title\x07": 1}) + "\n")
    assert "\x1b" not in run("rows.jsonl").stdout


def test_fix_replaces_no_file_that_is_read_even_when_told_to_overwrite() -> None:
    good("rows.jsonl")
    good("rows.fixed.jsonl", answer="another")
    before = [Path(name).read_bytes() for name in ("rows.jsonl", "rows.fixed.jsonl")]
    for arguments in (["rows.jsonl", "-o", "rows.jsonl"], ["rows.jsonl", "rows.fixed.jsonl"]):
        with pytest.raises(RecipeError, match="the file that is read"):
            raise run(*arguments, "--fix", "--overwrite").exception or AssertionError("nothing was refused")
    assert [Path(name).read_bytes() for name in ("rows.jsonl", "rows.fixed.jsonl")] == before


def test_columns_that_no_format_has_are_told_the_way_out() -> None:
    Path("rows.csv").write_text("question,answer\n" + "q,a\n" * 12, encoding="utf-8")
    assert "--columns prompt=" in run("rows.csv").stdout


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_said_to_be_empty_and_no_repair_is_offered(content: bytes) -> None:
    Path("rows.jsonl").write_bytes(content)
    said = run("rows.jsonl").stdout
    assert "rows.jsonl holds no record" in said
    assert "--fix" not in said
