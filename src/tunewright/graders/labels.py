"""Graders for classification: which label an answer gives, and how often which label is taken for which.

Models seldom answer with the bare label, so it is looked for; an answer with none or with several known labels is
wrong, and is counted as "no known label". F1 is scikit-learn's. Deliberately does not know probabilities of labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from tunewright.errors import MissingExtraError
from tunewright.graders.grade import NO_REFERENCE, Confusion, Grade, Item, Output, SetScore
from tunewright.graders.words import Contains, normalised
from tunewright.spec.grader import ContainsSpec, LabelSpec

# A label stands near the start; an answer that runs on for pages would take as long as all others together.
_MAX_SEARCHED = 10_000
_MAX_NAMED = 10


class Label:
    """1 if the answer's label is the reference's, else 0; both without case, white space and final punctuation.

    The answer's label is the known label that it equals; else the only known label that stands in it as whole words
    (a label inside a longer one, such as "spam" in "not spam", does not count); else none. Known are the labels of the
    recipe, else those handed to `use_labels`; a row's own reference is known for that row. With no labels known at
    all, only equality counts: nobody could tell a label from a remark.

    Raises:
        MissingExtraError: if scikit-learn is not installed.
    """

    def __init__(self, spec: LabelSpec) -> None:
        self._metrics: Any = _sklearn_metrics()
        self._contains = Contains(ContainsSpec())
        self._is_fixed = bool(spec.labels)
        self._known = _by_normal_form(spec.labels)
        self._taught: frozenset[str] = frozenset()

    def use_labels(self, labels: Iterable[str], *, taught: Iterable[str] = ()) -> None:
        """Take the references of training and held-out rows as the known labels, unless the recipe names its own.

        `taught` are those of the training rows alone: the signature of a set names the labels that they lack. Empty:
        nobody knows, and nothing is said.
        """
        self._taught = frozenset(_by_normal_form(taught))
        if not self._is_fixed:
            self._known = _by_normal_form(labels)

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        if item.reference is None:
            return NO_REFERENCE
        return float(self._given(output.text, item.reference) == normalised(item.reference))

    def grade_set(self, graded: Sequence[tuple[Output, Item]], /) -> SetScore:
        """Return accuracy, macro and weighted F1, the F1 of each label of the references, and the confusion matrix.

        Macro-F1 is the mean over the labels that the references have: the same ones for every model that is compared.
        References that are no known label are labels of their own; the signature names them, and those that no
        training row has, with their rows.
        """
        pairs = [(output.text, item.reference) for output, item in graded if item.reference is not None]
        if not pairs:
            return SetScore({})
        labels = self._known | _by_normal_form(reference for _, reference in pairs)
        code = {label: number for number, label in enumerate(labels)}
        wanted = [code[normalised(reference)] for _, reference in pairs]
        answered = [self._given(*pair) for pair in pairs]
        given = [len(code) if label is None else code[label] for label in answered]
        present = sorted(set(wanted))
        of_each = self._f1(wanted, given, present, None)
        names = list(labels.values())
        values = {
            "accuracy": float(self._metrics.accuracy_score(wanted, given)),
            "macro_f1": float(self._f1(wanted, given, present, "macro")),
            "weighted_f1": float(self._f1(wanted, given, present, "weighted")),
            **{f"f1: {names[number]}": float(f1) for number, f1 in zip(present, of_each, strict=True)},
        }
        num_rows = Counter(normalised(reference) for _, reference in pairs)
        return SetScore(values, self._signature(labels, num_rows), _confusion(names, wanted, given))

    def _given(self, text: str, reference: str) -> str | None:
        """Return the normal form of the label that `text` gives, or None."""
        plain, known = normalised(text), {*self._known, normalised(reference)}
        if plain in known:
            return plain
        return self._only_one_within(plain[:_MAX_SEARCHED], known) if self._known else None

    def _only_one_within(self, plain: str, known: set[str]) -> str | None:
        found: str | None = None
        # Longest first, each taken out of the text: a label that stands only inside a longer one is not found then.
        candidates = (label for label in known if label and label in plain)
        for label in sorted(candidates, key=lambda label: (-len(label), label)):
            if self._contains(Output(plain), Item(label)) != 1.0:
                continue
            if found is not None:
                return None
            found, plain = label, plain.replace(label, " | ")
        return found

    def _f1(self, wanted: list[int], given: list[int], labels: list[int], average: str | None) -> Any:
        return self._metrics.f1_score(wanted, given, labels=labels, average=average, zero_division=0)

    def _signature(self, labels: Mapping[str, str], num_rows: Mapping[str, int]) -> str:
        """Return how the scores can be repeated; `num_rows` has how many references are each label."""
        parts = [f"scikit-learn {version('scikit-learn')}, F1 over the {len(num_rows)} labels of the references"]
        unknown = [repr(spelled) for plain, spelled in labels.items() if plain not in self._known]
        if unknown and self._known:
            parts.append(f"no known labels, yet references: {_first(unknown)}")
        untaught = [
            f"{labels[plain]!r} ({count:,})" for plain, count in sorted(num_rows.items()) if plain not in self._taught
        ]
        if untaught and self._taught:
            parts.append(f"labels that no training row has, and their rows: {_first(untaught)}")
        return "; ".join(parts)


def _first(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _MAX_NAMED} more" if len(texts) > _MAX_NAMED else ""
    return ", ".join(texts[:_MAX_NAMED]) + more


def _confusion(names: Sequence[str], wanted: Sequence[int], given: Sequence[int]) -> Confusion:
    counts = [[0] * (len(names) + 1) for _ in names]
    for expected, answered in zip(wanted, given, strict=True):
        counts[expected][answered] += 1
    return Confusion(tuple(names), tuple(tuple(row) for row in counts))


def _by_normal_form(labels: Iterable[str]) -> dict[str, str]:
    """Return each label as first spelled, stripped, by its normal form; sorted, so that no order of rows shows."""
    spelled: dict[str, str] = {}
    for label in labels:
        spelled.setdefault(normalised(label), label.strip())
    return dict(sorted(spelled.items()))


def _sklearn_metrics() -> Any:
    try:
        from sklearn import metrics
    except ImportError as error:
        raise MissingExtraError.of("evaluate", "scikit-learn") from error
    return metrics
