"""Chat templates written here in the manner of the known families, and for each what it must teach, said in Python.

The wire formats are those of the families; the Jinja text is our own. `taught` is an independent statement: it looks
neither at the Jinja nor at the code under test. Deliberately does not know tokenizers beyond the names of their tokens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.unit.data.fake_tokenizer import CHATML
from tunewright.data.rows import Message, Row
from tunewright.data.template import FALLBACK_TEMPLATE

Taught = Callable[[Sequence[Message], int], str]
"""Messages and the index of an answer → what is taught when that answer is the last message."""


def _never(_: Row) -> bool:
    return False


@dataclass(frozen=True)
class Family:
    """One family: its template, the tokens that it counts as special, what it can express and what it teaches."""

    name: str
    template: str
    taught: Taught
    special_tokens: tuple[str, ...]
    bos: str | None = None
    eos: str | None = None
    tools: bool = False
    refuses: Callable[[Row], bool] = _never
    rewrites: bool = False


def calls_of(message: Message) -> list[dict[str, Any]]:
    """Return name and arguments of each call, the arguments as an object, in the order of the row."""
    functions = [call["function"] for call in message.tool_calls]
    return [
        {
            "name": f["name"],
            "arguments": json.loads(f["arguments"]) if isinstance(f["arguments"], str) else f["arguments"],
        }
        for f in functions
    ]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(before: str, after: str, *, trimmed: bool = False) -> Taught:
    def taught(messages: Sequence[Message], index: int) -> str:
        said = messages[index].content
        return before + (said.strip() if trimmed else said) + after

    return taught


def _alternates(row: Row) -> bool:
    """Whether user and assistant take turns, the user first, and nobody else speaks but for a system turn in front."""
    turns = [m.role for m in row.messages if m.role != "system"]
    return all(role == ("user", "assistant")[i % 2] for i, role in enumerate(turns))


# ── plain conversations ──────────────────────────────────────────────────────────────────────────────────────────────

LLAMA_2 = """
{%- if messages[0].role == 'system' -%}
  {%- set preface = '<<SYS>>\\n' + messages[0].content + '\\n<</SYS>>\\n\\n' -%}{%- set turns = messages[1:] -%}
{%- else -%}{%- set preface = '' -%}{%- set turns = messages -%}{%- endif -%}
{%- for turn in turns -%}
  {%- if (turn.role == 'user') != (loop.index0 is divisibleby 2) -%}
    {{- raise_exception('turns must alternate') -}}
  {%- endif -%}
  {%- if turn.role == 'user' -%}
    {{- bos_token + '[INST] ' + (preface if loop.first else '') + turn.content.strip() + ' [/INST]' -}}
  {%- else -%}{{- ' ' + turn.content.strip() + ' ' + eos_token -}}{%- endif -%}
{%- endfor -%}
"""

GEMMA = """
{{- bos_token -}}
{%- if messages[0]['role'] == 'system' -%}{{- raise_exception('there is no system role') -}}{%- endif -%}
{%- for m in messages -%}
  {%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{- raise_exception('turns must alternate') -}}{%- endif -%}
  {{- '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\\n' + m['content'] | trim -}}
  {{- '<end_of_turn>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}
"""

PHI_3 = """
{%- for m in messages -%}{{- '<|' + m.role + '|>\\n' + m.content + '<|end|>\\n' -}}{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>\\n' -}}{%- else -%}{{- eos_token -}}{%- endif -%}
"""

ZEPHYR = """
{%- for m in messages -%}
  {{- '<|' + m.role + '|>\\n' + m.content + eos_token + '\\n' -}}
  {%- if loop.last and add_generation_prompt -%}{{- '<|assistant|>\\n' -}}{%- endif -%}
{%- endfor -%}
"""

COMMAND_R = """
{{- bos_token -}}
{%- set names = {'system': '<|SYSTEM_TOKEN|>', 'user': '<|USER_TOKEN|>', 'assistant': '<|CHATBOT_TOKEN|>'} -%}
{%- for m in messages -%}
  {{- '<|START_OF_TURN_TOKEN|>' + names[m.role] + m.content.strip() + '<|END_OF_TURN_TOKEN|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' -}}{%- endif -%}
"""

VICUNA = """
{{- bos_token -}}
{%- for m in messages -%}
  {%- if m.role == 'system' -%}{{- m.content + '\\n\\n' -}}
  {%- elif m.role == 'user' -%}{{- 'USER: ' + m.content + ' ' -}}
  {%- else -%}{{- 'ASSISTANT: ' + m.content + eos_token -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'ASSISTANT:' -}}{%- endif -%}
"""

ALPACA = """
{%- for m in messages -%}
  {%- if m.role == 'system' -%}{{- m.content + '\\n\\n' -}}{%- continue -%}{%- endif -%}
  {{- '### ' + ('Response' if m.role == 'assistant' else 'Instruction') + ':\\n' -}}
  {% generation %}{{- m.content -}}{% endgeneration %}{{- '\\n\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '### Response:\\n' -}}{%- endif -%}
"""

# ── conversations with tools ─────────────────────────────────────────────────────────────────────────────────────────

LLAMA_3 = """
{{- bos_token + '<|start_header_id|>system<|end_header_id|>\\n\\nToday Date: ' + strftime_now('%d %b %Y') + '\\n\\n' -}}
{%- set ns = namespace(at_first=true) -%}
{%- set turns = messages -%}
{%- if messages and messages[0].role == 'system' -%}
  {{- messages[0].content | trim -}}{%- set turns = messages[1:] -%}
{%- endif -%}
{{- '<|eot_id|>' -}}
{%- for m in turns -%}
  {{- '<|start_header_id|>' + ('ipython' if m.role == 'tool' else m.role) + '<|end_header_id|>\\n\\n' -}}
  {%- if m.tool_calls -%}
    {%- if m.tool_calls | length != 1 -%}{{- raise_exception('one call at a time') -}}{%- endif -%}
    {%- set call = m.tool_calls[0].function -%}
    {{- '{"name": "' + call.name + '", "parameters": ' + call.arguments | tojson + '}' -}}
  {%- elif m.role == 'tool' -%}{{- m.content | tojson -}}
  {%- else -%}
    {%- if m.role == 'user' and ns.at_first -%}
      {%- set ns.at_first = false -%}
      {%- for tool in tools or [] -%}{{- tool | tojson(indent=4) + '\\n\\n' -}}{%- endfor -%}
    {%- endif -%}
    {{- m.content | trim -}}
  {%- endif -%}
  {{- '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}
"""


def _llama_3(messages: Sequence[Message], index: int) -> str:
    message = messages[index]
    if not message.tool_calls:
        return message.content.strip() + "<|eot_id|>"
    (call,) = calls_of(message)
    return f'{{"name": "{call["name"]}", "parameters": {_json(call["arguments"])}}}<|eot_id|>'


MISTRAL = """
{{- bos_token -}}
{%- set ns = namespace(system='', asked=0, last=-1) -%}
{%- for m in messages -%}
  {%- if m.role == 'system' -%}{%- set ns.system = m.content + '\\n\\n' -%}{%- endif -%}
  {%- if m.role == 'user' -%}{%- set ns.last = loop.index0 -%}{%- endif -%}
  {%- if m.role == 'user' or (m.role == 'assistant' and not m.tool_calls) -%}
    {%- if (m.role == 'user') != (ns.asked % 2 == 0) -%}{{- raise_exception('turns must alternate') -}}{%- endif -%}
    {%- set ns.asked = ns.asked + 1 -%}
  {%- endif -%}
{%- endfor -%}
{%- for m in messages -%}
  {%- if m.role == 'user' -%}
    {%- set is_last = loop.index0 == ns.last -%}
    {%- if is_last and tools -%}{{- '[AVAILABLE_TOOLS] ' + tools | tojson + '[/AVAILABLE_TOOLS]' -}}{%- endif -%}
    {{- '[INST] ' + (ns.system if is_last else '') + m.content + '[/INST]' -}}
  {%- elif m.tool_calls -%}
    {{- '[TOOL_CALLS] [' -}}
    {%- for call in m.tool_calls -%}
      {%- if call.id | length != 9 -%}{{- raise_exception('ids of calls have 9 letters') -}}{%- endif -%}
      {{- {'name': call.function.name, 'arguments': call.function.arguments, 'id': call.id} | tojson -}}
      {{- '' if loop.last else ', ' -}}
    {%- endfor -%}
    {{- ']' + eos_token -}}
  {%- elif m.role == 'tool' -%}
    {{- '[TOOL_RESULTS] ' + {'content': m.content, 'call_id': m.tool_call_id} | tojson + '[/TOOL_RESULTS]' -}}
  {%- elif m.role == 'assistant' -%}{{- ' ' + m.content + eos_token -}}{%- endif -%}
{%- endfor -%}
"""


def _mistral(messages: Sequence[Message], index: int) -> str:
    message = messages[index]
    if not message.tool_calls:
        return f" {message.content}</s>"
    ids = [call["id"] for call in message.tool_calls]
    calls = [{**call, "id": own} for call, own in zip(calls_of(message), ids, strict=True)]
    return f"[TOOL_CALLS] {_json(calls)}</s>"


def _mistral_refuses(row: Row) -> bool:
    turns = [m.role for m in row.messages if m.role == "user" or (m.role == "assistant" and not m.tool_calls)]
    return any(role != ("user", "assistant")[i % 2] for i, role in enumerate(turns))


_HERMES_SYSTEM = """
{%- set system = messages[0].content if messages and messages[0].role == 'system' else 'You are helpful.' -%}
{{- '<|im_start|>system\\n' + system -}}
{%- for tool in tools or [] -%}{{- '\\n<tools>\\n' + tool | tojson + '\\n</tools>' -}}{%- endfor -%}
{{- '<|im_end|>\\n' -}}
"""
_HERMES_TURNS = """
  {%- if m.role == 'tool' -%}
    {%- if loop.first or messages[loop.index0 - 1].role != 'tool' -%}{{- '<|im_start|>user' -}}{%- endif -%}
    {{- '\\n<tool_response>\\n' + m.content + '\\n</tool_response>' -}}
    {%- if loop.last or messages[loop.index0 + 1].role != 'tool' -%}{{- '<|im_end|>\\n' -}}{%- endif -%}
  {%- elif m.role == 'user' -%}{{- '<|im_start|>user\\n' + m.content + '<|im_end|>\\n' -}}
  {%- elif m.role == 'assistant' -%}
    {{- '<|im_start|>assistant\\n' + said -}}
    {%- for call in m.tool_calls or [] -%}
      {{- '\\n<tool_call>\\n' + call.function | tojson + '\\n</tool_call>' -}}
    {%- endfor -%}
    {{- '<|im_end|>\\n' -}}
  {%- endif -%}
"""
_HERMES_END = "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"

QWEN_2 = _HERMES_SYSTEM + (
    "{%- for m in messages -%}{%- set said = m.content -%}" + _HERMES_TURNS + "{%- endfor -%}" + _HERMES_END
)


def _hermes(said: str, message: Message) -> str:
    calls = "".join(f"\n<tool_call>\n{_json(call)}\n</tool_call>" for call in calls_of(message))
    return said + calls + "<|im_end|>"


def _qwen_2(messages: Sequence[Message], index: int) -> str:
    return _hermes(messages[index].content, messages[index])


QWEN_3 = (
    _HERMES_SYSTEM
    + """
{%- set ns = namespace(asked=-1) -%}
{%- for m in messages -%}{%- if m.role == 'user' -%}{%- set ns.asked = loop.index0 -%}{%- endif -%}{%- endfor -%}
{%- for m in messages -%}
  {%- set said = m.content -%}{%- set thought = '' -%}
  {%- if m.role == 'assistant' -%}
    {%- if '</think>' in said -%}
      {%- set thought = said.split('</think>')[0].split('<think>')[-1].strip('\\n') -%}
      {%- set said = said.split('</think>')[-1].lstrip('\\n') -%}
    {%- endif -%}
    {%- if loop.index0 > ns.asked and (loop.last or thought) -%}
      {%- set said = '<think>\\n' + thought + '\\n</think>\\n\\n' + said.lstrip('\\n') -%}
    {%- endif -%}
  {%- endif -%}
"""
    + _HERMES_TURNS
    + "{%- endfor -%}"
    + _HERMES_END
)


def _qwen_3(messages: Sequence[Message], index: int) -> str:
    thought = _thought(messages[index].content)
    said = messages[index].content.split("</think>")[-1].lstrip("\n")
    return _hermes(f"<think>\n{thought}\n</think>\n\n{said}", messages[index])


def _answers_behind_answers(row: Row) -> list[Message]:
    """Return the answers behind which another is taught: a template that rewrites them contradicts its own prompt."""
    pairs = zip(row.messages, row.messages[1:], strict=False)
    return [a for a, b in pairs if a.role == b.role == "assistant" and b.weight]


def _qwen_3_refuses(row: Row) -> bool:
    """The template shows an empty thought only while its answer is the last."""
    return any(not _thought(message.content) for message in _answers_behind_answers(row))


def _deepseek_refuses(row: Row) -> bool:
    """The template shows a thought only while its answer is the last."""
    return any("</think>" in message.content for message in _answers_behind_answers(row))


def _thought(said: str) -> str:
    return said.split("</think>")[0].split("<think>")[-1].strip("\n") if "</think>" in said else ""


DEEPSEEK = """
{{- bos_token -}}
{%- for m in messages -%}
  {%- if m.role == 'system' -%}{{- m.content -}}
  {%- elif m.role == 'user' -%}{{- '<｜User｜>' + m.content + '<｜Assistant｜>' -}}
  {%- elif m.role == 'tool' -%}{{- '<｜tool▁output▁begin｜>' + m.content + '<｜tool▁output▁end｜>' -}}
  {%- else -%}
    {%- set said = m.content if loop.last else m.content.split('</think>')[-1] -%}
    {{- said -}}
    {%- for call in m.tool_calls or [] -%}
      {{- '<｜tool▁call▁begin｜>function<｜tool▁sep｜>' + call['function']['name'] -}}
      {{- '\\n```json\\n' + call['function']['arguments'] + '\\n```<｜tool▁call▁end｜>' -}}
    {%- endfor -%}
    {{- eos_token -}}
  {%- endif -%}
{%- endfor -%}
"""


def _deepseek(messages: Sequence[Message], index: int) -> str:
    message = messages[index]
    calls = "".join(
        f"<｜tool▁call▁begin｜>function<｜tool▁sep｜>{call['name']}\n```json\n{_json(call['arguments'])}\n```<｜tool▁call▁end｜>"
        for call in calls_of(message)
    )
    return f"{message.content}{calls}<｜end▁of▁sentence｜>"


GRANITE = """
{%- macro turn(role, said) -%}
  {{- '<|start_of_role|>' + role + '<|end_of_role|>' + said + eos_token + '\\n' -}}
{%- endmacro -%}
{%- if tools -%}{{- turn('available_tools', tools | tojson) -}}{%- endif -%}
{%- for m in messages -%}
  {%- if m.role == 'tool' -%}{{- turn('tool_response', m.content) -}}
  {%- elif m.tool_calls -%}
    {%- set calls = m.tool_calls | map(attribute='function') | list -%}
    {{- turn('assistant', '<|tool_call|>' + calls | tojson) -}}
  {%- else -%}{{- turn(m.role, m.content) -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start_of_role|>assistant<|end_of_role|>' -}}{%- endif -%}
"""


def _granite(messages: Sequence[Message], index: int) -> str:
    message = messages[index]
    said = f"<|tool_call|>{_json(calls_of(message))}" if message.tool_calls else message.content
    return said + "<|end_of_text|>"


HARMONY = """
{%- for m in messages -%}
  {%- if m.role == 'tool' -%}{{- '<|start|>functions.' + m.name + '<|message|>' + m.content + '<|end|>' -}}
  {%- elif m.role != 'assistant' -%}{{- '<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' -}}
  {%- elif m.tool_calls -%}
    {%- if m.tool_calls | length != 1 -%}{{- raise_exception('one call at a time') -}}{%- endif -%}
    {%- set call = m.tool_calls[0].function -%}
    {{- '<|start|>assistant<|channel|>commentary to=functions.' + call.name -}}
    {{- '<|message|>' + call.arguments | tojson + '<|call|>' -}}
  {%- else -%}
    {{- '<|start|>assistant<|channel|>final<|message|>' + m.content -}}
    {{- '<|return|>' if loop.last and not add_generation_prompt else '<|end|>' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start|>assistant' -}}{%- endif -%}
"""


def _harmony(messages: Sequence[Message], index: int) -> str:
    message = messages[index]
    if not message.tool_calls:
        return f"<|channel|>final<|message|>{message.content}<|return|>"
    (call,) = calls_of(message)
    return f"<|channel|>commentary to=functions.{call['name']}<|message|>{_json(call['arguments'])}<|call|>"


def _several_calls(row: Row) -> bool:
    return any(len(m.tool_calls) > 1 for m in row.messages)


def _gemma_refuses(row: Row) -> bool:
    return row.messages[0].role == "system" or not _alternates(row)


_IM = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
_FAMILIES = (
    Family("chatml", CHATML, _plain("", "<|im_end|>"), _IM),
    Family("fallback", FALLBACK_TEMPLATE, _plain(" ", "<eos>"), ("<bos>", "<eos>"), "<bos>", "<eos>"),
    Family("fallback_bare", FALLBACK_TEMPLATE, _plain(" ", "\n"), ()),
    Family(
        "llama_2",
        LLAMA_2,
        _plain(" ", " </s>", trimmed=True),
        ("<s>", "</s>"),
        "<s>",
        "</s>",
        refuses=lambda row: not _alternates(row),
    ),
    Family(
        "llama_3",
        LLAMA_3,
        _llama_3,
        ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|end_of_text|>"),
        "<|begin_of_text|>",
        "<|end_of_text|>",
        tools=True,
        refuses=_several_calls,
    ),
    Family(
        "mistral",
        MISTRAL,
        _mistral,
        (
            *("<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"),
            *("[TOOL_RESULTS]", "[/TOOL_RESULTS]"),
        ),
        "<s>",
        "</s>",
        tools=True,
        refuses=_mistral_refuses,
        rewrites=True,
    ),
    Family(
        "gemma",
        GEMMA,
        _plain("", "<end_of_turn>", trimmed=True),
        ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
        "<bos>",
        "<eos>",
        refuses=_gemma_refuses,
    ),
    Family(
        "phi_3",
        PHI_3,
        _plain("", "<|end|>"),
        ("<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
        "<s>",
        "<|endoftext|>",
    ),
    Family("zephyr", ZEPHYR, _plain("", "</s>"), ("<s>", "</s>"), "<s>", "</s>"),
    Family("qwen_2", QWEN_2, _qwen_2, _IM, None, "<|im_end|>", tools=True),
    Family("qwen_3", QWEN_3, _qwen_3, _IM, None, "<|im_end|>", tools=True, refuses=_qwen_3_refuses, rewrites=True),
    Family(
        "deepseek",
        DEEPSEEK,
        _deepseek,
        (
            *("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"),
            *("<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<｜tool▁output▁begin｜>"),
        ),
        "<｜begin▁of▁sentence｜>",
        "<｜end▁of▁sentence｜>",
        tools=True,
        refuses=_deepseek_refuses,
        rewrites=True,
    ),
    Family(
        "command_r",
        COMMAND_R,
        _plain("", "<|END_OF_TURN_TOKEN|>", trimmed=True),
        (
            *("<BOS_TOKEN>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|USER_TOKEN|>"),
            *("<|CHATBOT_TOKEN|>", "<|SYSTEM_TOKEN|>"),
        ),
        "<BOS_TOKEN>",
        "<|END_OF_TURN_TOKEN|>",
    ),
    Family(
        "granite",
        GRANITE,
        _granite,
        ("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>", "<|tool_call|>"),
        None,
        "<|end_of_text|>",
        tools=True,
    ),
    Family("vicuna", VICUNA, _plain(" ", "</s>"), ("<s>", "</s>"), "<s>", "</s>"),
    Family("alpaca", ALPACA, _plain("", "\n\n"), ()),
    Family(
        "harmony",
        HARMONY,
        _harmony,
        ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|call|>", "<|return|>"),
        None,
        "<|return|>",
        tools=True,
        refuses=_several_calls,
        rewrites=True,
    ),
)
FAMILIES = {family.name: family for family in _FAMILIES}
