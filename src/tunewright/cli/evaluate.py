"""The verbs that measure: evaluate a run, advise before one is bought, compare several, ask people.

Knows neither flags nor how anything is measured or drawn: jobs return lines, and write pages.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.cli.extras import need_train_packages
from tunewright.cli.loading import loading_libraries
from tunewright.cli.progress import Manner, print_json, watch
from tunewright.cli.screen import clean, make_console
from tunewright.errors import Fault, RecipeError
from tunewright.runs.evaluation import Evaluation
from tunewright.runs.folder import RunFolder
from tunewright.spec.baselines import BaselinesSpec
from tunewright.spec.recipe import build_recipe
from tunewright.spec.recipe_yaml import override

if TYPE_CHECKING:
    from tunewright.jobs.evaluation.run import Request

MAX_WIDTH = 100
_SERVICE = re.compile(r"\S+@https?://[^\s/]\S*")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the flags of `eval` and `advise` ask for; empty values leave the choice to the defaults."""

    baselines: bool = False
    documents: str | None = None
    prompts: str | None = None
    services: tuple[str, ...] = ()
    embeddings: str | None = None
    others: tuple[str, ...] = ()
    checkpoints: bool = False
    rows: int | None = None
    suites: tuple[str, ...] = ()
    prices: str | None = None
    budget: float | None = None
    smallest: float | None = None
    fail_if: tuple[str, ...] = ()


def evaluate(path: str, asked: Asked, how: Manner) -> None:
    """Evaluate the run at `path` and show what came of it.

    Raises:
        RecipeError: with all faults of the flags, before anything heavy is imported.
        GateError: if a gate fails; everything was measured and written before.
        TunewrightError: as the job.
    """
    _check(asked)
    run = RunFolder.open(Path(path))
    former = run.recipe().evaluate.baselines
    need_train_packages()
    with watch(how) as listener:
        with loading_libraries(listener):
            from tunewright.jobs.evaluation.run import evaluate_run, gates_of, hold
        gates = gates_of(asked.fail_if)
        evaluation = evaluate_run(run.path, _request(asked, former), listener, gates)
    _show(evaluation, run.report_path, how)
    hold(gates, evaluation)


def advise(tree: dict[str, Any], settings: Sequence[str], asked: Asked, how: Manner, *, origin: str) -> None:
    """Train by the recipe of `tree`, evaluate the result beside everything that needs no training, and advise.

    Raises:
        RecipeError: with all faults, before anything heavy is imported.
        GateError, TunewrightError: as `evaluate` and the training job.
    """
    recipe = build_recipe(override(tree, settings), origin=origin)
    _check(asked)
    need_train_packages()
    with watch(how) as listener:
        with loading_libraries(listener):
            from tunewright.jobs.evaluation.advise import advise_on
            from tunewright.jobs.evaluation.run import gates_of, hold
        gates = gates_of(asked.fail_if)
        run, evaluation = advise_on(recipe, _request(asked, recipe.evaluate.baselines), listener, gates)
    _show(evaluation, run.report_path, how)
    hold(gates, evaluation)


def compare(paths: Sequence[str], output: str | None, *, as_json: bool) -> None:
    """Show several runs side by side, and write a page if `output` names one.

    Raises:
        RunMissingError, RunError: if one is no run, or its evaluation is damaged.
        StorageError: if the page cannot be written.
    """
    from tunewright.jobs.evaluation.compare import compare_paths, told, write_page

    # A run that is named twice, as by two patterns of the shell, is one run.
    found = compare_paths(list({Path(path).resolve(): Path(path) for path in paths}.values()))
    if output:
        write_page(found, Path(output))
    if as_json:
        print_json(_plain(found))
        return
    for line in told(found, _width()):
        print(clean(line))
    if output:
        print(f"\npage  {output}")


def _check(asked: Asked) -> None:
    """Refuse flags that nothing can be done with, all at once: minutes of measuring come before some are needed.

    Raises:
        RecipeError: if there is one.
    """
    names = {"documents": asked.documents, "prompts": asked.prompts, "embeddings": asked.embeddings}
    names |= {"prices": asked.prices}
    faults = [
        Fault(f"--{flag}", "must name something", repr(name), "leave it out if there is none")
        for flag, name in names.items()
        if name is not None and not name.strip()
    ]
    faults += [
        Fault("--service", "must be MODEL@URL", repr(text), "such as my-model@https://api.example.com/v1")
        for text in asked.services
        if not _SERVICE.fullmatch(text)
    ]
    if asked.rows is not None and asked.rows < 1:
        faults.append(Fault("--rows", "must be 1 or more", str(asked.rows), "leave it out for the same as before"))
    if asked.budget is not None and not asked.budget >= 0:
        faults.append(Fault("--budget", "must be 0 or more", f"{asked.budget:g}", "leave it out for no limit"))
    if asked.smallest is not None and not 0 < asked.smallest < 1:
        rule = "must be above 0 and below 1"
        faults.append(Fault("--smallest", rule, f"{asked.smallest:g}", "0.05 is 5 points"))
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise RecipeError(f"the flags have {count}", hint="--help says what each flag takes", faults=tuple(faults))


def _baselines(asked: Asked, former: BaselinesSpec | None) -> BaselinesSpec | None:
    """Return what competes: the recipe's baselines, with whatever the flags say otherwise."""
    flags = {
        "documents": asked.documents,
        "prompts": asked.prompts,
        "services": list(asked.services),
        "embeddings": asked.embeddings,
    }
    given = {name: value for name, value in flags.items() if value}
    if not (given or asked.baselines or former):
        return None
    tree = {**(former.model_dump(mode="json") if former else {}), **given}
    return build_recipe({"evaluate": {"baselines": tree}}, origin="the flags").evaluate.baselines


def _request(asked: Asked, former: BaselinesSpec | None) -> Request:
    from tunewright.jobs.evaluation.run import Request

    given: dict[str, Any] = {
        "baselines": _baselines(asked, former),
        "budget_dollars": asked.budget,
        "others": tuple(Path(path) for path in asked.others),
        "checkpoints": asked.checkpoints,
        "max_rows": asked.rows,
    }
    if asked.suites:
        given["suites"] = asked.suites
    if asked.prices:
        given["prices"] = Path(asked.prices)
    if asked.smallest is not None:
        given["smallest_that_matters"] = asked.smallest
    return Request(**given)


def _show(evaluation: Evaluation, page: Path, how: Manner) -> None:
    if how == "json":
        print_json({"type": "evaluation", **evaluation.model_dump(mode="json")})
        return
    if how == "quiet":
        print(page)
        return
    from tunewright.jobs.evaluation.told import told

    print()
    for line in told(evaluation, _width()):
        print(clean(line))
    make_console().print(f"\npage  {page}", soft_wrap=True)


def _plain(found: Any) -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        "remarks": list(found.remarks),
        "runs": list(found.runs),
        "differing": {name: list(values) for name, values in found.differing},
        "evaluations": [family.evaluation.model_dump(mode="json") for family in found.families],
    }


def _width() -> int:
    return min(MAX_WIDTH, shutil.get_terminal_size((80, 24)).columns)
