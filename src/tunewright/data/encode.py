"""From a row to its token ids and to the weight with which each is taught.

Taught are the words of the assistant and the mark that ends its turn, nothing else; of a plain text, everything. The
ids before each taught turn are those that an engine sends, also where a token would straddle the border: prompts and
answers are encoded apart, and a conversation in which that cannot hold for all turns at once becomes one token row for
each answer. Deliberately does not know any template, nor batches, nor what is too long (`shorten`).
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from tunewright.data.rows import AnyRow, Message, Row, RowFault, TextRow, shown
from tunewright.data.spans import Rendering, render_each_answer, render_row
from tunewright.data.template import ChatTokenizer

_LEADS = ("\n", "|", "\u3002", "0", "z")
"""What a piece is encoded behind, to see it in mid-text: the first that no token joins with it."""
_CHUNK_ROWS = 128
"""Rows that are tokenised in one call: enough to keep every core busy, few enough to stay in a processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedRow:
    """A row as tokens, the unit that batches are made of.

    `ids` int32; `weights` float32 of equal length, above 0 exactly where the token is taught, and always 0 for the
    first token, which nothing precedes. `source` is the row that the tokens spell: the row of the file, or the part of
    it that ends with the answer that is taught.
    """

    ids: np.ndarray
    weights: np.ndarray
    source: Row | TextRow

    @property
    def num_tokens(self) -> int:
        """Length of the row."""
        return len(self.ids)

    @property
    def num_supervised(self) -> int:
        """Number of tokens that are taught."""
        return int(np.count_nonzero(self.weights))


Encoded = list[EncodedRow] | RowFault
"""One row as tokens: usually one token row, several where its template or tokenizer asks for that; or why not."""


def encode_prompt(
    messages: Sequence[Message | Mapping[str, Any]],
    tokenizer: ChatTokenizer,
    tools: Sequence[Mapping[str, Any]] = (),
) -> list[int]:
    """Return the ids with which an engine asks for the next answer; training rows begin with the same."""
    return tokenizer.encode(tokenizer.render(messages, add_generation_prompt=True, tools=tools))


def encode_row(row: AnyRow, tokenizer: ChatTokenizer) -> Encoded:
    """Return the row as tokens, or why its template or tokenizer cannot express it."""
    rendered = _rendered(row, tokenizer)
    spell = _Spelling(tokenizer, rendered if isinstance(rendered, list) else [])
    return next(_encode_chunk([row], [rendered], spell, tokenizer))


def encode_stream(rows: Iterable[AnyRow], tokenizer: ChatTokenizer) -> Iterator[Encoded]:
    """Yield each row as tokens, in order; rows are taken and tokenised some hundred at a time."""
    remaining = iter(rows)
    while chunk := list(islice(remaining, _CHUNK_ROWS)):
        rendered = [_rendered(row, tokenizer) for row in chunk]
        spell = _Spelling(tokenizer, [each for result in rendered if isinstance(result, list) for each in result])
        yield from _encode_chunk(chunk, rendered, spell, tokenizer)


def _encode_chunk(
    rows: Sequence[AnyRow], rendered: Sequence[_Rendered], spell: _Spelling, tokenizer: ChatTokenizer
) -> Iterator[Encoded]:
    for row, result in zip(rows, rendered, strict=True):
        if isinstance(result, RowFault):
            yield result
        elif isinstance(row, TextRow):
            yield _encode_text(row, tokenizer)
        else:
            yield _encode_renderings(result, spell, tokenizer)


_Rendered = list[Rendering] | RowFault


def _rendered(row: AnyRow, tokenizer: ChatTokenizer) -> _Rendered:
    if isinstance(row, TextRow):
        return _unwritable(row.text, "text", row) or []
    if not isinstance(row, Row):
        rule, fix = "must be a conversation or a text", "map its columns: columns: {prompt: …, completion: …}"
        return RowFault(row.path, row.line, "", rule, type(row).__name__, fix, "wrong_kind")
    fault = _control_token(row, tokenizer)
    if fault is not None:
        return fault
    rendered = render_row(row, tokenizer)
    if isinstance(rendered, RowFault):
        return rendered
    return _unwritable(rendered[-1].text, "messages", row) or rendered


def _unwritable(text: str, place: str, row: Row | TextRow) -> RowFault | None:
    """Return the fault of a text that holds half of a surrogate pair, which a JSON string can, and no token spells."""
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        rule, fix = "must be text that UTF-8 can hold", "take the broken character out"
        return RowFault(row.path, row.line, place, rule, shown(text[error.start]), fix, "bad_value")
    return None


def _control_token(row: Row, tokenizer: ChatTokenizer) -> RowFault | None:
    """Return the fault of a row whose text spells a control token: it would end the turn, or open another one."""
    pattern = _any_of(tokenizer.special_tokens)
    if pattern is None:
        return None
    for index, message in enumerate(row.messages):
        found = pattern.search(message.content)
        if found:
            return _spells(found, f"messages[{index}].content", row)
        if message.tool_calls or message.name or message.tool_call_id:
            found = pattern.search("\n".join([message.name, message.tool_call_id, *map(_spelt, message.tool_calls)]))
            if found:
                return _spells(found, f"messages[{index}]", row)
    found = pattern.search(_spelt(row.tools)) if row.tools else None
    return _spells(found, "tools", row) if found else None


@lru_cache(maxsize=64)
def _any_of(tokens: frozenset[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(re.escape, sorted(tokens)))) if tokens else None


def _spelt(value: Any) -> str:
    """Return every text in `value`; arguments also as a template writes them: an escaped `<` is a `<`."""
    if isinstance(value, Mapping):
        function = value.get("function")
        if isinstance(function, Mapping) and isinstance(function.get("arguments"), str):
            return f"{function.get('name')}\n{function['arguments']}\n{_spelt(_parsed(function['arguments']))}"
        return "\n".join(f"{key}\n{_spelt(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(map(_spelt, value))
    return str(value)


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        return None  # the template refuses it


def _spells(found: re.Match[str], place: str, row: Row) -> RowFault:
    rule, fix = "must not spell a control token of the model", "take it out, or write it in another way"
    return RowFault(row.path, row.line, place, rule, shown(found.group()), fix, "special_token")


def _encode_renderings(renderings: Sequence[Rendering], spell: _Spelling, tokenizer: ChatTokenizer) -> Encoded:
    encoded: list[EncodedRow] = []
    for rendering in renderings:
        each = spell.row(rendering)
        if each is not None:
            encoded.append(each)
            continue
        # What an engine sends for a later turn is not what the turns before it were taught with: a token straddles.
        apart = render_each_answer(rendering.row, tokenizer)
        own = _Spelling(tokenizer, apart)
        encoded += [row for row in map(own.row, apart) if row is not None]
    if not any(each.num_supervised for each in encoded):
        row = renderings[-1].row
        rule, fix = "must have a token to learn from", "write an answer that the chat template does not leave out"
        return RowFault(row.path, row.line, "messages", rule, shown(row.reference), fix, "nothing_taught")
    return encoded


def _encode_text(row: TextRow, tokenizer: ChatTokenizer) -> Encoded:
    ids = np.array(tokenizer.encode_document(row.text), dtype=np.int32)
    weights = np.ones(len(ids), dtype=np.float32)
    weights[:1] = 0.0
    if len(ids) < 2:
        rule = "must be of two tokens at least: the first is predicted by nothing"
        return RowFault(row.path, row.line, "text", rule, shown(row.text), "leave it out", "nothing_taught")
    return [EncodedRow(ids, weights, row)]


class _Spelling:
    """The ids of every text that some renderings need, tokenised in one call."""

    def __init__(self, tokenizer: ChatTokenizer, renderings: Sequence[Rendering]) -> None:
        self._tokenizer = tokenizer
        self._adds_space = _adds_space(tokenizer)
        texts = list(dict.fromkeys(text for each in renderings for text in self._texts(each)))
        self._ids = dict(zip(texts, tokenizer.encode_batch(texts), strict=True))

    def _texts(self, rendering: Rendering) -> Iterator[str]:
        text = rendering.text
        for span in rendering.spans:
            yield text[: span.start]
            yield text[: span.end] if self._adds_space else text[span.start : span.end]
        yield text if self._adds_space else text[rendering.spans[-1].end :]

    def row(self, rendering: Rendering) -> EncodedRow | None:
        """Return the tokens of a rendering; None if its turns cannot all be taught behind what an engine sends."""
        text, ids = rendering.text, []
        taught: list[tuple[int, int, float]] = []
        for span in rendering.spans:
            prompt = self._ids[text[: span.start]]
            if prompt[: len(ids)] != ids:
                return None
            answer = self._after(text, span.start, span.end, prompt)
            ids = prompt + answer
            taught.append((len(prompt), len(ids), span.weight))
        end = rendering.spans[-1].end
        if end < len(text):
            ids = ids + self._after(text, end, len(text), ids)
        weights = np.zeros(len(ids), dtype=np.float32)
        for start, stop, weight in taught:
            weights[start:stop] = weight
        weights[:1] = 0.0
        # Twice as fast as `np.array`, which looks at every number of a list to find out what it is.
        return EncodedRow(np.frombuffer(array("i", ids), dtype=np.int32), weights, rendering.row)

    def _after(self, text: str, start: int, end: int, before: list[int]) -> list[int]:
        """Return the ids of text[start:end], which stands behind text[:start], whose ids are `before`.

        Tokenizers in the manner of SentencePiece put a space before any text that they are given (Llama 2, Mistral); a
        piece in mid-text has none there, and a model taught with it would answer with one space too many. There the
        piece is read off the whole, if the ids before it stay the same, and else encoded behind something else.
        """
        if not self._adds_space:
            return self._ids[text[start:end]]
        if start == 0:
            return self._ids[text[:end]]
        joint = self._ids[text[:end]]
        if joint[: len(before)] == before:
            return joint[len(before) :]
        for lead in _LEADS:
            alone, behind = self._tokenizer.encode(lead), self._tokenizer.encode(lead + text[start:end])
            if behind[: len(alone)] == alone:
                return behind[len(alone) :]
        return self._tokenizer.encode(text[start:end])


def _adds_space(tokenizer: ChatTokenizer) -> bool:
    ids = tokenizer.encode("a")
    return tokenizer.decode(ids + ids) != "aa"
