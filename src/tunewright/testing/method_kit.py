"""The contract that every method passes: subclass `MethodKit`, say how the method is made and what it should do.

The base is a tiny random Llama, small enough that a test takes a fraction of a second; `make_base` takes another
architecture, and `other_bases` are the ones that every method must fit as well: Qwen2 with its biases, GPT-2 with
Conv1D layers. Deliberately does not know how a method works, only what it declares: which weights learn, how many they
are, which files its artifact has, and how close it stays where rounding is part of the method.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from weakref import WeakKeyDictionary

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from tunewright.errors import ModelError
from tunewright.methods.artifact import load_artifact
from tunewright.methods.method import Method, Origin
from tunewright.models.source import ModelSource
from tunewright.spec.model import ModelSpec
from tunewright.train.masters import MasterWeights

VOCABULARY = 96
PROMPTS_BT = torch.arange(24).reshape(2, 12) * 7 % VOCABULARY

Tolerances = Mapping[torch.dtype, float]
"""Largest ‖difference‖₂ / ‖expected‖₂ of the logits, by precision; 0.0 means equal bit for bit."""
EXACT: Tolerances = {torch.float32: 0.0, torch.bfloat16: 0.0}
ROUNDING: Tolerances = {torch.float32: 1e-5, torch.bfloat16: 2e-2}


def tiny_llama() -> PreTrainedModel:
    """Return a random Llama with tied embeddings, the same one at every call."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=True,
    )
    return _seeded(lambda: LlamaForCausalLM(config))


def tiny_qwen2() -> PreTrainedModel:
    """Return a random Qwen2, whose biases are not zero and whose head is its own, the same one at every call."""
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
    )

    def make() -> PreTrainedModel:
        model = Qwen2ForCausalLM(config)
        for name, weight in model.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(weight, std=0.02)
        return model

    return _seeded(make)


def tiny_gpt2() -> PreTrainedModel:
    """Return a random GPT-2, whose linear layers are Conv1D (weights transposed), the same one at every call."""
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0
    )
    return _seeded(lambda: GPT2LMHeadModel(config))


class MethodKit:
    """Tests of one method. Subclass it as `Test…`, override `make`, `learns` and `predict_num_trainable`, and state the
    files of the artifact; the other attributes only where the method differs from what stands here.
    """

    artifact_files: frozenset[str] = frozenset()
    start_tolerances: Tolerances | None = None
    """How close the start is to the base, for a method that is not exact there. None: it does not say."""
    load_tolerances: Tolerances = EXACT
    """How close a loaded artifact is to the model that was trained."""
    merge_tolerances: Tolerances | None = None
    """How close the merged model is to the unmerged one. None: the method cannot be merged, and says so."""
    dtypes: tuple[torch.dtype, ...] = (torch.float32, torch.bfloat16)
    other_bases: tuple[Callable[[], PreTrainedModel], ...] = (tiny_qwen2, tiny_gpt2)

    def make(self) -> Method:
        """Return the method under test; its outputs must not be random in evaluation mode."""
        raise NotImplementedError

    def learns(self, name: str) -> bool:
        """Return whether the parameter `name` of the trainable model is declared to learn."""
        raise NotImplementedError

    def predict_num_trainable(self, base: PreTrainedModel) -> int:
        """Return how many weights will learn, told from the base alone."""
        raise NotImplementedError

    def make_base(self) -> PreTrainedModel:
        """Return the random model that the method is applied to, the same one at every call."""
        return tiny_llama()

    def in_precision(self, base: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
        """Return `base` in `dtype`: its weights only, as a loader does it; rotary frequencies stay fp32."""
        for weight in base.parameters():
            weight.data = weight.data.to(dtype)
        return base

    def load(self, artifact: Path, base: PreTrainedModel) -> PreTrainedModel:
        """Return the model that `artifact` describes, in the precision of `base`."""
        if self.make().artifact == "adapter":
            return load_artifact(base, artifact)
        return AutoModelForCausalLM.from_pretrained(str(artifact), dtype=base.dtype).eval()

    # ── the contract ─────────────────────────────────────────────────────────────────────────────────────────────────

    def test_outputs_at_the_start_are_the_base_s_as_far_as_the_method_says(self) -> None:
        for dtype in self.dtypes:
            expected, start = _logits(self._base(dtype)), _logits(self._apply(dtype=dtype))
            if self.make().is_exact_at_start:
                assert torch.equal(start, expected), dtype
            elif self.start_tolerances is not None:
                assert _distance(start, expected) <= self.start_tolerances[dtype], dtype

    def test_the_model_is_made_trainable_in_place(self) -> None:
        base = self._base(torch.float32)
        assert self.make().apply(base) is base

    def test_exactly_the_declared_weights_require_gradients(self) -> None:
        model = self._apply()
        wrong = [name for name, weight in model.named_parameters() if weight.requires_grad != self.learns(name)]
        assert not wrong

    def test_gradients_reach_exactly_the_declared_weights(self) -> None:
        model = self._apply()
        _loss(model).backward()
        reached = {name for name, weight in model.named_parameters() if weight.grad is not None}
        assert reached == {name for name, _ in model.named_parameters() if self.learns(name)}

    def test_exactly_the_declared_weights_move(self) -> None:
        model = self._apply()
        before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
        self._train(model)
        moved = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
        assert moved == {name for name in before if self.learns(name)}

    def test_the_number_of_weights_that_learn_is_the_predicted_one(self) -> None:
        num_trainable = sum(weight.numel() for weight in self._apply().parameters() if weight.requires_grad)
        assert num_trainable == self.predict_num_trainable(self.make_base())

    def test_the_same_seed_gives_the_same_start(self) -> None:
        first, second = (dict(self._apply(seed=3).named_parameters()) for _ in range(2))
        assert first.keys() == second.keys()
        assert all(torch.equal(weight, second[name]) for name, weight in first.items())

    def test_weights_learn_in_the_precision_of_the_base(self) -> None:
        model = self._apply(dtype=torch.bfloat16)
        assert {weight.dtype for weight in model.parameters() if weight.requires_grad} == {torch.bfloat16}

    def test_a_saved_artifact_gives_the_same_outputs_as_far_as_the_method_says(self, tmp_path: Path) -> None:
        for dtype in self.dtypes:
            model = self._apply(dtype=dtype)
            masters = self._train(model)
            artifact = self._save(model, masters, tmp_path / str(dtype))
            method = _APPLIED[model]
            assert not torch.equal(_logits(model), _logits(self._base(dtype))), "training moved nothing"
            loaded = self.load(artifact, self._base(dtype))
            _APPLIED[loaded] = method
            assert _distance(_logits(loaded), _logits(model)) <= self.load_tolerances[dtype], dtype

    def test_the_artifact_has_the_files_that_it_claims(self, tmp_path: Path) -> None:
        model = self._apply()
        artifact = self._save(model, MasterWeights(model), tmp_path)
        assert {path.name for path in artifact.iterdir()} == self.artifact_files

    def test_saving_twice_writes_the_same_bytes(self, tmp_path: Path) -> None:
        first, second = (self._save_after_training(tmp_path / name) for name in ("first", "second"))
        for path in first.glob("*.safetensors"):
            assert path.read_bytes() == (second / path.name).read_bytes()

    def test_a_merged_model_is_a_plain_one_with_the_same_outputs(self) -> None:
        tolerances = self.merge_tolerances or {}
        for dtype in tolerances:
            model = self._apply(dtype=dtype)
            self._train(model)
            before, names = _logits(model), {name for name, _ in self.make_base().named_modules()}
            merged = _APPLIED[model].merge(model)
            assert merged is model
            assert {name for name, _ in merged.named_modules()} == names
            assert _distance(_logits(merged), before) <= tolerances[dtype], dtype

    def test_what_cannot_be_merged_is_refused(self) -> None:
        if self.merge_tolerances is None:
            model = self._apply()
            with pytest.raises(ModelError, match="merge"):
                _APPLIED[model].merge(model)

    @pytest.mark.parametrize("check", ["start", "gradients", "number", "load", "merge"])
    def test_other_architectures_pass_too(self, check: str, tmp_path: Path) -> None:
        for make_base in self.other_bases:
            self._on(make_base)._check(check, tmp_path / make_base.__name__)

    # ── how it is checked ────────────────────────────────────────────────────────────────────────────────────────────

    def _on(self, make_base: Callable[[], PreTrainedModel]) -> MethodKit:
        """Return this kit over another base."""
        other = copy.copy(self)
        other.make_base = make_base
        return other

    def _check(self, check: str, folder: Path) -> None:
        checks: dict[str, Callable[[], None]] = {
            "start": self.test_outputs_at_the_start_are_the_base_s_as_far_as_the_method_says,
            "gradients": self.test_gradients_reach_exactly_the_declared_weights,
            "number": self.test_the_number_of_weights_that_learn_is_the_predicted_one,
            "load": lambda: self.test_a_saved_artifact_gives_the_same_outputs_as_far_as_the_method_says(folder),
            "merge": self.test_a_merged_model_is_a_plain_one_with_the_same_outputs,
        }
        checks[check]()

    def _base(self, dtype: torch.dtype) -> PreTrainedModel:
        return self.in_precision(self.make_base(), dtype)

    def _apply(self, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
        base, method = self._base(dtype), self.make()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = method.apply(base).eval()
        _APPLIED[model] = method
        return model

    def _train(self, model: PreTrainedModel) -> MasterWeights:
        """Take three large steps of AdamW: enough to move every weight that learns."""
        masters = MasterWeights(model)
        optimizer = torch.optim.AdamW(masters.tensors.values(), lr=0.05)
        for _ in range(3):
            _loss(model).backward()
            masters.collect_gradients()
            optimizer.step()
            masters.clear_gradients()
            masters.publish()
        return masters

    def _save(self, model: PreTrainedModel, masters: MasterWeights, folder: Path) -> Path:
        base = folder / "base"
        self.make_base().save_pretrained(str(base))
        artifact = folder / "artifact"
        origin = Origin(ModelSpec(source=str(base)), ModelSource(str(base), base))
        _APPLIED[model].save(model, masters.tensors, artifact, origin)
        return artifact

    def _save_after_training(self, folder: Path) -> Path:
        model = self._apply()
        return self._save(model, self._train(model), folder)


# Which method made a model trainable: `save` belongs to that instance, and its virtual tokens lie in front of the rows.
_APPLIED: WeakKeyDictionary[PreTrainedModel, Method] = WeakKeyDictionary()


def _seeded(make: Callable[[], PreTrainedModel]) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return make().eval()


def _rows(model: PreTrainedModel) -> tuple[torch.Tensor, int]:
    """Return the prompts behind the method's virtual tokens, and the number of these."""
    prefix = _APPLIED[model].prefix_ids if model in _APPLIED else ()
    prefix_BT = torch.tensor(prefix, dtype=torch.long).expand(len(PROMPTS_BT), -1)
    return torch.cat([prefix_BT, PROMPTS_BT], dim=1), len(prefix)


def _loss(model: PreTrainedModel) -> torch.Tensor:
    tokens_BT, num_virtual = _rows(model)
    logits_BTV = model(input_ids=tokens_BT).logits[:, num_virtual:].float()
    return torch.nn.functional.cross_entropy(logits_BTV[:, :-1].flatten(0, 1), PROMPTS_BT[:, 1:].reshape(-1))


@torch.no_grad()
def _logits(model: PreTrainedModel) -> torch.Tensor:
    tokens_BT, num_virtual = _rows(model)
    return model(input_ids=tokens_BT, use_cache=False).logits[:, num_virtual:]


def _distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return ‖found − expected‖₂ / ‖expected‖₂, which is 0.0 only for equal tensors."""
    if torch.equal(found, expected):
        return 0.0
    return float(torch.dist(found.double(), expected.double()) / expected.double().norm())
