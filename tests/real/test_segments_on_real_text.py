"""Pieces that are remembered spell real text exactly as the library does; skipped where the shared data is absent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tests.shared import SHARED, needs_shared
from tunewright.models.segments import Segments

FILES = ("chat/azure_oai_v2_chat_train.jsonl", "math/gsm8k_test.jsonl", "tools/foundry_stock_toolcall_validation.jsonl")
SPECIALS = ["<|im_start|>", "<|im_end|>"]
# Three digits at most, marks bound to the line end behind them, letters with one sign before them: as newer models cut.
_PATTERN = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

pytestmark = needs_shared


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts_of(item)


def real_texts() -> list[str]:
    lines = [line for name in FILES for line in (SHARED / name).read_text(encoding="utf-8").splitlines()]
    words = (SHARED / "extraction/wnut17/emerging.dev.conll").read_text(encoding="utf-8")
    return [words, *(text for line in lines for text in texts_of(json.loads(line)))]


def trained(pre_tokenizer: pre_tokenizers.PreTokenizer, texts: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.normalizer = normalizers.NFC()
    trainer = trainers.BpeTrainer(vocab_size=1500, special_tokens=SPECIALS, show_progress=False)
    tokenizer.train_from_iterator(texts[:500], trainer)
    return tokenizer


def make(kind: str, texts: list[str]) -> Tokenizer:
    if kind == "gpt_neox":
        tokenizer = Tokenizer.from_file(str(SHARED / "tokenizers/gpt_neox_20b/tokenizer.json"))
        tokenizer.add_special_tokens(SPECIALS)
        return tokenizer
    cut = pre_tokenizers.Split(Regex(_PATTERN), "isolated")
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    kinds = {
        "pattern": pre_tokenizers.Sequence([cut, bytes_only]),
        "prefix space": pre_tokenizers.ByteLevel(add_prefix_space=True),
        "metaspace": pre_tokenizers.Metaspace(),
        "metaspace, first only": pre_tokenizers.Metaspace(prepend_scheme="first"),
        "metaspace, not split": pre_tokenizers.Metaspace(split=False),
    }
    return trained(kinds[kind], texts)


@pytest.mark.parametrize(
    ("kind", "keeps_words"),
    [
        ("gpt_neox", True),
        ("pattern", True),
        ("prefix space", True),
        ("metaspace", True),
        ("metaspace, first only", True),
        ("metaspace, not split", False),
    ],
)
def test_the_ids_are_those_of_the_library(kind: str, keeps_words: bool) -> None:
    texts = real_texts()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=make(kind, texts))
    conversations = [f"{a}<|im_end|>\n<|im_start|>user\n{b}" for a, b in zip(texts[::2], texts[1::2], strict=False)]
    made = Segments(tokenizer)
    assert made._keeps_words is keeps_words
    expected = tokenizer.backend_tokenizer.encode_batch(conversations, add_special_tokens=False)
    assert made.encode(conversations) == [each.ids for each in expected]
