"""A transformers tokenizer behind the data room's `ChatTokenizer`: render, encode, decode, special ids.

The tokenizer's own chat template is always used; one that has none is given the plain fallback, which then travels with
every artifact, so that training and serving cannot differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tunewright.data.rows import Message
from tunewright.data.template import FALLBACK_TEMPLATE
from tunewright.errors import ModelError, ModelMissingError
from tunewright.models.source import ModelSource
from tunewright.spec.model import ModelSpec


class HfChatTokenizer:
    """Implements `data.template.ChatTokenizer`; `inner` is the transformers tokenizer."""

    def __init__(self, inner: PreTrainedTokenizerBase) -> None:
        self.inner = inner
        self.has_own_template = bool(inner.chat_template)
        if not self.has_own_template:
            inner.chat_template = FALLBACK_TEMPLATE
        eos = inner.eos_token_id
        if not isinstance(eos, int):
            raise ModelError(
                "the tokenizer names no end-of-sequence token, so no answer could ever end",
                hint="set eos_token in the model's tokenizer_config.json",
            )
        self.eos_ids = frozenset({eos})
        self.pad_id = inner.pad_token_id if isinstance(inner.pad_token_id, int) else eos

    def render(self, messages: Sequence[Message | Mapping[str, Any]], *, add_generation_prompt: bool) -> str:
        """Return the text that the chat template makes of `messages`.

        Raises:
            jinja2.TemplateError: if the template refuses them.
        """
        plain = [m.as_dict() if isinstance(m, Message) else dict(m) for m in messages]
        text = self.inner.apply_chat_template(plain, tokenize=False, add_generation_prompt=add_generation_prompt)
        assert isinstance(text, str)
        return text

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`; special tokens in it become their ids and none is added."""
        return self.inner.encode(text, add_special_tokens=False)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of `ids`, special tokens included."""
        return self._text(ids, skip_special_tokens=False)

    def answer_text(self, ids: Sequence[int]) -> str:
        """Return the text of `ids` as a reader sees it: without special tokens."""
        return self._text(ids, skip_special_tokens=True)

    def _text(self, ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        text = self.inner.decode(list(ids), skip_special_tokens=skip_special_tokens)
        assert isinstance(text, str)
        return text

    def template_sha256(self) -> str:
        """Return the hash that names the chat template in a manifest."""
        return hashlib.sha256(str(self.inner.chat_template).encode()).hexdigest()

    def save(self, folder: Path) -> None:
        """Write the tokenizer, template included, in transformers' layout."""
        self.inner.save_pretrained(str(folder))


def load_tokenizer(source: ModelSource, spec: ModelSpec) -> HfChatTokenizer:
    """Return the tokenizer of a model.

    Raises:
        ModelMissingError: if there is none or it cannot be read.
        ModelError: if it has no end-of-sequence token.
    """
    try:
        inner = AutoTokenizer.from_pretrained(
            source.location, revision=source.revision, trust_remote_code=spec.allow_remote_code
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelMissingError(
            f"model {spec.source}: its tokenizer cannot be loaded: {first_line(error)}", hint=hub_hint(source)
        ) from error
    return HfChatTokenizer(inner)


def first_line(error: BaseException) -> str:
    """Return the first line of a library's message, which is where it says what happened."""
    return str(error).strip().partition("\n")[0]


def hub_hint(source: ModelSource) -> str:
    """Return the way out when `source` cannot be loaded."""
    if source.folder is not None:
        return "is the folder a complete transformers checkpoint?"
    return "a hub id needs the network or a filled cache; a folder, or --model starter, needs neither"
