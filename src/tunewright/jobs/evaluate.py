"""Evaluate a run: its tuned model against its base, and against what the base could do with better prompts.

`report/evaluation.json` and the page beside it are rewritten each time. Prompts, examples and passages are chosen on
validation rows; the test set meets each column once. Does not train; `advise` does that first.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright.data.pack import make_forests
from tunewright.data.prefix import with_prefix
from tunewright.data.rows import Row
from tunewright.errors import GateError, RunError
from tunewright.evaluate.advice.costs import priced, training_cost
from tunewright.evaluate.advice.prices import Prices, load_prices
from tunewright.evaluate.advice.rules import advise
from tunewright.evaluate.baselines.documents import read_documents
from tunewright.evaluate.baselines.prompts import ZeroShot, read_prompts
from tunewright.evaluate.baselines.retrieval import Bm25
from tunewright.evaluate.columns import ColumnFacts, compared, test_row
from tunewright.evaluate.loss import score_loss
from tunewright.evaluate.page.evaluation_page import write_evaluation_page
from tunewright.evaluate.page.terminal import evaluation_lines
from tunewright.evaluate.report import loss_chart
from tunewright.evaluate.signals.gate import Gate, check_gates, failed_gates, parse_gate
from tunewright.evaluate.suites.suites import read_suite
from tunewright.infer.hf import HfEngine
from tunewright.infer.shared import SharedEngine
from tunewright.jobs.evaluate_signals import all_signals, contaminated_rows
from tunewright.jobs.evaluate_stage import (
    Family,
    Stage,
    as_tuned,
    best_of,
    chosen_facts,
    families,
    make_stage,
    scored_column,
)
from tunewright.jobs.lineage import check_same_inputs, on_former_hardware
from tunewright.jobs.load import load_engine
from tunewright.jobs.prepare import prepare
from tunewright.models.forward import ForestModel
from tunewright.models.layout import choose_layout
from tunewright.models.soft_prompt import prefix_ids
from tunewright.objectives.objective import Objective
from tunewright.runs.evaluation import Candidate, Column, Evaluation, TestSet, save_evaluation
from tunewright.runs.folder import RunFolder
from tunewright.runs.recorder import Listener, Silent
from tunewright.runs.summary import summarise
from tunewright.spec.baselines import BaselinesSpec
from tunewright.spec.maker import load_maker

_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted beside base and tuned.

    Attributes:
        baselines: the untuned ways of asking that compete; None for none.
        suites: general suites on which forgetting is measured, by name or path.
        prices: the user's price table.
        smallest_that_matters: the smallest difference of the headline that the user would act on.
    """

    baselines: BaselinesSpec | None = None
    suites: tuple[str, ...] = ("starter",)
    prices: Path | None = None
    budget_dollars: float | None = None
    smallest_that_matters: float = 0.05


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
    check_request(request)
    prices = load_prices(request.prices)
    run = RunFolder.open(path)
    if run.artifact() is None:
        raise RunError(f"{path}: the run has no result yet", hint=f"tunewright resume {path}")
    prepared = prepare(on_former_hardware(run), listener, run.manifest().template_clock)
    check_same_inputs(run, prepared)
    spec = request.baselines
    stage = make_stage(prepared, spec.max_rows if spec else 0, listener)
    check_gates(gates, stage.graders)
    evaluation = _evaluated(run, stage, request, prices)
    evaluation = evaluation.model_copy(update={"seconds": time.perf_counter() - started})
    save_evaluation(run.evaluation_path, evaluation)
    curves = [loss_chart(run.metrics(), run.events(), summarise(run).best_step)]
    settings = prepared.recipe.model_dump(mode="json")
    write_evaluation_page(page_path(run), evaluation, title=run.name, curves=curves, settings=settings)
    return evaluation


def check_request(request: Request) -> None:
    """Fail now where the request cannot be met, before anybody trains or waits for it.

    Raises:
        DataMissingError, DataError: if documents, prompts or a suite cannot be read.
        MissingExtraError: if a package that baselines need is not installed.
        RecipeError: if the price table has faults.
    """
    load_prices(request.prices)
    for name in request.suites:
        read_suite(name)
    spec = request.baselines
    if spec is None:
        return
    if spec.documents:
        read_documents(Path(spec.documents))
    if spec.prompts:
        read_prompts(Path(spec.prompts))
    if spec.passages or (spec.examples and "bm25" in spec.chosen_by):
        Bm25(["a probe"])


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


def told(evaluation: Evaluation, width: int) -> list[str]:
    """Return the evaluation as lines for a terminal of `width` columns, the verdict first."""
    return evaluation_lines(evaluation, width)


def page_path(run: RunFolder) -> Path:
    """Return the page of a run's evaluation."""
    return run.evaluation_path.with_suffix(".html")


def _evaluated(run: RunFolder, stage: Stage, request: Request, prices: Prices) -> Evaluation:
    competing = families(stage, request.baselines) if request.baselines and stage.trials else []
    if request.baselines and not stage.trials:
        stage.notes.append("there are no validation rows to choose prompts, examples and passages on: none were tried")
    base_engine = SharedEngine(stage.prepared.model, stage.prepared.tokenizer)
    columns, candidates = _untuned(stage, competing, base_engine)
    tuned_engine = load_engine(run, stage.prepared.recipe.train.hardware)
    tuned, more = _tuned(run, stage, competing, tuned_engine, prices)
    columns += tuned
    rows = [test_row(row, _slices(row)) for row in stage.rows]
    test = TestSet(
        rows=rows,
        num_available=len(stage.prepared.test_rows),
        seed=stage.seed,
        chosen=_chosen(stage),
        num_groups=len({row.group or row.where for row in rows}),
        files=sorted({row.path for row in stage.rows}),
        contaminated=contaminated_rows(stage),
    )
    headline = stage.headline if any(stage.headline in a.scores for c in columns for a in c.answers) else ""
    columns, comparisons, seeds = compared(columns, test, headline=headline, against="base", seed=stage.seed)
    evaluation = Evaluation(
        headline=headline,
        test=test,
        columns=columns,
        comparisons=comparisons,
        candidates=[*candidates, *more],
        signals=all_signals(run, stage, base_engine, tuned_engine, request.suites),
        seeds={"sample": stage.seed, **seeds},
        notes=list(stage.notes),
    )
    evaluation = priced(evaluation, prices)
    sentences, _ = advise(
        evaluation,
        prices=prices,
        smallest_that_matters=request.smallest_that_matters,
        budget_dollars=request.budget_dollars,
    )
    return evaluation.model_copy(update={"advice": sentences})


def _untuned(stage: Stage, competing: Sequence[Family], engine: SharedEngine) -> tuple[list[Column], list[Candidate]]:
    source = stage.prepared.recipe.model.source
    base = scored_column(stage, ColumnFacts("base", "base", source, {}), ZeroShot(room=stage.room), engine)
    columns, candidates = [_with_loss(stage, base, stage.prepared.runner)], list[Candidate]()
    for family in competing:
        best, records = best_of(stage, family, engine)
        candidates += records
        if best is not None:
            columns.append(scored_column(stage, chosen_facts(stage, family, best, source), best, engine))
    return columns, candidates


def _tuned(
    run: RunFolder, stage: Stage, competing: Sequence[Family], loaded: HfEngine, prices: Prices
) -> tuple[list[Column], list[Candidate]]:
    engine = SharedEngine(loaded.model, loaded.tokenizer)
    facts = ColumnFacts("tuned", "tuned", str(run.path), {"method": stage.prepared.recipe.method.kind})
    column = scored_column(stage, facts, ZeroShot(name="tuned", kind="tuned", room=stage.room), engine)
    choice = choose_layout(loaded.model, stage.prepared.recipe.train.hardware.layout, stage.room.limit)
    seconds = summarise(run).seconds
    cost = training_cost(seconds, prices)[0]
    column = _with_loss(stage, column, ForestModel(loaded.model, choice))
    columns = [column.model_copy(update={"training_seconds": seconds, "training_dollars": cost})]
    candidates: list[Candidate] = []
    for family in (as_tuned(each) for each in competing if each.kind == "retrieval"):
        best, records = best_of(stage, family, engine)
        candidates += records
        if best is not None:
            chosen = chosen_facts(stage, family, best, str(run.path))
            name = ColumnFacts(f"tuned + {chosen.name}", family.kind, chosen.model, chosen.settings, chosen.chosen_on)
            both = scored_column(stage, name, best, engine)
            columns.append(both.model_copy(update={"training_seconds": seconds, "training_dollars": cost}))
    return columns, candidates


def _with_loss(stage: Stage, column: Column, runner: ForestModel) -> Column:
    prepared = stage.prepared
    objective: Objective = load_maker(prepared.recipe.objective)(prepared.recipe.objective)
    rows = with_prefix(prepared.tokens.test, prefix_ids(runner.model))
    forests = make_forests(rows, prepared.recipe.train.hardware.micro_batch_tokens, runner.choice.layout)

    def tell(done: int, total: int) -> None:
        stage.listener.on_progress(f"scoring: {column.name}", done, total)

    loss = score_loss(runner, objective, forests, tell).loss
    return column.model_copy(update={"loss": loss, "perplexity": math.exp(min(loss, _LARGEST_EXPONENT))})


def _slices(row: Row) -> dict[str, str]:
    """Return the metadata of a row by which scores are told apart: short texts, but not what names the row's group."""
    told = {str(key): str(value) for key, value in row.meta.items() if isinstance(value, str | int | bool)}
    return {key: value for key, value in told.items() if key not in ("fact", "group", "grader") and len(value) <= 40}


def _chosen(stage: Stage) -> str:
    count, available = len(stage.rows), len(stage.prepared.test_rows)
    if count == available:
        return f"all {count:,} rows"
    return f"{count:,} of {available:,} rows, seed {stage.seed}"
