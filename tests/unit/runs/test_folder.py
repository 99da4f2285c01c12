"""A run folder is created once, found again, and says how its run stands."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.errors import RunError, RunExistsError, RunMissingError, StorageError
from tunewright.runs.atomic import replace_folder
from tunewright.runs.evaluation import Column, Evaluation, SplitLoss, TestSet
from tunewright.runs.events import Event, Notice, RunFailed, RunFinished, RunInterrupted, RunStarted
from tunewright.runs.folder import RunFolder, default_run_path, list_runs, state_of
from tunewright.runs.metrics import MetricsRow
from tunewright.spec.recipe import Recipe, build_recipe

STARTED = RunStarted(run_id="r", name="n", tunewright_version="0")
FINISHED = RunFinished(seconds=1.0, best_step=None, num_steps=1)
FAILED = RunFailed(code="internal", message="m")
INTERRUPTED = RunInterrupted(step=1)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs" / "first", build_recipe({"name": "first", "train": {"seed": 3}}))


def test_created_run_opens_with_its_recipe(run: RunFolder) -> None:
    again = RunFolder.open(run.path)
    assert again.recipe() == build_recipe({"name": "first", "train": {"seed": 3}})
    assert again.manifest().seeds.train == 3
    assert (again.events(), again.metrics(), again.checkpoints()) == ([], [], [])
    assert (again.evaluation(), again.artifact()) == (None, None)


def test_what_is_appended_and_saved_is_read_back(run: RunFolder) -> None:
    test = TestSet(rows=[], num_available=0, seed=0, chosen="all 0 rows", num_groups=0)
    loss = SplitLoss(loss=float("nan"), perplexity=float("nan"), num_rows=3)
    evaluation = Evaluation(
        headline="", test=test, columns=[Column(name="base", kind="base", model="m", losses={"test": loss})]
    )
    with run:
        for step in (1, 2, 3):
            run.append_metrics(MetricsRow(step=step))
        run.append_event(STARTED)
        run.truncate_metrics_after(2)
        run.append_metrics(MetricsRow(step=3, tokens=5))
        run.append_event(FINISHED)
        run.save_evaluation(evaluation)
    again = RunFolder.open(run.path)
    assert again.events() == [STARTED, FINISHED]
    assert [(row.step, row.tokens) for row in again.metrics()] == [(1, 0), (2, 0), (3, 5)]
    assert again.evaluation() == evaluation
    assert evaluation.columns[0].loss is None


def test_only_complete_checkpoints_are_listed_in_order_of_steps(run: RunFolder) -> None:
    for step in (1_000_000, 20, 3):
        with replace_folder(run.checkpoint_path(step)) as folder:
            (folder / "x").write_text("x")
    with replace_folder(run.checkpoint_path(999)):
        assert [checkpoint.step for checkpoint in run.checkpoints()] == [3, 20, 1_000_000]
    run.remove_checkpoint(20)
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [3, 999, 1_000_000]
    assert run.checkpoints()[0].path == run.path / "checkpoints" / "step-000003"


def test_artifact_is_the_adapter_before_the_model(run: RunFolder) -> None:
    run.model_path.mkdir()
    assert run.artifact() == ("model", run.model_path)
    run.adapter_path.mkdir()
    assert run.artifact() == ("adapter", run.adapter_path)


def test_existing_run_is_never_overwritten(run: RunFolder) -> None:
    with pytest.raises(RunExistsError, match="a run is there already") as caught:
        RunFolder.create(run.path, Recipe())
    assert "tunewright resume" in caught.value.hint


def test_foreign_folder_and_file_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    (tmp_path / "file").touch()
    with pytest.raises(RunExistsError, match=r"it holds cat\.jpg") as caught:
        RunFolder.create(tmp_path / "photos", Recipe())
    assert "resume" not in caught.value.hint
    with pytest.raises(RunExistsError, match="a file is there"):
        RunFolder.create(tmp_path / "file", Recipe())
    with pytest.raises(StorageError, match="a part of the path is a file"):
        RunFolder.create(tmp_path / "file" / "run", Recipe())


def test_empty_folder_may_become_a_run(tmp_path: Path) -> None:
    assert RunFolder.open(RunFolder.create(tmp_path, Recipe()).path).state() == "stopped"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root and Windows may write to a read-only folder")
def test_read_only_parent_is_a_storage_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="permission denied"):
            RunFolder.create(tmp_path / "run", Recipe())
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [("frist", "did you mean .*first"), ("zzz", "runs in .*: first"), ("", "runs in .*: first")],
)
def test_missing_run_is_answered_with_runs_nearby(asked: str, hint: str, run: RunFolder) -> None:
    with pytest.raises(RunMissingError) as caught:
        RunFolder.open(run.path.parent / asked)
    assert re.search(hint, caught.value.hint)


def test_newer_run_is_refused_at_opening(run: RunFolder) -> None:
    (run.path / "manifest.json").write_text('{"format_version": 2}')
    with pytest.raises(RunError, match="format version 2"):
        RunFolder.open(run.path)


@pytest.mark.parametrize(
    ("events", "is_written", "state"),
    [
        ([], True, "running"),
        ([STARTED, Notice(message="x")], True, "running"),
        ([STARTED], False, "stopped"),
        ([STARTED, FINISHED], False, "finished"),
        ([STARTED, FAILED, Notice(message="x")], False, "failed"),
        ([STARTED, INTERRUPTED], False, "interrupted"),
        ([STARTED, INTERRUPTED, STARTED], False, "stopped"),
        ([STARTED, FAILED, STARTED, FINISHED], False, "finished"),
    ],
)
def test_state_follows_the_last_start_and_the_lock(events: list[Event], is_written: bool, state: str) -> None:
    assert state_of(events, is_written=is_written) == state


def test_running_needs_a_live_writer(run: RunFolder) -> None:
    with run:
        run.append_event(STARTED)
    with run.lock():
        assert run.state() == "running"
    assert run.state() == "stopped"


def test_runs_are_listed_by_name_and_nothing_else_is(run: RunFolder) -> None:
    RunFolder.create(run.path.parent / "0-earlier", Recipe())
    (run.path.parent / "notes").mkdir()
    assert [found.name for found in list_runs(run.path.parent)] == ["0-earlier", "first"]
    assert list_runs(run.path / "nowhere") == []


def test_default_path_is_by_time_and_name_and_free(tmp_path: Path) -> None:
    now = datetime(2026, 11, 21, 10, 15, 30)
    recipe = build_recipe({"name": "my facts"})
    first = default_run_path(recipe, now, tmp_path)
    assert first == tmp_path / "20261121-101530-my-facts"
    first.mkdir()
    assert default_run_path(recipe, now, tmp_path).name == "20261121-101530-my-facts-2"
    assert default_run_path(Recipe(), now, tmp_path).name == "20261121-101530-lora"


@given(st.from_regex(r"[\w.\- ]{0,100}", fullmatch=True))
def test_default_name_is_one_valid_name_everywhere(name: str) -> None:
    path = default_run_path(Recipe.model_construct(name=name), datetime(2026, 1, 2), Path("no-such-parent"))
    assert path.parent == Path("no-such-parent")
    assert not set(path.name) & set('<>:"/\\|?* \n')
    assert path.name[-1] not in ". "
    assert len(path.name) <= 80
