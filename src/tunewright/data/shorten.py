"""What becomes of rows that are longer than a limit: a policy that the user chose, and a list of what it did.

`error` refuses, `drop` leaves the row out. The others shorten, and never touch an answer: as many turns as fit are
taught together, and each later answer becomes a row of its own whose prompt is cut token by token from the left
(`truncate_left`) or by whole turns, the oldest first, the system prompt kept (`truncate_turns`); `split_turns` makes
rows of as many consecutive turns as fit. An answer that does not fit by itself is left out, by name.
Deliberately does not know where the limit comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tunewright.data.encode import EncodedRow, encode_row
from tunewright.data.rows import Message, Row, RowFault, TextRow
from tunewright.data.spans import taught_turns
from tunewright.data.template import ChatTokenizer
from tunewright.spec.data import TooLong


@dataclass(frozen=True, slots=True)
class Shortened:
    """One row that was longer than the limit and is taught in a shorter form: what it was, and what it became."""

    path: str
    line: int
    how: TooLong
    num_tokens: int
    num_rows: int
    num_tokens_cut: int
    """Tokens of prompts that the rows it became do not have, against the same rows uncut; 0 where turns were split."""

    def __str__(self) -> str:
        rows = "1 row" if self.num_rows == 1 else f"{self.num_rows} rows"
        cut = f", {self.num_tokens_cut:,} tokens of prompt cut" if self.num_tokens_cut else ""
        return f"{self.path}:{self.line}: {self.num_tokens:,} tokens became {rows}{cut}"


@dataclass(frozen=True, slots=True)
class _Limit:
    tokenizer: ChatTokenizer
    max_length: int

    def encode(self, row: Row) -> list[EncodedRow]:
        """Return the token rows of `row`; none where the template refuses this part of a conversation."""
        encoded = encode_row(row, self.tokenizer)
        return [] if isinstance(encoded, RowFault) else encoded

    def fits(self, encoded: Sequence[EncodedRow]) -> bool:
        return bool(encoded) and all(each.num_tokens <= self.max_length for each in encoded)


@dataclass(frozen=True, slots=True)
class _Part:
    """Some turns of a conversation; `last` is the place of the last of them in the whole."""

    row: Row
    last: int


_Shorter = tuple[list[EncodedRow], int]
"""Rows within the limit, and the number of prompt tokens that were cut."""


def shorten(
    encoded: EncodedRow, tokenizer: ChatTokenizer, max_length: int, how: TooLong
) -> tuple[list[EncodedRow], Shortened | None, list[RowFault]]:
    """Return the rows that take the place of one that is longer than `max_length`, what was done, what had to go.

    `how` is one of the policies that shorten. Every answer is either in the rows, whole, or in a fault.
    """
    limit = _Limit(tokenizer, max_length)
    source = encoded.source
    faults: list[RowFault] = []
    if isinstance(source, TextRow):
        rows, cut = _blocks(encoded, max_length), 0
    else:
        whole = _Part(source, len(source.messages) - 1)
        parts = _chunks(source, limit) if how == "split_turns" else _answers(whole, limit)
        rows, cut = [], 0
        for part in parts:
            shorter, tokens_cut = _SHORTER[how](part.row, limit)
            if shorter:
                rows += shorter
                cut += tokens_cut
            else:
                faults.append(_fault(source, part, limit))
    done = Shortened(source.path, source.line, how, encoded.num_tokens, len(rows), cut) if rows else None
    return rows, done, faults


def _blocks(encoded: EncodedRow, max_length: int) -> list[EncodedRow]:
    """Cut a text into consecutive blocks; the first token of each is context only, as that of every row is."""
    blocks: list[EncodedRow] = []
    # One token of overlap: the last of a block is the context of the next one's first taught token.
    for start in range(0, encoded.num_tokens - 1, max_length - 1):
        ids = encoded.ids[start : start + max_length]
        weights = np.ones(len(ids), dtype=np.float32)
        weights[:1] = 0.0
        blocks.append(EncodedRow(ids, weights, encoded.source))
    return blocks


def _answers(part: _Part, limit: _Limit) -> Iterator[_Part]:
    """Yield the longest beginning of some turns that fits, then each later answer as a row of its own."""
    row, before = part.row, part.last + 1 - len(part.row.messages)
    taught = taught_turns(row)
    num_together = 0
    while num_together < len(taught) and limit.fits(limit.encode(_beginning(row, taught[num_together]))):
        num_together += 1
    if num_together:
        index = taught[num_together - 1]
        yield _Part(_beginning(row, index), before + index)
    for index in taught[num_together:]:
        yield _Part(row.until(index), before + index)


def _chunks(row: Row, limit: _Limit) -> Iterator[_Part]:
    """Yield rows of as many consecutive turns as fit, each behind the system prompt and beginning with a user turn.

    A question whose answers do not all fit behind it keeps the first of them.
    """
    system, turns = _without_system(row.messages)
    openings = [i for i, each in enumerate(turns) if each.role == "user" and (i == 0 or turns[i - 1].role != "user")]
    starts = sorted({0, *openings})
    current: _Part | None = None
    begun = 0
    for start, end in zip(starts, [*starts[1:], len(turns)], strict=True):
        longer = _Part(replace(row, messages=(*system, *turns[begun:end])), len(system) + end - 1)
        if current is not None and limit.fits(limit.encode(_with_something_taught(longer.row))):
            current = longer
            continue
        yield from _answers(current, limit) if current is not None else ()
        current, begun = _Part(replace(row, messages=(*system, *turns[start:end])), len(system) + end - 1), start
    yield from _answers(current, limit) if current is not None else ()


def _with_something_taught(row: Row) -> Row:
    """Return turns of which none is taught as such that can be measured."""
    assistants = [index for index, each in enumerate(row.messages) if each.role == "assistant"]
    if taught_turns(row) or not assistants:
        return row
    messages = list(row.messages)
    messages[assistants[-1]] = replace(messages[assistants[-1]], weight=1.0)
    return replace(row, messages=tuple(messages))


def _cut_left(row: Row, limit: _Limit) -> _Shorter:
    rows: list[EncodedRow] = []
    cut = 0
    for each in limit.encode(row):
        shorter = _without_beginning(each, limit)
        if shorter is None:
            return [], 0
        rows.append(shorter)
        cut += each.num_tokens - shorter.num_tokens
    return rows, cut


def _without_beginning(encoded: EncodedRow, limit: _Limit) -> EncodedRow | None:
    """Return the row without the beginning of its prompt; a token that begins every text stays in front."""
    excess = encoded.num_tokens - limit.max_length
    if excess <= 0:
        return encoded
    keeps_first = limit.tokenizer.decode([int(encoded.ids[0])]) in limit.tokenizer.special_tokens
    start = excess + keeps_first
    # A token is predicted by the one before it, so at least one token of the prompt must stay.
    if start >= np.flatnonzero(encoded.weights)[0]:
        return None
    ids, weights = encoded.ids[start:], encoded.weights[start:]
    if keeps_first:
        ids, weights = np.concatenate([encoded.ids[:1], ids]), np.concatenate([encoded.weights[:1], weights])
    return EncodedRow(ids, weights, encoded.source)


def _cut_turns(row: Row, limit: _Limit) -> _Shorter:
    """Leave out the oldest turns of the prompt, as few as will do; the system prompt and the last question stay."""
    whole = limit.encode(row)
    if limit.fits(whole):
        return whole, 0
    system, turns = _without_system(row.messages)
    for start in range(1, len(turns) - 1):
        if turns[start].role != "user":
            continue
        shorter = limit.encode(replace(row, messages=(*system, *turns[start:])))
        if limit.fits(shorter):
            return shorter, sum(e.num_tokens for e in whole) - sum(e.num_tokens for e in shorter)
    return [], 0


def _keep(row: Row, limit: _Limit) -> _Shorter:
    encoded = limit.encode(row)
    return (encoded, 0) if limit.fits(encoded) else ([], 0)


_SHORTER: dict[str, Callable[[Row, _Limit], _Shorter]] = {
    "truncate_left": _cut_left,
    "truncate_turns": _cut_turns,
    "split_turns": _keep,
}


def _beginning(row: Row, index: int) -> Row:
    return replace(row, messages=row.messages[: index + 1])


def _without_system(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    roles = [each.role in ("system", "developer") for each in messages]
    num_system = roles.index(False) if False in roles else len(roles)
    return messages[:num_system], messages[num_system:]


def _fault(source: Row, part: _Part, limit: _Limit) -> RowFault:
    place = f"messages[{part.last}]"
    encoded = encode_row(part.row, limit.tokenizer)
    if isinstance(encoded, RowFault):
        # The whole conversation could be rendered; without its beginning the template does not take it.
        return replace(encoded, field=place)
    rule = f"an answer and what must stay of its prompt must be at most {limit.max_length:,} tokens"
    value = f"{max(each.num_tokens for each in encoded):,}"
    fix = "shorten the answer, or raise data.max_length"
    return RowFault(source.path, source.line, place, rule, value, fix, "too_long")
