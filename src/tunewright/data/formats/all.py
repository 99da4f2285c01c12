"""Every format, in the order in which they are named to a person. Adding one: a file beside this one, its name here."""

from __future__ import annotations

from tunewright.data.formats import (
    alpaca,
    chat,
    input_output,
    kto,
    labels,
    pairs,
    preference_openai,
    preference_trl,
    prompt_completion,
    sharegpt,
    text,
    token_labels,
)
from tunewright.data.formats.format import Format

FORMATS: tuple[Format, ...] = (
    chat,
    prompt_completion,
    alpaca,
    input_output,
    sharegpt,
    text,
    preference_openai,
    preference_trl,
    kto,
    labels,
    token_labels,
    pairs,
)


def format_named(name: str) -> Format:
    """Return the format of that name; a KeyError names one that does not exist."""
    return {each.NAME: each for each in FORMATS}[name]
