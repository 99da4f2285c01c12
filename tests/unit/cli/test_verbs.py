"""Each verb does what its help says, for people and for scripts."""

from __future__ import annotations

import json
import re
import sys
from io import StringIO
from pathlib import Path

import pytest
import yaml

from tests.tiny import write_rows
from tests.unit.cli.conftest import QUICK, SYSTEM
from tunewright.cli import main, screen
from tunewright.cli.show import sparkline

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def test_json_prints_events_metrics_and_a_summary_and_nothing_else(
    here: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(here / "rows.jsonl", 12)
    asked = ["finetune", "-m", str(tiny_model), "-d", "rows.jsonl:2", "-o", "run", "--max-steps", "3", "--json", *QUICK]
    assert main(asked) == 0
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    kinds = [line["type"] for line in lines]
    assert kinds[0] == "run_started"
    assert kinds.count("metrics") == 3
    assert kinds[-2:] == ["run_finished", "summary"]
    assert lines[-1]["path"] == "run"
    assert lines[-1]["state"] == "finished"
    recipe = yaml.safe_load(Path("run/recipe.yaml").read_text(encoding="utf-8"))
    assert recipe["data"]["train"] == [{"path": "rows.jsonl", "weight": 2.0}]


def test_in_a_pipe_progress_is_plain_lines_that_fit_and_end_in_the_verdict(
    here: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(here / "rows.jsonl", 12)
    assert main(["finetune", "-m", str(tiny_model), "-d", "rows.jsonl", "-o", "run", "--max-steps", "3", *QUICK]) == 0
    out = capsys.readouterr().out
    assert not CONTROLS.search(out)
    assert "chosen    train.batch_size" in out
    assert re.search(r"step 3/3  loss \d", out)
    verdict = out[out.index("run folder") :]
    assert "tunewright chat run" in verdict
    assert "tunewright show run" in verdict
    table = out[out.index("question ") : out.index("run folder")]
    assert max(map(len, table.splitlines())) <= 80


def test_quiet_prints_the_run_folder_only(here: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(here / "rows.jsonl", 4)
    assert main(["finetune", "-m", str(tiny_model), "-d", "rows.jsonl", "--max-steps", "1", "-q", *QUICK]) == 0
    [printed] = capsys.readouterr().out.splitlines()
    assert (Path(printed) / "manifest.json").is_file()
    assert Path(printed).parent == Path("runs")


def test_dry_run_prints_a_recipe_that_run_takes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["finetune", "-d", "x.jsonl", "--name", "007", "--learning-rate", "1e-4", "--set", "method.rank=4"]
    assert main([*asked, "--dry-run"]) == 0
    first = capsys.readouterr().out
    Path("recipe.yaml").write_text(first, encoding="utf-8")
    assert main(["run", "recipe.yaml", "--dry-run"]) == 0
    assert capsys.readouterr().out == first
    tree = yaml.safe_load(first)
    assert (tree["name"], tree["train"]["learning_rate"], tree["method"]["rank"]) == ("007", 1e-4, 4)
    assert sorted(path.name for path in here.iterdir()) == ["recipe.yaml"]


def test_show_puts_the_verdict_first_and_quotes_the_next_command(
    finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(finished_run)]) == 0
    out = capsys.readouterr().out
    assert " → " in out.splitlines()[0]
    assert "train loss" in out
    assert f"tunewright chat '{finished_run}'" in out


def test_show_as_json_has_what_the_summary_has(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(finished_run), "--json"]) == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree["state"] == "finished"
    assert tree["left_out"] == []
    assert tree["evaluation"]["columns"]


def test_left_out_rows_are_counted_and_the_first_ten_named(
    here: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = write_rows(here / "rows.jsonl", 4)
    with rows.open("a", encoding="utf-8") as file:
        file.writelines('{"messages": []}\n' for _ in range(12))
    asked = ["finetune", "-m", str(tiny_model), "-d", "rows.jsonl", "-o", "run", "--max-steps", "1", *QUICK]
    assert main([*asked, "--set", "data.unusable=drop"]) == 0
    assert "left out  … and 9 more" in capsys.readouterr().out
    assert main(["show", "run"]) == 0
    out = capsys.readouterr().out
    assert out.count("left out    rows.jsonl:") == 10
    assert "… and 2 more (12 in all)" in out


def test_runs_lists_the_newest_last_and_survives_a_damaged_one(
    finished_run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "manifest.json").write_text("{", encoding="utf-8")
    assert main(["runs", str(tmp_path)]) == 0
    assert "damaged" in capsys.readouterr().out
    assert main(["runs", str(finished_run.parent), "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row["path"] == str(finished_run)


def test_runs_without_any_points_at_the_quickstart(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0
    assert "tunewright quickstart" in capsys.readouterr().out


def test_report_is_written_again(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = finished_run / "report" / "index.html"
    page.unlink()
    assert main(["report", str(finished_run)]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert page.is_file()


def test_schema_goes_to_stdout_or_into_a_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    printed = capsys.readouterr().out
    assert main(["schema", "--output", "schema.json"]) == 0
    assert Path("schema.json").read_text(encoding="utf-8") == printed
    assert json.loads(printed)["title"] == "Tunewright recipe"


@pytest.mark.parametrize("which", [[], ["--base"]])
def test_chat_answers_one_question_and_prints_nothing_else(
    which: list[str], finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["chat", str(finished_run), "--prompt", "Code of item 1?", "--max-new-tokens", "4", *which]
    assert main(asked) == 0
    first = capsys.readouterr()
    assert (first.out.count("\n"), first.err) == (1, "")
    assert main(asked) == 0
    assert capsys.readouterr().out == first.out


def test_chat_in_a_pipe_takes_a_turn_a_line_and_says_when_it_drops_some(
    finished_run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    question = "Code of item 1, and then " + "x" * 100 + "?"
    monkeypatch.setattr("sys.stdin", StringIO(f"{question}\n{question}\n/reset\n{'y' * 300}\n/exit\nnever asked\n"))
    assert main(["chat", str(finished_run), "--max-new-tokens", "4"]) == 0
    out = capsys.readouterr().out
    assert "the oldest 2 turns were dropped" in out
    assert "(forgotten)" in out
    assert "the model's context has 256" in out


def test_the_example_is_resolved_beside_itself_and_a_recipe_file_is_not(
    here: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = here / "example"
    example.mkdir()
    write_rows(example / "train.jsonl", 8, system=SYSTEM)
    write_rows(example / "heldout.jsonl", 2, system=SYSTEM, first=50)
    recipe = {"model": {"source": str(tiny_model)}, "data": {"train": "train.jsonl", "test": ["heldout.jsonl"]}}
    (example / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    monkeypatch.setattr("tunewright.cli.example.example_folder", lambda: example)
    assert main(["quickstart", "--set", "train.max_steps=1", "--quiet", *QUICK]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path.parent == Path("runs")
    assert path.name.endswith("-quickstart")
    assert main(["run", "example/recipe.yaml"]) == 3
    assert "train.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("values", "expected"), [([], ""), ([1.0], "▁"), ([0.0, 1.0], "▁█"), ([2.0, 2.0], "▁▁"), ([3.0, 2.0, 1.0], "█▅▁")]
)
def test_sparkline(values: list[float], expected: str) -> None:
    assert sparkline(values) == expected
    assert len(sparkline(values * 100)) <= 48


def test_next_commands_name_the_program_as_the_user_can_call_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / ".venv" / "bin" / "tunewright")])
    monkeypatch.setenv("PATH", "")
    assert screen.command("chat", Path("runs/a b")) == ".venv/bin/tunewright chat 'runs/a b'"
    tool = tmp_path / "bin" / "tunewright"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent))
    assert screen.command("show", Path("r")) == "tunewright show r"
