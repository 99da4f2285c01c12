"""How much worse than its base a tuned model does on what it was not taught.

The base's mean score on a general suite minus the tuned model's, on the same rows, with a paired interval: positive is
forgotten. A loss counts as forgetting once its whole interval is above 0; a gate may ask for less. Deliberately does
not know suites nor how the interval comes about: the comparison arrives as a callable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tunewright.runs.evaluation import Comparison, Signal

_MAX_EXAMPLES = 10

Scores = Sequence[float | None]
"""One score per row, None where an answer could not be judged."""

Compare = Callable[[Scores, Scores, Sequence[str | None]], Comparison]
"""(scores, scores held against them, group of each row) → their paired comparison."""


def forgetting(
    base_scores: Scores,
    tuned_scores: Scores,
    groups: Sequence[str | None],
    compare: Compare,
    *,
    suite: str = "starter",
    domains: Sequence[str] = (),
) -> Signal:
    """Return the signal `forgetting`: mean score of base − tuned over the rows that both have a score for.

    Args:
        base_scores, tuned_scores: one for each row of the suite, 0…1.
        groups: rows of one group are no independent evidence; None: a row of its own.
        compare: the paired comparison, such as `compare_columns` with the names filled in.
        suite: its name, for the rule.
        domains: what each row is about; `examples` then tells where most was lost.

    Raises:
        ValueError: the sequences are not of one length.
    """
    if not len(base_scores) == len(tuned_scores) == len(groups) or (domains and len(domains) != len(groups)):
        raise ValueError("scores, groups and domains must have one entry for each row")
    pairs = [(b, t) for b, t in zip(base_scores, tuned_scores, strict=True) if b is not None and t is not None]
    if not pairs:
        rule = f"not measured: no row of the suite {suite} has a score for base and tuned"
        return Signal(name="forgetting", value=None, num_rows=0, is_bad=False, rule=rule)
    found = compare(base_scores, tuned_scores, groups)
    skipped = len(base_scores) - len(pairs)
    note = f"; {skipped} rows that could not be judged are left out" if skipped else ""
    base, tuned = _means(pairs)
    rule = (
        f"mean score on the suite {suite}: base {base:.3f} − tuned {tuned:.3f}{note}; "
        "bad if the difference is surely above 0"
    )
    return Signal(
        name="forgetting",
        value=found.difference,
        low=found.low,
        high=found.high,
        num_rows=found.num_rows,
        is_bad=found.low > 0,
        rule=rule,
        examples=_losses(base_scores, tuned_scores, domains)[:_MAX_EXAMPLES],
    )


_Pair = tuple[float, float]


def _means(pairs: Sequence[_Pair]) -> _Pair:
    return sum(base for base, _ in pairs) / len(pairs), sum(tuned for _, tuned in pairs) / len(pairs)


def _losses(base_scores: Scores, tuned_scores: Scores, domains: Sequence[str]) -> list[str]:
    """Return the domains in which the mean fell, the largest fall first."""
    members: dict[str, list[_Pair]] = {}
    for domain, base, tuned in zip(domains, base_scores, tuned_scores, strict=False):
        if domain and base is not None and tuned is not None:
            members.setdefault(domain, []).append((base, tuned))
    means = {domain: _means(pairs) for domain, pairs in members.items()}
    fallen = sorted((tuned - base, domain) for domain, (base, tuned) in means.items() if tuned < base)
    return [
        f"{domain}: {means[domain][0]:.2f} → {means[domain][1]:.2f} ({len(members[domain])} rows)"
        for _, domain in fallen
    ]
