"""A recipe survives YAML, and a wrong one is answered with every fault at once, each with its way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from tunewright.errors import RecipeError
from tunewright.spec.data import DataSpec, SourceSpec
from tunewright.spec.evaluate import EvaluateSpec
from tunewright.spec.faults import key_paths
from tunewright.spec.grader import GraderNode
from tunewright.spec.maker import load_maker
from tunewright.spec.method import FullSpec, LoraSpec
from tunewright.spec.model import ModelSpec
from tunewright.spec.node import Node, Variant
from tunewright.spec.recipe import Recipe, build_recipe
from tunewright.spec.recipe_yaml import dump_recipe, load_recipe, override, parse_tree, recipe_schema
from tunewright.spec.train import HardwareSpec, OptimizerSpec, ScheduleSpec, StopSpec, TrainSpec

texts = st.text(min_size=1, max_size=12).filter(lambda text: bool(text.strip()))
shares = st.floats(0, 1, exclude_max=True)
maybe_count = st.none() | st.integers(1, 10**6)
sources = st.lists(st.builds(SourceSpec, path=texts, weight=st.floats(0.01, 1000)), max_size=2).map(tuple)
unweighted = st.lists(st.builds(SourceSpec, path=texts), max_size=2).map(tuple)
methods = st.builds(FullSpec) | st.builds(
    LoraSpec,
    rank=st.integers(1, 4096),
    alpha=st.none() | st.floats(1e-3, 1e4),
    dropout=shares,
    targets=st.just("all-linear") | st.lists(texts, min_size=1, max_size=3).map(tuple),
)
trains = st.builds(
    TrainSpec,
    epochs=st.none() | st.floats(1e-3, 100),
    max_steps=maybe_count,
    learning_rate=st.none() | st.floats(1e-12, 1),
    batch_size=maybe_count,
    seed=st.integers(0, 2**32 - 1),
    eval_steps=maybe_count,
    optimizer=st.builds(OptimizerSpec, beta1=shares, eps=st.floats(1e-12, 1), max_grad_norm=st.none() | st.just(0.5)),
    schedule=st.builds(ScheduleSpec, kind=st.sampled_from(["cosine", "linear", "constant"]), warmup=shares),
    stop=st.builds(StopSpec, patience=maybe_count),
    hardware=st.builds(HardwareSpec, device=st.sampled_from(["auto", "cpu", "mps", "cuda", "cuda:3"])),
)
recipes = st.builds(
    Recipe,
    name=st.text("abcXYZ09_.- é", max_size=20),
    model=st.builds(ModelSpec, source=texts, revision=st.none() | texts, allow_pickle=st.booleans()),
    data=st.builds(DataSpec, train=sources, test=unweighted, too_long=st.sampled_from(["error", "drop"])),
    method=methods,
    train=trains,
    evaluate=st.builds(
        EvaluateSpec, graders=st.lists(st.sampled_from(["contains", "token_f1"]), unique=True).map(tuple)
    ),
    output=st.none() | texts,
)


def faults_of(tree: dict[str, Any]) -> dict[str, tuple[str, str]]:
    with pytest.raises(RecipeError) as caught:
        build_recipe(tree)
    return {fault.path: (fault.rule, fault.hint) for fault in caught.value.faults}


# ── what is asked for is what is read ────────────────────────────────────────────────────────────────────────────────


@settings(deadline=None)
@given(recipes)
def test_a_recipe_comes_back_from_yaml(recipe: Recipe) -> None:
    assert build_recipe(parse_tree(dump_recipe(recipe))) == recipe


@pytest.mark.parametrize(
    "text", ["a\x85b", "a\u2028b", "\u2029", "\x85---", "a\nb", "\ufeffa", "é 首都 👩", "no", "1e3", "#x"]
)
def test_a_path_of_any_characters_comes_back_from_yaml(text: str) -> None:
    recipe = Recipe(output=text)
    assert build_recipe(parse_tree(dump_recipe(recipe))) == recipe
    assert "首都" not in text or "首都" in dump_recipe(recipe)


def test_an_empty_recipe_is_all_defaults() -> None:
    assert build_recipe(parse_tree("")) == build_recipe({}) == Recipe()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("rows.jsonl", [("rows.jsonl", 1.0)]),
        ("rows.jsonl:2", [("rows.jsonl", 2.0)]),
        (["a.jsonl:0.5", {"path": "b.jsonl"}], [("a.jsonl", 0.5), ("b.jsonl", 1.0)]),
        ({"path": "a.jsonl", "weight": 3}, [("a.jsonl", 3.0)]),
        (r"C:\data\rows.jsonl", [(r"C:\data\rows.jsonl", 1.0)]),
        ([], []),
    ],
)
def test_a_data_file_may_be_written_in_short(written: Any, read: list[tuple[str, float]]) -> None:
    recipe = build_recipe({"data": {"train": written}})
    assert [(source.path, source.weight) for source in recipe.data.train] == read


def test_a_method_without_kind_is_lora() -> None:
    assert build_recipe({"method": {"rank": 4}}).method == LoraSpec(rank=4)


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Recipe().name = "other"  # type: ignore[misc]


# ── what is wrong is said, all of it ─────────────────────────────────────────────────────────────────────────────────


def test_all_faults_come_at_once() -> None:
    faults = faults_of(
        {
            "modle": {},
            "data": {"train": [{"path": "", "weight": 0}], "validation_split": 1},
            "method": {"kind": "lora", "rank": 0, "dropuot": 0.1},
            "train": {"learning_rate": 5, "schedule": {"kind": "cosnie"}, "optimizer": {"eps": float("nan")}},
            "evaluate": {"graders": ["contain"]},
        }
    )
    assert set(faults) == {
        "modle",
        "data.train[0].path",
        "data.train[0].weight",
        "data.validation_split",
        "method.rank",
        "method.dropuot",
        "train.learning_rate",
        "train.schedule.kind",
        "train.optimizer.eps",
        "evaluate.graders[0].kind",
    }
    assert all(rule for rule, _ in faults.values())


def test_the_message_counts_the_faults_and_names_the_origin() -> None:
    with pytest.raises(RecipeError, match=r"^my\.yaml has 1 fault$"):
        build_recipe({"x": 1}, origin="my.yaml")
    with pytest.raises(RecipeError, match=r"^recipe has 2 faults$") as caught:
        build_recipe({"x": 1, "y": 2})
    assert "tunewright schema" in caught.value.hint


@pytest.mark.parametrize(
    ("tree", "path", "hint"),
    [
        ({"train": {"learning_rte": 1}}, "train.learning_rte", "did you mean train.learning_rate?"),
        ({"trian": {}}, "trian", "did you mean train?"),
        ({"method": {"kind": "lora", "rnak": 2}}, "method.rnak", "did you mean method.rank?"),
        ({"learning_rate": 1e-4}, "learning_rate", "did you mean train.learning_rate?"),
        ({"train": {"precision": "bf16"}}, "train.precision", "did you mean train.hardware.precision?"),
        ({"train": {"patience": 2}}, "train.patience", "did you mean train.stop.patience?"),
        ({"method": {"kind": "loar"}}, "method.kind", "did you mean lora?"),
    ],
)
def test_a_near_miss_is_named(tree: dict[str, Any], path: str, hint: str) -> None:
    assert faults_of(tree)[path][1] == hint


def test_a_key_like_no_other_gets_the_keys_that_there_are() -> None:
    [(rule, hint)] = faults_of({"train": {"stop": {"zzzzzz": 1}}}).values()
    assert rule == "is not a key of a recipe"
    assert hint == "keys here: patience, metric, min_delta, max_minutes"


def test_a_full_fine_tune_has_no_rank() -> None:
    assert set(faults_of({"method": {"kind": "full", "rank": 8}})) == {"method.rank"}


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "much", None, [], True])
def test_a_share_is_a_number(value: Any) -> None:
    assert set(faults_of({"method": {"kind": "lora", "dropout": value}})) == {"method.dropout"} or value is True


# ── --set ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_overrides_apply_in_order_and_leave_the_tree_alone() -> None:
    tree = {"train": {"seed": 1}}
    changed = override(tree, ["train.seed=2", "train.seed=3", "data.train=a.jsonl", "train.hardware.device=cpu"])
    assert build_recipe(changed).train.seed == 3
    assert build_recipe(changed).train.hardware.device == "cpu"
    assert tree == {"train": {"seed": 1}}


def test_a_change_of_kind_drops_the_former_kind_s_keys() -> None:
    tree = {"method": {"kind": "lora", "rank": 8}}
    assert build_recipe(override(tree, ["method.kind=full"])).method == FullSpec()
    assert build_recipe(override(tree, ["method.kind=lora"])).method == LoraSpec(rank=8)


@pytest.mark.parametrize(
    ("text", "value"), [("1e-4", 1e-4), ("1.0e-4", 1e-4), ("0.0001", 1e-4), ("3e-4", 3e-4), ("null", None), ("", None)]
)
def test_values_are_read_as_people_write_them(text: str, value: float | None) -> None:
    assert build_recipe(override({}, [f"train.learning_rate={text}"])).train.learning_rate == value


def test_all_settings_that_cannot_be_applied_are_named() -> None:
    with pytest.raises(RecipeError, match="--set cannot be applied") as caught:
        override({"train": {"seed": 1}}, ["train.seed", "=3", "train..x=1", "train.seed.x=1"])
    assert len(caught.value.faults) == 4
    assert "train.seed is a plain value" in caught.value.faults[3].rule


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1", "is not YAML"),
        (b"- 1", "must be a mapping of keys, got list"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"1", "got int"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_by_name(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe(path)
    assert str(path) in caught.value.message


def test_a_file_that_is_missing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such recipe file"):
        load_recipe(tmp_path / "none.yaml")


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes(b"\xef\xbb\xbfname: x\n")
    assert load_recipe(tmp_path / "r.yaml", ["train.seed=2"]).name == "x"


# ── the shape of the tree ────────────────────────────────────────────────────────────────────────────────────────────


def _nodes(node: type[Node]) -> list[type[Node]]:
    return [node, *(below for child in node.__subclasses__() for below in _nodes(child))]


def test_a_node_has_at_most_twelve_fields() -> None:
    crowded = {node.__name__: len(node.model_fields) for node in _nodes(Node) if len(node.model_fields) > 12}
    assert not crowded


def test_every_variant_names_a_maker_that_exists() -> None:
    variants = [node for node in _nodes(Variant) if node not in (Variant, GraderNode)]
    assert {FullSpec, LoraSpec} <= set(variants)
    for variant in variants:
        assert variant.maker.startswith("tunewright.")
        assert callable(load_maker(variant.model_construct()))


def test_every_key_is_listed_once_by_its_path() -> None:
    paths = key_paths(Recipe)
    assert len(paths) == len(set(paths))
    assert {"train.hardware.device", "method.rank", "data.train.weight"} <= set(paths)


@settings(deadline=None, max_examples=25)
@given(recipes)
def test_the_schema_accepts_every_recipe(recipe: Recipe) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator(recipe_schema()).validate(yaml.safe_load(dump_recipe(recipe)))


def test_the_schema_accepts_what_people_write_and_refuses_slips() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(recipe_schema())
    jsonschema.Draft202012Validator.check_schema(recipe_schema())
    for data in ("a.jsonl", ["a.jsonl", {"path": "b.jsonl", "weight": 2}]):
        validator.validate({"data": {"train": data}, "method": {"kind": "full"}})
    for tree in ({"trian": {}}, {"train": {"seed": -1}}, {"method": {"kind": "loar"}}):
        assert not validator.is_valid(tree), tree


def test_the_schema_explains_every_leaf_that_has_a_rule() -> None:
    assert issubclass(Recipe, BaseModel)
    properties = recipe_schema()["$defs"]["TrainSpec"]["properties"]
    assert properties["learning_rate"]["description"]


def test_a_schedule_keeps_its_other_keys_when_its_kind_changes() -> None:
    tree = override({"train": {"schedule": {"kind": "cosine", "warmup": 0.2}}}, ["train.schedule.kind=linear"])
    assert tree == {"train": {"schedule": {"kind": "linear", "warmup": 0.2}}}


def test_an_unwritten_method_kind_gives_way_with_its_keys() -> None:
    recipe = build_recipe(override({"method": {"rank": 8}}, ["method.kind=full"]))
    assert recipe.method.kind == "full"


def test_an_empty_section_can_be_set() -> None:
    assert override({"train": None}, ["train.seed=3"]) == {"train": {"seed": 3}}
