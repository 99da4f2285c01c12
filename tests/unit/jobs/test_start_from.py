"""A run goes on from exactly the weights that it was given, or says what does not fit before it begins."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, PreTrainedModel

from tunewright.errors import ModelError, RunError, RunMissingError, TunewrightError
from tunewright.jobs.start_from import check_base, find_start, fitted_weights, initial_weights
from tunewright.methods.method import Method, Origin
from tunewright.models.source import ModelSource
from tunewright.runs.events import Validated
from tunewright.runs.folder import RunFolder
from tunewright.runs.manifest import BaseModelLineage
from tunewright.spec.maker import load_maker
from tunewright.spec.model import ModelSpec
from tunewright.spec.recipe import build_recipe
from tunewright.train.masters import MasterWeights

LORA = {"kind": "lora", "rank": 4}


def spec_of(method: dict[str, Any]) -> Any:
    return build_recipe({"method": method}).method


def load(folder: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def trained(folder: Path, method: dict[str, Any]) -> tuple[PreTrainedModel, Method, MasterWeights]:
    """Return a model with every learning weight moved to a value of its own."""
    torch.manual_seed(1)
    model, made = load(folder), load_maker(spec_of(method))(spec_of(method))
    made.apply(model)
    masters = MasterWeights(model)
    moved = {name: torch.randn_like(tensor) for name, tensor in masters.tensors.items()}
    masters.load(moved)
    return model, made, masters


def make_run(folder: Path, model: Path, method: dict[str, Any], **parts: bool) -> tuple[RunFolder, MasterWeights]:
    """Return a run with checkpoints of steps 2 (best) and 4 (twice as large) and with its artifact, as asked."""
    run = RunFolder.create(folder, build_recipe({"model": {"source": str(model)}, "method": method}))
    live, made, masters = trained(model, method)
    if parts.get("checkpoints", True):
        for step, scale in ((2, 1), (4, 2)):
            path = run.checkpoint_path(step)
            path.mkdir()
            save_file({n: t.detach() * scale for n, t in masters.tensors.items()}, path / "weights.safetensors")
    if parts.get("artifact", True):
        path = run.model_path if made.artifact == "model" else run.adapter_path
        made.save(live, masters.tensors, path, Origin(ModelSpec(source=str(model)), ModelSource(str(model), model)))
    with run:
        run.append_event(Validated(step=2, valid_loss=1.0, perplexity=2.0, is_best=True))
        run.append_event(Validated(step=4, valid_loss=2.0, perplexity=4.0, is_best=False))
    return run, masters


METHODS: list[dict[str, Any]] = [
    LORA,
    {"kind": "lora", "rank": 4, "rank_pattern": {"q_proj": 2}, "modules_to_save": ["norm"]},
    {"kind": "dora", "rank": 4},
    {"kind": "ia3"},
    {"kind": "prompt", "num_tokens": 5},
    {"kind": "bottleneck", "size": 4},
]


# ── where weights come from ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", METHODS, ids=lambda method: "-".join([method["kind"], *sorted(method)]))
def test_an_adapter_folder_gives_back_what_learned(method: dict[str, Any], tiny_model: Path, tmp_path: Path) -> None:
    run, masters = make_run(tmp_path / "run", tiny_model, method)
    start = find_start(run.adapter_path, spec_of(method))
    found = fitted_weights(start, MasterWeights(trained(tiny_model, method)[0]).tensors)
    assert found.keys() == masters.tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in masters.tensors.items())
    assert start.run_id == run.manifest().run_id


def test_a_run_gives_its_best_checkpoint_and_says_so(tiny_model: Path, tmp_path: Path) -> None:
    run, masters = make_run(tmp_path / "run", tiny_model, LORA)
    start = find_start(run.path, spec_of(LORA))
    assert (start.run_id, start.step) == (run.manifest().run_id, 2)
    assert all(torch.equal(start.read()[name], tensor) for name, tensor in masters.tensors.items())
    assert len(start.sha256()) == 64


def test_a_run_whose_best_checkpoint_is_gone_gives_its_newest(tiny_model: Path, tmp_path: Path) -> None:
    run, _ = make_run(tmp_path / "run", tiny_model, LORA)
    run.remove_checkpoint(2)
    assert find_start(run.path, spec_of(LORA)).step == 4


def test_a_run_without_checkpoints_gives_its_adapter(tiny_model: Path, tmp_path: Path) -> None:
    run, masters = make_run(tmp_path / "run", tiny_model, LORA, checkpoints=False)
    weights = initial_weights(run.path, spec_of(LORA))
    assert all(torch.equal(weights[name], tensor) for name, tensor in masters.tensors.items())


@pytest.mark.parametrize("method", [LORA, {"kind": "full"}, {"kind": "full", "layers": "last:1"}])
def test_a_checkpoint_is_taken_up_by_name(method: dict[str, Any], tiny_model: Path, tmp_path: Path) -> None:
    run, masters = make_run(tmp_path / "run", tiny_model, method, artifact=False)
    start = find_start(run.checkpoint_path(4), spec_of(method))
    check_base(start, load(tiny_model), {})
    found = fitted_weights(start, masters.tensors)
    assert start.step == 4
    assert all(torch.equal(found[name], 2 * tensor) for name, tensor in masters.tensors.items())


def test_weights_of_lora_begin_a_run_of_qlora_too(tiny_model: Path, tmp_path: Path) -> None:
    run, _ = make_run(tmp_path / "run", tiny_model, LORA)
    assert find_start(run.path, spec_of({"kind": "qlora", "rank": 4})).step == 2
    assert find_start(run.adapter_path, spec_of({"kind": "qlora", "rank": 4})).shapes


def test_a_pissa_run_gives_the_adapter_that_fits_the_unchanged_base(tiny_model: Path, tmp_path: Path) -> None:
    run, _ = make_run(tmp_path / "run", tiny_model, {"kind": "lora", "rank": 2, "init": "pissa"})
    start = find_start(run.path, spec_of(LORA))
    assert start.file == run.adapter_path / "adapter_model.safetensors"
    with pytest.raises(ModelError, match="fits only the base as that run changed it"):
        find_start(run.checkpoint_path(2), spec_of({"kind": "lora", "rank": 2}))
    with pytest.raises(ModelError, match="begins with the base's own directions"):
        find_start(run.path, spec_of({"kind": "lora", "rank": 2, "init": "pissa"}))


# ── what does not fit ────────────────────────────────────────────────────────────────────────────────────────────────


def _adapter(run: RunFolder) -> Path:
    return run.adapter_path


def _newest(run: RunFolder) -> Path:
    return run.checkpoint_path(4)


def _path(run: RunFolder) -> Path:
    return run.path


@pytest.mark.parametrize("part", [_path, _newest, _adapter])
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"kind": "full"}, r"was made with the method lora( or qlora)?, and this recipe asks for full"),
        ({"kind": "dora", "rank": 4}, r"was made with the method lora( or qlora)?, and this recipe asks for dora"),
        ({"kind": "lora", "rank": 8}, r"was made with method.rank 4, and this recipe asks for 8"),
        ({"kind": "lora", "rank": 4, "alpha": 1}, r"was made with method.alpha 8(\.0)?, and this recipe asks for 1"),
        ({"kind": "lora", "rank": 4, "use_rslora": True}, r"use_rslora False, and this recipe asks for True"),
    ],
)
def test_another_method_or_setting_is_refused_with_both_named(
    part: Callable[[RunFolder], Path], asked: dict[str, Any], message: str, tiny_model: Path, tmp_path: Path
) -> None:
    run, _ = make_run(tmp_path / "run", tiny_model, LORA)
    with pytest.raises(ModelError, match=message) as raised:
        find_start(part(run), spec_of(asked))
    assert raised.value.hint.startswith("--set method.")


def test_a_whole_model_is_pointed_to_model_source(tiny_model: Path, tmp_path: Path) -> None:
    run, _ = make_run(tmp_path / "run", tiny_model, {"kind": "full"}, checkpoints=False)
    for path, result in ((run.path, run.model_path), (run.model_path, run.model_path), (tiny_model, tiny_model)):
        with pytest.raises(ModelError, match="holds a whole model") as raised:
            find_start(path, spec_of({"kind": "full"}))
        assert raised.value.hint == f"begin with it as the base instead: --set model.source={result}"


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda path: None, RunMissingError, "does not exist"),
        (
            lambda path: path.mkdir(),
            RunMissingError,
            "is neither a run, nor a checkpoint of one, nor an adapter folder",
        ),
        (lambda path: RunFolder.create(path, build_recipe({})), RunError, "has no checkpoint and no result yet"),
    ],
)
def test_nothing_to_start_from_is_said(
    make: Callable[[Path], object], kind: type[TunewrightError], message: str, tmp_path: Path
) -> None:
    make(tmp_path / "there")
    with pytest.raises(kind, match=f"there {message}"):
        find_start(tmp_path / "there", spec_of(LORA))


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])
def test_a_damaged_adapter_is_named(name: str, tiny_model: Path, tmp_path: Path) -> None:
    run, _ = make_run(tmp_path / "run", tiny_model, LORA)
    path = run.adapter_path / name
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ModelError, match=rf"model.start_from: .*{name} cannot be read"):
        find_start(run.adapter_path, spec_of(LORA))


def test_a_file_that_is_gone_when_it_is_read_is_named(tiny_model: Path, tmp_path: Path) -> None:
    run, _ = make_run(tmp_path / "run", tiny_model, LORA)
    start = find_start(run.path, spec_of(LORA))
    shutil.rmtree(run.checkpoint_path(2))
    with pytest.raises(ModelError, match=r"weights\.safetensors cannot be read"):
        start.read()


def test_an_adapter_of_another_shape_is_refused_before_the_method_is_applied(tiny_model: Path, tmp_path: Path) -> None:
    run, _ = make_run(tmp_path / "run", tiny_model, LORA)
    base = load(tiny_model)
    check_base(find_start(run.path, spec_of(LORA)), base, {})
    base.get_submodule("model.layers.0.self_attn").q_proj = torch.nn.Linear(48, 40, bias=False)  # pyright: ignore
    with pytest.raises(ModelError, match=r"q_proj.lora_A.default.weight is \[4, 32\] there, and is \[4, 48\] in this"):
        check_base(find_start(run.path, spec_of(LORA)), base, {})
    del base.get_submodule("model.layers.0.self_attn").q_proj  # pyright: ignore
    with pytest.raises(ModelError, match=r"q_proj.lora_A.default.weight is \[4, 32\] there, and has no place"):
        check_base(find_start(run.path, spec_of(LORA)), base, {})


def test_whole_weights_of_another_shape_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    run, masters = make_run(tmp_path / "run", tiny_model, {"kind": "full"}, artifact=False)
    start = find_start(run.path, spec_of({"kind": "full"}))
    name = next(iter(masters.tensors))
    wrong = {**masters.tensors, name: torch.zeros(3, 7)}
    with pytest.raises(ModelError, match=rf"{name} is \[.*\] there, and is \[3, 7\] in this model"):
        fitted_weights(start, wrong)


def test_other_targets_are_refused_with_the_weights_named(tiny_model: Path, tmp_path: Path) -> None:
    run, masters = make_run(tmp_path / "run", tiny_model, {**LORA, "targets": ["q_proj"]})
    start = find_start(run.path, spec_of({**LORA, "targets": ["q_proj", "v_proj"]}))
    more = trained(tiny_model, {**LORA, "targets": ["q_proj", "v_proj"]})[2].tensors
    with pytest.raises(ModelError, match=r"lacks weights that this recipe trains: model\.layers\.0.*v_proj.*, …"):
        fitted_weights(start, more)
    fewer = dict(list(masters.tensors.items())[:-1])
    with pytest.raises(ModelError, match="has weights that this recipe does not train: model"):
        fitted_weights(start, fewer)


def test_an_adapter_of_another_base_is_refused_and_whole_weights_are_not(tiny_model: Path, tmp_path: Path) -> None:
    for method, is_refused in ((LORA, True), ({"kind": "full"}, False), ({"kind": "full", "layers": "last:1"}, True)):
        run, _ = make_run(tmp_path / json.dumps(method)[:40].replace('"', ""), tiny_model, method, artifact=False)
        lineage = BaseModelLineage(source="x", weights_sha256={"model.safetensors": "aa"})
        run.save_manifest(run.manifest().model_copy(update={"base_model": lineage}))
        start = find_start(run.path, spec_of(method))
        check_base(start, load(tiny_model), {"model.safetensors": "aa"})
        if not is_refused:
            check_base(start, load(tiny_model), {"model.safetensors": "bb"})
            continue
        with pytest.raises(ModelError, match="was trained on another base model"):
            check_base(start, load(tiny_model), {"model.safetensors": "bb"})
