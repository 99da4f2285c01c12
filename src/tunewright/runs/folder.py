"""The run folder: where each thing of a run lies, and the only way in or out for everyone else.

    recipe.yaml   manifest.json   events.jsonl   metrics.jsonl   running.json   .lock
    checkpoints/step-000123/   artifacts/adapter/ or artifacts/model/   report/{base,evaluation}.json, report/index.html

`manifest.json` is written last, so a folder that has one is a run. Names are valid on Windows. Does not know what is
in a checkpoint or an artifact. Reading needs no lock; writers hold `lock()`.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal

from tunewright.errors import RunExistsError, RunMissingError
from tunewright.runs.atomic import remove_folder, storage_guard, write_text
from tunewright.runs.evaluation import Evaluation, load_evaluation, save_evaluation
from tunewright.runs.events import (
    Event,
    RunFailed,
    RunFinished,
    RunInterrupted,
    RunPaused,
    RunStarted,
    event_line,
    parse_event,
)
from tunewright.runs.lines import LineWriter, read_rows
from tunewright.runs.lock import RunLock, is_locked
from tunewright.runs.machine import read_hardware
from tunewright.runs.manifest import Manifest, Seeds, load_manifest, read_versions, recipe_sha256, save_manifest
from tunewright.runs.metrics import MetricsRow, metrics_line, read_metrics, truncate_after
from tunewright.spec.recipe import Recipe
from tunewright.spec.recipe_yaml import dump_recipe, load_kept_recipe

State = Literal["running", "finished", "failed", "interrupted", "paused", "stopped"]
ArtifactKind = Literal["adapter", "model"]

_MANIFEST = "manifest.json"
_SUBFOLDERS = ("checkpoints", "artifacts", "report")
_CHECKPOINT = re.compile(r"step-(\d{6,})")
_MAX_SLUG = 60


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint."""

    step: int
    path: Path


class RunFolder:
    """One run on disk. Use `create` or `open`; the constructor checks nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._events_writer: LineWriter | None = None
        self._metrics_writer: LineWriter | None = None

    @classmethod
    def create(cls, path: Path, recipe: Recipe) -> RunFolder:
        """Create the folder of a new run at `path`, which must not exist or be empty.

        Raises:
            RunExistsError: naming what is there.
            StorageError: if it cannot be written.
        """
        check_free(path)
        with storage_guard(path):
            if path.exists():
                # It may be a mount or somebody's current folder, which cannot be replaced: it is filled where it is.
                _fill(path, path, recipe)
                return cls(path)
            new = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
            try:
                new.mkdir(parents=True)
                _fill(new, path, recipe)
                # Of two creators at once, one fails here; a killed one leaves no folder that is neither run nor free.
                os.rename(new, path)
            except OSError as error:
                shutil.rmtree(new, ignore_errors=True)
                if path.exists():
                    raise _exists_error(path, "another run is being created there") from None
                raise error from None
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Return the run at `path`.

        Raises:
            RunMissingError: if no run is there; the hint names runs nearby.
            RunError: if the run is of a newer version or its manifest is damaged.
        """
        if not _is_run(path):
            what = "is not a run folder (it has no manifest.json)" if os.path.exists(path) else "does not exist"
            raise RunMissingError(f"{path}: {what}", hint=_nearby(path))
        load_manifest(path / _MANIFEST)
        return cls(path)

    # ── where things lie ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.resolve().name

    @property
    def cache_path(self) -> Path:
        """What a run can compute again and need not: there only while it trains."""
        return self.path / "cache"

    @property
    def recipe_path(self) -> Path:
        """The recipe, with automatic values filled in once they are known."""
        return self.path / "recipe.yaml"

    @property
    def events_path(self) -> Path:
        """The events, one JSON object a line."""
        return self.path / "events.jsonl"

    @property
    def metrics_path(self) -> Path:
        """The numbers of every step, one JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def adapter_path(self) -> Path:
        """Folder of the trained adapter, which exists only when complete."""
        return self.path / "artifacts" / "adapter"

    @property
    def model_path(self) -> Path:
        """Folder of the whole trained model, which exists only when complete."""
        return self.path / "artifacts" / "model"

    @property
    def evaluation_path(self) -> Path:
        """The evaluation: base against tuned at the end of the run, and all that was measured since."""
        return self.path / "report" / "evaluation.json"

    @property
    def report_path(self) -> Path:
        """The report page."""
        return self.path / "report" / "index.html"

    def checkpoint_path(self, step: int) -> Path:
        """Return where the checkpoint after `step` steps lies."""
        return self.path / "checkpoints" / f"step-{step:06d}"

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def recipe(self) -> Recipe:
        """Return the recipe as last saved."""
        return load_kept_recipe(self.recipe_path)

    def manifest(self) -> Manifest:
        """Return the manifest as last saved."""
        return load_manifest(self.path / _MANIFEST)

    def events(self) -> list[Event]:
        """Return all events in order; an unfinished last line is overlooked."""
        return read_rows(self.events_path, parse_event)

    def metrics(self) -> list[MetricsRow]:
        """Return the rows of all steps in order."""
        return read_metrics(self.metrics_path)

    def evaluation(self) -> Evaluation | None:
        """Return the evaluation, or None if there is none (yet)."""
        return load_evaluation(self.evaluation_path)

    def artifact(self) -> tuple[ArtifactKind, Path] | None:
        """Return the result: the adapter if there is one, else the model, else None."""
        if self.adapter_path.is_dir():
            return "adapter", self.adapter_path
        return ("model", self.model_path) if self.model_path.is_dir() else None

    def checkpoints(self) -> list[Checkpoint]:
        """Return the complete checkpoints by step."""
        folder = self.path / "checkpoints"
        found = [(_CHECKPOINT.fullmatch(path.name), path) for path in folder.glob("step-*") if path.is_dir()]
        return sorted((Checkpoint(int(match[1]), path) for match, path in found if match), key=lambda c: c.step)

    def state(self) -> State:
        """Return how the run stands; `stopped` means that its process died without saying so."""
        return state_of(self.events(), is_written=is_locked(self.path))

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def lock(self) -> RunLock:
        """Return the right to write this run, not yet taken: `with run.lock(): …`."""
        return RunLock(self.path)

    def save_recipe(self, recipe: Recipe) -> None:
        """Replace the recipe."""
        write_text(self.recipe_path, dump_recipe(recipe))

    def save_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest."""
        save_manifest(self.path / _MANIFEST, manifest)

    def save_evaluation(self, evaluation: Evaluation) -> None:
        """Replace the evaluation."""
        save_evaluation(self.evaluation_path, evaluation)

    def append_event(self, event: Event) -> None:
        """Append an event; it is with the system when this returns."""
        if self._events_writer is None:
            self._events_writer = LineWriter(self.events_path)
        self._events_writer.append(event_line(event))

    def append_metrics(self, row: MetricsRow) -> None:
        """Append the row of a step; it is with the system when this returns."""
        if self._metrics_writer is None:
            self._metrics_writer = LineWriter(self.metrics_path)
        self._metrics_writer.append(metrics_line(row))

    def truncate_metrics_after(self, step: int) -> None:
        """Drop the rows of later steps: what a resumed run will compute again."""
        if self._metrics_writer is not None:
            self._metrics_writer.close()
            self._metrics_writer = None
        truncate_after(self.metrics_path, step)

    def set_checkpoint_aside(self, step: int) -> Path:
        """Take a damaged checkpoint out of use, without deleting it, and return where it lies now."""
        path = self.checkpoint_path(step)
        aside = path.with_name(f"damaged-{path.name}")
        with storage_guard(path):
            if aside.exists():
                remove_folder(aside)
            os.replace(path, aside)
        return aside

    def remove_checkpoint(self, step: int) -> None:
        """Remove a checkpoint."""
        remove_folder(self.checkpoint_path(step))

    def close(self) -> None:
        """Close the files; closing twice is harmless and the next append opens them again."""
        for writer in (self._events_writer, self._metrics_writer):
            if writer is not None:
                writer.close()
        self._events_writer = self._metrics_writer = None

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def state_of(events: list[Event], *, is_written: bool) -> State:
    """Return how a run with these events stands, given whether somebody holds its lock."""
    for event in reversed(events):
        if isinstance(event, RunFinished):
            return "finished"
        if isinstance(event, RunFailed):
            return "failed"
        if isinstance(event, RunInterrupted):
            return "interrupted"
        if isinstance(event, RunPaused):
            return "paused"
        if isinstance(event, RunStarted):
            break
    return "running" if is_written else "stopped"


def list_runs(parent: Path) -> list[RunFolder]:
    """Return the runs directly below `parent`, by folder name, which for default names is by time."""
    if not parent.is_dir():
        return []
    return [RunFolder(path) for path in sorted(parent.iterdir()) if not path.name.startswith(".") and _is_run(path)]


def default_run_path(recipe: Recipe, now: datetime, parent: Path = Path("runs")) -> Path:
    """Return a free path `parent/<date>-<time>-<name>`; an unnamed recipe is called by its method."""
    # A trailing dot or space is not a name on Windows, and a dot alone means something everywhere.
    slug = re.sub(r"[^\w.]+", "-", recipe.name)[:_MAX_SLUG].strip("-.") or recipe.method.kind
    path = parent / f"{now:%Y%m%d-%H%M%S}-{slug}"
    free, number = path, 1
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _fill(folder: Path, path: Path, recipe: Recipe) -> None:
    """Make `folder`, which is or becomes `path`, a run of `recipe`; the manifest comes last."""
    try:
        for name in _SUBFOLDERS:
            (folder / name).mkdir()
    except FileExistsError:
        raise _exists_error(path, "another run is being created there") from None
    run = RunFolder(folder)
    run.save_recipe(recipe)
    run.save_manifest(
        Manifest(
            run_id=uuid.uuid4().hex,
            recipe_sha256=recipe_sha256(recipe),
            versions=read_versions(),
            seeds=Seeds(train=recipe.train.seed, split=recipe.data.split_seed),
            hardware=read_hardware(),
        )
    )


def _is_run(path: Path) -> bool:
    # os.path, unlike Path, answers False where a folder may not even be looked into.
    return os.path.isfile(path / _MANIFEST)


def check_free(path: Path) -> None:
    """Check that a new run may be created at `path`, before anything costly is done for it.

    Raises:
        RunExistsError: naming what is there.
        StorageError: if it cannot be read.
    """
    if _is_run(path):
        raise _exists_error(path, "a run is there already")
    with storage_guard(path):
        if path.is_dir():
            names = sorted(entry.name for entry in path.iterdir())
            shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
            if names:
                raise _exists_error(path, f"the folder is not empty: it holds {shown}")
        elif path.exists():
            raise _exists_error(path, "a file is there already")


def _exists_error(path: Path, what: str) -> RunExistsError:
    hint = "choose another --output"
    if _is_run(path):
        hint += f", or go on with the run: tunewright resume {path}"
    return RunExistsError(f"{path}: {what}; a new run needs a new or an empty folder", hint=hint)


def _nearby(path: Path) -> str:
    inside = [run.name for run in list_runs(path)]
    if inside:
        return f"runs in {path}: {', '.join(inside[-5:])}"
    names = [run.name for run in list_runs(path.parent)]
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {path.parent / close[0]}?"
    if names:
        return f"runs in {path.parent}: {', '.join(names[-5:])}"
    return "`tunewright runs` lists the runs that there are"
