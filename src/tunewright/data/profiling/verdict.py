"""What stands out in a profile, as sentences: the bad news first, then what is good to know.

One list for the terminal, the page and scripts, so that all of them say the same. Deliberately counts nothing: each
sentence is made of numbers that the profile already holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tunewright.data.profiling.parts import LABELS_OF_KIND
from tunewright.data.profiling.shape import Profile
from tunewright.data.profiling.tokens import LimitLoss, TokenProfile

# What several trainers cut rows at when they are told nothing.
_SILENT_LIMIT = 1024
_LARGE_LABEL_SHARE = 0.8
_REPEATED_SHARE, _REPEATED_LEAST = 0.05, 5
_MAX_QUOTED = 40


@dataclass(frozen=True, slots=True)
class Verdict:
    """One sentence, and whether something should be done about it."""

    severity: Literal["error", "warn", "info"]
    text: str


def profile_tree(profile: Profile) -> dict[str, Any]:
    """Return the profile for machines: plain values only, and the verdicts first."""
    return {"verdicts": [asdict(verdict) for verdict in verdicts_of(profile)], **asdict(profile)}


def verdicts_of(profile: Profile) -> tuple[Verdict, ...]:
    """Return what stands out, the gravest first."""
    found = [*_about_rows(profile), *_about_tokens(profile), *_about_answers(profile), *_about_labels(profile)]
    order = ("error", "warn", "info")
    found.sort(key=lambda verdict: order.index(verdict.severity))
    return tuple(found) or (Verdict("info", "Nothing stands out."),)


def counted(number: int, noun: str) -> str:
    """Return `1 row`, `1,204 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """Return a share as a percentage that never rounds something to nothing, nor nearly all to all."""
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    if share < 0.001:
        return "< 0.1 %"
    if share > 0.999:
        return "> 99.9 %"
    return f"{100 * share:.1f} %" if share < 0.1 or share > 0.99 else f"{100 * share:.0f} %"


def _about_rows(profile: Profile) -> Iterator[Verdict]:
    if not profile.num_rows:
        yield Verdict("error", "No row can be used.")
    if profile.num_unusable:
        share = f"{profile.num_unusable:,} of {counted(profile.num_records, 'record')}"
        yield Verdict("error", f"{share} cannot be used: `tunewright data check` names each fault.")


def _about_tokens(profile: Profile) -> Iterator[Verdict]:
    tokens = profile.tokens
    if tokens is None:
        return
    if tokens.num_not_encoded:
        rows = f"{tokens.num_not_encoded:,} of {counted(profile.num_rows, 'row')}"
        first = f" The first: {tokens.faults[0]}" if tokens.faults else ""
        yield Verdict("error", f"{rows} cannot be encoded for {tokens.model}.{first}")
    if not tokens.num_training_rows:
        return
    if not tokens.answers.total:
        yield Verdict("error", "No token is taught: there is nothing to learn from.")
    yield from _about_limits(tokens)
    taught = f"{percent(tokens.taught_share)} of {counted(tokens.rows.total, 'token')}"
    yield Verdict("info", f"{taught} {'is' if tokens.rows.total == 1 else 'are'} taught, the rest is context.")
    shared = tokens.shared_prefixes
    if shared.whole_set > 0:
        at_least = "at least " if shared.is_sample else ""
        yield Verdict("info", f"The prompt tree can save {at_least}{percent(shared.whole_set)} of the tokens.")


def _about_limits(tokens: TokenProfile) -> Iterator[Verdict]:
    deciding = tokens.at(tokens.deciding_limit)
    if deciding.num_cut:
        yield Verdict("warn", _loss_text(deciding, tokens.num_training_rows))
    else:
        longest = f"the longest has {counted(tokens.rows.max, 'token')}"
        yield Verdict("info", f"No row is longer than {deciding.limit:,} tokens, {deciding.why}; {longest}.")
    silent = tokens.at(_SILENT_LIMIT)
    if silent.num_cut and silent.limit < deciding.limit:
        yield Verdict("warn", _loss_text(silent, tokens.num_training_rows, ", where several trainers cut in silence"))


def _loss_text(loss: LimitLoss, num_rows: int, remark: str = "") -> str:
    if not loss.num_answers_cut:
        rows = f"{loss.num_cut:,} of {counted(num_rows, 'row')} would be cut at {loss.limit:,} tokens{remark}"
        return f"{rows}: no answer token would be lost."
    answers = f"{loss.num_answers_cut:,} of {counted(num_rows, 'answer')} would be cut at {loss.limit:,} tokens{remark}"
    gone = f", {counted(loss.num_answers_gone, 'whole answer')} among them" if loss.num_answers_gone else ""
    return f"{answers}: {counted(loss.num_answer_tokens_lost, 'answer token')} lost{gone}."


def _about_answers(profile: Profile) -> Iterator[Verdict]:
    answers = profile.answers
    total = counted(answers.count, "answer")
    if answers.num_empty:
        yield Verdict("warn", f"{answers.num_empty:,} of {total} {_be(answers.num_empty)} empty.")
    if profile.num_untaught_turns:
        rows = counted(profile.num_rows_with_untaught_turns, "row")
        turns = counted(profile.num_untaught_turns, "assistant turn")
        yield Verdict("info", f"{turns} in {rows} {_be(profile.num_untaught_turns)} context only (weight 0).")
    if profile.labels:
        return
    if answers.num_short:
        yield Verdict("info", f"{answers.num_short:,} of {total} {_be(answers.num_short)} short: {answers.short_rule}.")
    top = next((each for each in answers.repeated if each.value), None)
    if top and top.count >= max(_REPEATED_LEAST, _REPEATED_SHARE * answers.count):
        yield Verdict("warn", f"{top.count:,} of {total} are the same: {_quoted(top.value)}")


def _about_labels(profile: Profile) -> Iterator[Verdict]:
    labels = profile.labels
    if labels is None:
        return
    if labels.is_guessed:
        yield Verdict("info", f"The answers take {counted(labels.num_distinct, 'value')}: they are treated as labels.")
    most = _quoted(labels.counts[0].value)
    if labels.num_distinct == 1:
        yield Verdict("warn", f"There is only one label: {most}")
        return
    share = f"makes up {percent(labels.largest_share)}."
    # Most words of a sentence are no entity: their tag outweighs all others in every set.
    is_tags = labels.origin == LABELS_OF_KIND["token_labels"]
    if labels.largest_share >= _LARGE_LABEL_SHARE and not is_tags:
        yield Verdict("warn", f"The labels are unbalanced: {most} {share}")
    else:
        yield Verdict("info", f"{labels.num_distinct:,} labels; the most frequent, {most}, {share}")


def _be(number: int) -> str:
    return "is" if number == 1 else "are"


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return f'"{line}"' if len(line) <= _MAX_QUOTED else f'"{line[: _MAX_QUOTED - 1].rstrip()}…"'
