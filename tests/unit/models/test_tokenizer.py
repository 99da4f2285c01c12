"""A transformers tokenizer behind our protocol: its own template, or the fallback, and nothing added or tidied."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny import END, make_tiny_model
from tunewright.data.rows import Message
from tunewright.data.template import FALLBACK_TEMPLATE, ChatTokenizer
from tunewright.errors import ModelError, ModelMissingError
from tunewright.models.source import ModelSource
from tunewright.models.tokenizer import HfChatTokenizer, load_tokenizer
from tunewright.spec.model import ModelSpec

TURNS = (Message("user", "Hi"), Message("assistant", "Hello"))


def load(folder: Path) -> HfChatTokenizer:
    return load_tokenizer(ModelSource(str(folder), folder), ModelSpec(source=str(folder)))


@pytest.fixture(scope="module")
def own(tiny_model: Path) -> HfChatTokenizer:
    return load(tiny_model)


@pytest.fixture
def bare_folder(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "bare", chat_template=False)


def test_the_protocol_of_the_data_room_is_met(own: HfChatTokenizer) -> None:
    tokenizer: ChatTokenizer = own
    assert isinstance(tokenizer.pad_id, int)
    assert tokenizer.eos_ids == frozenset(tokenizer.encode(END))


def test_the_tokenizer_s_own_template_is_used(own: HfChatTokenizer) -> None:
    assert own.has_own_template
    assert own.render(TURNS, add_generation_prompt=False) == f"<|user|>Hi{END}<|assistant|>Hello{END}"
    assert own.render(TURNS[:1], add_generation_prompt=True) == f"<|user|>Hi{END}<|assistant|>"


def test_messages_may_be_plain_mappings(own: HfChatTokenizer) -> None:
    plain = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    assert own.render(plain, add_generation_prompt=False) == own.render(TURNS, add_generation_prompt=False)


def test_a_tokenizer_without_template_gets_the_fallback_which_travels_with_it(
    bare_folder: Path, tmp_path: Path
) -> None:
    bare = load(bare_folder)
    assert not bare.has_own_template
    assert bare.render(TURNS, add_generation_prompt=False) == f"User: Hi\nAssistant: Hello{END}\n"
    assert bare.render(TURNS[:1], add_generation_prompt=True) == "User: Hi\nAssistant:"
    bare.save(tmp_path / "saved")
    saved = load(tmp_path / "saved")
    assert saved.inner.chat_template == FALLBACK_TEMPLATE
    assert saved.template_sha256() == bare.template_sha256()


def test_another_template_has_another_name(own: HfChatTokenizer, bare_folder: Path) -> None:
    assert own.template_sha256() != load(bare_folder).template_sha256()


@pytest.mark.parametrize("template", ["{{ raise_exception('roles must alternate') }}", "{{ message.x.y }}"])
def test_what_the_template_refuses_is_a_template_error(bare_folder: Path, template: str) -> None:
    tokenizer = HfChatTokenizer(load(bare_folder).inner, chat_template=template)
    with pytest.raises(jinja2.TemplateError):
        tokenizer.render(TURNS, add_generation_prompt=False)


def test_a_template_that_is_not_jinja_is_a_clear_error(bare_folder: Path) -> None:
    with pytest.raises(ModelError, match="not Jinja") as caught:
        HfChatTokenizer(load(bare_folder).inner, chat_template="{% if %}")
    assert "model.chat_template" in caught.value.hint


def test_another_template_can_be_named_by_file_and_travels(bare_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "template.jinja"
    file.write_text("{% for m in messages %}{{ m['content'] }}|{% endfor %}", encoding="utf-8")
    source = ModelSource(str(bare_folder), bare_folder)
    tokenizer = load_tokenizer(source, ModelSpec(source=str(bare_folder), chat_template=str(file)))
    assert tokenizer.render(TURNS[:1], add_generation_prompt=True) == "Hi|"
    tokenizer.save(tmp_path / "saved")
    assert load(tmp_path / "saved").render(TURNS[:1], add_generation_prompt=True) == "Hi|"


def test_a_template_file_that_is_missing_is_named(bare_folder: Path) -> None:
    source = ModelSource(str(bare_folder), bare_folder)
    with pytest.raises(ModelMissingError, match=r"model\.chat_template: nowhere\.jinja"):
        load_tokenizer(source, ModelSpec(source=str(bare_folder), chat_template="nowhere.jinja"))


def test_the_mark_that_ends_a_turn_stops_an_engine_too(bare_folder: Path) -> None:
    inner = load(bare_folder).inner
    template = (
        "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|pad|>{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    tokenizer = HfChatTokenizer(inner, chat_template=template)
    assert tokenizer.end_mark == "<|pad|>"
    assert tokenizer.eos_ids == {inner.eos_token_id, inner.pad_token_id}


def test_special_tokens_are_read_in_text_and_never_added(own: HfChatTokenizer) -> None:
    [end] = own.eos_ids
    assert own.encode(f"a{END}") == [*own.encode("a"), end]
    assert own.encode("") == []
    assert own.decode([*own.encode("a"), end]) == f"a{END}"
    assert own.answer_text([*own.encode("a"), end]) == "a"


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<"), max_size=30))
def test_text_comes_back_unchanged(own: HfChatTokenizer, text: str) -> None:
    assert own.decode(own.encode(text)) == text
    assert own.answer_text(own.encode(text)) == text


def test_nothing_is_tidied_up_even_if_the_tokenizer_would(bare_folder: Path) -> None:
    tokenizer = load(bare_folder)
    tokenizer.inner.clean_up_tokenization_spaces = True
    for text in ("Is it ?", "do n't , please .", "a 's"):
        assert tokenizer.decode(tokenizer.encode(text)) == text
        assert tokenizer.answer_text(tokenizer.encode(text)) == text


def test_without_a_padding_token_the_end_token_fills_up(bare_folder: Path) -> None:
    inner = load(bare_folder).inner
    inner.pad_token = None
    tokenizer = HfChatTokenizer(inner)
    assert {tokenizer.pad_id} == set(tokenizer.eos_ids)


def test_a_tokenizer_without_end_token_is_refused(bare_folder: Path) -> None:
    inner = load(bare_folder).inner
    inner.eos_token = None
    with pytest.raises(ModelError, match="names no end-of-sequence token") as caught:
        HfChatTokenizer(inner)
    assert "tokenizer_config.json" in caught.value.hint
