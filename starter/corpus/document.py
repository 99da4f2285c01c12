"""One document of the starter model's training text, and what a right answer to it is.

Knows nothing of tokens, templates or domains: a domain module (`stories.py`, `arithmetic.py`, ...)
is a function from a seeded `random.Random` to one `Document`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]
Rule = Literal["exact", "contains", "json"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Document:
    """A conversation; where `answer` is given its last assistant turn can be scored against it.

    Attributes:
        kind: domain name and variant, `domain/variant` (the axis of the score table).
        turns: an optional system turn, then user and assistant in turn; ends with the assistant.
        answer: what a right last answer must show, or None where many answers are right.
        rule: how `answer` is held against the model's text: `exact` (equal after trimming),
            `contains` (as a case-insensitive substring), `json` (equal after parsing).
    """

    kind: str
    turns: tuple[Turn, ...]
    answer: str | None = None
    rule: Rule = "exact"

    @property
    def prompt(self) -> str:
        """All that stands before the last assistant turn: the key by which documents are held out."""
        return "\n".join(f"{turn.role}: {turn.content}" for turn in self.turns[:-1])


Domain = Callable[[random.Random], Document]


def ask(
    kind: str, question: str, answer: str, *, system: str | None = None, key: str | None = None, rule: Rule = "exact"
) -> Document:
    """Return the one-question document: an optional system turn, `question`, `answer`; scored by `key` where given."""
    turns = (Turn("user", question), Turn("assistant", answer))
    if system is not None:
        turns = (Turn("system", system), *turns)
    return Document(kind, turns, key, rule)
