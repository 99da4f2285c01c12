"""A transformers tokenizer behind the data room's `ChatTokenizer`: render, encode, decode, special ids.

The tokenizer's own chat template is used, unless the recipe names another; one that has none is given the plain
fallback. Whichever it is travels with every artifact, so that training and serving cannot differ.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tunewright.data.rows import Message
from tunewright.data.spans import end_mark
from tunewright.data.template import FALLBACK_TEMPLATE, ChatTemplate
from tunewright.errors import ModelError, ModelMissingError
from tunewright.models.segments import Segments
from tunewright.models.source import ModelSource
from tunewright.spec.model import ModelSpec


class HfChatTokenizer:
    """Implements `data.template.ChatTokenizer`; `inner` is the transformers tokenizer.

    Args:
        inner: the tokenizer; it is given the chat template that is used.
        clock: what a template that asks for the time is told.
        chat_template: Jinja text to use instead of the tokenizer's own.

    Raises:
        ModelError: it has no end-of-sequence token, or its template is not Jinja.
    """

    def __init__(
        self, inner: PreTrainedTokenizerBase, clock: datetime | None = None, chat_template: str | None = None
    ) -> None:
        self.inner = inner
        self.clock = clock or datetime.now().replace(microsecond=0)
        if chat_template is not None:
            inner.chat_template = chat_template
        self.has_own_template = bool(inner.chat_template)
        if not self.has_own_template:
            inner.chat_template = FALLBACK_TEMPLATE
        eos = inner.eos_token_id
        if not isinstance(eos, int):
            raise ModelError(
                "the tokenizer names no end-of-sequence token, so no answer could ever end",
                hint="set eos_token in the model's tokenizer_config.json",
            )
        self.pad_id = inner.pad_token_id if isinstance(inner.pad_token_id, int) else eos
        # Some special tokens stand in tokenizer.json alone; `all_special_tokens` does not know them.
        added = (token.content for token in inner.added_tokens_decoder.values() if token.special)
        self.special_tokens = frozenset({*map(str, inner.all_special_tokens), *added})
        self._template = self._compiled(with_tools=False)
        self._tool_template = self._compiled(with_tools=True)
        self._segments = Segments(inner)
        self.end_mark = end_mark(self)
        """What the template writes behind an answer; a model learns to stop from it."""
        # A turn may end with another token than a text does (<|im_end|>, <|eot_id|>): an engine stops at either.
        marks = self.encode(self.end_mark) if self.end_mark.strip() else []
        last = [mark for mark in marks[-1:] if inner.convert_ids_to_tokens(mark) in self.special_tokens]
        self.eos_ids = frozenset({eos, *last})

    def render(
        self,
        messages: Sequence[Message | Mapping[str, Any]],
        *,
        add_generation_prompt: bool,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """Return the text that the chat template makes of `messages`.

        Raises:
            jinja2.TemplateError: if the template refuses them.
        """
        template = self._tool_template if tools else self._template
        return template.render(messages, add_generation_prompt=add_generation_prompt, tools=tools)

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`; special tokens in it become their ids and none is added."""
        return self.inner.encode(text, add_special_tokens=False)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return `encode` of each text, by all cores; a part that recurs between special tokens is encoded once."""
        return self._segments.encode(texts)

    def encode_document(self, text: str) -> list[int]:
        """Return the ids of a text that stands for itself, ended by the end-of-sequence token."""
        ids = self.inner.encode(text, add_special_tokens=True)
        eos = self.inner.eos_token_id
        assert isinstance(eos, int)
        return ids if ids[-1:] == [eos] else [*ids, eos]

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

    def _compiled(self, *, with_tools: bool) -> ChatTemplate:
        variables = {key: str(value) for key, value in self.inner.special_tokens_map.items() if isinstance(value, str)}
        source = self.inner.get_chat_template(None, [{}] if with_tools else None)
        try:
            return ChatTemplate(source, variables, self.clock)
        except jinja2.TemplateSyntaxError as error:
            raise ModelError(
                f"the chat template is not Jinja: {error.message} (line {error.lineno})",
                hint="mend it, or name another one with --set model.chat_template=FILE",
            ) from error

    @property
    def reads_clock(self) -> bool:
        """Whether the chat template asks what time it is."""
        return self._template.reads_clock or self._tool_template.reads_clock

    def template_sha256(self) -> str:
        """Return the hash that names the chat template in a manifest."""
        return hashlib.sha256(str(self.inner.chat_template).encode()).hexdigest()

    def vocabulary_sha256(self) -> str:
        """Return the hash of everything that decides how text becomes ids."""
        backend = getattr(self.inner, "backend_tokenizer", None)
        if backend is None:
            return hashlib.sha256(repr(sorted(self.inner.get_vocab().items())).encode()).hexdigest()
        # Truncation and padding are the state of somebody's last call, not part of the vocabulary.
        tree = {**json.loads(backend.to_str()), "truncation": None, "padding": None}
        return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()

    def save(self, folder: Path) -> None:
        """Write the tokenizer, template included, in transformers' layout."""
        self.inner.save_pretrained(str(folder))


def load_tokenizer(source: ModelSource, spec: ModelSpec, clock: datetime | None = None) -> HfChatTokenizer:
    """Return the tokenizer of a model; `clock` is what a template that asks for the time is told (default: now).

    Raises:
        ModelMissingError: if there is none or it cannot be read.
        ModelError: if it has no end-of-sequence token, or its chat template is not Jinja.
    """
    try:
        inner = AutoTokenizer.from_pretrained(
            source.location, revision=source.revision, trust_remote_code=spec.allow_remote_code
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelMissingError(
            f"model {spec.source}: its tokenizer cannot be loaded: {first_line(error)}", hint=hub_hint(source)
        ) from error
    return HfChatTokenizer(inner, clock, _template_text(spec.chat_template))


def _template_text(chosen: str | None) -> str | None:
    """Return the text of a template that is named by file, or is given as the text itself."""
    if chosen is None or "{" in chosen:
        return chosen
    try:
        return Path(chosen).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelMissingError(
            f"model.chat_template: {chosen} cannot be read: {reason}", hint="name a Jinja file, or give the text itself"
        ) from error


def first_line(error: BaseException) -> str:
    """Return the first line of a library's message, which is where it says what happened."""
    return str(error).strip().partition("\n")[0]


def hub_hint(source: ModelSource) -> str:
    """Return the way out when `source` cannot be loaded."""
    if source.folder is not None:
        return "is the folder a complete transformers checkpoint?"
    return "a hub id needs the network or a filled cache; a folder, or --model starter, needs neither"
