"""Plain text, Markdown or HTML as blocks: each paragraph with its first line and the headings that it stands under.

A heading is no block: it is the title of those below it. Deliberately does not know files, or how long a passage is.
HTML is read by the parser of the standard library, which takes any text: a page with errors gives the blocks that a
reader would see of it, more or less.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*")

_HIDDEN = frozenset({"script", "style", "template", "noscript", "svg"})
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_BORDERS = frozenset(
    "address article aside blockquote body dd details dialog div dl dt fieldset figcaption figure footer form "
    "header hr html li main nav ol p pre section summary table tbody tfoot thead tr ul".split()
)
_CELLS = frozenset({"td", "th"})


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph; `line` is its first, counted from 1, and `headings` are those above it, the outermost first."""

    text: str
    line: int
    headings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Outline:
    """The headings that the present place stands under; one of a level ends those of the same and of deeper levels."""

    levels: list[tuple[int, str]] = field(default_factory=list)

    def enter(self, level: int, text: str) -> None:
        self.levels = [*((depth, title) for depth, title in self.levels if depth < level), (level, text)]

    @property
    def titles(self) -> tuple[str, ...]:
        return tuple(title for _, title in self.levels if title)


def text_blocks(text: str) -> list[Block]:
    """Return the paragraphs of plain text: lines between empty ones."""
    blocks: list[Block] = []
    lines: list[str] = []
    for number, line in enumerate([*_lines(text), ""], 1):
        if line.strip():
            lines.append(line.rstrip())
        elif lines:
            blocks.append(Block("\n".join(lines), number - len(lines)))
            lines = []
    return blocks


def markdown_blocks(text: str) -> list[Block]:
    """Return the paragraphs of Markdown, marks and all; a fenced block is one paragraph, whatever is in it."""
    outline = _Outline()
    blocks: list[Block] = []
    gathered: list[str] = []
    first = 1
    fence = ""

    def flush() -> None:
        if gathered:
            blocks.append(Block("\n".join(gathered), first, outline.titles))
        gathered.clear()

    lines = _lines(text)
    num_skipped = _num_front_matter(lines)
    for number, line in enumerate(lines[num_skipped:], num_skipped + 1):
        heading = None if fence else _heading(line, gathered)
        if heading is not None:
            if not _ATX.fullmatch(line):
                gathered.clear()
            flush()
            outline.enter(*heading)
        elif line.strip() or fence:
            first = first if gathered else number
            gathered.append(line.rstrip())
            before, fence = fence, _next_fence(fence, line)
            if before and not fence:
                flush()
        else:
            flush()
    flush()
    return blocks


def html_blocks(text: str) -> list[Block]:
    """Return the paragraphs of a page without scripts and styles; block tags are borders, `title` heads everything."""
    page = _Page()
    page.feed(text)
    page.close()
    page.flush()
    return page.blocks


READERS: dict[str, Callable[[str], list[Block]]] = {
    ".txt": text_blocks,
    ".md": markdown_blocks,
    ".markdown": markdown_blocks,
    ".html": html_blocks,
    ".htm": html_blocks,
}
"""What reads a file, by its suffix in lower case."""


def _lines(text: str) -> list[str]:
    # Not splitlines(): that also breaks at form feeds and the like, and an editor would show another line number.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _num_front_matter(lines: list[str]) -> int:
    """Return how many lines of settings (`---` … `---`) stand before the text of a Markdown file."""
    if lines[0].strip() != "---":
        return 0
    end = next((number for number, line in enumerate(lines[1:], 2) if line.strip() == "---"), 0)
    return end if all(":" in line or not line.strip() or line[0] in " -#" for line in lines[1 : end - 1]) else 0


def _heading(line: str, gathered: list[str]) -> tuple[int, str] | None:
    """Return level and text of a heading: `## so`, or one line that is underlined by this one."""
    if atx := _ATX.fullmatch(line):
        return len(atx[1]), atx[2].strip()
    if len(gathered) == 1 and _UNDERLINE.fullmatch(line) and not gathered[0].lstrip().startswith(("-", "|", ">")):
        return (1 if "=" in line else 2), gathered[0].strip()
    return None


def _next_fence(fence: str, line: str) -> str:
    """Return the fence that is open after a line; only as many of the same mark close one."""
    found = _FENCE.match(line)
    if found is None:
        return fence
    if not fence:
        return found[1]
    return "" if found[1].startswith(fence) else fence


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._outline = _Outline()
        self._pieces: list[str] = []
        self._has_text = False
        self._line = 1
        self._num_pre = 0
        self._hidden: list[str] = []
        self._level: int | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN or self._hidden:
            self._hidden += [tag] if tag in _HIDDEN else []
        elif tag in _HEADINGS or tag == "title":
            self.flush()
            self._level = _HEADINGS.get(tag, 0)
        elif tag == "br":
            self._pieces.append("\n")
        elif tag in _BORDERS:
            self.flush()
            self._num_pre += tag == "pre"
        elif tag in _CELLS and self._has_text:
            self._pieces.append(" | ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _HIDDEN:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            del self._hidden[self._hidden.index(tag) if tag in self._hidden else len(self._hidden) :]
        elif tag in _HEADINGS or tag == "title" or tag in _BORDERS:
            self.flush()
            self._num_pre = max(self._num_pre - (tag == "pre"), 0)

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if data.strip() and not self._has_text:
            before = data[: len(data) - len(data.lstrip())]
            self._line = self.getpos()[0] + before.count("\n")
            self._has_text = True
        self._pieces.append(data)

    def flush(self) -> None:
        """End the present paragraph or heading."""
        text = "".join(self._pieces)
        self._pieces.clear()
        self._has_text = False
        level, self._level = self._level, None
        shown = "\n".join(_trimmed(text)) if self._num_pre and level is None else " ".join(text.split())
        if not shown:
            return
        if level is None:
            self.blocks.append(Block(shown, self._line, self._outline.titles))
        else:
            self._outline.enter(level, shown)


def _trimmed(text: str) -> Iterator[str]:
    """Yield the lines of preformatted text, none of them empty at either end."""
    yield from text.strip("\n\r").rstrip().splitlines()
