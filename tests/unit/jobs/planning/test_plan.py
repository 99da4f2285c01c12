"""A plan's closed forms against what torch really keeps, and the plan of a whole job against its run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny import make_tiny_model, write_rows
from tunewright.data.pack import make_forests
from tunewright.errors import DataMissingError, ModelMissingError
from tunewright.jobs.planning import plan as planning
from tunewright.jobs.planning.outline import Known, know, outline
from tunewright.jobs.planning.plan import Plan, make_plan
from tunewright.jobs.planning.predict import predict_disk, predict_memory
from tunewright.jobs.prepare import Prepared, prepare
from tunewright.jobs.train import finetune
from tunewright.models.estimate import ForestSize, Shape, operations, peak_bytes, saved_bytes, shape_of, size_of
from tunewright.runs.recorder import Silent
from tunewright.spec.maker import load_maker
from tunewright.spec.recipe import Recipe, build_recipe
from tunewright.spec.recipe_yaml import override
from tunewright.train.estimate import held_bytes
from tunewright.train.masters import MasterWeights
from tunewright.train.optimizer import make_optimizer

QUICK = ("evaluate.max_new_tokens=4", "evaluate.max_rows=4", "train.max_steps=4", "train.batch_size=4")


@pytest.fixture(scope="module")
def wide_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("plan") / "model")


@pytest.fixture
def recipe_of(wide_model: Path, tmp_path: Path) -> Any:
    rows = write_rows(tmp_path / "rows.jsonl", 24, system="Be brief and say nothing else.")

    def build(*changes: str) -> Recipe:
        tree = {
            "model": {"source": str(wide_model)},
            "data": {"train": str(rows), "validation_split": 0.25},
            "output": str(tmp_path / "run"),
        }
        return build_recipe(override(tree, [*QUICK, *changes]))

    return build


# ── activations ──────────────────────────────────────────────────────────────────────────────────────────────────────


def bytes_really_kept(prepared: Prepared, size: ForestSize, shape: Shape) -> int:
    """Return the bytes of all tensors that autograd saves, the model's own left out, each storage once."""
    model, rows = prepared.model, prepared.tokens.train[:8]
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    found: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    objective = load_maker(prepared.recipe.objective)(prepared.recipe.objective)
    [forest] = make_forests(rows, 10_000, prepared.runner.choice.layout)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), prepared.runner.active():
        tensors = prepared.runner.tensors(forest)
        objective(prepared.runner.head(tensors), tensors.target_N, tensors.weight_N).loss_sum.backward()
    return sum(found.values())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    "changes",
    [
        ("method.kind=lora",),
        ("method.kind=lora", "method.layers=last:1"),
        ("method.kind=full",),
        ("method.kind=prompt",),
        ("method.kind=lora", "train.hardware.activation_checkpointing=true"),
    ],
)
def test_what_a_forward_pass_keeps_is_foretold_within_a_tenth(
    recipe_of: Any, changes: tuple[str, ...], precision: str
) -> None:
    prepared = prepare(recipe_of(*changes, f"train.hardware.precision={precision}"), Silent())
    spec = prepared.recipe
    load_maker(spec.method)(spec.method).apply(prepared.model)
    prepared.model.train()
    shape = shape_of(
        prepared.model, is_fused=True, kind=spec.method.kind, element_bytes=prepared.hardware.dtype.itemsize
    )
    [forest] = make_forests(prepared.tokens.train[:8], 10_000, "tree")
    size = size_of(forest, shape)
    kept = bytes_really_kept(prepared, size, shape)
    # Probabilities are kept beside autograd's hooks, and so is what merges them.
    hidden = saved_bytes(shape, size) - saved_bytes(shape, size._replace(kept=0, is_merged=False))
    checkpointing = spec.train.hardware.activation_checkpointing
    foretold = saved_bytes(shape, size, checkpointing=checkpointing) - (0 if checkpointing else hidden)
    if shape.learns_head:
        foretold += shape.vocabulary * shape.width * shape.element_bytes
    assert foretold == pytest.approx(kept, rel=0.1, abs=8_000)


SHAPE = Shape(
    num_layers=4,
    width=64,
    query=64,
    key=32,
    inner=128,
    num_heads=4,
    vocabulary=512,
    element_bytes=2,
    layer_weights=40_000,
    upper_weights=28_000,
    adapter_weights=2_000,
    num_ranks=56,
    learning_weights=2_000,
    first_layer=0,
    has_query_norm=False,
    kept_inner=4,
    own_outputs=0,
    learns_embeddings=False,
    learns_head=False,
    is_fused=True,
)
SIZES = st.builds(
    lambda tokens, share: ForestSize(tokens, max(1, tokens // share), tokens // share, tokens**2, 0, tokens**2, False),
    st.integers(8, 5000),
    st.integers(1, 8),
)


@settings(max_examples=50)
@given(SIZES, st.integers(1, 3))
def test_more_tokens_never_need_less_and_fewer_learning_layers_never_more(size: ForestSize, first: int) -> None:
    larger = size._replace(tokens=size.tokens + 64, pairs=size.pairs + 64, largest=size.largest + 64)
    upper = Shape(**{**{name: getattr(SHAPE, name) for name in Shape.__slots__}, "first_layer": first})
    assert peak_bytes(SHAPE, larger) > peak_bytes(SHAPE, size)
    assert operations(SHAPE, larger) > operations(SHAPE, size)
    assert peak_bytes(upper, size) < peak_bytes(SHAPE, size)
    assert operations(upper, size) < operations(SHAPE, size)
    assert operations(SHAPE, size, learning=False) < operations(SHAPE, size)
    assert operations(SHAPE, size, checkpointing=True) > operations(SHAPE, size)
    assert saved_bytes(SHAPE, size, checkpointing=True) < saved_bytes(SHAPE, size)


# ── what learns ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("optimizer", ["kind=adamw", "kind=adamw_8bit", "kind=muon", "rounding=stochastic"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_masters_and_state_are_what_the_optimiser_really_holds(recipe_of: Any, method: str, optimizer: str) -> None:
    if optimizer == "kind=adamw_8bit":
        pytest.importorskip("bitsandbytes")
    asked = (f"method.kind={method}", f"train.optimizer.{optimizer}", "train.hardware.precision=bf16")
    prepared = prepare(recipe_of(*asked), Silent())
    spec = prepared.recipe
    load_maker(spec.method)(spec.method).apply(prepared.model)
    foretold = held_bytes(prepared.model, spec.train.optimizer, 2, num_micro_batches=1)
    masters = MasterWeights(prepared.model, spec.train.optimizer.rounding)
    moving = make_optimizer(spec.train.optimizer, masters, 1e-4)
    for parameter in prepared.model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.ones_like(parameter)
    masters.collect_gradients()
    moving.step()
    held = [t for state in _states(moving) for t in state.values() if isinstance(t, torch.Tensor)]
    by_place = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in held}
    # 8-bit states share a table of 256 numbers.
    assert foretold.state == pytest.approx(sum(by_place.values()), rel=0.1, abs=3_000)
    own = {id(parameter) for parameter in prepared.model.parameters()}
    assert foretold.masters == sum(t.nbytes for t in masters.tensors.values() if id(t) not in own)
    assert foretold.weights == sum(parameter.nbytes for parameter in prepared.model.parameters())


def _states(optimizer: Any) -> list[dict[str, Any]]:
    parts = getattr(optimizer, "optimizers", None) or getattr(optimizer, "parts", None) or [optimizer]
    return [state for part in parts for state in part.state.values()]


def test_a_blank_model_is_as_large_as_the_live_one(recipe_of: Any) -> None:
    recipe = recipe_of("method.kind=lora")
    known = know(recipe, Silent())
    prepared = prepare(recipe, Silent())
    assert known.num_parameters == sum(parameter.numel() for parameter in prepared.model.parameters())
    planned = outline(known, recipe)
    assert planned.num_steps == prepared.num_steps
    assert planned.recipe == prepared.recipe
    assert planned.layout == prepared.runner.choice.layout


# ── the whole plan ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def known(recipe_of: Any) -> Known:
    return know(recipe_of("method.kind=full", "train.hardware.precision=bf16"), Silent())


@pytest.mark.parametrize(
    "change",
    [
        "train.hardware.activation_checkpointing=true",
        "train.hardware.micro_batch_tokens=64",
        "method.kind=lora",
        "train.optimizer.kind=adamw_8bit",
        "train.optimizer.rounding=stochastic",
        "method.layers=last:1",
    ],
)
def test_each_thing_that_is_proposed_saves_memory_while_training(recipe_of: Any, known: Known, change: str) -> None:
    if "8bit" in change:
        pytest.importorskip("bitsandbytes")
    before = predict_memory(known, outline(known, known.recipe), 0).training
    base = () if change.startswith("method.kind") else ("method.kind=full",)
    changed = recipe_of(*base, "train.hardware.precision=bf16", change)
    assert predict_memory(known, outline(known, changed), 0).training < before


def test_a_plan_foretells_the_files_of_the_run_and_writes_none(recipe_of: Any, tmp_path: Path) -> None:
    recipe = recipe_of("method.kind=lora", "train.hardware.precision=fp32")
    before = sorted(tmp_path.rglob("*"))
    plan = make_plan(recipe)
    assert sorted(tmp_path.rglob("*")) == before
    assert not plan.is_rough
    assert plan.seconds.training > 0
    assert plan.memory.total > plan.memory.weights > 0
    run = finetune(recipe)
    sizes = [sum(file.stat().st_size for file in each.path.iterdir()) for each in run.checkpoints()]
    assert plan.disk.checkpoint == pytest.approx(max(sizes), rel=0.15)
    assert len(sizes) <= plan.disk.num_checkpoints
    total = sum(file.stat().st_size for file in run.path.rglob("*") if file.is_file())
    assert total <= plan.disk.peak
    assert plan.num_steps == run.metrics()[-1].step
    assert plan.computed_tokens == pytest.approx(run.metrics()[-1].computed_tokens, rel=0.05)


def test_a_probe_leaves_the_random_state_as_it_was(recipe_of: Any) -> None:
    recipe = recipe_of("method.kind=lora", "train.hardware.precision=fp32")
    torch.manual_seed(7)
    before = torch.get_rng_state()
    make_plan(recipe)
    assert torch.equal(torch.get_rng_state(), before)


def small_machine(monkeypatch: pytest.MonkeyPatch, num_bytes: int) -> None:
    monkeypatch.setattr(planning, "free_memory", lambda device, own: num_bytes)


def test_where_it_does_not_fit_nothing_is_loaded_and_ways_out_come_in_order(
    recipe_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_machine(monkeypatch, 1_000_000)
    monkeypatch.setattr(planning, "probe", lambda *_: pytest.fail("a model that does not fit must not be loaded"))
    plan = make_plan(recipe_of("method.kind=full", "train.hardware.precision=bf16"))
    assert plan.fits is False
    assert plan.is_rough
    keys = [key for each in plan.alternatives for key in each.changes]
    assert keys[0] == "train.hardware.activation_checkpointing"
    assert keys.index("method.kind") < keys.index("train.optimizer.kind") < keys.index("method.layers")
    kinds = [each.changes["method.kind"] for each in plan.alternatives if "method.kind" in each.changes]
    assert kinds == ["lora", "qlora"]
    assert all(each.memory_bytes > 0 and each.seconds > 0 and each.fits is False for each in plan.alternatives)


def test_ways_out_that_fit_only_together_are_put_together(recipe_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "process_bytes", lambda: 100_000_000)
    recipe = recipe_of("method.kind=lora", "train.hardware.precision=fp32")
    small_machine(monkeypatch, 1)
    singles = make_plan(recipe, probes=False).alternatives
    least = min(each.memory_bytes for each in singles)
    small_machine(monkeypatch, least - 1)
    *_, together = make_plan(recipe, probes=False).alternatives
    assert len(together.changes) > 1
    assert together.fits
    small_machine(monkeypatch, least)
    assert all(len(each.changes) == 1 for each in make_plan(recipe, probes=False).alternatives)


def test_a_machine_that_does_not_tell_its_memory_gives_no_answer(
    recipe_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "free_memory", lambda device, own: None)
    plan = make_plan(recipe_of("train.hardware.precision=fp32"), probes=False)
    assert plan.fits is None
    assert plan.alternatives == ()


def test_a_plan_is_plain_values(recipe_of: Any) -> None:
    plan: Plan = make_plan(recipe_of("train.hardware.precision=fp32"), probes=False)
    tree = json.loads(json.dumps(plan.as_dict()))
    assert tree["memory"]["total"] == plan.memory.total
    assert tree["fits"] is True


def test_checkpoints_are_counted_as_they_are_kept(recipe_of: Any) -> None:
    asked = ("method.kind=lora", "train.keep_checkpoints=1", "train.max_steps=40", "train.save_steps=2")
    recipe = recipe_of(*asked)
    known = know(recipe, Silent())
    assert predict_disk(known, outline(known, recipe)).num_checkpoints == 3


def test_what_is_missing_is_said_as_a_run_would_say_it(recipe_of: Any, tmp_path: Path) -> None:
    tree = recipe_of().model_dump(mode="json")
    with pytest.raises(DataMissingError, match=r"gone\.jsonl"):
        make_plan(build_recipe({**tree, "data": {"train": str(tmp_path / "gone.jsonl")}}))
    with pytest.raises(ModelMissingError, match="no such folder"):
        make_plan(build_recipe({**tree, "model": {"source": str(tmp_path / "gone")}}))
