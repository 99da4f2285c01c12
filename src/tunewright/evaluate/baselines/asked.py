"""What one column asks for one row, and what had to be left out so that it fits the context.

Passages go first, the least relevant before the others, then examples, the least similar before the others, then the
oldest turns; the question never does. Every shortening has a note, because a baseline that was quietly cut down is no
fair one. Counts with a function that it is given: knows neither tokenizers nor templates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from tunewright.data.rows import Message, Row
from tunewright.evaluate.baselines.documents import Passage
from tunewright.evaluate.baselines.kin import without_system
from tunewright.runs.evaluation import ColumnKind

Settings = dict[str, str | float | int | bool]
"""What was chosen for a column, as the evaluation states it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The prompt of one row.

    Attributes:
        note: what the prompt lacks, and why; empty if nothing.
        is_shortened: whether something was left out, or is too long, for want of room.
        shown: `file:line` of the examples and passages in the prompt, in their order.
        num_tokens: of the prompt; None where nobody counted.
    """

    row: Row
    messages: tuple[Message, ...]
    note: str = ""
    is_shortened: bool = False
    shown: tuple[str, ...] = ()
    num_tokens: int | None = None


class Baseline(Protocol):
    """One way to ask. The same row gets the same prompt, whichever rows were asked before; no answer is looked at."""

    @property
    def name(self) -> str:
        """Title of the column."""
        ...

    @property
    def kind(self) -> ColumnKind:
        """How answers are come by."""
        ...

    @property
    def settings(self) -> Settings:
        """What makes this one differ from others of its kind."""
        ...

    def ask(self, row: Row) -> Asked:
        """Return the prompt for `row`."""
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """How long a prompt may be.

    Attributes:
        count: tokens of the rendered prompt, the words that open the answer included.
        limit: tokens of the context, less those of the longest answer.
        takes_system: False for a template without system turns: what would be added as one is put before the first
            user turn.
    """

    count: Callable[[Sequence[Message], Sequence[Mapping[str, Any]]], int]
    limit: int
    takes_system: bool = True


@dataclass(frozen=True, slots=True)
class Example:
    """Turns that show how an earlier question was answered."""

    where: str
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a baseline would ask if there were room for all of it.

    Attributes:
        opening: the system text for the passages that are shown; empty text adds nothing.
        passages: the most relevant first.
        examples: those first that must go last.
        is_best_last: show the examples in the opposite order, so that the best one is next to the question.
        note: why there are fewer examples or passages than were wanted.
    """

    row: Row
    opening: Callable[[Sequence[Passage]], str] = lambda passages: ""
    passages: tuple[Passage, ...] = ()
    examples: tuple[Example, ...] = ()
    is_best_last: bool = False
    note: str = ""


def fit(wish: Wish, room: Room | None) -> Asked:
    """Return the fullest prompt that fits; the shortest one, with a note, if none does. Without a room, all of it."""
    whole = _whole(wish)
    if room is None:
        return _asked(wish, whole, _compose(wish, whole, takes_system=True), wish.note)
    num_wanted = None
    cut, messages, num_tokens = whole, (), 0
    for cut in _cuts(wish):
        messages = _compose(wish, cut, takes_system=room.takes_system)
        num_tokens = room.count(messages, wish.row.tools)
        num_wanted = num_tokens if num_wanted is None else num_wanted
        if num_tokens <= room.limit:
            break
    left_out = _left_out(whole, cut)
    fits = num_tokens <= room.limit
    reason = _reason(left_out, num_wanted or 0, room.limit) if fits else _refusal(left_out, num_tokens, room.limit)
    asked = _asked(wish, cut, messages, "; ".join(filter(None, [wish.note, reason])))
    return replace(asked, is_shortened=bool(reason), num_tokens=num_tokens)


def joined_system(messages: Sequence[Message], text: str, *, takes_system: bool = True) -> tuple[Message, ...]:
    """Return the conversation with `text` as system turn; behind the row's own one, if there is any, a line apart.

    The row's own text stays, and stays first: rows that share it go on sharing their beginning. A template that takes
    no system turn gets the text before the first user turn.
    """
    if not text:
        return tuple(messages)
    system, turns = without_system(messages)
    if system:
        last = replace(system[-1], content=f"{system[-1].content}\n\n{text}" if system[-1].content else text)
        return (*system[:-1], last, *turns)
    if takes_system:
        return (Message("system", text), *turns)
    return before_first_user(turns, text)


def before_first_user(turns: Sequence[Message], text: str) -> tuple[Message, ...]:
    """Return the turns with `text` before what the first user turn says, a line apart; in a turn of its own if none."""
    index = next((i for i, each in enumerate(turns) if each.role == "user"), None)
    if index is None:
        return (Message("user", text), *turns)
    first = replace(turns[index], content=f"{text}\n\n{turns[index].content}")
    return (*turns[:index], first, *turns[index + 1 :])


@dataclass(frozen=True, slots=True)
class _Cut:
    """How much of everything is kept; `start` is the first turn of the row that is."""

    num_passages: int
    num_examples: int
    start: int
    num_earlier: int


def _whole(wish: Wish) -> _Cut:
    return _Cut(len(wish.passages), len(wish.examples), 0, _question_start(without_system(wish.row.prompt)[1]))


def _cuts(wish: Wish) -> Iterator[_Cut]:
    """Yield what could be kept, the most first."""
    whole = _whole(wish)
    for num_passages in range(whole.num_passages, -1, -1):
        yield replace(whole, num_passages=num_passages)
    for num_examples in range(whole.num_examples - 1, -1, -1):
        yield replace(whole, num_passages=0, num_examples=num_examples)
    turns = without_system(wish.row.prompt)[1]
    for start in range(1, whole.num_earlier + 1):
        # Templates want a conversation to begin with the user.
        if turns[start].role == "user":
            yield _Cut(0, 0, start, whole.num_earlier - start)


def _question_start(turns: Sequence[Message]) -> int:
    """Return where the question begins: the last user turn, with whatever tools have said since."""
    return max((index for index, each in enumerate(turns) if each.role == "user"), default=0)


def _compose(wish: Wish, cut: _Cut, *, takes_system: bool) -> tuple[Message, ...]:
    system, turns = without_system(wish.row.prompt)
    examples = _shown_examples(wish, cut)
    shown = [message for example in examples for message in example.messages]
    text = wish.opening(wish.passages[: cut.num_passages])
    return joined_system((*system, *shown, *turns[cut.start :]), text, takes_system=takes_system)


def _shown_examples(wish: Wish, cut: _Cut) -> tuple[Example, ...]:
    kept = wish.examples[: cut.num_examples]
    return kept[::-1] if wish.is_best_last else kept


def _asked(wish: Wish, cut: _Cut, messages: tuple[Message, ...], note: str) -> Asked:
    passages = [passage.where for passage in wish.passages[: cut.num_passages]]
    examples = [example.where for example in _shown_examples(wish, cut)]
    return Asked(wish.row, messages, note, shown=(*passages, *examples))


def _left_out(whole: _Cut, cut: _Cut) -> str:
    counted = (
        ("passage", whole.num_passages, cut.num_passages),
        ("example", whole.num_examples, cut.num_examples),
        ("earlier turn", whole.num_earlier, cut.num_earlier),
    )
    parts = [f"{all_ - kept} of {_plural(all_, name)}" for name, all_, kept in counted if kept < all_]
    return f"{' and '.join(parts)} left out" if parts else ""


def _plural(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _reason(left_out: str, num_wanted: int, limit: int) -> str:
    return f"{left_out}: {num_wanted:,} tokens do not fit {limit:,}" if left_out else ""


def _refusal(left_out: str, num_tokens: int, limit: int) -> str:
    begun = f"{left_out}, and the question alone" if left_out else "the question alone"
    return f"{begun} does not fit: {num_tokens:,} tokens, and {limit:,} are free; asked as it is"
