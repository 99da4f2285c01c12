"""The index of vectors against brute force, and the column of passages that are looked up by meaning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.evaluate.baselines.rows import row, row_sets
from tunewright.data.rows import Row
from tunewright.errors import ModelError
from tunewright.evaluate.baselines.documents import Passage, passages_of_rows
from tunewright.evaluate.baselines.embeddings import DenseIndex
from tunewright.evaluate.baselines.retrieval import FACTS, Index, Retrieval
from tunewright.infer.embed import local_embedder
from tunewright.spec.baselines import EmbeddingsSpec

LETTERS = "abcd"


class Letters:
    """Implements `Embedder`: how often each letter is in a text; notes what it is asked."""

    name = "letters"

    def __init__(self, query_size: int = len(LETTERS)) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self._query_size = query_size

    def queries(self, texts: Sequence[str]) -> np.ndarray:
        self.asked.append(("queries", tuple(texts)))
        return np.pad(counted(texts), ((0, 0), (0, self._query_size - len(LETTERS))))

    def passages(self, texts: Sequence[str]) -> np.ndarray:
        self.asked.append(("passages", tuple(texts)))
        return counted(texts)


def counted(texts: Sequence[str]) -> np.ndarray:
    counts = np.array([[text.count(letter) for letter in LETTERS] for text in texts], np.float32)
    lengths = np.sqrt((counts.reshape(-1, len(LETTERS)) ** 2).sum(axis=1, keepdims=True))
    return counts.reshape(-1, len(LETTERS)) / np.maximum(lengths, 1e-9)


def cosine(one: str, other: str) -> float:
    """Return the cosine of the letters of two texts, straight from its definition."""
    products = sum(one.count(letter) * other.count(letter) for letter in LETTERS)
    squares = [sum(text.count(letter) ** 2 for letter in LETTERS) for text in (one, other)]
    return products / math.sqrt(squares[0] * squares[1])


some_text = st.text(LETTERS + " ", max_size=8)


@settings(deadline=None)
@given(st.lists(some_text, max_size=12), some_text, st.integers(0, 14))
def test_what_is_found_is_what_comparing_each_text_finds(texts: list[str], query: str, k: int) -> None:
    found = DenseIndex(texts, Letters()).search(query, k)
    speaking = [place for place, text in enumerate(texts) if text.strip() and query.strip()]
    expected = sorted(speaking, key=lambda place: (-round(cosine(query, texts[place]), 5), place))[:k]
    assert [place for place, _ in found] == expected
    assert [score for _, score in found] == pytest.approx([cosine(query, texts[place]) for place in expected], abs=1e-6)


def test_ties_are_broken_by_index_in_a_large_index_too() -> None:
    index = DenseIndex(["a b", "a", "aa"] * 700, Letters())
    found = [place for place, _ in index.search("a", 2100)]
    alike = [place for place in range(2100) if place % 3]
    assert found == [*alike, *range(0, 2100, 3)]


def test_opposite_texts_are_found_last_and_are_not_left_out() -> None:
    class Signed(Letters):
        def passages(self, texts: Sequence[str]) -> np.ndarray:
            return np.array([[-1.0, 0], [0, 1], [1, 0]], np.float32)

        def queries(self, texts: Sequence[str]) -> np.ndarray:
            return np.array([[1.0, 0]] * len(texts), np.float32)

    assert DenseIndex("xyz", Signed()).search("q", 9) == [(2, 1.0), (1, 0.0), (0, -1.0)]


def test_queries_are_embedded_together_and_once() -> None:
    embedder = Letters()
    index = DenseIndex(["a", "b"], embedder)
    index.prepare(["a", "b", "a"])
    index.prepare(["b"])
    assert index.search("a", 1) == index.search("a", 1) == [(0, 1.0)]
    index.search("c", 1)
    assert embedder.asked == [("passages", ("a", "b")), ("queries", ("a", "b")), ("queries", ("c",))]


def test_many_texts_are_embedded_in_parts_and_each_is_told() -> None:
    told: list[tuple[int, int]] = []
    texts = [LETTERS[number % 4] for number in range(1100)]
    index = DenseIndex(texts, Letters(), on_progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 1100), (512, 1100), (1024, 1100)]
    assert [place for place, _ in index.search("c", 3)] == [2, 6, 10]


@pytest.mark.parametrize("texts", [[], ["", " "]])
def test_where_nothing_is_said_nothing_is_found_and_nobody_is_asked(texts: list[str]) -> None:
    embedder = Letters()
    assert DenseIndex(texts, embedder).search("a", 3) == []
    assert all(kind == "passages" for kind, _ in embedder.asked)


def test_empty_texts_before_the_size_is_known_take_no_place() -> None:
    class Late(Letters):
        def passages(self, texts: Sequence[str]) -> np.ndarray:
            return counted(texts) if any(texts) else np.zeros((len(texts), 0), np.float32)

    assert DenseIndex([""] * 512 + ["b", "a"], Late()).search("a", 1) == [(513, 1.0)]


def test_queries_of_another_size_than_texts_are_refused() -> None:
    with pytest.raises(ModelError, match=r"letters: vectors of queries have 6 numbers and those of texts 4"):
        DenseIndex(["a"], Letters(query_size=6)).search("a", 1)


PASSAGES = [Passage("aaab", "one.md:1"), Passage("ccc", "two.md:1"), Passage("abbb", "three.md:1")]


def looked_up(passages: Sequence[Passage], k: int) -> Retrieval:
    index: Index = DenseIndex([passage.text for passage in passages], Letters())
    return Retrieval(index, passages, k)


def test_a_column_says_that_it_looks_up_by_meaning_and_with_which_model() -> None:
    retrieval = looked_up(PASSAGES, 2)
    assert retrieval.ask(row("bb", "x")).shown == ("three.md:1", "one.md:1")
    assert (retrieval.name, retrieval.kind) == ("2 passages (by meaning)", "retrieval")
    assert retrieval.settings == {"passages": 2, "found_by": "meaning", "embeddings": "letters", "instruction": FACTS}


def test_a_question_that_says_nothing_is_asked_without_passages_and_says_so() -> None:
    asked = looked_up(PASSAGES, 2).ask(row("???", "x"))
    assert asked.note == "no passage has anything to do with the question"
    assert asked.shown == ()


@settings(max_examples=60, deadline=None)
@given(row_sets(), st.data())
def test_no_passage_is_made_of_the_row_s_own_text(training: list[Row], data: st.DataObject) -> None:
    asked_row = data.draw(st.sampled_from(training))
    k = data.draw(st.integers(1, 6))
    shown = looked_up(passages_of_rows(training), k).ask(asked_row).shown
    own = {each.where for each in training if each.messages[-2:] == asked_row.messages[-2:]}
    assert not own & set(shown)


def test_a_real_model_finds_a_text_by_itself(tiny_model: Path) -> None:
    texts = ["the sky is blue", "grass is green", "", "snow is white", "grass is green"]
    index = DenseIndex(texts, local_embedder(EmbeddingsSpec(model=str(tiny_model))))
    for place in (0, 1, 3):
        assert index.search(texts[place], 1) == [(place, pytest.approx(1, abs=1e-6))]
    assert [found for found, _ in index.search("grass is green", 2)] == [1, 4]
