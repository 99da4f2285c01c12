"""How much wording an answer shares with its reference: BLEU, chrF and ROUGE, as the published scores count it.

Counting is left to sacrebleu and rouge-score; their signatures go with the scores of a set. Ours are the bounds: texts
of any length and script get a score in seconds, and no text raises. Deliberately does not know meaning: two answers
that say the same in other words share little.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Protocol

from tunewright.errors import MissingExtraError
from tunewright.graders.grade import NO_REFERENCE, Grade, GradeFailure, Item, Output, SetScore
from tunewright.spec.grader import BleuSpec, ChrfSpec, RougeSpec

MAX_CHARACTERS = 100_000
"""Longest part of a text that is compared. Some 20,000 words: beyond, n-grams take memory by the gigabyte."""

UNSPACED = r"\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
"""Scripts written without spaces, for a character class: Thai to Myanmar, Khmer, kana, the Chinese characters."""

_NO_WORDS = GradeFailure("the reference is empty: there is no wording to compare with")
_UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")
_PORTER_FROM = 4  # rouge-score leaves shorter words as they are, and so must the words of other scripts' texts


class _Words(Protocol):
    def tokenize(self, text: str) -> list[str]: ...


class Bleu:
    """BLEU of sacrebleu over 100, in [0, 1]: of a sentence (effective order) for one answer, of the corpus for a set.

    Papineni et al. 2002 (aclanthology P02-1040), section 2.3; exponential smoothing. An empty answer gets 0, an empty
    reference is a failure. Checked against sacrebleu called directly.

    Raises:
        MissingExtraError: if sacrebleu is not installed.
    """

    def __init__(self, spec: BleuSpec) -> None:
        bleu = _sacrebleu().BLEU
        # `force` only silences a warning about texts that look tokenized; models do write such.
        self._sentence: Any = bleu(tokenize=spec.tokenize, effective_order=True, force=True)
        self._corpus: Any = bleu(tokenize=spec.tokenize, force=True)

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        return _sentence_grade(self._sentence, output, item)

    def grade_set(self, graded: Sequence[tuple[Output, Item]], /) -> SetScore:
        """Return corpus BLEU in [0, 1] as `bleu_corpus`, and sacrebleu's signature."""
        return _corpus_score("bleu_corpus", self._corpus, graded)


class Chrf:
    """chrF of sacrebleu over 100, in [0, 1]: F2 over character n-grams up to 6 (and words, with `word_order`).

    Popović 2015 (aclanthology W15-3049), equation 1 with beta 2. An empty answer gets 0, an empty reference is a
    failure. Checked against sacrebleu called directly.

    Raises:
        MissingExtraError: if sacrebleu is not installed.
    """

    def __init__(self, spec: ChrfSpec) -> None:
        self._chrf: Any = _sacrebleu().CHRF(word_order=spec.word_order)

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        return _sentence_grade(self._chrf, output, item)

    def grade_set(self, graded: Sequence[tuple[Output, Item]], /) -> SetScore:
        """Return chrF over the counts of all rows in [0, 1] as `chrf_corpus`, and sacrebleu's signature."""
        return _corpus_score("chrf_corpus", self._chrf, graded)


class Rouge:
    """ROUGE F1 in [0, 1]: words, pairs of words, or the longest common subsequence of words (Lin 2004, W04-1013).

    Words are those of rouge-score: runs of a-z and 0-9, which leaves nothing of most languages. A pair of texts that
    has letters beyond those is therefore cut into words of any script, and the signature says for how many rows. A
    reference with too few words to hold a pair is a failure. Checked against rouge-score called directly; the longest
    common subsequence itself is rapidfuzz's, because rouge-score's table takes 10¹⁰ cells for two long texts.

    Raises:
        MissingExtraError: if rouge-score or rapidfuzz is not installed.
    """

    def __init__(self, spec: RougeSpec) -> None:
        scorer, tokenizers, stemmer = _rouge_score()
        self._kind = spec.kind
        self._stem = spec.stem
        self._stemmer: Any = stemmer if spec.stem else None
        self._plain: _Words = tokenizers.DefaultTokenizer(use_stemmer=spec.stem)
        self._scorer: Any = scorer
        self._common: Any = _longest_common() if spec.kind == "rouge_l" else None

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        if item.reference is None:
            return NO_REFERENCE
        scores = self._score(_cut(output.text), _cut(item.reference))
        return scores if isinstance(scores, GradeFailure) else scores[2]

    def grade_set(self, graded: Sequence[tuple[Output, Item]], /) -> SetScore:
        """Return mean precision and recall in [0, 1]: a low one says that answers are too long, or too short."""
        pairs = [(_cut(output.text), _cut(item.reference or "")) for output, item in graded]
        scores = [found for pair in pairs if not isinstance(found := self._score(*pair), GradeFailure)]
        if not scores:
            return SetScore({})
        precisions, recalls, _ = zip(*scores, strict=True)
        values = {
            f"{self._kind}_precision": sum(precisions) / len(scores),
            f"{self._kind}_recall": sum(recalls) / len(scores),
        }
        num_other = sum(_has_other_letters(*pair) for pair in pairs)
        parts = [f"rouge-score {version('rouge-score')}", f"stemmer {'yes' if self._stem else 'no'}"]
        if num_other:
            parts.append(f"words of any script in {num_other} of {len(pairs)} rows")
        return SetScore(values, ", ".join(parts) + _cut_note(graded))

    def _score(self, given: str, wanted: str) -> tuple[float, float, float] | GradeFailure:
        """Return precision, recall and F1."""
        words: _Words = AnyScriptWords(self._stemmer) if _has_other_letters(given, wanted) else self._plain
        num_wanted = len(wanted_words := words.tokenize(wanted))
        if num_wanted < (2 if self._kind == "rouge_2" else 1):
            return GradeFailure(f"the reference has too few words for {self._kind}: {num_wanted}")
        if self._kind != "rouge_l":
            name = self._kind.replace("_", "")
            found = self._scorer.RougeScorer([name], tokenizer=words).score(wanted, given)[name]
            return float(found.precision), float(found.recall), float(found.fmeasure)
        given_words = words.tokenize(given)
        if not given_words:
            return 0.0, 0.0, 0.0
        num_common = self._common.similarity(wanted_words, given_words)
        f1 = 2 * num_common / (num_wanted + len(given_words))
        return num_common / len(given_words), num_common / num_wanted, f1


class AnyScriptWords:
    """Cuts a text of any script into lower-case words, in the form that rouge-score takes a tokenizer.

    A word is a run of letters, digits and the marks on them; a character of a script without spaces is a word of its
    own. `stemmer` (with a method `stem`) is asked for plain English words only.
    """

    def __init__(self, stemmer: Any = None) -> None:
        self._stemmer = stemmer

    def tokenize(self, text: str) -> list[str]:
        """Return the words of `text`."""
        spaced: list[str] = []
        # Composed, so that both ways of writing é are one; not NFKC, which would make ² a 2.
        for character in unicodedata.normalize("NFC", text.lower()):
            if character.isascii():
                spaced.append(character if character.isalnum() else " ")
            elif _UNSPACED_LETTER.match(character) and character.isalpha():
                spaced.append(f" {character}")
            else:
                spaced.append(character if character.isalnum() or _is_mark(character) else " ")
        return [self._stemmed(word) for word in "".join(spaced).split()]

    def _stemmed(self, word: str) -> str:
        if self._stemmer is None or not word.isascii() or len(word) < _PORTER_FROM:
            return word
        return self._stemmer.stem(word)


def _sentence_grade(metric: Any, output: Output, item: Item) -> Grade:
    if item.reference is None:
        return NO_REFERENCE
    if not item.reference.strip():
        return _NO_WORDS
    return _share(metric.sentence_score(_cut(output.text), [_cut(item.reference)]).score)


def _corpus_score(name: str, metric: Any, graded: Sequence[tuple[Output, Item]]) -> SetScore:
    pairs = [(_cut(output.text), _cut(item.reference)) for output, item in graded if (item.reference or "").strip()]
    if not pairs:
        return SetScore({})
    outputs, references = zip(*pairs, strict=True)
    score = metric.corpus_score(outputs, [references]).score
    return SetScore({name: _share(score)}, f"{metric.get_signature()}{_cut_note(graded)}")


def _share(percent: float) -> float:
    # exp and log make 100.00000000000004 of a perfect answer; twelve places are more than any of them means.
    return min(1.0, round(percent / 100, 12))


def _cut(text: str | None) -> str:
    return (text or "")[:MAX_CHARACTERS]


def _cut_note(graded: Sequence[tuple[Output, Item]]) -> str:
    longest = max((len(text) for output, item in graded for text in (output.text, item.reference or "")), default=0)
    return f", first {MAX_CHARACTERS:,} characters of each text" if longest > MAX_CHARACTERS else ""


def _has_other_letters(*texts: str) -> bool:
    return any(not text.isascii() and any(c > "\x7f" and c.isalnum() for c in text) for text in texts)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"


def _sacrebleu() -> Any:
    try:
        from sacrebleu import metrics
    except ImportError as error:
        raise MissingExtraError.of("evaluate", "sacrebleu") from error
    return metrics


def _rouge_score() -> tuple[Any, Any, Any]:
    """Return rouge-score's scorer and tokenizers, and the stemmer that the latter use."""
    try:
        from nltk.stem.porter import PorterStemmer
        from rouge_score import rouge_scorer, tokenizers
    except ImportError as error:
        raise MissingExtraError.of("evaluate", "rouge_score") from error
    return rouge_scorer, tokenizers, PorterStemmer()


def _longest_common() -> Any:
    try:
        from rapidfuzz.distance import LCSseq
    except ImportError as error:
        raise MissingExtraError.of("evaluate", "rapidfuzz") from error
    return LCSseq
