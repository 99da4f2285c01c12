"""The contract that every method passes: subclass `MethodKit`, say how the method is made and what it should do.

The base is a tiny random Llama, small enough that a test takes a fraction of a second; `make_base` takes another
architecture. Deliberately does not know how a method works, only what it declares: which weights learn, how many they
are, and which files its artifact has.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from tunewright.methods.lora import load_adapter
from tunewright.methods.method import Method
from tunewright.models.source import ModelSource
from tunewright.spec.model import ModelSpec
from tunewright.train.masters import MasterWeights

VOCABULARY = 96
PROMPTS_BT = torch.arange(24).reshape(2, 12) * 7 % VOCABULARY


class MethodKit:
    """Tests of one method. Subclass it as `Test…`, override `make`, `learns` and `predict_num_trainable`, and state the
    files of the artifact; `load` too, if the artifact is neither a peft adapter nor a whole model.
    """

    artifact_files: frozenset[str] = frozenset()

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
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            return LlamaForCausalLM(config).eval()

    def load(self, artifact: Path, base: PreTrainedModel) -> PreTrainedModel:
        """Return the model that `artifact` describes, in the precision of `base`."""
        if self.make().artifact == "adapter":
            return load_adapter(base, artifact)
        return AutoModelForCausalLM.from_pretrained(str(artifact), dtype=base.dtype).eval()

    # ── the contract ─────────────────────────────────────────────────────────────────────────────────────────────────

    def test_outputs_at_the_start_are_the_base_s_bit_for_bit(self) -> None:
        for dtype in (torch.float32, torch.bfloat16):
            expected = _logits(self._base(dtype))
            assert torch.equal(_logits(self._apply(dtype=dtype)), expected), dtype

    def test_the_model_is_made_trainable_in_place(self) -> None:
        base = self.make_base()
        assert self.make().apply(base) is base

    def test_exactly_the_declared_weights_require_gradients(self) -> None:
        model = self._apply()
        wrong = [name for name, weight in model.named_parameters() if weight.requires_grad != self.learns(name)]
        assert not wrong

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
        assert {weight.dtype for weight in self._apply(dtype=torch.bfloat16).parameters()} == {torch.bfloat16}

    def test_a_saved_artifact_gives_the_same_outputs_bit_for_bit(self, tmp_path: Path) -> None:
        for dtype in (torch.float32, torch.bfloat16):
            model = self._apply(dtype=dtype)
            masters = self._train(model)
            artifact = self._save(model, masters, tmp_path / str(dtype))
            assert not torch.equal(_logits(model), _logits(self._base(dtype))), "training moved nothing"
            assert torch.equal(_logits(self.load(artifact, self._base(dtype))), _logits(model)), dtype

    def test_the_artifact_has_the_files_that_it_claims(self, tmp_path: Path) -> None:
        model = self._apply()
        artifact = self._save(model, MasterWeights(model), tmp_path)
        assert {path.name for path in artifact.iterdir()} == self.artifact_files

    def test_saving_twice_writes_the_same_bytes(self, tmp_path: Path) -> None:
        first, second = (self._save_after_training(tmp_path / name) for name in ("first", "second"))
        for path in first.glob("*.safetensors"):
            assert path.read_bytes() == (second / path.name).read_bytes()

    # ── how it is checked ────────────────────────────────────────────────────────────────────────────────────────────

    def _base(self, dtype: torch.dtype) -> PreTrainedModel:
        """Return the base in `dtype`: its weights only, as a loader does it; rotary frequencies stay fp32."""
        base = self.make_base()
        for weight in base.parameters():
            weight.data = weight.data.to(dtype)
        return base

    def _apply(self, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
        base = self._base(dtype)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.make().apply(base).eval()

    def _train(self, model: PreTrainedModel) -> MasterWeights:
        """Take three large steps of plain gradient descent: enough to move every weight that learns."""
        masters = MasterWeights(model)
        optimizer = torch.optim.AdamW(masters.tensors.values(), lr=0.05)
        for _ in range(3):
            logits_BTV = model(input_ids=PROMPTS_BT).logits.float()
            targets_N = PROMPTS_BT[:, 1:].reshape(-1)
            torch.nn.functional.cross_entropy(logits_BTV[:, :-1].flatten(0, 1), targets_N).backward()
            masters.collect_gradients()
            optimizer.step()
            masters.clear_gradients()
            masters.publish()
        return masters

    def _save(self, model: PreTrainedModel, masters: MasterWeights, folder: Path) -> Path:
        origin = folder / "base"
        self.make_base().save_pretrained(str(origin))
        artifact = folder / "artifact"
        source = ModelSource(str(origin), origin)
        self.make().save(model, masters.tensors, artifact, (ModelSpec(source=str(origin)), source))
        return artifact

    def _save_after_training(self, folder: Path) -> Path:
        model = self._apply()
        return self._save(model, self._train(model), folder)


@torch.no_grad()
def _logits(model: PreTrainedModel) -> torch.Tensor:
    return model(input_ids=PROMPTS_BT, use_cache=False).logits
