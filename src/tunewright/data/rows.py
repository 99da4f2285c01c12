"""What a row is once it has been read, one class for each kind of teaching, and what is wrong with one that cannot be.

A row keeps the place that it came from, so that whatever happens to it later can name that place. `Row`, which is a
conversation, is the kind that most of the system knows; the others serve continued pretraining, preference, feedback,
classification, tagging and pairs. Deliberately does not know file formats (`formats/`), templates or tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tunewright.errors import Fault

_MAX_SHOWN = 80

Kind = Literal["conversation", "text", "preference", "feedback", "label", "token_labels", "pair"]
"""What can be learned from a row; each objective takes some kinds."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `weight` scales the loss of an assistant turn; 0 makes it context that is not taught.

    `tool_calls` are in OpenAI's form, `{"id", "type": "function", "function": {"name", "arguments"}}`, the arguments
    as the JSON text that the row holds. `tool_call_id` and `name` belong to the answer of a tool.
    """

    role: str
    content: str
    weight: float = 1.0
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    tool_call_id: str = ""
    name: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return what a chat template is given; arguments of calls as objects, which is what templates expect."""
        plain: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.tool_calls:
            plain["tool_calls"] = [_call_for_template(call) for call in self.tool_calls]
        if self.tool_call_id:
            plain["tool_call_id"] = self.tool_call_id
        if self.name:
            plain["name"] = self.name
        return plain

    @property
    def said(self) -> str:
        """The content, followed by the calls: what this turn says to a reader."""
        calls = [f"{call['function']['name']}({call['function']['arguments']})" for call in self.tool_calls]
        return "\n".join([self.content, *calls] if self.content else calls)


def _call_for_template(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    arguments = function["arguments"]
    if isinstance(arguments, str):
        # Not orjson: a whole number beyond 64 bits would become a float, and another text.
        arguments = json.loads(arguments)
    return {**call, "function": {**function, "arguments": arguments}}


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where a row was read, and what its file says about it beside what it teaches."""

    path: str
    line: int

    @property
    def where(self) -> str:
        """`train.jsonl:17`, the path being as the user gave it."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Row(_Placed):
    """One conversation, and the tools that the assistant could call in it, each in OpenAI's form."""

    messages: tuple[Message, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[Mapping[str, Any], ...] = ()

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The messages before the last assistant turn."""
        return self.messages[: self._last_assistant]

    @property
    def reference(self) -> str:
        """What the last assistant turn says."""
        return self.messages[self._last_assistant].said

    @property
    def reference_calls(self) -> tuple[Mapping[str, Any], ...]:
        """The tool calls of the last assistant turn."""
        return self.messages[self._last_assistant].tool_calls

    @property
    def group(self) -> Any:
        """`metadata.group`, or None: rows of one group belong together."""
        return self.meta.get("group")

    @property
    def fact(self) -> Any:
        """`metadata.fact`, or None: the text that a right answer contains."""
        return self.meta.get("fact")

    @property
    def said(self) -> str:
        """Everything that is said, a turn on each line: what makes two rows duplicates."""
        return "\n".join(f"{message.role}: {message.said}" for message in self.messages)

    @property
    def _last_assistant(self) -> int:
        return max(index for index, message in enumerate(self.messages) if message.role == "assistant")

    def until(self, index: int) -> Row:
        """Return the conversation up to and with message `index`, of which only that message is taught."""
        context = tuple(replace(m, weight=0.0) if m.role == "assistant" else m for m in self.messages[:index])
        return replace(self, messages=(*context, self.messages[index]))


@dataclass(frozen=True, slots=True)
class TextRow(_Placed):
    """Plain text, all of which is taught (continued pretraining)."""

    text: str
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """The text."""
        return self.text


@dataclass(frozen=True, slots=True)
class PreferenceRow(_Placed):
    """One prompt, the better and the worse continuation of it."""

    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[Mapping[str, Any], ...] = ()

    @property
    def said(self) -> str:
        """The prompt and both answers."""
        return "\n".join(f"{m.role}: {m.said}" for m in (*self.prompt, *self.chosen, *self.rejected))


@dataclass(frozen=True, slots=True)
class FeedbackRow(_Placed):
    """One answer and whether it was wanted (KTO)."""

    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    label: bool
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """The prompt, the answer and the verdict."""
        return "\n".join(f"{m.role}: {m.said}" for m in (*self.prompt, *self.completion)) + f"\n{self.label}"


@dataclass(frozen=True, slots=True)
class LabelRow(_Placed):
    """One text and its class; several classes where a text may have more than one."""

    text: str
    label: str | tuple[str, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """The text; its class too, so that the same text under two classes is no duplicate but a contradiction."""
        return f"{self.text}\n{self.label}"


@dataclass(frozen=True, slots=True)
class TokenLabelsRow(_Placed):
    """One sentence as words, and the tag of each (CoNLL, BIO)."""

    tokens: tuple[str, ...]
    labels: tuple[str, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """The words, each with its tag."""
        return " ".join(f"{token}/{label}" for token, label in zip(self.tokens, self.labels, strict=True))


@dataclass(frozen=True, slots=True)
class PairRow(_Placed):
    """Two texts that belong together: a sentence and its translation, a query and its document.

    `score` is how much they do, where the file says so (sentence similarity, 0…1 or 0…5); None where it does not.
    """

    first: str
    second: str
    score: float | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """Both texts."""
        return f"{self.first}\n{self.second}"


AnyRow = Row | TextRow | PreferenceRow | FeedbackRow | LabelRow | TokenLabelsRow | PairRow


@dataclass(frozen=True, slots=True)
class RowFault:
    """One rule that one row breaks: where, which, with which value, and the way out.

    `kind` names the rule in `rules.RULES`, which knows how grave it is and what OpenAI calls it.
    """

    path: str
    line: int
    field: str
    rule: str
    value: str = ""
    fix: str = ""
    kind: str = "bad_value"

    def __str__(self) -> str:
        return str(self.as_fault())

    def as_fault(self) -> Fault:
        """Return the fault in the error tree's own form, for an error that carries several."""
        place = f"{self.path}:{self.line}"
        return Fault(f"{place}: {self.field}" if self.field else place, self.rule, self.value, self.fix)


Finding = tuple[str, str, str, str, str]
"""Kind, field, rule, value and fix of one fault, before it is known which line it stands on."""


def placed(findings: Sequence[Finding], path: str, line: int) -> list[RowFault]:
    """Return the faults of one record."""
    return [RowFault(path, line, name, rule, value, fix, kind) for kind, name, rule, value, fix in findings]


def shown(value: Any) -> str:
    """Return `value` as a message shows it: its repr, at most 80 characters of it.

    Neither a megabyte of text is escaped just to be cut, nor are all levels of a deeply nested value walked.
    """
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) > _MAX_SHOWN:
            return text[: _MAX_SHOWN - 3] + "..."
    return text


def _pieces(value: Any) -> Iterator[str]:
    """Yield the repr of a value in pieces. Each level yields a bracket first, so a reader may stop at any depth."""
    if isinstance(value, list):
        yield "["
        for index, item in enumerate(value):
            yield ", " if index else ""
            yield from _pieces(item)
        yield "]"
    elif isinstance(value, dict):
        yield "{"
        for index, (key, item) in enumerate(value.items()):
            yield f"{', ' if index else ''}{_leaf(key)}: "
            yield from _pieces(item)
        yield "}"
    else:
        yield _leaf(value)


def _leaf(value: Any) -> str:
    return repr(value[:_MAX_SHOWN]) if isinstance(value, str) else repr(value)
