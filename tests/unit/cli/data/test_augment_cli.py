"""`tunewright data augment`, run as a command on a small file."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tunewright.cli.data.augment import augment
from tunewright.errors import DataError, DataMissingError, RecipeError

app = typer.Typer()
app.command()(augment)


def run(*args: str) -> Result:
    result = CliRunner().invoke(app, args)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    topics = ["login", "login", "login", "login", "billing"]
    lines = [
        json.dumps(
            {"prompt": f"How do I reset item {n} of the {t} page?", "completion": "So.", "metadata": {"topic": t}}
        )
        for n, t in enumerate(topics)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_each_original_stands_before_its_children(rows: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "more.jsonl", tmp_path / "again.jsonl"
    result = run(str(rows), "-o", str(out), "--noise", "typo,swap", "--copies", "2", "--seed", "4")
    run(str(rows), "-o", str(again), "--noise", "typo,swap", "--copies", "2", "--seed", "4")
    made = read(out)
    assert result.exit_code == 0
    assert out.read_bytes() == again.read_bytes()
    assert [row["prompt"] for row in made if "augmented" not in row["metadata"]] == [
        row["prompt"] for row in read(rows)
    ]
    group = None
    for row in made:
        if "augmented" in row["metadata"]:
            assert row["metadata"]["group"] == group
        else:
            group = row["metadata"]["group"]
        assert row["completion"] == "So."
    assert f"5 rows + {len(made) - 5} new" in result.output
    assert result.output.count(" → ") >= 4


def test_balance_makes_rare_values_less_rare(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "even.jsonl"
    result = run(str(rows), "-o", str(out), "--balance", "metadata.topic", "--json")
    said = json.loads(result.output)
    assert Counter(row["metadata"]["topic"] for row in read(out)) == {"login": 4, "billing": 4}
    assert said["balance"]["after"] == {"login": 4, "billing": 4}
    assert said["balance"]["short"] == {}
    assert (said["originals"], said["made"]) == (5, 3)


def test_templates_come_from_a_file_or_are_shipped(rows: Path, tmp_path: Path) -> None:
    file = tmp_path / "wordings.txt"
    file.write_text("How do I {x}?\nPray, how does one {x}?\n", encoding="utf-8")
    run(str(rows), "-o", str(tmp_path / "a.jsonl"), "--templates", str(file))
    assert read(tmp_path / "a.jsonl")[1]["prompt"] == "Pray, how does one reset item 0 of the login page?"
    run(str(rows), "-o", str(tmp_path / "b.jsonl"), "--templates", "english", "--copies", "9")
    assert len(read(tmp_path / "b.jsonl")) == 5 * 4


def test_what_cannot_be_done_is_named(rows: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out.jsonl")
    with pytest.raises(RecipeError, match="no way"):
        run(str(rows), "-o", out)
    with pytest.raises(RecipeError, match="typo, swap"):
        run(str(rows), "-o", out, "--noise", "tpyo")
    with pytest.raises(RecipeError, match="in place"):
        run(str(rows), "-o", str(rows), "--noise", "typo", "--overwrite")
    with pytest.raises(DataMissingError, match="cannot be read"):
        run(str(rows), "-o", out, "--templates", str(tmp_path / "none.txt"))
    with pytest.raises(DataError, match="no record has the field"):
        run(str(rows), "-o", out, "--balance", "metadata.nothing")
    assert not Path(out).exists()


def test_a_line_that_cannot_be_read_is_named_and_ends_with_1(rows: Path, tmp_path: Path) -> None:
    with rows.open("a", encoding="utf-8") as file:
        file.write("{broken\n")
    result = run(str(rows), "-o", str(tmp_path / "out.jsonl"), "--noise", "typo")
    assert result.exit_code == 1
    assert f"{rows}:6" in result.output
