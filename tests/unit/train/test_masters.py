"""The masters remember what bf16 cannot; an fp32 model is its own master."""

from __future__ import annotations

import torch

from tests.unit.train.small_net import make_net
from tunewright.train.masters import MasterWeights


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


def test_what_is_loaded_is_published() -> None:
    net = make_net(dtype=torch.bfloat16)
    masters = MasterWeights(net)
    masters.load({name: tensor + 1 for name, tensor in masters.tensors.items()})
    assert all(torch.equal(weight, masters.tensors[name].bfloat16()) for name, weight in net.named_parameters())
