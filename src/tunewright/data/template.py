"""What this room asks of a tokenizer, and the chat template of those that bring none.

The tokenizer itself lives in `models/`, beside the library that reads it; here is only the protocol that it meets.
Deliberately does not know transformers, nor how a template is run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tunewright.data.rows import Message


class ChatTokenizer(Protocol):
    """Messages to text to token ids, and back. Every method is pure: the same input gives the same output."""

    @property
    def pad_id(self) -> int:
        """The id that fills a row up; it is never read as text, so any valid id will do."""
        ...

    @property
    def eos_ids(self) -> frozenset[int]:
        """The ids that end an answer."""
        ...

    @property
    def has_own_template(self) -> bool:
        """Whether the chat template came with the tokenizer; False: it is `FALLBACK_TEMPLATE`."""
        ...

    def render(self, messages: Sequence[Message | Mapping[str, Any]], *, add_generation_prompt: bool) -> str:
        """Return the conversation as text, special tokens included; with the words that open an answer, if asked for.

        Raises:
            jinja2.TemplateError: the template refuses these messages.
        """
        ...

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`. Special tokens that stand in the text become their ids; none is added."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of `ids`, special tokens included and nothing tidied up."""
        ...


# An answer begins with a space after the colon, so that the prompt ends in a token of its own ("Assistant:" and
# " Paris", never "Assistant: " and "Paris", which most vocabularies spell differently) and is a prefix of the whole.
FALLBACK_TEMPLATE = (
    "{% if bos_token %}{{ bos_token }}{% endif %}"
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{{ 'Assistant: ' + message['content'] }}{% if eos_token %}{{ eos_token }}{% endif %}"
    "{% elif message['role'] in ['system', 'developer'] %}{{ 'System: ' + message['content'] }}"
    "{% else %}{{ 'User: ' + message['content'] }}"
    "{% endif %}"
    "{{ '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
"""Jinja text for tokenizers without a chat template; it reads `bos_token` and `eos_token`, and does without either."""
