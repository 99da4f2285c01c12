"""Templates render as transformers renders them, with the clock pinned, and cannot reach out of their sandbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from tests.unit.data.conversations import TOOL, odd_rows
from tests.unit.data.fake_tokenizer import CLOCK, merges
from tests.unit.data.template_families import FAMILIES, LLAMA_3
from tunewright.data.rows import Message
from tunewright.data.template import ChatTemplate

QUESTION = {"role": "user", "content": "hi <b>&\u2028"}
INNER = Tokenizer.from_str(merges(("<bos>", "<eos>")).to_str())
THEIRS = PreTrainedTokenizerFast(tokenizer_object=INNER, bos_token="<bos>", eos_token="<eos>")


def ours(
    source: str, messages: Sequence[Message | Mapping[str, Any]], tools: Sequence[Any] = (), *, prompt: bool = False
) -> str:
    template = ChatTemplate(source, {"bos_token": "<bos>", "eos_token": "<eos>"}, CLOCK)
    return template.render(messages, add_generation_prompt=prompt, tools=tools)


def theirs(
    source: str, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any] = (), *, prompt: bool = False
) -> str:
    plain, schemas = [dict(each) for each in messages], cast(Any, [dict(tool) for tool in tools] or None)
    text = THEIRS.apply_chat_template(
        plain, tools=schemas, chat_template=source, tokenize=False, add_generation_prompt=prompt
    )
    assert isinstance(text, str)
    return text


def outcome(render: Any, *arguments: Any, **named: Any) -> str | None:
    try:
        return render(*arguments, **named)
    except (jinja2.TemplateError, TypeError, KeyError, ValueError, AttributeError):
        return None


# transformers has no way to pin its clock, so this one line of the template tells a date of its own.
PINNED = {"llama_3": LLAMA_3.replace("strftime_now('%d %b %Y')", "'01 Feb 2026'")}


@pytest.mark.parametrize("name", sorted(FAMILIES))
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_every_family_renders_as_in_transformers(name: str, data: st.DataObject) -> None:
    one = data.draw(odd_rows(with_tools=data.draw(st.booleans())))
    source, prompt = PINNED.get(name, FAMILIES[name].template), data.draw(st.booleans())
    messages = [message.as_dict() for message in one.messages]
    expected = outcome(theirs, source, messages, one.tools, prompt=prompt)
    if expected is None and name == "deepseek":
        return  # text arguments, which we give to a template that cannot take objects
    assert outcome(ours, source, one.messages, one.tools, prompt=prompt) == expected
    assert outcome(ours, source, messages, one.tools, prompt=prompt) == expected


FEATURES = {
    "generation tags": "{% for m in messages %}x {% generation %}{{ m.content }}\n{% endgeneration %} y{% endfor %}",
    "generation tags in macros": "{% macro f(t) %}{% generation %}{{ t }}{% endgeneration %}{% endmacro %}{{ f('a') }}",
    "a loop left early": "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ m.role }}{% endfor %}",
    "a turn passed over": "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.role }}{% endfor %}",
    "indented JSON": "{{ messages | tojson(indent=2) }}",
    "sorted JSON": "{{ messages | tojson(sort_keys=true, separators=(',', ':')) }}",
    "escaped JSON": "{{ messages | tojson(ensure_ascii=true) }}",
    "tools": "{% if tools is none %}none{% else %}{{ tools | tojson }}{% endif %}",
    "documents": "{{ documents is none }} {{ documents is defined }} {{ custom_variable is defined }}",
    "a namespace": "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ns.n}}",
    "a namespace of a dict": "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a + ns.b }}",
    "a dict": "{{ dict(a=1, **{'b': 2}) | tojson }}{{ dict([('c', 3)]) | tojson }}",
    "keys of a dict": "{{ dict.fromkeys(['a', 'b'], 1) | tojson }}",
    "trimmed blocks": "  {% if true %}\n  a\n  {% endif %}\nb\n",
    "a last line end": "a\n\n",
    "special tokens": "{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}{{ unk_token }}",
    "set blocks": "{% set x %}{{ messages[0].content }}{% endset %}{{ x | upper }}",
    "tests and filters": "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='role') | join(';') }}",
    "methods of text": "{{ messages[0].content.split('<')[0] + '-' + messages[0].role.title() }}",
    "reasoning": "{{ messages[-1].reasoning_content }}|{{ messages[-1].thinking }}|{{ messages[-1].reasoning }}",
    "what is null": "{{ 'tool_calls' in messages[-1] }}{{ messages[-1].tool_calls is defined }}",
    "a range": "{{ range(3) | list }}{{ messages[1:] | length }}{{ messages[::-1][0].role }}",
    "an undefined name": "{{ nothing }}{{ messages[0].nothing }}",
}


@pytest.mark.parametrize("feature", sorted(FEATURES))
@pytest.mark.parametrize("field", ["reasoning_content", "thinking", "reasoning", None])
def test_what_templates_are_given_in_transformers_they_are_given_here(feature: str, field: str | None) -> None:
    answer = {"role": "assistant", "content": "hello", "tool_calls": None, **({field: "why"} if field else {})}
    messages = [QUESTION, answer]
    assert ours(FEATURES[feature], messages) == theirs(FEATURES[feature], messages)
    assert ours(FEATURES[feature], messages, [TOOL]) == theirs(FEATURES[feature], messages, [TOOL])


HOSTILE = {
    "a class": "{{ ''.__class__.__mro__ }}",
    "the class of a message": "{{ messages[0].__class__.__init__.__globals__ }}",
    "the globals of a function": "{{ raise_exception.__globals__ }}",
    "the globals of the clock": "{{ strftime_now.func.__globals__ }}",
    "the globals of the namespace": "{{ namespace.__init__.__globals__ }}",
    "the globals of dict": "{{ dict.__globals__ }}",
    "a filter": "{{ messages | attr('__class__') | attr('__base__') }}",
    "a format": "{{ '{0.__class__.__mro__}'.format(messages) }}",
    "a changed message": "{{ messages.append({'role': 'user', 'content': 'x'}) }}",
    "a changed dict": "{{ messages[0].update({'content': 'x'}) }}",
    "a hidden name of a namespace": "{% set ns = namespace(__class__=1) %}{{ ns }}",
    "a hidden name set later": "{% set ns = namespace() %}{% set ns.__init__ = 1 %}{{ ns }}",
    "an import": "{% import 'os' as os %}{{ os }}",
    "the environment": "{{ self.__init__.__globals__ }}{{ cycler.__init__.__globals__.os }}",
}


@pytest.mark.parametrize("attack", sorted(HOSTILE))
def test_a_hostile_template_stays_in_its_sandbox(attack: str) -> None:
    message = dict(QUESTION)
    try:
        text = ours(HOSTILE[attack], [message])
    except jinja2.TemplateError:
        text = ""
    assert text == ""
    assert message == QUESTION


CRASHING = {
    "arithmetic": "{{ 1 // 0 }}",
    "a text and a number": "{{ 'a' + 1 }}",
    "an unknown codec": "{{ 'a'.encode('no such') }}",
    "a wrong place": "{{ [].index(1) }}",
    "a call of nothing": "{{ nothing() }}",
    "a huge range": "{{ range(10000000) | list }}",
    "endless recursion": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "its own refusal": "{{ raise_exception('no') }}",
}


@pytest.mark.parametrize("crash", sorted(CRASHING))
def test_whatever_goes_wrong_in_a_template_is_a_template_error(crash: str) -> None:
    with pytest.raises(jinja2.TemplateError) as caught:
        ours(CRASHING[crash], [QUESTION])
    assert str(caught.value)


@pytest.mark.parametrize("source", ["{% if %}", "{{ x | no_such_filter }}", "{% break %}", "{% generation %}"])
def test_a_text_that_is_no_template_is_said_at_once(source: str) -> None:
    with pytest.raises(jinja2.TemplateSyntaxError):
        ours(source, [])


def test_the_clock_is_the_one_that_was_given() -> None:
    source = "{{ strftime_now('%d %b %Y %H:%M:%S') }}"
    assert ours(source, []) == ours(source, []) == "01 Feb 2026 12:30:00"
    later = ChatTemplate(source, {}, datetime(2030, 1, 1))
    assert later.render([], add_generation_prompt=False) == "01 Jan 2030 00:00:00"
    assert later.reads_clock
    assert not ChatTemplate("x", {}, CLOCK).reads_clock


def test_arguments_of_calls_are_objects_however_they_came() -> None:
    source = "{% set given = messages[0].tool_calls[0].function.arguments %}{{ given.city }};{{ given | tojson }}"
    for arguments in ({"city": "Oslo"}, '{"city": "Oslo"}'):
        call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
        mapping = {"role": "assistant", "content": None, "tool_calls": [call]}
        assert ours(source, [mapping]) == 'Oslo;{"city": "Oslo"}'
        assert ours(source, [Message("assistant", "", tool_calls=(call,))]) == 'Oslo;{"city": "Oslo"}'


def test_a_template_that_adds_arguments_to_a_text_is_given_text() -> None:
    source = "{{ 'call: ' + messages[0].tool_calls[0].function.arguments }}"
    call = {"type": "function", "function": {"name": "f", "arguments": '{"city":   "Zürich"}'}}
    assert ours(source, [Message("assistant", "", tool_calls=(call,))]) == 'call: {"city": "Zürich"}'


def test_arguments_that_are_no_json_are_a_template_error() -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": "{city"}}
    with pytest.raises(jinja2.TemplateError):
        ours("{{ messages }}", [Message("assistant", "", tool_calls=(call,))])


def test_a_template_cannot_change_what_later_renderings_see() -> None:
    template = ChatTemplate(
        "{% set bos_token = 'x' %}{% set messages = [] %}{{ bos_token }}", {"bos_token": "b"}, CLOCK
    )
    assert [template.render([QUESTION], add_generation_prompt=False) for _ in range(2)] == ["x", "x"]
    assert ChatTemplate("{{ bos_token }}", {"bos_token": "b"}, CLOCK).render([], add_generation_prompt=False) == "b"
