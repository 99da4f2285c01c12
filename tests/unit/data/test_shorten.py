"""Whatever is too long: an answer is taught whole and once, or it is named; only prompts become shorter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.data.conversations import odd_rows, row
from tests.unit.data.fake_tokenizer import CHATML, FakeTokenizer
from tests.unit.data.template_families import FAMILIES
from tests.unit.data.test_spans import make_tokenizer, taught_turns_of
from tunewright.data.encode import EncodedRow, encode_row
from tunewright.data.rows import Message, Row, TextRow
from tunewright.data.shorten import shorten
from tunewright.data.token_rows import EncodeResult, encode_rows
from tunewright.spec.data import TooLong

POLICIES: tuple[TooLong, ...] = ("truncate_left", "truncate_turns", "split_turns")
NAMES = ("chatml", "llama_3", "qwen_2", "qwen_3", "phi_3", "mistral", "fallback", "alpaca", "gemma")
CHATML_BYTES = FakeTokenizer(CHATML)


def numbered(one: Row) -> Row:
    """Give each answer content of its own, so that it can be recognised in whatever row it is taught in."""
    messages = [
        replace(m, content=f"{m.content.strip()} answer no. {index}.")
        if m.role == "assistant" and not m.tool_calls
        else m
        for index, m in enumerate(one.messages)
    ]
    return replace(one, messages=tuple(messages))


def taught_texts(each: EncodedRow, tokenizer: FakeTokenizer) -> list[str]:
    """Return the text of each stretch of taught tokens."""
    places = np.flatnonzero(each.weights)
    stretches = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    return [tokenizer.decode(each.ids[stretch].tolist()) for stretch in stretches]


def check_nothing_is_lost(one: Row, result: EncodeResult, whole: list[EncodedRow], tokenizer: FakeTokenizer) -> None:
    expected = sorted(text for each in whole for text in taught_texts(each, tokenizer))
    taught = [text for each in result.rows for text in taught_texts(each, tokenizer)]
    named = [int(fault.field.removeprefix("messages[").split("]")[0]) for fault in result.left_out]
    assert all(fault.kind in ("too_long", "not_renderable") and fault.line == one.line for fault in result.left_out)
    assert len(taught) + len(named) == len(expected) == len(taught_turns_of(one))
    assert set(named) <= set(taught_turns_of(one))
    assert len(set(named)) == len(named)
    remaining = list(expected)
    for text in taught:
        assert text in remaining
        remaining.remove(text)
    for index in named:
        assert one.messages[index].tool_calls or any(f"no. {index}." in text for text in remaining)


def even(one: Row) -> Row:
    """Return the row without what some templates refuse: a second answer in a row, and a system turn."""
    turns = [m for m in one.messages if m.role != "system"]
    kept = [m for before, m in zip([None, *turns], turns, strict=False) if before is None or before.role != m.role]
    last = max(index for index, m in enumerate(kept) if m.role == "assistant")
    kept[last] = replace(kept[last], weight=2.0)
    return replace(one, messages=tuple(kept))


@pytest.mark.parametrize("how", POLICIES)
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_every_answer_is_taught_whole_and_once_or_is_named(name: str, how: TooLong, data: st.DataObject) -> None:
    family, tokenizer = FAMILIES[name], make_tokenizer(name, "bytes")
    one = data.draw(odd_rows(with_tools=family.tools and data.draw(st.booleans())))
    one = numbered(even(one) if family.refuses(one) else one)
    assume(not family.refuses(one))
    whole = _encoded(one, tokenizer)
    longest = max(each.num_tokens for each in whole)
    limit = data.draw(st.integers(8, longest))
    result = encode_rows([one], tokenizer, limit, how)
    assert all(each.num_tokens <= limit for each in result.rows)
    check_nothing_is_lost(one, result, whole, tokenizer)
    assert result.faults == ()


@pytest.mark.parametrize("how", POLICIES)
@settings(max_examples=20, deadline=None)
@given(one=odd_rows(with_tools=True, longest=4), limit=st.integers(40, 400))
def test_weights_stay_those_of_the_turns(how: TooLong, one: Row, limit: int) -> None:
    one = numbered(one)
    weights = {f"answer no. {i}.": m.weight for i, m in enumerate(one.messages) if m.role == "assistant"}
    for each in encode_rows([one], CHATML_BYTES, limit, how).rows:
        for number, weight in weights.items():
            text = number + "<|im_end|>"
            place = _find(each, CHATML_BYTES.encode(text))
            if place is not None and each.weights[place]:
                assert set(each.weights[place : place + len(CHATML_BYTES.encode(text))].tolist()) == {weight}


@given(one=odd_rows(longest=4), limit=st.integers(30, 200))
def test_cutting_from_the_left_keeps_the_token_that_begins_every_text(one: Row, limit: int) -> None:
    tokenizer = make_tokenizer("llama_3", "bytes")
    for each in encode_rows([numbered(one)], tokenizer, limit, "truncate_left").rows:
        assert tokenizer.decode(each.ids[:1].tolist()) == "<|begin_of_text|>"
        assert each.weights[0] == 0


def test_cutting_from_the_left_takes_as_little_as_will_do_and_counts_it() -> None:
    tokenizer = make_tokenizer("fallback", "bytes")
    one = row(question="0123456789" * 5, answer="yes")
    (whole,) = _encoded(one, tokenizer)
    (shorter,), done, faults = shorten(whole, tokenizer, whole.num_tokens - 20, "truncate_left")
    assert faults == []
    assert done is not None
    assert (done.num_tokens, done.num_rows, done.num_tokens_cut) == (whole.num_tokens, 1, 20)
    assert shorter.ids.tolist() == [whole.ids[0], *whole.ids[21:].tolist()]
    assert "1 row, 20 tokens of prompt cut" in str(done)


def test_an_answer_keeps_one_token_of_its_prompt_or_is_named() -> None:
    tokenizer = make_tokenizer("fallback", "bytes")
    (whole,) = _encoded(row(answer="y" * 40), tokenizer)
    num_answer = whole.num_supervised
    for limit in range(num_answer - 2, num_answer + 6):
        rows, _, faults = shorten(whole, tokenizer, limit, "truncate_left")
        assert len(rows) + len(faults) == 1
        for each in rows:
            assert taught_texts(each, tokenizer) == taught_texts(whole, tokenizer)
            assert each.weights[1] == 0


LONG = Row(
    "t",
    3,
    (
        Message("system", "Be brief."),
        *(Message(role, f"{role} {n} " + "x" * 20) for n in range(4) for role in ("user", "assistant")),
    ),
)


def test_whole_turns_go_the_oldest_first_and_the_system_prompt_and_the_last_question_stay() -> None:
    whole = _encoded(LONG, CHATML_BYTES)[0]
    limit = 170
    rows, done, faults = shorten(whole, CHATML_BYTES, limit, "truncate_turns")
    assert faults == []
    assert done is not None
    texts = [CHATML_BYTES.decode(each.ids.tolist()) for each in rows]
    assert all(text.startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n") for text in texts)
    assert [taught_texts(each, CHATML_BYTES)[-1][:11] for each in rows] == [f"assistant {n}" for n in (0, 1, 2, 3)][
        -len(rows) :
    ]
    last = [each for each in rows if "user 3" in CHATML_BYTES.decode(each.ids.tolist())]
    assert len(last) == 1
    cut = sum(_encoded(LONG.until(2 * n + 2), CHATML_BYTES)[0].num_tokens for n in (1, 2, 3)) - sum(
        each.num_tokens for each in rows[-3:]
    )
    assert done.num_tokens_cut == cut > 0


def test_nothing_older_than_needed_is_left_out() -> None:
    whole = _encoded(LONG, CHATML_BYTES)[0]
    rows, _, _ = shorten(whole, CHATML_BYTES, whole.num_tokens - 1, "truncate_turns")
    assert "user 0" not in CHATML_BYTES.decode(rows[-1].ids.tolist())
    assert "user 1" in CHATML_BYTES.decode(rows[-1].ids.tolist())


@settings(max_examples=50, deadline=None)
@given(one=odd_rows(longest=5), limit=st.integers(60, 300))
def test_chunks_of_turns_begin_with_a_user_turn_behind_the_system_prompt(one: Row, limit: int) -> None:
    one = numbered(one)
    for each in encode_rows([one], CHATML_BYTES, limit, "split_turns").rows:
        assert isinstance(each.source, Row)
        messages = each.source.messages
        system = [m for m in one.messages if m.role == "system"]
        assert list(messages[: len(system)]) == system
        assert messages[len(system)].role == "user"


def test_chunks_hold_as_many_turns_as_fit() -> None:
    whole = _encoded(LONG, CHATML_BYTES)[0]
    rows, _, faults = shorten(whole, CHATML_BYTES, whole.num_tokens - 1, "split_turns")
    assert faults == []
    assert [len(taught_texts(each, CHATML_BYTES)) for each in rows] == [3, 1]


def test_an_exchange_too_long_for_a_row_keeps_its_first_answers_and_names_the_others() -> None:
    call = {"id": "call00000", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = (
        Message("user", "q"),
        Message("assistant", "", 1.0, (call,)),
        Message("tool", "r" * 300, tool_call_id="call00000", name="f"),
        Message("assistant", "so"),
        Message("user", "and?"),
        Message("assistant", "fine"),
    )
    tokenizer = make_tokenizer("qwen_2", "bytes")
    result = encode_rows([Row("t", 9, turns)], tokenizer, 250, "split_turns")
    assert [taught_texts(each, tokenizer) for each in result.rows] == [
        ['\n<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call><|im_end|>'],
        ["fine<|im_end|>"],
    ]
    assert [fault.field for fault in result.left_out] == ["messages[3]"]


def test_a_part_that_the_template_refuses_is_named_with_the_reason_of_the_template() -> None:
    once = (
        "{% if messages[0]['content'] != 'first' %}{{ raise_exception('must begin with first') }}{% endif %}" + CHATML
    )
    turns = (
        *(Message("user", "first"), Message("assistant", "a" * 50)),
        *(Message("user", "second"), Message("assistant", "b" * 50)),
    )
    result = encode_rows([Row("t", 9, turns)], FakeTokenizer(once), 100, "split_turns")
    (fault,) = result.left_out
    assert (fault.field, fault.kind) == ("messages[3]", "not_renderable")
    assert "must begin with first" in str(fault)


def test_a_developer_turn_is_a_system_prompt() -> None:
    developer = replace(LONG, messages=(Message("developer", "Be brief."), *LONG.messages[1:]))
    for how in ("truncate_turns", "split_turns"):
        for each in encode_rows([developer], CHATML_BYTES, 150, how).rows:
            assert CHATML_BYTES.decode(each.ids.tolist()).startswith("<|im_start|>developer\nBe brief.")


@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80), limit=st.integers(8, 30))
def test_blocks_of_a_text_teach_every_token_but_the_very_first_once(text: str, limit: int) -> None:
    one = TextRow("t", 1, text)
    whole = CHATML_BYTES.encode_document(text)
    for how in POLICIES:
        result = encode_rows([one], CHATML_BYTES, limit, how)
        assert result.left_out == ()
        assert all(2 <= each.num_tokens <= limit for each in result.rows)
        assert [id_ for each in result.rows for id_ in each.ids[each.weights > 0].tolist()] == whole[1:]
        for before, after in zip(result.rows, result.rows[1:], strict=False):
            assert before.ids[-1] == after.ids[0]


@given(one=odd_rows(), how=st.sampled_from(POLICIES))
def test_rows_that_fit_are_not_touched(one: Row, how: TooLong) -> None:
    (whole,) = _encoded(one, CHATML_BYTES)
    result = encode_rows([one], CHATML_BYTES, whole.num_tokens, how)
    assert [each.ids.tolist() for each in result.rows] == [whole.ids.tolist()]
    assert (result.shortened, result.left_out) == ((), ())


def _encoded(one: Row, tokenizer: FakeTokenizer) -> list[EncodedRow]:
    result = encode_row(one, tokenizer)
    assert isinstance(result, list), str(result)
    return result


def _find(each: EncodedRow, ids: list[int]) -> int | None:
    everything = each.ids.tolist()
    return next((i for i in range(len(everything)) if everything[i : i + len(ids)] == ids), None)
