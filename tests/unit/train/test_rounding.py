"""Rounding at random is unbiased, repeatable, draws nothing that others would, and lets bf16 weights learn as fp32."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.spec.train import OptimizerSpec
from tunewright.train.bf16 import round_to_bf16_
from tunewright.train.masters import MasterWeights
from tunewright.train.optimizer import make_optimizer, set_learning_rate
from tunewright.train.rounding import StochasticRounding

STOCHASTIC = OptimizerSpec(rounding="stochastic")
numbers = st.floats(-(2.0**120), 2.0**120, width=32)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def neighbours(value: float) -> tuple[float, float]:
    """Return the largest bf16 number ≤ |value| and the next one, with the sign of `value`."""
    bits = int(np.float32(value).view(np.uint32))
    low, high = bits & 0xFFFF0000, (bits & 0xFFFF0000) + 0x10000
    return tuple(float(np.uint32(each).view(np.float32)) for each in (low, high))  # type: ignore[return-value]


@settings(max_examples=200, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=9), st.integers(0, 2**31))
def test_a_value_becomes_one_of_its_two_neighbours_in_bf16(values: list[float], seed: int) -> None:
    rounded = round_to_bf16_(torch.tensor(values), seeded(seed))
    assert torch.equal(rounded, rounded.bfloat16().float())
    for value, result in zip(values, rounded.tolist(), strict=True):
        assert result in neighbours(value)


@settings(max_examples=30, deadline=None)
@given(st.floats(2.0**-100, 2.0**100, width=32), st.booleans())
def test_rounding_is_unbiased(value: float, is_negative: bool) -> None:
    value = -value if is_negative else value
    low, high = neighbours(value)
    count = 1 << 14
    rounded = round_to_bf16_(torch.full((count,), value), seeded())
    share_up = float((rounded == high).double().mean())
    expected = (value - low) / (high - low)
    deviation = math.sqrt(max(expected * (1 - expected), 1 / count) / count)
    assert abs(share_up - expected) < 5 * deviation


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -1.5, 2.0**-126, math.inf, -math.inf])
def test_what_bf16_holds_stays(value: float) -> None:
    rounded = round_to_bf16_(torch.full((1000,), value), seeded())
    assert torch.equal(rounded.view(torch.int32), torch.full((1000,), value).view(torch.int32))


def test_a_number_that_is_none_stays_none() -> None:
    assert round_to_bf16_(torch.full((1000,), math.nan), seeded()).isnan().all()


# ── the optimiser ────────────────────────────────────────────────────────────────────────────────────────────────────


def make_module(dtype: torch.dtype = torch.bfloat16) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        module = torch.nn.Sequential(torch.nn.Linear(80, 64), torch.nn.Linear(64, 3))
    return module.to(dtype)


def take_steps(masters: MasterWeights, optimizer: torch.optim.Optimizer, steps: range) -> None:
    """Take one step a number, each with gradients of its own; the global random state stays as it is."""
    for step in steps:
        random = torch.Generator().manual_seed(100 + step)
        for weight in masters._live.values():
            weight.grad = torch.randn(weight.shape, generator=random).to(weight)
        masters.collect_gradients()
        optimizer.step()
        masters.clear_gradients()
        masters.publish()


def test_there_is_no_fp32_copy_of_a_weight_between_steps() -> None:
    module = make_module()
    masters = MasterWeights(module, "stochastic")
    optimizer = make_optimizer(STOCHASTIC, masters, 0.01)
    take_steps(masters, optimizer, range(2))
    assert all(masters.tensors[name] is weight for name, weight in module.named_parameters())
    assert sum(weight.numel() for group in optimizer.param_groups for weight in group["params"]) == 0
    assert all(weight.grad is None for weight in module.parameters())


def test_weights_move_by_rounding_of_what_fp32_would_give() -> None:
    module, twin = make_module(), make_module().float()
    masters, twins = MasterWeights(module, "stochastic"), MasterWeights(twin)
    before = [weight.detach().float() for weight in module.parameters()]
    take_steps(masters, make_optimizer(STOCHASTIC, masters, 0.01), range(1))
    for weight in twin.parameters():
        weight.grad = None
    # The twin gets the gradients that the bf16 weights saw.
    random = torch.Generator().manual_seed(100)
    for weight in twin.parameters():
        weight.grad = torch.randn(weight.shape, generator=random).bfloat16().float()
    make_optimizer(OptimizerSpec(), twins, 0.01).step()
    for weight, exact, old in zip(module.parameters(), twin.parameters(), before, strict=True):
        spacing = exact.detach().abs().clamp(min=2.0**-20) * 2.0**-7
        assert ((weight.detach().float() - exact).abs() <= spacing).all()
        assert not torch.equal(weight.detach().float(), old)


def test_gradients_of_several_micro_batches_reach_it_added_in_fp32() -> None:
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
    masters = MasterWeights(module, "stochastic")
    module.weight.grad = torch.tensor([256.0], dtype=torch.bfloat16)
    masters.collect_gradients()
    assert masters.gradients()["weight"].dtype == torch.bfloat16
    for value in (1.0, 1.0):
        module.weight.grad = torch.tensor([value], dtype=torch.bfloat16)
        masters.collect_gradients()
    # In bf16, 256 + 1 is 256.
    assert torch.equal(masters.gradients()["weight"], torch.tensor([258.0]))
    masters.clear_gradients()
    assert not masters.gradients()


DEVICES = ("cpu", pytest.param("cuda", marks=pytest.mark.gpu))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", ["adamw", "adamw_8bit", "muon"])
def test_a_resumed_optimiser_rounds_as_the_uninterrupted_one(kind: str, device: str) -> None:
    spec = OptimizerSpec.model_validate({"kind": kind, "rounding": "stochastic", "weight_decay": 0.1})
    whole, cut, fresh = (make_module().to(device) for _ in range(3))
    masters = MasterWeights(whole, "stochastic")
    take_steps(masters, make_optimizer(spec, masters, 0.01, seed=5), range(6))

    first = MasterWeights(cut, "stochastic")
    optimizer = make_optimizer(spec, first, 0.01, seed=5)
    take_steps(first, optimizer, range(3))
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    second = MasterWeights(fresh, "stochastic")
    resumed = make_optimizer(spec, second, 0.5, seed=999)
    second.load(first.tensors)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    set_learning_rate(resumed, 0.01)
    take_steps(second, resumed, range(3, 6))
    for weight, expected in zip(fresh.parameters(), whole.parameters(), strict=True):
        assert torch.equal(weight, expected)


def test_the_seed_decides_the_rounding_and_global_randomness_is_left_alone() -> None:
    results = []
    state = torch.get_rng_state()
    for seed in (0, 0, 1):
        module = make_module()
        masters = MasterWeights(module, "stochastic")
        take_steps(masters, make_optimizer(STOCHASTIC, masters, 0.001, seed=seed), range(4))
        results.append(torch.cat([weight.detach().flatten() for weight in module.parameters()]))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_fp32_weights_beside_bf16_ones_move_without_rounding() -> None:
    def mixed() -> torch.nn.Module:
        module = make_module()
        module[1].float()  # type: ignore[index]
        return module

    module, twin = mixed(), mixed()
    masters, twins = MasterWeights(module, "stochastic"), MasterWeights(twin)
    take_steps(masters, make_optimizer(STOCHASTIC, masters, 0.01), range(3))
    take_steps(twins, make_optimizer(OptimizerSpec(), twins, 0.01), range(3))
    assert torch.equal(module[1].weight, twin[1].weight)  # type: ignore[index]
    assert not torch.equal(module[0].weight, twin[0].weight)  # type: ignore[index]


def test_an_fp32_model_needs_no_rounding() -> None:
    masters = MasterWeights(make_module(torch.float32), "stochastic")
    assert not isinstance(make_optimizer(STOCHASTIC, masters, 0.01), StochasticRounding)


# ── what it is for ───────────────────────────────────────────────────────────────────────────────────────────────────

NUM_STEPS, RATE = 400, 1e-3


def fit(dtype: torch.dtype, make: Callable[[torch.nn.Module], tuple[MasterWeights, torch.optim.Optimizer]]) -> float:
    """Return the share of the squared error that is left after fitting a linear map whose weights are near 1."""
    random = torch.Generator().manual_seed(0)
    start = 1 + 0.3 * torch.rand(16, 32, generator=random)
    goal = start + 0.05 * torch.randn(16, 32, generator=random)
    inputs = torch.randn(256, 32, generator=random)
    module = torch.nn.Linear(32, 16, bias=False)
    with torch.no_grad():
        module.weight.copy_(start)
    module = module.to(dtype)

    def error() -> torch.Tensor:
        return (module(inputs.to(dtype)).float() - inputs @ goal.T).square().mean()

    with torch.no_grad():
        before = float((inputs @ (module.weight.float() - goal).T).square().mean())
    masters, optimizer = make(module)
    for step in range(NUM_STEPS):
        set_learning_rate(optimizer, RATE * (1 - step / NUM_STEPS))
        error().backward()
        masters.collect_gradients()
        optimizer.step()
        masters.clear_gradients()
        masters.publish()
    with torch.no_grad():
        return float((inputs @ (module.weight.float() - goal).T).square().mean()) / before


def test_masters_and_stochastic_rounding_learn_what_fp32_learns_and_plain_bf16_does_not() -> None:
    def ours(rounding: str) -> Callable[[torch.nn.Module], tuple[MasterWeights, torch.optim.Optimizer]]:
        def make(module: torch.nn.Module) -> tuple[MasterWeights, torch.optim.Optimizer]:
            masters = MasterWeights(module, rounding)  # type: ignore[arg-type]
            return masters, make_optimizer(OptimizerSpec.model_validate({"rounding": rounding}), masters, RATE)

        return make

    def plain(module: torch.nn.Module) -> tuple[MasterWeights, torch.optim.Optimizer]:
        optimizer = torch.optim.AdamW(module.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.0)
        return Untouched(module), optimizer

    left = {
        "fp32": fit(torch.float32, ours("masters")),
        "masters": fit(torch.bfloat16, ours("masters")),
        "stochastic": fit(torch.bfloat16, ours("stochastic")),
        "plain": fit(torch.bfloat16, plain),
    }
    assert max(left["fp32"], left["masters"], left["stochastic"]) < 0.02, left
    assert left["plain"] > 0.5, left


class Untouched(MasterWeights):
    """Leaves the gradients where they are, for an optimiser that moves bf16 weights directly."""

    def collect_gradients(self) -> None:
        return

    def publish(self) -> None:
        return

    def clear_gradients(self) -> None:
        for weight in self._live.values():
            weight.grad = None
