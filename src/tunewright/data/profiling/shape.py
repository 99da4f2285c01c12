"""The shape of a profile: what is said about a set, as plain values. Deliberately counts nothing and judges nothing."""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.data.profiling.figures import Bin, Count, Quantiles
from tunewright.data.profiling.job import JobSize
from tunewright.data.profiling.scripts import ScriptShare
from tunewright.data.profiling.tokens import TokenProfile


@dataclass(frozen=True, slots=True)
class SourceCount:
    """One file and what it held."""

    path: str
    format: str
    num_rows: int
    num_unusable: int


@dataclass(frozen=True, slots=True)
class Texts:
    """Lengths of texts in characters and in words; a word is what stands between white space."""

    chars: Quantiles
    words: Quantiles


@dataclass(frozen=True, slots=True)
class Answers:
    """The texts that are taught: `num_short` are short by `SHORT_RULE` (empty ones not among them).

    `repeated` are those that occur twice or more. `num_distinct` is None where there were too many to count.
    """

    count: int
    num_empty: int
    num_short: int
    short_rule: str
    num_distinct: int | None
    repeated: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class Labels:
    """The classes of a set and how often each occurs.

    `origin` says what they are; `is_guessed` that no row names them, but that its answers look like them.
    """

    origin: str
    is_guessed: bool
    num_labels: int
    num_distinct: int
    counts: tuple[Count, ...]

    @property
    def largest_share(self) -> float:
        """Share of the most frequent class: what always naming it would score."""
        return self.counts[0].count / self.num_labels if self.counts else 0.0


@dataclass(frozen=True, slots=True)
class Systems:
    """System prompts: how many rows have none, how many different ones there are, the most frequent."""

    num_rows_without: int
    num_distinct: int | None
    most: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class ToolUse:
    """Rows that offer tools, rows that call them, answers of tools, and the functions called."""

    num_rows_with_tools: int
    num_rows_with_calls: int
    num_calls: int
    num_tool_answers: int
    functions: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that is said about a set. `tokens` is None without a tokenizer, `job` without a row."""

    sources: tuple[SourceCount, ...]
    num_records: int
    num_rows: int
    num_unusable: int
    unusable_kinds: tuple[Count, ...]
    size_bytes: int
    kinds: tuple[Count, ...]
    turns: tuple[Bin, ...]
    role_patterns: tuple[Count, ...]
    num_role_patterns: int
    prompts: Texts
    answer_texts: Texts
    answers: Answers
    labels: Labels | None
    scripts: tuple[ScriptShare, ...]
    systems: Systems | None
    tools: ToolUse
    num_untaught_turns: int
    num_rows_with_untaught_turns: int
    metadata_keys: tuple[Count, ...]
    tokens: TokenProfile | None
    job: JobSize | None
