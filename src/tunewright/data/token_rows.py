"""The rows of a set as token rows, with the length policy applied and everything listed that it did.

The one place where a row may disappear between file and training, and none does without a name.
Deliberately does not know files, batches or runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tunewright.data.encode import Encoded, EncodedRow, encode_stream
from tunewright.data.rows import AnyRow, RowFault, TextRow
from tunewright.data.shorten import Shortened, shorten
from tunewright.data.template import ChatTokenizer
from tunewright.errors import RowTooLongError
from tunewright.spec.data import TooLong

_NUM_NAMED = 5


@dataclass(frozen=True, slots=True)
class EncodeResult:
    """The token rows that can be used, and why others cannot.

    `left_out` holds every fault; `faults` those that are not merely a matter of length; `shortened` what a policy cut.
    """

    rows: tuple[EncodedRow, ...]
    left_out: tuple[RowFault, ...]
    faults: tuple[RowFault, ...]
    shortened: tuple[Shortened, ...] = ()

    @property
    def num_supervised(self) -> int:
        """Taught tokens of all rows."""
        return sum(row.num_supervised for row in self.rows)


def encode_rows(
    rows: Sequence[AnyRow],
    tokenizer: ChatTokenizer,
    max_length: int,
    too_long: TooLong,
    *,
    context_tokens: int | None = None,
    already: Iterable[Encoded] | None = None,
) -> EncodeResult:
    """Encode rows, in order; `too_long` says what becomes of those of more than `max_length` tokens.

    `context_tokens` is what the model could take at most: no message proposes a limit above it. `already` are the same
    rows encoded, where somebody has done that (a cache).

    Raises:
        RowTooLongError: there is one, and the policy is `error`.
    """
    encoded: list[EncodedRow] = []
    faults: list[RowFault] = []
    for result in encode_stream(rows, tokenizer) if already is None else already:
        if isinstance(result, RowFault):
            faults.append(result)
        else:
            encoded += result
    longer = [each for each in encoded if each.num_tokens > max_length]
    if longer and too_long == "error":
        raise _too_long_error(longer, max_length, context_tokens)
    if too_long in ("error", "drop"):
        kept = tuple(each for each in encoded if each.num_tokens <= max_length)
        dropped = (_too_long_fault(each, max_length, context_tokens) for each in longer)
        return EncodeResult(kept, (*faults, *dropped), tuple(faults))
    return _shortened(encoded, faults, tokenizer, max_length, too_long)


def _shortened(
    encoded: Sequence[EncodedRow], faults: list[RowFault], tokenizer: ChatTokenizer, max_length: int, how: TooLong
) -> EncodeResult:
    kept: list[EncodedRow] = []
    done: list[Shortened] = []
    left_out: list[RowFault] = []
    for each in encoded:
        if each.num_tokens <= max_length:
            kept.append(each)
            continue
        rows, what, gone = shorten(each, tokenizer, max_length, how)
        kept += rows
        done += [what] if what else []
        left_out += gone
    return EncodeResult(tuple(kept), (*faults, *left_out), tuple(faults), tuple(done))


def _too_long_fault(encoded: EncodedRow, max_length: int, context_tokens: int | None) -> RowFault:
    row = encoded.source
    can_be_raised = context_tokens is None or encoded.num_tokens <= context_tokens
    fix = "shorten it, or raise data.max_length" if can_be_raised else "shorten it, or make two rows of it"
    rule = f"must be at most {max_length:,} tokens"
    place = "text" if isinstance(row, TextRow) else "messages"
    return RowFault(row.path, row.line, place, rule, f"{encoded.num_tokens:,}", fix, "too_long")


def _too_long_error(longer: Sequence[EncodedRow], max_length: int, context_tokens: int | None) -> RowTooLongError:
    named = ", ".join(f"{each.source.where} ({each.num_tokens:,} tokens)" for each in longer[:_NUM_NAMED])
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
        hint="`--set data.too_long=drop` leaves them out, truncate_left, truncate_turns and split_turns shorten them "
        f"on the prompt side; {keep}",
        faults=tuple(_too_long_fault(each, max_length, context_tokens).as_fault() for each in longer),
    )
