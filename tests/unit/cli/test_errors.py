"""Whatever the user gives, a command that cannot do it says so in one clear message and destroys nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tiny import write_rows
from tests.unit.cli.conftest import QUICK
from tunewright.cli import main
from tunewright.cli.ending import MAX_FAULTS, error_lines
from tunewright.errors import Fault, RecipeError

TURN = {"role": "user", "content": "Hello?"}


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _fails(arguments: list[str], capsys: pytest.CaptureFixture[str], *expected: str) -> str:
    """Run a command that must fail; return what it said."""
    capsys.readouterr()
    code = main(arguments)
    said = capsys.readouterr().err
    assert code not in {0, 1}, said
    assert said.count("error: ") == 1
    assert "Traceback" not in said
    for text in expected:
        assert text in said
    return said


def _line(*turns: dict[str, str]) -> str:
    return json.dumps({"messages": turns}) + "\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, ("rows.jsonl",)),
        ("", ("rows.jsonl",)),
        ("this is not JSON\n", ("rows.jsonl:1",)),
        (_line(TURN, {"role": "bot", "content": "Hi."}), ("rows.jsonl:1", "bot")),
        (_line(TURN), ("rows.jsonl:1", "assistant")),
    ],
    ids=["missing", "empty", "not JSONL", "wrong role", "no assistant turn"],
)
def test_bad_rows(
    content: str | None, expected: tuple[str, ...], here: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        Path("rows.jsonl").write_text(content, encoding="utf-8")
    before = _files(here)
    _fails(["finetune", "-m", str(tiny_model), "-d", "rows.jsonl", "-o", "run"], capsys, *expected, "hint: ")
    assert _files(here) == before
    assert not Path("run").exists()


def test_no_data_at_all(here: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _fails(["finetune", "-m", str(tiny_model)], capsys, "data.train", "--data")


def test_a_row_that_is_too_long_leaves_none_to_train_on(
    here: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(here / "rows.jsonl", 3)
    asked = ["finetune", "-m", str(tiny_model), "-d", "rows.jsonl", "--max-length", "8", "--set", "data.too_long=drop"]
    _fails(asked, capsys, "no row is left to train on", "max_length")


@pytest.mark.parametrize("pattern", ["*.safetensors", "config.json", "tokenizer*"])
def test_an_incomplete_model_folder_says_what_it_lacks(
    pattern: str, here: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_model, "model")
    for path in Path("model").glob(pattern):
        path.unlink()
    write_rows(here / "rows.jsonl", 4)
    lacks = {"*.safetensors": "weights", "config.json": "config.json", "tokenizer*": "tokenizer"}[pattern]
    _fails(["finetune", "-m", "model", "-d", "rows.jsonl"], capsys, "model model: the folder has no", lacks)


def test_an_unknown_key_of_a_recipe_file_gets_a_suggestion(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("recipe.yaml").write_text("train: {learning_rte: 1e-4}\nmethod: {rnk: 8}\n", encoding="utf-8")
    expected = ("recipe.yaml has 2 faults", "did you mean train.learning_rate?", "did you mean method.rank?")
    _fails(["run", "recipe.yaml"], capsys, *expected)


def test_wrong_flags_are_reported_together_under_their_recipe_keys(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["finetune", "-d", "x.jsonl", "--learning-rate", "-1", "--epochs", "many", "--method", "lore"]
    _fails(asked, capsys, "3 faults", "train.learning_rate: ", "train.epochs: ", "method.kind: ", "'-1'", "'many'")


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("trian.seed=1", "did you mean train?"),
        ("train.sed=1", "did you mean train.seed?"),
        ("train.seed", "must look like path=value"),
        ("=1", "must look like path=value"),
        ("train.seed=x", "train.seed: "),
        ("data=[", "data"),
    ],
)
def test_a_wrong_setting(setting: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    _fails(["finetune", "-d", "x.jsonl", "--set", setting], capsys, expected)


def test_another_run_is_never_overwritten(
    finished_run: Path, here: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(here / "rows.jsonl", 4)
    before = _files(finished_run)
    asked = ["finetune", "-m", str(tiny_model), "-d", "rows.jsonl", "-o", str(finished_run)]
    _fails(asked, capsys, "a run is there already", "--output")
    assert _files(finished_run) == before


@pytest.mark.parametrize("verb", ["resume", "show", "chat", "report"])
def test_a_path_without_a_run(verb: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _fails([verb, "nowhere"], capsys, "nowhere: does not exist")


def test_a_finished_run_cannot_be_resumed(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _fails(["resume", str(finished_run)], capsys, "the run is finished", "tunewright show")


def test_an_output_below_a_file_is_refused(here: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(here / "rows.jsonl", 4)
    Path("file").write_text("kept", encoding="utf-8")
    asked = ["finetune", "-m", str(tiny_model), "-d", "rows.jsonl", "-o", "file/run", *QUICK]
    _fails(asked, capsys, "cannot be written", "--output")
    assert Path("file").read_text(encoding="utf-8") == "kept"


def test_a_single_row_trains_and_says_what_it_lacks(
    here: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(here / "rows.jsonl", 1)
    asked = ["finetune", "-m", str(tiny_model), "-d", "rows.jsonl", "-o", "run", "--max-steps", "1", *QUICK]
    assert main(asked) == 0
    out = capsys.readouterr().out
    assert "no validation rows" in out
    assert "nothing was scored: no held-out rows" in out


def test_a_batch_larger_than_the_set_shrinks_and_says_so(
    here: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(here / "rows.jsonl", 4)
    asked = ["finetune", "-m", str(tiny_model), "-d", "rows.jsonl", "-o", "run", "--max-steps", "1", *QUICK]
    assert main([*asked, "--batch-size", "64"]) == 0
    assert "64 asked for, but there are 3 training rows" in capsys.readouterr().out


def test_with_json_the_error_is_an_object_on_stdout_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["finetune", "--json", "--learning-rate", "-1"]) == 2
    captured = capsys.readouterr()
    error = json.loads(captured.out)["error"]
    assert error["code"] == "recipe_invalid"
    assert error["faults"][0]["path"] == "train.learning_rate"
    assert "error: " in captured.err


def test_an_unknown_flag_is_a_usage_error_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    said = _fails(["finetune", "--learning-rat", "1"], capsys, "--learning-rate", "hint: tunewright finetune --help")
    assert "error" in said


@pytest.mark.parametrize("place", [0, 1, 3])
def test_debug_shows_the_traceback_wherever_it_stands(place: int, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["finetune", "--learning-rate", "-1"]
    assert main([*arguments[:place], "--debug", *arguments[place:]]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_defect_is_called_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("tunewright.cli.schema.recipe_schema", broken)
    assert main(["schema"]) == 1
    said = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: by zero" in said
    assert "--debug" in said
    assert "Traceback" not in said


def test_no_more_than_twenty_faults_are_shown() -> None:
    faults = tuple(Fault(f"key{number}", "is wrong") for number in range(MAX_FAULTS + 3))
    lines = error_lines(RecipeError("bad", faults=faults, hint="mend it"))
    assert len(lines) == 1 + MAX_FAULTS + 1 + 1
    assert lines[-2] == "  … and 3 more"
    assert lines[-1] == "hint: mend it"


def test_a_full_disk_is_named_and_leaves_no_half_result(
    here: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(here / "rows.jsonl", 12)
    disk = here / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=192k", "tunewright-test", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user cannot mount a small file system")
    try:
        asked = ["finetune", "-m", str(tiny_model), "-d", "rows.jsonl", "-o", "disk/run", "--max-steps", "3", *QUICK]
        _fails([*asked, "--set", "train.save_steps=1"], capsys, "disk/run", "cannot be written", "space")
        assert not list(disk.rglob("*.tmp"))
        assert all((path / "state.json").is_file() for path in disk.glob("run/checkpoints/step-*"))
    finally:
        subprocess.run(["umount", str(disk)], capture_output=True, check=True)
