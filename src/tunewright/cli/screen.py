"""The screen: a console that is plain in a pipe, and text from models and files made harmless for a terminal."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

from rich.console import Console

_PIPE_WIDTH = 80
# C0 and C1 controls but tab and line end, and what turns the direction of text: an answer must not move the cursor,
# retitle the window or show itself backwards.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def make_console() -> Console:
    """Return the console of stdout: colours and cursor only in a terminal, 80 columns in a pipe."""
    is_terminal = sys.stdout.isatty()
    # Emoji codes and markup are off everywhere: what is printed is text of users and models.
    return Console(
        highlight=False,
        markup=False,
        emoji=False,
        force_terminal=is_terminal,
        no_color=None if is_terminal else True,
        width=None if is_terminal else _PIPE_WIDTH,
    )


def clean(text: str) -> str:
    """Return `text` without control characters."""
    return _CONTROLS.sub("", text)


def shortened(text: str, limit: int) -> str:
    """Return `text` on one line, cut to `limit` characters."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def command(verb: str, path: Path) -> str:
    """Return a command that can be copied: the path is quoted where it must be."""
    return f"{program()} {verb} {shlex.quote(str(path))}"


def program() -> str:
    """Return how this program is called from here: by name if the shell finds it, else by the path that was used."""
    called = Path(sys.argv[0])
    if shutil.which("tunewright") or called.stem != "tunewright":
        return "tunewright"
    try:
        return shlex.quote(str(called.absolute().relative_to(Path.cwd())))
    except ValueError:
        return shlex.quote(str(called))
