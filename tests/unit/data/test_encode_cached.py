"""Rows from the cache are the rows that would be encoded, and nothing stale is ever served."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.data.conversations import row, rows
from tests.unit.data.fake_tokenizer import CHATML, CLOCK, FakeTokenizer
from tunewright.data.cache import EncodedCache
from tunewright.data.encode import Encoded, encode_stream
from tunewright.data.encode_cached import encode_cached
from tunewright.data.rows import AnyRow, LabelRow, Message, Row, RowFault, TextRow

REWRITING = CHATML.replace(
    "message['content'] }}",
    "('(thought)' if loop.last and message['role'] == 'assistant' else '') + message['content'] }}",
)


class Named(FakeTokenizer):
    """A tokenizer with a name for its template and its vocabulary."""

    clock = CLOCK
    reads_clock = False
    vocabulary = "v1"

    def template_sha256(self) -> str:
        return self._template.sha256

    def vocabulary_sha256(self) -> str:
        return self.vocabulary


def same(left: list[Encoded], right: list[Encoded]) -> bool:
    return [_plain(each) for each in left] == [_plain(each) for each in right]


def _plain(encoded: Encoded) -> object:
    if isinstance(encoded, RowFault):
        return encoded
    return [(each.ids.tolist(), each.weights.tolist(), each.source) for each in encoded]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(rows(), max_size=6), st.sampled_from([CHATML, REWRITING]))
def test_what_is_found_is_what_would_be_encoded(tmp_path: Path, some: list[Row], template: str) -> None:
    tokenizer, cache = Named(template), EncodedCache(tmp_path / "cache")
    everything: list[AnyRow] = [*some, TextRow("t", 9, "Once upon a time."), LabelRow("t", 10, "x", "y")]
    fresh = list(encode_stream(everything, tokenizer))
    first, _ = encode_cached(everything, tokenizer, cache, "code")
    second, is_found = encode_cached(everything, tokenizer, cache, "code")
    assert is_found
    assert same(first, fresh)
    assert same(second, fresh)
    assert all(each.ids.dtype == np.int32 for result in second if isinstance(result, list) for each in result)


def changed(one: Row, **message: object) -> Row:
    return replace(one, messages=(one.messages[0], replace(one.messages[1], **message)))


BASE = row("hi", "hello")
OTHERS: dict[str, list[AnyRow]] = {
    "content": [row("hi", "hallo")],
    "weight": [changed(BASE, weight=0.5)],
    "role": [replace(BASE, messages=(Message("system", "hi"), BASE.messages[1]))],
    "tools": [replace(BASE, tools=({"type": "function", "function": {"name": "f"}},))],
    "one more": [BASE, BASE],
    "text": [TextRow("t", 1, "hi")],
    "none": [],
}


@pytest.mark.parametrize("what", sorted(OTHERS))
def test_rows_that_say_something_else_are_not_found(tmp_path: Path, what: str) -> None:
    cache = EncodedCache(tmp_path / "cache")
    encode_cached([BASE], Named(), cache, "code")
    assert not encode_cached(OTHERS[what], Named(), cache, "code")[1]


def test_another_template_vocabulary_clock_or_code_is_not_found(tmp_path: Path) -> None:
    cache = EncodedCache(tmp_path / "cache")
    encode_cached([BASE], Named(), cache, "code")
    other_vocabulary, clocked, later = Named(), Named(), Named()
    other_vocabulary.vocabulary = "v2"
    clocked.reads_clock = later.reads_clock = True
    later.clock = CLOCK.replace(year=2031)
    assert encode_cached([BASE], Named(), cache, "code")[1]
    assert not encode_cached([BASE], Named(REWRITING), cache, "code")[1]
    assert not encode_cached([BASE], other_vocabulary, cache, "code")[1]
    assert not encode_cached([BASE], clocked, cache, "code")[1]
    assert not encode_cached([BASE], later, cache, "code")[1]
    assert not encode_cached([BASE], Named(), cache, "other code")[1]


def test_place_and_metadata_do_not_matter_and_the_rows_that_come_back_are_the_new_ones(tmp_path: Path) -> None:
    cache = EncodedCache(tmp_path / "cache")
    encode_cached([BASE], Named(), cache, "code")
    moved = replace(BASE, path="elsewhere.jsonl", line=77, meta={"group": "x"})
    [encoded], is_found = encode_cached([moved], Named(), cache, "code")
    assert is_found
    assert isinstance(encoded, list)
    assert encoded[0].source == moved


def test_without_a_folder_everything_is_encoded(tmp_path: Path) -> None:
    cache = EncodedCache(None)
    assert not encode_cached([BASE], Named(), cache, "code")[1]
    assert not encode_cached([BASE], Named(), cache, "code")[1]
