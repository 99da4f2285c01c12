"""From a row to its token ids and to the weight with which each is taught.

Taught are the words of the assistant and the mark that ends its turn, nothing else. Where they stand is found by
rendering: what the template adds to the prompt that an engine would send (`add_generation_prompt`) when the answer is
there too. Context and answers are encoded apart, so that a model is trained on exactly the ids that it will be given.
Deliberately does not know any template, nor batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jinja2
import numpy as np

from tunewright.data.rows import Message, Row, RowFault, shown
from tunewright.data.template import ChatTokenizer
from tunewright.errors import RowTooLongError

_NUM_NAMED = 5


@dataclass(frozen=True, slots=True, eq=False)
class EncodedRow:
    """A row as tokens. ids: int32; weights: float32, of equal length, above 0 exactly where the token is taught."""

    ids: np.ndarray
    weights: np.ndarray
    row: Row

    @property
    def num_tokens(self) -> int:
        """Length of the row."""
        return len(self.ids)

    @property
    def num_supervised(self) -> int:
        """Number of tokens that are taught."""
        return int(np.count_nonzero(self.weights))


@dataclass(frozen=True, slots=True)
class EncodeResult:
    """The rows that can be used and why each other was left out; `faults` are those that are not merely too long."""

    rows: tuple[EncodedRow, ...]
    left_out: tuple[RowFault, ...]
    faults: tuple[RowFault, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    """One taught turn as a range of characters of the whole rendering."""

    start: int
    end: int
    weight: float


def encode_prompt(messages: Sequence[Message | Mapping[str, Any]], tokenizer: ChatTokenizer) -> list[int]:
    """Return the ids with which an engine asks for the next answer; training rows begin with the same."""
    return tokenizer.encode(tokenizer.render(messages, add_generation_prompt=True))


def encode_rows(
    rows: Sequence[Row],
    tokenizer: ChatTokenizer,
    max_length: int,
    too_long: Literal["error", "drop"],
    *,
    context_tokens: int | None = None,
) -> EncodeResult:
    """Encode rows, in order; `too_long` says what becomes of those of more than `max_length` tokens.

    `context_tokens` is what the model could take at most: no message proposes a limit above it.

    Raises:
        RowTooLongError: there is one, and the policy is `error`.
    """
    encoded: list[EncodedRow] = []
    faults: list[RowFault] = []
    for row in rows:
        result = encode_row(row, tokenizer)
        if isinstance(result, RowFault):
            faults.append(result)
        else:
            encoded.append(result)
    longer = [each for each in encoded if each.num_tokens > max_length]
    if longer and too_long == "error":
        raise _too_long_error(longer, max_length, context_tokens)
    kept = tuple(each for each in encoded if each.num_tokens <= max_length)
    left_out = (*faults, *(_too_long_fault(each, max_length, context_tokens) for each in longer))
    return EncodeResult(kept, left_out, tuple(faults))


def encode_row(row: Row, tokenizer: ChatTokenizer) -> EncodedRow | RowFault:
    """Return the row as tokens, or why its template or tokenizer cannot express it.

    The first token of a row is never taught: nothing precedes it that could predict it.
    """
    try:
        text = tokenizer.render(row.messages, add_generation_prompt=False)
        spans = _spans(row, text, tokenizer)
    except jinja2.TemplateError as error:
        fix = "change the roles to what the template expects, or use another template"
        return RowFault(row.path, row.line, "messages", f"the chat template refuses it ({error})", _roles(row), fix)
    if isinstance(spans, RowFault):
        return spans
    encode = _encode_apart if _adds_no_space(tokenizer) else _encode_joined
    ids: list[int] = []
    weights: list[float] = []
    for start, end, weight in _pieces(text, spans):
        piece_ids = encode(text, start, end, tokenizer)
        ids += piece_ids
        weights += [weight] * len(piece_ids)
    if weights:
        weights[0] = 0.0
    if not any(weights):
        rule, fix = "must have a token to learn from", "write an answer that the chat template does not leave out"
        return RowFault(row.path, row.line, "messages", rule, shown(row.reference), fix)
    return EncodedRow(np.array(ids, dtype=np.int32), np.array(weights, dtype=np.float32), row)


def _spans(row: Row, text: str, tokenizer: ChatTokenizer) -> list[_Span] | RowFault:
    """Find each taught turn in `text`, the rendering of the whole row.

    Turns of weight 0 are context, so the template may do to them what it likes.
    """
    spans: list[_Span] = []
    for index, message in enumerate(row.messages):
        if message.role != "assistant" or message.weight == 0:
            continue
        before = tokenizer.render(row.messages[:index], add_generation_prompt=True)
        is_last = index == len(row.messages) - 1
        after = text if is_last else tokenizer.render(row.messages[: index + 1], add_generation_prompt=False)
        if not after.startswith(before):
            rule = "the chat template does not continue its own generation prompt with the answer"
            fix = "use a template whose generation prompt is the beginning of an answer"
            return RowFault(row.path, row.line, f"messages[{index}]", rule, shown(before[-40:]), fix)
        end = _end_of_turn(after, len(before), message.content)
        if not text.startswith(after[:end]) or (spans and len(before) < spans[-1].end):
            rule = "the chat template rewrites earlier turns once the conversation goes on"
            fix = "give the earlier assistant turns a weight of 0, make one row of each answer, or use another template"
            return RowFault(row.path, row.line, f"messages[{index}]", rule, shown(after[len(before) : end]), fix)
        spans.append(_Span(len(before), end, message.weight))
    return spans


def _end_of_turn(after: str, start: int, content: str) -> int:
    """Return where the turn that begins at `start` ends: behind its end mark, before the white space that follows it.

    A template without an end mark ends a turn with the white space itself; then that is the mark, and is taught.
    """
    said = content.strip()
    found = after.find(said, start)
    tail = after[found + len(said) :] if found >= 0 else after[start:]
    return len(after.rstrip()) if tail.strip() else len(after)


def _pieces(text: str, spans: Sequence[_Span]) -> list[tuple[int, int, float]]:
    """Cut `text` into context and taught turns: (start, end, weight), without gaps and without empty pieces."""
    pieces: list[tuple[int, int, float]] = []
    position = 0
    for span in spans:
        pieces += [(position, span.start, 0.0), (span.start, span.end, span.weight)]
        position = span.end
    pieces.append((position, len(text), 0.0))
    assert "".join(text[start:end] for start, end, _ in pieces) == text, "pieces must add up to the rendering"
    return [piece for piece in pieces if piece[0] < piece[1]]


def _encode_apart(text: str, start: int, end: int, tokenizer: ChatTokenizer) -> list[int]:
    return tokenizer.encode(text[start:end])


def _encode_joined(text: str, start: int, end: int, tokenizer: ChatTokenizer) -> list[int]:
    """Encode one piece together with what precedes it, if the ids of that are then the same.

    Tokenizers in the manner of SentencePiece put a space before any text that they are given (Llama 2, Mistral); a
    piece in mid-text has none there, and a model taught with it would answer with one space too many.
    """
    if start == 0:
        return tokenizer.encode(text[:end])
    left, joint = tokenizer.encode(text[:start]), tokenizer.encode(text[:end])
    return joint[len(left) :] if joint[: len(left)] == left else tokenizer.encode(text[start:end])


def _adds_no_space(tokenizer: ChatTokenizer) -> bool:
    ids = tokenizer.encode("a")
    return tokenizer.decode(ids + ids) == "aa"


def _roles(row: Row) -> str:
    return ", ".join(message.role for message in row.messages[:10])


def _too_long_fault(encoded: EncodedRow, max_length: int, context_tokens: int | None) -> RowFault:
    row = encoded.row
    can_be_raised = context_tokens is None or encoded.num_tokens <= context_tokens
    fix = "shorten it, or raise data.max_length" if can_be_raised else "shorten it, or make two rows of it"
    rule = f"must be at most {max_length:,} tokens"
    return RowFault(row.path, row.line, "messages", rule, f"{encoded.num_tokens:,}", fix)


def _too_long_error(longer: Sequence[EncodedRow], max_length: int, context_tokens: int | None) -> RowTooLongError:
    named = ", ".join(f"{each.row.where} ({each.num_tokens:,} tokens)" for each in longer[:_NUM_NAMED])
    if len(longer) > _NUM_NAMED:
        named += f" and {len(longer) - _NUM_NAMED:,} more"
    many = "1 row is" if len(longer) == 1 else f"{len(longer):,} rows are"
    longest = max(each.num_tokens for each in longer)
    if context_tokens is None or longest <= context_tokens:
        keep = f"`--set data.max_length={longest}` keeps them all"
    else:
        keep = f"keeping them all needs a model with a context of {longest:,} tokens (this one has {context_tokens:,})"
    return RowTooLongError(
        f"{many} longer than data.max_length = {max_length:,} tokens: {named}",
        hint=f"`--set data.too_long=drop` leaves them out; {keep}",
        faults=tuple(_too_long_fault(each, max_length, context_tokens).as_fault() for each in longer),
    )
