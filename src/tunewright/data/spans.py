"""Where the answers stand in the rendering of a conversation, whatever its chat template is.

Found by rendering: what the template adds to the prompt that an engine would send (`add_generation_prompt`) when the
answer is there too. A turn ends behind its end mark and before whatever follows that. A template that rewrites earlier
turns once the conversation goes on (Qwen3 drops earlier reasoning) cannot be taught in one rendering: such a row
becomes one rendering for each answer, each as the model will see it. Deliberately does not know tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import jinja2

from tunewright.data.rows import Message, Row, RowFault, shown
from tunewright.data.template import ChatTokenizer


@dataclass(frozen=True, slots=True)
class Span:
    """One taught turn: characters [start, end) of the rendering. What precedes `start` is what an engine sends."""

    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class Rendering:
    """A row as text, and its taught turns in order: at least one, none empty, none overlapping."""

    row: Row
    text: str
    spans: tuple[Span, ...]


def render_row(row: Row, tokenizer: ChatTokenizer) -> list[Rendering] | RowFault:
    """Return the row as one rendering, or as one for each answer where the template does not allow that; or why not."""
    try:
        together = _render_together(row, tokenizer)
        return [together] if together is not None else render_each_answer(row, tokenizer)
    except _UnteachableError as reason:
        return reason.fault
    except jinja2.TemplateError as error:
        return _refused(row, error)


def render_each_answer(row: Row, tokenizer: ChatTokenizer) -> list[Rendering]:
    """Return one rendering for each taught turn, in which only that turn is taught.

    Raises:
        jinja2.TemplateError: the template refuses the row.
    """
    answers: list[Rendering] = []
    for index in taught_turns(row):
        one = row.until(index)
        text = tokenizer.render(one.messages, add_generation_prompt=False, tools=one.tools)
        answers.append(Rendering(one, text, (_span(one, index, text, tokenizer),)))
    return answers


def taught_turns(row: Row) -> list[int]:
    """Return the indices of the assistant turns that are taught."""
    return [index for index, each in enumerate(row.messages) if each.role == "assistant" and each.weight != 0]


def end_mark(tokenizer: ChatTokenizer) -> str:
    """Return what the template writes behind a plain answer to end the turn; empty if it refuses even that."""
    return _end_mark(tokenizer) or ""


class _UnteachableError(Exception):
    """Carries the fault of a row out of the search for its spans."""

    def __init__(self, fault: RowFault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def _render_together(row: Row, tokenizer: ChatTokenizer) -> Rendering | None:
    """Return the whole row as one rendering; None if the template rewrites what came before.

    Turns of weight 0 are context, so the template may do to them what it likes.
    """
    text = tokenizer.render(row.messages, add_generation_prompt=False, tools=row.tools)
    last = len(row.messages) - 1
    habits = _habits(tokenizer)
    spans: list[Span] = []
    for index in taught_turns(row):
        span = _plain_span(row, index, text, tokenizer) if habits.only_appends and index < last else None
        if span is not None:
            spans.append(span)
            continue
        until = text if index == last else _render(row.messages[: index + 1], row, tokenizer)
        span = _span(row, index, until, tokenizer)
        if not text.startswith(until[: span.end]) or (spans and span.start < spans[-1].end):
            return None
        spans.append(span)
    if not spans:
        rule, fix = "must hold an assistant turn to learn from", "give one turn a weight of 1"
        raise _UnteachableError(RowFault(row.path, row.line, "messages", rule, _roles(row), fix, "nothing_taught"))
    return Rendering(row, text, tuple(spans))


def _plain_span(row: Row, index: int, text: str, tokenizer: ChatTokenizer) -> Span | None:
    """Return where a turn stands in the whole text, if it is its words and the end mark right behind the prompt.

    That spares a rendering of the conversation up to the turn, under templates that were seen to append only.
    """
    message = row.messages[index]
    before = tokenizer.render(row.messages[:index], add_generation_prompt=True, tools=row.tools)
    answer = message.content + (_habits(tokenizer).mark or "")
    if message.tool_calls or not message.content.strip() or not text.startswith(before + answer):
        return None
    return Span(len(before), len(before) + len(answer), message.weight)


def _span(row: Row, index: int, until: str, tokenizer: ChatTokenizer) -> Span:
    """Return where message `index` stands in `until`, the rendering that ends with it."""
    before = tokenizer.render(row.messages[:index], add_generation_prompt=True, tools=row.tools)
    if not until.startswith(before):
        rule = "the chat template does not continue its own generation prompt with the answer"
        fix = "use a template whose generation prompt is the beginning of an answer"
        place = f"messages[{index}]"
        raise _UnteachableError(RowFault(row.path, row.line, place, rule, shown(before[-40:]), fix, "not_renderable"))
    message = row.messages[index]
    end = _end_of_turn(until, len(before), message, _end_mark(tokenizer))
    if end <= len(before):
        rule, fix = "must have a token to learn from", "write an answer that the chat template does not leave out"
        place = f"messages[{index}]"
        raise _UnteachableError(RowFault(row.path, row.line, place, rule, shown(message.said), fix, "nothing_taught"))
    return Span(len(before), end, message.weight)


def _render(messages: Sequence[Message], row: Row, tokenizer: ChatTokenizer) -> str:
    return tokenizer.render(messages, add_generation_prompt=False, tools=row.tools)


def _end_of_turn(until: str, start: int, message: Message, mark: str | None) -> int:
    """Return where the turn that begins at `start` ends: behind its end mark, whatever `until` has after that.

    Behind the mark comes white space, or the end of the whole text (Phi-3), neither of which the model has to write. A
    template without an end mark ends a turn with white space; then that is the mark. Calls may end with another mark.
    """
    if mark is not None and not mark.strip():
        return len(until)
    said = message.content.strip()
    found = until.find(said, start) if said and not message.tool_calls else -1
    place = -1
    if mark is not None:
        # What the template rewrote is not found; then the last mark is the turn's, since nothing follows the turn.
        place = until.find(mark, found + len(said)) if found >= 0 else until.rfind(mark, start)
    if place >= 0 and mark is not None:
        return place + len(mark)
    return len(until.rstrip()) if until[start:].strip() else len(until)


_QUESTION, _ANSWER = Message("user", "Question?"), Message("assistant", "Answer.")


@dataclass(frozen=True, slots=True)
class _Habits:
    """What a template does to every conversation, found out once for each tokenizer.

    `mark`: what ends a plain answer; None if the template refuses the probe. `only_appends`: a turn is rendered alike
    whether it is the last or not, and whatever stands before it.
    """

    mark: str | None
    only_appends: bool


_known: WeakKeyDictionary[ChatTokenizer, _Habits] = WeakKeyDictionary()


def _habits(tokenizer: ChatTokenizer) -> _Habits:
    if tokenizer not in _known:
        mark = _find_mark(tokenizer)
        _known[tokenizer] = _Habits(mark, bool(mark and mark.strip()) and _only_appends(mark or "", tokenizer))
    return _known[tokenizer]


def _end_mark(tokenizer: ChatTokenizer) -> str | None:
    return _habits(tokenizer).mark


def _only_appends(mark: str, tokenizer: ChatTokenizer) -> bool:
    """Whether, in long plain conversations, each answer is its words and `mark`, the last one like all others."""
    thoughtful = Message("assistant", "<think>\nWhy?\n</think>\n\nSo.")
    turns = [_QUESTION, _ANSWER, _QUESTION, thoughtful, _QUESTION, _ANSWER]
    try:
        return all(_appends(messages, mark, tokenizer) for messages in (turns, [Message("system", "Hi."), *turns]))
    except jinja2.TemplateError:
        return False


def _appends(messages: Sequence[Message], mark: str, tokenizer: ChatTokenizer) -> bool:
    whole = tokenizer.render(messages, add_generation_prompt=False)
    for index in (place for place, message in enumerate(messages) if message.role == "assistant"):
        before = tokenizer.render(messages[:index], add_generation_prompt=True)
        until = tokenizer.render(messages[: index + 1], add_generation_prompt=False)
        if not (whole.startswith(until.rstrip()) and until.startswith(before + messages[index].content + mark)):
            return False
    return True


def _find_mark(tokenizer: ChatTokenizer) -> str | None:
    try:
        before = tokenizer.render([_QUESTION], add_generation_prompt=True)
        text = tokenizer.render([_QUESTION, _ANSWER], add_generation_prompt=False)
    except jinja2.TemplateError:
        return None
    _, answer, tail = text[len(before) :].partition(_ANSWER.content)
    if not (text.startswith(before) and answer):
        return None
    # A special token ends the turn; a template may write more behind it (the end of the text).
    ends = [(tail.index(token), len(token)) for token in tokenizer.special_tokens if token in tail]
    if ends:
        place, length = min(ends, key=lambda end: (end[0], -end[1]))
        return tail[: place + length]
    return tail.rstrip() if tail.strip() else tail


def _refused(row: Row, error: jinja2.TemplateError) -> RowFault:
    fix = "change the roles to what the template expects, or use another template"
    rule = f"the chat template refuses it ({error})"
    return RowFault(row.path, row.line, "messages", rule, _roles(row), fix, "not_renderable")


def _roles(row: Row) -> str:
    return ", ".join(message.role for message in row.messages[:10])
