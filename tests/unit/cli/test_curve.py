"""The live loss curve is readable as plain text, stays inside its space, and appears only where it can be seen."""

from __future__ import annotations

import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tunewright.cli.curve import AXIS_WIDTH, VALIDATION, History, draw
from tunewright.cli.progress import LiveDisplay, watch
from tunewright.jobs.notebook import PlainLines
from tunewright.runs.events import TrainingStarted, Validated
from tunewright.runs.metrics import MetricsRow

TRAIN = [(step, 4 * math.exp(-step / 20) + (1.5 if step == 40 else 0)) for step in range(1, 81)]
VALID = [(step, 4 * math.exp(-step / 20) + 0.4) for step in range(0, 81, 20)]


def plain(train: object, valid: object, width: int, height: int = 8) -> str:
    return "\n".join(draw(train, valid, width=width, height=height))  # pyright: ignore[reportArgumentType]


# ── the drawing ──────────────────────────────────────────────────────────────────────────────────────────────────────


GOLDEN = {
    60: """
    4.400 ┤○⡀
          │ ⠳⣄⡀
          │   ⠙⢦⣀
          │     ⠈⠙⠦⣄⡀              ⣀
          │         ⠉⠓⠦○⣀          ⣿
          │             ⠈⠉⠓⠲⠤⠤⣄⣀⣀  ○
    0.073 ┤                     ⠈⠉⠉⠙⠒⠒⠒⠦⠤⠤⠤⠤⠤⢤⣀○⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀○
          └step 0                                         80
""",
    80: """
    4.400 ┤○⡀
          │ ⠙⠲⣄⡀
          │    ⠉⠳⢤⣀⡀
          │        ⠉⠓⠦⢤⣀                     ⣀
          │            ⠈⠉⠓⠲⠤○⣀⡀              ⣿
          │                   ⠉⠉⠓⠒⠲⠤⠤⢤⣀⣀⣀⡀  ⢸○
    0.073 ┤                              ⠉⠉⠉⠉⠘⠒⠒⠒⠒⠒⠦⠤⠤⠤⠤⠤⠤⠤⠤⣄⣀○⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀○
          └step 0                                                             80
""",
    120: """
    4.400 ┤○⣀
          │ ⠈⠙⠒⠦⣄⣀
          │      ⠈⠉⠓⠦⢤⣀⣀
          │            ⠈⠙⠒⠲⠤⢤⣀⣀                                 ⢀⡀
          │                   ⠈⠉⠉⠓⠒⠲⠤○⣄⣀⣀⡀                      ⡼⢧
          │                              ⠉⠉⠉⠙⠒⠒⠒⠲⠤⠤⠤⠤⣄⣀⣀⣀⣀⣀    ⢰○⠘⡆
    0.073 ┤                                               ⠈⠉⠉⠉⠉⠉  ⠓⠒⠒⠒⠒⠒⠒⠒⠦⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⣄⣀⣀○⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀○
          └step 0                                                                                                     80
""",
}


@pytest.mark.parametrize("width", list(GOLDEN))
def test_the_curve_looks_like_this(width: int) -> None:
    assert plain(TRAIN, VALID, width) == GOLDEN[width].strip("\n")


NUMBERS = st.none() | st.floats()
POINTS = st.lists(st.tuples(st.integers(0, 10**9), NUMBERS), max_size=40).map(lambda p: sorted(p, key=lambda x: x[0]))


@given(POINTS, POINTS, st.integers(0, 200), st.integers(0, 30))
def test_every_curve_stays_inside_its_space(
    train: list[tuple[int, float | None]], valid: list[tuple[int, float | None]], width: int, height: int
) -> None:
    lines = draw(train, valid, width=width, height=height)
    assert len(lines) in {0, height}
    assert all(len(line) <= width for line in lines)
    assert not any(word in line for line in lines for word in ("nan", "inf"))
    known = {step for step, loss in (*train, *valid) if loss is not None and math.isfinite(loss)}
    assert bool(lines) == (len(known) > 1 and width >= 24 and height >= 3)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=300), st.integers(24, 160))
def test_the_first_the_highest_and_the_last_step_leave_their_dots(losses: list[float], width: int) -> None:
    lines = draw(list(enumerate(losses)), [], width=width, height=8)
    cells = [line[AXIS_WIDTH:].ljust(width - AXIS_WIDTH) for line in lines[:-1]]
    assert any(row[0] != " " for row in cells)
    if len(losses) <= width - AXIS_WIDTH and max(losses) > min(losses) + 1e-3:
        assert cells[0].strip(), "the highest loss is in the first line"
        assert cells[-1].strip(), "the lowest loss is in the last"


def test_no_line_is_drawn_across_a_step_that_has_no_loss() -> None:
    def columns(middle: float | None) -> int:
        """Count the columns that the curve of three steps fills."""
        lines = draw([(0, 1.0), (50, middle), (100, 1.0)], [], width=60, height=4)[:-1]
        return sum(any(cell != " " for cell in column) for column in zip(*(f"{n:60}" for n in lines), strict=True))

    assert columns(1.0) - columns(None) > 40
    assert columns(float("nan")) == columns(None)


def test_a_flat_line_is_flat_and_has_a_range() -> None:
    lines = draw([(1, 2.0), (2, 2.0), (3, 2.0)], [], width=40, height=6)
    assert sum(bool(line[AXIS_WIDTH:].strip()) for line in lines[:-1]) == 1


# ── the history ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_long_history_is_thinned_and_keeps_its_ends() -> None:
    history = History()
    for step in range(1, 50_001):
        history.add(MetricsRow(step=step, train_loss=1.0))
    assert 1000 < len(history.train) <= 4096
    assert history.train[0][0] == 1
    assert history.train[-1][0] == 50_000


def test_training_that_goes_back_draws_each_step_once() -> None:
    history = History()
    for step in (1, 2, 3, 4, 2, 3):
        history.add(MetricsRow(step=step, train_loss=float(step)))
        history.on_event(Validated(step=step, valid_loss=1.0, perplexity=1.0, is_best=False))
    assert [step for step, _ in history.train] == [1, 2, 3]
    assert [step for step, _ in history.valid] == [1, 2, 3]


# ── where it is shown ────────────────────────────────────────────────────────────────────────────────────────────────


def shown(display: LiveDisplay, console: Console) -> str:
    with console.capture() as capture:
        console.print(display.render())
    return capture.get()


def make_console(width: int = 80, height: int = 40, *, encoding: str = "utf-8") -> Console:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=file, force_terminal=True, color_system=None, width=width, height=height, highlight=False)


def in_training(console: Console) -> LiveDisplay:
    display = LiveDisplay(console)
    start = TrainingStarted(
        num_steps=100, num_rows=9, batch_size=1, num_tokens=9, num_supervised_tokens=9, time="2026-01-01T00:00:00Z"
    )
    with console.capture():
        display.on_event(start)
        display.on_event(Validated(step=0, valid_loss=4.4, perplexity=80.0, is_best=False))
        for step, loss in TRAIN:
            row = MetricsRow(
                step=step, train_loss=loss, tokens=500 * step, seconds=step / 2, memory_bytes=1_840_000_000
            )
            display.on_metrics(row)
    return display


@pytest.mark.parametrize("width", [80, 120])
def test_training_shows_steps_time_left_speed_memory_and_the_curve(width: int) -> None:
    console = make_console(width)
    screen = shown(in_training(console), console)
    for part in ("80/100", "0:10 left", "1,000 tokens/s", "1.84 GB", "validation loss 4.400", "└step 0", VALIDATION):
        assert part in screen, part
    assert all(len(line) <= width for line in screen.splitlines())


def test_a_validation_leaves_the_curve_in_its_place() -> None:
    console = make_console()
    display = in_training(console)
    before = shown(display, console)
    display.on_progress("validating", 1, 3)
    assert shown(display, console).splitlines()[1:] == before.splitlines()[1:]


@pytest.mark.parametrize("console", [make_console(height=15), make_console(encoding="ascii")], ids=["low", "ascii"])
def test_a_screen_that_cannot_show_it_has_none(console: Console) -> None:
    screen = shown(in_training(console), console)
    assert "80/100" in screen
    assert "step 0" not in screen


def test_a_pipe_has_plain_lines_and_no_curve(capsys: pytest.CaptureFixture[str]) -> None:
    with watch("people") as listener:
        assert isinstance(listener, PlainLines)
        for step, loss in TRAIN:
            listener.on_metrics(MetricsRow(step=step, train_loss=loss, memory_bytes=2_000_000_000))
    printed = capsys.readouterr().out
    assert "2.00 GB" in printed
    assert not set(printed) & {"┤", "│", "└", VALIDATION}
