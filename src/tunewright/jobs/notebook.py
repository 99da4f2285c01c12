"""Progress where there is no terminal: plain lines, or, in a notebook, one display that is updated in place.

Holds the words for events and the pace of training, which the command line's live display shares, so that the three
cannot tell different stories. Uses IPython only where it is running already.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tunewright.runs.events import (
    ArtifactSaved,
    BatchSkipped,
    CheckpointDamaged,
    DataRead,
    DataSplit,
    Event,
    MicroBatchHalved,
    ModelLoaded,
    Notice,
    RateLowered,
    RowLeftOut,
    RuleApplied,
    RunPaused,
    RunStarted,
    Scored,
    TrainingStarted,
    Validated,
)
from tunewright.runs.metrics import MetricsRow
from tunewright.runs.recorder import Listener
from tunewright.runs.summary import score_text

_PACE_STEPS = 20
_PAUSE_S = 2.0
_REDRAW_S = 0.5
_MAX_LEFT_OUT = 3
_SAID_AS_LOSS = frozenset({"valid_loss", "loss", "perplexity"})


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to tell; `cells` are the parts of a table row, where it is one."""

    text: str
    kind: Literal["plain", "rule", "warning"] = "plain"
    cells: tuple[str, ...] = ()


class Story:
    """Turns events into lines. Rows that were left out are counted, and only the first few are named."""

    def __init__(self) -> None:
        self._num_left_out = 0

    def tell(self, event: Event) -> list[Line]:
        """Return what a person should read about `event`: often one line, sometimes none."""
        if isinstance(event, RowLeftOut):
            self._num_left_out += 1
            if self._num_left_out > _MAX_LEFT_OUT:
                return []
            return [Line(f"left out  {event.path}:{event.line}: {event.reason}", "warning")]
        lines: list[Line] = []
        if isinstance(event, DataSplit) and self._num_left_out > _MAX_LEFT_OUT:
            more = self._num_left_out - _MAX_LEFT_OUT
            lines.append(Line(f"left out  … and {more:,} more; `tunewright show` names them", "warning"))
        words = _WORDS.get(type(event))
        found = words(event) if words is not None else None
        return [*lines, found] if found is not None else lines


class Pace:
    """How fast training goes and how long it still takes, over the last steps of this process."""

    def __init__(self) -> None:
        self.num_steps = 0
        self.step = 0
        self.valid_loss: float | None = None
        self._rows: deque[MetricsRow] = deque(maxlen=_PACE_STEPS + 1)

    def on_event(self, event: Event) -> None:
        """Take the length of the training and its validations."""
        if isinstance(event, TrainingStarted):
            self.num_steps = event.num_steps
        elif isinstance(event, Validated):
            self.valid_loss = event.valid_loss

    def add(self, row: MetricsRow) -> None:
        """Take a step."""
        self.step = row.step
        self._rows.append(row)

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens per second, context included; None before the second step."""
        spent = self._spent()
        return (self._rows[-1].tokens - self._rows[0].tokens) / spent if spent else None

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the last step, validations included; None before the second step."""
        spent = self._spent()
        return spent / (len(self._rows) - 1) * (self.num_steps - self.step) if spent else None

    def numbers(self) -> str:
        """Return the losses and the speed of the newest step."""
        if not self._rows:
            return ""
        row = self._rows[-1]
        parts = [f"loss {_number(row.train_loss)}"]
        if row.train_token_accuracy is not None:
            parts.append(f"token accuracy {row.train_token_accuracy:.0%}")
        if self.valid_loss is not None:
            parts.append(f"validation loss {_number(self.valid_loss)}")
        if (rate := self.tokens_per_s) is not None:
            parts.append(f"{rate:,.0f} tokens/s")
        if row.memory_bytes is not None:
            parts.append(f"{row.memory_bytes / 1e9:.2f} GB")
        return " · ".join(parts)

    def text(self) -> str:
        """Return the newest step as one line."""
        left = self.seconds_left
        ending = f" · {clock(left)} left" if left and self.step < self.num_steps else ""
        return f"step {self.step:,}/{self.num_steps:,}  {self.numbers()}{ending}"

    def _spent(self) -> float:
        return self._rows[-1].seconds - self._rows[0].seconds if len(self._rows) > 1 else 0.0


class PlainLines:
    """A listener for pipes and logs: each line whole, none rewritten, steps and phases at most every two seconds."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._story, self._pace = Story(), Pace()
        self._written = 0.0
        self._phase = ""

    def on_event(self, event: Event) -> None:
        """Write what the event means."""
        self._pace.on_event(event)
        for line in self._story.tell(event):
            self._write(line.text)

    def on_metrics(self, row: MetricsRow) -> None:
        """Write the step if it is the first, the last, or two seconds have passed."""
        self._pace.add(row)
        if row.step in {1, self._pace.num_steps} or self._is_due():
            self._say(self._pace.text())

    def on_progress(self, phase: str, done: int, total: int) -> None:
        """Write the phase when it begins, and how far it is every two seconds."""
        if phase != self._phase:
            self._phase = phase
            self._say(f"{phase} …")
        elif self._is_due():
            self._say(f"{phase}: {done:,} of {total:,}")

    def _is_due(self) -> bool:
        return time.monotonic() - self._written >= _PAUSE_S

    def _say(self, text: str) -> None:
        self._written = time.monotonic()
        self._write(text)


class NotebookDisplay:
    """A listener for a running kernel: the story so far and, below it, what is going on, in one display."""

    def __init__(self, show: Callable[[str], Callable[[str], None]]) -> None:
        """`show(text)` opens the display and returns what replaces its text."""
        self._story, self._pace = Story(), Pace()
        self._lines: list[str] = []
        self._now = ""
        self._drawn = time.monotonic()
        self._replace = show("starting …")

    def on_event(self, event: Event) -> None:
        """Add what the event means."""
        self._pace.on_event(event)
        lines = [line.text for line in self._story.tell(event)]
        self._lines += lines
        if lines:
            self._now = ""
            self._draw()

    def on_metrics(self, row: MetricsRow) -> None:
        """Show the step."""
        self._pace.add(row)
        self._now = self._pace.text()
        if row.step == self._pace.num_steps:
            self._lines.append(self._now)
            self._now = ""
        self._draw_if_due()

    def on_progress(self, phase: str, done: int, total: int) -> None:
        """Show how far the phase is."""
        self._now = f"{phase}: {done:,} of {total:,}" if total > 1 else f"{phase} …"
        self._draw_if_due()

    def _draw_if_due(self) -> None:
        if time.monotonic() - self._drawn >= _REDRAW_S:
            self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        self._replace("\n".join([*self._lines, self._now] if self._now else self._lines))


def python_listener() -> Listener:
    """Return the listener that suits this process: a notebook's display, else lines on stdout."""
    shell = _kernel_shell()
    return PlainLines(_print) if shell is None else NotebookDisplay(_open_display)


def clock(seconds: float) -> str:
    """Return a duration as a clock shows it: `0:07`, `12:30`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _kernel_shell() -> Any:
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return shell if getattr(shell, "kernel", None) is not None else None


def _open_display(text: str) -> Callable[[str], None]:
    display = sys.modules["IPython.display"].display
    handle = display({"text/plain": text}, raw=True, display_id=True)

    def replace(changed: str) -> None:
        handle.update({"text/plain": changed}, raw=True)

    return replace


def _print(text: str) -> None:
    # A listener raises nothing: a closed pipe must not end the run that it only watches.
    try:
        print(text, flush=True)
    except (OSError, ValueError):
        return


def _number(value: float | None) -> str:
    return "not a number" if value is None else f"{value:.3f}"


def _started(event: RunStarted) -> Line | None:
    step = event.resumed_from_step
    return Line(f"resuming  from the checkpoint of step {step:,}") if step is not None else None


def _data_read(event: DataRead) -> Line:
    return Line(f"data      {event.role}: {event.num_rows:,} rows of {event.path} ({event.format})")


def _data_split(event: DataSplit) -> Line:
    test = "the validation rows" if event.test_is_validation else f"{event.num_test:,} held-out rows"
    scored = f", scores on {test}" if event.num_test else ", nothing held out to score"
    return Line(f"rows      {event.num_train:,} to train on, {event.num_validation:,} to validate{scored}")


def _rule(event: RuleApplied) -> Line:
    value = f"{event.value:g}" if isinstance(event.value, float) else str(event.value)
    return Line(f"chosen    {event.path} = {value} ← {event.rule}", "rule", (event.path, value, event.rule))


def _model(event: ModelLoaded) -> Line:
    learn = "all learn" if event.num_trainable == event.num_parameters else f"{event.num_trainable:,} learn"
    where = f"{event.device}, {event.precision}"
    return Line(f"model     {event.source}: {event.num_parameters:,} weights, {learn}; {where}")


def _training(event: TrainingStarted) -> Line:
    steps, rows = _counted(event.num_steps, "step"), _counted(event.batch_size, "row")
    return Line(f"training  {steps} of {rows}, {_counted(event.num_rows, 'row')} an epoch")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _validated(event: Validated) -> Line:
    best = "  best so far" if event.is_best else ""
    more = {name: score for name, score in event.scores.items() if name not in _SAID_AS_LOSS}
    shown = "".join(f", {name} {score_text(name, score)}" for name, score in more.items())
    return Line(f"validated step {event.step:,}: loss {_number(event.valid_loss)}{shown}{best}")


def _scored(event: Scored) -> Line:
    scores = {**event.scores, "loss": event.loss}
    shown = ", ".join(f"{name} {score_text(name, score)}" for name, score in scores.items() if score is not None)
    return Line(f"scored    {event.subject} model: {shown} ({event.num_rows:,} rows, {event.seconds:.1f} s)")


def _saved(event: ArtifactSaved) -> Line:
    return Line(f"saved     {event.path} ({event.size_bytes / 1e6:.1f} MB)")


def _damaged(event: CheckpointDamaged) -> Line:
    return Line(f"damaged   checkpoint of step {event.step:,}: {event.reason}; set aside as {event.path}", "warning")


def _skipped(event: BatchSkipped) -> Line:
    rows = ", ".join(event.rows[:_MAX_LEFT_OUT]) + (", …" if len(event.rows) > _MAX_LEFT_OUT else "")
    return Line(f"skipped   step {event.step:,}: {event.reason} ({rows})", "warning")


def _lowered(event: RateLowered) -> Line:
    scale = f"{event.rate_scale:.3g} of the learning rate"
    return Line(f"back off  at step {event.step:,}: on from step {event.back_to:,} at {scale}", "warning")


def _halved(event: MicroBatchHalved) -> Line:
    why = "memory ran out" if event.cause == "allocator" else "the system killed the process before this one"
    now = f"{event.tokens:,} tokens at once instead of {event.former_tokens:,}"
    return Line(f"memory    step {event.step:,}: {why}; {now}, the same rows a step", "warning")


def _paused(event: RunPaused) -> Line:
    return Line(f"paused    after step {event.step:,}: {event.reason}" + (f" ({event.hint})" if event.hint else ""))


def _notice(event: Notice) -> Line:
    return Line(f"note      {event.message}" + (f" ({event.hint})" if event.hint else ""), "warning")


_WORDS: dict[type, Callable[[Any], Line | None]] = {
    RunStarted: _started,
    DataRead: _data_read,
    DataSplit: _data_split,
    RuleApplied: _rule,
    ModelLoaded: _model,
    TrainingStarted: _training,
    Validated: _validated,
    Scored: _scored,
    ArtifactSaved: _saved,
    Notice: _notice,
    CheckpointDamaged: _damaged,
    BatchSkipped: _skipped,
    RateLowered: _lowered,
    MicroBatchHalved: _halved,
    RunPaused: _paused,
}
