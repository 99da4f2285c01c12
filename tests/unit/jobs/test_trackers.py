"""Trackers see every number once, and can neither change nor stop a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tunewright.errors import MissingExtraError, RecipeError, StorageError
from tunewright.jobs.trackers import TensorBoard, Tracker, find_trackers, make_listener
from tunewright.runs.events import Event, Notice, RunInterrupted, RunStarted, Validated
from tunewright.runs.folder import RunFolder
from tunewright.runs.metrics import MetricsRow
from tunewright.runs.recorder import Recorder, Silent
from tunewright.spec.recipe import Recipe, build_recipe

RECIPE = build_recipe({"name": "x"})


class Keeping(Silent):
    """Keeps what it hears."""

    def __init__(self, *_: Any) -> None:
        self.events: list[Event] = []
        self.steps: list[int] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)

    def on_metrics(self, row: MetricsRow) -> None:
        self.steps.append(row.step)


class Breaking(Silent):
    """Fails at one step and would fail at every later one."""

    def __init__(self, path: Path, recipe: Recipe) -> None:
        self.num_calls = 0

    def on_metrics(self, row: MetricsRow) -> None:
        self.num_calls += 1
        if row.step >= 2:
            raise ConnectionError("the server is gone")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", RECIPE)


def started(step: int | None = None) -> RunStarted:
    return RunStarted(run_id="r", name="x", tunewright_version="0", resumed_from_step=step)


def scalars(folder: Path, tag: str) -> list[tuple[int, float]]:
    """Return what TensorBoard itself shows of `tag`."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return [(entry.step, round(entry.value, 5)) for entry in accumulator.Scalars(tag)]


# ── one tracker's failure ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failing_tracker_is_switched_off_with_one_notice_and_nobody_else_notices(run: RunFolder) -> None:
    own, other, broken = Keeping(), Keeping(), Breaking(run.path, RECIPE)
    trackers = [Tracker("bad", lambda path, recipe: broken), Tracker("good", lambda path, recipe: other)]
    recorder = Recorder(run, make_listener(trackers, run, RECIPE, own))
    with run:
        for step in range(1, 6):
            recorder.metrics(MetricsRow(step=step))
        recorder.event(started())
    assert own.steps == other.steps == [1, 2, 3, 4, 5]
    assert broken.num_calls == 2
    [notice] = [event for event in run.events() if isinstance(event, Notice)]
    assert notice.message == "tracker bad: switched off, since it failed: ConnectionError: the server is gone"
    assert notice in own.events
    assert [row.step for row in run.metrics()] == [1, 2, 3, 4, 5]


def test_a_tracker_that_cannot_even_be_made_stops_nothing(run: RunFolder) -> None:
    def refuse(path: Path, recipe: Recipe) -> Silent:
        raise PermissionError("no key")

    own = Keeping()
    with run:
        make_listener([Tracker("bad", refuse)], run, RECIPE, own).on_metrics(MetricsRow(step=1))
    assert own.steps == [1]
    assert [type(event) for event in run.events()] == [Notice]


def test_a_tracker_may_fail_on_a_disk_that_refuses_its_notice_too(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(event: Event) -> None:
        raise StorageError("full")

    monkeypatch.setattr(run, "append_event", refuse)
    own = Keeping()
    make_listener([Tracker("bad", Breaking)], run, RECIPE, own).on_metrics(MetricsRow(step=2))
    assert [type(event) for event in own.events] == [Notice]


@pytest.mark.parametrize("error", [KeyboardInterrupt, StorageError])
def test_what_the_first_listener_raises_passes(run: RunFolder, error: type[BaseException]) -> None:
    class Raising(Silent):
        def on_metrics(self, row: MetricsRow) -> None:
            raise error("stop")

    with pytest.raises(error):
        make_listener([Tracker("good", Keeping)], run, RECIPE, Raising()).on_metrics(MetricsRow(step=1))


def test_ctrl_c_inside_a_tracker_is_no_failure_of_it(run: RunFolder) -> None:
    class Interrupted(Silent):
        def on_metrics(self, row: MetricsRow) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_listener([Tracker("t", lambda p, r: Interrupted())], run, RECIPE, Silent()).on_metrics(MetricsRow(step=1))


def test_without_trackers_the_listener_is_left_alone(run: RunFolder) -> None:
    own = Keeping()
    assert make_listener(find_trackers(()), run, RECIPE, own) is own


# ── finding ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def offer(folder: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Install a package that offers the tracker `mine`, as pip would leave it."""
    info = folder / "mine-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[tunewright.trackers]\nmine = {address}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))


def test_an_installed_package_offers_a_tracker(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(tmp_path / "site", monkeypatch, "my_tracker_module:make")
    (tmp_path / "site" / "my_tracker_module.py").write_text(
        "from tunewright.runs.recorder import Silent\n"
        "class make(Silent):\n"
        "    def __init__(self, path, recipe): self.file = path / 'mine.txt'\n"
        "    def on_metrics(self, row): self.file.write_text(str(row.step))\n",
        encoding="utf-8",
    )
    make_listener(find_trackers(["mine", "mine"]), run, RECIPE, Silent()).on_metrics(MetricsRow(step=7))
    assert (run.path / "mine.txt").read_text(encoding="utf-8") == "7"


def test_an_unknown_tracker_is_named_with_those_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(tmp_path, monkeypatch, "no_such_module:make")
    with pytest.raises(RecipeError, match="'tensorbord'; installed: mine, tensorboard") as raised:
        find_trackers(["tensorbord"])
    assert raised.value.hint == "did you mean tensorboard?"


def test_a_tracker_that_cannot_be_imported_is_refused_before_there_is_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(tmp_path, monkeypatch, "no_such_module:make")
    with pytest.raises(RecipeError, match=r"'mine' cannot be loaded from no_such_module:make: ModuleNotFoundError"):
        find_trackers(["mine"])


def test_tensorboard_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match="tensorboard is not installed") as raised:
        find_trackers(["tensorboard"])
    assert raised.value.hint == "pip install 'tunewright[track]'"


# ── TensorBoard ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_tensorboard_reads_back_every_number_of_every_step(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, RECIPE)
    board.on_event(started())
    board.on_event(Validated(step=0, valid_loss=3.0, perplexity=20.0, is_best=False))
    for step in (1, 2, 3):
        board.on_metrics(MetricsRow(step=step, train_loss=1 / step, grad_norm=float("nan"), memory_bytes=1000))
    board.on_event(Validated(step=3, valid_loss=1.5, perplexity=4.0, is_best=True, scores={"token_f1": 0.25}))
    board.on_event(RunInterrupted(step=3))
    folder = tmp_path / "tensorboard"
    assert scalars(folder, "train/loss") == [(1, 1.0), (2, 0.5), (3, 0.33333)]
    assert scalars(folder, "valid/loss") == [(0, 3.0), (3, 1.5)]
    assert scalars(folder, "valid/token_f1") == [(3, 0.25)]
    assert scalars(folder, "usage/memory_bytes") == [(step, 1000.0) for step in (1, 2, 3)]
    with pytest.raises(KeyError):
        scalars(folder, "train/grad_norm")


@pytest.mark.parametrize(("checkpoint", "first"), [(2, 3), (None, 1)])
def test_a_resumed_run_repeats_no_step_and_leaves_no_gap(checkpoint: int | None, first: int, tmp_path: Path) -> None:
    killed = TensorBoard(tmp_path, RECIPE)
    killed.on_event(started())
    killed.on_event(Validated(step=0, valid_loss=9.0, perplexity=1.0, is_best=False))
    for step in (1, 2, 3, 4):
        killed.on_metrics(MetricsRow(step=step, train_loss=step))
    # Never closed, as after SIGKILL; then the next process goes on.
    resumed = TensorBoard(tmp_path, RECIPE)
    resumed.on_event(started(checkpoint))
    if checkpoint is None:
        resumed.on_event(Validated(step=0, valid_loss=9.0, perplexity=1.0, is_best=False))
    for step in range(first, 7):
        resumed.on_metrics(MetricsRow(step=step, train_loss=step))
    resumed.on_event(RunInterrupted(step=6))
    assert scalars(tmp_path / "tensorboard", "train/loss") == [(step, float(step)) for step in range(1, 7)]
    assert scalars(tmp_path / "tensorboard", "valid/loss") == [(0, 9.0)]
    killed.on_event(RunInterrupted(step=4))
