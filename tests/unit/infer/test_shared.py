"""The engine that shares prefixes answers as the plain one does, whatever the prompts have in common."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel

from tests.contract.test_engines import CONTEXT, loud
from tests.equivalence.architectures import VOCABULARY, make_config, make_model
from tests.tiny import make_tiny_model
from tunewright.errors import ModelError
from tunewright.infer.cache import MIN_SHARED, SharedCache, shared_attention
from tunewright.infer.engine import Completion, Engine, Sampling
from tunewright.infer.hf import HfEngine
from tunewright.infer.shared import SharedEngine
from tunewright.models.soft_prompt import SoftPromptEmbedding
from tunewright.models.source import ModelSource
from tunewright.models.tokenizer import HfChatTokenizer, load_tokenizer
from tunewright.spec.model import ModelSpec
from tunewright.testing.engine_kit import EngineKit, Prompts

ARCHITECTURES = ("Llama", "Qwen2", "Qwen3", "GPT-2", "GPT-NeoX", "Gemma 2", "Phi-3", "SmolLM3")
WIDE = 128
"""A window as long as the context of the tiny models: it hides nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("shared"), context=CONTEXT)


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> HfChatTokenizer:
    return load_tokenizer(ModelSource(str(folder), folder), ModelSpec(source="tiny"))


@cache
def random_model(name: str) -> PreTrainedModel:
    config = make_config(name)
    if getattr(config, "sliding_window", None):
        config.sliding_window = WIDE
    model = make_model(config).eval()
    model.generation_config.eos_token_id = None
    return model


def both(
    model: PreTrainedModel, tokenizer: HfChatTokenizer, prompts: Sequence[Sequence[int]], limit: int, **how: Any
) -> tuple[list[Completion], list[Completion]]:
    """Return the answers of the shared engine and of the plain one, one prompt a batch."""
    shared = SharedEngine(model, tokenizer, **how)
    answers = shared.generate(prompts, Sampling(max_new_tokens=limit))
    assert shared.fallback == ""
    return answers, HfEngine(model, tokenizer, batch_size=1).generate(prompts, Sampling(max_new_tokens=limit))


def ids(count: int, seed: int) -> list[int]:
    return np.random.default_rng(seed).integers(3, VOCABULARY, count).tolist()


class TestSharedEngine(EngineKit):
    batch_size = 4

    @pytest.fixture(autouse=True)
    def _material(self, folder: Path, tokenizer: HfChatTokenizer) -> None:
        self.folder, self.tokenizer = folder, tokenizer

    def make(self, stop_ids: frozenset[int] | None = None) -> Engine:
        model = loud(AutoModelForCausalLM.from_pretrained(self.folder))
        tokenizer = load_tokenizer(ModelSource(str(self.folder), self.folder), ModelSpec(source="tiny"))
        if stop_ids is not None:
            tokenizer.eos_ids, model.generation_config.eos_token_id = stop_ids, None
        return SharedEngine(model, tokenizer, batch_size=self.batch_size)

    def prompts(self) -> Prompts:
        opening = "<|system|>Be brief, and say what.<|user|>"
        texts = (
            *(f"{opening}{question}<|assistant|>" for question in ("Hi", "Where?", "7 * 6 =", "Ü首")),
            "a",
            "two words",
        )
        return [self.tokenizer.encode(text) for text in texts]

    def context_tokens(self) -> int:
        return CONTEXT

    def special_ids(self) -> frozenset[int]:
        return frozenset(self.tokenizer.inner.all_special_ids)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_answers_as_with_the_plain_engine(name: str, tokenizer: HfChatTokenizer) -> None:
    first, second = ids(40, 1), ids(25, 2)
    prompts = [
        first, [*first, 5], [*first, *ids(9, 3)], [*first, *ids(30, 4)], first, [*first[:30], *ids(6, 5)],
        [*second, 7, 8], [*second, 9], [3], ids(3, 6),
    ]  # fmt: skip
    answers, expected = both(random_model(name), tokenizer, prompts, 10)
    assert answers == expected
    assert len({answer.ids for answer in answers}) >= 8


lengths = st.integers(0, 24)


@settings(max_examples=25, deadline=None)
@given(data=st.data(), prefix=st.sampled_from([0, 1, MIN_SHARED - 1, MIN_SHARED, 40]), limit=st.integers(0, 12))
def test_drawn_prompts_get_the_plain_answers(
    tokenizer: HfChatTokenizer, data: st.DataObject, prefix: int, limit: int
) -> None:
    seeds = data.draw(st.lists(st.tuples(st.integers(0, 5), lengths), min_size=1, max_size=9))
    prompts = [[*ids(prefix, 100), *ids(length, seed)] for seed, length in seeds]
    prompts = [prompt or [4] for prompt in prompts]
    answers, expected = both(random_model("Llama"), tokenizer, prompts, limit, batch_size=data.draw(st.integers(1, 9)))
    assert answers == expected


def test_the_order_of_prompts_changes_no_answer(tokenizer: HfChatTokenizer) -> None:
    prompts = [[*ids(30, 1), *ids(2 + k, k)] for k in range(8)]
    engine = SharedEngine(random_model("Qwen2"), tokenizer, batch_size=3)
    answers = engine.generate(prompts, Sampling(max_new_tokens=6))
    assert engine.generate(prompts[::-1], Sampling(max_new_tokens=6)) == answers[::-1]


def test_rows_that_end_early_leave_the_others_their_answers(tokenizer: HfChatTokenizer) -> None:
    model, prompts = random_model("Llama"), [[*ids(20, 1), *ids(3, k)] for k in range(12)]
    free = HfEngine(model, tokenizer).generate(prompts, Sampling(max_new_tokens=40))
    # Tokens that come up early in some answers end those.
    stops = frozenset(answer.ids[k % 5] for k, answer in enumerate(free[:6]))
    before, tokenizer.eos_ids = tokenizer.eos_ids, stops
    try:
        answers, expected = both(model, tokenizer, prompts, 40)
    finally:
        tokenizer.eos_ids = before
    assert answers == expected
    assert len({len(answer.ids) for answer in answers}) > 3
    assert any(answer.has_ended for answer in answers)


def test_a_model_that_never_stops_is_cut_at_the_context(tokenizer: HfChatTokenizer) -> None:
    prompts = [[*ids(100, 1), *ids(count, 2)] for count in (0, 3, 27, 28, 40)]
    answers, expected = both(random_model("Llama"), tokenizer, prompts, 64)
    assert answers == expected
    assert [len(answer.ids) for answer in answers] == [28, 25, 1, 0, 0]
    assert not any(answer.has_ended for answer in answers)


def test_a_tuned_prompt_stands_before_every_prompt(tokenizer: HfChatTokenizer) -> None:
    model = make_model(make_config("Llama")).eval()
    model.generation_config.eos_token_id = None
    prompts = [ids(4, 1), ids(6, 2), ids(100, 3)]
    without, _ = both(model, tokenizer, prompts, 30)
    soft = SoftPromptEmbedding(model.get_input_embeddings(), 20)  # pyright: ignore[reportArgumentType]
    soft.prompt_embeddings.data.normal_(0, 0.5, generator=torch.Generator().manual_seed(3))
    model.set_input_embeddings(soft)
    answers, expected = both(model, tokenizer, prompts, 30)
    assert answers == expected
    assert answers != without
    assert len(answers[2].ids) == 8


def test_a_shared_prefix_is_computed_once(tokenizer: HfChatTokenizer) -> None:
    model, seen = random_model("Llama"), []
    hook = model.get_decoder().register_forward_pre_hook(
        lambda _, __, named: seen.append(named["input_ids"].numel()), with_kwargs=True
    )
    prompts = [[*ids(80, 1), *ids(4, k)] for k in range(8)]
    try:
        SharedEngine(model, tokenizer).generate(prompts, Sampling(max_new_tokens=3))
    finally:
        hook.remove()
    # 80 + 8 · 4, filled up to a size that recurs; then a token a row.
    assert seen == [112, 8, 8]


def test_rows_with_other_shots_do_not_make_a_batch_copy_them(tokenizer: HfChatTokenizer) -> None:
    model, sizes = random_model("Llama"), []
    hook = model.get_decoder().register_forward_pre_hook(
        lambda _, __, named: sizes.append(named["input_ids"].numel()), with_kwargs=True
    )
    prompts = [[*ids(100, shots), *ids(3, k)] for shots in (1, 2) for k in range(12)]
    try:
        SharedEngine(model, tokenizer).generate(prompts, Sampling(max_new_tokens=1))
    finally:
        hook.remove()
    assert sizes == [136, 136]


def test_a_sliding_window_that_hides_something_is_left_to_the_plain_engine(tokenizer: HfChatTokenizer) -> None:
    model = make_model(make_config("Mistral")).eval()
    engine, plain = SharedEngine(model, tokenizer), HfEngine(model, tokenizer)
    prompts = [ids(20, 1), ids(20, 2)]
    assert engine.generate(prompts, Sampling(max_new_tokens=5)) == plain.generate(prompts, Sampling(max_new_tokens=5))
    assert engine.fallback == "mistral has sliding_window 9, and the longest prompt and answer 25 tokens"
    engine.generate([ids(4, 1)], Sampling(max_new_tokens=5))
    assert engine.fallback == ""


def test_positions_in_the_scores_are_left_to_the_plain_engine(tokenizer: HfChatTokenizer) -> None:
    model = make_model(make_config("BLOOM")).eval()
    engine, plain = SharedEngine(model, tokenizer), HfEngine(model, tokenizer)
    prompts = [ids(20, 1), ids(20, 2)]
    assert engine.generate(prompts, Sampling(max_new_tokens=5)) == plain.generate(prompts, Sampling(max_new_tokens=5))
    assert "bloom" in engine.fallback


def test_progress_ends_at_all_prompts(tokenizer: HfChatTokenizer) -> None:
    seen: list[tuple[int, int]] = []
    SharedEngine(random_model("Llama"), tokenizer, batch_size=2).generate(
        [*(ids(5 + k, k) for k in range(5)), ids(128, 1)],
        Sampling(max_new_tokens=2),
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(3, 6), (5, 6), (6, 6)]


def test_the_model_attends_as_before_afterwards_even_after_a_failure(tokenizer: HfChatTokenizer) -> None:
    model = random_model("Llama")
    with pytest.raises(IndexError), shared_attention(model):
        SharedCache([np.array([VOCABULARY + 5], dtype=np.int32)], 1, model).prefill(model)
    assert model.config._attn_implementation == "sdpa"
    answers, expected = both(model, tokenizer, [ids(5, 1)], 4)
    assert answers == expected


def test_a_model_that_does_not_pass_the_cache_on_is_named() -> None:
    model = random_model("Llama")
    with shared_attention(model), torch.no_grad(), pytest.raises(ModelError, match="does not pass the cache on"):
        model(input_ids=torch.tensor([[3, 4]]), use_cache=False)


def test_the_bytes_of_keys_and_values_bound_a_batch(
    tokenizer: HfChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = random_model("Llama")
    config = model.config
    assert isinstance(config, LlamaConfig)
    # 2 layers · 2 key heads · 8 dimensions · keys and values · 4 bytes: 256 bytes a token.
    monkeypatch.setattr("tunewright.infer.shared.LEAST_CACHE_BYTES", 40 * 256)
    monkeypatch.setattr("tunewright.infer.shared._CACHE_SHARE", 1 << 30)
    done: list[int] = []
    SharedEngine(model, tokenizer).generate(
        [ids(8, k) for k in range(10)], Sampling(max_new_tokens=2), on_progress=lambda count, _: done.append(count)
    )
    assert done == [4, 8, 10]
