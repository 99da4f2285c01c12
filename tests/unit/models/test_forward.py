"""Whoever trains or scores gets the same head in every layout, and behind it the model generates as ever."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from transformers import GPT2Config, LlamaConfig, PreTrainedModel

from tests.equivalence.architectures import make_config, make_model
from tests.equivalence.row_sets import make_row
from tunewright.data.encode import EncodedRow
from tunewright.data.pack import make_forests
from tunewright.errors import ModelError
from tunewright.models.forest import ForestTensors, to_tensors
from tunewright.models.forward import ForestModel, HiddenHead, LogitsHead
from tunewright.models.layout import LayoutChoice

CHOICES = [LayoutChoice("tree", True, ""), LayoutChoice("tree", False, ""), LayoutChoice("padded", False, "")]


def some_rows(num_rows: int = 3) -> list[EncodedRow]:
    """Return rows that share 40 tokens of which the last 5 are taught, and one that shares nothing."""
    rng = np.random.default_rng(0)
    shared = rng.integers(3, 96, 40)
    weights = (np.arange(48) >= 35).astype(np.float32)
    rows = [make_row(np.concatenate([shared, rng.integers(3, 96, 8)]), weights) for _ in range(num_rows)]
    return [*rows, make_row(rng.integers(3, 96, 9), np.ones(9))]


def forest_of(rows: list[EncodedRow], choice: LayoutChoice) -> ForestTensors:
    [forest] = make_forests(rows, 4096, choice.layout)
    return to_tensors(forest, "cpu")


def losses(model: PreTrainedModel, choice: LayoutChoice, forest: ForestTensors) -> dict[tuple[int, int], float]:
    """Return each taught token's loss by its row and the place of its target."""
    forest_model = ForestModel(model, choice)
    with torch.no_grad(), forest_model.active():
        loss_N = forest_model.head(forest).cross_entropy(forest.target_N, forest.weight_N).loss_N
    places = (forest.positions_T[forest.query_N] + 1).tolist()
    return dict(zip(zip(forest.row_N.tolist(), places, strict=True), loss_N.tolist(), strict=True))


def test_a_token_s_loss_is_the_same_in_every_layout() -> None:
    model, rows = make_model(make_config("Llama")), some_rows()
    expected = losses(model, CHOICES[-1], forest_of(rows, CHOICES[-1]))
    assert len(expected) == sum(row.num_supervised for row in rows)
    for choice in CHOICES:
        assert losses(model, choice, forest_of(rows, choice)) == pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_head_of_one_matrix_sees_hidden_states_only(choice: LayoutChoice) -> None:
    model, forest = make_model(make_config("Llama")), forest_of(some_rows(), choice)
    forest_model = ForestModel(model, choice)
    with forest_model.active():
        head = forest_model.head(forest)
    assert isinstance(head, HiddenHead)
    assert head.hidden_ND.shape == (len(forest.target_N), 32)


@pytest.mark.parametrize("choice", CHOICES)
def test_an_adapted_head_sees_the_tokens_that_predict_and_gives_its_own_logits(choice: LayoutChoice) -> None:
    model = make_model(make_config("Llama"))
    inject_adapter_in_model(LoraConfig(r=2, target_modules=["lm_head"], init_lora_weights=False), model)
    forest = forest_of(some_rows(), choice)
    forest_model = ForestModel(model, choice)
    with torch.no_grad(), forest_model.active():
        head = forest_model.head(forest)
        assert isinstance(head, LogitsHead)
        assert head.logits_NV.shape == (len(forest.target_N), 96)
    expected = losses(model, CHOICES[-1], forest_of(some_rows(), CHOICES[-1]))
    assert losses(model, choice, forest) == pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", ["Llama", "GPT-2"])
def test_behind_the_forests_a_model_generates_as_before(name: str) -> None:
    model = make_model(make_config(name)).eval()
    prompt = torch.arange(3, 12)[None]
    options = {"max_new_tokens": 5, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    before = model.generate(prompt, **options)
    implementation = model.config._attn_implementation
    losses(model, CHOICES[1], forest_of(some_rows(), CHOICES[1]))
    assert model.config._attn_implementation == implementation
    assert torch.equal(model.generate(prompt, **options), before)


def test_an_error_inside_the_forests_leaves_the_model_ready_to_generate() -> None:
    model = make_model(make_config("GPT-2"))
    implementation = model.config._attn_implementation
    with pytest.raises(RuntimeError, match="stopped"), ForestModel(model, CHOICES[1]).active():
        raise RuntimeError("stopped")
    assert model.config._attn_implementation == implementation


def test_a_model_that_is_given_no_forest_says_so() -> None:
    model = make_model(make_config("Llama"))
    with ForestModel(model, CHOICES[1]).active(), pytest.raises(ModelError, match="does not pass the forest on"):
        model(input_ids=torch.arange(3, 9)[None], use_cache=False)


def test_terms_of_the_scores_that_are_not_known_are_refused() -> None:
    model, forest = make_model(make_config("Llama")), forest_of(some_rows(), CHOICES[1])
    ids, positions = forest.ids_T[None], forest.positions_T[None]
    with ForestModel(model, CHOICES[1]).active(), pytest.raises(ModelError, match="adds position_bias"):
        model(input_ids=ids, position_ids=positions, use_cache=False, forest=forest, position_bias=torch.zeros(1))


@pytest.mark.parametrize("layout", ["tree", "packed"])
def test_recomputing_keeps_fewer_activations(layout: str) -> None:
    rows = some_rows()
    for is_fused in (True, False):
        choice = LayoutChoice(layout, is_fused, "")  # pyright: ignore[reportArgumentType]
        sizes = []
        for checkpointing in (False, True):
            model, forest = make_model(make_config("Llama")), forest_of(rows, choice)
            forest_model, saved = ForestModel(model, choice, checkpointing=checkpointing), []
            hooks = torch.autograd.graph.saved_tensors_hooks(
                lambda x, kept=saved: kept.append(x.numel()) or x, lambda x: x
            )
            with hooks, forest_model.active():
                forest_model.head(forest)
            sizes.append(sum(saved))
        assert sizes[1] < 0.5 * sizes[0], is_fused


# ── dropout ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def noisy_gpt2() -> PreTrainedModel:
    dropout = {"resid_pdrop": 0.3, "embd_pdrop": 0.3, "attn_pdrop": 0.3}
    sizes = {"vocab_size": 96, "n_positions": 128, "n_embd": 32, "n_layer": 2, "n_head": 4}
    return make_model(GPT2Config(**sizes, **dropout, bos_token_id=1, eos_token_id=2))


def test_the_noise_of_a_shared_prefix_is_one_and_the_same_for_all_rows_that_have_it() -> None:
    model, rows = noisy_gpt2(), some_rows()
    torch.manual_seed(0)
    found = losses(model, CHOICES[1], forest_of(rows, CHOICES[1]))
    for place in range(35, 40):
        assert len({found[row, place] for row in range(3)}) == 1, place
    packed = LayoutChoice("packed", False, "")
    apart = losses(model, packed, forest_of(rows, packed))
    assert all(len({apart[row, place] for row in range(3)}) == 3 for place in range(35, 40))


def test_rows_have_noises_of_their_own_behind_a_shared_prefix() -> None:
    """The same row twice, and once with another end, so that the branch of both is computed apart."""
    model, [first, *_] = noisy_gpt2(), some_rows(1)
    other = make_row([*first.ids[:40], *first.ids[40:][::-1]], first.weights)
    forest = forest_of([first, other], CHOICES[1])
    torch.manual_seed(0)
    noisy = losses(model, CHOICES[1], forest)
    torch.manual_seed(0)
    assert losses(model, CHOICES[1], forest) == noisy
    torch.manual_seed(1)
    assert losses(model, CHOICES[1], forest) != noisy
    assert losses(model.eval(), CHOICES[1], forest) == losses(model, CHOICES[1], forest)


def test_our_own_operations_draw_the_noise_of_the_library_s_layers() -> None:
    config = make_config("Llama")
    assert isinstance(config, LlamaConfig)
    config.attention_dropout = 0.3
    model, found = make_model(config), []
    for choice in CHOICES[:2]:
        torch.manual_seed(0)
        found.append(losses(model, choice, forest_of(some_rows(), choice)))
    assert found[0] == pytest.approx(found[1], rel=1e-5, abs=1e-5)
    silent = losses(model.eval(), CHOICES[0], forest_of(some_rows(), CHOICES[0]))
    assert found[0] != pytest.approx(silent, rel=1e-2)


@pytest.mark.parametrize("is_fused", [True, False])
def test_recomputed_layers_draw_the_noise_of_the_first_time(is_fused: bool) -> None:
    gradients = []
    for checkpointing in (False, True):
        config = make_config("Llama")
        assert isinstance(config, LlamaConfig)
        config.attention_dropout = 0.3
        model, choice = make_model(config), LayoutChoice("tree", is_fused, "")
        forest, forest_model = forest_of(some_rows(), choice), ForestModel(model, choice, checkpointing=checkpointing)
        torch.manual_seed(0)
        with forest_model.active():
            forest_model.head(forest).cross_entropy(forest.target_N, forest.weight_N).loss_sum.backward()
        gradients.append([weight.grad for weight in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("choice", CHOICES)
def test_twenty_backward_passes_are_equal_to_the_bit(choice: LayoutChoice) -> None:
    model, forest = make_model(make_config("Llama")), forest_of(some_rows(), choice)
    forest_model = ForestModel(model, choice)
    runs = []
    for _ in range(20):
        model.zero_grad()
        with forest_model.active():
            forest_model.head(forest).cross_entropy(forest.target_N, forest.weight_N).loss_sum.backward()
        runs.append(torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None]))
    assert all(torch.equal(run, runs[0]) for run in runs)
