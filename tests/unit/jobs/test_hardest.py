"""At the end of a run its hardest training rows are on disk, and finding them left no trace."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny import write_rows
from tunewright.data.encode import EncodedRow
from tunewright.errors import Interrupted
from tunewright.jobs import hardest
from tunewright.jobs.hardest import write_hardest
from tunewright.jobs.prepare import Prepared, prepare
from tunewright.jobs.stop import StopRequest
from tunewright.jobs.validation import Progress
from tunewright.runs.folder import RunFolder
from tunewright.runs.hardest import HARDEST, load_hardest
from tunewright.runs.recorder import Recorder, Silent
from tunewright.spec.recipe import Recipe, build_recipe


class Hearing(Silent):
    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []

    def on_progress(self, phase: str, done: int, total: int) -> None:
        self.told.append((phase, done, total))


def by_line(rows: Sequence[EncodedRow], tell: Progress) -> np.ndarray:
    """Return the line of each row as its loss, drawing at random on the way."""
    torch.rand(2)
    tell(1, 1)
    return np.array([row.source.line for row in rows], dtype=np.float64)


@pytest.fixture
def recipe(tiny_model: Path, tmp_path: Path) -> Recipe:
    rows = write_rows(tmp_path / "rows.jsonl", 20)
    hardware = {"device": "cpu", "precision": "fp32"}
    data = {"train": str(rows), "validation_split": 0.0}
    return build_recipe({"model": {"source": str(tiny_model)}, "data": data, "train": {"hardware": hardware}})


@pytest.fixture
def prepared(recipe: Recipe) -> Prepared:
    return prepare(recipe, Silent())


def test_the_hardest_rows_are_written_and_training_is_as_before(
    prepared: Prepared, recipe: Recipe, tmp_path: Path
) -> None:
    run, listener = RunFolder.create(tmp_path / "run", recipe), Hearing()
    prepared.model.train()
    state = torch.get_rng_state()
    write_hardest(prepared, by_line, Recorder(run, listener), StopRequest())
    assert torch.equal(torch.get_rng_state(), state)
    assert prepared.model.training
    found = load_hardest(run.path / HARDEST)
    assert found is not None
    assert [row.line for row in found.rows] == list(range(20, 8, -1))
    assert (found.num_rows, found.num_all) == (20, 20)
    assert listener.told == [("finding the hardest rows", 1, 1)]


def test_of_many_rows_a_sample_is_scored_and_said(
    prepared: Prepared, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardest, "_MAX_ROWS", 7)
    run = RunFolder.create(tmp_path / "run", recipe)
    write_hardest(prepared, by_line, Recorder(run, Silent()), StopRequest())
    found = load_hardest(run.path / HARDEST)
    assert found is not None
    assert (found.num_rows, found.num_all) == (7, 20)


def test_it_can_be_stopped_between_two_batches(prepared: Prepared, recipe: Recipe, tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", recipe)
    with StopRequest() as stop:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted):
            write_hardest(prepared, by_line, Recorder(run, Silent()), stop)
    assert load_hardest(run.path / HARDEST) is None
