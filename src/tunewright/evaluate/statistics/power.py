"""What this many rows could have shown: the smallest true difference that is found 8 times out of 10, and its inverse.

From the variance of the paired differences that were seen (Lachenbruch 1992 for right or wrong; Cohen 1988, ch. 2), at
the 5 % level on both sides. Counts groups where rows come in groups. Does not know which columns are compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tunewright.evaluate.statistics.intervals import ENOUGH_UNITS
from tunewright.evaluate.statistics.quantiles import normal_quantile
from tunewright.evaluate.statistics.units import Array, Units, units_of

_REACH = normal_quantile(0.975) + normal_quantile(0.8)
"""Standard errors between no difference and one that is shown with 80 % power: 2.80."""


def detectable_difference(
    differences: Sequence[float] | Array, groups: Sequence[str | None] | None = None
) -> float | None:
    """Return the smallest true mean of paired differences that this many units show with 80 % power at the 5 % level.

    max(2.80 · se, 2.80² · step / G), with 2.80 = z(97.5 %) + z(80 %), and a step the typical size of one unit's
    difference. The second is what remains when nothing varies yet: a difference that is made of whole steps varies
    itself (for right or wrong, 7.85 rows that all change for the better). The exact test costs a whole step more. None
    if there are fewer than two units, or if the answer is larger than any difference could be.
    """
    if not len(differences):
        return None
    units = units_of(differences, groups)
    num_units = len(units.sums)
    if num_units < 2:
        return None
    per_unit, step, loss = _spread(units)
    found = max(_REACH * per_unit / math.sqrt(num_units), _REACH**2 * step / num_units) + loss / num_units
    return found if found <= largest_difference(differences) else None


def rows_needed(
    difference: float, differences: Sequence[float] | Array, groups: Sequence[str | None] | None = None
) -> int | None:
    """Return how many rows like these, in groups of the same sizes, show a true `difference` with 80 % power.

    The inverse of `detectable_difference`; None where fewer than two units were seen.

    Raises:
        ValueError: if `difference` is not above 0.
    """
    if difference <= 0:
        raise ValueError(f"the difference to be shown must be above 0, got {difference}")
    units = units_of(differences, groups)
    if len(units.sums) < 2:
        return None
    per_unit, step, loss = _spread(units)
    # G solves difference = reach · sd / √G + loss / G.
    root = (_REACH * per_unit + math.sqrt((_REACH * per_unit) ** 2 + 4 * difference * loss)) / (2 * difference)
    num_units = max(root**2, (_REACH**2 * step + loss) / difference)
    # Rounding must not ask for one row more than there are.
    return math.ceil(num_units * float(units.sizes.mean()) - 1e-6)


def with_one_each_way(units: Units, reach: float) -> Units:
    """Return the units and two more, one of them wholly better by `reach` and one wholly worse.

    What Bonett & Price (2012) add to the discordant pairs, for any scores: it keeps the variance off 0.
    """
    size = math.sqrt(float((units.sizes**2).mean()))
    return Units(np.append(units.sums, [size * reach, -size * reach]), np.append(units.sizes, [size, size]))


def largest_difference(differences: Sequence[float] | Array) -> float:
    """Return 1, between scores from 0 to 1 the most there is, or the largest difference seen if that is more."""
    return max(1.0, float(np.abs(np.asarray(differences, dtype=np.float64)).max()))


def _spread(units: Units) -> tuple[float, float, float]:
    """Return the standard deviation of one unit, the typical size of a difference, and the step of an exact test."""
    seen = units
    if units.num_off_mode < ENOUGH_UNITS:
        seen = with_one_each_way(units, largest_difference(units.sums / units.sizes))
    deviation = seen.standard_error() * math.sqrt(len(seen.sums))
    sizes = np.abs(units.sums) / float(units.sizes.mean())
    step = float((sizes**2).sum() / sizes.sum()) if units.num_off_zero else 1.0
    is_exact = units.are_rows and bool(np.isin(units.sums, (-1.0, 0.0, 1.0)).all())
    return deviation, step, 1.0 if is_exact else 0.0
