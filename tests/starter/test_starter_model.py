"""The shipped starter: what its card and the product promise of it, held against the weights themselves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from starter.score import load_engine, score
from tunewright.infer.hf import HfEngine
from tunewright.models.load import context_tokens, num_parameters
from tunewright.models.source import find_model
from tunewright.spec.model import ModelSpec

SOURCE = find_model(ModelSpec())
assert SOURCE.folder is not None
FOLDER = SOURCE.folder
CARD = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def engine() -> HfEngine:
    return load_engine("starter")


def test_weights_are_small_bf16_and_of_the_promised_shape(engine: HfEngine) -> None:
    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["tie_word_embeddings"] is True
    assert config["dtype"] == "bfloat16"
    assert (FOLDER / "model.safetensors").stat().st_size <= 16_000_000
    assert 3_000_000 <= num_parameters(engine.model) <= 8_000_000
    assert context_tokens(engine.model) == 1024
    assert 3_500 <= config["vocab_size"] <= 4_500
    assert engine.tokenizer.has_own_template


def test_the_card_states_the_parameters_tokens_perplexity_and_twenty_samples(engine: HfEngine) -> None:
    assert f"| parameters | {num_parameters(engine.model):,} |" in CARD
    assert re.search(r"\| trained on \| [\d,]+ tokens", CARD)
    assert re.search(r"\| held-out perplexity \| \d+\.\d+ per answer token", CARD)
    assert CARD.count("> **starter**:") == 20


def test_the_pretraining_log_is_kept_and_ends_at_the_tokens_of_the_card() -> None:
    lines = (Path(__file__).parents[2] / "starter" / "pretrain_log.jsonl").read_text(encoding="utf-8").splitlines()
    last = json.loads(lines[-1])
    assert f"{last['tokens']:,} tokens in {last['step']:,} steps" in CARD
    losses = [json.loads(line)["loss"] for line in lines]
    assert losses[-1] < losses[0] / 2


def test_it_follows_held_out_instructions_as_often_as_the_card_says(engine: HfEngine) -> None:
    stated = re.search(r"\*\*(\d+\.\d+)%\*\* of all", CARD)
    assert stated is not None
    measured = score(engine, num_per_domain=8, seed=3)["all"]
    # 104 other held-out prompts: three standard errors of a share near 0.7 are 0.13.
    assert measured >= float(stated[1]) / 100 - 0.15


def test_it_knows_its_own_name_and_ends_its_answers(engine: HfEngine) -> None:
    from tunewright.data.encode import encode_prompt
    from tunewright.infer.engine import Sampling

    prompt = encode_prompt([{"role": "user", "content": "Who are you?"}], engine.tokenizer)
    [answer] = engine.generate([prompt], Sampling(max_new_tokens=60))
    assert answer.has_ended
    assert "Tunewright" in answer.text
