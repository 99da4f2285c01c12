"""Trackers: listeners that send the numbers of a run elsewhere, named by `recipe.trackers`.

`tensorboard` is built in; an installed package offers others by the entry point group `tunewright.trackers`, each a
factory `(run_path, recipe) -> Listener`. A tracker only watches: the first exception in it switches it off with one
notice, and the run goes on. Does not know what a run computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from tunewright.errors import MissingExtraError, RecipeError, StorageError
from tunewright.runs.events import (
    Event,
    Notice,
    RunFailed,
    RunFinished,
    RunInterrupted,
    RunPaused,
    RunStarted,
    Validated,
)
from tunewright.runs.folder import RunFolder
from tunewright.runs.metrics import MetricsRow
from tunewright.runs.recorder import Listener
from tunewright.spec.recipe import Recipe
from tunewright.spec.recipe_yaml import dump_recipe

GROUP = "tunewright.trackers"
Factory = Callable[[Path, Recipe], Listener]

_STEP_TAGS = {
    "train_loss": "train/loss",
    "train_token_accuracy": "train/token_accuracy",
    "learning_rate": "train/learning_rate",
    "grad_norm": "train/grad_norm",
    "tokens_per_second": "usage/tokens_per_second",
    "memory_bytes": "usage/memory_bytes",
    "cpu_percent": "usage/cpu_percent",
    "gpu_percent": "usage/gpu_percent",
}


@dataclass(frozen=True, slots=True)
class Tracker:
    """A tracker that is installed but not yet at work."""

    name: str
    make: Factory


def find_trackers(names: Sequence[str]) -> tuple[Tracker, ...]:
    """Return the trackers of `names`, each once; call it before a run folder exists.

    Raises:
        RecipeError: naming the first that is not installed, or that cannot be imported.
        MissingExtraError: if TensorBoard is wanted and its package is missing.
    """
    if not names:
        return ()
    offered = {point.name: point for point in entry_points(group=GROUP)}
    return tuple(Tracker(name, _factory(name, offered)) for name in dict.fromkeys(names))


def make_listener(trackers: Sequence[Tracker], run: RunFolder, recipe: Recipe, listener: Listener) -> Listener:
    """Return a listener that passes everything to `listener` first and then to each tracker of this run.

    `run` must be the folder object that the run's recorder writes: a notice of a failed tracker goes into its events.
    """
    return FanOut(trackers, run, recipe, listener) if trackers else listener


class FanOut:
    """A listener in front of others. What the first raises passes; what a tracker raises only ends that tracker."""

    def __init__(self, trackers: Sequence[Tracker], run: RunFolder, recipe: Recipe, listener: Listener) -> None:
        self._run, self._listener = run, listener
        self._live: dict[str, Listener] = {}
        for tracker in trackers:
            try:
                self._live[tracker.name] = tracker.make(run.path, recipe)
            except Exception as error:  # noqa: BLE001 - foreign code, which must not stop a run
                self._switch_off(tracker.name, error)

    def on_event(self, event: Event) -> None:
        """Pass the event on."""
        self._listener.on_event(event)
        self._tell(lambda tracker: tracker.on_event(event))

    def on_metrics(self, row: MetricsRow) -> None:
        """Pass the row on."""
        self._listener.on_metrics(row)
        self._tell(lambda tracker: tracker.on_metrics(row))

    def on_progress(self, phase: str, done: int, total: int) -> None:
        """Pass the progress on."""
        self._listener.on_progress(phase, done, total)
        self._tell(lambda tracker: tracker.on_progress(phase, done, total))

    def _tell(self, say: Callable[[Listener], None]) -> None:
        for name, tracker in list(self._live.items()):
            try:
                say(tracker)
            except Exception as error:  # noqa: BLE001 - foreign code, which must not stop a run
                self._switch_off(name, error)

    def _switch_off(self, name: str, error: Exception) -> None:
        self._live.pop(name, None)
        notice = Notice(
            message=f"tracker {name}: switched off, since it failed: {type(error).__name__}: {error}",
            hint="the run goes on; all its numbers are in metrics.jsonl",
        )
        # A disk that refuses even this will end the run by one of its own files, with an error that says so.
        with suppress(StorageError):
            self._run.append_event(notice)
        self._listener.on_event(notice)


class TensorBoard:
    """A listener that writes scalars for TensorBoard into `<run>/tensorboard`.

    A resumed process purges what its predecessor wrote after the checkpoint, so a step is shown once. Each row is
    flushed: a killed process loses none that a checkpoint counts on.
    """

    def __init__(self, run_path: Path, recipe: Recipe) -> None:
        self._folder = run_path / "tensorboard"
        self._recipe = recipe
        self._writer: Any = None

    def on_event(self, event: Event) -> None:
        """Open the log as the run starts, add each validation, close it as the run ends."""
        if isinstance(event, RunStarted):
            self._open(event.resumed_from_step)
        elif isinstance(event, Validated) and self._writer is not None:
            scores = {"loss": event.valid_loss, "perplexity": event.perplexity, **event.scores}
            self._add({f"valid/{_tag(name)}": value for name, value in scores.items()}, event.step)
        elif isinstance(event, RunFinished | RunFailed | RunInterrupted | RunPaused):
            self._close()

    def on_metrics(self, row: MetricsRow) -> None:
        """Add the numbers of the step that there are."""
        if self._writer is not None:
            self._add({tag: getattr(row, field) for field, tag in _STEP_TAGS.items()}, row.step)

    def on_progress(self, phase: str, done: int, total: int) -> None:
        """Do nothing."""

    def _open(self, resumed_from_step: int | None) -> None:
        self._close()
        # The checkpoint's own step stays; without a checkpoint nothing does, the validation of step 0 included.
        purge = 0 if resumed_from_step is None else resumed_from_step + 1
        self._writer = _summary_writer()(str(self._folder), purge_step=purge)
        if resumed_from_step is None:
            self._writer.add_text("recipe", "\n".join(f"    {line}" for line in dump_recipe(self._recipe).splitlines()))

    def _add(self, numbers: Mapping[str, float | None], step: int) -> None:
        for tag, number in numbers.items():
            if number is not None:
                self._writer.add_scalar(tag, number, step)
        self._writer.flush()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _tag(name: str) -> str:
    return name.removeprefix("valid_")


def _factory(name: str, offered: Mapping[str, EntryPoint]) -> Factory:
    if name == "tensorboard":
        _summary_writer()
        return TensorBoard
    if name not in offered:
        installed = sorted({"tensorboard", *offered})
        near = get_close_matches(name, installed, n=1)
        raise RecipeError(
            f"trackers: no tracker is called {name!r}; installed: {', '.join(installed)}",
            hint=f"did you mean {near[0]}?" if near else f"a package offers one by the entry point group {GROUP}",
        )
    try:
        return offered[name].load()
    except Exception as error:  # a plug-in's import can fail in any way
        raise RecipeError(
            f"trackers: {name!r} cannot be loaded from {offered[name].value}: {type(error).__name__}: {error}",
            hint="mend or reinstall the package that offers it, or leave it out of trackers",
        ) from error


def _summary_writer() -> Callable[..., Any]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError.of("track", "tensorboard") from error
    return SummaryWriter
