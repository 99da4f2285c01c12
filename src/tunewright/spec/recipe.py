"""The Recipe: one fine-tuning job from data to verdict, and how a tree of plain values becomes one.

Later nodes (`export`, `target`) join here. Knows nothing of files: `recipe_yaml` reads and writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from tunewright.errors import RecipeError
from tunewright.spec.data import DataSpec
from tunewright.spec.evaluate import EvaluateSpec
from tunewright.spec.faults import faults_of
from tunewright.spec.method import LoraSpec, MethodSpec
from tunewright.spec.model import ModelSpec
from tunewright.spec.node import Node
from tunewright.spec.objective import CausalLmSpec, ObjectiveSpec
from tunewright.spec.train import TrainSpec


class Recipe(Node):
    """Everything that decides a run; equal recipes on equal data give equal weights."""

    version: Literal[1] = 1
    name: str = Field(default="", max_length=100, pattern=r"^[\w.\- ]*$")
    """Name of the run, shown in lists and part of the default folder name."""
    model: ModelSpec = ModelSpec()
    data: DataSpec = DataSpec()
    method: MethodSpec = LoraSpec()
    objective: ObjectiveSpec = CausalLmSpec()
    train: TrainSpec = TrainSpec()
    evaluate: EvaluateSpec = EvaluateSpec()
    trackers: tuple[str, ...] = ()
    """Where metrics also go: `tensorboard`, or a tracker that an installed package offers."""
    output: str | None = None
    """Run folder to create. Automatic: `runs/<date>-<time>-<name>`."""


def build_recipe(tree: Mapping[str, Any], *, origin: str = "recipe") -> Recipe:
    """Return the Recipe of a tree of plain values.

    Raises:
        RecipeError: with *every* fault, each with its path, rule, value and, for a key that is nearly right, a
        suggestion.
    """
    try:
        return Recipe.model_validate(dict(tree))
    except ValidationError as error:
        faults = faults_of(error, Recipe)
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise RecipeError(
            f"{origin} has {count}", faults=faults, hint="`tunewright schema` prints every key with its rule"
        ) from error
