"""The published rules by which `None` in a recipe becomes a number, and the record of which rule chose what.

Pure functions of the recipe and three facts about the job: whoever knows the facts can foretell the choice.

- learning rate, full: 4e-5 · (1e9 / parameters)^0.5, within [5e-6, 1e-3]: half the rate at four times the
  size, anchored at the 1e-5…2e-5 in common use for 7 B. Measured on the starter: see docs/log.md. All of the model's
  parameters count, also where some layers are frozen: the size stands for the width.
- learning rate, LoRA kinds and bottleneck adapters: 10 × the rule for full, at most 5e-3 ("LoRA Without Regret",
  Schulman et al. 2025, measured 9.8 ×; LLM-Adapters, arXiv 2304.01933, takes one rate for LoRA and adapters in series).
- learning rate, IA³: 100 × the rule for full, at most 5e-2: about the 3e-3 that arXiv 2205.05638 takes for 3 B. On the
  starter 3e-3, 3e-2 and 1e-1 end at 5.10, 3.74 and 3.13.
- learning rate, prompt tuning: 3e-2. arXiv 2104.08691 takes 0.3, but with Adafactor; on the starter AdamW ends alike
  with both (4.28 and 4.35), and the smaller suits models with small embeddings: its step does not shrink with them.
  These losses, nats per taught token, are those of the 59 validation rows that `recipes/support-{ia3,prompt}.yaml` hold
  out of `examples/support/train.jsonl`, after 100 steps of 4 of its other rows, in fp32, seed 0; before, 5.55 and 5.53.
  No row of `heldout.jsonl` had a say. The rates for full and LoRA were compared on `heldout.jsonl` (docs/log.md).
- alpha, every LoRA kind: 2 · rank.
- batch: the largest power of two ≤ rows / 25, within [1, 32]: an epoch has at least 25 steps.
- epochs: 3,000 row visits / rows, within [1, 10], rounded.
- validations: about 8 over the run; a checkpoint at each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tunewright.spec.method import LoraSpec
from tunewright.spec.recipe import Recipe

# Kind of method → how many times the rate for full tuning, and the largest rate. Other adapters learn like LoRA.
_TIMES_FULL = {"lora": (10, 5e-3), "ia3": (100, 5e-2)}
_PROMPT_RATE = 3e-2


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What the rules need to know. `num_rows` counts row visits per epoch (weights applied)."""

    num_rows: int
    num_parameters: int
    context_tokens: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One automatic value: the key, the value, and the rule with its numbers filled in."""

    path: str
    value: float | int
    rule: str


def settle(recipe: Recipe, facts: JobFacts) -> tuple[Recipe, tuple[Choice, ...]]:
    """Return the recipe with every automatic value filled in, and the choices made.

    A batch larger than the set is shrunk to it (and said so). Settling twice changes nothing.
    """
    choices: list[Choice] = []
    train = recipe.train
    values: dict[str, float | int] = {}

    def choose(key: str, value: float | int, rule: str) -> None:
        values[key] = value
        choices.append(Choice(f"train.{key}", value, rule))

    if train.learning_rate is None:
        choose("learning_rate", *_learning_rate(recipe, facts.num_parameters))
    if train.batch_size is None:
        batch = 2 ** int(math.log2(min(32, max(1, facts.num_rows // 25))))
        choose("batch_size", batch, f"largest power of two ≤ {facts.num_rows} rows / 25, within 1…32")
    elif train.batch_size > facts.num_rows:
        choose(
            "batch_size", facts.num_rows, f"{train.batch_size} asked for, but there are {facts.num_rows} training rows"
        )
    if train.epochs is None and train.max_steps is None:
        epochs = min(10, max(1, round(3000 / facts.num_rows)))
        choose("epochs", epochs, f"3,000 row visits / {facts.num_rows} rows, within 1…10")
    settled = recipe.model_copy(update={"train": train.model_copy(update=values)})
    num_steps = total_steps(settled, facts.num_rows)
    every = max(1, math.ceil(num_steps / 8))
    values.clear()
    if train.eval_steps is None:
        choose("eval_steps", every, f"{num_steps} steps / 8")
    if train.save_steps is None:
        choose("save_steps", train.eval_steps or every, "a checkpoint at every validation")
    updates: dict[str, object] = {"train": settled.train.model_copy(update=values)}
    if recipe.data.max_length is None:
        choices.append(Choice("data.max_length", facts.context_tokens, "the model's context length"))
        updates["data"] = recipe.data.model_copy(update={"max_length": facts.context_tokens})
    if isinstance(recipe.method, LoraSpec) and recipe.method.alpha is None:
        alpha = 2.0 * recipe.method.rank
        choices.append(Choice("method.alpha", alpha, f"2 · rank {recipe.method.rank}"))
        updates["method"] = recipe.method.model_copy(update={"alpha": alpha})
    return settled.model_copy(update=updates), tuple(choices)


def total_steps(recipe: Recipe, num_rows: int) -> int:
    """Return the number of optimiser steps of a settled recipe: `max_steps`, or epochs · ⌈rows / batch⌉ rounded up."""
    if recipe.train.max_steps is not None:
        return recipe.train.max_steps
    assert recipe.train.epochs is not None and recipe.train.batch_size is not None, "settle the recipe first"
    return max(1, math.ceil(recipe.train.epochs * math.ceil(num_rows / recipe.train.batch_size) - 1e-9))


def _learning_rate(recipe: Recipe, num_parameters: int) -> tuple[float, str]:
    kind = recipe.method.kind
    if kind == "prompt":
        return _PROMPT_RATE, "prompt tuning with AdamW, whatever the model's size"
    full = min(1e-3, max(5e-6, 4e-5 * math.sqrt(1e9 / num_parameters)))
    rule = f"4e-5 · (1e9 / {num_parameters:,} parameters)^0.5 within 5e-6…1e-3"
    if kind == "full":
        return _two_digits(full), rule
    times, most = _TIMES_FULL.get(kind, _TIMES_FULL["lora"])
    return _two_digits(min(most, times * full)), f"{times} × ({rule}), at most {most:.0e}".replace("e-0", "e-")


def _two_digits(value: float) -> float:
    return float(f"{value:.1e}")
