"""A source is found, or the message says what is missing and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny import make_tiny_model
from tunewright.errors import ModelError, ModelMissingError
from tunewright.models.hardware import Hardware
from tunewright.models.load import context_tokens, load_model, num_parameters
from tunewright.models.source import ModelSource, find_model, fingerprint, weight_files
from tunewright.models.tokenizer import load_tokenizer
from tunewright.spec.model import ModelSpec

FP32 = Hardware("cpu", "fp32", "test")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "my-model")


def find(folder: Path | str, **settings: bool) -> ModelSource:
    return find_model(ModelSpec.model_validate({"source": str(folder), **settings}))


def test_a_whole_folder_is_found(folder: Path) -> None:
    assert find(folder) == ModelSource(str(folder), folder)


def test_a_missing_folder_names_its_near_miss(folder: Path) -> None:
    wrong = folder.with_name("my-modle")
    with pytest.raises(ModelMissingError) as caught:
        find(wrong)
    assert caught.value.message == f"model {wrong}: no such folder; did you mean {folder}?"
    assert caught.value.hint == "--model starter is built in"


def test_a_missing_folder_without_neighbours_suggests_none(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match=r"nowhere[\\/]x: no such folder$"):
        find(tmp_path / "nowhere" / "x")


def test_a_file_is_not_a_folder(folder: Path) -> None:
    with pytest.raises(ModelMissingError, match="is a file, not a folder") as caught:
        find(folder / "config.json")
    assert caught.value.hint == f"name the folder that holds it: --model {folder}"


def test_a_folder_without_configuration_is_refused(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(ModelMissingError, match=r"the folder has no config.json") as caught:
        find(folder)
    assert "a transformers checkpoint has a config.json" in caught.value.hint


def test_an_adapter_is_not_taken_for_a_model(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelMissingError, match=r"no config.json") as caught:
        find(folder)
    assert "this is an adapter: name its base model" in caught.value.hint


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelMissingError, match="the folder has no weights") as caught:
        find(folder)
    assert "safetensors" in caught.value.hint


def test_pickled_weights_are_refused_unless_allowed(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pickle files \(pytorch_model.bin\), which can run code") as caught:
        find(folder)
    assert "--set model.allow_pickle=true" in caught.value.hint
    assert not isinstance(caught.value, ModelMissingError)
    assert find(folder, allow_pickle=True).folder == folder


def test_safetensors_beside_pickled_weights_need_no_permission(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"")
    assert weight_files(find(folder).folder or Path()) == [folder / "model.safetensors"]


def test_a_folder_without_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelMissingError, match="the folder has no tokenizer") as caught:
        find(folder)
    assert "copy the base model's tokenizer.json into it" in caught.value.hint


def test_a_hub_id_is_left_to_the_hub_with_its_revision() -> None:
    spec = ModelSpec(source="org-1/model.x-7B", revision="v2")
    assert find_model(spec) == ModelSource("org-1/model.x-7B", None, "v2")
    assert fingerprint(find_model(spec)) == {}


@pytest.mark.parametrize("source", ["just-a-name", "a/b/c", "./x", "../y/z"])
def test_what_cannot_be_a_hub_id_must_be_a_folder(source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelMissingError, match="no such folder"):
        find(source)


def test_the_fingerprint_changes_with_every_file_that_decides(folder: Path) -> None:
    before = fingerprint(find(folder))
    assert set(before) == {"model.safetensors", "config.json"}
    for name in before:
        with (folder / name).open("ab") as file:
            file.write(b"\n")
        after = fingerprint(find(folder))
        assert {other for other in before if after[other] != before[other]} == {name}
        before = after


# ── loading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_damaged_weights_file_is_named_so(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelMissingError, match="its weights file is damaged"):
        load_model(find(folder), ModelSpec(source=str(folder)), FP32)


def test_an_unknown_architecture_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "no-such"}), encoding="utf-8")
    with pytest.raises(ModelError, match="no-such"):
        load_model(find(folder), ModelSpec(source=str(folder)), FP32)


def test_a_tokenizer_that_is_not_json_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelMissingError, match="its tokenizer cannot be loaded"):
        load_tokenizer(find(folder), ModelSpec(source=str(folder)))


def test_what_is_saved_is_what_is_loaded(folder: Path, tmp_path: Path) -> None:
    spec = ModelSpec(source=str(folder))
    model = load_model(find(folder), spec, FP32)
    assert not model.training
    assert context_tokens(model) == 256
    assert num_parameters(model) == sum(p.numel() for p in model.parameters())
    model.save_pretrained(tmp_path / "copy")
    assert weight_files(tmp_path / "copy")[0].read_bytes() == weight_files(folder)[0].read_bytes()
