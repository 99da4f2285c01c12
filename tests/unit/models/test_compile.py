"""torch.compile fuses parts of the library's layers if asked, says why where it does not, and changes no result."""

from __future__ import annotations

import shutil

import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM

from tests.unit.train.small_net import VOCABULARY, make_net, make_runner, make_token_rows
from tunewright.data.pack import make_forests
from tunewright.models.forward import ForestModel
from tunewright.models.layout import choose_layout
from tunewright.objectives.causal_lm import CausalLm
from tunewright.spec.objective import CausalLmSpec

HAS_COMPILER = any(shutil.which(name) for name in ("c++", "g++", "clang++", "cl"))


def make_gemma() -> ForestModel:
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=64,
        pad_token_id=0,
    )
    model = Gemma2ForCausalLM(config).train()
    return ForestModel(model, choose_layout(model, "auto", 64))


def loss_and_gradients(runner: ForestModel) -> tuple[float, dict[str, torch.Tensor]]:
    runner.model.zero_grad()
    total = 0.0
    with runner.active():
        for forest in make_forests(make_token_rows(6), 40):
            tensors = runner.tensors(forest)
            terms = CausalLm(CausalLmSpec())(runner.head(tensors), tensors.target_N, tensors.weight_N)
            terms.loss_sum.backward()
            total += float(terms.loss_sum.detach())
    return total, {name: w.grad.clone() for name, w in runner.model.named_parameters() if w.grad is not None}


def test_where_our_own_operations_compute_nothing_is_compiled() -> None:
    assert "our own operations" in make_runner(make_net()).compile_parts()


def test_without_a_compiler_nothing_is_compiled_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "no C++ compiler" in make_gemma().compile_parts()


@pytest.mark.slow
@pytest.mark.skipif(not HAS_COMPILER, reason="needs a C++ compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_compiled_parts_give_the_same_loss_and_gradients_under_the_same_names() -> None:
    plain, compiled = make_gemma(), make_gemma()
    assert compiled.compile_parts() == ""
    assert compiled.model.state_dict().keys() == plain.model.state_dict().keys()
    loss, gradients = loss_and_gradients(compiled)
    expected_loss, expected = loss_and_gradients(plain)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-3, atol=1e-5)
