"""Say before anything runs what a recipe will need here: memory, disk and time, and what would fit instead.

Reads the rows and the model's configuration; the model itself is loaded, for a probe of some 20 s, only where it is
expected to fit. Writes nothing and makes no run folder. How a plan looks on a screen is the command line's matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tunewright.errors import TunewrightError
from tunewright.jobs.planning.outline import Known, Outline, Sizes, know, outline
from tunewright.jobs.planning.predict import (
    AnswerBatch,
    Disk,
    Memory,
    answer_batches,
    answers_in_validation,
    free_disk,
    free_memory,
    predict_disk,
    predict_memory,
    process_bytes,
)
from tunewright.jobs.planning.probe import Rate, Rates, guess, probe
from tunewright.models.estimate import operations
from tunewright.models.hardware import bound_kernel_caches
from tunewright.runs.folder import default_run_path
from tunewright.runs.recorder import Listener, Silent
from tunewright.spec.method import FullSpec, LoraSpec, QloraSpec
from tunewright.spec.recipe import Recipe
from tunewright.train.randomness import randomness_kept

_WRITE_BYTES_PER_S = 4e8
"""Writing and hashing a checkpoint, on an ordinary disk."""
_SAVE_S, _END_S = 0.01, 0.3
_FEW_STEPS = 30
"""Below, the model has hardly learnt where to stop, and answers as long as its base."""
_BATCH_SHARE = 0.6
"""How far the time of one token of a batch's answers follows the number of its rows."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """Where the time goes: `loading` until the model is live, the others from then on; `total` is all of them."""

    total: float
    loading: float
    training: float
    validation: float
    scoring: float
    answering: float
    saving: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """A change of the recipe by dotted keys, and what it would need; `fits` is None where free memory is not known."""

    changes: dict[str, Any]
    memory_bytes: int
    seconds: float
    fits: bool | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run of the recipe will need, against what this machine has free; None is not known.

    `fits` speaks of memory and disk; `is_rough`: time was not measured with the model itself. `alternatives` are there
    only where memory does not suffice, the mildest first.
    """

    model: str
    method: str
    device: str
    precision: str
    num_parameters: int
    num_learning: int
    num_rows: int
    num_steps: int
    batch_size: int
    tokens: int
    computed_tokens: int
    supervised_tokens: int
    memory: Memory
    free_memory: int | None
    disk: Disk
    free_disk: int | None
    seconds: Seconds
    is_rough: bool
    probe_seconds: float
    fits_memory: bool | None
    fits_disk: bool | None
    fits: bool | None
    alternatives: tuple[Alternative, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain values, for JSON."""
        return asdict(self)


def make_plan(recipe: Recipe, listener: Listener | None = None, *, probes: bool = True) -> Plan:
    """Return the plan of `recipe`; with `probes`, time is measured with the model if it is expected to fit.

    Raises:
        DataError, ModelError, RecipeError, MissingExtraError: as a run of the recipe.
    """
    # As the run will: what is kept of compiled kernels is a large part of the memory.
    bound_kernel_caches()
    with randomness_kept():
        return _plan(recipe, listener or Silent(), probes=probes)


def _plan(recipe: Recipe, listener: Listener, *, probes: bool) -> Plan:
    known = know(recipe, listener)
    own_bytes = process_bytes()
    free = free_memory(known.hardware.device, own_bytes)
    planned = outline(known, recipe)
    memory = predict_memory(known, planned, own_bytes)
    fits_memory = None if free is None else memory.total <= free
    if probes and fits_memory is not False:
        rates = probe(known, planned, listener)
    else:
        rates = guess(known, planned, measured=probes)
    disk = predict_disk(known, planned)
    disk_free = free_disk(Path(recipe.output) if recipe.output else default_run_path(recipe, datetime.now()))
    fits_disk = None if disk_free is None else disk.peak <= disk_free
    found = ()
    if fits_memory is False:
        found = tuple(_alternatives(known, planned, rates, own_bytes, free))
    return Plan(
        model=recipe.model.source,
        method=recipe.method.kind,
        device=known.hardware.device,
        precision=known.hardware.precision,
        num_parameters=known.num_parameters,
        num_learning=planned.held.num_learning,
        num_rows=len(known.tokens.train),
        num_steps=planned.num_steps,
        batch_size=planned.recipe.train.batch_size or 1,
        tokens=sum(row.num_tokens for row in known.tokens.train),
        computed_tokens=round(planned.train.num_tokens),
        supervised_tokens=sum(row.num_supervised for row in known.tokens.train),
        memory=memory,
        free_memory=free,
        disk=disk,
        free_disk=disk_free,
        seconds=predict_seconds(known, planned, rates),
        is_rough=rates.is_rough,
        probe_seconds=rates.seconds,
        fits_memory=fits_memory,
        fits_disk=fits_disk,
        fits=_both(fits_memory, fits_disk),
        alternatives=found,
    )


def predict_seconds(known: Known, planned: Outline, rates: Rates) -> Seconds:
    """Return the seconds of every part of the run at `rates`."""
    train = planned.recipe.train
    every, saves = train.eval_steps or planned.num_steps, train.save_steps or planned.num_steps
    num_validations = 1 + -(-planned.num_steps // every) if known.tokens.validation else 0
    num_saves = 1 + -(-planned.num_steps // saves)
    # What would take either model longer than its half of the time is not answered.
    most = 30 * planned.recipe.evaluate.max_minutes
    base, tuned = (min(most, _answer_seconds(known, planned, rates, is_tuned=is_tuned)) for is_tuned in (False, True))
    validation = num_validations * _scored(planned, planned.validation, rates.score)
    if answers_in_validation(planned):
        validation += num_validations * tuned
    scoring = 2 * _scored(planned, planned.test, rates.score) + _scored(planned, planned.hardest, rates.score)
    disk = predict_disk(known, planned)
    saving = num_saves * (disk.checkpoint / _WRITE_BYTES_PER_S + _SAVE_S) + disk.artifact / _WRITE_BYTES_PER_S + _END_S
    sizes = planned.train
    work = sum(operations(planned.shape, size, checkpointing=planned.checkpointing) for size in sizes.all)
    if planned.keeps_frozen:
        below = planned.shape.first_layer / planned.shape.num_layers
        forward = sum(operations(planned.shape, size, learning=False) for size in sizes.all)
        work -= (1 - planned.first_epoch) * below * forward
    training = rates.train.seconds(sizes.num_forests, work * sizes.factor)
    parts = (rates.loading_s, training, validation, scoring, base + tuned, saving)
    return Seconds(sum(parts), *parts)


def _scored(planned: Outline, sizes: Sizes, rate: Rate) -> float:
    work = sum(operations(planned.shape, size, learning=False) for size in sizes.all)
    return rate.seconds(sizes.num_forests, work * sizes.factor)


def _answer_seconds(known: Known, planned: Outline, rates: Rates, *, is_tuned: bool) -> float:
    limit = planned.recipe.evaluate.max_new_tokens
    has_learnt = is_tuned and planned.num_steps >= _FEW_STEPS

    def seconds(batch: AnswerBatch) -> float:
        length = batch.reference if has_learnt else rates.base_tokens or limit
        share = 1 - _BATCH_SHARE + _BATCH_SHARE * batch.rows / rates.decode_rows
        return batch.rows * batch.prompt / rates.prefill_per_s + min(limit, length) * rates.decode_s * share

    return sum(map(seconds, answer_batches(known, planned, known.tokens.test)))


# ── what would fit instead ───────────────────────────────────────────────────────────────────────────────────────────


def _alternatives(
    known: Known, planned: Outline, rates: Rates, own_bytes: int | None, free: int | None
) -> list[Alternative]:
    """Return each change by itself, and, if none of them fits, the fewest of them together that do."""

    def look(changes: dict[str, Any]) -> Alternative | None:
        try:
            other = outline(known, _changed(planned.recipe, changes))
        except TunewrightError:
            # A method that does not fit this model is no way out.
            return None
        total = predict_memory(known, other, own_bytes).total
        seconds = predict_seconds(known, other, rates).total
        return Alternative(changes, total, seconds, None if free is None else total <= free)

    single = [each for each in map(look, _changes(planned)) if each is not None]
    if any(each.fits for each in single):
        return single
    together: dict[str, Any] = {}
    for each in single:
        together = _joined(together, each.changes)
        found = look(together)
        if found is not None and found.fits:
            return [*single, found]
    return single


def _changes(planned: Outline) -> list[dict[str, Any]]:
    """Return the changes that could save memory, the mildest first."""
    return [changes for propose in _PROPOSALS for changes in propose(planned)]


def _checkpointing(planned: Outline) -> list[dict[str, Any]]:
    return [] if planned.checkpointing else [{"train.hardware.activation_checkpointing": True}]


def _smaller_pieces(planned: Outline) -> list[dict[str, Any]]:
    largest = max((size.tokens for size in planned.train.all), default=1)
    asked = min(planned.recipe.train.hardware.micro_batch_tokens, largest)
    return [{"train.hardware.micro_batch_tokens": asked // 4}] if asked >= 256 else []


def _lora(planned: Outline) -> list[dict[str, Any]]:
    return [{"method.kind": "lora"}] if isinstance(planned.recipe.method, FullSpec) else []


def _qlora(planned: Outline) -> list[dict[str, Any]]:
    method = planned.recipe.method
    is_for = isinstance(method, FullSpec | LoraSpec) and not isinstance(method, QloraSpec)
    return [{"method.kind": "qlora"}] if is_for else []


def _smaller_state(planned: Outline) -> list[dict[str, Any]]:
    optimizer = planned.recipe.train.optimizer
    found: list[dict[str, Any]] = []
    if optimizer.kind != "adamw_8bit":
        found.append({"train.optimizer.kind": "adamw_8bit"})
    if optimizer.rounding != "stochastic" and isinstance(planned.recipe.method, FullSpec):
        found.append({"train.optimizer.rounding": "stochastic"})
    return found


def _fewer_layers(planned: Outline) -> list[dict[str, Any]]:
    count = (planned.shape.num_layers - planned.shape.first_layer) // 2
    has_layers = hasattr(planned.recipe.method, "layers")
    return [{"method.layers": f"last:{count}"}] if has_layers and count >= 1 else []


_PROPOSALS: tuple[Callable[[Outline], list[dict[str, Any]]], ...] = (
    _checkpointing,
    _smaller_pieces,
    _lora,
    _qlora,
    _smaller_state,
    _fewer_layers,
)


def _changed(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    tree = recipe.model_dump(mode="json")
    for key, value in changes.items():
        *parents, leaf = key.split(".")
        node = tree
        for parent in parents:
            node = node[parent]
        if key == "method.kind":
            # Another method has other fields: those that it shares are kept, so that ranks and layers stay.
            known = {"lora": LoraSpec, "qlora": QloraSpec}[value].model_fields
            tree["method"] = {name: kept for name, kept in node.items() if name in known and name != "kind"}
            tree["method"]["kind"] = value
        else:
            node[leaf] = value
    return Recipe.model_validate(tree)


def _joined(former: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    return {**former, **more}


def _both(first: bool | None, second: bool | None) -> bool | None:
    if first is False or second is False:
        return False
    return True if first and second else None
