"""`tunewright runs`: one line per run of a folder, the newest last; a damaged run is a line too, never the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from tunewright.cli.screen import clean, make_console
from tunewright.errors import RunMissingError, TunewrightError
from tunewright.runs.folder import RunFolder, list_runs
from tunewright.runs.summary import summarise

_DEFAULT = "runs"


def list_folder(folder: str | None, *, as_json: bool) -> None:
    """Print the runs directly below `folder`.

    Raises:
        RunMissingError: if a folder was named and is not there.
    """
    parent = Path(folder or _DEFAULT)
    if folder is not None and not parent.is_dir():
        raise RunMissingError(f"{parent}: no such folder", hint="`tunewright runs` looks in ./runs")
    rows = sorted((_row(run) for run in list_runs(parent)), key=lambda row: (row["created"], row["path"]))
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        print(f"no runs in {parent}; `tunewright quickstart` makes one")
    else:
        _print_table(rows)


def _row(run: RunFolder) -> dict[str, Any]:
    try:
        return summarise(run).as_dict()
    except TunewrightError as error:
        return {"path": str(run.path), "created": "", "state": "damaged", "message": error.message, "verdict": ""}


def _print_table(rows: list[dict[str, Any]]) -> None:
    console = make_console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    # A name that is cut cannot be copied into the next command: it folds instead.
    table.add_column("run", overflow="fold", ratio=3)
    table.add_column("state")
    table.add_column("model", overflow="fold", ratio=2)
    table.add_column("verdict", ratio=3)
    for row in rows:
        model = f"{row['model']}, {row['method']}" if row.get("model") else ""
        cells = (row["path"], row["state"], model, row["verdict"] or row["message"])
        table.add_row(*(Text(clean(cell)) for cell in cells))
    console.print(table)
