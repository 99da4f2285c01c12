"""Encode rows, or find them encoded: by a hash of what they say, of template, clock, vocabulary and code.

What a row says is hashed, not the file that it came from: the same rows are found again however they were read. Rows
that could not be encoded are tried again, so that their faults are said again.
Deliberately does not know which rows are worth keeping, nor where.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import orjson

from tunewright.data.cache import CachedRows, EncodedCache, cache_key
from tunewright.data.contract import NamedTokenizer
from tunewright.data.encode import Encoded, EncodedRow, encode_row, encode_stream
from tunewright.data.rows import AnyRow, Row, TextRow

_WHOLE = -1
"""Stands for the whole row where another number is that of the one message that is taught."""


def encode_cached(
    rows: Sequence[AnyRow], tokenizer: NamedTokenizer, cache: EncodedCache, code: str
) -> tuple[list[Encoded], bool]:
    """Return each row as tokens, in order, and whether they were found in the cache.

    Args:
        rows: conversations and texts.
        tokenizer: whose template, clock and vocabulary are part of the key.
        cache: where to look, and to keep what was not found.
        code: names the version of all code that decides the ids (`cache.code_version`).
    """
    key = cache_key(
        {
            "rows": _said_sha256(rows),
            "template": tokenizer.template_sha256(),
            "vocabulary": tokenizer.vocabulary_sha256(),
            "clock": tokenizer.clock.isoformat() if tokenizer.reads_clock else "",
            "code": code,
        }
    )
    kept = cache.load(key)
    if kept is not None:
        return _from_cache(kept, rows, tokenizer), True
    encoded = list(encode_stream(rows, tokenizer))
    cache.save(key, _to_cache(encoded))
    return encoded, False


def _said_sha256(rows: Sequence[AnyRow]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        said = orjson.dumps(_said(row))
        # The length in front keeps two rows from being taken for one.
        digest.update(b"%d\n" % len(said) + said)
    return digest.hexdigest()


def _said(row: AnyRow) -> list[object]:
    """Return everything of a row that can change a token or its weight; its kind first."""
    if isinstance(row, Row):
        turns = [[m.role, m.content, m.weight, m.tool_calls, m.tool_call_id, m.name] for m in row.messages]
        return ["conversation", turns, row.tools]
    return ["text" if isinstance(row, TextRow) else type(row).__name__, row.said]


def _to_cache(encoded: Sequence[Encoded]) -> CachedRows:
    found = [(index, each) for index, result in enumerate(encoded) if isinstance(result, list) for each in result]
    several = {index for index, result in enumerate(encoded) if isinstance(result, list) and len(result) > 1}
    turns = [(index, _turn(each) if index in several else _WHOLE) for index, each in found]
    lengths = np.array([0, *(each.num_tokens for _, each in found)], dtype=np.int64)
    empty = np.empty(0)
    return CachedRows(
        ids=np.concatenate([each.ids for _, each in found] or [empty]).astype(np.int32),
        weights=np.concatenate([each.weights for _, each in found] or [empty]).astype(np.float32),
        offsets=np.cumsum(lengths),
        turns=np.array(turns, dtype=np.int64).reshape(-1, 2),
    )


def _turn(encoded: EncodedRow) -> int:
    source = encoded.source
    return len(source.messages) - 1 if isinstance(source, Row) else _WHOLE


def _from_cache(kept: CachedRows, rows: Sequence[AnyRow], tokenizer: NamedTokenizer) -> list[Encoded]:
    of_row: dict[int, list[EncodedRow]] = {}
    for place, (index, turn) in enumerate(kept.turns.tolist()):
        source = rows[index]
        assert isinstance(source, Row | TextRow), "nothing else is ever encoded"
        if turn != _WHOLE and isinstance(source, Row):
            source = source.until(turn)
        start, end = int(kept.offsets[place]), int(kept.offsets[place + 1])
        of_row.setdefault(index, []).append(EncodedRow(kept.ids[start:end], kept.weights[start:end], source))
    return [of_row.get(index) or encode_row(row, tokenizer) for index, row in enumerate(rows)]
