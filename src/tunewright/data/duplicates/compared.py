"""What of a row is compared when duplicates are looked for: the whole row, or only what is asked.

A system prompt counts as one word, the same or not: rows that share a long one would all be near duplicates otherwise.
A label or a verdict is no part of the text: the same text under two labels is a contradiction, which `verdict` tells
from a repetition. Deliberately does not know how texts are compared.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any, Literal

from tunewright.data.rows import (
    AnyRow,
    FeedbackRow,
    LabelRow,
    Message,
    PairRow,
    PreferenceRow,
    Row,
    TextRow,
    TokenLabelsRow,
)

# As `_turns` writes it, and as it is once white space is one space.
_SYSTEM_WORD = re.compile(r"(?<!\S)system: [0-9a-f]{8}(?:\s|$)")

By = Literal["row", "prompt"]


def compared(row: AnyRow, by: By = "row") -> str:
    """Return the text of a row that is compared; rows without a prompt are compared whole either way."""
    return (_ROW if by == "row" else _PROMPT)[type(row)](row)


def without_system(text: str) -> str:
    """Return a text that was compared as people read it: without the words that stand for its system prompts."""
    return _SYSTEM_WORD.sub("", text)


def verdict(row: AnyRow) -> str:
    """Return what a row says about its text beside it: its label, or whether it was wanted; empty for other kinds."""
    return str(row.label) if isinstance(row, LabelRow | FeedbackRow) else ""


def num_answer_characters(row: AnyRow) -> int:
    """Return how long the taught part is: the assistant turns with a weight, both answers of a preference, the text."""
    return _ANSWER[type(row)](row)


def _turns(messages: Iterable[Message]) -> str:
    return "\n".join(
        f"system: {_word(message.said)}" if message.role == "system" else f"{message.role}: {message.said}"
        for message in messages
    )


def _asked(prompt: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the prompt, nothing where it asks nothing: rows without a question do not all ask the same one."""
    return prompt if any(message.role != "system" for message in prompt) else ()


def _word(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def _length(messages: Iterable[Message]) -> int:
    return sum(len(message.said) for message in messages)


_ROW: dict[type, Callable[[Any], str]] = {
    Row: lambda row: _turns(row.messages),
    TextRow: lambda row: row.text,
    PreferenceRow: lambda row: _turns((*row.prompt, *row.chosen, *row.rejected)),
    FeedbackRow: lambda row: _turns((*row.prompt, *row.completion)),
    LabelRow: lambda row: row.text,
    TokenLabelsRow: lambda row: row.said,
    PairRow: lambda row: row.said,
}
_PROMPT: dict[type, Callable[[Any], str]] = {
    **_ROW,
    Row: lambda row: _turns(_asked(row.prompt) or row.messages),
    PreferenceRow: lambda row: _turns(_asked(row.prompt) or (*row.prompt, *row.chosen, *row.rejected)),
    FeedbackRow: lambda row: _turns(_asked(row.prompt) or (*row.prompt, *row.completion)),
    TokenLabelsRow: lambda row: " ".join(row.tokens),
    PairRow: lambda row: row.first,
}
_ANSWER: dict[type, Callable[[Any], int]] = {
    Row: lambda row: _length(message for message in row.messages if message.role == "assistant" and message.weight),
    TextRow: lambda row: len(row.text),
    PreferenceRow: lambda row: _length((*row.chosen, *row.rejected)),
    FeedbackRow: lambda row: _length(row.completion),
    LabelRow: lambda row: len(row.text),
    TokenLabelsRow: lambda row: len(row.said),
    PairRow: lambda row: len(row.second),
}
