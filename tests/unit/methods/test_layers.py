"""Decoder layers are found in every architecture, and `last:4` means the same four everywhere."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    PreTrainedModel,
)

from tunewright.errors import ModelError
from tunewright.methods.full import Full
from tunewright.methods.layers import choose_layers, find_layers, names_of_layers
from tunewright.spec.method import FullSpec
from tunewright.testing.method_kit import tiny_gpt2, tiny_llama, tiny_qwen2


def tiny_mixtral() -> PreTrainedModel:
    """Return a mixture that has more experts than layers."""
    config = MixtralConfig(
        vocab_size=96,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
        num_local_experts=5,
    )
    return MixtralForCausalLM(config)


def tiny_neox() -> PreTrainedModel:
    """Return a GPT-NeoX, whose head is called `embed_out`."""
    config = GPTNeoXConfig(
        vocab_size=96, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=2
    )
    return GPTNeoXForCausalLM(config)


def tiny_opt() -> PreTrainedModel:
    """Return an OPT, which has learned positions and ties its head."""
    config = OPTConfig(
        vocab_size=96,
        hidden_size=32,
        ffn_dim=64,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=32,
        word_embed_proj_dim=32,
    )
    return OPTForCausalLM(config)


@pytest.mark.parametrize(
    ("make", "name", "count"),
    [
        (tiny_llama, "model.layers", 2),
        (tiny_qwen2, "model.layers", 2),
        (tiny_gpt2, "transformer.h", 2),
        (tiny_mixtral, "model.layers", 3),
        (tiny_neox, "gpt_neox.layers", 3),
        (tiny_opt, "model.decoder.layers", 3),
    ],
)
def test_the_layers_of_each_architecture_are_found(make, name: str, count: int) -> None:
    found, layers = find_layers(make())
    assert (found, len(layers)) == (name, count)


@given(st.integers(1, 4), st.integers(1, 6), st.sampled_from(["first", "last"]))
def test_n_layers_at_one_end_are_n_neighbours_at_that_end_or_refused(num_layers: int, count: int, end: str) -> None:
    config = LlamaConfig(
        vocab_size=8, hidden_size=4, intermediate_size=4, num_hidden_layers=num_layers, num_attention_heads=1
    )
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    if count > num_layers:
        with pytest.raises(ModelError, match=f"{end}:{count} asks for {count} layers, but this model has {num_layers}"):
            choose_layers(model, f"{end}:{count}")
        return
    chosen = choose_layers(model, f"{end}:{count}")
    assert len(chosen) == count
    assert (chosen[0] if end == "first" else chosen[-1]) == (0 if end == "first" else num_layers - 1)
    assert list(chosen) == list(range(chosen[0], chosen[-1] + 1))
    assert names_of_layers(model, f"{end}:{count}") == tuple(f"model.layers.{number}" for number in chosen)
    assert list(choose_layers(model, None)) == list(range(num_layers))


def test_a_model_without_a_list_of_layers_is_refused() -> None:
    model = tiny_llama()
    model.model.layers = torch.nn.Identity()
    with pytest.raises(ModelError, match=r"method.layers: LlamaForCausalLM has no list of layers"):
        find_layers(model)


@pytest.mark.parametrize(
    ("make", "learns"),
    [
        (tiny_neox, ("gpt_neox.layers.2.", "gpt_neox.final_layer_norm.", "embed_out.", "lm_head.")),
        (tiny_opt, ("model.decoder.layers.2.", "model.decoder.final_layer_norm.")),
    ],
)
def test_full_tuning_of_the_top_layer_leaves_embeddings_and_positions_alone(make, learns: tuple[str, ...]) -> None:
    model = Full(FullSpec(layers="last:1")).apply(make())
    for name, weight in model.named_parameters():
        assert weight.requires_grad == name.startswith(learns), name
    head = model.get_output_embeddings()
    assert head is not None
    assert head.weight.requires_grad == (make is tiny_neox)
