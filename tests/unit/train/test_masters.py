"""The masters remember what bf16 cannot; an fp32 model is its own master."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from tests.unit.train.small_net import make_net
from tunewright.methods.lora import Lora
from tunewright.methods.method import Origin
from tunewright.models.source import ModelSource
from tunewright.spec.method import LoraSpec
from tunewright.spec.model import ModelSpec
from tunewright.train import masters as masters_module
from tunewright.train.masters import MasterWeights, portions


def test_an_fp32_model_is_its_own_master() -> None:
    net = make_net()
    masters = MasterWeights(net)
    assert all(masters.tensors[name] is weight for name, weight in net.named_parameters())


def test_a_bf16_model_has_fp32_masters_of_the_same_values() -> None:
    net = make_net(dtype=torch.bfloat16)
    masters = MasterWeights(net)
    assert {tensor.dtype for tensor in masters.tensors.values()} == {torch.float32}
    assert all(torch.equal(masters.tensors[name], weight.float()) for name, weight in net.named_parameters())


def test_frozen_weights_have_no_master() -> None:
    net = make_net(dtype=torch.bfloat16)
    net.requires_grad_(False)
    net.get_input_embeddings().weight.requires_grad_(True)
    assert list(MasterWeights(net).tensors) == ["model.embed_tokens.weight"]


def test_a_thousand_tiny_updates_move_the_weights_that_bf16_alone_would_leave() -> None:
    weight = torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    alone = weight.detach().clone()
    module = torch.nn.Module()
    module.weight = weight
    masters = MasterWeights(module)
    for _ in range(1000):
        alone.mul_(1 - 1e-4)
        masters.tensors["weight"].mul_(1 - 1e-4)
        masters.publish()
    assert torch.equal(alone, torch.ones(4, dtype=torch.bfloat16))
    expected = torch.full((4,), (1 - 1e-4) ** 1000)
    torch.testing.assert_close(masters.tensors["weight"], expected, rtol=1e-4, atol=0.0)
    assert torch.equal(weight, masters.tensors["weight"].bfloat16())
    assert float(weight.detach()[0]) < 0.91


def test_gradients_of_micro_batches_add_up_in_fp32() -> None:
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
    masters = MasterWeights(module)
    for value in (256.0, 1.0, 1.0):
        module.weight.grad = torch.tensor([value], dtype=torch.bfloat16)
        masters.collect_gradients()
        assert module.weight.grad is None
    # In bf16, 256 + 1 is 256.
    assert masters.tensors["weight"].grad == torch.tensor([258.0])
    masters.clear_gradients()
    assert masters.tensors["weight"].grad is None


def test_gradients_of_portions_of_any_size_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = []
    for portion in (masters_module.PORTION, 1000, 1):
        monkeypatch.setattr(masters_module, "PORTION", portion)
        net = make_net(dtype=torch.bfloat16)
        masters = MasterWeights(net)
        for seed in (1, 2):
            set_gradients(net, seed)
            masters.collect_gradients()
        sums.append({name: gradient.clone() for name, gradient in masters.gradients().items()})
        # Nothing of the step before is left in what is used again.
        masters.clear_gradients()
        set_gradients(net, 3)
        single = {name: weight.grad.float() for name, weight in net.named_parameters()}
        masters.collect_gradients()
        assert all(torch.equal(gradient, single[name]) for name, gradient in masters.gradients().items())
    assert sums[0].keys() == dict(make_net().named_parameters()).keys()
    assert all(torch.equal(each[name], gradient) for each in sums[1:] for name, gradient in sums[0].items())


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 12))
def test_portions_keep_the_order_and_only_a_larger_tensor_exceeds_the_limit(sizes: list[int], limit: int) -> None:
    weights = {str(number): torch.empty(size) for number, size in enumerate(sizes)}
    cut = list(portions(weights, limit))
    assert [name for names in cut for name in names] == list(weights)
    for names in cut:
        assert sum(weights[name].numel() for name in names) <= limit or len(names) == 1


def test_a_weight_without_a_gradient_gets_none() -> None:
    net = make_net(dtype=torch.bfloat16)
    masters = MasterWeights(net)
    net.get_input_embeddings().weight.grad = torch.ones_like(net.get_input_embeddings().weight)
    masters.collect_gradients()
    assert list(masters.gradients()) == ["model.embed_tokens.weight"]


@pytest.mark.parametrize("rounding", ["masters", "stochastic"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def test_gradients_are_scaled_to_the_limit_and_the_norm_told_is_the_former(
    rounding: Literal["masters", "stochastic"], dtype: torch.dtype
) -> None:
    net = make_net(dtype=dtype)
    masters = MasterWeights(net, rounding)
    set_gradients(net, 1)
    masters.collect_gradients()
    before = {name: gradient.double().clone() for name, gradient in masters.gradients().items()}
    expected = math.sqrt(sum(float(gradient.square().sum()) for gradient in before.values()))
    for limit in (None, 2 * expected):
        assert math.isclose(masters.clip_gradients(limit), expected, rel_tol=1e-5)
        assert all(torch.equal(gradient.double(), before[name]) for name, gradient in masters.gradients().items())
    assert math.isclose(masters.clip_gradients(expected / 4), expected, rel_tol=1e-5)
    for name, gradient in masters.gradients().items():
        torch.testing.assert_close(gradient.double(), before[name] / 4, rtol=2**-7, atol=0.0)


@pytest.mark.parametrize("rounding", ["masters", "stochastic"])
def test_a_gradient_that_is_not_finite_is_told(rounding: Literal["masters", "stochastic"]) -> None:
    for value in (math.nan, math.inf):
        net = make_net(dtype=torch.bfloat16)
        masters = MasterWeights(net, rounding)
        set_gradients(net, 1)
        net.get_input_embeddings().weight.grad[0, 0] = value
        masters.collect_gradients()
        assert not math.isfinite(masters.clip_gradients(1.0))


def test_without_gradients_the_norm_is_zero() -> None:
    assert MasterWeights(make_net()).clip_gradients(1.0) == 0.0


def test_lora_computes_with_bf16_adapters_and_saves_their_fp32_masters(tmp_path: Path) -> None:
    net = make_net(dtype=torch.bfloat16)
    net.config.save_pretrained(str(tmp_path / "base"))
    method = Lora(LoraSpec(rank=4))
    method.apply(net)
    masters = MasterWeights(net)
    adapters = {name: weight for name, weight in net.named_parameters() if weight.requires_grad}
    assert adapters.keys() == masters.tensors.keys()
    assert {weight.dtype for weight in adapters.values()} == {torch.bfloat16}
    with torch.no_grad():
        for tensor in masters.tensors.values():
            tensor.add_(1e-4)
    masters.publish()
    source = ModelSource(str(tmp_path / "base"), tmp_path / "base")
    method.save(net, masters.tensors, tmp_path / "adapter", Origin(ModelSpec(source=str(tmp_path / "base")), source))
    saved = load_file(str(tmp_path / "adapter" / "adapter_model.safetensors"))
    by_name = {f"base_model.model.{name.replace('.default', '')}": tensor for name, tensor in masters.tensors.items()}
    assert saved.keys() == by_name.keys()
    assert all(torch.equal(tensor, by_name[name]) for name, tensor in saved.items())
    assert not all(torch.equal(tensor, tensor.bfloat16().float()) for tensor in saved.values())


def test_what_is_loaded_is_published() -> None:
    net = make_net(dtype=torch.bfloat16)
    masters = MasterWeights(net)
    masters.load({name: tensor + 1 for name, tensor in masters.tensors.items()})
    assert all(torch.equal(weight, masters.tensors[name].bfloat16()) for name, weight in net.named_parameters())


def test_dithered_copies_move_on_average_as_far_as_their_masters() -> None:
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(torch.full((20_000,), -0.5, dtype=torch.bfloat16))
    masters = MasterWeights(module, dithers=True)
    masters.publish()
    assert torch.equal(module.weight, torch.full((20_000,), -0.5, dtype=torch.bfloat16))
    for share in (0.1, 0.3, -0.2):
        # bf16's spacing at 0.5 and above is 1/256, and half of that below.
        moved = share * (1 / 256 if share > 0 else 1 / 512)
        masters.load({"weight": torch.full((20_000,), -0.5 - moved)})
        assert float(module.weight.detach().float().mean()) == pytest.approx(-0.5 - moved, abs=abs(moved) / 10)
    assert len(module.weight.detach().unique()) == 2


def test_dithering_is_the_same_at_every_call_and_for_every_process() -> None:
    nets = [make_net(dtype=torch.bfloat16) for _ in range(2)]
    first, second = (MasterWeights(net, dithers=True) for net in nets)
    moved = {name: tensor + 1e-3 for name, tensor in first.tensors.items()}
    first.load(moved)
    once = {name: weight.clone() for name, weight in nets[0].named_parameters()}
    first.publish()
    second.load(moved)
    for net in nets:
        assert all(torch.equal(weight, once[name]) for name, weight in net.named_parameters())
    assert not all(torch.equal(once[name], moved[name].bfloat16()) for name in once)


def test_weights_of_another_model_are_refused_before_any_is_taken() -> None:
    masters = MasterWeights(make_net(dtype=torch.bfloat16))
    before = {name: tensor.clone() for name, tensor in masters.tensors.items()}
    other = {name: tensor + 1 for name, tensor in before.items()}
    norm = "model.norm.weight"
    with pytest.raises(ValueError, match=r"others: model\.norm\.weight is in the model only"):
        masters.load({name: tensor for name, tensor in other.items() if name != norm})
    with pytest.raises(ValueError, match="others: extra is in the file only"):
        masters.load({**other, "extra": torch.ones(1)})
    with pytest.raises(ValueError, match=r"model\.norm\.weight has shape \[1\], expected \[32\]"):
        masters.load({**other, norm: torch.ones(1)})
    assert all(torch.equal(tensor, before[name]) for name, tensor in masters.tensors.items())


def set_gradients(net: torch.nn.Module, seed: int) -> None:
    """Give every weight a random gradient of `seed`."""
    random = torch.Generator().manual_seed(seed)
    for weight in net.parameters():
        weight.grad = torch.randn(weight.shape, generator=random).to(weight.dtype)
