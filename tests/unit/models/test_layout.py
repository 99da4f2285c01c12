"""A layout is taken only where it is exact for the model at hand, and the choice says why."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    Gemma3TextConfig,
    GPT2Config,
    Llama4TextConfig,
    LlamaConfig,
    MixtralConfig,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.models.auto import AutoModelForCausalLM

from tests.equivalence.architectures import make_model
from tunewright.models.layout import EXACT, LayoutChoice, choose_layout

_SMALL: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def llama(**options: object) -> PreTrainedModel:
    return make_model(LlamaConfig(**{**_SMALL, **options}))


@pytest.mark.parametrize("asked", ["auto", "tree"])
def test_a_trusted_architecture_is_a_tree_by_our_own_operations(asked: str) -> None:
    assert choose_layout(llama(), asked, 60) == LayoutChoice(
        "tree", True, "exact for llama, computed by our own operations"
    )


def test_what_is_asked_for_is_taken_where_it_is_exact() -> None:
    assert choose_layout(llama(), "packed", 60).layout == "packed"
    assert choose_layout(llama(), "padded", 60) == LayoutChoice("padded", False, "asked for")


@pytest.mark.parametrize("asked", ["auto", "tree", "packed"])
def test_what_is_asked_for_and_is_not_exact_is_not_taken(asked: str) -> None:
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    choice = choose_layout(llama(max_position_embeddings=32, rope_parameters=rope), asked, 60)
    assert choice.layout == "padded"
    assert "dynamic" in choice.reason


def test_rotary_scaling_of_one_kind_of_layers_alone_is_seen() -> None:
    rope = {
        "full_attention": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
    }
    config = Gemma3TextConfig(**{**_SMALL, "max_position_embeddings": 32}, head_dim=8, rope_parameters=rope)
    model = make_model(config)
    assert choose_layout(model, "tree", 32).layout == "tree"
    assert choose_layout(model, "tree", 33).layout == "padded"


def test_an_architecture_that_our_operations_do_not_know_runs_by_its_own_layers() -> None:
    model = make_model(GPT2Config(vocab_size=96, n_embd=32, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=2))
    assert choose_layout(model, "tree", 60) == LayoutChoice(
        "tree", False, "exact for gpt2, computed by the model's own layers"
    )


def test_an_architecture_that_nobody_vouches_for_is_tried() -> None:
    config = MixtralConfig(**_SMALL, num_local_experts=2)
    assert config.model_type not in EXACT
    assert choose_layout(make_model(config), "tree", 60).layout == "tree"


def chunked(chunk: int) -> PreTrainedConfig:
    return Llama4TextConfig(
        **{**_SMALL, "max_position_embeddings": 16384}, intermediate_size_mlp=48, head_dim=8, num_local_experts=2,
        attention_chunk_size=chunk,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("chunk", "longest", "layout"), [(16, 60, "padded"), (8192, 9000, "padded"), (8192, 60, "tree")]
)
def test_attention_in_chunks_is_padded_where_a_row_is_longer_than_a_chunk(
    chunk: int, longest: int, layout: str
) -> None:
    """A short trial cannot see a chunk that is longer than itself."""
    torch.manual_seed(0)
    assert choose_layout(AutoModelForCausalLM.from_config(chunked(chunk)), "tree", longest).layout == layout
