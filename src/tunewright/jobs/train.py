"""Fine-tune: from a Recipe to a run folder with an artifact, scores and a report; and go on with a stopped run.

Runs in the caller's process. Whatever ends it is written to the run: finished, interrupted or failed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import torch
from safetensors import SafetensorError

import tunewright
from tunewright.data.contract import save_contract
from tunewright.errors import DataError, Interrupted, ModelError, RunError, StorageError, TunewrightError
from tunewright.evaluate.compare import Column, compare, load_column, save_column
from tunewright.evaluate.loss import plan_batches, score_loss
from tunewright.evaluate.report import write_report
from tunewright.jobs.prepare import Prepared, prepare
from tunewright.jobs.score import answered_rows, grader_names, score
from tunewright.jobs.stop import StopRequest
from tunewright.methods.method import Method
from tunewright.models.load import context_tokens, num_parameters
from tunewright.models.source import fingerprint
from tunewright.objectives.objective import Objective
from tunewright.runs.atomic import remove_leftovers, replace_folder
from tunewright.runs.events import (
    ArtifactSaved,
    ModelLoaded,
    Notice,
    RunFailed,
    RunFinished,
    RunInterrupted,
    RunStarted,
)
from tunewright.runs.folder import RunFolder, check_free, default_run_path
from tunewright.runs.machine import read_hardware
from tunewright.runs.manifest import BaseModelLineage, DataFile, recipe_sha256
from tunewright.runs.recorder import Listener, Recorder, Silent
from tunewright.spec.maker import load_maker
from tunewright.spec.recipe import Recipe
from tunewright.train.loop import Loop, LoopInput


def finetune(recipe: Recipe, listener: Listener | None = None) -> RunFolder:
    """Run `recipe` to its end and return the run.

    Raises:
        RunExistsError, StorageError: before anything is computed, if the output folder cannot be used.
        DataError, ModelError, RecipeError: before a run folder exists.
        Interrupted: if the user stopped it; the run can be resumed.
        TrainingError: if the optimisation failed; checkpoints are kept.
    """
    listener = listener or Silent()
    path = Path(recipe.output) if recipe.output else default_run_path(recipe, datetime.now())
    check_free(path)
    with StopRequest() as stop:
        prepared = prepare(recipe, listener)
        stop.check()
        run = RunFolder.create(path, prepared.recipe)
        with run, run.lock():
            _execute(run, prepared, Recorder(run, listener), stop)
    return run


def resume(path: Path, listener: Listener | None = None) -> RunFolder:
    """Go on with a stopped run from its newest checkpoint, or from the start if it has none.

    Raises:
        RunMissingError, RunLockedError: if there is no such run or somebody is writing it.
        RunError: if it is finished.
        DataError: if a data file has changed since.
        Interrupted, TrainingError: as `finetune`.
    """
    listener = listener or Silent()
    run = RunFolder.open(path)
    with StopRequest() as stop, run, run.lock():
        if run.state() == "finished":
            raise RunError(f"{path}: the run is finished", hint=f"tunewright show {path}")
        prepared = prepare(_on_former_hardware(run), listener, run.manifest().template_clock)
        _check_same_inputs(run, prepared)
        stop.check()
        _settle(run, prepared.recipe)
        _execute(run, prepared, Recorder(run, listener), stop)
    return run


def _execute(run: RunFolder, prepared: Prepared, recorder: Recorder, stop: StopRequest) -> None:
    started = time.perf_counter()
    remove_leftovers(run.path)
    checkpoints = run.checkpoints()
    newest = checkpoints[-1] if checkpoints else None
    run.truncate_metrics_after(newest.step if newest else 0)
    with _ending_recorded(recorder):
        recorder.event(
            RunStarted(
                run_id=run.manifest().run_id,
                name=prepared.recipe.name,
                tunewright_version=tunewright.__version__,
                resumed_from_step=newest.step if newest else None,
            )
        )
        for event in prepared.events():
            recorder.event(event)
        _complete_manifest(run, prepared)
        save_contract(run.path, prepared.contract)
        objective: Objective = load_maker(prepared.recipe.objective)(prepared.recipe.objective)
        base = _base_column(run, prepared, objective, recorder, stop)
        method = _apply_method(prepared, recorder)
        loop = _make_loop(prepared, objective, recorder, stop)
        state = loop.run(newest.path if newest else None)
        _save_artifact(run, prepared, method, loop, recorder)
        tuned = score(prepared, objective, "tuned", recorder, stop.check)
        num_samples = prepared.recipe.evaluate.num_samples
        run.save_scores(compare(base, tuned, grader_names(prepared), len(prepared.tokens.test), num_samples))
        seconds = time.perf_counter() - started
        recorder.event(RunFinished(seconds=seconds, best_step=state.best_step, num_steps=state.step))
    # The report shows a finished run, so it comes after; a report that fails does not make the run a failed one.
    write_report(run)


def _apply_method(prepared: Prepared, recorder: Recorder) -> Method:
    torch.manual_seed(prepared.recipe.train.seed)
    method: Method = load_maker(prepared.recipe.method)(prepared.recipe.method)
    num_all = num_parameters(prepared.model)
    model = method.apply(prepared.model)
    recorder.event(
        ModelLoaded(
            source=prepared.recipe.model.source,
            num_parameters=num_all,
            num_trainable=sum(p.numel() for p in model.parameters() if p.requires_grad),
            context_tokens=context_tokens(model),
            device=prepared.hardware.device,
            precision=prepared.hardware.precision,
            template="own" if prepared.tokenizer.has_own_template else "fallback",
        )
    )
    return method


def _make_loop(prepared: Prepared, objective: Objective, recorder: Recorder, stop: StopRequest) -> Loop:
    pad, budget = prepared.tokenizer.pad_id, prepared.recipe.train.hardware.micro_batch_tokens
    batches = plan_batches(prepared.tokens.validation, pad, budget) if prepared.tokens.validation else []

    def validate() -> float:
        return score_loss(prepared.model, objective, batches).loss

    if not batches:
        message = "there are no validation rows: the last weights are delivered, not the best ones"
        recorder.event(Notice(message=message, hint="--validation rows.jsonl, or --set data.validation_split=0.1"))
    given = LoopInput(
        model=prepared.model,
        objective=objective,
        rows=prepared.tokens.train,
        source_sizes=prepared.tokens.sizes,
        source_weights=prepared.tokens.weights,
        spec=prepared.recipe.train,
        num_steps=prepared.num_steps,
        pad_id=pad,
        validate=validate if batches else None,
        should_stop=stop,
    )
    return Loop(given, recorder)


def _base_column(
    run: RunFolder, prepared: Prepared, objective: Objective, recorder: Recorder, stop: StopRequest
) -> Column:
    """Score the base before anything is changed, once: a resumed run reads what its first process wrote."""
    path = run.path / "report" / "base.json"
    former = load_column(path, answered_rows(prepared), grader_names(prepared))
    if former is not None:
        return former
    column = score(prepared, objective, "base", recorder, stop.check)
    save_column(path, column)
    return column


def _save_artifact(run: RunFolder, prepared: Prepared, method: Method, loop: Loop, recorder: Recorder) -> None:
    path = run.adapter_path if method.artifact == "adapter" else run.model_path
    with replace_folder(path) as folder:
        origin = (prepared.recipe.model, prepared.source)
        try:
            method.save(prepared.model, loop.masters.tensors, folder, origin)
            prepared.tokenizer.save(folder)
            save_contract(folder, prepared.contract)
        except (RuntimeError, SafetensorError) as error:
            # A full disk: the library's own error hides the system's.
            hint = "is the disk full? free some space, then resume the run"
            raise StorageError(f"{path}: cannot be written: {error}", hint=hint) from error
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    recorder.event(ArtifactSaved(kind=method.artifact, path=f"artifacts/{path.name}", size_bytes=size))


def _complete_manifest(run: RunFolder, prepared: Prepared) -> None:
    hardware = prepared.hardware
    run.save_manifest(
        run.manifest().model_copy(
            update={
                "recipe_sha256": recipe_sha256(run.recipe()),
                "data": tuple(
                    DataFile(role=role, path=str(r.path), sha256=r.sha256, num_rows=len(r.rows))
                    for role, r in prepared.sets.files
                ),
                "base_model": _base_lineage(prepared),
                "template_sha256": prepared.contract.template_sha256,
                "vocabulary_sha256": prepared.contract.vocabulary_sha256,
                "template_clock": prepared.contract.clock,
                "hardware": read_hardware(
                    num_threads=torch.get_num_threads(), device=hardware.device, precision=hardware.precision
                ),
            }
        )
    )


def _on_former_hardware(run: RunFolder) -> Recipe:
    """Return the run's recipe on the device and in the precision that it began on: two halves must compute alike."""
    recipe, former = run.recipe(), run.manifest().hardware
    if former.device is None or former.precision is None:
        return recipe
    update = {"device": former.device, "precision": former.precision}
    hardware = recipe.train.hardware.model_copy(update=update)
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"hardware": hardware})})


def _settle(run: RunFolder, settled: Recipe) -> None:
    """Save the settled recipe of a run that was created but never started; hardware stays as it was asked for."""
    asked = run.recipe()
    train = settled.train.model_copy(update={"hardware": asked.train.hardware})
    recipe = settled.model_copy(update={"train": train})
    if recipe != asked:
        run.save_recipe(recipe)


def _check_same_inputs(run: RunFolder, prepared: Prepared) -> None:
    manifest = run.manifest()
    former = {(file.role, file.path): file.sha256 for file in manifest.data}
    for role, result in prepared.sets.files:
        if former.get((role, str(result.path)), result.sha256) != result.sha256:
            raise DataError(
                f"{result.path}: has changed since the run began, so going on would mix two data sets",
                hint="put the former file back, or start a new run",
            )
    base = _base_lineage(prepared)
    if manifest.base_model is not None and manifest.base_model != base:
        raise ModelError(
            f"model {base.source}: its files have changed since the run began, so going on would mix two models",
            hint="put the former files back, or start a new run",
        )


def _base_lineage(prepared: Prepared) -> BaseModelLineage:
    hashes = fingerprint(prepared.source)
    return BaseModelLineage(
        source=prepared.recipe.model.source,
        weights_sha256={name: value for name, value in hashes.items() if not name.endswith(".json")},
        config_sha256=hashes.get("config.json"),
    )


@contextmanager
def _ending_recorded(recorder: Recorder) -> Iterator[None]:
    """Write how the run ended, whatever ended it, and let the error pass."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as error:
        _record_interruption(recorder)
        resume_hint = f"tunewright resume {recorder.run.path}"
        message = error.message if isinstance(error, Interrupted) else "stopped at once"
        raise Interrupted(message, hint=resume_hint) from None
    except TunewrightError as error:
        _record_failure(recorder, error)
        raise
    except OSError as error:
        failure = StorageError(
            f"{recorder.run.path}: cannot be written: {error.strerror or error}", hint="is the disk full?"
        )
        _record_failure(recorder, failure)
        raise failure from error
    except Exception as error:
        _record_failure(
            recorder, TunewrightError(f"{type(error).__name__}: {error}", hint="this is a defect: --debug shows where")
        )
        raise


def _record_interruption(recorder: Recorder) -> None:
    checkpoints = recorder.run.checkpoints()
    step = checkpoints[-1].step if checkpoints else 0
    recorder.event(RunInterrupted(step=step, hint=f"tunewright resume {recorder.run.path}"))


def _record_failure(recorder: Recorder, error: TunewrightError) -> None:
    try:
        recorder.event(RunFailed(code=error.code, message=error.message, hint=error.hint))
    except StorageError:
        # The disk that failed the run also refuses its last words; the error itself goes on to the user.
        return
