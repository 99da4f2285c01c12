"""Evaluate a run: its tuned model against its base, and against what needs no training.

`report/evaluation.json` and the run's page are rewritten each time. Prompts, examples, passages and checkpoints are
chosen on validation rows; the test set meets each column once. Does not train; `advise` does that first.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright.errors import DataMissingError, GateError, RunError, RunMissingError
from tunewright.evaluate.advice.costs import priced
from tunewright.evaluate.advice.prices import Prices, load_prices
from tunewright.evaluate.advice.rules import advise
from tunewright.evaluate.baselines.documents import read_documents
from tunewright.evaluate.baselines.prompts import read_prompts
from tunewright.evaluate.baselines.retrieval import Bm25
from tunewright.evaluate.columns import compared
from tunewright.evaluate.item import item_of
from tunewright.evaluate.judged import given_text, judge_pairs
from tunewright.evaluate.page.run_page import write_report
from tunewright.evaluate.signals.gate import Gate, check_gates, failed_gates, parse_gate
from tunewright.evaluate.suites.suites import read_suite
from tunewright.infer.embed import remote_embedder
from tunewright.infer.remote import service_of
from tunewright.infer.vector_rules import read_vector_rules
from tunewright.jobs.evaluation.exam import Exam, make_exam
from tunewright.jobs.evaluation.live import base_path, load_column
from tunewright.jobs.evaluation.losses import with_split_losses
from tunewright.jobs.evaluation.signals import all_signals, leaked
from tunewright.jobs.evaluation.stage import Stage, make_stage
from tunewright.jobs.evaluation.trained import checkpoint_columns, loaded, other_columns, tuned_columns
from tunewright.jobs.evaluation.untrained import base_column, best_column, families, service_columns
from tunewright.jobs.graders import judges
from tunewright.jobs.lineage import check_same_inputs, on_former_hardware
from tunewright.jobs.prepare import prepare
from tunewright.models.source import find_model
from tunewright.runs.evaluation import Column, Evaluation, JudgedPairs
from tunewright.runs.folder import RunFolder
from tunewright.runs.recorder import Listener, Silent
from tunewright.spec.baselines import BaselinesSpec, EmbeddingsSpec
from tunewright.spec.model import ModelSpec


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted beside base and tuned.

    Attributes:
        baselines: the untuned ways of asking that compete; None: the recipe's, which may be none.
        suites: general suites on which forgetting is measured, by name or path.
        others: further runs whose models answer the same rows.
        checkpoints: whether the run's kept checkpoints compete on validation rows.
        prices: the user's price table.
        budget_dollars: most that training and the first thousand requests may cost together.
        smallest_that_matters: the smallest difference of the headline that the user would act on.
        max_rows: test rows that are answered; None: those that the run itself ended with.
    """

    baselines: BaselinesSpec | None = None
    suites: tuple[str, ...] = ("starter",)
    others: tuple[Path, ...] = ()
    checkpoints: bool = False
    prices: Path | None = None
    budget_dollars: float | None = None
    smallest_that_matters: float = 0.05
    max_rows: int | None = None


def evaluate_run(
    path: Path, request: Request, listener: Listener | None = None, gates: Sequence[Gate] = ()
) -> Evaluation:
    """Evaluate the run at `path`, write `report/evaluation.json` and its page, and return the evaluation.

    `gates` are not held here: only their names are looked at, before anything is measured.

    Raises:
        RunMissingError, RunError: if there is no such run, or it has no result yet.
        DataError: if a data file has changed since, or documents cannot be read.
        GraderError, MissingExtraError: if something that was asked for cannot be made.
        RecipeError: if a gate names what will not be measured, or the price table has faults.
    """
    started = time.perf_counter()
    listener = listener or Silent()
    run = RunFolder.open(path)
    recipe = on_former_hardware(run)
    spec = request.baselines or recipe.evaluate.baselines
    check_request(request, spec)
    prices = load_prices(request.prices)
    if run.artifact() is None:
        raise RunError(f"{path}: the run has no result yet", hint=f"tunewright resume {path}")
    prepared = prepare(recipe, listener, run.manifest().template_clock)
    check_same_inputs(run, prepared)
    _set_aside_unreadable(run)
    exam = _same_rows(run, make_exam(prepared, request.max_rows), request)
    stage = make_stage(prepared, exam, spec.max_rows if spec else BaselinesSpec().max_rows, listener)
    check_gates(gates, exam.graders)
    evaluation = _evaluated(run, stage, spec, request, prices)
    evaluation = evaluation.model_copy(update={"seconds": time.perf_counter() - started})
    run.save_evaluation(evaluation)
    write_report(run)
    return evaluation


def check_request(request: Request, spec: BaselinesSpec | None) -> None:
    """Fail now where the request cannot be met, before anybody trains or waits for it.

    Raises:
        DataMissingError, DataError: if documents, prompts or a suite cannot be read.
        RunMissingError, RunError: if another run is not there or has no result.
        MissingExtraError: if a package that baselines need is not installed.
        ModelError: if the model of embeddings is not there, or the key of a service cannot be sent.
        RecipeError: if the price table has faults.
    """
    load_prices(request.prices)
    for name in request.suites:
        read_suite(name)
    for path in request.others:
        if RunFolder.open(path).artifact() is None:
            raise RunMissingError(f"{path}: the run has no result yet", hint=f"tunewright resume {path}")
    if spec is None:
        return
    if spec.documents and not read_documents(Path(spec.documents)).passages:
        raise DataMissingError(
            f"{spec.documents}: holds no passage to look answers up in",
            hint="put .txt, .md or .html files there, or leave --documents out: then training rows are looked up",
        )
    if spec.prompts:
        read_prompts(Path(spec.prompts))
    # A pool of examples has its index however they are chosen.
    if spec.passages or spec.examples:
        Bm25(["a probe"])
    if spec.embeddings is not None:
        _check_embeddings(spec.embeddings)
    for service in spec.services:
        service_of(service).close()


def gates_of(texts: Sequence[str]) -> list[Gate]:
    """Return the gates that `--fail-if` spells.

    Raises:
        RecipeError: if one is no condition.
    """
    return [parse_gate(text) for text in texts]


def hold(gates: Sequence[Gate], evaluation: Evaluation) -> None:
    """Refuse an evaluation that is beyond a limit.

    Raises:
        GateError: naming the first gate that fails, its value and interval.
    """
    failed = failed_gates(gates, evaluation)
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise GateError(f"{failed[0]}{more}", hint="the evaluation is written; --fail-if sets the limit")


def _check_embeddings(spec: EmbeddingsSpec) -> None:
    """Look for the model, or for the key of the service; nothing is loaded or asked."""
    if spec.url is None:
        read_vector_rules(find_model(ModelSpec(source=spec.model)))
    else:
        remote_embedder(spec).close()


def _same_rows(run: RunFolder, exam: Exam, request: Request) -> Exam:
    """Return the exam of the rows that the run ended with, unless the user wants another number."""
    # Not the rows of the latest evaluation: one with `--rows 5` would make all later ones as short.
    former = load_column(base_path(run), exam) if request.max_rows is None else None
    return (exam if former is None else exam.first(len(former.answers))).sorted()


def _set_aside_unreadable(run: RunFolder) -> None:
    """Rename an evaluation that is damaged or of another version: to evaluate again is the way out that it is given."""
    try:
        run.evaluation()
    except RunError:
        path = run.evaluation_path
        path.replace(path.with_name("evaluation.unreadable.json"))


def _named_apart(columns: Sequence[Column], kept: Sequence[Column]) -> list[Column]:
    """Return the columns, each with a name of its own; those of `kept` keep theirs, whatever others are called."""
    taken = {column.name for column in kept}
    found: list[Column] = []
    for column in columns:
        name, number = column.name, 2
        while name in taken and not any(column is each for each in kept):
            name, number = f"{column.name} ({number})", number + 1
        taken.add(name)
        found.append(column.model_copy(update={"name": name}))
    return found


def _evaluated(
    run: RunFolder, stage: Stage, spec: BaselinesSpec | None, request: Request, prices: Prices
) -> Evaluation:
    base_engine = stage.engine()
    competing = families(stage, spec, stage.room(base_engine)) if spec else []
    base = with_split_losses(stage, base_column(stage, base_engine), stage.prepared.runner)
    columns, candidates = [base], []
    for family in competing:
        column, records = best_column(stage, family, base_engine, stage.prepared.recipe.model.source)
        candidates += records
        columns += [column] if column is not None else []
    columns += service_columns(stage, spec.services) if spec else []
    plain, engine = loaded(run, stage)
    tuned = tuned_columns(run, stage, competing, engine, prices)
    tuned.columns[0] = with_split_losses(stage, tuned.columns[0], plain)
    kept = checkpoint_columns(run, stage, engine, prices) if request.checkpoints else None
    columns += [*tuned.columns, *(kept.columns if kept else []), *other_columns(request.others, stage, prices)]
    candidates += [*tuned.candidates, *(kept.candidates if kept else [])]
    columns = _named_apart(columns, (base, tuned.columns[0]))
    leak, leaks = leaked(stage)
    test = stage.exam.test_set().model_copy(update={"contaminated": leaks})
    headline = stage.exam.headline
    headline = headline if any(headline in a.scores for c in columns for a in c.answers) else ""
    columns, comparisons, seeds = compared(
        columns, test, seed=stage.exam.seed, smallest_that_matters=request.smallest_that_matters
    )
    evaluation = Evaluation(
        headline=headline,
        test=test,
        columns=columns,
        comparisons=comparisons,
        candidates=candidates,
        judged=_judged(stage, columns[0], tuned.columns[0]),
        signals=[*all_signals(stage, tuned.columns[0], base_engine, engine, request.suites), leak],
        seeds={"sample": stage.exam.seed, **seeds},
        notes=list(stage.notes),
    )
    return _advised(priced(evaluation, prices), request, prices)


def _advised(evaluation: Evaluation, request: Request, prices: Prices) -> Evaluation:
    sentences, code = advise(
        evaluation,
        prices=prices,
        smallest_that_matters=request.smallest_that_matters,
        budget_dollars=request.budget_dollars,
    )
    return evaluation.model_copy(update={"advice": sentences, "recommendation": code})


def _judged(stage: Stage, base: Column, tuned: Column) -> list[JudgedPairs]:
    """Return what those judges prefer that were asked to compare pairs."""
    items = [item_of(row) for row in stage.exam.rows]
    theirs, ours = ([given_text(answer) for answer in column.answers] for column in (base, tuned))
    return [
        judge_pairs(
            judge.ask,
            judge.spec,
            items,
            ours,
            theirs,
            column=tuned.name,
            against=base.name,
            title=judge.title,
            seed=stage.exam.seed,
            on_progress=stage.told(f"judging pairs: {judge.title}"),
        )
        for judge in judges(stage.exam.graders)
        if judge.spec.pairs
    ]
