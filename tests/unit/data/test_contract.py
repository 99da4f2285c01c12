"""The contract of the prompts: what renders otherwise than in training is refused, with the first difference."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.data.fake_tokenizer import BpeTokenizer, FakeTokenizer, merges
from tests.unit.data.template_families import FAMILIES, LLAMA_3, QWEN_2
from tests.unit.data.test_spans import make_tokenizer
from tunewright.data.contract import (
    FILE_NAME,
    PromptContract,
    check_contract,
    load_contract,
    make_contract,
    save_contract,
)
from tunewright.data.template import ChatTemplate
from tunewright.errors import ModelError

NOON = datetime(2026, 2, 1, 12)
SPECIALS = ("<|im_start|>", "<|im_end|>", "<bos>", "<eos>")


class Named(FakeTokenizer):
    """A tokenizer that can be named, with a clock and end marks to choose."""

    def __init__(self, template: str, clock: datetime = NOON, eos_ids: tuple[int, ...] = (257,)) -> None:
        super().__init__(template, special_tokens=SPECIALS)
        self.clock = clock
        self.eos_ids = frozenset(eos_ids)
        self._template = ChatTemplate(template, {"bos_token": "<bos>", "eos_token": "<eos>"}, clock)
        self.reads_clock = self._template.reads_clock

    def template_sha256(self) -> str:
        return self._template.sha256

    def vocabulary_sha256(self) -> str:
        return "0" * 64


class NamedBpe(Named, BpeTokenizer):
    """The same with merges; `num_tokens` is how many."""

    num_tokens = 420

    def encode(self, text: str) -> list[int]:
        return merges(SPECIALS, self.num_tokens).encode(text, add_special_tokens=False).ids


def broken(contract: PromptContract, tokenizer: FakeTokenizer) -> str:
    with pytest.raises(ModelError) as caught:
        check_contract(contract, tokenizer)
    return str(caught.value)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_contract_survives_its_file_and_holds_for_the_tokenizer_that_made_it(name: str, tmp_path: Path) -> None:
    contract = make_contract(Named(FAMILIES[name].template))
    save_contract(tmp_path, contract)
    assert load_contract(tmp_path) == contract
    assert contract.clock == NOON
    check_contract(contract, Named(FAMILIES[name].template))
    assert any(golden.text for golden in contract.golden)


def test_every_golden_prompt_is_what_an_engine_sends() -> None:
    tokenizer = Named(QWEN_2)
    for golden in make_contract(tokenizer).golden:
        text = tokenizer.render(golden.messages, add_generation_prompt=True, tools=golden.tools)
        assert golden.text == text
        assert list(golden.ids) == tokenizer.encode(text)


def test_a_run_without_a_contract_has_none(tmp_path: Path) -> None:
    assert load_contract(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 1}', '{"version": 1, "more": 2}', "\x00", "null"])
def test_a_damaged_contract_is_an_error_that_names_the_file(content: str, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=FILE_NAME):
        load_contract(tmp_path)


def test_a_changed_template_is_refused_with_the_first_difference() -> None:
    contract = make_contract(Named(QWEN_2))
    message = broken(contract, Named(QWEN_2.replace("You are helpful.", "You are a pirate.")))
    assert "golden prompt 1: the text" in message
    assert "helpful" in message
    assert "pirate" in message


def test_other_white_space_is_refused() -> None:
    contract = make_contract(Named(QWEN_2))
    changed = Named(QWEN_2.replace("{{- '<|im_start|>assistant\\n' -}}", "{{- '<|im_start|>assistant\\n\\n' -}}"))
    assert "the text in training" in broken(contract, changed)


def test_trimmed_contents_are_refused() -> None:
    contract = make_contract(Named(QWEN_2))
    assert "golden prompt 4" in broken(contract, Named(QWEN_2.replace("+ m.content +", "+ m.content.strip() +")))


def test_an_other_way_to_show_tools_is_refused() -> None:
    contract = make_contract(Named(QWEN_2))
    assert "golden prompt 5" in broken(contract, Named(QWEN_2.replace("tool | tojson", "tool | tojson(indent=2)")))


def test_an_other_way_to_show_calls_is_refused() -> None:
    contract = make_contract(Named(QWEN_2))
    changed = Named(QWEN_2.replace("call.function | tojson", "call.function | tojson(sort_keys=true)"))
    assert "golden prompt 6" in broken(contract, changed)


def test_a_changed_vocabulary_is_refused_with_the_ids() -> None:
    tokenizer = NamedBpe(QWEN_2)
    contract = make_contract(tokenizer)
    check_contract(contract, tokenizer)
    tokenizer.num_tokens = 300
    assert "the token ids in training" in broken(contract, tokenizer)


def test_another_time_is_refused_by_a_template_that_reads_the_clock_and_by_no_other() -> None:
    later = NOON + timedelta(days=1)
    message = broken(make_contract(Named(LLAMA_3)), Named(LLAMA_3, later))
    assert "01 Feb" in message
    assert "02 Feb" in message
    check_contract(make_contract(Named(QWEN_2)), Named(QWEN_2, later))
    check_contract(make_contract(Named(LLAMA_3)), Named(LLAMA_3, NOON))


def test_a_template_that_refuses_tools_keeps_its_contract_until_it_takes_them() -> None:
    refusing = "{% if tools %}{{ raise_exception('no tools') }}{% endif %}" + QWEN_2
    contract = make_contract(Named(refusing))
    assert [golden.text is None for golden in contract.golden] == [False, False, False, False, True, True]
    check_contract(contract, Named(refusing))
    assert "golden prompt 5" in broken(contract, Named(QWEN_2))
    assert "golden prompt 5" in broken(make_contract(Named(QWEN_2)), Named(refusing))


def test_every_id_that_ended_an_answer_in_training_must_end_one_here() -> None:
    contract = make_contract(Named(QWEN_2, eos_ids=(257, 259)))
    assert contract.stop_ids == (257, 259)
    check_contract(contract, Named(QWEN_2, eos_ids=(257, 258, 259)))
    assert "stop tokens" in broken(contract, Named(QWEN_2, eos_ids=(257,)))


def test_an_engine_that_only_renders_and_encodes_can_be_held_to_a_contract() -> None:
    contract = make_contract(Named(QWEN_2)).model_copy(update={"stop_ids": (257,)})
    assert "in training" in broken(contract, make_tokenizer("chatml", "bytes"))
