"""Fused linear layers are those of torch and peft, whatever of them is adapted, learns or is added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import Linear as PeftLinear
from torch.nn import functional as F

from tunewright.models.fused.linear import LinearParts, apply_linear, apply_linears, fused_linears, parts_of

T, INPUTS = 11, 6


@st.composite
def layers(draw: st.DrawFn) -> LinearParts:
    """Draw a layer whose weights learn or not, with a bias or an adapter or neither."""
    random = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    outputs = draw(st.integers(1, 7))

    def tensor(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=random).requires_grad_(draw(st.booleans()))

    bias = tensor(outputs) if draw(st.booleans()) else None
    if not draw(st.booleans()):
        return LinearParts(tensor(outputs, INPUTS), bias)
    rank = draw(st.integers(1, 4))
    scale = draw(st.sampled_from([0.5, 1.0, 2.0]))
    return LinearParts(tensor(outputs, INPUTS), bias, tensor(rank, INPUTS), tensor(outputs, rank), scale)


def plain(x: torch.Tensor, layer: LinearParts, residual: torch.Tensor | None = None) -> torch.Tensor:
    y = F.linear(x, layer.weight, layer.bias)
    if layer.a is not None and layer.b is not None:
        y = y + layer.scale * (x @ layer.a.mT) @ layer.b.mT
    return y if residual is None else y + residual


def assert_same_gradients(found: list[torch.Tensor], expected: list[torch.Tensor], leaves: list[torch.Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    learning = [leaf for leaf in leaves if leaf.requires_grad]
    if not learning:
        assert not any(each.requires_grad for each in found)
        return
    random = torch.Generator().manual_seed(1)
    given_back = [torch.randn(each.shape, generator=random) for each in found]
    one = torch.autograd.grad(found, learning, given_back)
    other = torch.autograd.grad(expected, learning, given_back)
    for mine, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=2e-5)


def leaves_of(some: list[LinearParts]) -> list[torch.Tensor]:
    return [leaf for layer in some for leaf in layer[:4] if leaf is not None]


@given(st.lists(layers(), min_size=1, max_size=3), st.booleans(), st.integers(0, 99))
@settings(deadline=None, max_examples=80)
def test_layers_on_one_input_give_the_outputs_and_gradients_of_plain_autograd(
    some: list[LinearParts], input_learns: bool, seed: int
) -> None:
    x = torch.randn(T, INPUTS, generator=torch.Generator().manual_seed(seed)).requires_grad_(input_learns)
    expected = [plain(x, layer) for layer in some]
    learning = [y.requires_grad for y in expected]
    # autograd refuses an output that depends on nothing that learns.
    if all(learning) or not any(learning):
        assert_same_gradients(list(fused_linears(x, some)), expected, [x, *leaves_of(some)])


@given(layers(), st.booleans(), st.booleans())
@settings(deadline=None, max_examples=60)
def test_a_residual_is_added_and_gets_its_gradient(
    layer: LinearParts, input_learns: bool, residual_learns: bool
) -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(T, INPUTS, generator=random).requires_grad_(input_learns)
    residual = torch.randn(T, len(layer.weight), generator=random).requires_grad_(residual_learns)
    before = residual.detach().clone()
    [found] = fused_linears(x, [layer], residual)
    assert_same_gradients([found], [plain(x, layer, residual)], [x, residual, *leaves_of([layer])])
    assert torch.equal(residual, before)


@pytest.mark.parametrize("has_adapter", [False, True])
def test_in_bf16_it_is_as_near_to_the_truth_as_plain_operations(has_adapter: bool) -> None:
    random = torch.Generator().manual_seed(0)
    shapes = [(64, 32), (48, 32), (48,), (8, 32), (48, 8)]
    tensors = [torch.randn(shape, generator=random).bfloat16().requires_grad_() for shape in shapes]
    residual = torch.randn(64, 48, generator=random).bfloat16().requires_grad_()
    gradient = torch.randn(64, 48, generator=random).bfloat16()
    results = []
    for cast, run in ((torch.float64, plain), (torch.bfloat16, plain), (torch.bfloat16, _fused)):
        x, *rest, added = (each.detach().to(cast).requires_grad_() for each in [*tensors, residual])
        layer = LinearParts(*rest, 2.0) if has_adapter else LinearParts(*rest[:2])
        out = run(x, layer, added)
        leaves = [x, added, *leaves_of([layer])]
        results.append([out.detach(), *torch.autograd.grad(out, leaves, gradient.to(cast))])
    for truth, other, one in zip(*results, strict=True):
        assert one.dtype == torch.bfloat16
        assert float((one.double() - truth).norm()) <= 1.5 * float((other.double() - truth).norm()) + 1e-9


def _fused(x: torch.Tensor, layer: LinearParts, residual: torch.Tensor) -> torch.Tensor:
    return fused_linears(x, [layer], residual)[0]


# ── which layers are known ───────────────────────────────────────────────────────────────────────────────────────────


class TwoLinears(torch.nn.Module):
    """A module that peft can put adapters into."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(INPUTS, 5)
        self.second = torch.nn.Linear(INPUTS, 4, bias=False)


def adapted(**options: Any) -> TwoLinears:
    torch.manual_seed(0)
    net = TwoLinears()
    inject_adapter_in_model(LoraConfig(**{"r": 3, "lora_alpha": 6, "target_modules": ["first"], **options}), net)
    for name, weight in net.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    return net


def test_a_plain_and_a_plainly_adapted_layer_are_known() -> None:
    net = adapted()
    assert isinstance(net.first, PeftLinear)
    parts, bare = parts_of(net.first), parts_of(net.second)
    assert parts is not None
    assert bare is not None
    assert bare == LinearParts(net.second.weight)
    assert parts.scale == 2.0
    assert parts.a is net.first.lora_A["default"].weight
    assert parts.b is net.first.lora_B["default"].weight


def _merged() -> TwoLinears:
    net = adapted()
    net.first.merge()  # pyright: ignore[reportCallIssue]
    return net


def _disabled() -> TwoLinears:
    net = adapted()
    net.first.enable_adapters(False)  # pyright: ignore[reportCallIssue]
    return net


def _two_adapters() -> TwoLinears:
    net = adapted()
    inject_adapter_in_model(LoraConfig(r=2, target_modules=["first"]), net, adapter_name="other")
    net.first.set_adapter(["default", "other"])  # pyright: ignore[reportCallIssue]
    return net


def _other_dtype() -> TwoLinears:
    net = adapted()
    net.first.get_submodule("base_layer").to(torch.bfloat16)
    return net


REFUSED: dict[str, Callable[[], TwoLinears]] = {
    "DoRA": lambda: adapted(use_dora=True),
    "merged": _merged,
    "disabled": _disabled,
    "dropout in training": lambda: adapted(lora_dropout=0.1),
    "two adapters": _two_adapters,
    "a bias of the adapter": lambda: adapted(lora_bias=True),
    "adapters of another dtype": _other_dtype,
}


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")
@pytest.mark.parametrize("kind", REFUSED)
def test_a_layer_that_computes_anything_else_is_refused_and_called_as_it_is(kind: str) -> None:
    net = REFUSED[kind]()
    assert parts_of(net.first) is None
    if kind != "adapters of another dtype":
        x, residual = torch.randn(T, INPUTS), torch.randn(T, 5)
        torch.manual_seed(7)
        expected = net.first(x) + residual
        torch.manual_seed(7)
        torch.testing.assert_close(apply_linear(x, net.first, residual), expected)


def test_dropout_matters_in_training_only() -> None:
    net = adapted(lora_dropout=0.1)
    assert parts_of(net.first) is None
    assert parts_of(net.eval().first) is not None


class QuantisedLinear(torch.nn.Linear):
    """Stands for a 4-bit or 8-bit layer: a subclass whose weight is not what its forward multiplies with."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return something else than the product with `weight`."""
        return super().forward(input.round())


def test_a_subclass_of_a_linear_layer_is_called_as_it_is() -> None:
    layer, x = QuantisedLinear(INPUTS, 5), torch.randn(T, INPUTS)
    assert parts_of(layer) is None
    assert torch.equal(apply_linear(x, layer), layer(x))


def test_a_real_4_bit_layer_is_refused() -> None:
    bitsandbytes = pytest.importorskip("bitsandbytes")
    assert parts_of(bitsandbytes.nn.Linear4bit(INPUTS, 5)) is None
    assert parts_of(bitsandbytes.nn.Linear8bitLt(INPUTS, 5)) is None


@pytest.mark.parametrize("kind", ["known", "DoRA"])
def test_layers_of_different_kinds_on_one_input_give_what_each_alone_gives(kind: str) -> None:
    net = adapted() if kind == "known" else REFUSED[kind]()
    x = torch.randn(T, INPUTS)
    for found, module in zip(apply_linears(x, (net.first, net.second)), (net.first, net.second), strict=True):
        torch.testing.assert_close(found, module(x))
