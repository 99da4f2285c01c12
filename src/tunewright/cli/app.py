"""The command line's surface: every verb, its flags and its help; nothing is done here.

Imports typer and nothing heavier, so that `--help` answers at once: each verb imports its work when it is called.
Numbers that become part of a recipe stay text: the recipe checks them all at once and names its own keys.
"""

from __future__ import annotations

from typing import Annotated

import typer

from tunewright import __version__
from tunewright.cli.data.app import data_app
from tunewright.cli.evaluate_app import (
    Budget,
    Documents,
    Embeddings,
    Gates,
    PriceTable,
    Prompts,
    QuietPage,
    Services,
    Smallest,
    Suites,
    eval_app,
)

app = typer.Typer(
    name="tunewright",
    help="Fine-tune language models end to end, and learn honestly whether it helped.",
    epilog="Start with: tunewright quickstart. --debug, anywhere, shows the traceback of an error.",
    # Without rich: plain help takes 0.06 s instead of 0.14 s and reads well in a pipe.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, for scripts.")]
JsonLines = Annotated[bool, typer.Option("--json", help="JSON lines on stdout: events, metrics, a summary at the end.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any recipe key, e.g. train.seed=1. Repeatable.")
]
Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FOLDER", help="Run folder. Default: runs/<date>-<time>-<name>.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the run folder at the end and nothing else.")]
RunPath = Annotated[str, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)]
Data = Annotated[
    list[str] | None, typer.Option("--data", "-d", metavar="PATH[:WEIGHT]", help="Training rows. Repeatable.")
]
Model = Annotated[
    str | None, typer.Option("--model", "-m", metavar="SOURCE", help="Folder or hub id. Default: starter (built in).")
]
Files = Annotated[list[str] | None, typer.Option(metavar="PATH", help="File of rows. Repeatable.")]


def _examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


app.add_typer(data_app(_examples), name="data")
app.add_typer(eval_app(_examples), name="eval")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tunewright {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


@app.command(
    epilog=_examples(
        "tunewright finetune --data rows.jsonl",
        "tunewright finetune -m ./my-model -d rows.jsonl -d extra.jsonl:2 --method full --epochs 3",
        "tunewright finetune -d rows.jsonl --set method.rank=32 --dry-run > recipe.yaml",
    )
)
def finetune(
    *,
    data: Data = None,
    model: Model = None,
    validation: Files = None,
    test: Files = None,
    method: Annotated[str | None, typer.Option(metavar="KIND", help="lora (default) or full.")] = None,
    objective: Annotated[str | None, typer.Option(metavar="KIND", help="causal_lm (default).")] = None,
    epochs: Annotated[str | None, typer.Option(metavar="NUMBER", help="Passes over the rows.")] = None,
    max_steps: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Optimiser steps; overrides --epochs.")
    ] = None,
    learning_rate: Annotated[str | None, typer.Option(metavar="NUMBER", help="Peak learning rate.")] = None,
    batch_size: Annotated[str | None, typer.Option(metavar="NUMBER", help="Rows per optimiser step.")] = None,
    max_length: Annotated[str | None, typer.Option(metavar="NUMBER", help="Longest row in tokens.")] = None,
    seed: Annotated[str | None, typer.Option(metavar="NUMBER", help="Seed of order, initialisation, dropout.")] = None,
    device: Annotated[str | None, typer.Option(metavar="NAME", help="auto (default), cpu, cuda, cuda:1, mps.")] = None,
    output: Output = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="Name of the run.")] = None,
    settings: Settings = None,
    as_json: JsonLines = False,
    quiet: Quiet = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the recipe as YAML and stop.")] = False,
) -> None:
    """Fine-tune a model on your rows and score it against its base.

    What you leave out is chosen by published rules, and the run says which rule chose what.
    """
    from tunewright.cli.flags import tree_of_flags
    from tunewright.cli.train import manner, start

    flags = {
        "name": name,
        "model.source": model,
        "data.train": data,
        "data.validation": validation,
        "data.test": test,
        "data.max_length": max_length,
        "method.kind": method,
        "objective.kind": objective,
        "train.epochs": epochs,
        "train.max_steps": max_steps,
        "train.learning_rate": learning_rate,
        "train.batch_size": batch_size,
        "train.seed": seed,
        "train.hardware.device": device,
        "output": output,
    }
    start(tree_of_flags(flags), settings or [], manner(as_json=as_json, quiet=quiet), dry_run=dry_run)


@app.command(
    epilog=_examples("tunewright run recipe.yaml", "tunewright run recipe.yaml --set train.seed=1 -o runs/seed-1")
)
def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE.yaml", show_default=False)],
    *,
    settings: Settings = None,
    output: Output = None,
    as_json: JsonLines = False,
    quiet: Quiet = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the recipe with all settings and stop.")] = False,
) -> None:
    """Run the recipe in a YAML file. Its data paths are relative to the current folder."""
    from tunewright.cli.flags import tree_of_file
    from tunewright.cli.train import manner, start

    tree = tree_of_file(recipe, output)
    start(tree, settings or [], manner(as_json=as_json, quiet=quiet), origin=recipe, dry_run=dry_run)


@app.command(
    epilog=_examples("tunewright plan recipe.yaml", "tunewright plan recipe.yaml --set method.kind=full --json")
)
def plan(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE.yaml", show_default=False)],
    *,
    settings: Settings = None,
    output: Output = None,
    no_probe: Annotated[
        bool, typer.Option("--no-probe", help="Time nothing: memory and disk, and a rough guess of the time.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say before anything runs whether a recipe fits this machine, and how long it will take.

    Reads the rows, times the model for some seconds, and writes nothing. Where it does not fit, says what would.
    """
    from tunewright.cli.flags import tree_of_file
    from tunewright.cli.plan import show_plan

    show_plan(tree_of_file(recipe, output), settings or [], origin=recipe, as_json=as_json, probes=not no_probe)


@app.command(
    epilog=_examples(
        "tunewright advise -d train.jsonl --test heldout.jsonl",
        "tunewright advise -m ./my-model -d train.jsonl --test heldout.jsonl --documents manuals",
        "tunewright advise --recipe recipe.yaml --budget 50 --fail-if 'forgetting>0.05'",
    )
)
def advise(
    *,
    data: Data = None,
    model: Model = None,
    validation: Files = None,
    test: Files = None,
    recipe: Annotated[str | None, typer.Option(metavar="FILE", help="A recipe in place of these flags.")] = None,
    settings: Settings = None,
    output: Output = None,
    documents: Documents = None,
    prompts: Prompts = None,
    service: Services = None,
    embeddings: Embeddings = None,
    suite: Suites = None,
    prices: PriceTable = None,
    budget: Budget = None,
    smallest: Smallest = None,
    fail_if: Gates = None,
    as_json: Json = False,
    quiet: QuietPage = False,
) -> None:
    """Say whether fine-tuning pays: train once, and hold the result against what needs no training.

    Prompts, examples and retrieval are chosen on validation rows; every column meets the test set once.
    """
    from tunewright.cli.evaluate import Asked, advise
    from tunewright.cli.flags import tree_of_file, tree_of_flags
    from tunewright.cli.train import manner

    if recipe and (data or model or validation or test):
        given = "--recipe names data and model itself: leave out --data, --model, --validation and --test"
        raise typer.BadParameter(f"{given}, or use --set")
    flags = {
        "model.source": model,
        "data.train": data,
        "data.validation": validation,
        "data.test": test,
        "output": output,
    }
    tree = tree_of_file(recipe, output) if recipe else tree_of_flags(flags)
    asked = Asked(
        documents=documents,
        prompts=prompts,
        services=tuple(service or ()),
        embeddings=embeddings,
        suites=tuple(suite or ()),
        prices=prices,
        budget=budget,
        smallest=smallest,
        fail_if=tuple(fail_if or ()),
    )
    advise(tree, settings or [], asked, manner(as_json=as_json, quiet=quiet), origin=recipe or "recipe")


@app.command(epilog=_examples("tunewright compare runs/a runs/b", "tunewright compare runs/* -o compared.html"))
def compare(
    paths: Annotated[list[str], typer.Argument(metavar="RUN RUN …", help="Run folders.", show_default=False)],
    *,
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help="Write a page.")] = None,
    as_json: Json = False,
) -> None:
    """Show runs side by side: scores on the same rows, what tells them apart, which settings differ."""
    from tunewright.cli.evaluate import compare

    compare(paths, output, as_json=as_json)


@app.command(epilog=_examples("tunewright resume runs/20250131-140000-lora"))
def resume(path: RunPath, *, as_json: JsonLines = False, quiet: Quiet = False) -> None:
    """Go on with a stopped run from its newest checkpoint."""
    from tunewright.cli.train import go_on, manner

    go_on(path, manner(as_json=as_json, quiet=quiet))


@app.command(epilog=_examples("tunewright quickstart", "tunewright quickstart --set train.max_steps=20 -o runs/try"))
def quickstart(
    *, settings: Settings = None, output: Output = None, as_json: JsonLines = False, quiet: Quiet = False
) -> None:
    """Fine-tune the built-in model on the shipped support example: no data, no network, a few minutes."""
    from tunewright.cli.flags import tree_of_example
    from tunewright.cli.train import manner, start

    start(tree_of_example(output), settings or [], manner(as_json=as_json, quiet=quiet), origin="the support example")


@app.command(epilog=_examples("tunewright show runs/20250131-140000-lora", "tunewright show RUN --json"))
def show(path: RunPath, *, as_json: Json = False) -> None:
    """Show what happened in a run: the verdict first."""
    from tunewright.cli.show import show_run

    show_run(path, as_json=as_json)


@app.command(epilog=_examples("tunewright runs", "tunewright runs elsewhere --json"))
def runs(
    folder: Annotated[str | None, typer.Argument(metavar="[FOLDER]", help="Default: runs", show_default=False)] = None,
    *,
    as_json: Json = False,
) -> None:
    """List the runs of a folder, the newest last."""
    from tunewright.cli.runs import list_folder

    list_folder(folder, as_json=as_json)


@app.command(
    epilog=_examples(
        "tunewright chat RUN",
        'tunewright chat RUN --prompt "How long does the battery last?"',
        'tunewright chat RUN --base --prompt "How long does the battery last?"',
    )
)
def chat(
    path: RunPath,
    *,
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="One question; the answer is all that is printed.")
    ] = None,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="System prompt. Default: the one that the run's rows share.")
    ] = None,
    base: Annotated[bool, typer.Option("--base", help="Talk to the base model instead.")] = False,
    temperature: Annotated[float, typer.Option(min=0.0, max=10.0, help="0: always the likeliest token.")] = 0.0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer in tokens.")] = 256,
    device: Annotated[str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps.")] = None,
) -> None:
    """Talk to the model of a run. /reset forgets the conversation, /exit or Ctrl-D leaves."""
    from tunewright.cli.extras import need_train_packages

    need_train_packages()
    from tunewright.cli.chat import Asked, talk

    talk(path, Asked(prompt, system, base, temperature, max_new_tokens, device))


@app.command(epilog=_examples("tunewright schema", "tunewright schema --output recipe.schema.json"))
def schema(
    *,
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help="Write it here instead.")] = None,
) -> None:
    """Print the JSON Schema of a recipe: every key with its rule."""
    from tunewright.cli.schema import write_schema

    write_schema(output)


@app.command(epilog=_examples("tunewright report runs/20250131-140000-lora"))
def report(path: RunPath) -> None:
    """Write a run's report page again and print where it is."""
    from tunewright.cli.show import rewrite_report

    rewrite_report(path)
