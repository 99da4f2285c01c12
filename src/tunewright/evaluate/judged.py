"""What a language model prefers, answer by answer: wins, losses and ties of one column against another.

Each pair is shown in both orders, and only a preference that survives the exchange is a win (`graders.judge`). Rows of
one group are no independent evidence for the interval. Does not know who the judge is, nor where answers come from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from tunewright.evaluate.columns import group_text
from tunewright.evaluate.statistics.intervals import score_of
from tunewright.graders.grade import Item
from tunewright.graders.judge import QUOTED, Ask, PairVerdict, agreement, compare_pair
from tunewright.runs.evaluation import Answer, JudgedPairs
from tunewright.spec.grader import JudgeSpec

NO_ANSWER = "one of the two was not answered at all"
_POINTS = {"first": 1.0, "tie": 0.5, "second": 0.0}
_MAX_REASONS = 10
_OTHER = "other reasons"


def judge_pairs(
    ask: Ask,
    spec: JudgeSpec,
    rows: Sequence[Item],
    a: Sequence[str | None],
    b: Sequence[str | None],
    *,
    column: str,
    against: str,
    title: str,
    seed: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> JudgedPairs:
    """Return how often the judge prefers `a`, the answers of `column`, to `b`, those of `against`, on the same rows.

    Identical answers, white space around them aside, are a tie without asking: a judge could only err. They count in
    the win rate and not in `consistent` and `place_bias`, which are of the pairs that were asked. An answer that is
    None was never given (`given_text`): that pair has no verdict. The interval takes rows with the same
    `metadata.group` for one piece of evidence.

    Args:
        title: of the judge's grader.
        seed: of the interval's bootstrap.
        on_progress: gets (pairs done, pairs) after each pair.

    Raises:
        ValueError: if `rows`, `a` and `b` are not equally many.
    """
    verdicts: list[PairVerdict] = []
    asked: list[PairVerdict] = []
    for item, first, second in zip(rows, a, b, strict=True):
        known = _without_asking(first, second)
        verdict = known or compare_pair(ask, spec, item, first or "", second or "")
        verdicts.append(verdict)
        asked += [] if known else [verdict]
        if on_progress is not None:
            on_progress(len(verdicts), len(rows))
    judged = [(item, each) for item, each in zip(rows, verdicts, strict=True) if not each.failure]
    winners = Counter(each.winner for _, each in judged)
    failures = _counted(each.failure for each in verdicts if each.failure)
    trust = agreement(asked)
    found = JudgedPairs(
        column=column,
        against=against,
        judge=title,
        wins=winners["first"],
        losses=winners["second"],
        ties=winners["tie"],
        consistent=trust.consistent,
        place_bias=trust.place_bias,
        num_failed=len(verdicts) - len(judged),
        failures=failures,
    )
    if not judged:
        return found
    points = [_POINTS[each.winner] for _, each in judged]
    rate = score_of(points, found.num_failed, [_group(item) for item, _ in judged], seed=seed)
    return found.model_copy(update={"win_rate": rate.mean, "low": rate.low, "high": rate.high})


def given_text(answer: Answer) -> str | None:
    """Return the text of an answer; None if there is none: a service failed, or the prompt filled the context.

    An empty text that the model itself ended is an answer.
    """
    was_given = bool(answer.text) or answer.has_ended or answer.completion_tokens > 0
    return answer.text if was_given else None


def _without_asking(first: str | None, second: str | None) -> PairVerdict | None:
    if first is None or second is None:
        return PairVerdict("tie", consistent=False, failure=NO_ANSWER)
    return PairVerdict("tie", consistent=True) if first.strip() == second.strip() else None


def _group(item: Item) -> str | None:
    return group_text(item.meta.get("group"))


def _counted(reasons: Iterable[str]) -> dict[str, int]:
    """Return how often each reason was given, the most frequent first; what the judge said instead is not told."""
    # A service may answer with half a character, which no file could hold.
    plain = (reason.partition(QUOTED)[0].encode("utf-8", "backslashreplace").decode("utf-8") for reason in reasons)
    counts = sorted(Counter(plain).items(), key=lambda entry: (-entry[1], entry[0]))
    rest = sum(count for _, count in counts[_MAX_REASONS:])
    return dict(counts[:_MAX_REASONS]) | ({_OTHER: rest} if rest else {})
