"""What a model cannot do over forests is found out before it trains, and it is padded instead; nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import AutoModelForCausalLM, GPTJConfig, LlamaConfig, Phi3Config, PreTrainedModel

from tests.equivalence.architectures import VOCABULARY, make_config, make_model
from tests.equivalence.compare import alone, assert_same, together
from tests.equivalence.row_sets import make_row
from tunewright.models.layout import choose_layout

ORIGINAL = 32
_SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def dynamic_model() -> PreTrainedModel:
    rope = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    return make_model(LlamaConfig(**_SMALL, max_position_embeddings=ORIGINAL, rope_parameters=rope))


def longrope_model() -> PreTrainedModel:
    rope = {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0] * 4,
        "long_factor": [4.0] * 4,
        "original_max_position_embeddings": ORIGINAL,
    }
    config = Phi3Config(
        **_SMALL, max_position_embeddings=128, original_max_position_embeddings=ORIGINAL, rope_parameters=rope
    )
    return make_model(config)


LENGTH_DEPENDENT = {"dynamic": dynamic_model, "longrope": longrope_model}


@pytest.mark.parametrize("kind", LENGTH_DEPENDENT)
def test_rotary_scaling_by_length_is_padded_only_where_a_row_is_longer_than_the_original(kind: str) -> None:
    model = LENGTH_DEPENDENT[kind]()
    assert choose_layout(model, "tree", longest_row=ORIGINAL).layout == "tree"
    choice = choose_layout(model, "tree", longest_row=ORIGINAL + 1)
    assert (choice.layout, choice.is_fused) == ("padded", False)
    assert choice.reason == f"{kind} rotary scaling depends on the longest row of a batch"


@pytest.mark.parametrize("kind", LENGTH_DEPENDENT)
def test_up_to_the_original_length_such_rows_are_exact_in_a_tree(kind: str) -> None:
    model = LENGTH_DEPENDENT[kind]()
    shared = list(range(3, 25))
    rows = [make_row([*shared, *range(30 + k, 40)], [1.0] * (32 - k)) for k in range(4)]
    choice = choose_layout(model, "tree", longest_row=ORIGINAL)
    assert_same(together(model, rows, choice), alone(model, rows))


@pytest.mark.parametrize("name", ["BLOOM", "OPT"])
def test_a_trial_leaves_the_model_as_it_was(name: str) -> None:
    model = make_model(make_config(name))
    before = model.config._attn_implementation
    choose_layout(model, "tree", longest_row=60)
    assert model.config._attn_implementation == before
    assert model.training
    assert all(weight.grad is None for weight in model.parameters())


def test_slopes_by_distance_are_padded() -> None:
    choice = choose_layout(make_model(make_config("BLOOM")), "tree", longest_row=60)
    assert choice.layout == "padded"
    assert choice.reason.startswith("bloom ")


def test_an_attention_that_cannot_be_replaced_is_padded_and_exact() -> None:
    config = GPTJConfig(
        vocab_size=VOCABULARY, n_positions=128, n_embd=32, n_layer=2, n_head=4, rotary_dim=4,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config)
    choice = choose_layout(model, "tree", longest_row=60)
    assert choice.layout == "padded"
    rows = [make_row(range(3, 3 + length), [1.0] * length) for length in (9, 20, 2)]
    assert_same(together(model, rows, choice), alone(model, rows))


@pytest.mark.parametrize("kind", LENGTH_DEPENDENT)
@pytest.mark.parametrize("asked", ["tree", "padded"])
def test_rows_on_both_sides_of_the_original_length_do_not_change_each_other(kind: str, asked: str) -> None:
    # The longest first, as padded batches have it: dynamic scaling remembers the longest row that it has seen.
    rows = [make_row(range(3, 3 + length), [1.0] * length) for length in (60, 50, 33, 32, 9, 2)]
    expected = alone(LENGTH_DEPENDENT[kind](), rows)
    model = LENGTH_DEPENDENT[kind]()
    choice = choose_layout(model, asked, longest_row=60)
    assert_same(together(model, rows, choice), expected)
