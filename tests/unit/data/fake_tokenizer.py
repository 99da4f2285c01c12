"""A tokenizer small enough to reason about: one token for each byte, one for each special token, a jinja template.

With `prefix_space` it puts a space before every text between special tokens, as SentencePiece tokenizers do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from tunewright.data.rows import Message
from tunewright.data.template import FALLBACK_TEMPLATE

SPECIAL_TOKENS = ("<bos>", "<eos>", "<|im_start|>", "<|im_end|>", "<pad>")

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] }}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)


class FakeTokenizer:
    """Meets `ChatTokenizer`."""

    def __init__(self, template: str = CHATML, *, prefix_space: bool = False, eos_token: str | None = "<eos>") -> None:
        self.pad_id = 256 + SPECIAL_TOKENS.index("<pad>")
        self.eos_ids = frozenset({257, 259})
        self.has_own_template = template != FALLBACK_TEMPLATE
        self.prefix_space = prefix_space
        self._tokens = {"bos_token": "<bos>", "eos_token": eos_token}
        environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
        environment.globals["raise_exception"] = _raise
        self._template = environment.from_string(template)

    def render(self, messages: Sequence[Message | Mapping[str, Any]], *, add_generation_prompt: bool) -> str:
        dicts = [each.as_dict() if isinstance(each, Message) else dict(each) for each in messages]
        return self._template.render(messages=dicts, add_generation_prompt=add_generation_prompt, **self._tokens)

    def encode(self, text: str) -> list[int]:
        ids: list[int] = []
        for part in re.split("(" + "|".join(map(re.escape, SPECIAL_TOKENS)) + ")", text):
            if part in SPECIAL_TOKENS:
                ids.append(256 + SPECIAL_TOKENS.index(part))
            elif part:
                ids += (" " * self.prefix_space + part).encode("utf-8")
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        parts = [SPECIAL_TOKENS[each - 256].encode() if each >= 256 else bytes([each]) for each in ids]
        return b"".join(parts).decode("utf-8", errors="replace")
