"""What a set of rows is: how many, how long, who speaks, what is answered, in which scripts, and what stands out.

One pass over the rows; about 20 bytes are kept of each, 12 more with a tokenizer. Deliberately does not judge a single
row, as `check` does, and does not know files, terminals or pages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from tunewright.data.profiling.figures import Bin, Numbers, Tally, printable
from tunewright.data.profiling.job import JobSize, job_size
from tunewright.data.profiling.parts import LABELS_OF_KIND, Parts, parts_of, role_pattern
from tunewright.data.profiling.scripts import ScriptMeter
from tunewright.data.profiling.shape import Answers, Labels, Profile, SourceCount, Systems, Texts, ToolUse
from tunewright.data.profiling.tokens import Encoder, TokenMeter, TokenProfile
from tunewright.data.read import Entry
from tunewright.data.rows import Message

NUM_PATTERNS = 20
NUM_SHOWN = 20
MAX_LABELS = 50
MIN_LABELLED = 20
SHORT_WORDS = 2
SHORT_CHARS = 20
SHORT_RULE = f"at most {SHORT_WORDS} words and {SHORT_CHARS} characters"
LABEL_RULE = (
    f"at least {MIN_LABELLED} answers take at most {MAX_LABELS} different values, each twice or more on average: "
    "they are treated as labels"
)


def profile(
    entries: Iterable[Entry],
    encoder: Encoder | None = None,
    *,
    formats: Mapping[str, str] | None = None,
    max_length: int | None = None,
    epochs: float | None = None,
    batch_size: int | None = None,
) -> Profile:
    """Return what a set of rows is.

    Args:
        entries: what the sources hold, in order, faulty records included.
        encoder: counts tokens; without one nothing is said about them.
        formats: path of a source → name of its format, for sources that are to be listed even if nothing is in them.
        max_length: the limit that the user has in mind, in tokens.
        epochs, batch_size: of the run that is foretold; automatic by the published rules.

    Raises:
        RecipeError: `epochs` or `batch_size` breaks its rule.
    """
    # Asked of one row first, so that a bad number is refused before hours of counting.
    job_size(1, None, epochs, batch_size)
    meter = _Meter(formats or {})
    tokens = TokenMeter(encoder, max_length) if encoder else None
    for entry in entries:
        meter.add(entry)
        if tokens and entry.row is not None:
            tokens.add(entry.row)
    counted = tokens.result() if tokens else None
    num_rows = counted.num_training_rows if counted else meter.num_rows
    job = job_size(num_rows, counted.rows.total if counted else None, epochs, batch_size) if num_rows else None
    return meter.result(counted, job)


class _LengthMeter:
    def __init__(self) -> None:
        self._chars, self._words = Numbers(), Numbers()

    def add(self, text: str) -> None:
        self._chars.add(len(text))
        self._words.add(len(text.split()))

    def result(self) -> Texts:
        return Texts(self._chars.quantiles(), self._words.quantiles())


class _AnswerMeter:
    """Counts answers, and tells whether they are labels."""

    def __init__(self) -> None:
        self._tally = Tally()
        self._num_empty = self._num_short = 0

    def add(self, answer: str) -> None:
        text = answer.strip()
        self._tally.add(text)
        if not text:
            self._num_empty += 1
        elif len(text) <= SHORT_CHARS and len(text.split()) <= SHORT_WORDS:
            self._num_short += 1

    def result(self) -> Answers:
        return Answers(
            count=self._tally.num_added,
            num_empty=self._num_empty,
            num_short=self._num_short,
            short_rule=SHORT_RULE,
            num_distinct=self._tally.num_distinct if self._tally.is_exact else None,
            repeated=self._tally.most(NUM_SHOWN, least=2),
        )

    def as_labels(self) -> Labels | None:
        tally = self._tally
        few = tally.is_exact and tally.num_distinct <= min(MAX_LABELS, tally.num_added / 2)
        if tally.num_added < MIN_LABELLED or not few:
            return None
        return Labels(LABEL_RULE, True, tally.num_added, tally.num_distinct, tally.most(MAX_LABELS))


class _ConversationMeter:
    """Counts what only rows of messages have: turns, system prompts, tools, turns that are not taught."""

    def __init__(self) -> None:
        self._turns, self._systems, self._functions = Numbers(), Tally(), Tally()
        self._num_rows = self._without_system = 0
        self._with_tools = self._with_calls = self._num_calls = self._tool_answers = 0
        self.num_untaught = self.num_rows_with_untaught = 0

    def add(self, messages: tuple[Message, ...], has_tools: bool) -> None:
        self._num_rows += 1
        systems = [message.content.strip() for message in messages if message.role == "system"]
        for system in systems:
            self._systems.add(system)
        self._without_system += not systems
        self._turns.add(len(messages) - len(systems))
        calls = [call["function"]["name"] for message in messages for call in message.tool_calls]
        for name in calls:
            self._functions.add(name)
        self._num_calls += len(calls)
        self._with_calls += bool(calls)
        self._with_tools += has_tools
        self._tool_answers += sum(message.role == "tool" for message in messages)
        untaught = sum(message.role == "assistant" and message.weight == 0 for message in messages)
        self.num_untaught += untaught
        self.num_rows_with_untaught += untaught > 0

    def turns(self) -> tuple[Bin, ...]:
        return self._turns.histogram()

    def systems(self) -> Systems | None:
        if not self._num_rows:
            return None
        num_distinct = self._systems.num_distinct if self._systems.is_exact else None
        return Systems(self._without_system, num_distinct, self._systems.most(NUM_SHOWN))

    def tools(self) -> ToolUse:
        functions = self._functions.most(NUM_SHOWN)
        return ToolUse(self._with_tools, self._with_calls, self._num_calls, self._tool_answers, functions)


class _Meter:
    """Counts everything but tokens."""

    def __init__(self, formats: Mapping[str, str]) -> None:
        self._formats = dict(formats)
        self._usable: dict[str, int] = dict.fromkeys(formats, 0)
        self._unusable: dict[str, int] = dict.fromkeys(formats, 0)
        self._size_bytes = 0
        self._fault_kinds, self._kinds, self._patterns, self._meta_keys = Tally(), Tally(), Tally(), Tally()
        self._prompts, self._answer_texts, self._answers = _LengthMeter(), _LengthMeter(), _AnswerMeter()
        self._labels, self._scripts = Tally(), ScriptMeter()
        self._conversations = _ConversationMeter()
        self._label_kind = ""

    @property
    def num_rows(self) -> int:
        return sum(self._usable.values())

    def add(self, entry: Entry) -> None:
        row = entry.row
        self._size_bytes += _size(entry)
        if row is None:
            for kind in dict.fromkeys(fault.kind for fault in entry.faults):
                self._fault_kinds.add(kind)
            path = entry.faults[0].path if entry.faults else ""
            self._unusable[path] = self._unusable.get(path, 0) + 1
            return
        self._usable[row.path] = self._usable.get(row.path, 0) + 1
        for key in row.meta:
            self._meta_keys.add(str(key))
        parts = parts_of(row)
        self._add_parts(parts)
        if parts.messages:
            self._conversations.add(parts.messages, bool(getattr(row, "tools", ())))

    def result(self, tokens: TokenProfile | None, job: JobSize | None) -> Profile:
        num_unusable = sum(self._unusable.values())
        return Profile(
            sources=self._sources(),
            num_records=self.num_rows + num_unusable,
            num_rows=self.num_rows,
            num_unusable=num_unusable,
            unusable_kinds=self._fault_kinds.most(NUM_SHOWN),
            size_bytes=self._size_bytes,
            kinds=self._kinds.most(NUM_SHOWN),
            turns=self._conversations.turns(),
            role_patterns=self._patterns.most(NUM_PATTERNS),
            num_role_patterns=self._patterns.num_distinct,
            prompts=self._prompts.result(),
            answer_texts=self._answer_texts.result(),
            answers=self._answers.result(),
            labels=self._label_counts(),
            scripts=self._scripts.result(),
            systems=self._conversations.systems(),
            tools=self._conversations.tools(),
            num_untaught_turns=self._conversations.num_untaught,
            num_rows_with_untaught_turns=self._conversations.num_rows_with_untaught,
            metadata_keys=self._meta_keys.most(NUM_SHOWN),
            tokens=tokens,
            job=job,
        )

    def _add_parts(self, parts: Parts) -> None:
        self._kinds.add(parts.kind)
        self._patterns.add(role_pattern(parts.roles))
        if parts.prompts:
            self._prompts.add("\n".join(parts.prompts))
        for answer in parts.answers:
            self._answer_texts.add(answer)
            self._answers.add(answer)
        for label in parts.labels:
            self._labels.add(label)
            self._label_kind = parts.kind
        for text in (*parts.prompts, *parts.answers):
            self._scripts.add(text)

    def _label_counts(self) -> Labels | None:
        if not self._labels.num_added:
            return self._answers.as_labels()
        origin = LABELS_OF_KIND[self._label_kind]
        labels = self._labels
        return Labels(origin, False, labels.num_added, labels.num_distinct, labels.most(MAX_LABELS))

    def _sources(self) -> tuple[SourceCount, ...]:
        paths = dict.fromkeys((*self._formats, *self._usable, *self._unusable))
        return tuple(
            SourceCount(
                printable(path), self._formats.get(path, ""), self._usable.get(path, 0), self._unusable.get(path, 0)
            )
            for path in paths
        )


def _size(entry: Entry) -> int:
    """Return the bytes of a record as its file holds it, or as JSON where its container is not JSON."""
    if entry.raw or entry.record is None:
        return len(entry.raw)
    # Not orjson: it refuses lone surrogates and numbers beyond 64 bits, which a record may hold.
    return len(json.dumps(entry.record, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))
