"""The columns that need no training: the base as it is, with prompts, examples and passages, and models of others.

Of each kind the best on validation rows meets the test set, once. Does not know how a prompt is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tunewright.errors import ModelError
from tunewright.evaluate.baselines.asked import Baseline, Room
from tunewright.evaluate.baselines.documents import Passage, passages_of_rows, read_documents
from tunewright.evaluate.baselines.embeddings import DenseIndex
from tunewright.evaluate.baselines.examples import few_shots
from tunewright.evaluate.baselines.kin import question_of
from tunewright.evaluate.baselines.prompts import ZeroShot, default_prompts, read_prompts
from tunewright.evaluate.baselines.retrieval import Bm25, Index, Retrieval
from tunewright.evaluate.baselines.select import Failed, Tried, select
from tunewright.evaluate.columns import ColumnFacts
from tunewright.evaluate.remote_column import remote_column
from tunewright.infer.embed import make_embedder
from tunewright.infer.remote import service_of
from tunewright.infer.shared import SharedEngine
from tunewright.jobs.evaluation.stage import Stage, scored_column, tried
from tunewright.runs.evaluation import Candidate, Column, ColumnKind
from tunewright.spec.baselines import BaselinesSpec, ServiceSpec


@dataclass(frozen=True, slots=True)
class Family:
    """Candidates of one kind, of which the best on validation rows becomes a column."""

    title: str
    kind: ColumnKind
    candidates: tuple[Baseline, ...]


def base_column(stage: Stage, engine: SharedEngine) -> Column:
    """Return the base, asked the rows' own prompts."""
    facts = ColumnFacts("base", "base", stage.prepared.recipe.model.source, {})
    return scored_column(stage, facts, ZeroShot(room=stage.room(engine)), engine)


def families(stage: Stage, spec: BaselinesSpec, room: Room) -> list[Family]:
    """Return what competes: system prompts, examples, passages; without validation rows nothing, which is noted.

    Raises:
        DataError: if documents or prompts cannot be read.
        MissingExtraError: if bm25s is not installed.
        ModelError: if the model of embeddings cannot be used.
    """
    if not stage.trials:
        stage.notes.append("there are no rows to choose prompts, examples and passages on: none were tried")
        return []
    train = stage.train_rows
    prompts: list[Baseline] = [*default_prompts([row.reference for row in train], room=room)]
    if spec.prompts:
        prompts += read_prompts(Path(spec.prompts), room=room)
    found = [Family("best prompt", "prompt", tuple(prompts))]
    if spec.examples and train:
        shots = few_shots(train, spec.examples, spec.chosen_by, seed=stage.exam.seed, room=room)
        found.append(Family("examples", "few_shot", tuple(shots)))
    if spec.passages:
        found.append(Family("passages", "retrieval", tuple(_retrievals(stage, spec, room))))
    return [family for family in found if family.candidates]


def best_column(
    stage: Stage, family: Family, engine: SharedEngine, model: str
) -> tuple[Column | None, list[Candidate]]:
    """Return the column of the candidate that scores best on the validation rows, and what each scored there."""
    done = 0

    def score(candidate: Baseline) -> Tried | Failed:
        nonlocal done
        stage.listener.on_progress(f"trying {family.title}", done, len(family.candidates))
        done += 1
        return tried(stage, candidate, engine)

    best, records = select(family.candidates, score, column=family.title)
    if best is None:
        return None, records
    how = f"best of {len(family.candidates)} on {stage.trial_words}, by {stage.exam.headline}"
    name = f"tuned + {best.name}" if family.kind == "tuned_retrieval" else best.name
    facts = ColumnFacts(name, family.kind, model, best.settings, chosen_on=how)
    return scored_column(stage, facts, best, engine), records


def as_tuned(family: Family) -> Family:
    """Return the family for the tuned model: the same candidates under a name of their own."""
    return replace(family, title=f"tuned + {family.title}", kind="tuned_retrieval")


def service_columns(stage: Stage, services: Sequence[ServiceSpec]) -> list[Column]:
    """Return the columns of models of others; one whose service refuses every request is left out with a note.

    Raises:
        MissingExtraError: if openai is not installed.
    """
    found: list[Column] = []
    for spec in services:
        try:
            found.append(_service_column(stage, spec))
        except ModelError as error:
            stage.notes.append(f"{spec.model} at {spec.url} was not asked: {error.message}")
    return found


def _service_column(stage: Stage, spec: ServiceSpec) -> Column:
    service = service_of(spec)
    try:
        # How long its context is nobody can ask a service: it gets the rows' own prompts, whole.
        asked = [ZeroShot().ask(row) for row in stage.exam.rows]
        facts = ColumnFacts(spec.model, "remote", spec.model, {})
        limit = stage.prepared.recipe.evaluate.max_new_tokens
        tell = stage.told(f"asking {spec.model}")
        return remote_column(facts, service, stage.exam.graders, asked, limit, on_progress=tell)
    finally:
        service.close()


def _retrievals(stage: Stage, spec: BaselinesSpec, room: Room) -> list[Retrieval]:
    passages = _passages(stage, spec)
    if not passages:
        stage.notes.append("there is nothing to look answers up in: no passage was found")
        return []
    texts = [f"{passage.title}\n{passage.text}" for passage in passages]
    indexes: list[Index] = [Bm25(texts)]
    if spec.embeddings is not None:
        dense = DenseIndex(texts, make_embedder(spec.embeddings), on_progress=stage.told("embedding passages"))
        # All questions at once: a service that fails then fails before any column is half answered.
        dense.prepare([question_of(row) for row in (*stage.trials, *stage.exam.rows)])
        indexes.append(dense)
    counts = [count for count in spec.passages if count <= len(passages)]
    return [Retrieval(index, passages, count, room=room) for index in indexes for count in counts]


def _passages(stage: Stage, spec: BaselinesSpec) -> list[Passage]:
    if not spec.documents:
        return list(passages_of_rows(stage.train_rows))
    found = read_documents(Path(spec.documents))
    stage.notes.extend(found.notes)
    return list(found.passages)
