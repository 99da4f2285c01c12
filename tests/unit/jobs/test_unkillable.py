"""A job that is paused, damaged, killed for memory or out of disk goes on as if nothing had happened, and says so."""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.outcome import evaluation_of
from tests.tiny import write_rows
from tests.unit.jobs.test_finetune import make_recipe, weight_bytes
from tunewright.cli import main
from tunewright.errors import Interrupted, StorageError
from tunewright.jobs import stop as stop_module
from tunewright.jobs.stop import StopRequest
from tunewright.jobs.train import finetune, resume
from tunewright.runs.events import CheckpointDamaged, MicroBatchHalved, Notice, RunFinished, RunPaused, RunStarted
from tunewright.runs.folder import RunFolder
from tunewright.runs.memory_kill import NOTE_NAME, read_counts
from tunewright.runs.metrics import OF_THE_MACHINE, MetricsRow
from tunewright.runs.recorder import Silent
from tunewright.train import loop as loop_module


class Sending(Silent):
    """Sends the process a signal when step `step` is recorded."""

    def __init__(self, number: int, step: int) -> None:
        self.number, self.step = number, step

    def on_metrics(self, row: MetricsRow) -> None:
        if row.step == self.step:
            signal.raise_signal(self.number)


@pytest.fixture(scope="module")
def whole(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return finetune(make_recipe(tmp_path_factory.mktemp("whole"), tiny_model, save_steps=2, eval_steps=6))


def told(run: RunFolder, kind: type) -> list[Any]:
    return [event for event in run.events() if isinstance(event, kind)]


def assert_like(run: RunFolder, whole: RunFolder) -> None:
    assert run.state() == "finished"
    assert weight_bytes(run) == weight_bytes(whole)
    rows = [[row.model_dump(exclude=set(OF_THE_MACHINE)) for row in each.metrics()] for each in (run, whole)]
    assert rows[0] == rows[1]
    # Where the rows lie differs.
    columns = [[(c.scores, c.losses) for c in evaluation_of(each).columns] for each in (run, whole)]
    assert columns[0] == columns[1]


# ── pauses ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sigterm_pauses_with_a_checkpoint_and_resume_ends_the_run(
    whole: RunFolder, tiny_model: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(tmp_path, tiny_model, save_steps=2, eval_steps=6)
    run = finetune(recipe, Sending(signal.SIGTERM, 3))
    assert run.state() == "paused"
    [event] = told(run, RunPaused)
    assert (event.step, event.hint) == (3, f"tunewright resume {run.path}")
    assert "SIGTERM" in event.reason
    assert not (run.path / NOTE_NAME).exists()
    assert_like(resume(run.path), whole)


def test_time_that_is_up_pauses_and_each_process_has_its_own(
    whole: RunFolder, tiny_model: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(tmp_path, tiny_model, save_steps=2, eval_steps=6, stop={"max_minutes": 1e-6})
    run = finetune(recipe)
    steps = [event.step for event in told(run, RunPaused)]
    while run.state() == "paused":
        run = resume(run.path)
        steps = [event.step for event in told(run, RunPaused)]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert "train.stop.max_minutes" in told(run, RunPaused)[0].reason
    assert len(told(run, RunFinished)) == 1
    assert_like(run, whole)


def test_a_paused_run_exits_with_0_and_the_way_on(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "rows.jsonl", 12)
    asked = ["finetune", "-m", str(tiny_model), "-d", "rows.jsonl", "-o", "run", "--max-steps", "3"]
    more = ["--set", "train.stop.max_minutes=0.000001", "--set", "evaluate.max_rows=0"]
    assert main([*asked, *more]) == 0
    out = capsys.readouterr().out
    assert "paused after step 1" in out
    assert "resume run" in out
    assert main(["resume", "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["state"] == "paused"


def test_ctrl_c_interrupts_even_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with StopRequest() as stop:
        stop.allow(1)
        assert not stop()
        now = time.monotonic()
        monkeypatch.setattr(stop_module, "time", type("Later", (), {"monotonic": staticmethod(lambda: now + 61)}))
        assert stop()
        assert "1 minutes" in stop.pause_reason
        stop.check()
        signal.raise_signal(signal.SIGINT)
        assert stop.pause_reason == ""
        with pytest.raises(Interrupted):
            stop.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


# ── damage ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(
    whole: RunFolder, tiny_model: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(tmp_path, tiny_model, save_steps=2, eval_steps=6)
    run = finetune(recipe, Sending(signal.SIGTERM, 4))
    weights = run.checkpoint_path(4) / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    resumed = resume(run.path)
    [event] = told(resumed, CheckpointDamaged)
    assert (event.step, event.path) == (4, "checkpoints/damaged-step-000004")
    assert "weights.safetensors" in event.reason
    [notice] = [each for each in told(resumed, Notice) if "cannot be used" in each.message]
    assert "goes on from step-000002" in notice.message
    assert [each.resumed_from_step for each in told(resumed, RunStarted)] == [None, 2]
    assert_like(resumed, whole)


def test_with_every_checkpoint_damaged_the_run_begins_again(whole: RunFolder, tiny_model: Path, tmp_path: Path) -> None:
    run = finetune(make_recipe(tmp_path, tiny_model, save_steps=2, eval_steps=6), Sending(signal.SIGTERM, 4))
    for checkpoint in run.checkpoints():
        (checkpoint.path / "checksums.json").unlink()
    resumed = resume(run.path)
    assert len(told(resumed, CheckpointDamaged)) == 2
    assert any("begins again at step 0" in each.message for each in told(resumed, Notice))
    assert_like(resumed, whole)


# ── memory and storage ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts its kills")
@pytest.mark.parametrize("num_kills", [0, 1])
def test_only_a_run_killed_for_memory_computes_less_at_once(num_kills: int, tiny_model: Path, tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path, tiny_model, save_steps=2, eval_steps=6)
    run = finetune(recipe, Sending(signal.SIGTERM, 3))
    now = read_counts()
    counts = [None if each is None else each - num_kills for each in (now.machine, now.in_group)]
    note = dataclasses.replace(now, machine=counts[0], in_group=counts[1])
    (run.path / NOTE_NAME).write_text(json.dumps(dataclasses.asdict(note)), encoding="utf-8")
    resumed = resume(run.path)
    assert resumed.state() == "finished"
    halvings = told(resumed, MicroBatchHalved)
    assert [each.cause for each in halvings] == ["killed"] * num_kills
    for each in halvings:
        assert each.tokens < 4 * 40, "it must be less than a step holds, or nothing would change"
    assert resumed.recipe().train.hardware.micro_batch_tokens == recipe.train.hardware.micro_batch_tokens


def test_a_full_disk_pauses_the_run_and_nothing_is_lost(
    whole: RunFolder, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = loop_module.save_checkpoint

    def full(path: Path, state: Any, *rest: Any) -> None:
        if state.step == 4:
            raise StorageError(f"{path}: cannot be written: no space is left on the device", hint="free some space")
        save(path, state, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(loop_module, "save_checkpoint", full)
        with pytest.raises(StorageError, match="no space is left") as caught:
            finetune(make_recipe(tmp_path, tiny_model, save_steps=2, eval_steps=6))
    run = RunFolder.open(tmp_path / "run")
    assert f"tunewright resume {run.path}" in caught.value.hint
    assert run.state() == "paused"
    assert run.checkpoints()[-1].step == 2
    assert_like(resume(run.path), whole)
