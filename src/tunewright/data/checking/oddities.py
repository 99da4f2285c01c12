"""What is odd in the texts of a record that its format can read: special tokens, control characters, odd systems.

A special token written in a text is read by the tokenizer as the token itself, so OpenAI refuses it. Nearly every
record has none of this, so `is_quiet` tells that from the raw bytes in a fraction of the time that reading takes.
Deliberately does not know files, formats or tokenizers: the tokens are plain strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tunewright.data.rows import AnyRow, Finding, Row, shown

OPENAI_TOKENS = (
    "<|endoftext|>",
    "<|endofprompt|>",
    "<|startoftext|>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|im_sep|>",
    "<|start|>",
    "<|end|>",
    "<|message|>",
    "<|channel|>",
    "<|constrain|>",
    "<|return|>",
    "<|call|>",
)
"""Special tokens of OpenAI's vocabularies: r50k, p50k, cl100k, o200k and o200k_harmony."""

_NUM_PER_RECORD = 20
_MAX_DEPTH = 64
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_REPLACEMENT = "\ufffd"
# JSON writes a control character as an escape, and some encoders write < > | so too.
_ESCAPE = re.compile(rb"\\(?:[bf]|u00[0-7]|u[fF]{3}[dD])")
_ANY_ESCAPE = re.compile(rb"\\[bfu]")


class TextSearch:
    """Finds special tokens and characters that no text should hold; `special_tokens` are those of the tokenizer."""

    def __init__(self, special_tokens: Iterable[str] = ()) -> None:
        tokens = sorted({*OPENAI_TOKENS, *filter(None, special_tokens)}, key=lambda token: (-len(token), token))
        self._tokens = re.compile("|".join(map(re.escape, tokens)))
        # One byte that each token must hold, the rarest that most share: a search for one byte runs at memory speed.
        signs = {"|" if "|" in token else token[0] for token in tokens}
        self._signs = tuple({sign.encode("utf-8")[0] for sign in signs})
        # Signs beyond ASCII may be written as escapes.
        self._escape = (_ESCAPE if all(map(str.isascii, signs)) else _ANY_ESCAPE).search

    def is_quiet(self, raw: bytes) -> bool:
        """Whether the JSON text `raw` cannot hold any of what is looked for; False asks for a closer look."""
        for sign in self._signs:
            if sign in raw:
                return False
        return self._escape(raw) is None and (raw.isascii() or b"\xef\xbf\xbd" not in raw)

    def findings(self, record: Mapping[str, Any]) -> list[Finding]:
        """Return what the texts of a record hold, `metadata` aside; at most twenty findings."""
        found: list[Finding] = []
        for name, text in _texts(record):
            if len(found) >= _NUM_PER_RECORD:
                break
            found += self._findings_of(name, text)
        return found[:_NUM_PER_RECORD]

    def _findings_of(self, name: str, text: str) -> Iterator[Finding]:
        for token in dict.fromkeys(self._tokens.findall(text)):
            fix = "take the row out, or write the token differently: a tokenizer reads it as the token itself"
            yield "special_token", name, "must not hold a special token", token, fix
        for code in dict.fromkeys(_CONTROL.findall(text)):
            fix = "take it out: it is invisible, and often left over from a conversion"
            yield "control_character", name, "holds a control character", f"U+{ord(code):04X}", fix
        if _REPLACEMENT in text:
            start = max(text.index(_REPLACEMENT) - 15, 0)
            fix = "the text was decoded wrongly before; convert it again from its source"
            value = shown(text[start : start + 40])
            yield "replacement_character", name, "holds the replacement character U+FFFD", value, fix


def row_findings(row: AnyRow) -> list[Finding]:
    """Return what is odd in how a conversation is built. Rows of other kinds have nothing of the sort."""
    return [*_system_findings(row), *_turn_findings(row)] if isinstance(row, Row) else []


def _system_findings(row: Row) -> Iterator[Finding]:
    for index, message in enumerate(row.messages):
        if message.role != "system":
            continue
        if index:
            fix = "put it first: many chat templates refuse or drop it elsewhere"
            yield "system_not_first", f"messages[{index}].role", "is system after the first message", "", fix
        if not message.content.strip():
            fix = "take the message out, or write what the model shall be told"
            yield "empty_system", f"messages[{index}].content", "holds no text", shown(message.content), fix


def _turn_findings(row: Row) -> Iterator[Finding]:
    for index, message in enumerate(row.messages[1:], start=1):
        if message.role == row.messages[index - 1].role and message.role in ("user", "assistant"):
            rule, fix = "follows a message of the same role", "join them: some chat templates refuse it"
            yield "repeated_role", f"messages[{index}].role", rule, message.role, fix


def _texts(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in record.items():
        if key != "metadata":
            yield from _texts_in(value, str(key), 0)


def _texts_in(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif depth >= _MAX_DEPTH:
        return
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts_in(item, f"{name}.{key}", depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts_in(item, f"{name}[{index}]", depth + 1)
