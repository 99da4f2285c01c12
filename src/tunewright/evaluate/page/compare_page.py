"""The comparison of several runs as a page, as Markdown and in the terminal.

All three say the same: the verdict, one table for each set of rows, and the settings that differ; what is alike is
left out. Does not decide what may be compared: `compare_runs` does.
"""

from __future__ import annotations

from tunewright.evaluate.page import figures
from tunewright.evaluate.page.compare_runs import RunComparison, SameRows
from tunewright.evaluate.page.evaluation_view import headline_chart
from tunewright.evaluate.page.markdown import column_table, escaped, markdown_table
from tunewright.evaluate.page.rendering import render_page
from tunewright.evaluate.page.terminal import column_lines
from tunewright.evaluate.page.text_table import table_lines, wrapped

APART = "Other rows than the runs above: these scores cannot be held against those."


def comparison_page(compared: RunComparison, *, title: str = "Runs compared") -> str:
    """Return the page as text: self-contained, everything escaped."""
    families = [
        {
            "same": family,
            "chart": headline_chart(family.evaluation, chart_id=f"headline-{number}"),
            "scale": figures.scale_of(family.evaluation, family.evaluation.headline),
        }
        for number, family in enumerate(compared.families)
    ]
    page = {"title": title, "compared": compared, "families": families}
    page |= {"f": figures, "apart": APART, "told": unevaluated_text}
    return render_page("compare.html.jinja", page)


def comparison_markdown(compared: RunComparison) -> str:
    """Return the document, ending in a line end."""
    parts = [f"**{escaped(compared.verdict)}**", *(escaped(remark) for remark in compared.remarks)]
    for number, family in enumerate(compared.families):
        parts.append(f"### {escaped(_heading(family))}")
        parts += [APART] if number else []
        parts.append(column_table(family.evaluation))
    if compared.unevaluated:
        parts += [
            "### Not evaluated",
            "\n".join(f"- {escaped(unevaluated_text(*run))}" for run in compared.unevaluated),
        ]
    if compared.differing:
        rows = [[name, *values] for name, values in compared.differing]
        parts += ["### Settings that differ", markdown_table(["setting", *compared.runs], rows)]
    return "\n\n".join(parts) + "\n"


def comparison_lines(compared: RunComparison, width: int = 80) -> list[str]:
    """Return the lines, none wider than `width` (at least 40)."""
    width = max(width, 40)
    lines = [line for text in (compared.verdict, *compared.remarks) for line in wrapped(text, width)] + [""]
    for number, family in enumerate(compared.families):
        lines += wrapped(_heading(family), width)
        lines += wrapped(APART, width) if number else []
        lines += column_lines(family.evaluation, width)
    for run in compared.unevaluated:
        lines += wrapped(f"! {unevaluated_text(*run)}", width, indent="  ")
    if compared.differing:
        rows = [[name, *map(_short, values)] for name, values in compared.differing]
        table, missing = table_lines(["setting that differs", *compared.runs], rows, width)
        lines += ["", *table] if compared.unevaluated else table
        lines += wrapped(f"not shown for want of width: {', '.join(missing)}", width) if missing else []
    while not lines[-1]:
        lines.pop()
    return lines


def _heading(family: SameRows) -> str:
    return f"{', '.join(family.runs)}: {family.evaluation.test.chosen}"


def unevaluated_text(name: str, note: str) -> str:
    """Return that a run is compared with nothing, and how it stands: `old: not evaluated (failed)`."""
    return f"{name}: not evaluated" + (f" ({note})" if note else "")


def _short(value: str) -> str:
    """Return a setting that leaves room for the others; the page has it whole."""
    return value if len(value) <= 24 else value[:23] + "…"
