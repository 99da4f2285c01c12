"""Every built-in engine passes the contract, and answers only what it was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel

from tests.tiny import make_tiny_model
from tunewright.infer.engine import Engine, Sampling
from tunewright.infer.hf import HfEngine
from tunewright.models.source import ModelSource
from tunewright.models.tokenizer import load_tokenizer
from tunewright.spec.model import ModelSpec
from tunewright.testing.engine_kit import EngineKit, Prompts

CONTEXT = 64


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("engines") / "small", context=CONTEXT)


def loud(model: PreTrainedModel) -> PreTrainedModel:
    """Give the model large random matrices and a head of its own.

    Fresh weights of 0.02 with a tied head would only repeat the last token of the prompt, in every engine.
    """
    generator = torch.Generator().manual_seed(11)
    head = model.get_output_embeddings()
    head.weight = torch.nn.Parameter(head.weight.detach().clone())
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(0.0, 0.4, generator=generator)
        # No special token is ever likely; which one ends an answer is for each test to say.
        head.weight[256:] = 0.0
    return model.eval()


class TestHfEngine(EngineKit):
    batch_size = 32

    @pytest.fixture(autouse=True)
    def _material(self, small_folder: Path) -> None:
        self.folder = small_folder
        self.tokenizer = load_tokenizer(ModelSource(str(small_folder), small_folder), ModelSpec(source="tiny"))

    def make_model(self) -> PreTrainedModel:
        from transformers import AutoModelForCausalLM

        return loud(AutoModelForCausalLM.from_pretrained(self.folder))

    def make(self, stop_ids: frozenset[int] | None = None) -> Engine:
        model = self.make_model()
        tokenizer = load_tokenizer(ModelSource(str(self.folder), self.folder), ModelSpec(source="tiny"))
        if stop_ids is not None:
            tokenizer.eos_ids, model.generation_config.eos_token_id = stop_ids, None
        return HfEngine(model, tokenizer, batch_size=self.batch_size)

    def prompts(self) -> Prompts:
        texts = (
            "<|user|>Hi<|assistant|>",
            "<|user|>Where is it?<|assistant|>",
            "a",
            "Ünï 首都",
            "two words",
            "7 * 6 =",
        )
        return [self.tokenizer.encode(text) for text in texts]

    def context_tokens(self) -> int:
        return CONTEXT

    def special_ids(self) -> frozenset[int]:
        return frozenset(self.tokenizer.inner.all_special_ids)

    def test_defaults_that_a_model_brings_do_not_change_a_greedy_answer(self) -> None:
        engine, plain = self.make(), self.answer(self.prompts())
        assert isinstance(engine, HfEngine)
        config = engine.model.generation_config
        assert config is not None
        config.update(do_sample=True, temperature=0.7, top_k=5, num_beams=2, max_length=3)
        config.update(repetition_penalty=1.8, no_repeat_ngram_size=1, min_new_tokens=2, suppress_tokens=[65])
        config.update(begin_suppress_tokens=[plain[0].ids[0]], bad_words_ids=[[plain[1].ids[0]]])
        assert engine.generate(self.prompts(), Sampling(max_new_tokens=12)) == plain

    def test_sampling_knows_only_what_it_was_told(self) -> None:
        sampling = Sampling(max_new_tokens=8, temperature=1.0, seed=2)
        plain = self.make().generate(self.prompts(), sampling)
        engine = self.make()
        assert isinstance(engine, HfEngine)
        engine.model.generation_config.update(top_k=1, min_p=0.9, typical_p=0.1, repetition_penalty=2.0)
        assert engine.generate(self.prompts(), sampling) == plain

    def test_a_nucleus_of_nothing_is_greedy(self) -> None:
        engine = self.make()
        sampling = Sampling(max_new_tokens=8, temperature=1.0, top_p=1e-6)
        for prompt, answer in zip(self.prompts(), self.answer(self.prompts(), max_new_tokens=8), strict=True):
            assert "".join(engine.stream(prompt, sampling)) == answer.text

    def test_a_piece_never_splits_a_character(self) -> None:
        engine = self.make()
        assert isinstance(engine, HfEngine)
        text = "é首👩"
        ids = engine.tokenizer.encode(text)
        choices = iter(ids)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tunewright.infer.hf._choose", lambda *_: next(choices))
            assert list(engine.stream([65], Sampling(max_new_tokens=len(ids)))) == list(text)


class TestHfEngineInSmallBatches(TestHfEngine):
    batch_size = 2


class TestHfEngineOnLearnedPositions(TestHfEngine):
    def make_model(self) -> PreTrainedModel:
        config = GPT2Config(
            vocab_size=272, n_positions=CONTEXT, n_embd=32, n_layer=2, n_head=4, bos_token_id=None, eos_token_id=None
        )
        return loud(GPT2LMHeadModel(config))
