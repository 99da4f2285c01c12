"""`tunewright data redact`, run as a command on a small file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tunewright.cli.data.redact import redact
from tunewright.errors import RecipeError, StorageError

app = typer.Typer()
app.command()(redact)

MAIL, PHONE = "jane@example.com", "+49 30 901820"


def run(*args: str) -> Result:
    result = CliRunner().invoke(app, args)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    def turn(question: str, answer: str) -> str:
        said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return json.dumps({"messages": said})

    lines = [turn(f"I am {MAIL}", f"Hello {MAIL}, {PHONE}"), turn("Nothing", "here "), turn("[EMAIL_1]?", "Yes.")]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_copy_is_redacted_and_rows_without_finds_stay_byte_for_byte(rows: Path, tmp_path: Path) -> None:
    before, out = rows.read_bytes(), tmp_path / "clean.jsonl"
    result = run(str(rows), "-o", str(out))
    lines = out.read_text(encoding="utf-8").splitlines()
    assert result.exit_code == 0
    assert rows.read_bytes() == before
    first = json.loads(lines[0])["messages"]
    assert [turn["content"] for turn in first] == ["I am [EMAIL_2]", "Hello [EMAIL_2], [PHONE_1]"]
    assert [json.loads(line) for line in lines[1:]] == [json.loads(line) for line in before.splitlines()[1:]]
    assert "3 places redacted in 1 of 3 records, 2 different values" in result.output


def test_a_check_writes_nothing_says_no_value_and_ends_with_1(rows: Path, tmp_path: Path) -> None:
    result = run(str(rows), "--check")
    assert result.exit_code == 1
    assert "messages[0].content: email" in result.output
    assert MAIL not in result.output
    assert list(tmp_path.iterdir()) == [rows]


def test_a_check_of_clean_rows_ends_with_0(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "clean.jsonl"
    run(str(rows), "-o", str(out))
    assert run(str(out), "--dry-run").exit_code == 0


def test_the_report_names_places_and_never_values(rows: Path, tmp_path: Path) -> None:
    report = tmp_path / "places.jsonl"
    result = run(str(rows), "-o", str(tmp_path / "out.jsonl"), "--report", str(report), "--types", "phone", "--json")
    said = json.loads(result.output)
    places = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    assert said["found"] == {"phone": 1}
    assert [(place["line"], place["field"], place["placeholder"]) for place in places] == [
        (1, "messages[1].content", "[PHONE_1]")
    ]
    assert PHONE not in report.read_text(encoding="utf-8") + result.output


def test_names_are_found_by_a_function_that_the_user_names(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_name_finder.py").write_text(
        "def find(text):\n    at = text.find('Nothing')\n    return [(at, at + 7)] if at >= 0 else []\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    result = run(str(rows), "--check", "--names", "my_name_finder:find", "--types", "name", "--json")
    assert json.loads(result.output)["found"] == {"name": 1}


def test_data_is_never_changed_in_place(rows: Path) -> None:
    with pytest.raises(RecipeError, match="in place"):
        run(str(rows))
    with pytest.raises(RecipeError, match="in place"):
        run(str(rows), "-o", str(rows), "--overwrite")


def test_a_file_that_is_there_is_not_replaced_unasked(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError):
        run(str(rows), "-o", str(out))
    assert out.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--types", "mail", "must be some of"),
        ("--names", "nothing", "MODULE:FUNCTION"),
        ("--names", "no_such_module_here:find", "cannot be imported"),
    ],
)
def test_wrong_options_are_named(rows: Path, option: str, value: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        run(str(rows), "--check", option, value)


def test_lines_that_cannot_be_read_are_named_without_their_text_and_end_with_1(rows: Path, tmp_path: Path) -> None:
    with rows.open("a", encoding="utf-8") as file:
        file.write(f'{{"messages": "{MAIL}\n')
    result = run(str(rows), "-o", str(tmp_path / "out.jsonl"))
    assert result.exit_code == 1
    assert f"{rows}:4" in result.output
    assert MAIL not in result.output
