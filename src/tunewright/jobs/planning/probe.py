"""How fast this machine is at a job: a few real passes of the real model over real rows, thrown away afterwards.

At most about 20 s after loading; writes nothing and leaves nothing but a number of rates. Where the model must not be
loaded, one matrix product is timed instead, and the rates are rough. Deliberately does not add up a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from tunewright.data.encode import encode_prompt
from tunewright.data.pack import make_forests
from tunewright.data.prefix import with_prefix
from tunewright.evaluate.loss import score_loss
from tunewright.evaluate.sample import stratified_order
from tunewright.infer.engine import Sampling
from tunewright.infer.shared import SharedEngine
from tunewright.jobs.planning.outline import Known, Outline, planned_steps
from tunewright.jobs.prepare import Prepared, prepare
from tunewright.methods.method import Method
from tunewright.methods.prompt import Prompt
from tunewright.models.estimate import operations, size_of
from tunewright.models.soft_prompt import prefix_ids
from tunewright.objectives.objective import Objective
from tunewright.runs.recorder import Listener, Silent
from tunewright.spec.maker import load_maker
from tunewright.train.masters import MasterWeights
from tunewright.train.optimizer import make_optimizer
from tunewright.train.randomness import seed_everything
from tunewright.train.step import Stepper

_TRAIN_S, _SCORE_S, _ANSWER_S = 9.0, 3.0, 6.0
_USUAL_SHARE = 0.4
"""Share of the speed of one large product that a whole pass reaches, where nothing better is known."""
_USUAL_DECODE_S = 0.02
_USUAL_LOAD_BYTES_PER_S = 5e8


@dataclass(frozen=True, slots=True)
class Rate:
    """Seconds of a pass: `fixed_s` for each forest, and operations by `per_s`."""

    fixed_s: float
    per_s: float

    def seconds(self, num_forests: float, num_operations: float) -> float:
        """Return the seconds of so many forests with so many operations together."""
        return self.fixed_s * num_forests + num_operations / self.per_s


@dataclass(frozen=True, slots=True)
class Rates:
    """What the probe found.

    Attributes:
        loading_s: from the first row read to a live model. train, score: a step's passes, and passes without gradient.
        prefill_per_s: prompt tokens a second. decode_s: one token for each of `decode_rows` answers.
        base_tokens: tokens of the longest answer of a batch by the untrained model; None if it was not seen.
        is_rough: whether nothing but a matrix product was timed.
    """

    loading_s: float
    train: Rate
    score: Rate
    prefill_per_s: float
    decode_s: float
    decode_rows: int
    base_tokens: int | None
    is_rough: bool
    seconds: float = 0.0


def probe(known: Known, planned: Outline, listener: Listener) -> Rates:
    """Return the rates of the real job; loads the model and drops it again."""
    started = time.perf_counter()
    listener.on_progress("loading model", 0, 1)
    prepared = prepare(known.recipe, Silent())
    loading_s = time.perf_counter() - started
    started = time.perf_counter()
    objective: Objective = load_maker(planned.recipe.objective)(planned.recipe.objective)
    listener.on_progress("timing answers", 0, 1)
    prefill_per_s, decode_s, rows, base_tokens = _time_answers(prepared)
    listener.on_progress("timing scoring", 0, 1)
    score = _time_scoring(prepared, planned, objective)
    listener.on_progress("timing training", 0, 1)
    train = _time_training(prepared, planned, objective)
    spent = time.perf_counter() - started
    return Rates(loading_s, train, score, prefill_per_s, decode_s, rows, base_tokens, is_rough=False, seconds=spent)


def guess(known: Known, planned: Outline, *, measured: bool = True) -> Rates:
    """Return rough rates for a model that is not loaded, from the speed of one large product."""
    started = time.perf_counter()
    per_s = _USUAL_SHARE * (_product_speed(known, planned) if measured else 1e11)
    weights = planned.shape.layer_weights * planned.shape.num_layers
    # A token of an answer reads all weights once; 10 GB a second is what a small machine manages.
    decode_s = _USUAL_DECODE_S + planned.held.weights / 1e10
    rate = Rate(0.0, per_s)
    prefill_per_s = per_s / (2.0 * max(1, weights))
    loading_s = 1.0 + planned.held.weights / _USUAL_LOAD_BYTES_PER_S
    spent = time.perf_counter() - started
    return Rates(loading_s, rate, rate, prefill_per_s, decode_s, 1, None, is_rough=True, seconds=spent)


def _time_training(prepared: Prepared, planned: Outline, objective: Objective) -> Rate:
    seed_everything(prepared.recipe.train.seed)
    method: Method = load_maker(prepared.recipe.method)(prepared.recipe.method)
    if isinstance(method, Prompt):
        method.use_tokenizer(prepared.tokenizer.encode)
    method.apply(prepared.model)
    spec = prepared.recipe.train
    masters = MasterWeights(prepared.model, spec.optimizer.rounding, dithers=method.artifact == "model")
    optimizer = make_optimizer(spec.optimizer, masters, spec.learning_rate or 1e-4, seed=spec.seed)
    stepper = Stepper(prepared.runner, masters, objective, optimizer, spec.optimizer.max_grad_norm)
    rows = with_prefix(prepared.tokens.train, prefix_ids(prepared.model))
    layout, budget = prepared.runner.choice.layout, spec.hardware.micro_batch_tokens
    prepared.model.train()

    def run(step: list[int]) -> tuple[float, float, int]:
        started = time.perf_counter()
        forests = make_forests([rows[row] for row in step], budget, layout)
        if not forests:
            return 0.0, 0.0, 0
        stepper.step(forests)
        seconds = time.perf_counter() - started
        sizes = [size_of(forest, planned.shape, padded=layout == "padded") for forest in forests]
        work = sum(operations(planned.shape, size, checkpointing=planned.checkpointing) for size in sizes)
        return seconds, work, len(forests)

    steps = _spread(planned_steps(prepared.tokens, prepared.recipe, planned.num_steps))
    # The first pass of all pays for what the libraries set up; one row is enough for that.
    run(steps[0][:1])
    run(steps[0][-1:])
    return _fit(_timed(run, steps, _TRAIN_S))


def _time_scoring(prepared: Prepared, planned: Outline, objective: Objective) -> Rate:
    rows = prepared.tokens.test or prepared.tokens.validation or prepared.tokens.train
    layout, budget = prepared.runner.choice.layout, prepared.recipe.train.hardware.micro_batch_tokens
    forests = _spread(make_forests(rows, budget, layout))

    def run(part: list) -> tuple[float, float, int]:
        started = time.perf_counter()
        score_loss(prepared.runner, objective, part)
        seconds = time.perf_counter() - started
        sizes = [size_of(forest, planned.shape, padded=layout == "padded") for forest in part]
        return seconds, sum(operations(planned.shape, size, learning=False) for size in sizes), len(part)

    def run_again(part: list) -> tuple[float, float, int]:
        # The same forests are scored at every validation: only the first time pays for their shapes.
        run(part)
        return run(part)

    return _fit(_timed(run_again, [[forest] for forest in forests], _SCORE_S))


def _time_answers(prepared: Prepared) -> tuple[float, float, int, int | None]:
    """Return prompt tokens a second, seconds a token, rows of the batch, and the length of the base's answers."""
    spec = prepared.recipe.evaluate
    order = stratified_order(prepared.test_rows, prepared.recipe.data.split_seed)
    rows = order.rows[: min(spec.max_rows, spec.batch_size)]
    if not rows:
        return 1.0, 0.0, 1, None
    engine = SharedEngine(prepared.model, prepared.tokenizer, batch_size=spec.batch_size)
    prompts = [encode_prompt(row.prompt, prepared.tokenizer, row.tools) for row in rows]
    engine.generate(prompts[:1], Sampling(max_new_tokens=2))
    short_s, _ = _generate(engine, prompts, 1)
    num_tokens = min(spec.max_new_tokens, 9)
    long_s, num_steps = _generate(engine, prompts, num_tokens)
    decode_s = max(1e-4, (long_s - short_s) / max(1, num_steps - 1))
    seen = None
    if decode_s * spec.max_new_tokens < _ANSWER_S - short_s - long_s:
        whole_s, seen = _generate(engine, prompts, spec.max_new_tokens)
        decode_s = max(1e-4, (whole_s - short_s) / max(1, seen - 1))
    padded = len(prompts) * max(map(len, prompts))
    return padded / max(1e-4, short_s - decode_s), decode_s, len(prompts), seen


def _generate(engine: SharedEngine, prompts: list[list[int]], limit: int) -> tuple[float, int]:
    started = time.perf_counter()
    answers = engine.generate(prompts, Sampling(max_new_tokens=limit))
    seconds = time.perf_counter() - started
    return seconds, max(len(answer.ids) + answer.has_ended for answer in answers)


def _timed(
    run: Callable[[list], tuple[float, float, int]], parts: list[list], limit_s: float
) -> list[tuple[float, float, int]]:
    """Run parts, each once, until the time is up: a shape that was seen before would be too fast."""
    found: list[tuple[float, float, int]] = []
    started = time.perf_counter()
    for part in parts:
        result = run(part)
        if result[2]:
            found.append(result)
        spent = time.perf_counter() - started
        if spent + spent / max(1, len(found)) > limit_s:
            break
    return found


def _fit(found: list[tuple[float, float, int]]) -> Rate:
    """Return the rate of all timings together; what a forest costs by itself is in it, as forests are much alike."""
    seconds, work = sum(each[0] for each in found), sum(each[1] for each in found)
    return Rate(0.0, work / seconds) if seconds > 0 and work > 0 else Rate(0.0, 1e12)


def _spread(items: list) -> list:
    """Return the items so that any beginning of the list is spread over all of them: halves, quarters, …"""
    order = sorted(range(len(items)), key=lambda index: (index * 0.6180339887) % 1.0)
    return [items[index] for index in order]


def _product_speed(known: Known, planned: Outline) -> float:
    """Return operations a second of one product of the model's width on the job's device."""
    width, inner = min(planned.shape.width, 4096), min(planned.shape.inner, 16384)
    made = {"device": known.hardware.device, "dtype": known.hardware.dtype}
    left, right = torch.ones(512, width, **made), torch.ones(width, inner, **made)
    (left @ right).sum().item()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < 0.5:
        (left @ right)[0, 0].item()
        count += 1
    return 2.0 * 512 * width * inner * count / (time.perf_counter() - started)
