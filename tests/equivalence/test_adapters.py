"""With adapters in it a model over forests still gives the loss and gradients of the rows alone.

The rows alone run peft's own layers, so the fused ones are held against them too.
"""

from __future__ import annotations

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from peft import LoraConfig, inject_adapter_in_model
from transformers import PreTrainedModel

from tests.equivalence.architectures import FUSED, LAYOUTS, make_config, make_model
from tests.equivalence.compare import alone, assert_same, together
from tests.equivalence.row_sets import Thresholds, row_sets, thresholds
from tunewright.data.encode import EncodedRow
from tunewright.models.layout import LayoutChoice, choose_layout

EXACT_NAMES = [name for name, layout in LAYOUTS.items() if layout == "tree"]
# Everything linear but the head, as the recipe's `all-linear`; the two that name their layers otherwise.
_TARGETS = {
    "GPT-2": ["c_attn", "c_proj", "c_fc"],
    "GPT-NeoX": ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
}
SETTINGS: dict[str, LoraConfig] = {
    "ranks and scales that differ": LoraConfig(
        r=4,
        lora_alpha=6,
        target_modules=["q_proj", "v_proj", "o_proj", "gate_proj", "down_proj"],
        rank_pattern={"q_proj": 2, "gate_proj": 7},
        alpha_pattern={"down_proj": 11},
    ),
    "scaled by the root of the rank": LoraConfig(r=4, use_rslora=True, target_modules=["k_proj", "up_proj"]),
    "the upper layer only": LoraConfig(r=4, target_modules=["q_proj", "up_proj"], layers_to_transform=[1]),
    "DoRA": LoraConfig(r=4, use_dora=True, target_modules=["q_proj", "up_proj", "o_proj"]),
    "the head adapted": LoraConfig(r=4, target_modules=["q_proj", "lm_head"]),
    "the head learning": LoraConfig(r=4, target_modules=["q_proj"], modules_to_save=["lm_head"]),
    "the embeddings adapted": LoraConfig(r=4, target_modules=["embed_tokens", "v_proj"]),
}


def adapted(name: str, config: LoraConfig) -> PreTrainedModel:
    model = make_model(make_config(name))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        inject_adapter_in_model(config, model)
        for key, weight in model.named_parameters():
            # B begins at 0, where A has no gradient.
            if "lora_B" in key or "lora_embedding_A" in key:
                weight.data.normal_(0, 0.1)
    return model


@cache
def all_linear(name: str) -> PreTrainedModel:
    targets = _TARGETS.get(name, "all-linear")
    is_turned = name == "GPT-2"
    return adapted(name, LoraConfig(r=4, target_modules=targets, task_type="CAUSAL_LM", fan_in_fan_out=is_turned))


@cache
def set_up(setting: str) -> PreTrainedModel:
    return adapted("Llama", SETTINGS[setting])


@pytest.mark.parametrize("name", EXACT_NAMES)
@given(rows=row_sets(), sizes=thresholds)
@settings(max_examples=4, deadline=None, derandomize=True)
def test_adapters_get_the_gradients_of_the_rows_alone(name: str, rows: list[EncodedRow], sizes: Thresholds) -> None:
    model = all_linear(name)
    expected = alone(model, rows)
    assert all("lora_" in key for key in expected.gradients)
    choice = choose_layout(model, "tree", longest_row=60)
    assert choice.is_fused == (name in FUSED)
    assert_same(together(model, rows, choice, sizes), expected)
    assert_same(together(model, rows, LayoutChoice("tree", False, ""), sizes), expected)
    if choice.is_fused:
        assert_same(together(model, rows, choice, sizes, checkpointing=True), expected)


@pytest.mark.parametrize("name", EXACT_NAMES)
@given(rows=row_sets())
@settings(max_examples=1, deadline=None, derandomize=True)
def test_recomputed_activations_change_no_gradient_of_an_adapter(name: str, rows: list[EncodedRow]) -> None:
    # A model of its own: recomputing, once switched on, stays on.
    targets, is_turned = _TARGETS.get(name, "all-linear"), name == "GPT-2"
    model = adapted(name, LoraConfig(r=4, target_modules=targets, task_type="CAUSAL_LM", fan_in_fan_out=is_turned))
    expected = alone(model, rows)
    for layout in ("tree", "padded"):
        assert_same(together(model, rows, LayoutChoice(layout, False, ""), checkpointing=True), expected)


@pytest.mark.parametrize("setting", SETTINGS)
@given(rows=row_sets(), sizes=thresholds)
@settings(max_examples=4, deadline=None, derandomize=True)
def test_whatever_is_adapted_is_computed_or_called_as_it_is(
    setting: str, rows: list[EncodedRow], sizes: Thresholds
) -> None:
    model = set_up(setting)
    choice = choose_layout(model, "tree", longest_row=60)
    assert choice.layout == "tree"
    assert_same(together(model, rows, choice, sizes), alone(model, rows))
