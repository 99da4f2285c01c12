"""What every column of an evaluation shares: the frozen rows, the graders, the room for a prompt, and the clock.

Makes the candidates that compete on validation rows, and scores them there. Does not know which model answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tunewright.data.encode import encode_prompt
from tunewright.data.rows import Row
from tunewright.evaluate.answers import sample_rows
from tunewright.evaluate.baselines.asked import Baseline, Room
from tunewright.evaluate.baselines.documents import passages_of_rows, read_documents
from tunewright.evaluate.baselines.examples import few_shots
from tunewright.evaluate.baselines.prompts import default_prompts, read_prompts
from tunewright.evaluate.baselines.retrieval import Bm25, Retrieval
from tunewright.evaluate.baselines.select import Failed, Tried, select
from tunewright.evaluate.columns import Answering, ColumnFacts, answer_column, mean_score
from tunewright.graders.grade import Grader
from tunewright.infer.engine import Engine, Sampling
from tunewright.jobs.prepare import Prepared
from tunewright.jobs.score import answered_rows, graders_of
from tunewright.models.load import context_tokens
from tunewright.runs.evaluation import Candidate, Column, ColumnKind
from tunewright.runs.recorder import Listener
from tunewright.runs.usage import resident_bytes
from tunewright.spec.baselines import BaselinesSpec

NUM_TIMED = 12
"""Requests that are timed alone for each column."""


@dataclass(frozen=True)
class Stage:
    """The same for every column of one evaluation.

    Attributes:
        rows: of the test set, answered once by each column. trials: of validation, answered by each candidate.
        notes: what could not be read or tried.
    """

    prepared: Prepared
    graders: dict[str, Grader]
    rows: tuple[Row, ...]
    trials: tuple[Row, ...]
    room: Room
    listener: Listener
    notes: list[str]

    @property
    def seed(self) -> int:
        """The seed of samples, draws and bootstraps."""
        return self.prepared.recipe.data.split_seed

    @property
    def headline(self) -> str:
        """The grader that candidates and the verdict go by; empty if there is none."""
        return next(iter(self.graders), "")

    def answering(self, engine: Engine) -> Answering:
        """Return with what a column is answered by `engine`."""
        limit = self.prepared.recipe.evaluate.max_new_tokens
        return Answering(engine, self.prepared.tokenizer, self.graders, limit)


@dataclass(frozen=True, slots=True)
class Family:
    """Candidates of one kind, of which the best on validation rows becomes the column `title`."""

    title: str
    kind: ColumnKind
    candidates: tuple[Baseline, ...]


def make_stage(prepared: Prepared, max_trials: int, listener: Listener) -> Stage:
    """Return the stage of a job whose rows are read.

    Raises:
        GraderError, MissingExtraError: if a grader cannot be made.
    """
    tokenizer, limit = prepared.tokenizer, prepared.recipe.evaluate.max_new_tokens
    room = Room(
        count=lambda messages, tools: len(encode_prompt(messages, tokenizer, tools)),
        limit=context_tokens(prepared.model) - limit,
        takes_system=_takes_system(prepared),
    )
    validation = {row.source.where: row.source for row in prepared.tokens.validation if isinstance(row.source, Row)}
    trials = sample_rows(list(validation.values()), max_trials, prepared.recipe.data.split_seed)
    rows = tuple(answered_rows(prepared))
    return Stage(prepared, graders_of(prepared), rows, tuple(trials), room, listener, [])


def families(stage: Stage, spec: BaselinesSpec) -> list[Family]:
    """Return what competes: system prompts, examples, passages.

    Raises:
        DataError: if documents or prompts cannot be read.
        MissingExtraError: if bm25s is not installed.
    """
    train = [row for source in stage.prepared.sets.train for row in source.rows if isinstance(row, Row)]
    references = [row.reference for row in train]
    prompts: list[Baseline] = [*default_prompts(references, room=stage.room)]
    if spec.prompts:
        prompts += read_prompts(Path(spec.prompts), room=stage.room)
    found = [Family("best prompt", "prompt", tuple(prompts))]
    if spec.examples and train:
        shots = few_shots(train, spec.examples, spec.chosen_by, seed=stage.seed, room=stage.room)
        found.append(Family("examples", "few_shot", tuple(shots)))
    if spec.passages:
        found.append(Family("passages", "retrieval", tuple(_retrievals(stage, spec, train))))
    return [family for family in found if family.candidates]


def best_of(stage: Stage, family: Family, engine: Engine) -> tuple[Baseline | None, list[Candidate]]:
    """Return the candidate that scores best on the validation rows, and what each scored there."""
    how = stage.answering(engine)
    done = 0

    def score(candidate: Baseline) -> Tried | Failed:
        nonlocal done
        stage.listener.on_progress(f"trying {family.title}", done, len(family.candidates))
        done += 1
        facts = ColumnFacts(candidate.name, candidate.kind, "", candidate.settings)
        column = answer_column(facts, how, [candidate.ask(row) for row in stage.trials])
        mean = mean_score(column, stage.headline)
        if mean is None or column.usage is None:
            return Failed(f"{stage.headline or 'no grader'} could judge none of the {len(stage.trials):,} rows")
        return Tried(mean, len(stage.trials), column.usage.prompt_tokens)

    return select(family.candidates, score, column=family.title)


def scored_column(stage: Stage, facts: ColumnFacts, baseline: Baseline, engine: Engine) -> Column:
    """Return the column of `baseline` on the test rows, with the latency of some requests that are alone."""
    asked = [baseline.ask(row) for row in stage.rows]

    def tell(done: int, total: int) -> None:
        stage.listener.on_progress(f"answering: {facts.name}", done, total)

    column = answer_column(facts, stage.answering(engine), asked, tell)
    if column.usage is None:
        return column
    prompts = [encode_prompt(each.messages, stage.prepared.tokenizer, each.row.tools) for each in asked[:NUM_TIMED]]
    seconds = [_seconds(engine, prompt, stage) for prompt in prompts]
    usage = column.usage.model_copy(
        update={
            "latency_p50": float(np.percentile(seconds, 50)),
            "latency_p95": float(np.percentile(seconds, 95)),
            "num_timed": len(seconds),
            "peak_bytes": resident_bytes(),
        }
    )
    return column.model_copy(update={"usage": usage})


def chosen_facts(stage: Stage, family: Family, best: Baseline, model: str) -> ColumnFacts:
    """Return the facts of a family's column."""
    count = len(stage.trials)
    how = f"best of {len(family.candidates)} on {count:,} validation rows, by {stage.headline}"
    return ColumnFacts(best.name, best.kind, model, best.settings, chosen_on=how)


def as_tuned(family: Family) -> Family:
    """Return the family for the tuned model: the same candidates under a name of their own."""
    return replace(family, title=f"tuned + {family.title}", kind="tuned_retrieval")


def _retrievals(stage: Stage, spec: BaselinesSpec, train: Sequence[Row]) -> list[Retrieval]:
    if spec.documents:
        found = read_documents(Path(spec.documents))
        stage.notes.extend(found.notes)
        passages = list(found.passages)
    else:
        passages = list(passages_of_rows(train))
    if not passages:
        stage.notes.append("there is nothing to look answers up in: no passage was found")
        return []
    index = Bm25([f"{passage.title}\n{passage.text}" for passage in passages])
    counts = [count for count in spec.passages if count <= len(passages)]
    return [Retrieval(index, passages, count, room=stage.room) for count in counts]


def _seconds(engine: Engine, prompt: list[int], stage: Stage) -> float:
    started = time.perf_counter()
    engine.generate([prompt], Sampling(max_new_tokens=stage.prepared.recipe.evaluate.max_new_tokens))
    return time.perf_counter() - started


def _takes_system(prepared: Prepared) -> bool:
    """Whether the template shows a system turn: some refuse one, some drop it without a word."""
    probe = "tunewright-probe"
    messages = [{"role": "system", "content": probe}, {"role": "user", "content": "?"}]
    render: Callable[..., str] = prepared.tokenizer.render
    try:
        return probe in render(messages, add_generation_prompt=True, tools=())
    except Exception:  # noqa: BLE001 - a template may raise anything; all of it means no
        return False
