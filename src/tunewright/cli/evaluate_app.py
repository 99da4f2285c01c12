"""The surface of `tunewright eval`: a run by its folder, or the verb `human`; nothing is done here.

Imports typer and nothing heavier. What `eval` and `advise` both take stands here once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

Documents = Annotated[
    str | None, typer.Option(metavar="FOLDER", help="Where answers can be looked up: .txt, .md, .html.")
]
Prompts = Annotated[str | None, typer.Option(metavar="FILE", help="System prompts of your own to try.")]
Services = Annotated[
    list[str] | None,
    typer.Option("--service", metavar="MODEL@URL", help="A model of others, asked the same rows. Repeatable."),
]
Embeddings = Annotated[
    str | None, typer.Option(metavar="MODEL", help="Also look answers up by meaning, with this model.")
]
Suites = Annotated[
    list[str] | None,
    typer.Option(
        "--suite", metavar="NAME", help="What must not be forgotten: starter (default) or a file. Repeatable."
    ),
]
PriceTable = Annotated[str | None, typer.Option("--prices", metavar="FILE", help="Your price table.")]
Budget = Annotated[float | None, typer.Option(metavar="DOLLARS", help="What training and 1,000 requests may cost.")]
Smallest = Annotated[
    float | None, typer.Option(metavar="SHARE", help="The smallest difference you would act on. Default: 0.05.")
]
Gates = Annotated[
    list[str] | None,
    typer.Option("--fail-if", metavar="CONDITION", help="Exit 10 if it holds, e.g. 'forgetting>0.05'. Repeatable."),
]
_Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, for scripts.")]
QuietPage = Annotated[bool, typer.Option("--quiet", "-q", help="Print the page's path at the end and nothing else.")]


_RUN = "RUN"
"""The verb that nobody types, called what its first word is, so that help reads as it is meant."""


class _RunByDefault(TyperGroup):
    """A group whose words are of the verb `RUN` unless they begin with another one, or ask for help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the verb `RUN` before a run folder of any name, before its flags, and where nothing is named at all."""
        if not args or args[0] not in {*self.commands, *ctx.help_option_names} - {_RUN}:
            args = [_RUN, *args]
        return super().parse_args(ctx, args)


class _OfARun(TyperCommand):
    """The verb `RUN`: its usage names a run once."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the options alone: the verb stands for the argument."""
        return super().collect_usage_pieces(ctx)[:1]


def eval_app(examples: Callable[..., str]) -> typer.Typer:
    """Return the group `eval`."""
    group = typer.Typer(cls=_RunByDefault, help="Evaluate a run: eval RUN; or ask people: eval human.")
    _add_run(group, examples)
    _add_human(group, examples)
    return group


def _add_run(group: typer.Typer, examples: Callable[..., str]) -> None:
    @group.command(_RUN, cls=_OfARun, epilog=examples("tunewright eval RUN", "tunewright eval RUN --documents manuals"))
    def run(
        path: Annotated[str, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
        *,
        baselines: Annotated[
            bool, typer.Option("--baselines", help="Try prompts, examples and retrieval with the base.")
        ] = False,
        documents: Documents = None,
        prompts: Prompts = None,
        service: Services = None,
        embeddings: Embeddings = None,
        also: Annotated[
            list[str] | None, typer.Option("--also", metavar="RUN", help="Another run's model. Repeatable.")
        ] = None,
        checkpoints: Annotated[
            bool, typer.Option("--checkpoints", help="Let the kept checkpoints compete on validation rows.")
        ] = False,
        rows: Annotated[
            int | None,
            typer.Option(metavar="NUMBER", help="Test rows answered, 1 or more. Default: as many as the last time."),
        ] = None,
        suite: Suites = None,
        prices: PriceTable = None,
        budget: Budget = None,
        smallest: Smallest = None,
        fail_if: Gates = None,
        as_json: _Json = False,
        quiet: QuietPage = False,
    ) -> None:
        """Evaluate a run's tuned model against its base on the frozen test rows."""
        from tunewright.cli.evaluate import Asked, evaluate
        from tunewright.cli.train import manner

        asked = Asked(
            baselines=baselines,
            documents=documents,
            prompts=prompts,
            services=tuple(service or ()),
            embeddings=embeddings,
            others=tuple(also or ()),
            checkpoints=checkpoints,
            rows=rows,
            suites=tuple(suite or ()),
            prices=prices,
            budget=budget,
            smallest=smallest,
            fail_if=tuple(fail_if or ()),
        )
        evaluate(path, asked, manner(as_json=as_json, quiet=quiet))


def _add_human(group: typer.Typer, examples: Callable[..., str]) -> None:
    @group.command(
        epilog=examples(
            "tunewright eval human RUN -o sheets --raters 2",
            "tunewright eval human --rate sheets/sheet-1.json -o ratings-1.json",
            "tunewright eval human --key sheets/key.json --tally ratings-1.json --tally ratings-2.json",
            "tunewright eval human --key sheets/key.json --tally ratings-*.json",
        )
    )
    def human(
        paths: Annotated[list[str] | None, typer.Argument(metavar="[RUN]", show_default=False)] = None,
        *,
        columns: Annotated[tuple[str, str], typer.Option(metavar="A B", help="Whose answers are compared.")] = (
            "base",
            "tuned",
        ),
        rows: Annotated[int, typer.Option(metavar="NUMBER", help="Rows of the test set.")] = 40,
        raters: Annotated[int, typer.Option(metavar="NUMBER", help="People; some rows are shared.")] = 1,
        output: Annotated[
            str | None, typer.Option("--output", "-o", metavar="PATH", help="Folder of sheets, or file of ratings.")
        ] = None,
        rate: Annotated[str | None, typer.Option(metavar="SHEET", help="Rate this sheet at the terminal.")] = None,
        tally: Annotated[
            list[str] | None, typer.Option("--tally", metavar="FILE", help="Count these ratings. Repeatable.")
        ] = None,
        key: Annotated[str | None, typer.Option(metavar="FILE", help="The key of the sheets.")] = None,
        as_json: _Json = False,
    ) -> None:
        """Ask people which of two columns answers better, blind, and say who won and how sure that is."""
        from tunewright.cli import evaluate_human as verb

        named = paths or []
        _check_form(named, rate=rate, tally=tally, key=key)
        if rate:
            verb.rate(rate, output or "ratings.json")
        elif tally and key:
            # The shell makes several words of `--tally ratings-*.json`, of which the flag takes the first.
            verb.count([*tally, *named], key, as_json=as_json)
        else:
            verb.write_sheets(named[0], columns, output or "sheets", num_rows=rows, raters=raters)


def _check_form(paths: list[str], *, rate: str | None, tally: list[str] | None, key: str | None) -> None:
    """Refuse words of which some would be passed over in silence.

    Raises:
        typer.BadParameter: naming what is missing or too much.
    """
    if rate and (paths or tally or key):
        raise typer.BadParameter("--rate takes a sheet and --output alone: neither a RUN nor --tally nor --key")
    if tally and not key:
        raise typer.BadParameter("--tally needs --key: the file that says which answer is whose")
    if key and not tally:
        raise typer.BadParameter("--key needs --tally: the ratings to count")
    if not (rate or tally or paths):
        raise typer.BadParameter("name a RUN to write sheets of, a sheet to --rate, or ratings to --tally")
    if not tally and len(paths) > 1:
        raise typer.BadParameter(f"sheets are of one RUN, got {len(paths)}: {', '.join(paths)}")
