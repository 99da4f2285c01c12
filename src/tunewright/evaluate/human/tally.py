"""Who won, from what raters chose: the win rate with its interval, their agreement, and whether a side was favoured.

A tie is half a win for both and is listed apart. A row that several people rated counts once, with their mean, so that
more raters are not more rows. Rows with equal answers are ties that nobody was asked about. Deliberately does not know
files, nor how an interval is taken: that arrives as a callable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tunewright.evaluate.human.agreement import cohen_kappa, krippendorff_alpha
from tunewright.evaluate.human.ratings import Preferred, Rating
from tunewright.evaluate.human.sheet import SheetKey
from tunewright.runs.evaluation import Score

AgreementKind = Literal["cohen_kappa", "krippendorff_alpha"]


class HumanResult(BaseModel):
    """Who won, how sure that is, and whether the raters can be trusted."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    column_a: str
    column_b: str
    win_rate: float | None
    """Mean over rows of column A's points: 1 a win, 0.5 a tie, 0 a defeat. None: nothing was rated."""
    low: float | None
    high: float | None
    num_rows: int
    """Rows with a rating, and those whose answers are equal."""
    num_wins: int
    """Rows on which more raters chose A than B."""
    num_losses: int
    num_ties: int
    """Rows without a winner, those with equal answers included."""
    num_same: int
    """Rows whose answers are equal word for word; nobody was asked."""
    p_value: float | None
    """Exact sign test on the rows that have a winner, both sides; None without any."""
    num_ratings: int
    num_missing: int
    """Questions of the sheets that nobody answered."""
    agreement: float | None
    """1: always the same choice; 0: as often as chance would have it. None: it cannot be told."""
    agreement_kind: AgreementKind | None
    num_shared: int
    """Rows with ratings of several people."""
    left_share: float | None
    """Share of left among the choices of a side: 0.5 if sides do not matter, as A stands left on half of the rows."""
    left_low: float | None
    left_high: float | None
    num_sided: int
    """Choices of a side behind it."""


def tally(
    key: SheetKey,
    ratings: Sequence[Rating],
    score: Callable[[Sequence[float]], Score],
    share_interval: Callable[[int, int], tuple[float, float]],
) -> HumanResult:
    """Return who won.

    Args:
        score: points of the rows, each 0…1 → their mean with its 95 % interval (bootstrap over rows).
        share_interval: (hits, tries) → a 95 % interval of the share (Wilson).
    """
    rows: dict[str, dict[str, Preferred]] = {}
    for rating in ratings:
        rows.setdefault(rating.row, {})[rating.rater] = rating.preferred
    points = [_points(choices.values()) for choices in rows.values()] + [0.5] * len(key.same)
    won = score(points) if points else None
    num_wins, num_losses = sum(p > 0.5 for p in points), sum(p < 0.5 for p in points)
    sided = [rating.side for rating in ratings if rating.side != "tie"]
    left_low, left_high = share_interval(sided.count("left"), len(sided)) if sided else (None, None)
    shared = [choices for choices in rows.values() if len(choices) > 1]
    kind, agreement = _agreement(shared)
    return HumanResult(
        column_a=key.column_a,
        column_b=key.column_b,
        win_rate=won.mean if won else None,
        low=won.low if won else None,
        high=won.high if won else None,
        num_rows=len(points),
        num_wins=num_wins,
        num_losses=num_losses,
        num_ties=len(points) - num_wins - num_losses,
        num_same=len(key.same),
        p_value=sign_test(num_wins, num_losses),
        num_ratings=len(ratings),
        num_missing=sum(map(len, key.sides.values())) - len(ratings),
        agreement=agreement,
        agreement_kind=kind,
        num_shared=len(shared),
        left_share=sided.count("left") / len(sided) if sided else None,
        left_low=left_low,
        left_high=left_high,
        num_sided=len(sided),
    )


def result_lines(result: HumanResult) -> list[str]:
    """Return the result in words, the verdict first."""
    if result.win_rate is None or result.low is None or result.high is None:
        return [f"{result.column_a} against {result.column_b}: nothing was rated"]
    lines = [
        f"{_verdict(result)}: {result.column_a} wins {100 * result.win_rate:.1f} % of {result.num_rows} rows "
        f"(95 % interval {100 * result.low:.1f} % to {100 * result.high:.1f} %, a tie being half a win)",
        f"{result.num_wins} won, {result.num_losses} lost, {result.num_ties} tied "
        f"({result.num_same} with equal answers, which nobody was asked about)",
    ]
    if result.p_value is not None:
        lines.append(f"sign test on the rows with a winner: p = {result.p_value:.2g}")
    if result.agreement_kind is not None:
        name = {"cohen_kappa": "Cohen's kappa", "krippendorff_alpha": "Krippendorff's alpha"}[result.agreement_kind]
        value = "cannot be told: all choices are the same" if result.agreement is None else f"{result.agreement:.2f}"
        lines.append(f"agreement of the raters ({name}, {result.num_shared} shared rows): {value}")
    if result.left_share is not None and result.left_low is not None and result.left_high is not None:
        is_biased = not result.left_low <= 0.5 <= result.left_high
        lines.append(
            f"the left side was chosen in {100 * result.left_share:.1f} % of {result.num_sided} choices of a side"
            + (": the raters prefer a side, whatever stands there" if is_biased else "")
        )
    if result.num_missing:
        lines.append(f"{result.num_missing} questions have no rating")
    return lines


def sign_test(num_wins: int, num_losses: int) -> float | None:
    """Return the exact two-sided p-value of as uneven a split of wins and defeats if both were as likely."""
    total = num_wins + num_losses
    if not total:
        return None
    tail = sum(math.comb(total, k) for k in range(min(num_wins, num_losses) + 1))
    return min(1.0, 2 * tail / 2**total)


def _agreement(
    shared: Sequence[Mapping[str, Preferred]],
) -> tuple[AgreementKind | None, float | None]:
    raters = sorted({rater for choices in shared for rater in choices})
    if not shared:
        return None, None
    if len(raters) == 2:
        return "cohen_kappa", cohen_kappa([(choices[raters[0]], choices[raters[1]]) for choices in shared])
    return "krippendorff_alpha", krippendorff_alpha([list(choices.values()) for choices in shared])


_POINTS: dict[Preferred, float] = {"a": 1.0, "tie": 0.5, "b": 0.0}


def _points(choices: Collection[Preferred]) -> float:
    return sum(_POINTS[choice] for choice in choices) / len(choices)


def _verdict(result: HumanResult) -> str:
    assert result.low is not None
    assert result.high is not None
    if result.low > 0.5:
        return f"{result.column_a} is preferred"
    return f"{result.column_b} is preferred" if result.high < 0.5 else "no preference is shown"
