"""Every built-in method passes the contract that a plug-in's must."""

from __future__ import annotations

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora.layer import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from tunewright.errors import ModelError, RecipeError
from tunewright.methods.artifact import load_artifact
from tunewright.methods.full import Full
from tunewright.methods.lora import Dora, Lora
from tunewright.methods.method import Method, Origin
from tunewright.methods.qlora import Qlora
from tunewright.models.hardware import Hardware
from tunewright.models.load import Quantisation, load_model, num_parameters
from tunewright.models.source import ModelSource
from tunewright.spec.method import DoraSpec, FullSpec, LoraSpec, QloraSpec
from tunewright.spec.model import ModelSpec
from tunewright.testing.method_kit import (
    EXACT,
    PROMPTS_BT,
    ROUNDING,
    VOCABULARY,
    MethodKit,
    tiny_gpt2,
    tiny_llama,
    tiny_qwen2,
)
from tunewright.train.masters import MasterWeights


def linear_shapes(base: PreTrainedModel) -> dict[str, tuple[int, int]]:
    """Return (inputs, outputs) of every linear layer but the head; Conv1D counts."""
    head = base.get_output_embeddings()
    shapes = {}
    for name, module in base.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not head:
            shapes[name] = (module.in_features, module.out_features)
        elif type(module).__name__ == "Conv1D":
            shapes[name] = tuple(module.weight.shape)
    return shapes


class TestFull(MethodKit):
    artifact_files = frozenset({"config.json", "generation_config.json", "model.safetensors"})
    merge_tolerances = EXACT

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


class TestFullOfTheLastLayer(TestFull):
    """The embeddings are tied in Llama and GPT-2, so there the head is frozen with them; Qwen2's head learns."""

    def make(self) -> Method:
        return Full(FullSpec(layers="last:1"))

    def learns(self, name: str) -> bool:
        return name.startswith(("model.layers.1.", "transformer.h.1.", "model.norm.", "transformer.ln_f.", "lm_head."))

    def predict_num_trainable(self, base: PreTrainedModel) -> int:
        return sum(weight.numel() for name, weight in base.named_parameters() if self.learns(name))


class TestLora(MethodKit):
    artifact_files = frozenset({"adapter_config.json", "adapter_model.safetensors"})
    merge_tolerances = ROUNDING
    rank = 4
    saved_rank = 4

    def make(self) -> Method:
        return Lora(LoraSpec(rank=self.rank))

    def learns(self, name: str) -> bool:
        return "lora_" in name

    def predict_num_trainable(self, base: PreTrainedModel) -> int:
        return sum(self.rank * sum(shape) for shape in linear_shapes(base).values())

    def test_the_adapter_names_its_base_and_is_stored_in_fp32(self, tmp_path: Path) -> None:
        model = self._apply(dtype=torch.bfloat16)
        artifact = self._save(model, self._train(model), tmp_path)
        config = json.loads((artifact / "adapter_config.json").read_text(encoding="utf-8"))
        assert config["base_model_name_or_path"] == str(tmp_path / "base")
        assert (config["r"], config["lora_alpha"]) == (self.saved_rank, 2.0 * self.saved_rank)
        assert config["inference_mode"] is True
        loaded = self.load(artifact, self._base(torch.float32))
        assert any(isinstance(module, BaseTunerLayer) for module in loaded.modules())
        assert not any(weight.requires_grad for weight in loaded.parameters())


class TestLoraOnNamedLayersAtTheTop(TestLora):
    targets = ("q_proj", "down_proj", "c_proj")

    def make(self) -> Method:
        return Lora(LoraSpec(rank=self.rank, targets=self.targets, layers="last:1", dropout=0.2))

    def predict_num_trainable(self, base: PreTrainedModel) -> int:
        shapes = linear_shapes(base).items()
        return sum(self.rank * sum(shape) for name, shape in shapes if name.endswith(self.targets) and ".1." in name)


class TestLoraWithAHeadThatLearnsWhole(TestLora):
    """Where the head shares the embeddings' weights, as in Llama and GPT-2, both stay one and learn as one."""

    def make(self) -> Method:
        return Lora(LoraSpec(rank=self.rank, modules_to_save=("lm_head",)))

    def learns(self, name: str) -> bool:
        return "lora_" in name or ".modules_to_save." in name

    def predict_num_trainable(self, base: PreTrainedModel) -> int:
        return super().predict_num_trainable(base) + base.get_output_embeddings().weight.numel()

    def test_shared_weights_stay_shared_in_training_in_the_loaded_and_in_the_merged_model(self, tmp_path: Path) -> None:
        model = self._apply()
        artifact = self._save(model, self._train(model), tmp_path)
        for each in (model, self.load(artifact, self.make_base()), Lora(LoraSpec()).merge(model)):
            assert torch.equal(each.get_output_embeddings().weight, each.get_input_embeddings().weight)
        assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
        assert not torch.equal(model.get_output_embeddings().weight, self.make_base().get_output_embeddings().weight)


class TestPissa(TestLora):
    """The base's weights change, so what is equal elsewhere is equal to rounding here. One layer has another rank; a
    pattern must fit something, so each architecture has its own.
    """

    saved_rank = 8
    start_tolerances = ROUNDING
    load_tolerances = ROUNDING

    def make(self) -> Method:
        pattern = r"h\.0\.attn\.c_attn" if self.make_base().config.model_type == "gpt2" else r"0\.self_attn\.q_proj"
        return Lora(LoraSpec(rank=self.rank, rank_pattern={pattern: 6}, init="pissa"))

    def predict_num_trainable(self, base: PreTrainedModel) -> int:
        other = ("0.self_attn.q_proj", "h.0.attn.c_attn")
        return sum(
            (6 if name.endswith(other) else self.rank) * sum(shape) for name, shape in linear_shapes(base).items()
        )

    def test_the_artifact_is_a_plain_adapter_of_twice_the_ranks(self, tmp_path: Path) -> None:
        artifact = self._save_after_training(tmp_path)
        config = json.loads((artifact / "adapter_config.json").read_text(encoding="utf-8"))
        assert (config["init_lora_weights"], config["r"], [*config["rank_pattern"].values()]) == (True, 8, [12])
        factors = load_file(str(artifact / "adapter_model.safetensors"))
        assert {min(factor.shape) for factor in factors.values()} == {8, 12}


class TestDora(TestLora):
    def make(self) -> Method:
        return Dora(DoraSpec(rank=self.rank))

    def predict_num_trainable(self, base: PreTrainedModel) -> int:
        return super().predict_num_trainable(base) + sum(num_outputs for _, num_outputs in linear_shapes(base).values())


class TestQlora(TestLora):
    """The base is loaded in 4 bits from a checkpoint, as a job does it."""

    other_bases = (tiny_qwen2,)
    double = True

    @pytest.fixture(autouse=True)
    def _needs_bitsandbytes(self) -> None:
        pytest.importorskip("bitsandbytes")

    def make(self) -> Method:
        return Qlora(QloraSpec(rank=self.rank, double_quantisation=self.double))

    def in_precision(self, base: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
        quantisation = self.make().quantisation
        assert quantisation == Quantisation(double=self.double)
        precision = "bf16" if dtype == torch.bfloat16 else "fp32"
        with TemporaryDirectory() as folder:
            base.save_pretrained(folder)
            source = ModelSource(folder, Path(folder))
            return load_model(source, ModelSpec(source=folder), Hardware("cpu", precision, "asked for"), quantisation)

    def test_every_linear_layer_but_the_head_is_in_4_bits(self) -> None:
        base = self._base(torch.float32)
        weights = {name: base.get_parameter(f"{name}.weight") for name in linear_shapes(base)}
        assert {weight.dtype for weight in weights.values()} == {torch.uint8}
        assert base.get_output_embeddings().weight.dtype == torch.float32
        assert num_parameters(base) == num_parameters(self.make_base())

    def test_an_evaluation_leaves_the_4_bit_weights_as_they_are(self) -> None:
        base = self.in_precision(_wide_llama(), torch.bfloat16)
        before = {name: tensor.clone() for name, tensor in base.state_dict().items()}
        with torch.no_grad():
            base(PROMPTS_BT)
        assert all(torch.equal(tensor, before[name]) for name, tensor in base.state_dict().items())
        model = self.make().apply(base)
        model(PROMPTS_BT).logits.float().square().mean().backward()
        assert all(weight.grad is not None for weight in model.parameters() if weight.requires_grad)

    def test_a_merged_model_is_saved_as_a_plain_one(self, tmp_path: Path) -> None:
        model = self._apply()
        self._train(model)
        merged = self.make().merge(model)
        merged.save_pretrained(str(tmp_path))
        plain = AutoModelForCausalLM.from_pretrained(str(tmp_path), dtype=torch.float32).eval()
        assert {weight.dtype for weight in plain.parameters()} == {torch.float32}
        assert torch.equal(plain(PROMPTS_BT).logits, merged(PROMPTS_BT).logits)


# ── one thing each ───────────────────────────────────────────────────────────────────────────────────────────────────


class DoraFromSingularDirections(TestDora):
    start_tolerances = load_tolerances = ROUNDING

    def make(self) -> Method:
        return Dora(DoraSpec(rank=self.rank, init="pissa"))


class QloraWithSimpleScales(TestQlora):
    double = False


class RsloraFromSingularDirections(TestPissa):
    def make(self) -> Method:
        spec = LoraSpec(rank=self.rank, rank_pattern={r".*q_proj": 6}, init="pissa", use_rslora=True)
        return Lora(spec)


@pytest.mark.parametrize("kit", [DoraFromSingularDirections, QloraWithSimpleScales, RsloraFromSingularDirections])
def test_a_variant_of_a_variant_starts_saves_and_merges_as_it_should(kit: type[MethodKit], tmp_path: Path) -> None:
    kit().test_outputs_at_the_start_are_the_base_s_as_far_as_the_method_says()
    kit().test_a_saved_artifact_gives_the_same_outputs_as_far_as_the_method_says(tmp_path)
    kit().test_a_merged_model_is_a_plain_one_with_the_same_outputs()


@pytest.mark.parametrize(("kit", "nested"), [(TestQlora, True), (QloraWithSimpleScales, False)])
def test_the_scales_of_the_blocks_are_quantised_too_if_so_asked(kit: type[TestQlora], nested: bool) -> None:
    base = kit()._base(torch.float32)
    weights: list[Any] = [base.get_parameter(f"{name}.weight") for name in linear_shapes(base)]
    assert {(weight.quant_state.nested, weight.quant_state.quant_type) for weight in weights} == {(nested, "nf4")}


def test_the_start_of_pissa_is_peft_s_own() -> None:
    ours, theirs = tiny_qwen2(), tiny_qwen2()
    Lora(LoraSpec(rank=4, init="pissa")).apply(ours)
    get_peft_model(theirs, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights="pissa"))
    expected = dict(theirs.named_parameters())
    for name, weight in ours.named_parameters():
        torch.testing.assert_close(weight, expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("use_rslora", "expected"), [(False, {4: 2.0, 6: 2.0}), (True, {4: 8 / math.sqrt(4), 6: 8 / math.sqrt(6)})]
)
def test_the_scale_of_another_rank_follows_the_rule(use_rslora: bool, expected: dict[int, float]) -> None:
    model = Lora(LoraSpec(rank=4, rank_pattern={"q_proj": 6}, use_rslora=use_rslora)).apply(tiny_llama())
    layers = [module for module in model.modules() if isinstance(module, LoraLayer)]
    assert {layer.r["default"]: layer.scaling["default"] for layer in layers} == expected


@pytest.mark.parametrize(
    ("targets", "layers", "expected"),
    [
        (
            r".*mlp\.(up|gate)_proj",
            None,
            {f"model.layers.{n}.mlp.{name}_proj" for n in (0, 1) for name in ("up", "gate")},
        ),
        (r".*(o|up)_proj", "first:1", {"model.layers.0.self_attn.o_proj", "model.layers.0.mlp.up_proj"}),
        (("1.self_attn.q_proj",), None, {"model.layers.1.self_attn.q_proj"}),
        (("q_proj", "lm_head"), "last:1", {"model.layers.1.self_attn.q_proj"}),
        (("lm_head",), None, {"lm_head"}),
    ],
)
def test_targets_mean_these_layers_in_training_and_in_the_artifact(
    targets: str | tuple[str, ...], layers: str | None, expected: set[str], tmp_path: Path
) -> None:
    kit = TestLora()._on(tiny_qwen2)
    model, method = kit._base(torch.float32), Lora(LoraSpec(targets=targets, layers=layers))
    method.apply(model)
    method.save(model, dict(_learning(model)), tmp_path, Origin(ModelSpec(), ModelSource("base", tmp_path)))
    for each in (model, load_artifact(kit.make_base(), tmp_path)):
        assert {name for name, module in each.named_modules() if isinstance(module, LoraLayer)} == expected


def test_a_module_that_learns_whole_is_no_other_whose_name_ends_alike(tmp_path: Path) -> None:
    model, method = tiny_llama(), Lora(LoraSpec(targets=("q_proj",), modules_to_save=("norm",)))
    method.apply(model)
    assert [name for name, _ in _learning(model) if "lora_" not in name] == [
        "model.norm.modules_to_save.default.weight"
    ]
    model.get_parameter("model.norm.modules_to_save.default.weight").data += 1
    method.save(model, dict(_learning(model)), tmp_path, Origin(ModelSpec(), ModelSource("base", tmp_path)))
    assert torch.equal(load_artifact(tiny_llama(), tmp_path)(PROMPTS_BT).logits, model(PROMPTS_BT).logits)


def test_the_artifact_s_configuration_has_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    model, method = tiny_llama(), Lora(LoraSpec())
    method.apply(model)
    method.save(model, dict(_learning(model)), tmp_path, Origin(ModelSpec(), ModelSource("base", tmp_path)))
    content = json.loads((tmp_path / "adapter_config.json").read_text(encoding="utf-8"))
    assert content["target_modules"] == sorted(
        name.rpartition(".")[2] for name in linear_shapes(tiny_llama()) if ".0." in name
    )
    assert LoraConfig.from_pretrained(str(tmp_path)).target_modules == set(content["target_modules"])


def _learning(model: PreTrainedModel) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]


def _wide_llama() -> PreTrainedModel:
    """Return a Llama whose weights fill whole blocks of 64, so that nothing about them is special."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    return LlamaForCausalLM(config).eval()


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        ({"targets": ("qq_proj",)}, r"method.targets: \('qq_proj',\) fits no layer of this model", "q_proj"),
        ({"targets": ("q_proj",), "layers": "last:3"}, "last:3 asks for 3 layers, but this model has 2", "last:2"),
        ({"targets": "*_proj"}, "is no regular expression", "q_proj"),
        ({"targets": ("embed_tokens",)}, "fits no layer", "down_proj"),
        ({"targets": ("lm_head",)}, "lm_head shares its weights with the embeddings", "modules_to_save"),
        ({"modules_to_save": ("lm_heads",)}, "'lm_heads' is no module", "lm_head"),
        ({"rank_pattern": {"qq_proj": 8}}, "'qq_proj' fits none of the 14 layers", "model.layers.0.self_attn.q_proj"),
        ({"rank_pattern": {"*": 8}}, "is no regular expression", "q_proj"),
        ({"init": "pissa", "rank": 17}, "17 is more than the smaller side of .*k_proj, 16", "method.rank=16"),
    ],
)
def test_a_recipe_that_does_not_fit_the_model_is_refused_with_the_way_out(
    spec: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        Lora(LoraSpec(**spec)).apply(tiny_llama())
    assert hint in caught.value.hint


def test_embeddings_that_peft_would_part_from_the_head_are_refused() -> None:
    with pytest.raises(ModelError, match=r"transformer.wte shares its weights with the head"):
        Lora(LoraSpec(modules_to_save=("wte",))).apply(tiny_gpt2())


def test_singular_directions_of_a_4_bit_base_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"method.init: pissa"):
        Qlora(QloraSpec(init="pissa"))


def test_a_base_that_is_not_adapted_has_nothing_to_merge() -> None:
    with pytest.raises(ModelError, match="no low-rank adapter in this model to merge"):
        Lora(LoraSpec()).merge(tiny_llama())


def test_an_artifact_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    kit = TestLora()
    model = kit._apply()
    artifact = kit._save(model, MasterWeights(model), tmp_path)
    with pytest.raises(ModelError, match="does not fit this model"):
        load_artifact(tiny_gpt2(), artifact)
    with pytest.raises(ModelError, match=r"adapter_config.json is missing"):
        load_artifact(kit.make_base(), tmp_path / "base")
    (artifact / "adapter_model.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelError, match="does not fit this model"):
        load_artifact(kit.make_base(), artifact)
    config = artifact / "adapter_config.json"
    config.write_text('{"peft_type": "VERA"}', encoding="utf-8")
    with pytest.raises(
        ModelError, match="peft_type is 'VERA'; expected one of IA3, LORA, PROMPT_TUNING, TUNEWRIGHT_BOTTLENECK"
    ):
        load_artifact(kit.make_base(), artifact)
    config.write_text('{"peft_type":', encoding="utf-8")
    with pytest.raises(ModelError, match="is no adapter's configuration"):
        load_artifact(kit.make_base(), artifact)
