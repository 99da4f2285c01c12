"""A job as its plan sees it before anything is loaded: its rows in tokens, its forests, the shape of its model.

The model is built on the meta device, where it has names and shapes but no weights, and the recipe's method is applied
to it there: so every variant of a recipe can be outlined in a moment. Deliberately does not predict anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from tunewright.data.encode import EncodedRow
from tunewright.data.order import epoch_rows
from tunewright.data.pack import Layout, make_forests, plan_steps
from tunewright.jobs.prepare import TokenRows, encode_sets
from tunewright.jobs.rows import RowSets, load_rows
from tunewright.jobs.validation import check_metric_name, check_metric_rows
from tunewright.methods.method import Method
from tunewright.models.estimate import ForestSize, Shape, shape_of, size_of
from tunewright.models.hardware import Hardware, choose_hardware
from tunewright.models.layout import choose_layout
from tunewright.models.load import context_tokens, num_parameters
from tunewright.models.source import ModelSource, find_model
from tunewright.models.tokenizer import HfChatTokenizer, load_tokenizer
from tunewright.runs.recorder import Listener
from tunewright.spec.defaults import JobFacts, settle, total_steps
from tunewright.spec.maker import load_maker
from tunewright.spec.method import LoraSpec, PromptSpec
from tunewright.spec.recipe import Recipe
from tunewright.train.estimate import HeldBytes, held_bytes
from tunewright.train.optimizer import check_optimizer

Item = TypeVar("Item")

_MOST_STEPS = 200
"""Steps whose forests are laid out; the others cost the same on average."""
_MOST_ROWS = 2_000
_NF4_BYTES = {True: 0.5 + 1 / 64 + 4 / (64 * 256), False: 0.5 + 4 / 64}
"""Bytes of a 4-bit weight with its scales, by whether those are quantised too."""


@dataclass(frozen=True)
class Known:
    """What does not depend on method, precision of the optimiser or micro-batches; `recipe` as it was given."""

    recipe: Recipe
    source: ModelSource
    tokenizer: HfChatTokenizer
    hardware: Hardware
    sets: RowSets
    tokens: TokenRows
    context: int
    num_parameters: int


@dataclass(frozen=True)
class Sizes:
    """Forests of a pass, in groups that are computed together; each stands for `factor` like it."""

    groups: tuple[tuple[ForestSize, ...], ...]
    factor: float

    @property
    def all(self) -> list[ForestSize]:
        """Every forest that was laid out."""
        return [size for group in self.groups for size in group]

    @property
    def num_forests(self) -> float:
        """Forests of the whole pass."""
        return self.factor * len(self.all)

    @property
    def num_tokens(self) -> float:
        """Tokens that the whole pass computes."""
        return self.factor * sum(size.tokens for size in self.all)


@dataclass(frozen=True)
class Outline:
    """One recipe, settled, with its sizes. `train` has a group for each step of the run; the others one a forest.

    `first_epoch` is the share of the run's steps that are in it.
    """

    recipe: Recipe
    num_steps: int
    first_epoch: float
    shape: Shape
    held: HeldBytes
    layout: Layout
    artifact: str
    train: Sizes
    validation: Sizes
    test: Sizes
    hardest: Sizes

    @property
    def checkpointing(self) -> bool:
        """Whether activations are computed again in the backward pass."""
        return self.recipe.train.hardware.activation_checkpointing

    @property
    def keeps_frozen(self) -> bool:
        """Whether what frozen lower layers make of each row is kept on disk after the first epoch."""
        can_be = self.shape.is_fused and self.shape.first_layer > 0
        return self.recipe.train.hardware.keep_frozen_states and can_be


def know(recipe: Recipe, listener: Listener) -> Known:
    """Read and encode the rows of `recipe`, and look at its model without loading weights.

    Raises:
        DataError, ModelError, RecipeError: as a run of the recipe.
    """
    check_metric_name(recipe)
    listener.on_progress("reading data", 0, 1)
    sets = load_rows(recipe.data)
    source = find_model(recipe.model)
    hardware = choose_hardware(recipe.train.hardware)
    check_optimizer(recipe.train.optimizer, hardware.device)
    tokenizer = load_tokenizer(source, recipe.model)
    blank = _blank_model(recipe, source, hardware)
    context = context_tokens(blank) - (recipe.method.num_tokens if isinstance(recipe.method, PromptSpec) else 0)
    listener.on_progress("encoding rows", 0, 1)
    tokens = encode_sets(sets, tokenizer, recipe, context)
    check_metric_rows(recipe, tokens)
    return Known(recipe, source, tokenizer, hardware, sets, tokens, context, num_parameters(blank))


def outline(known: Known, recipe: Recipe) -> Outline:
    """Return the outline of `recipe`, which differs from the known one in method, optimiser or hardware only.

    Raises:
        ModelError: if the method does not fit the model.
    """
    facts = JobFacts(known.tokens.num_visits, known.num_parameters, known.context)
    settled, _ = settle(recipe, facts)
    num_steps = total_steps(settled, facts.num_rows)
    blank = _blank_model(settled, known.source, known.hardware)
    rows = known.tokens
    longest = max(row.num_tokens for row in (*rows.train, *rows.validation, *rows.test))
    choice = choose_layout(blank, settled.train.hardware.layout, longest)
    method = _blank_method(settled)
    method.apply(blank)
    element_bytes = known.hardware.dtype.itemsize
    shape = shape_of(blank, is_fused=choice.is_fused, kind=settled.method.kind, element_bytes=element_bytes)
    budget = settled.train.hardware.micro_batch_tokens
    train = _train_sizes(rows, settled, num_steps, shape, choice.layout)
    held = held_bytes(
        blank,
        settled.train.optimizer,
        element_bytes,
        num_micro_batches=max(map(len, train.groups), default=1),
        quantised_bytes=None if method.quantisation is None else _NF4_BYTES[method.quantisation.double],
    )
    return Outline(
        recipe=settled,
        num_steps=num_steps,
        first_epoch=min(1.0, math.ceil(facts.num_rows / (settled.train.batch_size or 1)) / num_steps),
        shape=shape,
        held=held,
        layout=choice.layout,
        artifact=method.artifact,
        train=train,
        validation=_scored_sizes(rows.validation, budget, shape, choice.layout),
        test=_scored_sizes(rows.test, budget, shape, choice.layout),
        hardest=_scored_sizes(_at_most(rows.train, _MOST_ROWS), budget, shape, choice.layout),
    )


def planned_steps(tokens: TokenRows, recipe: Recipe, num_steps: int) -> list[list[int]]:
    """Return the rows of some steps of the run, evenly spaced over its first epoch: what the loop itself will take."""
    assert recipe.train.batch_size is not None, "settle the recipe first"
    order = epoch_rows(tokens.sizes, tokens.weights, recipe.train.seed, 0)
    steps = plan_steps(tokens.train, order, recipe.train.batch_size)[:num_steps]
    return _at_most(steps, _MOST_STEPS)


def _train_sizes(tokens: TokenRows, recipe: Recipe, num_steps: int, shape: Shape, layout: Layout) -> Sizes:
    steps = planned_steps(tokens, recipe, num_steps)
    budget = recipe.train.hardware.micro_batch_tokens
    groups = [_group([tokens.train[row] for row in step], budget, shape, layout) for step in steps]
    return Sizes(tuple(groups), num_steps / max(1, len(groups)))


def _scored_sizes(rows: Sequence[EncodedRow], budget: int, shape: Shape, layout: Layout) -> Sizes:
    some = _at_most(rows, _MOST_ROWS)
    if not some:
        return Sizes((), 1.0)
    return Sizes(tuple((size,) for size in _group(some, budget, shape, layout)), len(rows) / len(some))


def _group(rows: Sequence[EncodedRow], budget: int, shape: Shape, layout: Layout) -> tuple[ForestSize, ...]:
    forests = make_forests(rows, budget, layout)
    return tuple(size_of(forest, shape, padded=layout == "padded") for forest in forests)


def _at_most(items: Sequence[Item], limit: int) -> list[Item]:
    if len(items) <= limit:
        return list(items)
    return [items[math.floor(index * len(items) / limit)] for index in range(limit)]


def _blank_model(recipe: Recipe, source: ModelSource, hardware: Hardware) -> PreTrainedModel:
    trust = recipe.model.allow_remote_code
    config = AutoConfig.from_pretrained(source.location, revision=source.revision, trust_remote_code=trust)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=hardware.dtype, trust_remote_code=trust).eval()


def _blank_method(recipe: Recipe) -> Method:
    spec = recipe.method
    # How weights begin does not change their shapes, and there are none to begin from.
    if isinstance(spec, LoraSpec):
        spec = spec.model_copy(update={"init": "zero"})
    if isinstance(spec, PromptSpec):
        spec = spec.model_copy(update={"init_text": None})
    return load_maker(spec)(spec)
