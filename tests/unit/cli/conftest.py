"""What the command line's tests share: a finished run to look at, and a working folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import write_rows
from tunewright.cli import main

SYSTEM = "Be brief."
QUICK = ("--set", "evaluate.max_new_tokens=8", "--set", "train.hardware.precision=fp32")


@pytest.fixture(scope="session")
def finished_run(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of four steps; tests read it."""
    folder = tmp_path_factory.mktemp("finished")
    rows = write_rows(folder / "rows.jsonl", 20, system=SYSTEM)
    run = folder / "runs" / "first run"
    asked = ["finetune", "-m", str(tiny_model), "-d", str(rows), "--max-steps", "4", "-o", str(run), *QUICK]
    assert main([*asked, "--quiet"]) == 0
    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a new folder the working folder and return it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
