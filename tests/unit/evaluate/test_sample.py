"""Every beginning of the order is a proportional sample, drawn by the seed alone, and its bound is said in words."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.rows import Message, Row
from tunewright.errors import RecipeError
from tunewright.evaluate.sample import Order, sample_words, stratified_order

LABELS = ("refund", "delivery", "opening hours", "warranty")


def make_row(line: int, answer: str = "", *, path: str = "test.jsonl", **meta: Any) -> Row:
    turns = (Message("user", f"question {line}"), Message("assistant", answer or f"a free answer, number {line}"))
    return Row(path, line, turns, meta)


def labelled(*sizes: int) -> list[Row]:
    answers = [LABELS[place] for place, size in enumerate(sizes) for _ in range(size)]
    return [make_row(line, answer) for line, answer in enumerate(answers, 1)]


def with_field(sizes: Sequence[int], name: str = "topic") -> list[Row]:
    values = [f"value {place}" for place, size in enumerate(sizes) for _ in range(size)]
    return [make_row(line, **{name: value}) for line, value in enumerate(values, 1)]


def lines(order: Order) -> list[int]:
    return [row.line for row in order.rows]


# ── an order of which every beginning is a sample ────────────────────────────────────────────────────────────────────


@given(st.lists(st.integers(1, 12), min_size=1, max_size=8), st.integers(0, 2**32))
def test_the_order_has_every_row_once(sizes: list[int], seed: int) -> None:
    rows = with_field(sizes)
    assert sorted(lines(stratified_order(rows, seed, "topic"))) == [row.line for row in rows]


@given(st.lists(st.integers(1, 60), min_size=2, max_size=9), st.integers(0, 2**32))
def test_every_beginning_is_proportional_within_the_stated_bound(sizes: list[int], seed: int) -> None:
    rows = with_field(sizes)
    counts: Counter[str] = Counter()
    for num_first, row in enumerate(stratified_order(rows, seed, "topic").rows, 1):
        counts[row.meta["topic"]] += 1
        for place, size in enumerate(sizes):
            share = size / len(rows)
            bound = 1 + (len(sizes) - 2) * share
            assert abs(counts[f"value {place}"] - num_first * share) <= bound + 1e-9


def test_many_small_strata_do_not_push_a_large_one_back() -> None:
    rows = with_field([300] + [1] * 200)
    for seed in range(20):
        num_large = 0
        for num_first, row in enumerate(stratified_order(rows, seed, "topic").rows, 1):
            num_large += row.meta["topic"] == "value 0"
            assert abs(num_large - num_first * 0.6) < 2


@given(st.integers(0, 2**32), st.integers(0, 60))
def test_every_label_that_fits_is_in_a_small_sample(seed: int, more: int) -> None:
    rows = labelled(60, 30, 20, 10)
    # The smallest label has 10 of 120 rows: 12 rows hold one of them on average, and 2 are the slack of four strata.
    beginning = stratified_order(rows, seed).rows[: 12 + 2 + more]
    assert {row.reference for row in beginning} == set(LABELS)


def test_each_row_is_equally_likely_to_be_in_the_sample() -> None:
    rows, num_seeds = labelled(60, 30, 9, 1), 2000
    counts = Counter(line for seed in range(num_seeds) for line in lines(stratified_order(rows, seed, "label"))[:20])
    # 20 of 100 rows: each in a fifth of the samples, with a standard deviation of 0.009 over 2,000 seeds.
    assert all(abs(counts[row.line] / num_seeds - 0.2) < 0.05 for row in rows)


# ── the seed alone decides ───────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_the_draw_does_not_depend_on_the_order_in_which_rows_come(
    sizes: list[int], seed: int, shuffler: random.Random
) -> None:
    rows = with_field(sizes)
    shuffled = shuffler.sample(rows, len(rows))
    assert stratified_order(shuffled, seed, "topic") == stratified_order(rows, seed, "topic")


def test_rows_of_one_place_are_told_apart_by_what_they_say() -> None:
    rows = [make_row(1, f"answer {number}") for number in range(20)]
    assert stratified_order(rows[::-1], 0) == stratified_order(rows, 0)


@pytest.mark.parametrize(
    "rows", [labelled(20, 20, 20), with_field([30, 30], "group"), [make_row(n) for n in range(60)]]
)
def test_another_seed_gives_another_order(rows: list[Row]) -> None:
    assert len({tuple(lines(stratified_order(rows, seed))) for seed in range(10)}) == 10


# ── what the strata are ──────────────────────────────────────────────────────────────────────────────────────────────


def test_references_that_look_like_labels_are_the_strata() -> None:
    rows = labelled(40, 20, 20)
    order = stratified_order(rows, 3)
    assert order.by == "label"
    assert Counter(row.reference for row in order.rows[:40]) == {"refund": 20, "delivery": 10, "opening hours": 10}


def test_spellings_of_a_label_are_one_stratum() -> None:
    one = [make_row(n, ("Refund.", "refund", "REFUND")[n % 3]) for n in range(30)]
    assert stratified_order(one, 0).by == ""
    assert stratified_order([*one, *(make_row(n, "delivery") for n in range(30, 40))], 0).by == "label"


@given(st.integers(0, 2**32), st.integers(1, 25))
def test_a_beginning_has_no_group_twice_before_each_was_there_once(seed: int, num_first: int) -> None:
    order = stratified_order(with_field([4] * 25, "group"), seed)
    assert order.by == "group"
    assert len({row.group for row in order.rows[:num_first]}) == num_first


def test_a_row_without_a_group_is_its_own() -> None:
    rows = [make_row(n, group=("one", "one", "", None)[n % 4]) for n in range(40)]
    order = stratified_order(rows, 0)
    assert order.by == "group"
    assert stratified_order([make_row(n, group=("", None)[n % 2]) for n in range(40)], 0).by == ""
    for seed in range(10):
        beginning = stratified_order(rows, seed).rows[:20]
        assert 8 <= sum(row.group == "one" for row in beginning) <= 12


def test_groups_may_be_of_any_value() -> None:
    values = [["a", 1], {"b": [2]}, 7, "7", 1.5, True]
    order = stratified_order([make_row(n, group=values[n % 6]) for n in range(60)], 0)
    assert Counter(repr(row.group) for row in order.rows[:6]) == {repr(value): 1 for value in values}


@pytest.mark.parametrize("meta", [{}, {"group": None}, {"topic": "a"}])
def test_without_labels_and_groups_nothing_stratifies(meta: dict[str, Any]) -> None:
    assert stratified_order([make_row(n, **meta) for n in range(30)], 0).by == ""


def test_groups_of_one_row_each_are_no_strata() -> None:
    assert stratified_order([make_row(n, group=f"g{n}") for n in range(30)], 0).by == ""


def test_one_label_for_all_rows_is_no_stratum_and_groups_are_looked_at() -> None:
    assert stratified_order([make_row(n, "yes") for n in range(30)], 0).by == ""
    assert stratified_order([make_row(n, "yes", group=n % 3) for n in range(30)], 0).by == "group"


@pytest.mark.parametrize("rows", [[], [make_row(1)]])
def test_few_or_no_rows_have_an_order_too(rows: list[Row]) -> None:
    assert stratified_order(rows, 0) == stratified_order(rows, 0, None if rows else "topic") == Order(tuple(rows), "")


# ── a field that the user names ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("field", ["topic", "metadata.topic"])
def test_a_metadata_field_goes_before_what_would_be_chosen(field: str) -> None:
    rows = [make_row(n, LABELS[n % 4], group=n % 5, topic="ab"[n % 2]) for n in range(40)]
    order = stratified_order(rows, 0, field)
    assert order.by == "topic"
    assert all(abs(Counter(row.meta["topic"] for row in order.rows[:n])["a"] - n / 2) <= 1 for n in range(1, 41))


def test_a_dotted_field_is_looked_for_inside() -> None:
    rows = [make_row(n, user={"country": "ab"[n % 2]}) for n in range(40)]
    order = stratified_order(rows, 0, "user.country")
    assert order.by == "user.country"
    assert Counter(row.meta["user"]["country"] for row in order.rows[:20]) == {"a": 10, "b": 10}


def test_rows_without_the_field_are_one_stratum() -> None:
    rows = [make_row(n, **({"topic": "a"} if n % 4 == 0 else {})) for n in range(40)]
    for seed in range(10):
        assert sum("topic" in row.meta for row in stratified_order(rows, seed, "topic").rows[:20]) == 5


def test_label_means_the_reference_also_where_labels_are_few_a_piece() -> None:
    rows = [make_row(n, f"label {n % 10}") for n in range(20)]
    assert stratified_order(rows, 0).by == ""
    order = stratified_order(rows, 0, "label")
    assert order.by == "label"
    assert len({row.reference for row in order.rows[:10]}) == 10


def test_label_means_the_metadata_where_references_are_no_labels() -> None:
    rows = [make_row(n, label="ab"[n % 2]) for n in range(20)]
    order = stratified_order(rows, 0, "label")
    assert order.by == "label"
    assert Counter(row.meta["label"] for row in order.rows[:10]) == {"a": 5, "b": 5}


@pytest.mark.parametrize("field", ["label", "id"])
def test_a_value_for_each_row_makes_no_strata_and_none_are_claimed(field: str) -> None:
    assert stratified_order([make_row(n, id=n) for n in range(20)], 0, field).by == ""


def test_group_means_the_group_even_where_labels_would_be_chosen() -> None:
    rows = [make_row(n, LABELS[n % 4], group=n % 5) for n in range(40)]
    assert {stratified_order(rows, 0, field).by for field in ("group", "metadata.group")} == {"group"}


@pytest.mark.parametrize("field", ["topc", "metadata.topc", "group", "user.town"])
def test_a_field_that_no_row_has_is_refused_and_those_that_there_are_named(field: str) -> None:
    rows = [make_row(n, topic="a", user={"country": "b"}, gone=None) for n in range(3)]
    with pytest.raises(RecipeError, match=f"evaluate.stratify_by: no row has the field '{field}'") as caught:
        stratified_order(rows, 0, field)
    assert caught.value.hint == "the rows have topic, user"


def test_the_refusal_names_a_bounded_number_of_fields() -> None:
    with pytest.raises(RecipeError) as caught:
        stratified_order([replace(make_row(1), meta={f"field{n}": n for n in range(30)})], 0, "topic")
    assert "field7 and 22 more" in caught.value.hint


def test_rows_without_metadata_say_so_in_the_refusal() -> None:
    with pytest.raises(RecipeError) as caught:
        stratified_order([make_row(1)], 0, "topic")
    assert "no metadata" in caught.value.hint


texts = st.text(alphabet=st.sampled_from("aé日\ud800 \n"), max_size=3)
odd_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.one_of(texts, st.integers()), inner, max_size=2),
    max_leaves=4,
)


@given(
    st.lists(st.tuples(texts, texts, odd_values), max_size=12),
    st.sampled_from([None, "label", "group", "topic"]),
)
@settings(max_examples=60)
def test_odd_rows_are_ordered_or_refused(odd: list[tuple[str, str, Any]], field: str | None) -> None:
    rows = [
        Row("t", n, (Message("user", question), Message("assistant", answer)), {"group": value, "topic": value})
        for n, (question, answer, value) in enumerate(odd)
    ]
    try:
        order = stratified_order(rows, 0, field)
    except RecipeError:
        assert field is not None
        return
    assert sorted(lines(order)) == list(range(len(rows)))


# ── the bound in words ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("num_chosen", "num_available", "by", "words"),
    [
        (190, 190, "label", "all 190 rows"),
        (12_000, 12_000, "", "all 12,000 rows"),
        (1, 1, "", "the only row"),
        (0, 0, "", "no rows"),
        (200, 5000, "label", "200 of 5,000 rows, stratified by label, seed 7"),
        (200, 5000, "", "200 of 5,000 rows, drawn by seed 7"),
        (1, 2, "group", "1 of 2 rows, stratified by group, seed 7"),
    ],
)
def test_the_bound_is_stated(num_chosen: int, num_available: int, by: str, words: str) -> None:
    assert sample_words(num_chosen, num_available, by, 7) == words
