"""What is taught: the assistant's words and the end of its turn, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.data.conversations import row, rows
from tests.unit.data.fake_tokenizer import CHATML, FakeTokenizer
from tunewright.data.encode import EncodedRow, encode_prompt, encode_row
from tunewright.data.rows import Message, Row, RowFault
from tunewright.data.template import FALLBACK_TEMPLATE
from tunewright.data.token_rows import encode_rows
from tunewright.errors import RowTooLongError

TOKENIZERS = {"chatml": FakeTokenizer(CHATML), "fallback": FakeTokenizer(FALLBACK_TEMPLATE)}


def encoded(one: Row, tokenizer: FakeTokenizer) -> EncodedRow:
    result = encode_row(one, tokenizer)
    assert isinstance(result, list), str(result)
    assert len(result) == 1
    return result[0]


def fault(one: Row, template: str) -> RowFault:
    result = encode_row(one, FakeTokenizer(template))
    assert isinstance(result, RowFault)
    return result


def taught(each: EncodedRow, tokenizer: FakeTokenizer) -> str:
    return tokenizer.decode(each.ids[each.weights > 0].tolist())


@given(rows())
def test_taught_are_exactly_the_answers_and_their_end_marks_in_chatml(one: Row) -> None:
    tokenizer = TOKENIZERS["chatml"]
    answers = [message.content + "<|im_end|>" for message in one.messages if _is_taught(message)]
    assert taught(encoded(one, tokenizer), tokenizer) == "".join(answers)


@given(rows())
def test_taught_are_exactly_the_answers_and_their_end_marks_in_the_fallback_template(one: Row) -> None:
    tokenizer = TOKENIZERS["fallback"]
    answers = [f" {message.content}<eos>" for message in one.messages if _is_taught(message)]
    assert taught(encoded(one, tokenizer), tokenizer) == "".join(answers)


@given(rows(), st.sampled_from(sorted(TOKENIZERS)))
def test_the_tokens_of_a_row_spell_its_rendering(one: Row, name: str) -> None:
    tokenizer = TOKENIZERS[name]
    each = encoded(one, tokenizer)
    assert tokenizer.decode(each.ids.tolist()) == tokenizer.render(one.messages, add_generation_prompt=False)
    assert (each.ids.dtype, each.weights.dtype, len(each.ids)) == (np.int32, np.float32, len(each.weights))


@given(rows(), st.sampled_from(sorted(TOKENIZERS)))
def test_a_row_begins_with_the_ids_that_an_engine_sends(one: Row, name: str) -> None:
    tokenizer = TOKENIZERS[name]
    first = next(index for index, message in enumerate(one.messages) if _is_taught(message))
    prompt = encode_prompt(one.messages[:first], tokenizer)
    each = encoded(one, tokenizer)
    assert each.ids[: len(prompt)].tolist() == prompt
    assert not each.weights[: len(prompt)].any()
    assert each.weights[len(prompt)] > 0


@given(rows(), st.sampled_from(sorted(TOKENIZERS)))
def test_the_weight_of_a_turn_is_the_weight_of_its_tokens(one: Row, name: str) -> None:
    each = encoded(one, TOKENIZERS[name])
    assert set(each.weights[each.weights > 0].tolist()) == {m.weight for m in one.messages if _is_taught(m)}
    assert each.num_supervised == (each.weights > 0).sum()


@given(rows())
def test_the_fallback_prompt_is_a_prefix_of_the_answered_conversation(one: Row) -> None:
    tokenizer = TOKENIZERS["fallback"]
    asked = tokenizer.render(one.prompt, add_generation_prompt=True)
    answered = tokenizer.render(one.messages, add_generation_prompt=False)
    assert asked.startswith("<bos>")
    assert answered == f"{asked} {one.reference}<eos>\n"


def test_without_an_end_token_the_line_end_is_the_end_mark() -> None:
    tokenizer = FakeTokenizer(FALLBACK_TEMPLATE, eos_token=None)
    assert taught(encoded(row(), tokenizer), tokenizer) == " hello\n"


def test_a_tokenizer_that_adds_spaces_does_not_teach_one_more() -> None:
    tokenizer = FakeTokenizer(FALLBACK_TEMPLATE, prefix_space=True)
    one = Row("t", 1, row().messages + row().messages, {})
    assert taught(encoded(one, tokenizer), tokenizer) == " hello<eos> hello<eos>"
    text = tokenizer.render(one.messages, add_generation_prompt=False)
    assert encoded(one, tokenizer).ids.tolist() == tokenizer.encode(text)


def test_what_a_template_trims_is_not_looked_for() -> None:
    template = CHATML.replace("message['content']", "message['content'] | trim")
    tokenizer = FakeTokenizer(template)
    assert taught(encoded(row(answer="  hello \n"), tokenizer), tokenizer) == "hello<|im_end|>"


THINKING = CHATML.replace(
    "message['content'] }}",
    "('<think></think>' if loop.last and message['role'] == 'assistant' else '') + message['content'] }}",
)


def test_a_template_that_rewrites_earlier_turns_gives_one_row_for_each_answer() -> None:
    tokenizer = FakeTokenizer(THINKING)
    turns = (*row("1", "one").messages, *row("2", "two").messages)
    rows_of = encode_row(Row("t", 7, turns, {}), tokenizer)
    assert isinstance(rows_of, list)
    assert [taught(each, tokenizer) for each in rows_of] == [
        "<think></think>one<|im_end|>",
        "<think></think>two<|im_end|>",
    ]
    prompt = encode_prompt(turns[:3], tokenizer)
    assert rows_of[1].ids[: len(prompt)].tolist() == prompt
    assert "<think>" not in tokenizer.decode(prompt)


def test_untaught_turns_may_be_rewritten() -> None:
    turns = row().messages
    untaught = Row("t", 7, (turns[0], Message("assistant", "x", 0.0), *turns), {})
    tokenizer = FakeTokenizer(THINKING)
    assert taught(encoded(untaught, tokenizer), tokenizer) == "<think></think>hello<|im_end|>"


def test_a_template_that_does_not_continue_its_own_prompt_is_a_fault() -> None:
    assert "its own generation prompt" in str(fault(row(), CHATML.replace("assistant\n", "assistant:")))


def test_a_template_that_refuses_the_roles_is_a_fault_with_its_reason() -> None:
    assert "refuses it (no system)" in str(fault(row(), "{{ raise_exception('no system') }}"))


def test_a_row_without_a_token_to_teach_is_a_fault() -> None:
    silent = "{% for m in messages %}{% if m['role'] == 'user' %}{{ m['content'] }}{% endif %}{% endfor %}"
    assert "must have a token to learn from" in str(fault(row(), silent))


def test_the_first_token_is_never_taught() -> None:
    bare = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    tokenizer = FakeTokenizer(bare)
    each = encoded(Row("t", 1, (Message("assistant", "hello"),), {}), tokenizer)
    assert taught(each, tokenizer) == "ello"


def test_rows_that_are_too_long_are_named_with_the_limit_and_the_way_out() -> None:
    many = [row(answer="x" * 100, line=line) for line in range(1, 9)] + [row(line=9)]
    with pytest.raises(RowTooLongError) as caught:
        encode_rows(many, TOKENIZERS["chatml"], 60, "error")
    message = str(caught.value)
    assert "8 rows are longer than data.max_length = 60 tokens" in message
    assert "train.jsonl:5 (" in message
    assert "train.jsonl:6" not in message
    assert "and 3 more" in message
    assert "--set data.too_long=drop" in caught.value.hint
    assert len(caught.value.faults) == 8


def test_no_limit_is_proposed_that_the_model_cannot_take() -> None:
    with pytest.raises(RowTooLongError) as caught:
        encode_rows([row(answer="x" * 100)], TOKENIZERS["chatml"], 60, "error", context_tokens=60)
    assert "data.max_length" not in caught.value.hint
    assert "raise" not in caught.value.faults[0].hint
    with pytest.raises(RowTooLongError) as caught:
        encode_rows([row(answer="x" * 100)], TOKENIZERS["chatml"], 60, "error", context_tokens=1000)
    assert "--set data.max_length=" in caught.value.hint


def test_rows_that_are_too_long_are_left_out_and_named_if_so_asked() -> None:
    many = [row(answer="x" * 100, line=1), row(line=2)]
    result = encode_rows(many, TOKENIZERS["chatml"], 60, "drop")
    assert [each.source.line for each in result.rows] == [2]
    assert [each.line for each in result.left_out] == [1]
    assert result.faults == ()


def test_rows_that_a_template_cannot_express_are_faults_and_left_out() -> None:
    no_system = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + CHATML
    refused = Row("t", 1, (Message("system", "Be brief."), *row().messages), {})
    result = encode_rows([refused, row(line=2)], FakeTokenizer(no_system), 1000, "error")
    assert [each.source.line for each in result.rows] == [2]
    assert result.left_out == result.faults
    assert len(result.faults) == 1


def _is_taught(message: Message) -> bool:
    return message.role == "assistant" and message.weight > 0
