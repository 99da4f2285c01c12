"""Chat templates: rendered here, with the clock pinned; and what this room asks of a tokenizer.

A chat template is Jinja text that came with a model. It runs in the sandbox and with the settings that the field agreed
on (transformers' `apply_chat_template`; a test holds the two against each other), with one difference: a template that
asks for the time (`strftime_now`) gets the time of the run and not that of the moment, so that a row renders the same
way tomorrow, and in the engine that serves the result.
The tokenizer itself lives in `models/`, beside the library that reads it; here is only the protocol that it meets.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from tunewright.data.rows import Message

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
    def special_tokens(self) -> frozenset[str]:
        """The texts that are read as control tokens wherever they stand."""
        ...

    @property
    def has_own_template(self) -> bool:
        """Whether the chat template came with the tokenizer; False: it is `FALLBACK_TEMPLATE`."""
        ...

    def render(
        self,
        messages: Sequence[Message | Mapping[str, Any]],
        *,
        add_generation_prompt: bool,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """Return the conversation as text, special tokens included; with the words that open an answer, if asked for.

        Raises:
            jinja2.TemplateError: the template refuses these messages.
        """
        ...

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`. Special tokens that stand in the text become their ids; none is added."""
        ...

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return `encode` of each text; faster than one by one."""
        ...

    def encode_document(self, text: str) -> list[int]:
        """Return the ids of a text that stands for itself, begun and ended as the tokenizer does that."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of `ids`, special tokens included and nothing tidied up."""
        ...


class ChatTemplate:
    """One compiled chat template.

    Args:
        source: Jinja text.
        variables: what it may read beside the messages: `bos_token`, `eos_token` and their like.
        clock: what `strftime_now` tells.

    Raises:
        jinja2.TemplateSyntaxError: the text is not Jinja.
    """

    def __init__(self, source: str, variables: Mapping[str, str], clock: datetime) -> None:
        self.source = source
        self.reads_clock = "strftime_now" in source
        environment = _environment(clock)
        try:
            self._template = environment.from_string(source)
        except (SyntaxError, RecursionError) as error:
            # Python compiles what Jinja made of the text, and has rules of its own (`break` outside of a loop).
            raise jinja2.TemplateSyntaxError(str(error), getattr(error, "lineno", None) or 1) from error
        self._names = {**environment.globals, "documents": None, **variables}

    def render(
        self,
        messages: Sequence[Message | Mapping[str, Any]],
        *,
        add_generation_prompt: bool,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """Return the text of the conversation.

        Raises:
            jinja2.TemplateError: the template refuses these messages.
        """
        try:
            plain = [each.as_dict() if isinstance(each, Message) else _as_dict(each) for each in messages]
            names = self._names | {
                "messages": plain,
                "tools": [dict(tool) for tool in tools] or None,
                "add_generation_prompt": add_generation_prompt,
            }
            try:
                return self._text(names)
            except TypeError:
                if not any(message.get("tool_calls") for message in plain):
                    raise
                # Templates in DeepSeek's manner add the arguments of a call to a text, as the text that they were.
                return self._text(names | {"messages": [_with_text_arguments(message) for message in plain]})
        except _NOT_JINJA_S_OWN as error:
            raise jinja2.TemplateRuntimeError(str(error) or type(error).__name__) from error

    def _text(self, names: dict[str, Any]) -> str:
        # What Template.render does, without copying the globals anew for each of some thousand renderings.
        context = self._template.new_context(names, shared=True)
        return "".join(self._template.root_render_func(context))

    @property
    def sha256(self) -> str:
        """The hash that names the template."""
        return hashlib.sha256(self.source.encode()).hexdigest()


_NOT_JINJA_S_OWN = (TypeError, LookupError, ValueError, AttributeError, ArithmeticError, RuntimeError, MemoryError)
"""What templates raise beside Jinja's own errors: they take messages apart with Python's operators."""

_REASONING = ("reasoning_content", "thinking", "reasoning")
"""The names under which engines pass an answer's reasoning on, the one that most templates read first."""


def _as_dict(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a template is given of a message that came as JSON: what is null is absent, arguments are objects."""
    plain = {key: value for key, value in message.items() if value is not None}
    reasoning = next((plain[key] for key in _REASONING if key in plain), None)
    if reasoning is not None:
        plain = {"thinking": reasoning, **plain, "reasoning_content": reasoning}
    if plain.get("tool_calls"):
        plain["tool_calls"] = [_with_arguments(call, _parsed) for call in plain["tool_calls"]]
    return plain


def _with_text_arguments(message: dict[str, Any]) -> dict[str, Any]:
    calls = message.get("tool_calls")
    return {**message, "tool_calls": [_with_arguments(call, _as_text) for call in calls]} if calls else message


def _with_arguments(call: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    function = call.get("function")
    if not isinstance(function, Mapping) or "arguments" not in function:
        return dict(call)
    return {**call, "function": {**function, "arguments": change(function["arguments"])}}


def _parsed(arguments: Any) -> Any:
    try:
        return json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        return arguments


def _as_text(arguments: Any) -> Any:
    return arguments if isinstance(arguments, str) else _to_json(arguments)


class _Generation(Extension):
    """`{% generation %}` marks answers for other tools; here it is transparent: answers are found without it."""

    tags = {"generation"}  # noqa: RUF012 - the base class declares a plain set

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return what stands between the tags."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment(clock: datetime) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    tell: Callable[[str], str] = partial(_time_as, clock)
    environment.globals |= {
        "raise_exception": _refuse,
        "strftime_now": tell,
        "dict": _MakeDict(),
        "namespace": _Namespace,
    }
    environment.filters["tojson"] = _to_json
    return environment


class _Namespace(Namespace):
    """Jinja's namespace, but for the names that lead into the interpreter."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        first = dict(*args, **attributes)
        for name in first:
            _check_name(name)
        super().__init__(first)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"a namespace must not hold {name!r}: names that begin with _ are the interpreter's own")


class _MakeDict:
    """`dict` as templates call it: they need what it makes, not the class."""

    def __call__(self, *args: Any, **items: Any) -> dict[Any, Any]:
        return dict(*args, **items)

    def fromkeys(self, keys: Iterable[Any], value: Any = None) -> dict[Any, Any]:
        """Return a dict in which each key has the same value."""
        return dict.fromkeys(keys, value)


def _time_as(clock: datetime, layout: str) -> str:
    return clock.strftime(layout)


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Jinja's own filter would escape the signs of HTML, which no model was trained on."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
