"""A training process that is killed at any instant, and taken up again, ends like one that nobody killed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tunewright
from tests.outcome import outcome
from tunewright.runs.folder import RunFolder
from tunewright.runs.metrics import OF_THE_MACHINE

ROOT = Path(__file__).parents[3]
SOURCE = str(Path(tunewright.__file__).parents[1])

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


def kill(model: Path, folder: Path, num_kills: int, seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.unit.jobs.killing", str(model), str(folder), str(num_kills), str(seed)]
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def weights_hash(run: RunFolder) -> str:
    return hashlib.sha256((run.adapter_path / "adapter_model.safetensors").read_bytes()).hexdigest()


def assert_same_ending(folder: Path) -> None:
    whole, cut = RunFolder.open(folder / "whole"), RunFolder.open(folder / "cut")
    assert cut.state() == whole.state() == "finished"
    assert weights_hash(cut) == weights_hash(whole)
    told = [[row.model_dump(exclude=set(OF_THE_MACHINE)) for row in run.metrics()] for run in (cut, whole)]
    assert told[0] == told[1]
    assert [row["step"] for row in told[0]] == list(range(1, len(told[0]) + 1))
    seconds = [row.seconds for row in cut.metrics()]
    assert seconds == sorted(seconds)
    assert outcome(cut) == outcome(whole)
    assert not list(cut.path.rglob("*.tmp"))
    assert not (cut.path / "running.json").exists()


def test_a_run_killed_three_times_ends_like_one_that_was_not(tiny_model: Path, tmp_path: Path) -> None:
    told = kill(tiny_model, tmp_path, num_kills=3, seed=1)
    assert told["kills"] == 3
    assert_same_ending(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_a_run_killed_at_thirty_moments_ends_like_one_that_was_not(seed: int, tiny_model: Path, tmp_path: Path) -> None:
    told = kill(tiny_model, tmp_path, num_kills=30, seed=seed)
    assert told["kills"] == 30
    # Moments that never hit a checkpoint half written would show nothing.
    assert told["half_written"] >= 1, told
    assert len(set(told["steps"])) >= 5, told
    assert_same_ending(tmp_path)
