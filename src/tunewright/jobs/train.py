"""Fine-tune: from a Recipe to a run folder with an artifact, scores and a report; and go on with a stopped run.

Runs in the caller's process. Whatever ends it is written to the run: finished, paused, interrupted or failed. What a
killed process left is mended before anything is computed (`jobs.mend`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

import tunewright
from tunewright.data.contract import save_contract
from tunewright.data.encode import EncodedRow
from tunewright.data.pack import make_forests
from tunewright.data.prefix import with_prefix
from tunewright.errors import RunError
from tunewright.evaluate.loss import LossScore, score_loss, score_rows
from tunewright.evaluate.page.run_page import write_report
from tunewright.jobs.ending import ending_recorded
from tunewright.jobs.evaluation.exam import Exam, make_exam
from tunewright.jobs.evaluation.live import LiveExam
from tunewright.jobs.hardest import write_hardest
from tunewright.jobs.lineage import (
    base_lineage,
    check_same_inputs,
    complete_manifest,
    on_former_hardware,
    record_start,
    settle_recipe,
)
from tunewright.jobs.mend import set_aside, within_memory
from tunewright.jobs.prepare import Prepared, prepare
from tunewright.jobs.start_from import StartWeights, check_base, find_start, fitted_weights
from tunewright.jobs.stop import StopRequest
from tunewright.jobs.trackers import find_trackers, make_listener
from tunewright.jobs.usage import make_meter
from tunewright.jobs.validation import check_metric_name, check_metric_rows, make_validator
from tunewright.methods.method import Method, Origin
from tunewright.methods.prompt import Prompt
from tunewright.models.load import context_tokens, num_parameters
from tunewright.models.soft_prompt import prefix_ids
from tunewright.objectives.objective import Objective
from tunewright.runs.atomic import library_error, remove_leftovers, replace_folder
from tunewright.runs.events import ArtifactSaved, ModelLoaded, Notice, RunFinished, RunStarted
from tunewright.runs.folder import RunFolder, check_free, default_run_path
from tunewright.runs.memory_kill import note_running, was_killed_for_memory
from tunewright.runs.recorder import Listener, Recorder, Silent
from tunewright.spec.maker import load_maker
from tunewright.spec.recipe import Recipe
from tunewright.train.checkpoint import newest_whole
from tunewright.train.loop import Loop, LoopInput
from tunewright.train.randomness import seed_everything


def finetune(recipe: Recipe, listener: Listener | None = None) -> RunFolder:
    """Run `recipe` to its end, or until its time is up or SIGTERM asks: then the run is `paused`; and return the run.

    Raises:
        RunExistsError, StorageError: before anything is computed, if the output folder cannot be used.
        DataError, ModelError, RecipeError, GraderError, MissingExtraError: before a run folder exists.
        Interrupted: if the user stopped it; the run can be resumed.
        TrainingError: if the optimisation failed; checkpoints are kept.
        StorageError: if the disk was full; the run is paused, and what was saved is kept.
    """
    listener = listener or Silent()
    path = Path(recipe.output) if recipe.output else default_run_path(recipe, datetime.now())
    check_free(path)
    check_metric_name(recipe)
    trackers = find_trackers(recipe.trackers)
    with StopRequest() as stop:
        start = _find_start(recipe)
        prepared = prepare(recipe, listener)
        _check_fit(prepared, start)
        exam = make_exam(prepared)
        stop.check()
        run = RunFolder.create(path, prepared.recipe)
        with run, run.lock():
            listener = make_listener(trackers, run, prepared.recipe, listener)
            _execute(prepared, exam, Recorder(run, listener), stop, start)
    return run


def resume(path: Path, listener: Listener | None = None) -> RunFolder:
    """Go on with a stopped run from its newest whole checkpoint, or from the start if it has none.

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
        recipe = on_former_hardware(run)
        trackers = find_trackers(recipe.trackers)
        start = None if run.checkpoints() else _find_start(recipe)
        prepared = prepare(recipe, listener, run.manifest().template_clock)
        check_same_inputs(run, prepared)
        _check_fit(prepared, start)
        exam = make_exam(prepared)
        stop.check()
        settle_recipe(run, prepared.recipe)
        listener = make_listener(trackers, run, prepared.recipe, listener)
        _execute(prepared, exam, Recorder(run, listener), stop, start)
    return run


def _find_start(recipe: Recipe) -> StartWeights | None:
    return find_start(recipe.model.start_from, recipe.method) if recipe.model.start_from else None


def _check_fit(prepared: Prepared, start: StartWeights | None) -> None:
    check_metric_rows(prepared.recipe, prepared.tokens)
    if start is not None:
        check_base(start, prepared.model, base_lineage(prepared).weights_sha256)


def _execute(prepared: Prepared, exam: Exam, recorder: Recorder, stop: StopRequest, start: StartWeights | None) -> None:
    started, run = time.perf_counter(), recorder.run
    stop.allow(prepared.recipe.train.stop.max_minutes)
    remove_leftovers(run.path)
    newest, damages = newest_whole(run)
    was_killed = was_killed_for_memory(run.path)
    run.truncate_metrics_after(newest.step if newest else 0)
    with ending_recorded(recorder, stop):
        note_running(run.path)
        recorder.event(
            RunStarted(
                run_id=run.manifest().run_id,
                name=prepared.recipe.name,
                tunewright_version=tunewright.__version__,
                resumed_from_step=newest.step if newest else None,
            )
        )
        set_aside(damages, newest, recorder)
        prepared = within_memory(prepared, recorder, was_killed=was_killed)
        for event in prepared.events():
            recorder.event(event)
        complete_manifest(run, prepared)
        save_contract(run.path, prepared.contract)
        objective: Objective = load_maker(prepared.recipe.objective)(prepared.recipe.objective)
        live = LiveExam(prepared, objective, exam, recorder, stop.check)
        base = live.base()
        method = _apply_method(prepared, recorder)
        loop = _make_loop(prepared, method, objective, recorder, stop)
        if start is not None and newest is None:
            loop.masters.load(fitted_weights(start, loop.masters.tensors))
            record_start(run, start)
        state = loop.run(newest.path if newest else None)
        _save_artifact(run, prepared, method, loop, recorder)
        _write_hardest(prepared, objective, recorder, stop)
        evaluation = live.conclude(base)
        if evaluation is not None:
            run.save_evaluation(evaluation)
        seconds = time.perf_counter() - started
        recorder.event(RunFinished(seconds=seconds, best_step=state.best_step, num_steps=state.step))
    # The report shows a finished run, so it comes after; a report that fails does not make the run a failed one.
    if run.state() == "finished":
        write_report(run)


def _apply_method(prepared: Prepared, recorder: Recorder) -> Method:
    seed_everything(prepared.recipe.train.seed)
    method: Method = load_maker(prepared.recipe.method)(prepared.recipe.method)
    if isinstance(method, Prompt):
        method.use_tokenizer(prepared.tokenizer.encode)
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
            layout=prepared.runner.choice.layout,
            layout_reason=prepared.runner.choice.reason,
        )
    )
    return method


def _make_loop(prepared: Prepared, method: Method, objective: Objective, recorder: Recorder, stop: StopRequest) -> Loop:
    front = prefix_ids(prepared.model)
    validate = None
    if prepared.tokens.validation:
        rows = with_prefix(prepared.tokens.validation, front)
        budget = prepared.recipe.train.hardware.micro_batch_tokens
        forests = make_forests(rows, budget, prepared.runner.choice.layout)

        def score_rows(tell: Callable[[int, int], None]) -> LossScore:
            return score_loss(prepared.runner, objective, forests, tell)

        validate = make_validator(prepared, score_rows, recorder, stop)
    else:
        message = "there are no validation rows: the last weights are delivered, not the best ones"
        recorder.event(Notice(message=message, hint="--validation rows.jsonl, or --set data.validation_split=0.1"))
    given = LoopInput(
        model=prepared.runner,
        objective=objective,
        rows=with_prefix(prepared.tokens.train, front),
        source_sizes=prepared.tokens.sizes,
        source_weights=prepared.tokens.weights,
        spec=prepared.recipe.train,
        num_steps=prepared.num_steps,
        validate=validate,
        should_stop=stop,
        meter=make_meter(prepared.hardware.device),
        dithers=method.artifact == "model",
    )
    return Loop(given, recorder)


def _write_hardest(prepared: Prepared, objective: Objective, recorder: Recorder, stop: StopRequest) -> None:
    front, budget = prefix_ids(prepared.model), prepared.recipe.train.hardware.micro_batch_tokens

    def losses(rows: Sequence[EncodedRow], tell: Callable[[int, int], None]) -> np.ndarray:
        return score_rows(prepared.runner, objective, with_prefix(rows, front), budget, tell)[1]

    write_hardest(prepared, losses, recorder, stop)


def _save_artifact(run: RunFolder, prepared: Prepared, method: Method, loop: Loop, recorder: Recorder) -> None:
    path = run.adapter_path if method.artifact == "adapter" else run.model_path
    with replace_folder(path) as folder:
        origin = Origin(prepared.recipe.model, prepared.source)
        try:
            method.save(prepared.model, loop.masters.tensors, folder, origin)
            prepared.tokenizer.save(folder)
            save_contract(folder, prepared.contract)
        except (RuntimeError, SafetensorError) as error:
            raise library_error(path, error) from error
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    recorder.event(ArtifactSaved(kind=method.artifact, path=f"artifacts/{path.name}", size_bytes=size))
