"""Runs the console blocks of a page: `$ ` lines are commands, what follows each is what the page says that it prints.

Understood are `tunewright …`, which runs in this process, `echo $?`, `head` and `tail -n N`, and `truncate -s N`. Does
not know what a page is about, nor when two outputs are the same.
"""

from __future__ import annotations

import io
import os
import re
import shlex
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from tunewright.cli import main

BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)


class Shown(NamedTuple):
    """A command of a page, what the page says that it prints, and what it printed."""

    command: str
    expected: str
    printed: str


def run_page(page: Path) -> list[list[Shown]]:
    """Run the console blocks of a page in order, in the current folder."""
    found: list[list[Shown]] = []
    code = 0
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        shown, code = run_block(block, code)
        found.append(shown)
    return found


def run_block(block: str, code: int = 0) -> tuple[list[Shown], int]:
    """Run the commands of one console block; return what they print, and the exit code of the last."""
    shown: list[Shown] = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        while command.endswith("\\"):
            more, _, expected = expected.partition("\n")
            command += "\n" + more
        printed, code = run_line(command.replace("\\\n", " "), code)
        shown.append(Shown(command, expected.rstrip("\n"), printed))
    return shown, code


def run_line(line: str, code: int) -> tuple[str, int]:
    """Return the output, without blanks at the ends of lines, and the exit code of one command line."""
    if line == "echo $?":
        return str(code), 0
    words = shlex.split(line)
    pipe = words.index("|") if "|" in words else len(words)
    words, after = words[:pipe], words[pipe + 1 :]
    if words[0] == "tunewright":
        text, code = run_tunewright(words[1:])
    elif words[:2] == ["truncate", "-s"]:
        os.truncate(words[3], int(words[2]))
        text, code = "", 0
    else:
        text, code = cut(words[:-1], Path(words[-1]).read_text(encoding="utf-8")), 0
    if after:
        text, code = cut(after, text), 0
    return "\n".join(each.rstrip() for each in text.splitlines()).rstrip("\n"), code


def run_tunewright(arguments: list[str]) -> tuple[str, int]:
    """Return what a command writes to both streams, and its exit code."""
    stream = io.StringIO()
    with redirect_stdout(stream), redirect_stderr(stream):
        code = main(arguments)
    return stream.getvalue(), code


def cut(words: list[str], text: str) -> str:
    """Return what `head -n N` or `tail -n N` lets through."""
    program, flag, number = words
    assert flag == "-n"
    lines = text.splitlines()
    kept = {"head": lines[: int(number)], "tail": lines[-int(number) :]}[program]
    return "\n".join(kept)


def write_page(page: Path, blocks: Sequence[Sequence[Shown]]) -> None:
    """Put what was printed into the page."""
    texts = iter(["".join(f"$ {each.command}\n{each.printed}".rstrip() + "\n" for each in block) for block in blocks])
    text = page.read_text(encoding="utf-8")
    page.write_text(BLOCK.sub(lambda _: next(texts), text), encoding="utf-8", newline="\n")
