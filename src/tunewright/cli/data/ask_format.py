"""A run that a person starts at a terminal asks which format an ambiguous file has, before anything heavy is loaded."""

from __future__ import annotations

import sys

from tunewright.cli.data.source import ask
from tunewright.data.read import Ambiguity, open_source
from tunewright.errors import TunewrightError
from tunewright.spec.data import DataSpec, SourceSpec


def with_formats(spec: DataSpec) -> DataSpec:
    """Return `spec` with the format of each ambiguous source as a person chose it, if there is one who can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return spec
    roles = {role: tuple(map(_with_format, getattr(spec, role))) for role in ("train", "validation", "test")}
    return spec.model_copy(update=roles)


def _with_format(source: SourceSpec) -> SourceSpec:
    chosen: list[str] = []

    def choose(ambiguity: Ambiguity) -> str:
        chosen.append(ask(ambiguity))
        return chosen[0]

    try:
        open_source(source, choose)
    except TunewrightError:
        # The job reads it again and says what is wrong, with everything else that is.
        return source
    return source.model_copy(update={"format": chosen[0]}) if chosen else source
