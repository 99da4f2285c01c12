"""Do raters choose alike more often than chance would have it?

Cohen's kappa (1960, equation 1) for two raters; Krippendorff's alpha for nominal values ("Computing Krippendorff's
Alpha-Reliability", 2011, section C and D) for any number of them, of whom some may be missing. 1 is perfect agreement,
0 that of chance. Deliberately does not know what was rated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def cohen_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return (p_o − p_e) / (1 − p_e) of two raters' choices: observed agreement, and that of chance (Cohen 1960).

    None if there is none, or if chance alone gives 1 (both always chose the same one thing).
    """
    if not pairs:
        return None
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    # In whole numbers: whether chance gives exactly 1 must not hang on rounding.
    observed, by_chance = sum(a == b for a, b in pairs) * len(pairs), sum(first[word] * second[word] for word in first)
    if by_chance == len(pairs) ** 2:
        return None
    return (observed - by_chance) / (len(pairs) ** 2 - by_chance)


def krippendorff_alpha(units: Sequence[Sequence[str]]) -> float | None:
    """Return 1 − D_o / D_e for nominal values; each unit has the values that its raters gave, in any number.

    With the coincidences o_ck, each unit of m values adding its ordered pairs weighted 1 / (m − 1), and the sums n_c
    and n: alpha = 1 − (n − 1) · Σ_{c≠k} o_ck / Σ_{c≠k} n_c n_k. None if nothing is paired or all values are the same.
    """
    paired = [Counter(unit) for unit in units if len(unit) > 1]
    totals: Counter[str] = Counter()
    disagreeing = 0.0
    for counts in paired:
        size = counts.total()
        totals += counts
        disagreeing += (size**2 - sum(count**2 for count in counts.values())) / (size - 1)
    size = totals.total()
    expected = size**2 - sum(count**2 for count in totals.values())
    return None if not expected else 1 - (size - 1) * disagreeing / expected
