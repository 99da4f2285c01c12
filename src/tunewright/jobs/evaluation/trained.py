"""The columns that were trained: the run's own model, alone and with passages, its checkpoints, and other runs.

A checkpoint is chosen on validation rows; another run is a column of its own. Does not train.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tunewright.data.rows import Row
from tunewright.errors import TunewrightError
from tunewright.evaluate.advice.costs import training_cost
from tunewright.evaluate.advice.prices import Prices
from tunewright.evaluate.baselines.asked import Settings
from tunewright.evaluate.baselines.prompts import ZeroShot
from tunewright.evaluate.baselines.select import Failed, Tried
from tunewright.evaluate.columns import ColumnFacts
from tunewright.evaluate.signals.gap import contaminated
from tunewright.infer.hf import HfEngine
from tunewright.infer.shared import SharedEngine
from tunewright.jobs.evaluation.stage import Stage, scored_column, tried
from tunewright.jobs.evaluation.untrained import Family, as_tuned, best_column
from tunewright.jobs.load import load_checkpoint, load_engine
from tunewright.jobs.rows import load_rows
from tunewright.runs.evaluation import Candidate, Column
from tunewright.runs.folder import Checkpoint, RunFolder
from tunewright.runs.summary import summarise

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, slots=True)
class Trained:
    """The columns, and what was tried on validation rows for them."""

    columns: list[Column] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)


def tuned_columns(
    run: RunFolder, stage: Stage, competing: Sequence[Family], engine: SharedEngine, prices: Prices
) -> Trained:
    """Return the run's model as it was delivered, and with the best passages where passages compete."""
    facts = ColumnFacts("tuned", "tuned", str(run.path), {"method": stage.prepared.recipe.method.kind})
    room = stage.room(engine)
    found = Trained([scored_column(stage, facts, ZeroShot(name="tuned", kind="tuned", room=room), engine)])
    for family in competing:
        if family.kind == "retrieval":
            column, records = best_column(stage, as_tuned(family), engine, str(run.path))
            found.candidates.extend(records)
            found.columns.extend([column] if column is not None else [])
    return Trained([_with_training(column, run, prices) for column in found.columns], found.candidates)


def checkpoint_columns(run: RunFolder, stage: Stage, engine: SharedEngine, prices: Prices) -> Trained:
    """Let the checkpoints that the run kept compete with what it delivered, on validation rows.

    A column comes of it only where another checkpoint than the delivered one is better there.
    """
    if stage.prepared.sets.test_is_validation or not stage.trials or not stage.exam.headline:
        stage.notes.append("checkpoints were not tried: there is no grader, or no validation row beside the test rows")
        return Trained()
    delivered = summarise(run).best_step
    plain = ZeroShot(name="delivered", kind="tuned", room=stage.room(engine))
    results: list[tuple[int | None, Tried | Failed]] = [(None, tried(stage, plain, engine))]
    others = [each for each in run.checkpoints() if each.step != delivered]
    results.extend((checkpoint.step, _tried_checkpoint(run, checkpoint, stage, plain)) for checkpoint in others)
    best = _best(results)
    records = [_record(step, result, is_chosen=step == best) for step, result in results]
    if best is None:
        return Trained([], records)
    checkpoint = next(each for each in others if each.step == best)
    return Trained([_checkpoint_column(run, checkpoint, len(results), stage, prices)], records)


def other_columns(paths: Sequence[Path], stage: Stage, prices: Prices) -> list[Column]:
    """Return the columns of other runs on the same rows; what they were taught is held against those rows.

    Raises:
        RunMissingError, RunError, ModelError: if one has no result, or it cannot be loaded.
    """
    found: list[Column] = []
    names = {"base", "tuned"}
    for path in paths:
        run = RunFolder.open(path)
        name = run.name if run.name not in names else str(path)
        names.add(name)
        found.append(_with_training(_other_column(run, name, stage), run, prices))
    return found


def _other_column(run: RunFolder, name: str, stage: Stage) -> Column:
    # A function of its own: its model is gone before the next one is loaded.
    recipe = run.recipe()
    engine = stage.engine(load_engine(run, stage.prepared.recipe.train.hardware))
    settings: Settings = {"method": recipe.method.kind, "base": recipe.model.source}
    facts = ColumnFacts(name, "tuned", str(run.path), settings)
    column = scored_column(stage, facts, ZeroShot(name=name, kind="tuned", room=stage.room(engine)), engine)
    return column.model_copy(update={"notes": [*column.notes, *_leaks(run, stage)]})


def _best(results: Sequence[tuple[int | None, Tried | Failed]]) -> int | None:
    """Return the step that scored best; None where what was delivered did, which wins ties."""
    scored = [(result.score, step) for step, result in results if isinstance(result, Tried)]
    if not scored:
        return None
    top = max(score for score, _ in scored)
    return next(step for score, step in scored if score == top)


def _record(step: int | None, result: Tried | Failed, *, is_chosen: bool) -> Candidate:
    settings: Settings = {"checkpoint": "delivered" if step is None else f"step {step}"}
    if isinstance(result, Failed):
        return Candidate(
            column=CHECKPOINTS, settings=settings, score=None, num_rows=0, is_chosen=False, failure=result.reason
        )
    return Candidate(
        column=CHECKPOINTS, settings=settings, score=result.score, num_rows=result.num_rows, is_chosen=is_chosen
    )


def _tried_checkpoint(run: RunFolder, checkpoint: Checkpoint, stage: Stage, plain: ZeroShot) -> Tried | Failed:
    # A function of its own: its model is gone before the next one is loaded.
    return tried(stage, plain, stage.engine(load_checkpoint(run, checkpoint, stage.prepared.recipe.train.hardware)))


def _checkpoint_column(run: RunFolder, checkpoint: Checkpoint, count: int, stage: Stage, prices: Prices) -> Column:
    engine = stage.engine(load_checkpoint(run, checkpoint, stage.prepared.recipe.train.hardware))
    how = f"best of {count} checkpoints on {stage.trial_words}, by {stage.exam.headline}"
    name = f"tuned, step {checkpoint.step}"
    facts = ColumnFacts(name, "tuned", str(checkpoint.path), {"step": checkpoint.step}, chosen_on=how)
    column = scored_column(stage, facts, ZeroShot(name=name, kind="tuned", room=stage.room(engine)), engine)
    return _with_training(column, run, prices)


def _with_training(column: Column, run: RunFolder, prices: Prices) -> Column:
    # Of all processes of a resumed run together, and without what was answered and scored at its end.
    steps = run.metrics()
    seconds = steps[-1].seconds if steps else None
    return column.model_copy(
        update={"training_seconds": seconds, "training_dollars": training_cost(seconds, prices)[0]}
    )


def _leaks(run: RunFolder, stage: Stage) -> list[str]:
    """Return what is to be said of test rows that the other run may have been taught."""
    if run.recipe().data == stage.prepared.recipe.data:
        return []
    try:
        sets = load_rows(run.recipe().data)
    except TunewrightError as error:
        return [f"whether it was taught test rows could not be checked: {error.message}"]
    train = [row for source in sets.train for row in source.rows if isinstance(row, Row)]
    leaks = contaminated(stage.exam.rows, train, threshold=None)
    if not leaks:
        return []
    return [f"it was taught {len(leaks):,} of the test rows: its score is too high by what it remembers"]


def loaded(run: RunFolder, stage: Stage) -> tuple[HfEngine, SharedEngine]:
    """Return the run's delivered model, plain and behind the engine of evaluation."""
    plain = load_engine(run, stage.prepared.recipe.train.hardware)
    return plain, stage.engine(plain)
