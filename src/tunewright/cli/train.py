"""The verbs that train, from a raw tree or a stopped run to the verdict; the recipe is checked before torch loads.

Knows neither flags nor how anything is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from tunewright.cli.extras import need_train_packages
from tunewright.cli.loading import loading_libraries
from tunewright.cli.progress import Manner, print_json, watch
from tunewright.cli.screen import command, make_console
from tunewright.cli.verdict import print_verdict
from tunewright.runs.folder import RunFolder
from tunewright.runs.recorder import Listener
from tunewright.runs.summary import summarise
from tunewright.spec.recipe import build_recipe
from tunewright.spec.recipe_yaml import dump_recipe, override

Job = Callable[[Listener], RunFolder]


def manner(*, as_json: bool, quiet: bool) -> Manner:
    """Return how to report: for scripts, as little as possible, or for people."""
    if as_json:
        return "json"
    return "quiet" if quiet else "people"


def start(
    tree: dict[str, Any], settings: Sequence[str], how: Manner, *, origin: str = "recipe", dry_run: bool = False
) -> None:
    """Run the recipe of `tree` with `settings` on top, or with `dry_run` print it.

    Raises:
        RecipeError: with all faults, before anything heavy is imported.
        TunewrightError: as the job.
    """
    recipe = build_recipe(override(tree, settings), origin=origin)
    if dry_run:
        print(dump_recipe(recipe), end="")
        return

    if how == "people":
        from tunewright.cli.data.ask_format import with_formats

        recipe = recipe.model_copy(update={"data": with_formats(recipe.data)})

    def load() -> Job:
        from tunewright.jobs.train import finetune

        return lambda listener: finetune(recipe, listener)

    _perform(load, how)


def go_on(path: str, how: Manner) -> None:
    """Resume the run at `path`.

    Raises:
        TunewrightError: as the job.
    """
    RunFolder.open(Path(path))

    def load() -> Job:
        from tunewright.jobs.train import resume

        return lambda listener: resume(Path(path), listener)

    _perform(load, how)


def _perform(load: Callable[[], Job], how: Manner) -> None:
    """Run the job that `load` returns when it has imported what the job needs, and show how it ended."""
    need_train_packages()
    with watch(how) as listener:
        with loading_libraries(listener):
            job = load()
        run = job(listener)
    if how == "json":
        print_json({"type": "summary", **summarise(run).as_dict()})
    elif how == "quiet":
        print(run.path)
    elif run.state() == "paused":
        _print_pause(run)
    else:
        print_verdict(make_console(), run)


def _print_pause(run: RunFolder) -> None:
    summary, console = summarise(run), make_console()
    # soft_wrap: a command that is broken by a line end cannot be copied.
    console.print(Text(summary.message, style="bold"), soft_wrap=True)
    console.print(f"go on       {command('resume', run.path)}", soft_wrap=True)
    console.print(f"look at it  {command('show', run.path)}", soft_wrap=True)
