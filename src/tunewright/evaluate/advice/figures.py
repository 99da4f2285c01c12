"""How is a number written so that people read it and it can still be traced? Money, counts, points, roughly.

A number is never rounded to nought unless it is nought. Does not know what any number means; scores in per cent are
written by `runs.summary.score_text`.
"""

from __future__ import annotations

import math

_TOO_LONG = 1e12


def money_text(dollars: float) -> str:
    """Return dollars with cents from $0.10 on, whole from $100 on, and with two significant digits below that."""
    size = abs(dollars)
    if 1e-9 < size < 0.1:
        whole, _, cents = f"{dollars:.{1 - math.floor(math.log10(size))}f}".partition(".")
        return f"${whole}.{cents.rstrip('0').ljust(2, '0')}"
    return f"${dollars:.2f}" if 0.1 <= size < 100 else "$" + number_text(dollars, digits=2)


def number_text(value: float, digits: int = 3) -> str:
    """Return a number to `digits` significant digits or the next whole number, with commas and no empty decimals."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    size = abs(value)
    if size >= _TOO_LONG or size < 1e-4:
        return f"{value:.{digits - 1}e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def roughly(value: float) -> str:
    """Return a count to two significant digits: what follows from estimates has no more."""
    if not math.isfinite(value) or abs(value) >= _TOO_LONG:
        return f"{value:.1e}"
    places = 1 - math.floor(math.log10(abs(value))) if abs(value) >= 100 else 0
    return f"{round(value, places):,.0f}"


def points_text(difference: float) -> str:
    """Return the size of a difference of scores in points (hundredths), without its sign."""
    points = 100 * abs(difference)
    return (
        number_text(points, digits=1) if points < 0.05 or points >= _TOO_LONG else f"{points:,.1f}".removesuffix(".0")
    )
