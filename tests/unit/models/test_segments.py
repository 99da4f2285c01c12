"""A batch's ids are those of each text by itself, whatever the tokenizer, and the lists belong to the caller."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tests.shared import SHARED
from tests.unit.data.fake_tokenizer import merges
from tunewright.models import segments
from tunewright.models.segments import Segments

FILES = ("tokenizers/gpt_neox_20b", "checkpoints/stories260K-hf")
SPECIALS = ("<|a|>", "<|a|>b", "<s>", "[X]")
KINDS = ("plain", "prefix_space", "nfc", "normalized", "lstrip", "prepend", "single_word")


@cache
def make_tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """Return a small BPE whose normaliser, pre-tokeniser or special tokens have one trait that may cross a border."""
    if "/" in kind:
        inner = Tokenizer.from_file(str(SHARED / kind / "tokenizer.json"))
    else:
        inner = Tokenizer.from_str(merges(()).to_str())
    traits = {"lstrip": kind == "lstrip", "rstrip": kind == "lstrip", "single_word": kind == "single_word"}
    normalized = kind == "normalized"
    inner.add_special_tokens([AddedToken(text, special=True, normalized=normalized, **traits) for text in SPECIALS])
    if kind == "normalized":
        inner.add_tokens([AddedToken("hello", normalized=True, rstrip=True)])
        inner.normalizer = normalizers.Lowercase()
    if kind == "nfc":
        inner.add_tokens([AddedToken("  ", normalized=True)])
        inner.normalizer = normalizers.NFC()
    if kind == "prepend":
        inner.normalizer = normalizers.Prepend("_")
    if kind == "prefix_space":
        inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)
    if kind == "words":
        inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<s>")


pieces = st.one_of(
    st.sampled_from(
        [*SPECIALS, " ", "  ", "\n", "hello", " hello ", "Hello", "e", "\u0301", "<", "|>", "<|endoftext|>"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)
texts = st.lists(pieces, max_size=8).map("".join)


@pytest.mark.parametrize("kind", [*KINDS, *FILES])
@settings(max_examples=60, deadline=None)
@given(batch=st.lists(texts, max_size=5))
def test_a_batch_is_encoded_as_each_text_by_itself(kind: str, batch: list[str]) -> None:
    if "/" in kind and not (SHARED / kind).is_dir():
        pytest.skip("no shared data beside the repository")
    tokenizer = make_tokenizer(kind)
    expected = [tokenizer.encode(text, add_special_tokens=False) for text in batch]
    made = _segments(kind)
    assert made.encode(batch) == expected
    assert made.encode(batch) == expected


@cache
def _segments(kind: str) -> Segments:
    return Segments(make_tokenizer(kind))


white = st.sampled_from([" ", " ", " ", "  ", "\n", " \n", "\n ", "\t", "\r\n", "\x1c", "\u00a0", "\u2003", "\u3000"])
words = st.one_of(
    st.sampled_from(
        ["hello", "don't", "x.", "(1)", "e\u0301", "\u0301", "\u4f60", "3.14", "'s", "\U0001f642", "<s>", "[X]"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4),
)


@pytest.mark.parametrize("kind", ["words", *KINDS, *FILES])
@settings(max_examples=80, deadline=None)
@given(parts=st.lists(st.tuples(white, words), max_size=12))
def test_words_between_every_kind_of_white_space_are_encoded_as_in_their_text(
    kind: str, parts: list[tuple[str, str]]
) -> None:
    if "/" in kind and not (SHARED / kind).is_dir():
        pytest.skip("no shared data beside the repository")
    text = "".join(space + word for space, word in parts)
    assert "".join(segments._words(text)) == text
    assert _segments(kind).encode([text]) == [make_tokenizer(kind).encode(text, add_special_tokens=False)]


def test_words_are_cut_where_the_tokenizer_cuts_them_and_nowhere_else() -> None:
    assert _segments("words")._keeps_words
    assert segments._words("a b\n c  d e ") == ["a", " b\n c  d", " e "]
    assert segments._words(" a b") == [" a", " b"]
    assert segments._words(" ") == [" "]
    assert segments._words("") == []


@pytest.mark.parametrize("kind", ["plain", "prefix_space", "prepend", "lstrip"])
def test_a_tokenizer_whose_tokens_reach_over_spaces_keeps_its_texts_whole(kind: str) -> None:
    assert not _segments(kind)._keeps_words


def test_a_ctrl_c_while_encoding_leaves_no_piece_without_its_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = make_tokenizer("words")
    made = Segments(tokenizer)

    def stop(_: object) -> list[list[int]]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(made, "_encode_whole", stop)
        with pytest.raises(KeyboardInterrupt):
            made.encode(["hello there"])
    assert made.encode(["hello there"]) == [tokenizer.encode("hello there", add_special_tokens=False)]


@pytest.mark.parametrize("kind", ["plain", "lstrip"])
def test_no_list_is_given_out_twice(kind: str) -> None:
    made = Segments(make_tokenizer(kind))
    first, second = made.encode(["hello", "hello"])
    first.append(1)
    (third,) = made.encode(["hello"])
    assert second == third == make_tokenizer(kind).encode("hello", add_special_tokens=False)


def test_a_call_that_pads_or_cuts_leaves_no_trace() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(merges(SPECIALS).to_str()), pad_token="[X]")
    made = Segments(tokenizer)
    expected = made.encode(["hello there, you", "z"])
    tokenizer(["hello there, you", "z q"], padding=True, truncation=True, max_length=2)
    assert Segments(tokenizer).encode(["hello there, you", "z"]) == expected
    tokenizer(["hello there, you", "z q"], padding=True, truncation=True, max_length=2)
    assert tokenizer.encode("z") == expected[1]
    tokenizer(["hello there, you", "new"], padding=True, truncation=True, max_length=2)
    assert made.encode(["never seen before"]) == [tokenizer.encode("never seen before")]


def test_a_tokenizer_that_reads_special_tokens_as_text_is_not_cut_at_them() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(merges(SPECIALS).to_str()))
    tokenizer.split_special_tokens = True
    made = Segments(tokenizer).encode(["a<s>b"])
    assert made == [tokenizer.encode("a<s>b", add_special_tokens=False)]
    assert len(made[0]) > 3


def test_what_is_remembered_is_bounded_and_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "_REMEMBERED_CHARACTERS", 30)
    tokenizer = make_tokenizer("plain")
    made = Segments(tokenizer)
    for number in range(20):
        text = f"hello {number}<s>hello"
        assert made.encode([text]) == [tokenizer.encode(text, add_special_tokens=False)]
        assert made._known.num_characters <= 30 + len(text)
