"""How large a run over a set would be, in optimiser steps and tokens, by the rules that a run itself follows.

Deliberately does not know time or money: those depend on a machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.spec.defaults import JobFacts, settle, total_steps
from tunewright.spec.recipe import build_recipe

# The rules for batch and epochs know nothing of the model; one has to be given for those that do.
_ANY_MODEL = 1_000_000_000
_SAID = ("train.epochs", "train.batch_size")


@dataclass(frozen=True, slots=True)
class JobSize:
    """What a run over all the training rows would be; `rules` says what chose the values that were not given.

    `num_tokens` is every token of every epoch, without padding; None without a tokenizer.
    """

    num_rows: int
    epochs: float
    batch_size: int
    num_steps: int
    num_tokens: int | None
    rules: tuple[str, ...]


def job_size(num_rows: int, num_tokens: int | None, epochs: float | None, batch_size: int | None) -> JobSize:
    """Return the size of a run over `num_rows` ≥ 1 training rows of `num_tokens` tokens together.

    Raises:
        RecipeError: `epochs` or `batch_size` breaks its rule.
    """
    recipe = build_recipe({"train": {"epochs": epochs, "batch_size": batch_size}}, origin="the run")
    recipe, choices = settle(recipe, JobFacts(num_rows, _ANY_MODEL, context_tokens=_ANY_MODEL))
    train = recipe.train
    assert train.epochs is not None and train.batch_size is not None, "settled"
    return JobSize(
        num_rows=num_rows,
        epochs=train.epochs,
        batch_size=train.batch_size,
        num_steps=total_steps(recipe, num_rows),
        num_tokens=None if num_tokens is None else round(num_tokens * train.epochs),
        rules=tuple(f"{each.path} = {each.value}: {each.rule}" for each in choices if each.path in _SAID),
    )
