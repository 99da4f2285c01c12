"""Each optimiser is the published one, decays what it should, repeats itself, and goes on from its state to the bit."""

from __future__ import annotations

import io
import sys
import types

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from transformers import LlamaForCausalLM, PreTrainedModel

from tests.unit.train.small_net import make_net
from tunewright.errors import MissingExtraError, RecipeError
from tunewright.spec.train import OptimizerSpec
from tunewright.train.groups import Role, roles_of
from tunewright.train.masters import MasterWeights
from tunewright.train.optimizer import check_optimizer, make_optimizer, set_learning_rate

KINDS = ("adamw", "adamw_8bit", "muon")
LARGE = 4096  # weights from which on bitsandbytes keeps moments in 8 bits


def spec_of(kind: str, **settings: object) -> OptimizerSpec:
    return OptimizerSpec.model_validate({"kind": kind, **settings})


class Model(torch.nn.Module):
    """A model's parts in small: an embedding, a layer with a bias, a norm, a head of its own."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.embed = torch.nn.Embedding(11, 64)
            self.layer = torch.nn.Linear(64, 80)
            self.norm = torch.nn.LayerNorm(80)
            self.head = torch.nn.Linear(80, 11, bias=False)
        self.to(dtype)

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.embed

    def get_output_embeddings(self) -> torch.nn.Module:
        return self.head


def take_steps(masters: MasterWeights, optimizer: torch.optim.Optimizer, steps: range) -> None:
    """Take one step a number, each with gradients of its own."""
    for step in steps:
        random = torch.Generator().manual_seed(100 + step)
        for tensor in masters.tensors.values():
            tensor.grad = torch.randn(tensor.shape, generator=random)
        optimizer.step()
        masters.clear_gradients()
        masters.publish()


def trained(kind: str, steps: int = 6, dtype: torch.dtype = torch.float32) -> MasterWeights:
    masters = MasterWeights(Model(dtype))
    take_steps(masters, make_optimizer(spec_of(kind, weight_decay=0.1), masters, 0.01), range(steps))
    return masters


def assert_equal(first: MasterWeights, second: MasterWeights) -> None:
    assert first.tensors.keys() == second.tensors.keys()
    assert all(torch.equal(tensor, second.tensors[name]) for name, tensor in first.tensors.items())


# ── all of them ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def test_a_resumed_optimiser_is_the_uninterrupted_one_to_the_bit(kind: str, dtype: torch.dtype) -> None:
    first = MasterWeights(Model(dtype))
    spec = spec_of(kind, weight_decay=0.1)
    optimizer = make_optimizer(spec, first, 0.01)
    take_steps(first, optimizer, range(3))
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)

    second = MasterWeights(Model(dtype))
    second.load(first.tensors)
    resumed = make_optimizer(spec, second, 0.5)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    set_learning_rate(resumed, 0.01)
    take_steps(second, resumed, range(3, 6))
    assert_equal(second, trained(kind, dtype=dtype))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_steps_give_the_same_weights_and_draw_no_random_number(kind: str) -> None:
    state = torch.get_rng_state()
    assert_equal(trained(kind), trained(kind))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", KINDS)
def test_matrices_decay_and_vectors_and_embeddings_do_not(kind: str) -> None:
    masters = MasterWeights(Model())
    before = {name: tensor.detach().clone() for name, tensor in masters.tensors.items()}
    optimizer = make_optimizer(spec_of(kind, weight_decay=0.5), masters, 0.1)
    set_learning_rate(optimizer, 0.2)
    for tensor in masters.tensors.values():
        tensor.grad = torch.zeros_like(tensor)
    optimizer.step()
    for name, tensor in masters.tensors.items():
        factor = 0.9 if name in ("layer.weight", "head.weight") else 1.0
        torch.testing.assert_close(tensor.detach(), before[name] * factor)


@pytest.mark.parametrize("kind", KINDS)
def test_the_rate_of_every_weight_can_be_set(kind: str) -> None:
    masters = MasterWeights(Model())
    before = {name: tensor.detach().clone() for name, tensor in masters.tensors.items()}
    optimizer = make_optimizer(spec_of(kind), masters, 0.1)
    set_learning_rate(optimizer, 0.0)
    take_steps(masters, optimizer, range(1))
    assert all(torch.equal(tensor, before[name]) for name, tensor in masters.tensors.items())
    set_learning_rate(optimizer, 0.1)
    take_steps(masters, optimizer, range(1))
    assert not any(torch.equal(tensor, before[name]) for name, tensor in masters.tensors.items())


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_lie_in_the_model_s_order_in_every_group(kind: str) -> None:
    masters = MasterWeights(make_net())
    order = {id(tensor): place for place, tensor in enumerate(masters.tensors.values())}
    groups = make_optimizer(spec_of(kind), masters, 0.1).param_groups
    places = [[order[id(weight)] for weight in group["params"]] for group in groups]
    assert all(each == sorted(each) for each in places)
    assert sorted(place for each in places for place in each) == list(range(len(order)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_of_other_weights_is_refused(kind: str) -> None:
    masters = MasterWeights(Model())
    optimizer = make_optimizer(spec_of(kind), masters, 0.1)
    take_steps(masters, optimizer, range(1))
    model = Model()
    model.layer.requires_grad_(False)
    other = make_optimizer(spec_of(kind), MasterWeights(model), 0.1)
    with pytest.raises(ValueError, match=r"parameter group|zip\(\)|size|shorter|longer"):
        other.load_state_dict(optimizer.state_dict())


# ── AdamW ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("kind", "tolerance"), [("adamw", 1e-5), ("adamw_8bit", 1e-4)])
def test_the_optimiser_is_the_published_adamw(kind: str, tolerance: float) -> None:
    spec = spec_of(kind, beta1=0.8, beta2=0.9, eps=1e-6, weight_decay=0.1)
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(torch.tensor([[1.0, -2.0], [3.0, 0.5]]))
    masters = MasterWeights(module)
    optimizer = make_optimizer(spec, masters, 0.01)
    theta = module.weight.detach().double().clone()
    m, v = torch.zeros(2, 2).double(), torch.zeros(2, 2).double()
    for step in range(1, 6):
        gradient = torch.tensor([[0.5 * step, -0.1], [-0.3, 0.2 * step]])
        module.weight.grad = gradient.clone()
        optimizer.step()
        m, v = 0.8 * m + 0.2 * gradient, 0.9 * v + 0.1 * gradient**2
        update = (m / (1 - 0.8**step)) / ((v / (1 - 0.9**step)).sqrt() + 1e-6)
        theta = theta - 0.01 * (update + 0.1 * theta)
    torch.testing.assert_close(module.weight.detach().double(), theta, rtol=tolerance, atol=tolerance / 10)


def test_moments_in_8_bits_take_a_quarter_and_move_weights_alike() -> None:
    masters, exact = MasterWeights(Model()), MasterWeights(Model())
    optimizer = make_optimizer(spec_of("adamw_8bit"), masters, 0.01)
    take_steps(masters, optimizer, range(20))
    take_steps(exact, make_optimizer(spec_of("adamw"), exact, 0.01), range(20))
    state = {name: optimizer.state[tensor] for name, tensor in masters.tensors.items()}
    dtypes = {name: state[name]["state1"].dtype for name in state}
    assert {name for name, dtype in dtypes.items() if dtype == torch.uint8} == {"layer.weight"}
    assert masters.tensors["layer.weight"].numel() >= LARGE
    start = MasterWeights(Model()).tensors["layer.weight"]
    path = (exact.tensors["layer.weight"] - start).detach().norm()
    apart = (exact.tensors["layer.weight"] - masters.tensors["layer.weight"]).detach().norm()
    assert 0 < float(apart / path) < 0.1


def test_a_missing_bitsandbytes_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingExtraError, match="bitsandbytes") as caught:
        check_optimizer(spec_of("adamw_8bit"), "cpu")
    assert "tunewright[qlora]" in caught.value.hint
    check_optimizer(spec_of("adamw"), "cpu")


def test_a_bitsandbytes_without_8_bit_moments_for_the_device_is_refused_before_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Incapable:
        def __init__(self, weights: list[torch.Tensor]) -> None:
            self.weights = weights

        def step(self) -> None:
            raise NotImplementedError("no kernel for this device\nand a long list")

    fake = types.SimpleNamespace(optim=types.SimpleNamespace(AdamW8bit=Incapable), __version__="0.40.0")
    monkeypatch.setitem(sys.modules, "bitsandbytes", fake)
    with pytest.raises(RecipeError, match=r"does not work on cpu with bitsandbytes 0\.40\.0: no kernel") as caught:
        make_optimizer(spec_of("adamw_8bit"), MasterWeights(Model()), 0.1)
    assert "train.optimizer.kind=adamw" in caught.value.hint


# ── Muon and roles ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_muon_moves_the_matrices_inside_the_layers_and_adamw_the_rest() -> None:
    muon, adamw = trained("muon"), trained("adamw")
    same = {name for name, tensor in muon.tensors.items() if torch.equal(tensor, adamw.tensors[name])}
    assert set(muon.tensors) - same == {"layer.weight"}


def test_muon_moves_a_matrix_as_far_as_adamw_would_at_the_same_rate() -> None:
    start = MasterWeights(Model()).tensors["layer.weight"]
    steps = {kind: (trained(kind, 1).tensors["layer.weight"] - start) for kind in ("muon", "adamw")}
    decay = 1e-3 * start
    rms = {kind: float((step + decay).detach().square().mean().sqrt()) / 0.01 for kind, step in steps.items()}
    # AdamW's first step is ±rate; 0.2 is what its steps come to in training (arXiv 2502.16982, section 2.2).
    assert rms["adamw"] == pytest.approx(1.0, rel=0.01)
    assert 0.15 < rms["muon"] < 0.25


def test_muon_has_nothing_to_join_where_only_vectors_learn() -> None:
    model = Model()
    model.requires_grad_(False)
    model.norm.requires_grad_(True)
    masters = MasterWeights(model)
    take_steps(masters, make_optimizer(spec_of("muon"), masters, 0.1), range(1))
    assert not torch.equal(masters.tensors["norm.weight"], torch.ones(80))


def roles_by_part(model: PreTrainedModel) -> dict[str, set[Role]]:
    """Return the roles found, by the last word that tells what a weight is."""
    parts: dict[str, set[Role]] = {}
    for name, role in roles_of(model, dict(model.named_parameters())).items():
        parts.setdefault(name.split(".")[-2], set()).add(role)
    return parts


def test_a_tied_head_is_the_embedding_and_norms_are_vectors() -> None:
    roles = roles_by_part(make_net())
    assert roles["embed_tokens"] == roles["norm"] == roles["input_layernorm"] == {Role.UNDECAYED}
    assert roles["q_proj"] == roles["down_proj"] == {Role.HIDDEN}


def test_adapters_are_matrices_inside_layers_but_not_those_on_embeddings_and_head() -> None:
    config = make_net().config
    config.tie_word_embeddings = False
    model = LlamaForCausalLM(config)
    inject_adapter_in_model(LoraConfig(r=4, target_modules=["q_proj", "embed_tokens", "lm_head"]), model)
    roles = MasterWeights(model).roles
    assert {role for name, role in roles.items() if "q_proj" in name} == {Role.HIDDEN}
    assert {role for name, role in roles.items() if "embed_tokens" in name} == {Role.UNDECAYED}
    assert {role for name, role in roles.items() if "lm_head" in name} == {Role.OUTER}


@pytest.mark.parametrize("shape", [(1, 64), (64, 1), (64,), ()])
def test_what_has_one_long_axis_is_a_vector_and_stacked_matrices_are_not_muon_s(shape: tuple[int, ...]) -> None:
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(torch.ones(shape))
    module.stack = torch.nn.Parameter(torch.ones(2, 3, 4))
    assert MasterWeights(module).roles == {"weight": Role.UNDECAYED, "stack": Role.OUTER}
