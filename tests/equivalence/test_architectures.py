"""Loss and all gradients over a forest are those of each row alone, in every architecture and layout that we state."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, PreTrainedConfig, PreTrainedModel, Qwen2Config

from tests.equivalence.architectures import FUSED, LAYOUTS, TRIED, VOCABULARY, WINDOW, make_config, make_model
from tests.equivalence.compare import alone, assert_same, together
from tests.equivalence.row_sets import Thresholds, make_row, row_sets, thresholds
from tunewright.data.encode import EncodedRow
from tunewright.models.layout import EXACT, LayoutChoice, choose_layout

EXACT_NAMES = [name for name, layout in LAYOUTS.items() if layout == "tree"]
PADDED_NAMES = [name for name, layout in LAYOUTS.items() if layout == "padded"]
_SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
VARIANTS: dict[str, PreTrainedConfig] = {
    "tied embeddings": LlamaConfig(**_SMALL, tie_word_embeddings=True),
    "biases": LlamaConfig(**_SMALL, attention_bias=True, mlp_bias=True),
    "one key head": LlamaConfig(**{**_SMALL, "num_key_value_heads": 1}),
    "as many key heads": LlamaConfig(**{**_SMALL, "num_key_value_heads": 4}),
    "another activation": LlamaConfig(**_SMALL, hidden_act="gelu"),
    "linear rotary scaling": LlamaConfig(**_SMALL, rope_parameters={"rope_type": "linear", "factor": 4.0}),
    "windows in some layers": Qwen2Config(
        **_SMALL, use_sliding_window=True, sliding_window=WINDOW, layer_types=["full_attention", "sliding_attention"]
    ),
}


@cache
def model_of(name: str) -> PreTrainedModel:
    return make_model(VARIANTS[name] if name in VARIANTS else make_config(name))


def library(layout: str) -> LayoutChoice:
    return LayoutChoice(layout, False, "")  # pyright: ignore[reportArgumentType]


def fused(layout: str) -> LayoutChoice:
    return LayoutChoice(layout, True, "")  # pyright: ignore[reportArgumentType]


def test_the_architectures_that_are_trusted_are_those_held_here() -> None:
    assert {make_config(name).model_type for name in EXACT_NAMES if name not in TRIED} == set(EXACT)


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_architecture_takes_the_layout_that_is_stated(name: str) -> None:
    choice = choose_layout(model_of(name), "tree", longest_row=60)
    assert choice.layout == LAYOUTS[name]
    assert choice.is_fused == (name in FUSED)


@pytest.mark.parametrize("name", EXACT_NAMES)
@given(rows=row_sets(), sizes=thresholds)
@settings(max_examples=6, deadline=None, derandomize=True)
def test_every_layout_gives_the_loss_and_gradients_of_the_rows_alone(
    name: str, rows: list[EncodedRow], sizes: Thresholds
) -> None:
    model = model_of(name)
    expected = alone(model, rows)
    for layout in ("tree", "packed", "padded"):
        assert_same(together(model, rows, library(layout), sizes), expected)
    if name in FUSED:
        for layout in ("tree", "packed"):
            assert_same(together(model, rows, fused(layout), sizes), expected)


@pytest.mark.parametrize("name", VARIANTS)
@given(rows=row_sets(), sizes=thresholds)
@settings(max_examples=4, deadline=None, derandomize=True)
def test_what_a_configuration_may_change_changes_no_gradient(
    name: str, rows: list[EncodedRow], sizes: Thresholds
) -> None:
    model = model_of(name)
    choice = choose_layout(model, "tree", longest_row=60)
    assert choice.is_fused
    assert_same(together(model, rows, choice, sizes), alone(model, rows))


@pytest.mark.parametrize("name", PADDED_NAMES)
@given(rows=row_sets(), max_tokens=st.sampled_from([60, 4096]))
@settings(max_examples=4, deadline=None, derandomize=True)
def test_what_cannot_run_over_forests_is_exact_when_padded(name: str, rows: list[EncodedRow], max_tokens: int) -> None:
    model = model_of(name)
    choice = choose_layout(model, "tree", longest_row=60)
    sizes = Thresholds(min_prefix=16, min_saved=32, max_block=512, max_tree=0, max_tokens=max_tokens)
    assert_same(together(model, rows, choice, sizes), alone(model, rows))


@pytest.mark.parametrize("name", EXACT_NAMES)
@given(rows=row_sets())
@settings(max_examples=2, deadline=None, derandomize=True)
def test_recomputed_activations_change_no_gradient(name: str, rows: list[EncodedRow]) -> None:
    # A model of its own: recomputing, once switched on, stays on.
    model = make_model(make_config(name))
    expected = alone(model, rows)
    if name in FUSED:
        assert_same(together(model, rows, fused("tree"), checkpointing=True), expected)
    assert_same(together(model, rows, library("tree"), checkpointing=True), expected)
    assert_same(together(model, rows, library("padded"), checkpointing=True), expected)


def test_attention_matters_in_these_models() -> None:
    """What stands before a token's direct predecessor moves the loss by far more than the tolerance."""
    for name in EXACT_NAMES:
        model, rng_row = model_of(name), list(range(3, 20))
        other = [*rng_row[:10], 50, *rng_row[11:]]
        losses = [alone(model, [_last_taught(ids)]).loss for ids in (rng_row, other)]
        assert abs(losses[0] - losses[1]) > 1e-3 * losses[0], name


def _last_taught(ids: list[int]) -> EncodedRow:
    return make_row(ids, [0.0] * (len(ids) - 1) + [1.0])
