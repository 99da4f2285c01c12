"""What a row is once it has been read, and what is wrong with one that could not be.

A row is a conversation with the place that it came from, so that whatever happens to it later can name that place.
Deliberately does not know file formats (`formats/`), templates or tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tunewright.errors import Fault


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `weight` scales the loss of an assistant turn; 0 makes it context that is not taught."""

    role: str
    content: str
    weight: float = 1.0

    def as_dict(self) -> dict[str, str]:
        """Return what a chat template is given: role and content."""
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation, ending in the turn that is taught, and where it was read."""

    path: str
    line: int
    messages: tuple[Message, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """`train.jsonl:17`, the path being as the user gave it."""
        return f"{self.path}:{self.line}"

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The messages before the last assistant turn."""
        return self.messages[: self._last_assistant]

    @property
    def reference(self) -> str:
        """The content of the last assistant turn."""
        return self.messages[self._last_assistant].content

    @property
    def group(self) -> Any:
        """`metadata.group`, or None: rows of one group belong together."""
        return self.meta.get("group")

    @property
    def fact(self) -> Any:
        """`metadata.fact`, or None: the text that a right answer contains."""
        return self.meta.get("fact")

    @property
    def _last_assistant(self) -> int:
        return max(index for index, message in enumerate(self.messages) if message.role == "assistant")


@dataclass(frozen=True, slots=True)
class RowFault:
    """One rule that one row breaks: where, which, with which value, and the way out."""

    path: str
    line: int
    field: str
    rule: str
    value: str = ""
    fix: str = ""

    def __str__(self) -> str:
        return str(self.as_fault())

    def as_fault(self) -> Fault:
        """Return the fault in the error tree's own form, for an error that carries several."""
        place = f"{self.path}:{self.line}"
        return Fault(f"{place}: {self.field}" if self.field else place, self.rule, self.value, self.fix)


def shown(value: Any) -> str:
    """Return `value` as a message shows it: its repr, at most 80 characters of it."""
    # A megabyte of text must not be escaped just to be cut.
    text = repr(value[:80]) if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
