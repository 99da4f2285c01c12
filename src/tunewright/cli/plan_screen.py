"""A plan as people read it: the answer first, then memory, disk and time, then what would fit instead.

Takes the plan as plain values, so that nothing heavy is imported to draw it; knows nothing of how they came about.
"""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from tunewright.cli.screen import clean, make_console
from tunewright.jobs.notebook import clock

Tree = dict[str, Any]


def print_plan(plan: Tree) -> None:
    """Print the plan."""
    console = make_console()
    console.print(Text(answer(plan), style="bold"), soft_wrap=True)
    console.print(Text(clean(_what(plan)), style="dim"), soft_wrap=True)
    console.print(_needs(plan))
    if plan["is_rough"]:
        console.print("time is rough: the model itself was not timed", soft_wrap=True)
    if plan["alternatives"]:
        console.print(Text("\nwhat would fit instead", style="bold"))
        console.print(_alternatives(plan["alternatives"]))


def answer(plan: Tree) -> str:
    """Return the first line: fits, does not fit, or not known."""
    where = "this machine" if plan["device"] == "cpu" else plan["device"]
    needed, free = size(plan["memory"]["total"]), plan["free_memory"]
    if plan["fits_memory"] is False:
        return f"does not fit: it needs about {needed} of memory, and {where} has {size(free)} free"
    if plan["fits_disk"] is False:
        return f"does not fit: it needs {size(plan['disk']['peak'])} of disk, and {size(plan['free_disk'])} are free"
    if plan["fits_memory"] is None:
        return f"unknown whether it fits: it needs about {needed} of memory; {where} does not tell what is free"
    return f"fits: it needs about {needed} of memory, and {where} has {size(free)} free"


def size(num_bytes: float) -> str:
    """Return bytes as people read them, in powers of 1,000."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if num_bytes >= factor:
            return (
                f"{num_bytes / factor:,.1f} {unit}" if num_bytes < 100 * factor else f"{num_bytes / factor:,.0f} {unit}"
            )
    return f"{num_bytes / 1e3:,.0f} kB"


def _what(plan: Tree) -> str:
    return (
        f"{plan['method']} of {plan['model']} ({plan['num_learning']:,} of {plan['num_parameters']:,} weights learn), "
        f"{plan['num_steps']:,} steps of {plan['batch_size']:,} rows, {plan['computed_tokens']:,} tokens computed, "
        f"{plan['device']} in {plan['precision']}"
    )


def _needs(plan: Tree) -> Table:
    memory, disk, seconds = plan["memory"], plan["disk"], plan["seconds"]
    table = Table.grid(padding=(0, 2))
    held = f"process {size(memory['process'] + memory['kernels'])}, weights {size(memory['weights'])}, "
    held += f"optimiser {size(memory['optimizer'])}, activations {size(memory['activations'])}"
    table.add_row("memory", size(memory["total"]), Text(held, style="dim"))
    kept = f"{disk['num_checkpoints']} checkpoints of {size(disk['checkpoint'])}, result {size(disk['artifact'])}"
    table.add_row("disk", size(disk["peak"]), Text(kept, style="dim"))
    names = ("loading", "training", "validation", "scoring", "answering", "saving")
    spent = ", ".join(f"{name} {clock(seconds[name])}" for name in names if seconds[name] >= 1)
    table.add_row("time", clock(seconds["total"]), Text(spent, style="dim"))
    return table


def _alternatives(found: list[Tree]) -> Table:
    table = Table.grid(padding=(0, 2))
    words = {True: "fits", False: "does not fit", None: "unknown"}
    for each in found:
        changes = " ".join(f"--set {key}={_plain(value)}" for key, value in each["changes"].items())
        table.add_row(
            Text(words[each["fits"]], style="green" if each["fits"] else ""),
            size(each["memory_bytes"]),
            clock(each["seconds"]),
            Text(changes),
        )
    return table


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
