"""`tunewright data convert` writes every row, or says which it could not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tunewright.cli.data.convert import EXAMPLES, convert
from tunewright.data.read import read_rows
from tunewright.errors import DataError, RecipeError
from tunewright.spec.data import SourceSpec

CHAT = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
LONG = {"messages": [*CHAT["messages"], *CHAT["messages"]]}


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(convert)
    return CliRunner().invoke(app, list(arguments))


def rows_file(tmp_path: Path, *records: object, name: str = "rows.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return path


@pytest.mark.parametrize("target", ["prompt_completion", "alpaca", "sharegpt"])
def test_a_conversation_survives_another_format_and_the_way_back(tmp_path: Path, target: str) -> None:
    path, there, back = rows_file(tmp_path, CHAT, CHAT), tmp_path / "a.csv", tmp_path / "b.jsonl"
    assert run(str(path), "--to", target, "-o", str(there)).exit_code == 0
    result = run(str(there), "--format", target, "--to", "chat", "-o", str(back))
    assert result.exit_code == 0
    assert "2 rows in" in result.stdout
    rows = [read_rows(SourceSpec(path=str(each))).rows for each in (path, back)]
    assert [row.said for row in rows[0]] == [row.said for row in rows[1]]


def test_the_same_format_keeps_each_line_as_it_was(tmp_path: Path) -> None:
    path = rows_file(tmp_path, CHAT)
    run(str(path), "--to", "chat", "-o", str(tmp_path / "b.jsonl"))
    assert (tmp_path / "b.jsonl").read_bytes() == path.read_bytes()


def test_a_row_that_cannot_be_expressed_refuses_the_whole_unless_it_may_be_dropped(tmp_path: Path) -> None:
    tools = {**CHAT, "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]}
    path, out = rows_file(tmp_path, CHAT, tools), tmp_path / "b.jsonl"
    refused = run(str(path), "--to", "alpaca", "-o", str(out))
    assert isinstance(refused.exception, DataError)
    assert ":2" in str(refused.exception.faults[0])
    assert not out.exists()
    result = run(str(path), "--to", "alpaca", "-o", str(out), "--drop-unusable", "--json")
    said = json.loads(result.stdout)
    assert (said["num_rows"], said["num_dropped"], said["dropped"][0]["line"]) == (1, 1, 2)


def test_rows_that_cannot_be_read_are_listed_when_they_are_dropped(tmp_path: Path) -> None:
    path = rows_file(tmp_path, CHAT, "no object")
    result = run(str(path), "--to", "chat", "-o", str(tmp_path / "b.json"), "--drop-unusable")
    assert "left out:" in result.stdout
    assert "must be a JSON object" in result.stdout
    assert len(read_rows(SourceSpec(path=str(tmp_path / "b.json"))).rows) == 1


def test_impossible_wishes_are_errors_before_anything_is_written(tmp_path: Path) -> None:
    path = rows_file(tmp_path, CHAT)
    assert isinstance(run(str(path), "--to", "chta", "-o", str(tmp_path / "b.jsonl")).exception, RecipeError)
    assert isinstance(run(str(path), "--to", "kto", "-o", str(tmp_path / "b.jsonl")).exception, DataError)
    assert isinstance(run(str(path), "--to", "chat", "-o", str(path), "--overwrite").exception, RecipeError)
    assert list(tmp_path.iterdir()) == [path]


def test_examples_are_commands_of_this_verb() -> None:
    assert all(line.startswith("tunewright data convert ") for line in EXAMPLES)
