"""`tunewright chat`: a conversation with a run's model, token by token; or one question and its answer.

In a pipe each line of stdin is a turn and only answers are printed. The conversation itself is `jobs.python`'s.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tunewright.cli.quiet import quieten_libraries
from tunewright.cli.screen import clean
from tunewright.errors import RowTooLongError
from tunewright.jobs.python import Conversation, Run
from tunewright.runs.folder import RunFolder

_LEAVE = frozenset({"/exit", "/quit"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asked for."""

    prompt: str | None
    system: str | None
    base: bool
    temperature: float
    max_new_tokens: int
    device: str | None


def talk(path: str, asked: Asked) -> None:
    """Answer the prompt, or every line that is typed.

    Raises:
        RunMissingError, RunError, ModelError: if there is no model to talk to.
        RowTooLongError: if the prompt does not fit the model.
    """
    quieten_libraries()
    run = RunFolder.open(Path(path))
    is_typed = asked.prompt is None and sys.stdin.isatty()
    if is_typed:
        print("loading the model …", flush=True)
    conversation = Run(run).conversation(
        system=asked.system,
        base=asked.base,
        device=asked.device,
        temperature=asked.temperature,
        max_new_tokens=asked.max_new_tokens,
    )
    if asked.prompt is not None:
        _answer(conversation, asked.prompt)
        return
    if is_typed:
        _greet(run, asked, conversation)
    for text in _typed_lines() if is_typed else _piped_lines():
        if text in _LEAVE:
            return
        if text == "/reset":
            conversation.reset()
            print("(forgotten)")
        elif text:
            _answer_or_explain(conversation, text)


def _greet(run: RunFolder, asked: Asked, conversation: Conversation) -> None:
    print(f"{'base model' if asked.base else 'tuned model'} of {run.path}; /reset forgets, /exit or Ctrl-D leaves")
    if conversation.system:
        print(clean(f"system prompt: {conversation.system}"))


def _typed_lines() -> Iterator[str]:
    with suppress(ImportError):
        import readline  # noqa: F401 - importing it gives input() its line editing; Windows has it built in
    while True:
        try:
            yield input("\nyou> ").strip()
        except (EOFError, KeyboardInterrupt):
            print()
            return


def _piped_lines() -> Iterator[str]:
    for line in sys.stdin:
        yield line.strip()


def _answer_or_explain(conversation: Conversation, text: str) -> None:
    """Answer; a question that is too long, or Ctrl-C, ends the answer and not the conversation."""
    try:
        _answer(conversation, text)
    except RowTooLongError as error:
        print(f"({error.message}; {error.hint})")
    except KeyboardInterrupt:
        print(" …")


def _answer(conversation: Conversation, text: str) -> None:
    pieces = conversation.ask(text)
    first = next(pieces, "")
    if conversation.num_dropped:
        print(
            f"(the conversation outgrew the model's context: the oldest {conversation.num_dropped} turns were dropped)"
        )
    print(clean(first), end="", flush=True)
    for piece in pieces:
        print(clean(piece), end="", flush=True)
    print()
