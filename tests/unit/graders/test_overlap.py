"""BLEU, chrF and ROUGE are those of sacrebleu and rouge-score, and no text is too odd or too long for them."""

from __future__ import annotations

import importlib.util
import random
import sys
import time
from importlib.metadata import version

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from tunewright.errors import MissingExtraError
from tunewright.graders.grade import NO_REFERENCE, GradeFailure, Item, Output
from tunewright.graders.overlap import MAX_CHARACTERS, AnyScriptWords, Bleu, Chrf, Rouge
from tunewright.spec.grader import BleuSpec, ChrfSpec, RougeSpec

VOCABULARY = (
    "the a small Cat cats running, ran over 3.5 lazy DOG's tail; it's well-known & <b>bold</b> 42% - end.".split()
)


def _pairs() -> list[tuple[str, str]]:
    """Return 40 (answer, reference): from equal over shuffled and shortened to strange."""
    rng = random.Random(7)
    pairs: list[tuple[str, str]] = []
    for number in range(40):
        wanted = rng.choices(VOCABULARY, k=rng.randint(2, 40))
        kept = [word for word in wanted if rng.random() > (number % 5) / 8]
        given_ = kept + rng.choices(VOCABULARY, k=number % 7)
        if number % 3 == 0:
            rng.shuffle(given_)
        pairs.append((" ".join(given_), " ".join(wanted)))
    return pairs


PAIRS = _pairs()
SPOKEN = [
    ("Le chat est déjà parti.", "Le chat était déjà parti hier."),
    ("猫が寝ています。", "猫は寝ていた。"),
    ("Кот спит на диване", "Кот спал на старом диване"),
    ("नमस्ते दुनिया", "नमस्ते मेरी दुनिया"),
]
GRADED = [(Output(answer), Item(reference)) for answer, reference in PAIRS + SPOKEN]


def grade(grader: Bleu | Chrf | Rouge, answer: str, reference: str | None) -> float:
    found = grader(Output(answer), Item(reference))
    assert isinstance(found, float), found
    return found


@pytest.mark.parametrize("tokenize", ["13a", "intl", "zh", "char", "none"])
def test_bleu_is_sacrebleu_s_of_each_answer_and_of_the_corpus(tokenize: str) -> None:
    bleu = Bleu(BleuSpec.model_validate({"tokenize": tokenize}))
    direct = BLEU(tokenize=tokenize, effective_order=True)
    for answer, reference in PAIRS + SPOKEN:
        assert grade(bleu, answer, reference) == pytest.approx(direct.sentence_score(answer, [reference]).score / 100)
    corpus, found = BLEU(tokenize=tokenize), bleu.grade_set(GRADED)
    answers, references = zip(*PAIRS, *SPOKEN, strict=True)
    assert found.values == {"bleu_corpus": pytest.approx(corpus.corpus_score(answers, [references]).score / 100)}
    assert 0 < found.values["bleu_corpus"] < 1
    assert found.signature == str(corpus.get_signature())


@pytest.mark.parametrize("word_order", [0, 2])
def test_chrf_is_sacrebleu_s_of_each_answer_and_of_the_corpus(word_order: int) -> None:
    chrf, direct = Chrf(ChrfSpec(word_order=word_order)), CHRF(word_order=word_order)
    for answer, reference in PAIRS + SPOKEN:
        assert grade(chrf, answer, reference) == pytest.approx(direct.sentence_score(answer, [reference]).score / 100)
    found = chrf.grade_set(GRADED)
    answers, references = zip(*PAIRS, *SPOKEN, strict=True)
    assert found.values == {"chrf_corpus": pytest.approx(direct.corpus_score(answers, [references]).score / 100)}
    assert found.signature == str(direct.get_signature())


@pytest.mark.parametrize("stem", [False, True])
@pytest.mark.parametrize(("kind", "name"), [("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")])
def test_rouge_is_rouge_score_s_f1_precision_and_recall(kind: str, name: str, stem: bool) -> None:
    rouge = Rouge(RougeSpec.model_validate({"kind": kind, "stem": stem}))
    scorer = rouge_scorer.RougeScorer([name], use_stemmer=stem)
    direct = [scorer.score(reference, answer)[name] for answer, reference in PAIRS]
    assert [grade(rouge, *pair) for pair in PAIRS] == pytest.approx([score.fmeasure for score in direct])
    found = rouge.grade_set(GRADED[: len(PAIRS)])
    assert found.values == {
        f"{kind}_precision": pytest.approx(sum(score.precision for score in direct) / len(direct)),
        f"{kind}_recall": pytest.approx(sum(score.recall for score in direct) / len(direct)),
    }
    assert found.signature == f"rouge-score {version('rouge-score')}, stemmer {'yes' if stem else 'no'}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Le chat, déjà-vu!", ["le", "chat", "déjà", "vu"]),
        ("déjà", ["déjà"]),
        ("猫が寝る。 OK", ["猫", "が", "寝", "る", "ok"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("m² x_1", ["m²", "x", "1"]),
        ("ไทย", ["ไ", "ท", "ย"]),
    ],
)
def test_words_of_any_script_keep_their_letters_and_marks(text: str, words: list[str]) -> None:
    assert AnyScriptWords().tokenize(text) == words


def test_rouge_sees_words_beyond_ascii_and_says_so() -> None:
    rouge = Rouge(RougeSpec(kind="rouge_1"))
    assert rouge_scorer.RougeScorer(["rouge1"]).score("Кот спит", "Кот спит")["rouge1"].fmeasure == 0.0
    assert grade(rouge, "Кот спит", "Кот спит") == 1.0
    assert grade(rouge, "Кот лежит", "Кот спит") == 0.5
    assert rouge.grade_set(GRADED).signature.endswith(f"words of any script in 4 of {len(GRADED)} rows")


def test_stemming_leaves_words_of_other_alphabets_alone_and_stems_the_english_ones_beside_them() -> None:
    rouge = Rouge(RougeSpec(kind="rouge_1", stem=True))
    assert grade(rouge, "naïve cats running", "naïve cat runs") == 1.0


@pytest.mark.parametrize("grader", [Bleu(BleuSpec()), Chrf(ChrfSpec()), Rouge(RougeSpec())])
def test_an_empty_answer_gets_0_and_an_empty_reference_is_a_failure(grader: Bleu | Chrf | Rouge) -> None:
    assert grade(grader, "", "some words") == 0.0
    for reference in ("", " \n"):
        assert isinstance(grader(Output("some words"), Item(reference)), GradeFailure)
    assert grader(Output("some words"), Item(None)) == NO_REFERENCE
    assert not grader.grade_set([]).values
    assert not grader.grade_set([(Output("some words"), Item(""))]).values


def test_rouge_2_fails_where_the_reference_holds_no_pair_of_words() -> None:
    found = Rouge(RougeSpec(kind="rouge_2"))(Output("Paris"), Item("Paris"))
    assert isinstance(found, GradeFailure)
    assert "rouge_2: 1" in found.reason


@pytest.mark.parametrize(
    "grader", [Bleu(BleuSpec()), Chrf(ChrfSpec(word_order=2)), Rouge(RougeSpec()), Rouge(RougeSpec(kind="rouge_2"))]
)
def test_a_model_that_never_stops_costs_seconds_and_the_signature_says_what_was_left_out(
    grader: Bleu | Chrf | Rouge,
) -> None:
    rng = random.Random(0)
    answer, reference = (" ".join(rng.choices(VOCABULARY, k=90_000)) for _ in range(2))
    assert min(len(answer), len(reference)) > MAX_CHARACTERS
    started = time.perf_counter()
    score = grade(grader, answer, reference)
    assert time.perf_counter() - started < 20
    assert score == pytest.approx(grade(grader, answer[:MAX_CHARACTERS], reference[:MAX_CHARACTERS]))
    assert "first 100,000 characters of each text" in grader.grade_set([(Output("a"), Item(reference))]).signature


texts = st.text(st.characters(), max_size=30) | st.text(st.sampled_from("aB é猫́ .\ud800\n"), max_size=30)


@settings(deadline=None)
@given(texts, texts)
@example("\ud800", "\ud800 \x00")
@example("<skipped>", "<skipped>")
def test_no_text_makes_overlap_raise_or_leave_0_to_1(answer: str, reference: str) -> None:
    for grader in _GRADERS:
        pair = (Output(answer), Item(reference))
        found = grader(*pair)
        assert isinstance(found, GradeFailure) or 0.0 <= found <= 1.0
        assert all(0.0 <= value <= 1.0 for value in grader.grade_set([pair]).values.values())


_GRADERS = (
    Bleu(BleuSpec()),
    Bleu(BleuSpec(tokenize="zh")),
    Bleu(BleuSpec(tokenize="intl")),
    Chrf(ChrfSpec(word_order=2)),
    Rouge(RougeSpec(kind="rouge_1", stem=True)),
    Rouge(RougeSpec(kind="rouge_2")),
    Rouge(RougeSpec()),
)


@pytest.mark.parametrize(
    ("make", "package", "module"),
    [
        (lambda: Bleu(BleuSpec()), "sacrebleu", "sacrebleu"),
        (lambda: Chrf(ChrfSpec()), "sacrebleu", "sacrebleu"),
        (lambda: Rouge(RougeSpec()), "rouge_score", "rouge_score"),
        (lambda: Rouge(RougeSpec()), "rapidfuzz", "rapidfuzz.distance"),
    ],
)
def test_a_missing_package_is_named_with_the_way_to_get_it(
    make: type, package: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert importlib.util.find_spec(module)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=package) as caught:
        make()
    assert "tunewright[evaluate]" in caught.value.hint
