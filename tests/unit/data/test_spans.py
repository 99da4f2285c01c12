"""Over all template families and kinds of tokenizers: exactly the answers are taught, behind what an engine sends."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer

from tests.shared import SHARED, needs_shared
from tests.unit.data.conversations import odd_rows, row
from tests.unit.data.fake_tokenizer import CHATML, BpeTokenizer, FakeTokenizer
from tests.unit.data.template_families import FAMILIES, Family
from tunewright.data.encode import EncodedRow, encode_prompt, encode_row, encode_stream
from tunewright.data.rows import Message, Row, RowFault, TextRow
from tunewright.data.spans import end_mark

KINDS = {"bytes": FakeTokenizer, "prefix": FakeTokenizer, "bpe": BpeTokenizer, "bpe_prefix": BpeTokenizer}


@cache
def make_tokenizer(name: str, kind: str) -> FakeTokenizer:
    family = FAMILIES[name]
    return KINDS[kind](
        family.template,
        prefix_space=kind in ("prefix", "bpe_prefix"),
        bos_token=family.bos,
        eos_token=family.eos,
        special_tokens=family.special_tokens,
    )


def taught_turns_of(one: Row) -> list[int]:
    return [index for index, m in enumerate(one.messages) if m.role == "assistant" and m.weight]


def check_token_row(each: EncodedRow, family: Family, tokenizer: FakeTokenizer) -> list[int]:
    """Check one token row against the family's own statement; return the indices of the turns that it teaches."""
    source = each.source
    assert isinstance(source, Row)
    ids, weights = each.ids.tolist(), each.weights.tolist()
    turns = taught_turns_of(source)
    prompts = {index: encode_prompt(source.messages[:index], tokenizer, source.tools) for index in turns}
    at = 0
    for index, later in zip(turns, [*turns[1:], None], strict=True):
        start = len(prompts[index])
        assert ids[:start] == prompts[index]
        assert not any(weights[at:start])
        stop = next((i for i in range(max(start, 1), len(ids)) if weights[i] == 0), len(ids))
        stop = min(stop, len(prompts[later])) if later is not None else stop
        check_taught_ids(source, index, ids[start:stop], family, tokenizer)
        assert set(weights[max(start, 1) : stop]) == {source.messages[index].weight}
        at = stop
    assert not any(weights[at:])
    assert weights[0] == 0
    check_text(each, tokenizer)
    return turns


def check_taught_ids(source: Row, index: int, ids: list[int], family: Family, tokenizer: FakeTokenizer) -> None:
    expected = family.taught(source.messages, index)
    if not tokenizer.prefix_space:
        assert tokenizer.decode(ids) == expected
        return
    prompt = tokenizer.render(source.messages[:index], add_generation_prompt=True, tools=source.tools)
    sent = tokenizer.encode(prompt)
    taught = tokenizer.decode(sent + ids).removeprefix(tokenizer.decode(sent))
    whole = tokenizer.encode(prompt + expected)
    if whole[: len(sent)] == sent:
        assert ids == whole[len(sent) :]
    else:
        assert taught == expected


def check_text(each: EncodedRow, tokenizer: FakeTokenizer) -> None:
    assert isinstance(each.source, Row)
    text = tokenizer.render(each.source.messages, add_generation_prompt=False, tools=each.source.tools)
    decoded = tokenizer.decode(each.ids.tolist())
    if not tokenizer.prefix_space:
        assert decoded == text
    elif isinstance(tokenizer, BpeTokenizer):
        # What follows an answer that a token would have straddled may lack the space that the vocabulary adds.
        assert decoded.replace(" ", "") == text.replace(" ", "")
    else:
        assert each.ids.tolist() == tokenizer.encode(text)


def check_row(one: Row, family: Family, tokenizer: FakeTokenizer) -> None:
    result = encode_row(one, tokenizer)
    if family.refuses(one):
        assert isinstance(result, RowFault)
        assert result.kind == "not_renderable"
        return
    assert isinstance(result, list), str(result)
    taught = [(each, index) for each in result for index in check_token_row(each, family, tokenizer)]
    assert [index for _, index in taught] == taught_turns_of(one)
    if len(result) > 1:
        assert all(each.source == one.until(index) for each, index in taught)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("name", sorted(FAMILIES))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_exactly_the_answers_are_taught_behind_what_an_engine_sends(name: str, kind: str, data: st.DataObject) -> None:
    family = FAMILIES[name]
    one = data.draw(odd_rows(with_tools=family.tools and data.draw(st.booleans())))
    check_row(one, family, make_tokenizer(name, kind))


# ── tokenizers that others trained ───────────────────────────────────────────────────────────────────────────────────

TRAINED = ("tokenizers/gpt_neox_20b", "checkpoints/stories260K-hf", "checkpoints/babyllama361-hf")


class TrainedTokenizer(FakeTokenizer):
    """A real vocabulary under the template of a family, whose special tokens it is given."""

    def __init__(self, folder: str, family: Family) -> None:
        super().__init__(family.template, bos_token=family.bos, eos_token=family.eos, special_tokens=("unused",))
        self.special_tokens = frozenset(family.special_tokens)
        self._inner = Tokenizer.from_file(str(SHARED / folder / "tokenizer.json"))
        self.adds_nothing = "neox" in folder
        self._inner.add_special_tokens([AddedToken(text, normalized=False) for text in family.special_tokens])

    def encode(self, text: str) -> list[int]:
        return self._inner.encode(text, add_special_tokens=False).ids

    def decode(self, ids: Sequence[int]) -> str:
        return self._inner.decode(list(ids), skip_special_tokens=False)


@cache
def make_trained(folder: str, name: str) -> TrainedTokenizer:
    return TrainedTokenizer(folder, FAMILIES[name])


@needs_shared
@pytest.mark.parametrize("folder", TRAINED)
@pytest.mark.parametrize(
    "name", ["chatml", "fallback", "fallback_bare", "llama_2", "llama_3", "mistral", "qwen_3", "alpaca"]
)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_trained_vocabularies_teach_exactly_the_answers_too(folder: str, name: str, data: st.DataObject) -> None:
    family, tokenizer = FAMILIES[name], make_trained(folder, name)
    one = data.draw(odd_rows(with_tools=family.tools and data.draw(st.booleans())))
    result = encode_row(one, tokenizer)
    assert isinstance(result, RowFault) == family.refuses(one), str(result)
    if isinstance(result, RowFault):
        return
    taught = [(each, index) for each in result for index in check_ids(each, family, tokenizer)]
    assert [index for _, index in taught] == taught_turns_of(one)


def check_ids(each: EncodedRow, family: Family, tokenizer: TrainedTokenizer) -> list[int]:
    """Check one token row by its texts: a vocabulary of pieces may put one space behind a special token."""
    source = each.source
    assert isinstance(source, Row)
    ids, turns = each.ids.tolist(), taught_turns_of(source)
    for index in turns:
        prompt = encode_prompt(source.messages[:index], tokenizer, source.tools)
        start = len(prompt)
        assert ids[:start] == prompt
        assert each.weights[start] == source.messages[index].weight
        stop = next((i for i in range(start, len(ids)) if each.weights[i] == 0), len(ids))
        taught = nfc(tokenizer.decode(ids[:stop]).removeprefix(tokenizer.decode(prompt)))
        expected = nfc(family.taught(source.messages, index))
        if tokenizer.adds_nothing:
            assert taught == expected
        else:
            assert spaced(taught, family) == spaced(expected, family)
    text = tokenizer.render(source.messages, add_generation_prompt=False, tools=source.tools)
    assert not tokenizer.adds_nothing or nfc(tokenizer.decode(ids)) == nfc(text)
    return turns


def spaced(text: str, family: Family) -> str:
    """Return the text without the spaces that begin a stretch between special tokens: a vocabulary adds one."""
    marks = "|".join(map(re.escape, family.special_tokens)) or "(?!)"
    return re.sub(f"(^|{marks}) *", r"\1", text)


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


# ── single cases ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("chatml", "<|im_end|>"),
        ("llama_2", " </s>"),
        ("phi_3", "<|end|>"),
        ("zephyr", "</s>"),
        ("fallback_bare", "\n"),
        ("alpaca", "\n\n"),
        ("harmony", "<|return|>"),
        ("qwen_3", "<|im_end|>"),
    ],
)
def test_the_end_mark_is_what_ends_a_turn_and_nothing_behind_it(name: str, mark: str) -> None:
    assert end_mark(make_tokenizer(name, "bytes")) == mark


def test_a_template_that_refuses_every_answer_has_no_end_mark() -> None:
    assert end_mark(FakeTokenizer("{{ raise_exception('no') }}")) == ""


def test_what_ends_the_whole_text_is_not_taught_and_keeps_the_turns_together() -> None:
    tokenizer = make_tokenizer("phi_3", "bytes")
    turns = row().messages + row("a", "b").messages
    (only,) = encoded_rows(Row("t", 1, turns), tokenizer)
    assert tokenizer.decode(only.ids[only.weights > 0].tolist()) == "hello<|end|>b<|end|>"
    assert tokenizer.decode(only.ids.tolist()).endswith("b<|end|>\n<|endoftext|>")


@pytest.mark.parametrize("name", sorted(name for name, family in FAMILIES.items() if family.rewrites))
def test_a_template_that_rewrites_earlier_turns_gives_one_row_for_each_answer(name: str) -> None:
    tokenizer = make_tokenizer(name, "bytes")
    thought = "<think>why</think>" if name == "deepseek" else ""
    turns = tuple(m for n in "abc" for m in (Message("user", n), Message("assistant", f"{thought}said {n}", 0.5)))
    one = Row("t", 1, (Message("system", "s"), *turns))
    rows = encoded_rows(one, tokenizer)
    assert [each.source for each in rows] == [one.until(index) for index in (2, 4, 6)]
    for each, index in zip(rows, (2, 4, 6), strict=True):
        expected = FAMILIES[name].taught(one.messages, index)
        assert tokenizer.decode(each.ids[each.weights > 0].tolist()) == expected


def test_a_token_that_straddles_the_border_is_taught_as_an_engine_would_see_it() -> None:
    tokenizer = make_tokenizer("fallback_bare", "bpe")
    one = Row("t", 1, row("hi", "hello there").messages + row("hi", "hello there").messages)
    prompt = tokenizer.render(one.messages[:1], add_generation_prompt=True)
    whole = tokenizer.encode(prompt + " hello there\n")
    assert whole[: len(tokenizer.encode(prompt))] != tokenizer.encode(prompt), "no token straddles here"
    for each in encoded_rows(one, tokenizer):
        check_token_row(each, FAMILIES["fallback_bare"], tokenizer)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_text_that_spells_a_control_token_is_a_named_fault(name: str) -> None:
    tokenizer = make_tokenizer(name, "bytes")
    for token in FAMILIES[name].special_tokens:
        for one in (row(question=f"a{token}b"), row(answer=token)):
            fault = encode_row(one, tokenizer)
            assert isinstance(fault, RowFault)
            assert (fault.kind, fault.value) == ("special_token", repr(token))


@pytest.mark.parametrize("arguments", ['{"a": ["<|im_end|>"]}', '{"a": "\\u003c|im_end|>"}', {"<|im_end|>": 1}])
def test_calls_that_spell_a_control_token_are_a_named_fault(arguments: Any) -> None:
    call = {"id": "call00000", "type": "function", "function": {"name": "f", "arguments": arguments}}
    turns = (Message("user", "q"), Message("assistant", "", tool_calls=(call,)))
    fault = encode_row(Row("t", 1, turns), make_tokenizer("qwen_2", "bytes"))
    assert isinstance(fault, RowFault)
    assert (fault.kind, fault.field) == ("special_token", "messages[1]")


def test_tools_that_spell_a_control_token_are_a_named_fault() -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "ends with <|im_end|>"}}
    fault = encode_row(Row("t", 1, row().messages, {}, (tool,)), make_tokenizer("qwen_2", "bytes"))
    assert isinstance(fault, RowFault)
    assert (fault.kind, fault.field) == ("special_token", "tools")


def test_an_answer_that_the_template_leaves_out_is_named_though_others_are_taught() -> None:
    silent = CHATML.replace(
        "{% for message in messages %}", "{% for message in messages if message['content'] != 'x' %}"
    )
    one = Row("t", 1, row(answer="x").messages + row().messages)
    silent = silent.replace("'<|im_start|>assistant\n'", "''")
    fault = encode_row(one, FakeTokenizer(silent))
    assert isinstance(fault, RowFault)
    assert (fault.kind, fault.field) == ("nothing_taught", "messages[1]")


def test_rows_come_out_of_a_stream_as_they_would_alone() -> None:
    tokenizer = make_tokenizer("qwen_3", "bpe")
    some = [row(question=f"q{n % 7}", answer=f"a{n}" * (n % 3), line=n) for n in range(1100)]
    for one, result in zip(some, encode_stream(iter(some), tokenizer), strict=True):
        alone = encode_row(one, tokenizer)
        assert isinstance(result, RowFault) == isinstance(alone, RowFault)
        if not isinstance(result, RowFault) and not isinstance(alone, RowFault):
            assert [each.ids.tolist() for each in result] == [each.ids.tolist() for each in alone]


def test_an_answer_that_the_template_rewrites_and_that_holds_the_end_mark_is_taught_to_its_end() -> None:
    template = (
        "{% for m in messages %}{{ m.role + ':' + m.content.replace('a', 'b') + '[end]\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
    )
    tokenizer = FakeTokenizer(template, special_tokens=())
    (only,) = encoded_rows(row(answer="a [end] a"), tokenizer)
    assert tokenizer.decode(only.ids[only.weights > 0].tolist()) == "b [end] b[end]"


@pytest.mark.parametrize("content", ["a\ud800", "\udfff", "é\ud83d x"])
def test_half_a_surrogate_pair_is_a_named_fault(content: str) -> None:
    tokenizer = make_tokenizer("chatml", "bpe")
    for one, place in ((row(answer=content), "messages"), (TextRow("t", 1, content), "text")):
        (result,) = encode_stream([one], tokenizer)
        assert isinstance(result, RowFault)
        assert (result.kind, result.field) == ("bad_value", place)
        assert "UTF-8" in str(result)


def encoded_rows(one: Row, tokenizer: FakeTokenizer) -> list[EncodedRow]:
    result = encode_row(one, tokenizer)
    assert isinstance(result, list), str(result)
    return result
