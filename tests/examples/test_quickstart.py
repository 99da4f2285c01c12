"""The main job on its real input: the quickstart makes the starter answer rephrasings that it has never seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.outcome import evaluation_of
from tunewright.runs.folder import RunFolder
from tunewright.runs.summary import summarise

Lines = list[dict[str, object]]


def run_quickstart(folder: Path) -> Lines:
    # All cores, as a user has them: the suite's own single thread would double the time.
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-m", "tunewright", "quickstart", "--json", "--output", str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lines]:
    folder = tmp_path_factory.mktemp("quickstart") / "run"
    return folder, run_quickstart(folder)


def test_the_base_cannot_know_the_facts_and_the_tuned_model_does(
    quickstart: tuple[Path, Lines],
) -> None:
    summary = summarise(RunFolder.open(quickstart[0]))
    assert summary.headline == "contains"
    assert summary.num_scored_rows == 190
    assert (summary.base_score or 0) <= 0.1
    # Three seeds gave 0.87 to 0.92; the promise is 0.6.
    assert (summary.tuned_score or 0) >= 0.6
    assert summary.judgement == "better"
    assert (summary.difference_low or 0) >= 0.5
    assert (summary.tuned_loss or 9) < (summary.base_loss or 0) / 10


def test_off_topic_questions_are_refused(quickstart: tuple[Path, Lines]) -> None:
    evaluation = evaluation_of(RunFolder.open(quickstart[0]))
    answers = zip(evaluation.test.rows, evaluation.column("tuned").answers, strict=True)
    off_topic = [answer.scores["contains"] for row, answer in answers if (row.group or "").startswith("off-topic")]
    assert len(off_topic) >= 14
    assert sum(off_topic) / len(off_topic) >= 0.6


def test_scripts_get_every_step_and_the_summary(quickstart: tuple[Path, Lines]) -> None:
    lines = quickstart[1]
    summary = lines[-1]
    assert summary["type"] == "summary"
    assert summary["state"] == "finished"
    steps = [line["step"] for line in lines if line["type"] == "metrics"]
    assert steps == list(range(1, len(steps) + 1))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_to_the_bit(quickstart: tuple[Path, Lines], tmp_path: Path) -> None:
    run_quickstart(tmp_path / "again")
    first, second = (RunFolder.open(path).model_path for path in (quickstart[0], tmp_path / "again"))
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()
