"""Tokenizers small enough to reason about, each with a jinja template.

`FakeTokenizer` has one token for each byte and one for each special token; with `prefix_space` it puts a space before
every text between special tokens, as SentencePiece tokenizers do. `BpeTokenizer` merges bytes over every border, also
those of words, so that a token can straddle the border between a prompt and its answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from tunewright.data.rows import Message
from tunewright.data.template import FALLBACK_TEMPLATE, ChatTemplate

SPECIAL_TOKENS = ("<bos>", "<eos>", "<|im_start|>", "<|im_end|>", "<pad>")

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] }}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


CLOCK = datetime(2026, 2, 1, 12, 30)


class FakeTokenizer:
    """Meets `ChatTokenizer`."""

    def __init__(
        self,
        template: str = CHATML,
        *,
        prefix_space: bool = False,
        bos_token: str | None = "<bos>",
        eos_token: str | None = "<eos>",
        special_tokens: Sequence[str] = SPECIAL_TOKENS,
    ) -> None:
        self.pad_id = 256 + len(special_tokens) - 1
        self.eos_ids = frozenset({257, 259})
        self.has_own_template = template != FALLBACK_TEMPLATE
        self.prefix_space = prefix_space
        self.special_tokens = frozenset(special_tokens)
        self._specials = tuple(special_tokens)
        named = {"bos_token": bos_token, "eos_token": eos_token}
        self._template = ChatTemplate(template, {key: text for key, text in named.items() if text}, CLOCK)
        self._cut = re.compile("(" + "|".join(map(re.escape, special_tokens)) + ")") if special_tokens else None

    def render(
        self,
        messages: Sequence[Message | Mapping[str, Any]],
        *,
        add_generation_prompt: bool,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        return self._template.render(messages, add_generation_prompt=add_generation_prompt, tools=tools)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.encode(text) for text in texts]

    def encode_document(self, text: str) -> list[int]:
        return [256, *self.encode(text), 257]

    def encode(self, text: str) -> list[int]:
        ids: list[int] = []
        for part in self._cut.split(text) if self._cut else [text]:
            if part in self.special_tokens:
                ids.append(256 + self._specials.index(part))
            elif part:
                ids += (" " * self.prefix_space + part).encode("utf-8")
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        parts = [self._specials[each - 256].encode() if each >= 256 else bytes([each]) for each in ids]
        return b"".join(parts).decode("utf-8", errors="replace")


class BpeTokenizer(FakeTokenizer):
    """A byte-level BPE of some hundred merges that know no borders but special tokens."""

    def encode(self, text: str) -> list[int]:
        if self.prefix_space:
            return self._encode_with_spaces(text)
        return merges(self._specials).encode(text, add_special_tokens=False).ids

    def _encode_with_spaces(self, text: str) -> list[int]:
        ids: list[int] = []
        for part in self._cut.split(text) if self._cut else [text]:
            spaced = part if part in self.special_tokens or not part else f" {part}"
            ids += merges(self._specials).encode(spaced, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        return merges(self._specials).decode(list(ids), skip_special_tokens=False)


_SENTENCES = (
    "USER: What is it? ASSISTANT: It is a hello.",
    "Assistant: hello there, hello\nUser: hi and bye\nAssistant: a b c\n",
    "### Response:\nhello there\n\n### Instruction:\nhi\n\n### Response:\n\n",
    "assistant\nhello there\n\n\n  a  b \n",
    '{"name": "get_weather", "arguments": {"city": "Oslo"}}',
)


@lru_cache(maxsize=64)
def merges(special_tokens: tuple[str, ...], num_tokens: int = 420) -> Tokenizer:
    """Return a byte-level BPE trained on some sentences; with one space or line end it may begin a token or end one."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=num_tokens, initial_alphabet=alphabet, show_progress=False, max_token_length=12, min_frequency=1
    )
    tokenizer.train_from_iterator(_SENTENCES, trainer)
    tokenizer.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in special_tokens])
    return tokenizer
