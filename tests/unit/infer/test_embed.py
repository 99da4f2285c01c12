"""Local embeddings against a few lines of transformers, one text at a time; and the files that name the rules."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    LlamaModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5Model,
)

from tunewright.errors import ModelError, ModelMissingError
from tunewright.infer.embed import LocalEmbedder, local_embedder, make_embedder
from tunewright.infer.vector_rules import VectorRules, read_vector_rules
from tunewright.models.source import ModelSource
from tunewright.spec.baselines import EmbeddingsSpec

WORDS = [f"w{number}" for number in range(40)]
CONTEXT = 24
TEXTS = ["w1 w2 w3", "w4", "w5 w6 w7 w8 w9 w10 w11 w12", "w2", "w1 w2 w3", "w13 w14 w15"]

FLAGS = {
    "cls": "pooling_mode_cls_token",
    "mean": "pooling_mode_mean_tokens",
    "max": "pooling_mode_max_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]


def word_tokenizer(*, is_lower_cased: bool = False) -> PreTrainedTokenizerFast:
    """Return a tokenizer of `WORDS`, that of BERT in its marks."""
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    words = {word: place for place, word in enumerate([*specials, *WORDS, "query:", "ask"])}
    inner = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def small(**other: Any) -> dict[str, Any]:
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return {"vocab_size": 48, **sizes, "max_position_embeddings": CONTEXT, **other}


def saved(folder: Path, make: Callable[[], Any]) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        make().eval().save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny BERT, which nobody writes to."""
    return saved(tmp_path_factory.mktemp("models") / "bert", lambda: BertModel(BertConfig(**small())))


def copied(folder: Path, to: Path, **files: Any) -> Path:
    """Return a copy of a model with JSON files added; `__` in a name stands for a folder's slash."""
    shutil.copytree(folder, to)
    for name, tree in files.items():
        path = to / f"{name.replace('__', '/')}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(tree if isinstance(tree, str) else json.dumps(tree), encoding="utf-8")
    return to


def pooled_by(*names: str, **other: Any) -> dict[str, Any]:
    return {flag: name in names for name, flag in FLAGS.items()} | other


def embedder(folder: Path) -> LocalEmbedder:
    return local_embedder(EmbeddingsSpec(model=str(folder)))


def reference(folder: Path, kind: Any, text: str, poolings: tuple[str, ...] = ("mean",)) -> np.ndarray:
    """Return the vector of one text: alone, without padding or mask."""
    model, tokenizer = kind.from_pretrained(folder, dtype=torch.float32), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        states = model(torch.tensor([tokenizer(text)["input_ids"]])).last_hidden_state[0]
    ways = {"cls": states[0], "mean": states.mean(0), "lasttoken": states[-1]}
    vector = torch.cat([ways[name] for name in poolings]).double().numpy()
    return vector / np.sqrt((vector**2).sum())


@pytest.mark.parametrize("poolings", [("mean",), ("cls",), ("lasttoken",), ("cls", "mean", "lasttoken")])
def test_vectors_of_an_encoder_are_those_of_each_text_alone(
    bert: Path, tmp_path: Path, poolings: tuple[str, ...]
) -> None:
    folder = copied(bert, tmp_path / "model", modules=MODULES, **{"1_Pooling__config": pooled_by(*poolings)})
    vectors = embedder(folder).passages(TEXTS)
    expected = [reference(folder, BertModel, text, poolings) for text in TEXTS]
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, atol=2e-6)
    np.testing.assert_allclose((vectors**2).sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("poolings", [("mean",), ("lasttoken",)])
def test_vectors_of_a_decoder_are_those_of_each_text_alone(
    tiny_model: Path, tmp_path: Path, poolings: tuple[str, ...]
) -> None:
    folder = copied(tiny_model, tmp_path / "model", **{"1_Pooling__config": pooled_by(*poolings)})
    vectors = embedder(folder).passages(TEXTS)
    np.testing.assert_allclose(vectors, [reference(folder, LlamaModel, text, poolings) for text in TEXTS], atol=2e-6)


def test_a_model_without_rules_pools_the_mean_and_puts_nothing_before_a_text(bert: Path) -> None:
    one = embedder(bert)
    np.testing.assert_allclose(one.passages(["w1 w2"]), [reference(bert, BertModel, "w1 w2")], atol=2e-6)
    np.testing.assert_array_equal(one.queries(TEXTS), one.passages(TEXTS))


def test_order_and_company_do_not_change_a_vector(bert: Path) -> None:
    draw = random.Random(3)
    # More than one batch, of all lengths, some above the context.
    texts = [" ".join(draw.choices(WORDS, k=draw.randint(1, 30))) for _ in range(150)]
    one = embedder(bert)
    together = one.passages(texts)
    order = draw.sample(range(150), 150)
    np.testing.assert_allclose(one.passages([texts[place] for place in order]), together[order], atol=2e-6)
    alone = np.concatenate([one.passages([text]) for text in texts[:20]])
    np.testing.assert_allclose(alone, together[:20], atol=2e-6)


def test_a_text_that_stands_twice_has_one_vector_to_the_last_bit(bert: Path) -> None:
    vectors = embedder(bert).passages(["w1 w2", *(f"w3 w{n}" for n in range(80)), "w1 w2"])
    np.testing.assert_array_equal(vectors[0], vectors[-1])


def test_texts_are_cut_at_the_context_and_at_the_limit_that_the_model_names(bert: Path, tmp_path: Path) -> None:
    long = " ".join(WORDS)
    for folder, num_words in (
        (bert, CONTEXT - 2),
        (copied(bert, tmp_path / "a", sentence_bert_config={"max_seq_length": 10}), 8),
        (copied(bert, tmp_path / "b", sentence_bert_config={"max_seq_length": 999}), CONTEXT - 2),
    ):
        one = embedder(folder)
        expected = reference(folder, BertModel, " ".join(WORDS[:num_words]))
        np.testing.assert_allclose(one.passages([long]), [expected], atol=2e-6)


def test_positions_that_begin_behind_the_padding_s_shorten_the_context(tmp_path: Path) -> None:
    config = RobertaConfig(**small(pad_token_id=1, type_vocab_size=1))
    folder = saved(tmp_path / "roberta", lambda: RobertaModel(config))
    expected = reference(folder, RobertaModel, " ".join(WORDS[: CONTEXT - 4]))
    np.testing.assert_allclose(embedder(folder).passages([" ".join(WORDS)]), [expected], atol=2e-6)


@pytest.mark.parametrize("name", ["document", "passage", "corpus"])
def test_queries_and_passages_have_the_words_before_them_that_the_model_names(
    bert: Path, tmp_path: Path, name: str
) -> None:
    prompts = {"prompts": {"query": "query: ", name: "ask ", "other": "w9 "}, "default_prompt_name": "other"}
    one = embedder(copied(bert, tmp_path / "model", config_sentence_transformers=prompts))
    np.testing.assert_allclose(one.queries(["w1"]), [reference(bert, BertModel, "query: w1")], atol=2e-6)
    np.testing.assert_allclose(one.passages(["w1"]), [reference(bert, BertModel, "ask w1")], atol=2e-6)


def test_the_default_prompt_stands_where_there_is_none_for_queries_or_passages(bert: Path, tmp_path: Path) -> None:
    prompts = {"prompts": {"both": "ask "}, "default_prompt_name": "both"}
    rules = read_vector_rules(source(copied(bert, tmp_path / "model", config_sentence_transformers=prompts)))
    assert (rules.query_prompt, rules.passage_prompt) == ("ask ", "ask ")


def test_a_model_that_wants_lower_case_gets_it(bert: Path, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path / "model", sentence_bert_config={"do_lower_case": True})
    np.testing.assert_allclose(embedder(folder).passages(["W1 W2"]), [reference(bert, BertModel, "w1 w2")], atol=2e-6)
    assert not np.allclose(embedder(bert).passages(["W1 W2"]), reference(bert, BertModel, "w1 w2"), atol=1e-3)


def test_a_text_that_says_nothing_is_zero_and_changes_no_other(bert: Path, tiny_model: Path) -> None:
    for folder, size in ((bert, 16), (tiny_model, 32)):
        one = embedder(folder)
        vectors = one.passages(["", "w1 w2", " \n"])
        np.testing.assert_array_equal(vectors[[0, 2]], np.zeros((2, size)))
        np.testing.assert_allclose(vectors[1:2], one.passages(["w1 w2"]), atol=2e-6)
        assert (one.queries(["", " "]).shape, one.queries([]).shape) == ((2, size), (0, size))


def test_half_a_character_is_no_crash(tiny_model: Path) -> None:
    one = embedder(tiny_model)
    np.testing.assert_array_equal(one.passages(["a\ud800"]), one.passages(["a?"]))


def test_the_starter_and_a_model_by_its_spec_give_vectors() -> None:
    one = make_embedder(EmbeddingsSpec(model="starter"))
    assert one.name == "starter"
    assert one.queries(["Where is my parcel?"]).shape == (1, 256)


# ── what is no model for embeddings ──────────────────────────────────────────────────────────────────────────────────


def test_a_model_without_hidden_states_for_text_is_refused(tmp_path: Path) -> None:
    config = T5Config(vocab_size=48, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    folder = saved(tmp_path / "t5", lambda: T5Model(config))
    with pytest.raises(ModelError, match="t5: gives no hidden states for a text alone: You must specify") as caught:
        embedder(folder)
    assert "encoder (BERT" in caught.value.hint


def test_an_answer_that_is_not_one_state_for_each_token_is_no_hidden_state(bert: Path) -> None:
    class Halved(BertModel):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            output = super().forward(*args, **kwargs)
            output.last_hidden_state = output.last_hidden_state[:, :0]
            return output

    with pytest.raises(ModelError, match="none for each token"):
        LocalEmbedder(Halved.from_pretrained(bert), word_tokenizer(), VectorRules(), "halved")


def test_numbers_that_are_not_finite_are_refused_with_the_text(tmp_path: Path) -> None:
    def broken() -> BertModel:
        model = BertModel(BertConfig(**small()))
        with torch.no_grad():
            model.get_input_embeddings().weight[word_tokenizer().convert_tokens_to_ids("w3")] = float("nan")
        return model

    one = embedder(saved(tmp_path / "broken", broken))
    assert np.isfinite(one.passages(["w1"])).all()
    with pytest.raises(ModelError, match=r"its vector of 'w2 w3' holds numbers that are not finite"):
        one.passages(["w1", "w2 w3", "w4"])


def test_weights_that_are_lacking_are_not_made_up(bert: Path, tmp_path: Path) -> None:
    config = json.loads((bert / "config.json").read_text(encoding="utf-8"))
    folder = copied(bert, tmp_path / "model", config=config | {"num_hidden_layers": 3})
    with pytest.raises(ModelMissingError, match=r"lacks 16 of its weights, such as encoder\.layer\.2\."):
        embedder(folder)


def test_a_pooler_that_is_lacking_is_not_needed_and_draws_from_nobody_s_seed(tmp_path: Path) -> None:
    folder = saved(tmp_path / "masked", lambda: BertForMaskedLM(BertConfig(**small())))
    before = torch.get_rng_state()
    vectors = embedder(folder).passages(["w1 w2"])
    assert torch.equal(torch.get_rng_state(), before)
    model = BertForMaskedLM.from_pretrained(folder).bert
    ids = torch.tensor([word_tokenizer()("w1 w2")["input_ids"]])
    expected = model(ids).last_hidden_state[0].mean(0).detach().numpy()
    np.testing.assert_allclose(vectors[0], expected / np.linalg.norm(expected), atol=2e-6)


def test_a_folder_that_is_damaged_or_absent_is_named(bert: Path, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelMissingError, match="weights file is damaged"):
        embedder(folder)
    with pytest.raises(ModelMissingError, match="no such folder"):
        embedder(tmp_path / "absent")
    unknown = copied(bert, tmp_path / "unknown", config={"model_type": "nobody-knows"})
    with pytest.raises(ModelError, match="nobody-knows"):
        embedder(unknown)


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def source(folder: Path) -> ModelSource:
    return ModelSource(str(folder), folder)


def rules_of(folder: Path, **files: Any) -> VectorRules:
    return read_vector_rules(source(copied(folder, folder.parent / "model", **files)))


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return a folder without any file."""
    (tmp_path / "bare").mkdir()
    return tmp_path / "bare"


@pytest.mark.parametrize(
    ("settings", "poolings"),
    [
        ({"word_embedding_dimension": 16}, ("mean",)),
        (pooled_by("lasttoken"), ("lasttoken",)),
        (pooled_by("lasttoken", "cls"), ("cls", "lasttoken")),
        ({"embedding_dimension": 16, "pooling_mode": "cls"}, ("cls",)),
        ({"pooling_mode": "mean+cls"}, ("cls", "mean")),
        ({"pooling_mode": ["lasttoken"]}, ("lasttoken",)),
    ],
)
def test_older_and_newer_files_name_the_pooling(bare: Path, settings: Any, poolings: tuple[str, ...]) -> None:
    assert rules_of(bare, modules=MODULES, **{"1_Pooling__config": settings}).poolings == poolings


def test_the_pooling_is_read_from_the_folder_that_the_steps_name(bare: Path) -> None:
    steps = [
        MODULES[0] | {"type": "sentence_transformers.base.modules.transformer.Transformer"},
        MODULES[1] | {"path": "7_Pool", "type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling"},
    ]
    files = {"1_Pooling__config": pooled_by("mean"), "7_Pool__config": pooled_by("cls")}
    assert rules_of(bare, modules=steps, **files).poolings == ("cls",)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"modules": [*MODULES, {"path": "3_Dense", "type": "sentence_transformers.models.Dense"}]}, "step 'Dense'"),
        ({"modules": [{"path": ""}]}, "step 'None'"),
        ({"modules": MODULES[:1]}, "no Pooling"),
        ({"1_Pooling__config": pooled_by("max")}, "pools its tokens by max;"),
        ({"1_Pooling__config": pooled_by("mean", "max")}, "pools its tokens by max;"),
        ({"1_Pooling__config": pooled_by()}, "by no way at all"),
        ({"1_Pooling__config": {"pooling_mode": "weightedmean"}}, "by weightedmean"),
        (
            {
                "1_Pooling__config": pooled_by("mean", include_prompt=False),
                "config_sentence_transformers": {"prompts": {"query": "find: "}},
            },
            "include_prompt is false",
        ),
        ({"modules": "{"}, "modules.json is not JSON"),
        ({"modules": {}}, "modules.json is no list"),
        ({"modules": ["x"]}, "modules.json is no list"),
        ({"1_Pooling__config": []}, "config.json is no object"),
        ({"config_sentence_transformers": "no"}, "config_sentence_transformers.json is not JSON"),
    ],
)
def test_what_would_make_other_vectors_than_the_model_s_is_refused(bare: Path, files: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        rules_of(bare, **files)
    assert caught.value.hint


def test_prompts_that_are_none_leave_the_pooling_of_prompts_open(bare: Path) -> None:
    settings = {"1_Pooling__config": pooled_by("mean", include_prompt=False)}
    prompts = {"prompts": {"query": "", "document": None}, "default_prompt_name": None}
    assert rules_of(bare, config_sentence_transformers=prompts, **settings) == VectorRules()


def test_a_file_without_prompts_names_none(bare: Path) -> None:
    assert rules_of(bare, config_sentence_transformers={"prompts": None}) == VectorRules()


@pytest.mark.slow
def test_a_hub_id_is_read_from_the_cache_without_network(bert: Path, tmp_path: Path) -> None:
    """The cache's layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache."""
    cache, commit = tmp_path / "hub" / "models--org--bert", "0123456789abcdef0123456789abcdef01234567"
    copied(bert, cache / "snapshots" / commit, modules=MODULES, **{"1_Pooling__config": pooled_by("cls")})
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(commit, encoding="utf-8")
    code = (
        "from tunewright.infer.embed import local_embedder as e; from tunewright.spec.baselines import EmbeddingsSpec\n"
        "print(e(EmbeddingsSpec(model='org/bert')).passages(['w1 w2']).tolist())"
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    np.testing.assert_allclose(json.loads(done.stdout), [reference(bert, BertModel, "w1 w2", ("cls",))], atol=2e-6)
