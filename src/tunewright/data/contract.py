"""The rendered-prompt contract: what the model was given in training, in a form that every engine can be held to.

The commonest failure of this field is a served model that is not given the prompt it was trained on. So the template's
hash, the clock, the ids that end an answer and a handful of golden prompts (messages → text → token ids) travel with
each artifact; whoever renders for that model must reproduce the ids, or refuse with the first difference shown.
The golden conversations are our own and the same for every model: no row of the user's data leaves with an artifact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import jinja2
import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from tunewright.data.template import ChatTokenizer
from tunewright.errors import ModelError
from tunewright.runs.atomic import write_json

FILE_NAME = "prompt_contract.json"

_USER = {"role": "user", "content": "How long does the battery last?"}
_ANSWER = {"role": "assistant", "content": "19 days."}
_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
_CALL = {"id": "call00001", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Oslo"}}}
_CONVERSATIONS: tuple[tuple[list[dict[str, Any]], list[dict[str, Any]]], ...] = (
    ([_USER], []),
    ([{"role": "system", "content": "Be brief."}, _USER], []),
    ([_USER, _ANSWER, {"role": "user", "content": "And in winter?"}], []),
    ([{"role": "user", "content": "  Über 5 % — “naïve” \t日本語 🙂\n\nline two  "}], []),
    ([_USER], [_TOOL]),
    (
        [
            _USER,
            {"role": "assistant", "content": "", "tool_calls": [_CALL]},
            {"role": "tool", "content": "4 °C", "tool_call_id": "call00001", "name": "get_weather"},
        ],
        [_TOOL],
    ),
)


class GoldenPrompt(BaseModel):
    """One conversation, the text that an engine asks with, its ids; `text` is None where the template refuses it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...] = ()
    text: str | None
    ids: tuple[int, ...] = ()


class PromptContract(BaseModel):
    """How prompts are made for one model. `clock`: what a template that asks for the time was told (ISO 8601)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    template_sha256: str
    vocabulary_sha256: str
    clock: datetime
    stop_ids: tuple[int, ...]
    golden: tuple[GoldenPrompt, ...]


class NamedTokenizer(ChatTokenizer, Protocol):
    """A tokenizer that can name its template and its vocabulary."""

    @property
    def clock(self) -> datetime:
        """What a template that asks for the time is told."""
        ...

    @property
    def reads_clock(self) -> bool:
        """Whether the chat template asks for the time."""
        ...

    def template_sha256(self) -> str:
        """Return the hash of the chat template."""
        ...

    def vocabulary_sha256(self) -> str:
        """Return the hash of everything that decides how text becomes ids."""
        ...


def make_contract(tokenizer: NamedTokenizer) -> PromptContract:
    """Return the contract of a tokenizer as it renders now."""
    return PromptContract(
        template_sha256=tokenizer.template_sha256(),
        vocabulary_sha256=tokenizer.vocabulary_sha256(),
        clock=tokenizer.clock,
        stop_ids=tuple(sorted(tokenizer.eos_ids)),
        golden=tuple(_golden(messages, tools, tokenizer) for messages, tools in _CONVERSATIONS),
    )


def check_contract(contract: PromptContract, tokenizer: ChatTokenizer) -> None:
    """Check that `tokenizer` makes the prompts of `contract`.

    Raises:
        ModelError: it does not; the message shows the first difference.
    """
    for number, golden in enumerate(contract.golden, start=1):
        now = _golden(golden.messages, golden.tools, tokenizer)
        if now.text != golden.text:
            raise _broken(number, "text", *_first_difference(golden.text or "", now.text or ""))
        if now.ids != golden.ids:
            raise _broken(number, "token ids", *_first_difference(golden.ids, now.ids))
    if not set(contract.stop_ids) <= tokenizer.eos_ids:
        raise _broken(0, "stop tokens", contract.stop_ids, tuple(sorted(tokenizer.eos_ids)))


def save_contract(folder: Path, contract: PromptContract) -> None:
    """Write the contract into the folder of a run or an artifact."""
    write_json(folder / FILE_NAME, contract.model_dump(mode="json"))


def load_contract(folder: Path) -> PromptContract | None:
    """Return the contract of a run or an artifact, or None if it has none (it is older than contracts).

    Raises:
        ModelError: the file is damaged.
    """
    path = folder / FILE_NAME
    try:
        return PromptContract.model_validate(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError) as error:
        raise ModelError(
            f"{path}: cannot be read: {error}", hint="the prompt contract is damaged or was edited"
        ) from error


def _golden(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], tokenizer: ChatTokenizer
) -> GoldenPrompt:
    plain = (tuple(dict(each) for each in messages), tuple(dict(each) for each in tools))
    try:
        text = tokenizer.render(messages, add_generation_prompt=True, tools=tools)
    except jinja2.TemplateError:
        return GoldenPrompt(messages=plain[0], tools=plain[1], text=None)
    return GoldenPrompt(messages=plain[0], tools=plain[1], text=text, ids=tuple(tokenizer.encode(text)))


def _first_difference(trained: Sequence[Any], now: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    place = next((i for i, (a, b) in enumerate(zip(trained, now, strict=False)) if a != b), min(len(trained), len(now)))
    start = max(0, place - 10)
    return trained[start : place + 20], now[start : place + 20]


def _broken(number: int, what: str, trained: Sequence[Any], now: Sequence[Any]) -> ModelError:
    place = f"golden prompt {number}: " if number else ""
    return ModelError(
        f"the prompt contract is broken: {place}the {what} in training were …{trained!r}…, here they are …{now!r}…",
        hint="use the tokenizer and the chat template that lie beside the weights, unchanged",
    )
