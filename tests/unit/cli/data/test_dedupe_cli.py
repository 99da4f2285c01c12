"""`tunewright data dedupe` and `tunewright data leakage`, run as commands on small files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tunewright.cli.data import dedupe, leakage
from tunewright.errors import DataError, StorageError

app = typer.Typer()
app.command("dedupe", epilog="\n".join(dedupe.EXAMPLES))(dedupe.dedupe)
app.command("leakage", epilog="\n".join(leakage.EXAMPLES))(leakage.leakage)

QUESTION = "How long does the battery of the small lamp last when it is used every evening"


def run(*args: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def write(path: Path, *rows: tuple[str, str]) -> Path:
    lines = []
    for question, answer in rows:
        said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        lines.append(json.dumps({"messages": said}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    ten = "Ten hours."
    return write(
        tmp_path / "rows.jsonl", (QUESTION, ten), ("Is \x1b[31mit red?", "No."), (QUESTION + "?", ten), (QUESTION, ten)
    )


def test_dedupe_writes_both_files_and_says_what_it_found(rows: Path, tmp_path: Path) -> None:
    before = rows.read_bytes()
    result = run("dedupe", rows, "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    assert "3 rows alike, lines 1, 3, 4: user: how long does" in result.stdout
    assert "4 rows; clusters of duplicates: 1" in result.stdout
    assert "2 go, 0 of them exact duplicates" in result.stdout
    assert result.stdout.startswith("4 rows; clusters of duplicates: 1\n")
    assert rows.read_bytes() == before
    assert len((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    assert len((tmp_path / "out.removed.jsonl").read_text(encoding="utf-8").splitlines()) == 2


def test_dedupe_says_the_same_as_json(rows: Path, tmp_path: Path) -> None:
    said = json.loads(run("dedupe", rows, "-o", tmp_path / "out.jsonl", "--exact", "--json").stdout)
    assert {key: said[key] for key in ("rows", "kept", "removed", "removed_exact", "clusters", "threshold", "by")} == {
        "rows": 4,
        "kept": 3,
        "removed": 1,
        "removed_exact": 1,
        "clusters": 1,
        "threshold": None,
        "by": "row",
    }
    assert said["largest"][0]["lines"] == [1, 4]


def test_dedupe_needs_an_output_of_its_own(rows: Path, tmp_path: Path) -> None:
    assert run("dedupe", rows).exit_code == 2
    with pytest.raises(DataError, match="three files"):
        run("dedupe", rows, "-o", rows)
    taken = write(tmp_path / "taken.jsonl", ("a", "b"))
    with pytest.raises(StorageError, match="exists"):
        run("dedupe", rows, "-o", taken)
    assert run("dedupe", rows, "-o", taken, "--overwrite", "--removed", tmp_path / "gone.jsonl").exit_code == 0
    assert (tmp_path / "gone.jsonl").exists()


def test_a_threshold_out_of_range_is_a_usage_error(rows: Path, tmp_path: Path) -> None:
    assert run("dedupe", rows, "-o", tmp_path / "out.jsonl", "--threshold", "0.2").exit_code == 2


def test_leakage_ends_with_one_and_names_the_rows(rows: Path, tmp_path: Path) -> None:
    test = write(tmp_path / "test.jsonl", ("new", "row"), (QUESTION + " now", "Ten hours."), (QUESTION, "Ten hours."))
    result = run("leakage", "--train", rows, "--test", test)
    assert result.exit_code == 1
    assert f"{test}:3 is {rows}:1" in result.stdout.replace("\n", "")
    assert f"{test}:2 is like (0." in result.stdout.replace("\n", "")
    assert result.stdout.startswith("2 of 3 test rows are in the 4 training rows, 1 of them exactly\n")
    said = json.loads(run("leakage", "--train", rows, "--test", test, "--exact", "--json").stdout)
    assert said["leaking"] == 1
    assert said["leaks"] == [
        {
            "test": {"path": str(test), "line": 3},
            "train": {"path": str(rows), "line": 1},
            "similarity": 1.0,
            "exact": True,
        }
    ]


def test_leakage_ends_with_zero_where_only_the_question_is_known_unless_prompts_are_compared(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", ("Is it so?", "No, never in all these years."), ("b", "c"))
    test = write(tmp_path / "test.jsonl", ("Is it so?", "Yes, today and tomorrow and always."))
    result = run("leakage", "--train", train, "--test", test)
    assert result.exit_code == 0
    assert "0 of 1 test rows" in result.stdout
    result = run("leakage", "--train", train, "--train", train, "--test", test, "--by", "prompt")
    assert result.exit_code == 1
    assert "1 of 1 questions of test rows" in result.stdout


def test_leakage_counts_rows_that_cannot_be_compared(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", ("a", "b"))
    test = tmp_path / "test.jsonl"
    test.write_text(train.read_text(encoding="utf-8") + '{"messages": []}\n', encoding="utf-8")
    result = run("leakage", "--train", train, "--test", test)
    assert "break a rule of their format: 1" in result.stdout


def test_control_characters_of_rows_do_not_reach_the_terminal(tmp_path: Path) -> None:
    bad = ("Is \x1b[31mit red?", "No.")
    rows = write(tmp_path / "rows.jsonl", bad, bad)
    assert "\x1b" not in run("dedupe", rows, "-o", tmp_path / "out.jsonl").stdout
    assert "\x1b" not in run("leakage", "--train", rows, "--test", rows).stdout


def test_a_system_prompt_is_no_hash_in_what_people_read(tmp_path: Path) -> None:
    said = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "Ten hours."},
    ]
    rows = tmp_path / "rows.jsonl"
    rows.write_text(2 * (json.dumps({"messages": said}) + "\n"), encoding="utf-8")
    assert "lines 1, 2: user: how long" in run("dedupe", rows, "-o", tmp_path / "out.jsonl").stdout
    leaking = run("leakage", "--train", rows, "--test", rows).stdout.replace("\n", "")
    assert ": user: how long" in leaking
    assert "system:" not in leaking


def test_a_folder_that_is_missing_is_named_before_the_search(tmp_path: Path) -> None:
    rows = write(tmp_path / "rows.jsonl", ("a", "b"))
    with pytest.raises(StorageError, match="there is no folder"):
        run("dedupe", rows, "-o", tmp_path / "nowhere" / "out.jsonl")
