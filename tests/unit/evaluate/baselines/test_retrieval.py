"""BM25 against an independent one, the words that it compares, and which passages are shown."""

from __future__ import annotations

import math
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.evaluate.baselines.rows import count_words, row, row_sets, rows
from tunewright.data.rows import Row
from tunewright.errors import MissingExtraError
from tunewright.evaluate.baselines.asked import Room, Settings
from tunewright.evaluate.baselines.documents import Passage, passages_of_rows
from tunewright.evaluate.baselines.retrieval import FACTS, Bm25, Retrieval, words

some_texts = st.lists(st.lists(st.sampled_from("abcdefg"), max_size=8).map(" ".join), max_size=8)


def lucene(texts: list[list[str]], query: list[str], k1: float = 1.5, b: float = 0.75) -> list[float]:
    """Return the score of each text, straight from the formula of Lucene's variant with exact lengths."""
    mean = sum(map(len, texts)) / len(texts)
    scores = []
    for text in texts:
        total = 0.0
        for word in query:
            having = sum(word in each for each in texts)
            often = text.count(word)
            idf = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
            total += idf * often / (often + k1 * (1 - b + b * len(text) / mean)) if often else 0.0
        scores.append(total)
    return scores


@settings(deadline=None)
@given(some_texts, st.lists(st.sampled_from("abcdefgz"), max_size=5).map(" ".join), st.integers(0, 9))
def test_scores_are_those_of_an_independent_bm25(texts: list[str], query: str, k: int) -> None:
    found = Bm25(texts).search(query, k)
    if not any(texts):
        assert found == []
        return
    expected = lucene([text.split() for text in texts], query.split())
    positive = sorted((round(-score, 9), index) for index, score in enumerate(expected) if score > 0)[:k]
    assert [index for index, _ in found] == [index for _, index in positive]
    assert [score for _, score in found] == pytest.approx([expected[index] for _, index in positive])


def test_ties_are_broken_by_index() -> None:
    assert [index for index, _ in Bm25(["a b", "b a", "c", "a b"]).search("a", 3)] == [0, 1, 3]
    # The same terms, added up in another order.
    assert [index for index, _ in Bm25(["a a b b b c d", "a b b b c d d"]).search("a c d", 2)] == [0, 1]
    # Small arrays are sorted stably by any method: a hundred texts are what shows the difference.
    many = Bm25(["a b", "a"] * 50)
    assert [index for index, _ in many.search("a", 100)] == [*range(1, 100, 2), *range(0, 100, 2)]


@pytest.mark.parametrize("query", ["", "!?", "unknown"])
def test_a_query_without_a_known_word_finds_nothing(query: str) -> None:
    assert Bm25(["a b", "c"]).search(query, 5) == []


@pytest.mark.parametrize("texts", [[], [""], ["...", "  "]])
def test_texts_without_words_find_nothing(texts: list[str]) -> None:
    assert Bm25(texts).search("a", 5) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The CAT, the cat's", ["the", "cat", "the", "cat", "s"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("my_var-2", ["my", "var", "2"]),
        ("ﬁne ①", ["fine", "1"]),
        ("हिन्दी", ["हिन्दी"]),
        ("首都是巴黎。", ["首都", "都是", "是巴", "巴黎"]),
        ("用Python写", ["用", "python", "写"]),
        ("ไทย", ["ไท", "ทย"]),
        ("café", ["café"]),
        ("", []),
    ],
)
def test_words_are_found_in_any_script(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_a_question_in_a_script_without_spaces_finds_its_text() -> None:
    assert Bm25(["东京是日本的首都", "巴黎是法国的首都"]).search("法国的首都是哪里", 1)[0][0] == 1


@settings(max_examples=200)
@given(st.text(max_size=30))
def test_words_are_made_of_any_text_and_hold_no_space_or_mark(text: str) -> None:
    assert not any(character in " \n\t.,!?_-()" for word in words(text) for character in word)
    assert all(words(text))


@given(st.text("ab Z-_", max_size=20))
def test_words_of_words_are_the_same_words(text: str) -> None:
    assert words(" ".join(words(text))) == words(text)


PASSAGES = [
    Passage("The sky is blue.", "sky.md:1", "Colours › Sky"),
    Passage("Grass is green.", "grass.txt:4", "grass"),
    Passage("Snow is white and the sky is grey.", "snow.md:2"),
]


def found(k: int = 2, *, instruction: str = FACTS, room: Room | None = None) -> Retrieval:
    index = Bm25([passage.text for passage in PASSAGES])
    return Retrieval(index, PASSAGES, k, instruction=instruction, room=room)


def test_passages_stand_in_the_system_turn_the_best_first() -> None:
    asked = found().ask(row("which colour is the sky?", "blue"))
    assert [message.role for message in asked.messages] == ["system", "user"]
    assert asked.messages[0].said == (
        "Here are the facts. Answer from them.\n\nColours › Sky\nThe sky is blue.\n\nSnow is white and the sky is grey."
    )
    assert asked.shown == ("sky.md:1", "snow.md:2")


def test_the_row_s_own_system_turn_comes_before_the_facts() -> None:
    said = found(1).ask(row("the sky?", "blue", system="Be kind.")).messages[0].said
    assert said.startswith("Be kind.\n\nHere are the facts.")


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("Use {passages} only, {please}.", "Use grass\nGrass is green. only, {please}."),
        ("Use this.", "Use this.\n\ngrass\nGrass is green."),
    ],
)
def test_the_instruction_can_be_chosen(instruction: str, expected: str) -> None:
    retrieval = found(1, instruction=instruction)
    assert retrieval.ask(row("grass", "green")).messages[0].said == expected
    assert retrieval.settings == {"passages": 1, "found_by": "bm25", "instruction": instruction}


def test_where_nothing_is_found_the_row_is_asked_as_it_is_and_says_so() -> None:
    asked = found().ask(row("zzz", "x"))
    assert asked.messages == row("zzz", "x").prompt
    assert asked.note == "no passage has anything to do with the question"
    assert not asked.is_shortened


def test_passages_that_do_not_fit_are_left_out_from_the_least_relevant() -> None:
    asked = found(room=Room(count_words, 27)).ask(row("which colour is the sky?", "blue"))
    assert asked.shown == ("sky.md:1",)
    assert asked.note == "1 of 2 passages left out: 33 tokens do not fit 27"


def test_any_index_can_be_searched_and_names_the_column() -> None:
    class Last:
        name = "length"
        settings: Settings = {"longest": True}  # noqa: RUF012 - nobody writes to it

        def search(self, query: str, k: int) -> list[tuple[int, float]]:
            return [(index, -1.0) for index in (2, 1, 0)][:k]

    retrieval = Retrieval(Last(), PASSAGES, 2, kind="tuned_retrieval")
    assert retrieval.ask(row("q", "a")).shown == ("snow.md:2", "grass.txt:4")
    assert (retrieval.name, retrieval.kind) == ("2 passages (by length)", "tuned_retrieval")
    assert retrieval.settings == {"passages": 2, "found_by": "length", "longest": True, "instruction": FACTS}


def test_bm25_is_what_a_column_of_passages_is_found_by_unless_it_says_otherwise() -> None:
    assert (found(2).name, found(1).name) == ("2 passages", "1 passage")


def test_passages_that_ask_the_same_do_not_take_the_place_of_others() -> None:
    asks = ["code of item"] * 3 + [f"code of item {n}" for n in range(4, 8)]
    training = [row(question, f"{n}", line=n) for n, question in enumerate(asks, start=1)]
    passages = [Passage("code of everything", "doc.txt:1"), *passages_of_rows(training)]
    retrieval = Retrieval(Bm25([passage.text for passage in passages]), passages, 5)
    asked = retrieval.ask(row("code of item", "?"))
    assert sorted(asked.shown) == ["doc.txt:1", *(f"train.jsonl:{n}" for n in (4, 5, 6, 7))]


def test_a_row_of_the_same_group_is_shown_because_the_tuned_model_was_taught_it() -> None:
    training = [row("when do you open on saturdays", "at nine", group="hours", line=1), row("x", "y", line=2)]
    passages = passages_of_rows(training)
    asked = Retrieval(Bm25([each.text for each in passages]), passages, 1).ask(row("you open when", "?", group="hours"))
    assert asked.shown == ("train.jsonl:1",)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(MissingExtraError, match="bm25s"):
        Bm25(["a"])


@settings(max_examples=60, deadline=None)
@given(row_sets(), st.data())
def test_no_passage_is_made_of_the_row_s_own_text(training: list[Row], data: st.DataObject) -> None:
    passages = passages_of_rows(training)
    asked_row = data.draw(st.sampled_from(training))
    retrieval = Retrieval(Bm25([p.text for p in passages]), passages, data.draw(st.integers(1, 6)))
    asked = retrieval.ask(asked_row)
    shown = [each for each in training if each.where in asked.shown]
    assert len(shown) == len(asked.shown)
    assert all(each.messages[-2:] != asked_row.messages[-2:] for each in shown)
    assert retrieval.ask(asked_row) == asked


def test_rows_become_passages_of_all_that_is_said_but_the_system_turn() -> None:
    (passage,) = passages_of_rows([row("q", "a", system="s", line=7)])
    assert (passage.text, passage.where) == ("q\na", "train.jsonl:7")
    assert len(passages_of_rows(rows(3))) == 3
