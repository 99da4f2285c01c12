"""How a command ends: the error as people and as scripts read it, the exit code, and the state of the streams.

Knows the error tree and the ways of a terminal (Ctrl-C, a closed pipe, an encoding without arrows), and no verb.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from tunewright.cli.extras import TRAIN_PACKAGES
from tunewright.errors import Interrupted, MissingExtraError, TunewrightError, exit_code

MAX_FAULTS = 20
# click's UsageError; newer typers carry click under a private name, so it is reached through its public child.
_USAGE_ERROR = typer.BadParameter.__mro__[1]
STOPPED_CODE = 130


class CtrlC(KeyboardInterrupt):
    """Ctrl-C, told apart from Python's own interrupt.

    An interrupt that lands in `exec` of a string (every dataclass and namedtuple, so most imports) is remembered by
    CPython as unhandled, though it was handled, and `python -m` then dies of the signal in place of our exit code
    (`run_eval_code_obj` in pythonrun.c). Only the very class is remembered, no child of it.
    """


@contextmanager
def own_ctrl_c() -> Iterator[None]:
    """Make Ctrl-C raise `CtrlC` inside; where a program has its own handler, or in another thread, change nothing."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _raise_ctrl_c)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def ctrl_c_waits() -> Iterator[None]:
    """Keep a Ctrl-C until the end of the block; a second one is not kept. Only inside `own_ctrl_c`.

    Raises:
        KeyboardInterrupt: at the end, if there was one.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not _raise_ctrl_c:
        yield
        return
    pressed = False

    def keep(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise CtrlC
        pressed = True

    signal.signal(signal.SIGINT, keep)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _raise_ctrl_c)
    if pressed:
        raise CtrlC


def _raise_ctrl_c(number: int, frame: FrameType | None) -> None:
    raise CtrlC


def end_with(error: BaseException, *, debug: bool, as_json: bool) -> int:
    """Say on stderr, and with `as_json` on stdout too, what went wrong, and return the exit code."""
    if isinstance(error, BrokenPipeError):
        return 1
    if debug:
        traceback.print_exception(error)
    if isinstance(error, _USAGE_ERROR):
        return _end_with_usage(error, as_json=as_json)
    known = _known(error)
    if as_json:
        print(json.dumps({"error": known.as_dict()}, ensure_ascii=False))
    for line in error_lines(known):
        print(line, file=sys.stderr)
    return exit_code(known)


def error_lines(error: TunewrightError) -> list[str]:
    """Return the error for people: the message, at most `MAX_FAULTS` faults, the way out."""
    from tunewright.cli.screen import clean

    lead = "stopped" if isinstance(error, Interrupted) else "error"
    lines = [f"{lead}: {error.message}"]
    lines += [f"  {fault}" for fault in error.faults[:MAX_FAULTS] if str(fault) not in error.message]
    if len(error.faults) > MAX_FAULTS:
        lines.append(f"  … and {len(error.faults) - MAX_FAULTS:,} more")
    if error.hint:
        lines.append(f"hint: {error.hint}")
    # A message may quote a user's data, which must not move the cursor.
    return [clean(line) for line in lines]


def prepare_output(*, as_json: bool) -> None:
    """Make both streams take any text: what the terminal's encoding lacks becomes `?`; JSON is always UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
            if as_json and stream is sys.stdout:
                reconfigure(encoding="utf-8")


def finish_output(code: int) -> int:
    """Flush, and return `code`; a reader that has gone away is not worth a word."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would complain at exit: python.org, library/signal.html, note on SIGPIPE.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _known(error: BaseException) -> TunewrightError:
    if isinstance(error, TunewrightError):
        return error
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return Interrupted("by Ctrl-C, before there was anything to keep")
    if isinstance(error, ImportError):
        package = (error.name or "").partition(".")[0]
        if package in TRAIN_PACKAGES:
            return MissingExtraError.of("train", package)
    what = " ".join(str(error).split())[:300]
    return TunewrightError(
        f"internal error: {type(error).__name__}: {what}", hint="this is a defect; run again with --debug to see where"
    )


def _end_with_usage(error: BaseException, *, as_json: bool) -> int:
    message = str(getattr(error, "message", error)) or str(error)
    context = getattr(error, "ctx", None)
    help_command = f"{context.command_path} --help" if context is not None else "tunewright --help"
    if as_json:
        tree = {"code": "usage", "message": message, "hint": help_command, "faults": []}
        print(json.dumps({"error": tree}, ensure_ascii=False))
    describe = getattr(error, "format_message", None)
    print(f"error: {describe() if describe is not None else message}\nhint: {help_command}", file=sys.stderr)
    return int(getattr(error, "exit_code", 2))
