"""What a row of each kind consists of: who speaks, what is asked, what is answered, and under which label.

One entry for each kind of row, so that a profile counts all kinds in the same way. Deliberately counts nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

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


class Parts(NamedTuple):
    """A row taken apart: `prompts` are context, `answers` are taught, `labels` are classes that the row names."""

    kind: str
    roles: tuple[str, ...]
    prompts: tuple[str, ...]
    answers: tuple[str, ...]
    labels: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()


LABELS_OF_KIND = {
    "label": "the label of each row",
    "token_labels": "the tag of each word",
    "feedback": "the verdict on each answer",
}
"""Kind → what its labels are."""


def parts_of(row: AnyRow) -> Parts:
    """Return what a row consists of."""
    return _PARTS[type(row)](row)


def role_pattern(roles: Sequence[str]) -> str:
    """Return the roles of a row, repetitions counted: `system (user assistant)×3`."""
    units: list[tuple[str, ...]] = []
    position = 0
    while position < len(roles):
        pair = tuple(roles[position : position + 2])
        units.append(pair if pair == ("user", "assistant") else pair[:1])
        position += len(units[-1])
    return " ".join(_repeated(" ".join(unit), len(list(same))) for unit, same in groupby(units))


def _repeated(name: str, times: int) -> str:
    if times == 1:
        return name
    return f"({name})×{times}" if " " in name else f"{name}×{times}"


def _of_conversation(row: Row) -> Parts:
    is_taught = [message.role == "assistant" and message.weight != 0 for message in row.messages]
    prompts = tuple(message.said for message, taught in zip(row.messages, is_taught, strict=True) if not taught)
    answers = tuple(message.said for message, taught in zip(row.messages, is_taught, strict=True) if taught)
    return Parts("conversation", _roles(row.messages), prompts, answers, messages=row.messages)


def _of_text(row: TextRow) -> Parts:
    return Parts("text", ("text",), (), (row.text,))


def _of_preference(row: PreferenceRow) -> Parts:
    roles = (*_roles(row.prompt), "→", *_roles(row.chosen), "|", *_roles(row.rejected))
    answers = _answers((*row.chosen, *row.rejected))
    prompts = tuple(message.said for message in row.prompt)
    return Parts("preference", roles, prompts, answers, messages=(*row.prompt, *row.chosen, *row.rejected))


def _of_feedback(row: FeedbackRow) -> Parts:
    messages = (*row.prompt, *row.completion)
    label = "wanted" if row.label else "unwanted"
    prompts = tuple(message.said for message in row.prompt)
    return Parts("feedback", _roles(messages), prompts, _answers(row.completion), (label,), messages)


def _of_label(row: LabelRow) -> Parts:
    labels = (row.label,) if isinstance(row.label, str) else tuple(row.label)
    return Parts("label", ("text", "label"), (row.text,), (", ".join(labels),), labels)


def _of_token_labels(row: TokenLabelsRow) -> Parts:
    return Parts("token_labels", ("words", "tags"), (" ".join(row.tokens),), (" ".join(row.labels),), row.labels)


def _of_pair(row: PairRow) -> Parts:
    return Parts("pair", ("first", "second"), (row.first,), (row.second,))


def _roles(messages: Sequence[Message]) -> tuple[str, ...]:
    return tuple(message.role for message in messages)


def _answers(messages: Sequence[Message]) -> tuple[str, ...]:
    return tuple(message.said for message in messages if message.role == "assistant")


_PARTS: dict[type, Callable[..., Parts]] = {
    Row: _of_conversation,
    TextRow: _of_text,
    PreferenceRow: _of_preference,
    FeedbackRow: _of_feedback,
    LabelRow: _of_label,
    TokenLabelsRow: _of_token_labels,
    PairRow: _of_pair,
}
