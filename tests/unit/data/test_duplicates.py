"""Exact and near duplicates, and leakage, against an exact reference that shares no code with them."""

from __future__ import annotations

import builtins
import os
import random
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tunewright.data.duplicates.clusters import Clusters, cluster_ids, find_duplicates, find_exact_duplicates
from tunewright.data.duplicates.compared import compared, num_answer_characters, verdict
from tunewright.data.duplicates.leakage import find_leakage
from tunewright.data.duplicates.minhash import rows_per_band
from tunewright.data.duplicates.shingles import TextSet
from tunewright.data.rows import FeedbackRow, LabelRow, Message, PairRow, PreferenceRow, Row, TextRow, TokenLabelsRow
from tunewright.errors import DataError, MissingExtraError

WORDS = ["".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=2 + n % 7)) for n in range(3000)]

# Few characters, so that random texts are often alike; beside them anything that Unicode has, lone surrogates too.
alike = st.text("ab \n", max_size=30)
texts = st.lists(st.one_of(alike, st.text(st.characters(), max_size=20)), max_size=25)


# ── the reference: sets of strings, an inverted index, every pair that shares a shingle ──


def shingles(text: str) -> set[str]:
    text = " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())
    filled = text + "\0" * 4
    return {filled[i : i + (3 if is_dense(text[i]) else 5)] for i in range(len(text))}


def is_dense(character: str) -> bool:
    return "\u2e80" <= character <= "\ud7ff" or "\U00020000" <= character <= "\U0003ffff"


def jaccard(first: str, second: str) -> float:
    a, b = shingles(first), shingles(second)
    return len(a & b) / len(a | b) if a | b else 1.0


def pairs_at(texts: list[str], threshold: float) -> dict[tuple[int, int], float]:
    """Return every pair whose similarity is at least the threshold.

    A pair at threshold t shares one of the rarest (1 − t)·n + 1 shingles of each of the two sets: only these are
    looked up, which is exact and makes 20,000 rows a matter of seconds.
    """
    sets = [shingles(text) for text in texts]
    frequency = Counter(piece for each in sets for piece in each)
    rows_of: defaultdict[str, list[int]] = defaultdict(list)
    found: dict[tuple[int, int], float] = {}
    for row, own in enumerate(sets):
        rarest = sorted(own, key=lambda piece: (frequency[piece], piece))[: int((1 - threshold) * len(own) + 1e-9) + 1]
        for other in {other for piece in rarest for other in rows_of[piece]}:
            shared = len(own & sets[other])
            if shared >= threshold * (len(own) + len(sets[other]) - shared) - 1e-9:
                found[other, row] = shared / (len(own) + len(sets[other]) - shared)
        for piece in rarest:
            rows_of[piece].append(row)
    return found


def generated(num_rows: int, seed: int = 1) -> list[str]:
    """Return rows of 5 to 60 words, a third of them edited copies: from one letter to a third of the words."""
    draw = random.Random(seed)
    rows: list[str] = []
    while len(rows) < num_rows:
        if rows and draw.random() < 0.35:
            words = draw.choice(rows).split()
            for _ in range(draw.randint(0, max(1, len(words) // 6))):
                words[draw.randrange(len(words))] = draw.choice(WORDS)
            rows.append(" ".join(words))
        else:
            rows.append(" ".join(draw.choices(WORDS, k=draw.choice([5, 8, 13, 30, 60]))))
    return rows


def partition(clusters: Clusters) -> set[frozenset[int]]:
    return {frozenset(member.row for member in cluster) for cluster in clusters.clusters}


def components(num_rows: int, pairs: Any) -> np.ndarray:
    roots = list(range(num_rows))

    def root(row: int) -> int:
        while roots[row] != row:
            row = roots[row]
        return row

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        roots[high] = low
    return np.array([root(row) for row in range(num_rows)])


def check_recall_and_precision(num_rows: int, threshold: float) -> None:
    rows = generated(num_rows)
    truth = pairs_at(rows, threshold)
    at_the_edge = [pair for pair, similarity in truth.items() if similarity < threshold + 0.05]
    assert len(at_the_edge) > num_rows / 100
    found = find_duplicates(rows, threshold)
    ids, right = found.ids(), components(num_rows, truth)
    for pairs in (truth, at_the_edge):
        assert sum(ids[a] == ids[b] for a, b in pairs) / len(pairs) >= 0.95
    joined = [(a.row, b.row) for cluster in found.clusters for a, b in pairwise(cluster)]
    assert sum(right[a] == right[b] for a, b in joined) / len(joined) >= 0.95
    # What is said about a pair is exact.
    for cluster in found.clusters[:300]:
        for member in cluster:
            assert member.similarity == pytest.approx(jaccard(rows[member.row], rows[cluster[0].row]), abs=1e-6)


@pytest.mark.parametrize("threshold", [0.6, 0.8])
def test_recall_and_precision_are_at_least_95_percent_of_exact_jaccard(threshold: float) -> None:
    check_recall_and_precision(4000, threshold)


@pytest.mark.slow
def test_recall_and_precision_are_at_least_95_percent_of_exact_jaccard_on_20_000_rows() -> None:
    check_recall_and_precision(20_000, 0.8)


# ── shingles ──


@settings(max_examples=100)
@given(texts)
@example(["", " ", "\n", "yes", "no"])
@example(["\ud800", "\udc00\ud800", "ﬁ", "fi", "Straße", "STRASSE"])
@example(["東京都に住んでいます", "東京都に住んでいた", "서울에 산다", "𠀀𠀁𠀂a"])
def test_similarity_is_the_jaccard_index_of_the_sets_of_shingles(rows: list[str]) -> None:
    pairs = [(a, b) for a in range(len(rows)) for b in range(a)]
    if not pairs:
        return
    text_set = TextSet(rows)
    first, second = (text_set.text_of_row[list(side)] for side in zip(*pairs, strict=True))
    right = [jaccard(rows[a], rows[b]) for a, b in pairs]
    np.testing.assert_allclose(text_set.jaccard(first, second), right, atol=1e-6)


# ── clusters ──


@settings(max_examples=80)
@given(texts)
def test_clusters_are_parts_of_the_rows_and_hold_all_exact_duplicates(rows: list[str]) -> None:
    found = find_duplicates(rows)
    members = [member.row for cluster in found.clusters for member in cluster]
    assert len(members) == len(set(members))
    assert set(members) <= set(range(len(rows)))
    assert all(len(cluster) > 1 for cluster in found.clusters)
    ids = found.ids()
    first_of: dict[str, int] = {}
    for row, text in enumerate(rows):
        assert ids[row] == ids[first_of.setdefault(text, row)]
    for cluster in found.clusters:
        assert all(member.is_exact == (rows[member.row] == rows[cluster[0].row]) for member in cluster)
        assert [member.row for member in cluster] == sorted(member.row for member in cluster)
    assert ids.dtype == np.int64
    assert np.array_equal(cluster_ids(rows), ids)


@settings(max_examples=60)
@given(texts, st.randoms(use_true_random=False))
def test_clusters_do_not_depend_on_the_order_of_rows(rows: list[str], draw: random.Random) -> None:
    order = list(range(len(rows)))
    draw.shuffle(order)
    shuffled = partition(find_duplicates([rows[row] for row in order]))
    assert {frozenset(order[row] for row in cluster) for cluster in shuffled} == partition(find_duplicates(rows))


@settings(max_examples=40)
@given(texts)
def test_an_unrelated_row_changes_no_cluster(rows: list[str]) -> None:
    unrelated = "0123456789" * 5
    assert partition(find_duplicates([*rows, unrelated])) == partition(find_duplicates(rows))


@given(texts)
def test_exact_duplicates_are_the_equal_texts(rows: list[str]) -> None:
    equal: defaultdict[str, set[int]] = defaultdict(set)
    for row, text in enumerate(rows):
        equal[text].add(row)
    assert partition(find_exact_duplicates(rows)) == {frozenset(each) for each in equal.values() if len(each) > 1}


def test_hash_randomisation_does_not_matter() -> None:
    code = (
        "import random, hashlib\n"
        "from tunewright.data.duplicates.clusters import cluster_ids\n"
        "draw = random.Random(3)\n"
        "rows = [' '.join(draw.choices(['red', 'green', 'blue', 'grey', 'pink'], k=6)) for _ in range(300)]\n"
        "print(hashlib.sha256(cluster_ids(rows, 0.6).tobytes()).hexdigest())\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_rows_that_differ_in_case_width_and_spaces_are_alike_but_not_exact() -> None:
    (cluster,) = find_duplicates(["How long is it?", "something else", "how  LONG\nis it?"]).clusters
    assert [(member.row, member.similarity, member.is_exact) for member in cluster] == [(0, 1.0, True), (2, 1.0, False)]


def test_a_bucket_of_thousands_is_one_cluster() -> None:
    base = " ".join(WORDS[:80])
    ids = cluster_ids([f"{base} {number}" for number in range(4000)])
    assert not ids.any()


def test_one_word_rows_are_their_own_unless_equal() -> None:
    assert cluster_ids(["yes", "no", "yes", "", "maybe", " "]).tolist() == [0, 1, 0, 3, 4, 3]


def test_no_rows_make_no_clusters() -> None:
    assert [find_duplicates([]).clusters, find_exact_duplicates([]).clusters] == [(), ()]
    assert [find_leakage([], []), find_leakage(["a"], []), find_leakage([], ["a"])] == [(), (), ()]


@pytest.mark.parametrize("threshold", [0.0, 0.49, 1.01, float("nan")])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(DataError, match=r"between 0\.5 and 1"):
        find_duplicates(["a", "b"], threshold)


def test_bands_miss_at_most_one_in_two_hundred_pairs_at_the_threshold() -> None:
    for threshold in np.linspace(0.5, 1, 26):
        rows = rows_per_band(float(threshold))
        assert (1 - threshold**rows) ** (128 // rows) <= 0.005


def test_without_rensa_exact_duplicates_are_found_and_near_ones_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "rensa":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert find_exact_duplicates(["a", "a"]).num_duplicates == 1
    assert len(find_leakage(["a"], ["a"], None)) == 1
    with pytest.raises(MissingExtraError, match="rensa") as raised:
        find_duplicates(["a", "b"])
    assert "tunewright[data]" in raised.value.hint


# ── leakage ──


def test_leakage_names_the_most_similar_training_row() -> None:
    base = " ".join(WORDS[:40])
    train = ["other", f"{base} {WORDS[50]} {WORDS[51]}", f"{base} end", base.upper(), base]
    leaks = find_leakage(train, [base, "new", f"{base}  END", f"{base} ends", base.title()])
    assert [(leak.test_row, leak.train_row, leak.is_exact) for leak in leaks] == [
        (0, 4, True),
        (2, 2, False),
        (3, 2, False),
        (4, 3, False),
    ]
    assert [leak.similarity == 1 for leak in leaks] == [True, True, False, True]
    assert [leak.test_row for leak in find_leakage(train, [base, base.title()], None)] == [0]


def test_leakage_is_what_exact_jaccard_finds() -> None:
    rows = generated(3000, seed=5)
    train, test = rows[:2000], rows[2000:]
    best: dict[int, float] = {}
    for (first, second), similarity in pairs_at(rows, 0.8).items():
        if first < 2000 <= second:
            best[second - 2000] = max(best.get(second - 2000, 0), similarity)
    found = {leak.test_row: leak for leak in find_leakage(train, test)}
    assert set(found) <= set(best)
    assert len(found) >= 0.98 * len(best)
    right = [found[row].similarity == pytest.approx(best[row], abs=1e-6) for row in found]
    assert sum(right) >= 0.98 * len(right)
    for leak in list(found.values())[:100]:
        assert leak.similarity == pytest.approx(jaccard(train[leak.train_row], test[leak.test_row]), abs=1e-6)


# ── what of a row is compared ──


def turns(*said: str) -> tuple[Message, ...]:
    return tuple(Message(role, text) for role, text in zip(("system", "user", "assistant"), said, strict=False))


def test_a_shared_system_prompt_makes_no_duplicates_and_another_one_is_noticed() -> None:
    system = " ".join(WORDS[:200])
    rows = [
        Row("a", 1, turns(system, "What is it?", "A lamp.")),
        Row("a", 2, turns(system, "How much is that?", "Ten euros.")),
        Row("a", 3, turns("Be brief.", "What is it?", "A lamp.")),
    ]
    assert find_duplicates(map(compared, rows)).clusters == ()
    assert len({compared(row) for row in rows}) == 3


def test_prompts_are_compared_without_answers_and_rows_without_a_question_whole() -> None:
    asked = Row("a", 1, turns("Be brief.", "What is it?", "A lamp."))
    assert compared(asked, "prompt").endswith("user: What is it?")
    mute = [Row("a", 1, (Message("system", "Talk."), Message("assistant", text))) for text in ("one", "two")]
    assert compared(mute[0], "prompt") != compared(mute[1], "prompt")


def test_every_kind_of_row_can_be_compared() -> None:
    question, answer, other = (Message("user", "why"),), (Message("assistant", "so"),), (Message("assistant", "no"),)
    rows = [
        (TextRow("a", 1, "text"), "text", "text", "", 4),
        (PreferenceRow("a", 1, question, answer, other), "user: why\nassistant: so\nassistant: no", "user: why", "", 4),
        (FeedbackRow("a", 1, question, answer, True), "user: why\nassistant: so", "user: why", "True", 2),
        (LabelRow("a", 1, "good film", "pos"), "good film", "good film", "pos", 9),
        (TokenLabelsRow("a", 1, ("Ann", "left"), ("B-PER", "O")), "Ann/B-PER left/O", "Ann left", "", 16),
        (PairRow("a", 1, "ja", "yes"), "ja\nyes", "ja", "", 3),
    ]
    for row, whole, prompt, kind, length in rows:
        assert (compared(row), compared(row, "prompt"), verdict(row)) == (whole, prompt, kind)
        assert num_answer_characters(row) == length
