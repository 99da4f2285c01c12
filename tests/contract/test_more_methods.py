"""Bottleneck adapters, prompt tuning and IA³ pass the contract, on every shape of decoder that they claim to fit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    MixtralConfig,
    Olmo2Config,
    OlmoConfig,
    OPTConfig,
    Phi3Config,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

from tests.tiny import make_tiny_model
from tunewright.errors import ModelError
from tunewright.infer.engine import Sampling
from tunewright.infer.hf import HfEngine
from tunewright.methods.bottleneck import Bottleneck, BottleneckLinear, load_bottleneck
from tunewright.methods.ia3 import Ia3
from tunewright.methods.method import Method
from tunewright.methods.prompt import Prompt, load_prompt
from tunewright.models.load import num_parameters
from tunewright.models.soft_prompt import SoftPromptEmbedding, prefix_ids
from tunewright.models.source import ModelSource
from tunewright.models.tokenizer import HfChatTokenizer, load_tokenizer
from tunewright.spec.method import BottleneckSpec, Ia3Spec, PromptSpec
from tunewright.spec.model import ModelSpec
from tunewright.testing.method_kit import (
    PROMPTS_BT,
    ROUNDING,
    VOCABULARY,
    MethodKit,
    tiny_gpt2,
    tiny_llama,
    tiny_qwen2,
)
from tunewright.train.masters import MasterWeights

ADAPTER_FILES = frozenset({"adapter_config.json", "adapter_model.safetensors"})
_SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
_GPT2_SHAPE = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "bos_token_id": 0, "eos_token_id": 0}
_OPT_SHAPE = {**_SHAPE, "ffn_dim": 48, "word_embed_proj_dim": 32}
CONFIGS: dict[str, PretrainedConfig] = {
    "llama": LlamaConfig(**_SHAPE),
    "mistral": MistralConfig(**_SHAPE),
    "qwen2": Qwen2Config(**_SHAPE),
    "qwen3": Qwen3Config(**_SHAPE),
    "gemma2": Gemma2Config(**_SHAPE),
    "gemma3": Gemma3TextConfig(**_SHAPE),
    "phi3": Phi3Config(**_SHAPE),
    "olmo": OlmoConfig(**_SHAPE),
    "olmo2": Olmo2Config(**_SHAPE),
    "smollm3": SmolLM3Config(**_SHAPE),
    "gpt_neox": GPTNeoXConfig(**_SHAPE),
    "gpt2": GPT2Config(vocab_size=VOCABULARY, **_GPT2_SHAPE),
    "opt": OPTConfig(**_OPT_SHAPE),
}
METHODS: dict[str, Callable[[], Method]] = {
    "houlsby": lambda: Bottleneck(BottleneckSpec(placement="houlsby", size=4)),
    "pfeiffer": lambda: Bottleneck(BottleneckSpec(size=4)),
    "prompt": lambda: Prompt(PromptSpec(num_tokens=4)),
    "ia3": lambda: Ia3(Ia3Spec()),
}


def random_model(config: PretrainedConfig) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return AutoModelForCausalLM.from_config(config).eval()


def tiny_neox() -> PreTrainedModel:
    return random_model(CONFIGS["gpt_neox"])


def mixture_of_experts() -> PreTrainedModel:
    return random_model(MixtralConfig(**_SHAPE, num_local_experts=2))


class _Kit(MethodKit):
    artifact_files = ADAPTER_FILES
    other_bases = (tiny_qwen2, tiny_gpt2, tiny_neox)

    def test_a_run_goes_on_from_masters_saved_by_name(self) -> None:
        trained, fresh = self._apply(seed=1), self._apply(seed=2)
        masters = self._train(trained)
        MasterWeights(fresh).load({name: weight.detach().clone() for name, weight in masters.tensors.items()})
        live = dict(fresh.named_parameters())
        assert all(torch.equal(weight, live[name]) for name, weight in trained.named_parameters())


class TestPfeiffer(_Kit):
    size = 4

    def make(self) -> Method:
        return Bottleneck(BottleneckSpec(size=self.size, dropout=0.3))

    def learns(self, name: str) -> bool:
        return "bottleneck_" in name

    def predict_num_trainable(self, base: PreTrainedModel) -> int:
        return 2 * (2 * 32 * self.size + 32 + self.size)


class TestHoulsbyInTheLastLayer(TestPfeiffer):
    def make(self) -> Method:
        return Bottleneck(BottleneckSpec(size=self.size, placement="houlsby", layers="last:1"))


class TestPrompt(_Kit):
    num_tokens = 5

    def make(self) -> Method:
        return Prompt(PromptSpec(num_tokens=self.num_tokens))

    def learns(self, name: str) -> bool:
        return name.endswith("prompt_embeddings")

    def predict_num_trainable(self, base: PreTrainedModel) -> int:
        return self.num_tokens * base.get_input_embeddings().embedding_dim


class TestIa3(_Kit):
    merge_tolerances = ROUNDING

    def make(self) -> Method:
        return Ia3(Ia3Spec())

    def learns(self, name: str) -> bool:
        return "ia3_l" in name

    def predict_num_trainable(self, base: PreTrainedModel) -> int:
        scaled_outputs = ("k_proj", "v_proj", "c_attn", "query_key_value")
        scaled_inputs = ("down_proj", "mlp.c_proj", "dense_4h_to_h")
        shapes = {name: _in_and_out(module) for name, module in base.named_modules()}
        return sum(
            each[0] * name.endswith(scaled_inputs) + each[1] * name.endswith(scaled_outputs)
            for name, each in shapes.items()
        )


def _in_and_out(module: torch.nn.Module) -> tuple[int, int]:
    if isinstance(module, torch.nn.Linear):
        return module.in_features, module.out_features
    return (module.weight.shape[0], module.weight.shape[1]) if type(module).__name__ == "Conv1D" else (0, 0)


# ── every architecture ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method_name", METHODS)
@pytest.mark.parametrize("config_name", CONFIGS)
def test_the_start_is_the_base_and_the_gradient_reaches_all_that_learns(config_name: str, method_name: str) -> None:
    model = random_model(CONFIGS[config_name])
    expected = model(input_ids=PROMPTS_BT).logits
    method = METHODS[method_name]()
    method.apply(model)
    # Without its virtual tokens in front, a model with a soft prompt is the base too.
    assert torch.equal(model(input_ids=PROMPTS_BT).logits, expected)
    model(input_ids=behind(method.prefix_ids)).logits.square().sum().backward()
    for name, weight in model.named_parameters():
        assert (weight.grad is not None) == weight.requires_grad, name
    assert any(weight.requires_grad for weight in model.parameters())


@pytest.mark.parametrize("method_name", ["houlsby", "pfeiffer", "ia3"])
def test_a_mixture_of_experts_is_refused_by_name_and_left_as_it_was(method_name: str) -> None:
    model = mixture_of_experts()
    before = [(name, weight.requires_grad) for name, weight in model.named_parameters()]
    with pytest.raises(ModelError, match=r"has no output projection of its MLP: looked for .*down_proj") as caught:
        METHODS[method_name]().apply(model)
    assert "MixtralDecoderLayer" in caught.value.message
    assert "o_proj" in caught.value.hint
    assert [(name, weight.requires_grad) for name, weight in model.named_parameters()] == before


def behind(prefix: tuple[int, ...]) -> torch.Tensor:
    return torch.cat([torch.tensor(prefix, dtype=torch.long).expand(len(PROMPTS_BT), -1), PROMPTS_BT], dim=1)


# ── bottleneck ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bottleneck_computes_its_formula() -> None:
    generator = torch.Generator().manual_seed(1)
    adapter = BottleneckLinear(torch.nn.Linear(6, 8), 3, dropout=0.0)
    for weight in adapter.parameters():
        torch.nn.init.normal_(weight, generator=generator)
    x = torch.randn(5, 6, generator=generator)
    hidden = x @ adapter.base_layer.weight.T + adapter.base_layer.bias
    inner = hidden @ adapter.bottleneck_down.weight.T + adapter.bottleneck_down.bias
    inner = 0.5 * inner * (1 + torch.erf(inner / 2**0.5))
    expected = hidden + inner @ adapter.bottleneck_up.weight.T + adapter.bottleneck_up.bias
    torch.testing.assert_close(adapter(x), expected)


def test_dropout_falls_on_the_update_and_not_on_the_base() -> None:
    adapter = BottleneckLinear(torch.nn.Linear(6, 2000), 3, dropout=0.5).train()
    torch.nn.init.ones_(adapter.bottleneck_up.bias)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        change = adapter(torch.ones(6)) - adapter.base_layer(torch.ones(6))
    kept = (change - 2.0).abs() < 1e-5
    assert torch.all(kept | (change.abs() < 1e-5))
    assert 800 < int(kept.sum()) < 1200


def test_placement_and_layers_decide_where_the_adapters_are() -> None:
    model = tiny_llama()
    Bottleneck(BottleneckSpec(placement="houlsby", layers="first:1")).apply(model)
    found = {name for name, module in model.named_modules() if isinstance(module, BottleneckLinear)}
    assert found == {"model.layers.0.self_attn.o_proj", "model.layers.0.mlp.down_proj"}
    model = tiny_gpt2()
    Bottleneck(BottleneckSpec()).apply(model)
    found = {name for name, module in model.named_modules() if isinstance(module, BottleneckLinear)}
    assert found == {"transformer.h.0.mlp.c_proj", "transformer.h.1.mlp.c_proj"}


def test_too_many_layers_are_refused() -> None:
    with pytest.raises(ModelError, match="last:9 asks for 9 layers, but this model has 2"):
        Bottleneck(BottleneckSpec(layers="last:9")).apply(tiny_llama())


def test_bottlenecks_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    artifact = saved(TestPfeiffer(), tmp_path)
    for damage, message in (
        ({"size": 5}, r"bottleneck_down.bias has the shape \[4\], but must have \[5\]"),
        ({"placement": "houlsby"}, r"o_proj.bottleneck_down.bias has the shape none"),
        ({"placement": "elsewhere"}, "placement: .*got 'elsewhere'"),
        ({"peft_type": "LORA"}, "peft_type must be 'TUNEWRIGHT_BOTTLENECK', got 'LORA'"),
    ):
        with pytest.raises(ModelError, match=message):
            load_bottleneck(tiny_llama(), changed(artifact, tmp_path / "changed", damage))
    with pytest.raises(ModelError, match="does not fit this model"):
        load_bottleneck(tiny_gpt2(), artifact)
    with pytest.raises(ModelError, match=r"adapter_config.json is missing"):
        load_bottleneck(tiny_llama(), tmp_path / "base")
    (artifact / "adapter_model.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelError, match="does not fit this model"):
        load_bottleneck(tiny_llama(), artifact)
    (artifact / "adapter_config.json").write_text('{"peft_type": "TUNEWRIGHT_BOTTLENECK", "size": 4}', encoding="utf-8")
    with pytest.raises(ModelError, match="dropout, layers, placement must be there"):
        load_bottleneck(tiny_llama(), artifact)
    (artifact / "adapter_config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be read"):
        load_bottleneck(tiny_llama(), artifact)


def saved(kit: MethodKit, folder: Path) -> Path:
    model = kit._apply(dtype=torch.bfloat16)
    return kit._save(model, kit._train(model), folder)


def changed(artifact: Path, folder: Path, change: Mapping[str, object]) -> Path:
    shutil.copytree(artifact, folder, dirs_exist_ok=True)
    path = folder / "adapter_config.json"
    config = {**json.loads(path.read_text(encoding="utf-8")), **change}
    path.write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.mark.parametrize("kit", [TestPfeiffer(), TestPrompt(), TestIa3()], ids=lambda kit: type(kit).__name__)
def test_an_artifact_names_its_base_and_is_stored_in_fp32(kit: MethodKit, tmp_path: Path) -> None:
    artifact = saved(kit, tmp_path)
    config = json.loads((artifact / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == str(tmp_path / "base")
    num_bytes = (artifact / "adapter_model.safetensors").stat().st_size
    assert num_bytes > 4 * kit.predict_num_trainable(kit.make_base())
    loaded = kit.load(artifact, kit.make_base())
    assert not any(weight.requires_grad for weight in loaded.parameters())


# ── prompt ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("config_name", ["llama", "gemma2", "gpt2", "gpt_neox"])
def test_peft_loads_a_tuned_prompt_and_gives_the_same_logits(config_name: str, tmp_path: Path) -> None:
    kit = TestPrompt()
    model = kit._on(lambda: random_model(CONFIGS[config_name]))._apply()
    artifact = kit._save(model, kit._train(model), tmp_path)
    theirs = PeftModel.from_pretrained(random_model(CONFIGS[config_name]), str(artifact)).eval()
    with torch.no_grad():
        expected = theirs(input_ids=PROMPTS_BT).logits
        found = model(input_ids=behind(prefix_ids(model))).logits
    assert torch.equal(found, expected)


def test_the_prompt_s_gradient_is_that_of_vectors_given_as_embeddings() -> None:
    model = tiny_llama()
    method = Prompt(PromptSpec(num_tokens=3))
    method.apply(model)
    embedding = model.get_input_embeddings()
    assert isinstance(embedding, SoftPromptEmbedding)
    model(input_ids=behind(method.prefix_ids)).logits.square().sum().backward()
    vectors = embedding.prompt_embeddings.detach().clone().requires_grad_(True)
    words_BTD = embedding.base_embedding(PROMPTS_BT)
    given = torch.cat([vectors.expand(len(PROMPTS_BT), -1, -1), words_BTD], dim=1)
    model(inputs_embeds=given).logits.square().sum().backward()
    torch.testing.assert_close(embedding.prompt_embeddings.grad, vectors.grad)


def test_virtual_tokens_follow_the_vocabulary_and_a_tied_head_stays_tied() -> None:
    model = tiny_llama()
    num_weights = num_parameters(model)
    method = Prompt(PromptSpec(num_tokens=3))
    method.apply(model)
    assert method.prefix_ids == prefix_ids(model) == (VOCABULARY, VOCABULARY + 1, VOCABULARY + 2)
    embedding = model.get_input_embeddings()
    assert model.get_output_embeddings().weight is embedding.base_embedding.weight
    assert model(input_ids=behind(method.prefix_ids)).logits.shape[-1] == VOCABULARY
    assert num_parameters(model) == num_weights + 3 * 32
    assert prefix_ids(tiny_llama()) == ()


@pytest.mark.parametrize("config_name", ["llama", "gemma2"])
def test_a_prompt_starts_from_the_tokens_of_its_text_again_and_again(config_name: str) -> None:
    model = random_model(CONFIGS[config_name])
    method = Prompt(PromptSpec(num_tokens=5, init_text="be brief"))
    method.use_tokenizer(lambda text: [len(word) for word in text.split()])
    expected = model.get_input_embeddings()(torch.tensor([2, 5, 2, 5, 2]))
    method.apply(model)
    assert torch.equal(model.get_input_embeddings().prompt_embeddings, expected)


def test_a_prompt_without_a_text_starts_from_embeddings_of_tokens() -> None:
    model = TestPrompt()._apply(seed=1)
    embedding = model.get_input_embeddings()
    for vector in embedding.prompt_embeddings:
        assert (embedding.base_embedding.weight == vector).all(dim=1).any()
    other = TestPrompt()._apply(seed=2).get_input_embeddings()
    assert not torch.equal(other.prompt_embeddings, embedding.prompt_embeddings)


def test_a_prompt_that_cannot_begin_is_refused() -> None:
    spoken = Prompt(PromptSpec(init_text="be brief"))
    with pytest.raises(ModelError, match="init_text: needs the tokenizer"):
        spoken.apply(tiny_llama())
    spoken.use_tokenizer(lambda text: [])
    with pytest.raises(ModelError, match="'be brief' has no tokens"):
        spoken.apply(tiny_llama())
    with pytest.raises(ModelError, match="64 leave no room for a row in this model's context of 64"):
        Prompt(PromptSpec(num_tokens=64)).apply(tiny_llama())
    prompted = tiny_llama()
    Prompt(PromptSpec()).apply(prompted)
    with pytest.raises(ModelError, match="this model's is a SoftPromptEmbedding"):
        Prompt(PromptSpec()).apply(prompted)
    layered = tiny_llama()
    layered.config.vocab_size_per_layer_input = 96
    with pytest.raises(ModelError, match="looks tokens up in every layer"):
        Prompt(PromptSpec()).apply(layered)


def test_prompts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    artifact = saved(TestPrompt(), tmp_path)
    for damage, message in (
        ({"num_virtual_tokens": 6}, r"prompt_embeddings has the shape \[5, 32\], but must have \[6, 32\]"),
        ({"num_virtual_tokens": None}, "num_virtual_tokens must be at least 1, got None"),
        ({"peft_type": "LORA"}, "peft_type must be 'PROMPT_TUNING', got 'LORA'"),
    ):
        model = tiny_llama()
        with pytest.raises(ModelError, match=message):
            load_prompt(model, changed(artifact, tmp_path / "changed", damage))
        assert prefix_ids(model) == ()
    wider = random_model(LlamaConfig(**{**_SHAPE, "hidden_size": 64}))
    with pytest.raises(ModelError, match="does not fit this model"):
        load_prompt(wider, artifact)


# ── the engine with a tuned prompt ───────────────────────────────────────────────────────────────────────────────────

_GREEDY = Sampling(temperature=0.0, max_new_tokens=12)
_ASKED = [[10, 20, 30], [40, 50, 60, 70, 80], [90]]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, HfChatTokenizer]:
    folder = make_tiny_model(tmp_path_factory.mktemp("prompted"), context=64)
    return folder, load_tokenizer(ModelSource(str(folder), folder), ModelSpec(source=str(folder)))


def prompted_model(folder: Path, num_tokens: int = 20) -> PreTrainedModel:
    """Return a model whose answers depend on its prompt: large random matrices, and vectors as large as any."""
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(0.0, 0.4, generator=generator)
    Prompt(PromptSpec(num_tokens=num_tokens)).apply(model)
    with torch.no_grad():
        model.get_input_embeddings().prompt_embeddings.normal_(0.0, 0.4, generator=generator)
    return model


def test_an_engine_asks_behind_the_virtual_tokens(spoken: tuple[Path, HfChatTokenizer]) -> None:
    model = prompted_model(spoken[0])
    engine = HfEngine(model, spoken[1])
    answers = engine.generate(_ASKED, _GREEDY)
    for prompt, answer in zip(_ASKED, answers, strict=True):
        ids = [*prefix_ids(model), *prompt]
        for token in answer.ids:
            with torch.no_grad():
                assert int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()) == token
            ids.append(token)
    assert any(answer.ids for answer in answers)
    assert ["".join(engine.stream(prompt, _GREEDY)) for prompt in _ASKED] == [answer.text for answer in answers]


def test_the_virtual_tokens_take_their_part_of_the_context(spoken: tuple[Path, HfChatTokenizer]) -> None:
    engine = HfEngine(prompted_model(spoken[0], num_tokens=50), spoken[1])
    (answer,) = engine.generate([[10] * 10], Sampling(temperature=0.0, max_new_tokens=40))
    assert len(answer.ids) <= 4
    (silent,) = engine.generate([[10] * 14], Sampling(temperature=0.0, max_new_tokens=40))
    assert silent.ids == ()


# ── ia3 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("make_base", [tiny_llama, tiny_qwen2])
def test_keys_values_and_the_mlp_are_scaled_and_queries_are_not(make_base: Callable[[], PreTrainedModel]) -> None:
    model = make_base()
    Ia3(Ia3Spec()).apply(model)
    scaled = {name.split(".ia3_l")[0] for name, weight in model.named_parameters() if weight.requires_grad}
    within = {name.split("layers.0.")[1] for name in scaled if "layers.0." in name}
    assert within == {"self_attn.k_proj", "self_attn.v_proj", "mlp.down_proj"}
    shapes = {name: weight.shape for name, weight in model.named_parameters() if weight.requires_grad}
    assert shapes["model.layers.0.mlp.down_proj.ia3_l.default"] == (1, 48)


def test_a_merged_model_is_saved_as_a_plain_one_with_the_same_answers(tmp_path: Path) -> None:
    kit = TestIa3()
    model = kit._apply()
    kit._train(model)
    expected = model(input_ids=PROMPTS_BT).logits
    Ia3(Ia3Spec()).merge(model).save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    torch.testing.assert_close(loaded(input_ids=PROMPTS_BT).logits, expected, atol=1e-5, rtol=1e-5)
    with pytest.raises(ModelError, match="no IA³ vectors in this model to merge"):
        Ia3(Ia3Spec()).merge(model)
