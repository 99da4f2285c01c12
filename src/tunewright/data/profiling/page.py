"""The page of a profile: one self-contained file that a browser shows without a network, in light or dark.

Hands the profile and its charts to `page.html.jinja`, which escapes everything that comes from rows or files.
Deliberately counts nothing.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from tunewright.data.profiling.chart import bar_chart, column_chart
from tunewright.data.profiling.figures import Count
from tunewright.data.profiling.shape import Profile
from tunewright.data.profiling.verdict import counted, percent, verdicts_of
from tunewright.runs.atomic import write_text

_TEMPLATE = Path(__file__).with_name("page.html.jinja")
_NUM_BARS = 20


def write_page(profile: Profile, path: Path) -> None:
    """Write the page.

    Raises:
        StorageError: if it cannot be written.
    """
    write_text(path, render_page(profile))


def render_page(profile: Profile) -> str:
    """Return the page as text."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["percent"] = percent
    environment.filters["size"] = size_text
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        profile=profile,
        verdicts=verdicts_of(profile),
        tokens=profile.tokens,
        charts=_charts(profile),
        counted=counted,
    )


def size_text(size_bytes: int) -> str:
    """Return a size in its largest unit: `1.2 MB`."""
    size, units = float(size_bytes), ["bytes", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:,.0f} {units[0]}" if units[0] == "bytes" or size >= 100 else f"{size:.1f} {units[0]}"


def _charts(profile: Profile) -> dict[str, Markup]:
    tokens, labels = profile.tokens, profile.labels
    letters = sum(each.num_letters for each in profile.scripts)
    scripts = [Count(each.script, each.num_letters) for each in profile.scripts[:_NUM_BARS]]
    charts = {
        "turns": column_chart(profile.turns, title="Turns of a row", unit="turns", chart_id="turns"),
        "scripts": bar_chart(scripts, total=letters, title="Letters by script", chart_id="scripts"),
        "labels": Markup(""),
    }
    if labels:
        most = labels.counts[:_NUM_BARS]
        charts["labels"] = bar_chart(most, total=labels.num_labels, title="Labels", chart_id="labels")
    if tokens:
        for name, bins in (
            ("rows", tokens.histogram),
            ("prompts", tokens.prompt_histogram),
            ("answers", tokens.answer_histogram),
        ):
            charts[name] = column_chart(bins, title=f"Tokens of {name}", unit="tokens", chart_id=f"{name}-tokens")
    return charts
