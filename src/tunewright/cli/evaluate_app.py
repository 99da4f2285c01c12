"""The surface of `tunewright eval`: a run by its folder, or the verb `human`; nothing is done here.

Imports typer and nothing heavier. What `eval` and `advise` both take stands here once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

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
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the page's path at the end and nothing else.")]


class _RunByDefault(TyperGroup):
    """A group whose first word is a run folder unless it is one of its verbs."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the hidden verb `run` before a run folder."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["run", *args]
        return super().parse_args(ctx, args)


def eval_app(examples: Callable[..., str]) -> typer.Typer:
    """Return the group `eval`."""
    group = typer.Typer(cls=_RunByDefault, help="Evaluate a run: eval RUN; or ask people: eval human.")
    _add_run(group, examples)
    _add_human(group, examples)
    return group


def _add_run(group: typer.Typer, examples: Callable[..., str]) -> None:
    @group.command("run", epilog=examples("tunewright eval RUN", "tunewright eval RUN --documents manuals"))
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
            int | None, typer.Option(min=1, metavar="NUMBER", help="Test rows answered. Default: those of the run.")
        ] = None,
        suite: Suites = None,
        prices: PriceTable = None,
        budget: Budget = None,
        smallest: Smallest = None,
        fail_if: Gates = None,
        as_json: _Json = False,
        quiet: _Quiet = False,
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
        )
    )
    def human(
        path: Annotated[str | None, typer.Argument(metavar="[RUN]", show_default=False)] = None,
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

        if rate:
            verb.rate(rate, output or "ratings.json")
        elif tally and key:
            verb.count(tally, key, as_json=as_json)
        elif tally:
            raise typer.BadParameter("--tally needs --key: the file that says which answer is whose")
        elif path:
            verb.write_sheets(path, columns, output or "sheets", num_rows=rows, raters=raters)
        else:
            raise typer.BadParameter("name a RUN to write sheets of, a sheet to --rate, or ratings to --tally")
