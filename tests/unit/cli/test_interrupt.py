"""Ctrl-C leaves a run that can be resumed; while a run is written, nobody else may write it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import tunewright
from tests.tiny import write_rows
from tests.unit.cli.conftest import QUICK
from tunewright.cli import main
from tunewright.runs.folder import RunFolder

SOURCE = str(Path(tunewright.__file__).parents[1])
NUM_STEPS = 1_000_000


@contextmanager
def _process(arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    command = [sys.executable, "-m", "tunewright", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, encoding="utf-8"
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _wait_for_first_step(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["type"] == "metrics":
            return
    pytest.fail("the process ended before its first step")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to a child")
def test_ctrl_c_leaves_a_run_that_resume_finishes(
    here: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(here / "rows.jsonl", 12)
    asked = ["finetune", "-m", str(tiny_model), "-d", "rows.jsonl", "-o", "run", "--json", *QUICK]
    with _process([*asked, "--max-steps", str(NUM_STEPS)]) as process:
        _wait_for_first_step(process)
        assert main(["resume", "run"]) == 5
        assert "has been writing this run since" in capsys.readouterr().err
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped: " in said
    assert "tunewright resume run" in said
    assert "Traceback" not in said
    run = RunFolder.open(Path("run"))
    assert run.state() == "interrupted"
    [*_, checkpoint] = run.checkpoints()

    recipe = run.recipe()
    shorter = recipe.train.model_copy(update={"max_steps": checkpoint.step + 2})
    run.save_recipe(recipe.model_copy(update={"train": shorter}))
    assert main(["resume", "run"]) == 0
    out = capsys.readouterr().out
    assert f"resuming  from the checkpoint of step {checkpoint.step:,}" in out
    assert [row.step for row in run.metrics()] == list(range(1, checkpoint.step + 3))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to a child")
def test_ctrl_c_before_there_is_a_run_leaves_nothing(here: Path, tiny_model: Path) -> None:
    write_rows(here / "rows.jsonl", 12)
    with _process(["finetune", "-m", str(tiny_model), "-d", "rows.jsonl", "-o", "run", *QUICK]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading libraries …\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.startswith("stopped: ")
    assert "Traceback" not in said
    assert not Path("run").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to a child")
def test_ctrl_c_in_the_middle_of_an_import_still_ends_with_our_exit_code(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from tunewright.cli.ending import own_ctrl_c\n"
        "with own_ctrl_c():\n"
        "    try:\n"
        "        exec('import os, signal\\nos.kill(os.getpid(), signal.SIGINT)\\nfor _ in range(10**7): pass')\n"
        "    except KeyboardInterrupt:\n"
        "        sys.exit(130)\n"
    )
    (tmp_path / "interrupted.py").write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([SOURCE, str(tmp_path)])}
    # Only a module run by its name, as `python -m tunewright` is, meets the remembered interrupt at its end.
    ended = subprocess.run([sys.executable, "-m", "interrupted"], env=environment, timeout=60, check=False)
    assert ended.returncode == 130
