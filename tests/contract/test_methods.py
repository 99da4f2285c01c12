"""Every built-in method passes the contract that a plug-in's must."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, PreTrainedModel

from tunewright.errors import ModelError
from tunewright.methods.full import Full
from tunewright.methods.lora import Lora, load_adapter
from tunewright.methods.method import Method
from tunewright.spec.method import FullSpec, LoraSpec
from tunewright.testing.method_kit import VOCABULARY, MethodKit
from tunewright.train.masters import MasterWeights


class TestFull(MethodKit):
    artifact_files = frozenset({"config.json", "generation_config.json", "model.safetensors"})

    def make(self) -> Method:
        return Full(FullSpec())

    def learns(self, name: str) -> bool:
        return True

    def predict_num_trainable(self, base: PreTrainedModel) -> int:
        return sum(weight.numel() for weight in base.parameters())

    def test_tied_weights_stay_tied_and_are_written_once(self, tmp_path: Path) -> None:
        model = self._apply(dtype=torch.bfloat16)
        artifact = self._save(model, self._train(model), tmp_path)
        loaded = self.load(artifact, self.make_base())
        assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight
        assert (artifact / "model.safetensors").stat().st_size < 4.2 * sum(p.numel() for p in loaded.parameters())

    def test_a_bf16_result_is_written_in_bf16_exactly_as_it_was_scored(self, tmp_path: Path) -> None:
        model = self._apply(dtype=torch.bfloat16)
        artifact = self._save(model, self._train(model), tmp_path)
        loaded = dict(AutoModelForCausalLM.from_pretrained(str(artifact), dtype="auto").named_parameters())
        live = dict(model.named_parameters())
        assert loaded.keys() == live.keys()
        assert all(weight.dtype == torch.bfloat16 for weight in loaded.values())
        assert all(torch.equal(weight, live[name]) for name, weight in loaded.items())


class TestLora(MethodKit):
    artifact_files = frozenset({"adapter_config.json", "adapter_model.safetensors"})
    rank = 4

    def make(self) -> Method:
        return Lora(LoraSpec(rank=self.rank))

    def learns(self, name: str) -> bool:
        return "lora_" in name

    def predict_num_trainable(self, base: PreTrainedModel) -> int:
        head = base.get_output_embeddings()
        linear = [m for m in base.modules() if isinstance(m, torch.nn.Linear) and m is not head]
        return sum(self.rank * (layer.in_features + layer.out_features) for layer in linear)

    def test_the_adapter_names_its_base_and_is_stored_in_fp32(self, tmp_path: Path) -> None:
        model = self._apply(dtype=torch.bfloat16)
        artifact = self._save(model, self._train(model), tmp_path)
        config = json.loads((artifact / "adapter_config.json").read_text(encoding="utf-8"))
        assert config["base_model_name_or_path"] == str(tmp_path / "base")
        assert (config["r"], config["lora_alpha"], config["inference_mode"]) == (4, 8.0, True)
        loaded = self.load(artifact, self.make_base())
        assert any(isinstance(module, BaseTunerLayer) for module in loaded.modules())
        assert not any(weight.requires_grad for weight in loaded.parameters())


class TestLoraOnNamedLayers(TestLora):
    def make(self) -> Method:
        return Lora(LoraSpec(rank=self.rank, targets=("q_proj", "down_proj"), dropout=0.2))

    def predict_num_trainable(self, base: PreTrainedModel) -> int:
        layers = [m for name, m in base.named_modules() if name.endswith(("q_proj", "down_proj"))]
        return sum(self.rank * (layer.in_features + layer.out_features) for layer in layers)


# peft says that it turns fan_in_fan_out on for GPT-2's Conv1D; that is right, and there is no way to say so beforehand.
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to False:UserWarning")
class TestLoraOnGpt2(TestLora):
    def make_base(self) -> PreTrainedModel:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            config = GPT2Config(
                vocab_size=VOCABULARY, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0
            )
            return GPT2LMHeadModel(config).eval()

    def predict_num_trainable(self, base: PreTrainedModel) -> int:
        return sum(self.rank * sum(m.weight.shape) for m in base.modules() if type(m).__name__ == "Conv1D")


def test_targets_that_fit_nothing_are_refused_with_the_names_that_would() -> None:
    base = TestLora().make_base()
    with pytest.raises(ModelError, match=r"method.targets: \('qq_proj',\) fits no layer") as caught:
        Lora(LoraSpec(targets=("qq_proj",))).apply(base)
    assert "q_proj" in caught.value.hint


@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to False:UserWarning")
def test_an_adapter_of_another_shape_is_refused(tmp_path: Path) -> None:
    kit, other = TestLora(), TestLoraOnGpt2()
    model = kit._apply()
    artifact = kit._save(model, MasterWeights(model), tmp_path)
    with pytest.raises(ModelError, match="does not fit this model"):
        load_adapter(other.make_base(), artifact)
    with pytest.raises(ModelError, match=r"adapter_config.json is missing"):
        load_adapter(kit.make_base(), tmp_path / "base")
    (artifact / "adapter_model.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelError, match="does not fit this model"):
        load_adapter(kit.make_base(), artifact)
