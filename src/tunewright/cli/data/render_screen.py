"""What `data render` prints: the text of each row, with what is taught in colour or between marks, and the counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING

import orjson
import typer
from rich.text import Text

from tunewright.cli.screen import clean, make_console
from tunewright.data.read import Entry, OpenSource
from tunewright.data.rows import RowFault
from tunewright.errors import RecipeError

if TYPE_CHECKING:
    from tunewright.jobs.data import ModelEncoder

_NUM_ROWS = 3
_TAUGHT = "black on green"
# Where there is no colour, what is taught stands between these.
_OPEN, _CLOSE = "⟦", "⟧"


@dataclass(frozen=True, slots=True)
class RenderedRow:
    """One token row: its tokens as text with the weight of each, or why there is none."""

    line: int
    pieces: tuple[tuple[str, int, float], ...]
    """Text, id and weight of each token; a character of several tokens stands with the last of them."""
    faults: tuple[str, ...] = ()

    @property
    def num_taught(self) -> int:
        """Tokens with a weight above 0."""
        return sum(weight > 0 for _, _, weight in self.pieces)


def rendered_rows(source: OpenSource, lines: str | None, encoder: ModelEncoder) -> list[RenderedRow]:
    """Return the rows that were asked for, as token rows.

    Raises:
        RecipeError: if `lines` is not a list of line numbers, or none of them holds a row.
    """
    wanted = _lines(lines)
    entries = [e for e in source if e.line in wanted] if wanted else list(islice(source, _NUM_ROWS))
    if not entries:
        raise RecipeError(f"--rows {lines}: {source.path} has no record on these lines", hint="count from 1")
    return [each for entry in entries for each in _rendered(entry, encoder)]


def print_rendered(
    shown: Sequence[RenderedRow], source: OpenSource, model: str, *, with_borders: bool, as_json: bool
) -> None:
    """Print the rows for a person, or as one JSON object."""
    if as_json:
        rows = [
            {
                "line": each.line,
                "num_tokens": len(each.pieces),
                "num_taught": each.num_taught,
                "faults": each.faults,
                "tokens": [{"id": id_, "text": text, "weight": weight} for text, id_, weight in each.pieces],
            }
            for each in shown
        ]
        tree = {"path": source.path, "format": source.format.NAME, "model": model, "rows": rows}
        typer.echo(orjson.dumps(tree).decode())
        return
    console = make_console()
    has_colour = console.is_terminal and not console.no_color
    mark = "in green" if has_colour else f"between {_OPEN} and {_CLOSE}"
    console.print(f"{source.path}: format {source.format.NAME}, as {model} sees it. What is taught stands {mark}.")
    for each in shown:
        console.print()
        for fault in each.faults:
            console.print(clean(fault), style="red")
        if each.pieces:
            tokens = "1 token" if len(each.pieces) == 1 else f"{len(each.pieces):,} tokens"
            console.print(f"line {each.line}: {tokens}, {each.num_taught:,} taught", style="bold")
            console.print(_coloured(each, with_borders=with_borders, has_colour=has_colour))


def _lines(lines: str | None) -> frozenset[int]:
    try:
        return frozenset(int(part) for part in lines.split(",")) if lines else frozenset()
    except ValueError as error:
        raise RecipeError(f"--rows {lines}: must be line numbers", hint="--rows 3,17") from error


def _rendered(entry: Entry, encoder: ModelEncoder) -> list[RenderedRow]:
    if entry.row is None:
        return [RenderedRow(entry.line, (), tuple(map(str, entry.faults)))]
    encoded = encoder.encode(entry.row)
    if isinstance(encoded, RowFault):
        return [RenderedRow(entry.line, (), (str(encoded),))]
    return [RenderedRow(entry.line, _pieces(each.ids.tolist(), each.weights.tolist(), encoder)) for each in encoded]


def _pieces(ids: list[int], weights: list[float], encoder: ModelEncoder) -> tuple[tuple[str, int, float], ...]:
    """Spell each token; one that is only a part of a character is spelt by the token that completes it."""
    pieces: list[tuple[str, int, float]] = []
    start = 0
    for index, (id_, weight) in enumerate(zip(ids, weights, strict=True)):
        text = encoder.tokenizer.decode(ids[start : index + 1])
        if text.endswith("\N{REPLACEMENT CHARACTER}") and index + 1 < len(ids) and index - start < 4:
            pieces.append(("", id_, weight))
            continue
        pieces.append((text, id_, weight))
        start = index + 1
    return tuple(pieces)


def _coloured(row: RenderedRow, *, with_borders: bool, has_colour: bool) -> Text:
    text = Text()
    for is_taught, group in groupby(row.pieces, key=lambda piece: piece[2] > 0):
        said = clean(("│" if with_borders else "").join(piece[0] for piece in group))
        if is_taught and has_colour:
            text.append(said, style=_TAUGHT)
        else:
            text.append(f"{_OPEN}{said}{_CLOSE}" if is_taught else said, style="dim" if has_colour else "")
    return text
