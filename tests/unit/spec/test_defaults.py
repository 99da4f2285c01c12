"""The published rules choose within their bounds, only where nothing was said, and the same at every call."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.spec.defaults import JobFacts, settle, total_steps
from tunewright.spec.method import LoraSpec
from tunewright.spec.recipe import Recipe, build_recipe

facts = st.builds(
    JobFacts,
    num_rows=st.integers(1, 10**6),
    num_parameters=st.integers(1000, 10**12),
    context_tokens=st.integers(8, 10**6),
)
trees = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(
            [
                {"kind": "lora", "rank": 3, "alpha": 5},
                {"kind": "full", "layers": "last:2"},
                *({"kind": kind} for kind in ("full", "lora", "dora", "qlora", "bottleneck", "prompt", "ia3")),
            ]
        ),
        "train": st.fixed_dictionaries(
            {},
            optional={
                "epochs": st.floats(0.01, 20),
                "max_steps": st.integers(1, 1000),
                "batch_size": st.integers(1, 4096),
                "learning_rate": st.floats(1e-6, 1),
                "eval_steps": st.integers(1, 50),
                "save_steps": st.integers(1, 50),
            },
        ),
        "data": st.fixed_dictionaries({}, optional={"max_length": st.integers(8, 100)}),
    },
)


def settled(num_rows: int = 1000, num_parameters: int = 10**9, **tree: Any) -> Recipe:
    return settle(build_recipe(tree), JobFacts(num_rows, num_parameters, 512))[0]


@settings(deadline=None)
@given(trees, facts)
def test_settling_twice_changes_nothing(tree: dict[str, Any], job: JobFacts) -> None:
    once, _ = settle(build_recipe(tree), job)
    assert settle(once, job) == (once, ())


@settings(deadline=None)
@given(trees, facts)
def test_nothing_stays_open_and_the_result_is_a_valid_recipe(tree: dict[str, Any], job: JobFacts) -> None:
    recipe, _ = settle(build_recipe(tree), job)
    assert build_recipe(recipe.model_dump()) == recipe
    train = recipe.train
    for value in (train.learning_rate, train.batch_size, train.eval_steps, train.save_steps, recipe.data.max_length):
        assert value is not None
    assert train.epochs is not None or train.max_steps is not None
    assert not isinstance(recipe.method, LoraSpec) or recipe.method.alpha is not None
    assert total_steps(recipe, job.num_rows) >= 1


@settings(deadline=None)
@given(trees, facts)
def test_what_was_asked_for_stays_but_for_a_batch_larger_than_the_set(tree: dict[str, Any], job: JobFacts) -> None:
    recipe, choices = settle(build_recipe(tree), job)
    chosen = {choice.path for choice in choices}
    for key, value in tree.get("train", {}).items():
        if key == "batch_size" and value > job.num_rows:
            assert recipe.train.batch_size == job.num_rows
            assert "train.batch_size" in chosen
        else:
            assert getattr(recipe.train, key) == value
            assert f"train.{key}" not in chosen


@settings(deadline=None)
@given(trees, facts)
def test_every_choice_is_in_the_recipe_with_a_rule(tree: dict[str, Any], job: JobFacts) -> None:
    recipe, choices = settle(build_recipe(tree), job)
    assert len({choice.path for choice in choices}) == len(choices)
    for choice in choices:
        value: Any = recipe
        for part in choice.path.split("."):
            value = getattr(value, part)
        assert value == choice.value
        assert choice.rule


@pytest.mark.parametrize(
    ("num_parameters", "full", "lora"),
    [
        (10**9, 4e-5, 4e-4),
        (4 * 10**9, 2e-5, 2e-4),
        (7 * 10**9, 1.5e-5, 1.5e-4),
        (10**6, 1e-3, 5e-3),
        (10**13, 5e-6, 5e-5),
    ],
)
def test_the_learning_rate_follows_the_size(num_parameters: int, full: float, lora: float) -> None:
    assert settled(num_parameters=num_parameters, method={"kind": "full"}).train.learning_rate == full
    assert settled(num_parameters=num_parameters).train.learning_rate == lora


@pytest.mark.parametrize(
    ("kind", "small", "large"),
    [
        ("full", 1e-3, 1.5e-5),
        ("lora", 5e-3, 1.5e-4),
        ("dora", 5e-3, 1.5e-4),
        ("qlora", 5e-3, 1.5e-4),
        ("bottleneck", 5e-3, 1.5e-4),
        ("ia3", 5e-2, 1.5e-3),
        ("prompt", 3e-2, 3e-2),
    ],
)
def test_each_method_has_its_learning_rate(kind: str, small: float, large: float) -> None:
    assert settled(num_parameters=10**6, method={"kind": kind}).train.learning_rate == small
    assert settled(num_parameters=7 * 10**9, method={"kind": kind}).train.learning_rate == large


@pytest.mark.parametrize("kind", ["lora", "dora", "qlora"])
def test_alpha_follows_the_rank_in_every_kind_of_lora(kind: str) -> None:
    recipe, choices = settle(build_recipe({"method": {"kind": kind, "rank": 8}}), JobFacts(100, 10**6, 512))
    assert isinstance(recipe.method, LoraSpec)
    assert (recipe.method.kind, recipe.method.alpha) == (kind, 16.0)
    assert "method.alpha" in {choice.path for choice in choices}


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_the_batch_is_a_power_of_two_that_never_falls_with_more_rows(few: int, more: int) -> None:
    few, more = sorted((few, more))
    batches = [settled(num_rows=count).train.batch_size or 0 for count in (few, more)]
    assert 1 <= batches[0] <= batches[1] <= 32
    assert all(math.log2(batch).is_integer() for batch in batches)
    assert batches[1] * 25 <= more or batches[1] == 1


@pytest.mark.parametrize(("num_rows", "epochs"), [(1, 10), (300, 10), (1000, 3), (2000, 2), (3000, 1), (10**6, 1)])
def test_epochs_follow_the_rows(num_rows: int, epochs: int) -> None:
    assert settled(num_rows=num_rows).train.epochs == epochs


@pytest.mark.parametrize(
    ("train", "num_rows", "steps"),
    [
        ({"epochs": 2, "batch_size": 4}, 10, 6),
        ({"epochs": 0.5, "batch_size": 4}, 16, 2),
        ({"epochs": 0.1, "batch_size": 10}, 300, 3),
        ({"epochs": 1e-3, "batch_size": 4}, 16, 1),
        ({"epochs": 5, "max_steps": 7, "batch_size": 4}, 16, 7),
        ({"epochs": 3, "batch_size": 64}, 10, 3),
    ],
)
def test_the_number_of_steps(train: dict[str, Any], num_rows: int, steps: int) -> None:
    assert total_steps(settled(num_rows=num_rows, train=train), num_rows) == steps


def test_there_are_about_eight_validations_each_with_a_checkpoint() -> None:
    train = settled(train={"max_steps": 80}).train
    assert (train.eval_steps, train.save_steps) == (10, 10)
    assert settled(train={"max_steps": 3}).train.eval_steps == 1
    assert settled(train={"eval_steps": 7}).train.save_steps == 7


def test_a_batch_larger_than_the_set_is_shrunk_and_said_so() -> None:
    recipe, choices = settle(build_recipe({"train": {"batch_size": 64}}), JobFacts(10, 10**6, 512))
    assert recipe.train.batch_size == 10
    [choice] = [choice for choice in choices if choice.path == "train.batch_size"]
    assert choice.rule == "64 asked for, but there are 10 training rows"
