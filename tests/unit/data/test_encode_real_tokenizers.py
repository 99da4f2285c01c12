"""The same promises with tokenizers that others trained; skipped where the shared data is absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pytest

from tests.unit.data.fake_tokenizer import CHATML
from tunewright.data.encode import EncodedRow, encode_prompt, encode_row
from tunewright.data.read import read_rows
from tunewright.data.rows import Message
from tunewright.data.template import FALLBACK_TEMPLATE

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
FOLDERS = ["tokenizers/gpt_neox_20b", "checkpoints/stories260K-hf", "checkpoints/babyllama361-hf"]

pytestmark = pytest.mark.skipif(not (SHARED / "tokenizers").is_dir(), reason="no shared data beside the repository")


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
        self._template = jinja2.Environment().from_string(template)

    def render(self, messages: Sequence[Message | Mapping[str, Any]], *, add_generation_prompt: bool) -> str:
        dicts = [each.as_dict() if isinstance(each, Message) else dict(each) for each in messages]
        return self._template.render(
            messages=dicts, add_generation_prompt=add_generation_prompt, eos_token=self.eos, bos_token=None
        )

    def encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False)

    def decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("template", [FALLBACK_TEMPLATE, CHATML], ids=["fallback", "chatml"])
def test_real_rows_are_taught_their_answers_and_begin_with_the_prompt_of_an_engine(folder: str, template: str) -> None:
    tokenizer = RealTokenizer(folder, template)
    for each in read_rows(SHARED / "chat" / "tinker_conversations.jsonl").rows[:40]:
        encoded = encode_row(each, tokenizer)
        assert isinstance(encoded, EncodedRow), str(encoded)
        taught = tokenizer.decode(encoded.ids[encoded.weights > 0].tolist())
        mark = tokenizer.eos if template == FALLBACK_TEMPLATE else "<|im_end|>"
        assert taught.removeprefix(" ") == each.reference + mark
        prompt = encode_prompt(each.prompt, tokenizer)
        assert encoded.ids[: len(prompt)].tolist() == prompt
        if template == FALLBACK_TEMPLATE:
            assert encoded.ids[encoded.weights > 0][-1] in tokenizer.eos_ids


@pytest.mark.parametrize("folder", FOLDERS)
def test_pieces_add_up_to_the_ids_of_the_whole_text_in_long_conversations(folder: str) -> None:
    tokenizer = RealTokenizer(folder, FALLBACK_TEMPLATE)
    for each in read_rows(SHARED / "chat" / "azure_oai_v2_chat_train.jsonl").rows[:5]:
        encoded = encode_row(each, tokenizer)
        assert isinstance(encoded, EncodedRow), str(encoded)
        text = tokenizer.render(each.messages, add_generation_prompt=False)
        assert encoded.ids.tolist() == tokenizer.encode(text)
