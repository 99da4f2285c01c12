"""What every column of an evaluation shares: the frozen rows, the graders, the room for a prompt, and the clock.

Answers a column on the test rows, and a candidate on the validation rows. Does not know which columns there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from weakref import WeakSet

import numpy as np
from transformers import PreTrainedModel

from tunewright.data.encode import encode_prompt
from tunewright.data.rows import Row
from tunewright.evaluate.baselines.asked import Asked, Baseline, Room
from tunewright.evaluate.baselines.select import Failed, Tried
from tunewright.evaluate.columns import Answering, ColumnFacts, answer_column, mean_score
from tunewright.evaluate.hardest import sample_token_rows
from tunewright.evaluate.sample import stratified_order
from tunewright.infer.engine import Sampling
from tunewright.infer.hf import HfEngine
from tunewright.infer.shared import SharedEngine
from tunewright.jobs.evaluation.exam import Exam, asked_rows
from tunewright.jobs.graders import takes_system
from tunewright.jobs.prepare import Prepared
from tunewright.models.load import context_tokens
from tunewright.models.soft_prompt import prefix_ids
from tunewright.runs.evaluation import Column, Usage
from tunewright.runs.recorder import Listener
from tunewright.runs.usage import resident_bytes

NUM_TIMED = 12
"""Requests that are timed alone for each column."""
# Of a million training rows not all need be put into an order to choose some dozens of them.
_MOST_SORTED = 5_000
_SHARED = (
    "no test file was given: the validation rows are the test rows. They also chose the checkpoint, so the tuned score "
    "flatters a little; prompts, examples and passages were chosen on training rows"
)


@dataclass(frozen=True)
class Stage:
    """The same for every column of one evaluation.

    Attributes:
        exam: its rows, in the order of their files, are answered once by each column.
        trials: of validation, answered by each candidate; of training where the validation rows are the test rows.
        notes: what could not be read or tried.
    """

    prepared: Prepared
    exam: Exam
    trials: tuple[Row, ...]
    listener: Listener
    notes: list[str]
    models: WeakSet[PreTrainedModel] = field(default_factory=WeakSet)
    """Those that are loaded; no column is to be charged for another's."""

    @property
    def train_rows(self) -> list[Row]:
        """The conversations that are taught."""
        return [row for source in self.prepared.sets.train for row in source.rows if isinstance(row, Row)]

    @property
    def trial_words(self) -> str:
        """How many rows candidates are tried on, and of which set."""
        which = "training" if self.prepared.sets.test_is_validation else "validation"
        return f"{len(self.trials):,} {which} {'row' if len(self.trials) == 1 else 'rows'}"

    def engine(self, loaded: HfEngine | None = None) -> SharedEngine:
        """Return the engine of evaluation over a model that was loaded, or over the base."""
        source = loaded or self.prepared
        self.models.add(source.model)
        return SharedEngine(source.model, source.tokenizer, batch_size=self.prepared.recipe.evaluate.batch_size)

    def room(self, engine: SharedEngine) -> Room:
        """Return how long a prompt to `engine` may be."""
        return room_for(engine, self.prepared.recipe.evaluate.max_new_tokens)

    def told(self, phase: str) -> Callable[[int, int], None]:
        """Return what tells the listener how far a phase is."""
        return lambda done, total: self.listener.on_progress(phase, done, total)

    def answering(self, engine: SharedEngine) -> Answering:
        """Return with what a column is answered by `engine`."""
        return Answering(engine, engine.tokenizer, self.exam.graders, self.prepared.recipe.evaluate.max_new_tokens)


def room_for(engine: SharedEngine, max_new_tokens: int) -> Room:
    """Return how long a prompt to `engine` may be, so that it leaves room for the longest answer."""
    tokenizer = engine.tokenizer
    # Virtual tokens stand before every prompt and are in nobody's count.
    taken = len(prefix_ids(engine.model)) + max_new_tokens
    return Room(
        count=lambda messages, tools: len(encode_prompt(messages, tokenizer, tools)),
        limit=context_tokens(engine.model) - taken,
        takes_system=takes_system(tokenizer),
    )


def make_stage(prepared: Prepared, exam: Exam, max_trials: int, listener: Listener) -> Stage:
    """Return the stage of a job whose rows are read; candidates answer at most `max_trials` validation rows."""
    is_shared = prepared.sets.test_is_validation
    tokens = prepared.tokens.validation
    if is_shared:
        tokens = sample_token_rows(prepared.tokens.train, _MOST_SORTED, exam.seed)
    rows = asked_rows(tokens)
    # What is untrained has seen no training row, and is never shown the row that it is asked (`baselines.kin`).
    notes = [_SHARED] if is_shared and exam.rows else []
    return Stage(prepared, exam, stratified_order(rows, exam.seed).rows[:max_trials], listener, notes)


def tried(stage: Stage, baseline: Baseline, engine: SharedEngine) -> Tried | Failed:
    """Return what a candidate scores on the validation rows."""
    facts = ColumnFacts(baseline.name, baseline.kind, "", baseline.settings)
    column = answer_column(facts, stage.answering(engine), [baseline.ask(row) for row in stage.trials])
    mean, headline = mean_score(column, stage.exam.headline), stage.exam.headline
    if mean is None or column.usage is None:
        return Failed(f"{headline or 'no grader'} could judge none of the {len(stage.trials):,} rows")
    num_judged = sum(headline in answer.scores for answer in column.answers)
    if 2 * num_judged < len(stage.trials):
        # One answer that could be judged and is right would beat every candidate that was judged on all rows.
        return Failed(f"{headline} could judge only {num_judged:,} of the {len(stage.trials):,} rows")
    return Tried(mean, num_judged, column.usage.prompt_tokens)


def scored_column(stage: Stage, facts: ColumnFacts, baseline: Baseline, engine: SharedEngine) -> Column:
    """Return the column of `baseline` on the test rows, with the latency of some requests that are alone."""
    asked = [baseline.ask(row) for row in stage.exam.rows]
    column = answer_column(facts, stage.answering(engine), asked, stage.told(f"answering: {facts.name}"))
    if engine.fallback:
        column = column.model_copy(update={"notes": [f"answered without sharing prefixes: {engine.fallback}"]})
    if column.usage is None:
        return column
    return column.model_copy(update={"usage": _timed(stage, column.usage, asked[:NUM_TIMED], engine)})


def _timed(stage: Stage, usage: Usage, asked: Sequence[Asked], engine: SharedEngine) -> Usage:
    prompts = [encode_prompt(each.messages, engine.tokenizer, each.row.tools) for each in asked]
    sampling = Sampling(max_new_tokens=stage.prepared.recipe.evaluate.max_new_tokens)
    seconds: list[float] = []
    for prompt in prompts:
        started = time.perf_counter()
        engine.generate([prompt], sampling)
        seconds.append(time.perf_counter() - started)
    return usage.model_copy(
        update={
            "latency_p50": float(np.percentile(seconds, 50)),
            "latency_p95": float(np.percentile(seconds, 95)),
            "num_timed": len(seconds),
            "peak_bytes": _process_bytes(stage, engine),
        }
    )


def _process_bytes(stage: Stage, engine: SharedEngine) -> int | None:
    """Return what the process holds, without the weights of models that others answer with."""
    held = resident_bytes()
    others = (weight.nbytes for model in stage.models if model is not engine.model for weight in model.parameters())
    return None if held is None else max(0, held - sum(others))
