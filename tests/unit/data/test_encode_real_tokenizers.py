"""The same promises with tokenizers that others trained; skipped where the shared data is absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from tests.shared import SHARED, needs_shared
from tests.unit.data.fake_tokenizer import CHATML
from tunewright.data.encode import EncodedRow, encode_prompt, encode_row
from tunewright.data.read import read_rows
from tunewright.data.rows import Message, Row
from tunewright.data.template import FALLBACK_TEMPLATE, ChatTemplate
from tunewright.spec.data import SourceSpec

FOLDERS = ["tokenizers/gpt_neox_20b", "checkpoints/stories260K-hf", "checkpoints/babyllama361-hf"]

pytestmark = needs_shared


class RealTokenizer:
    """Wraps a transformers tokenizer as `ChatTokenizer` asks."""

    def __init__(self, folder: str, template: str) -> None:
        transformers = pytest.importorskip("transformers")
        path = SHARED / folder / "tokenizer.json"
        self._tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(path))
        self.eos = "<|endoftext|>" if "neox" in folder else "</s>"
        self.pad_id = 0
        self.eos_ids = frozenset(self.encode(self.eos))
        self.has_own_template = False
        self.special_tokens = frozenset({self.eos})
        self._template = ChatTemplate(template, {"eos_token": self.eos}, datetime(2026, 2, 1))

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
        return self.encode(text + self.eos)

    def encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False)

    def decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("template", [FALLBACK_TEMPLATE, CHATML], ids=["fallback", "chatml"])
def test_real_rows_are_taught_their_answers_and_begin_with_the_prompt_of_an_engine(folder: str, template: str) -> None:
    tokenizer = RealTokenizer(folder, template)
    for each in read_rows(SourceSpec(path=str(SHARED / "chat" / "tinker_conversations.jsonl"))).rows[:40]:
        assert isinstance(each, Row)
        [encoded] = rows_of(each, tokenizer)
        taught = tokenizer.decode(encoded.ids[encoded.weights > 0].tolist())
        mark = tokenizer.eos if template == FALLBACK_TEMPLATE else "<|im_end|>"
        assert taught.removeprefix(" ") == each.reference + mark
        prompt = encode_prompt(each.prompt, tokenizer)
        assert encoded.ids[: len(prompt)].tolist() == prompt
        if template == FALLBACK_TEMPLATE:
            assert encoded.ids[encoded.weights > 0][-1] in tokenizer.eos_ids


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_answer_of_long_conversations_is_taught_once_behind_the_ids_that_an_engine_sends(folder: str) -> None:
    tokenizer = RealTokenizer(folder, FALLBACK_TEMPLATE)
    for each in read_rows(SourceSpec(path=str(SHARED / "chat" / "azure_oai_v2_chat_train.jsonl"))).rows[:5]:
        assert isinstance(each, Row)
        encoded = rows_of(each, tokenizer)
        starts = [
            tuple(one.ids[:index].tolist())
            for one in encoded
            for index in np.flatnonzero(np.diff(one.weights, prepend=0.0) > 0)
        ]
        turns = [index for index, message in enumerate(each.messages) if message.role == "assistant"]
        assert starts == [tuple(encode_prompt(each.messages[:index], tokenizer)) for index in turns]


def rows_of(row: Row, tokenizer: RealTokenizer) -> list[EncodedRow]:
    encoded = encode_row(row, tokenizer)
    assert isinstance(encoded, list), str(encoded)
    return encoded
