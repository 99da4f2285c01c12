"""Which rows are held out, and what an epoch visits.

A row of these tests is a number that says all that decides its side; its line tells it from the others.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.data.conversations import row
from tunewright.data.augment.record import child, content_hash
from tunewright.data.formats import chat
from tunewright.data.order import epoch_rows
from tunewright.data.rows import LabelRow, Message, Row
from tunewright.data.split import (
    NOTHING,
    TEST,
    TRAIN,
    VALIDATION,
    Division,
    HeldOut,
    RowKeys,
    divide,
    field_value,
    split,
)
from tunewright.errors import DataError, NoRowsError

row_lists = st.lists(st.integers(0, 30), min_size=1, max_size=40).map(
    lambda answers: [row(answer=str(answer), line=line) for line, answer in enumerate(answers, start=1)]
)
shares = st.floats(0, 0.999)
seeds = st.integers(0, 2**64)


@given(row_lists, shares, seeds)
def test_the_parts_are_disjoint_exhaustive_and_in_order(rows: list[Row], share: float, seed: int) -> None:
    train, validation = split(rows, share, seed)
    lines = [[each.line for each in part] for part in (train, validation)]
    assert lines == [sorted(part) for part in lines]
    assert sorted(lines[0] + lines[1]) == [each.line for each in rows]
    assert not {each.reference for each in train} & {each.reference for each in validation}


@given(row_lists, shares, seeds)
def test_neither_part_is_empty_where_two_rows_differ(rows: list[Row], share: float, seed: int) -> None:
    train, validation = split(rows, share, seed)
    assert train
    assert bool(validation) == (share > 0 and len({each.reference for each in rows}) > 1)


# Of 20 rows with half of them held out, the promise of one row on each side is needed once in 500,000 seeds.
@given(st.integers(20, 40), row_lists, seeds)
def test_rows_added_later_move_no_other(num_rows: int, more: list[Row], seed: int) -> None:
    rows = [row(answer=str(answer), line=answer) for answer in range(num_rows)]
    before, after = split(rows, 0.5, seed), split(rows + more, 0.5, seed)
    for old, new in zip(before, after, strict=True):
        assert {id(each) for each in old} <= {id(each) for each in new}


def test_the_share_is_kept_and_the_seed_matters() -> None:
    rows = [row(answer=str(number), line=number) for number in range(4000)]
    held_out = [{each.line for each in split(rows, 0.1, seed)[1]} for seed in (0, 1)]
    assert all(340 < len(each) < 460 for each in held_out)
    assert held_out[0] != held_out[1]


def test_weight_and_metadata_do_not_choose_the_side() -> None:
    rows = [row(answer=str(number)) for number in range(50)]
    twins = [Row("b", 1, (each.messages[0], Message("assistant", each.reference, 0.5)), {"x": 1}) for each in rows]
    train, validation = split(rows + twins, 0.3, 0)
    assert not {each.reference for each in train} & {each.reference for each in validation}


def test_no_row_at_all_is_an_error() -> None:
    with pytest.raises(NoRowsError, match="no row is left"):
        split([], 0.1, 0)


def test_the_split_of_a_seed_never_changes() -> None:
    rows = [row(answer=str(number), line=number) for number in range(20)]
    assert [each.line for each in split(rows, 0.3, 0)[1]] == [1, 3, 4, 10, 14, 19]


def make_row(number: int, line: int = 1, **meta: Any) -> Row:
    return Row("train.jsonl", line, (Message("user", "hi"), Message("assistant", str(number))), meta)


def keys_of(rows: Sequence[Any], group_by: Sequence[str] = (), stratify_by: str | None = None) -> RowKeys:
    keys = RowKeys(group_by=group_by, stratify_by=stratify_by)
    for each in rows:
        keys.add(each)
    return keys


def sides(rows: Sequence[Any], *parts: HeldOut, seed: int = 0, **by: Any) -> list[int]:
    return divide(keys_of(rows, **by), *parts, seed=seed).parts.tolist()


# A number from 0 to 60 says it all: content, group and stratum.
numbers = st.lists(st.integers(0, 60), min_size=1, max_size=50)
held_out = st.one_of(st.floats(0, 0.49).map(HeldOut), st.integers(0, 3).map(lambda count: HeldOut(count=count)))


def many_sided(found: Sequence[int]) -> list[Row]:
    return [
        make_row(number, line, group=f"g{number % 13}", topic=f"t{number % 3}")
        for line, number in enumerate(found, start=1)
    ]


def divided_or_none(rows: Sequence[Row], validation: HeldOut, test: HeldOut, seed: int) -> Division | None:
    try:
        return divide(keys_of(rows, ["metadata.group"], "metadata.topic"), validation, test, seed=seed)
    except DataError:
        assert validation.count or test.count
        return None


class TestDivide:
    @given(numbers, held_out, held_out, seeds, st.randoms())
    def test_the_order_of_the_rows_does_not_matter(
        self, found: list[int], validation: HeldOut, test: HeldOut, seed: int, random: Any
    ) -> None:
        rows = many_sided(found)
        shuffled = random.sample(rows, len(rows))
        one, other = (divided_or_none(each, validation, test, seed) for each in (rows, shuffled))
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            by_line = {each.line: part for each, part in zip(shuffled, other.parts.tolist(), strict=True)}
            assert one.parts.tolist() == [by_line[each.line] for each in rows]
            assert one.num_groups == other.num_groups

    @given(numbers, held_out, held_out, seeds)
    def test_groups_and_duplicates_never_straddle_and_no_part_is_empty(
        self, found: list[int], validation: HeldOut, test: HeldOut, seed: int
    ) -> None:
        rows = many_sided(found)
        division = divided_or_none(rows, validation, test, seed)
        if division is None:
            return
        part_of: dict[Any, set[int]] = {}
        for each, part in zip(rows, division.parts.tolist(), strict=True):
            part_of.setdefault(each.group, set()).add(part)
            part_of.setdefault(each.reference, set()).add(part)
        assert all(len(parts) == 1 for parts in part_of.values())
        num_groups = len({each.group for each in rows})
        assert sum(division.num_groups) == num_groups
        assert division.num_groups[TRAIN] >= 1
        wanted = [number for number, asked in ((VALIDATION, validation), (TEST, test)) if asked]
        if num_groups > len(wanted):
            assert all(division.num_groups[number] for number in wanted)

    # 120 groups in three strata: that hashes leave a part or a stratum empty is one chance in 10^11.
    @given(numbers, seeds)
    def test_rows_added_to_strata_and_groups_move_no_other(self, more: list[int], seed: int) -> None:
        def make(found: Sequence[int]) -> list[Row]:
            return [make_row(n, group=f"g{n % 120}", topic=f"t{n % 3}") for n in found]

        by: dict[str, Any] = {"group_by": ["metadata.group"], "stratify_by": "metadata.topic"}
        asked = HeldOut(0.25), HeldOut(0.25)
        old = make(range(120))
        before = sides(old, *asked, seed=seed, **by)
        after = sides(old + make([number + 120 for number in more]), *asked, seed=seed, **by)
        assert after[: len(old)] == before

    @given(st.integers(1, 20), st.integers(0, 19), st.lists(st.integers(100, 160), max_size=20), seeds)
    def test_with_counts_added_rows_only_push_old_ones_back_into_train(
        self, num_validation: int, num_test: int, more: list[int], seed: int
    ) -> None:
        old = [make_row(number) for number in range(60)]
        new = [make_row(number) for number in dict.fromkeys(more)]
        asked = HeldOut(count=num_validation), HeldOut(count=num_test)
        before, after = sides(old, *asked, seed=seed), sides(old + new, *asked, seed=seed)
        assert [after.count(number) for number in (VALIDATION, TEST)] == [num_validation, num_test]
        moved = [(was, now) for was, now in zip(before, after, strict=False) if was != now]
        assert all(now == TRAIN for _, now in moved)
        assert all(moved.count((number, TRAIN)) <= len(new) for number in (VALIDATION, TEST))

    @pytest.mark.parametrize("seed", range(5))
    def test_counts_are_exact_and_proportional_in_every_stratum(self, seed: int) -> None:
        rows = [LabelRow("t", n, f"text {n}", "rare" if n % 10 == 0 else "often", {}) for n in range(200)]
        parts = sides(rows, HeldOut(count=50), HeldOut(count=20), seed=seed, stratify_by="label")
        found = Counter((each.label, part) for each, part in zip(rows, parts, strict=True))
        assert (found["rare", VALIDATION], found["often", VALIDATION]) == (5, 45)
        assert (found["rare", TEST], found["often", TEST]) == (2, 18)

    def test_groups_that_do_not_fit_make_a_count_smaller_and_never_larger(self) -> None:
        rows = [make_row(number, user=number // 4) for number in range(200)]
        parts = sides(rows, HeldOut(count=30), group_by=["metadata.user"])
        assert parts.count(VALIDATION) == 28

    @pytest.mark.parametrize("count", [10, 11])
    def test_more_rows_than_can_be_held_out_are_refused(self, count: int) -> None:
        with pytest.raises(DataError, match=f"{count} rows are to be held out, but only 9 can be"):
            sides([make_row(number) for number in range(10)], HeldOut(count=count))

    @pytest.mark.parametrize("share", [0.05, 0.2])
    def test_shares_are_met_closely_by_many_groups_in_every_stratum(self, share: float) -> None:
        rows = [make_row(number, user=number // 2, topic=number // 2 % 2) for number in range(8000)]
        parts = sides(rows, HeldOut(share), HeldOut(share), group_by=["metadata.user"], stratify_by="metadata.topic")
        for topic in (0, 1):
            own = Counter(part for each, part in zip(rows, parts, strict=True) if each.meta["topic"] == topic)
            # Five standard deviations of 2,000 groups.
            slack = 5 * (share * (1 - share) / 2000) ** 0.5
            assert abs(own[VALIDATION] / 4000 - share) < slack
            assert abs(own[TEST] / 4000 - share) < slack

    def test_how_much_is_tested_does_not_decide_what_is_validated(self) -> None:
        rows = [make_row(number) for number in range(300)]
        without, with_test = sides(rows, HeldOut(0.2)), sides(rows, HeldOut(0.2), HeldOut(0.3))
        assert [part == VALIDATION for part in without] == [part == VALIDATION for part in with_test]
        assert {TEST} == {now for was, now in zip(without, with_test, strict=True) if was != now}

    def test_seeds_differ_and_are_not_related(self) -> None:
        rows = [make_row(number) for number in range(4000)]
        first, second = (np.array(sides(rows, HeldOut(0.5), seed=seed)) for seed in (0, 1))
        assert 0.45 < np.mean(first == second) < 0.55

    def test_a_single_row_of_a_stratum_is_trained_on_whatever_the_seed(self) -> None:
        rows = [make_row(number, topic="often") for number in range(30)] + [make_row(99, topic="once")]
        for seed in range(20):
            division = divide(keys_of(rows, (), "metadata.topic"), HeldOut(0.6), seed=seed)
            assert division.parts[-1] == TRAIN

    def test_what_was_placed_against_its_hash_is_counted(self) -> None:
        few, many = [make_row(1), make_row(2)], [make_row(number) for number in range(100)]
        assert sum(divide(keys_of(few), HeldOut(0.001), seed=seed).num_placed for seed in range(5)) == 5
        assert divide(keys_of(many), HeldOut(0.5), seed=0).num_placed == 0

    def test_nothing_is_divided_where_nothing_is_asked_for(self) -> None:
        assert sides([make_row(number) for number in range(20)], NOTHING) == [TRAIN] * 20


class TestTogether:
    @given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(0, 8)), max_size=25), seeds)
    def test_components_are_those_of_a_walk_over_all_that_is_equal(
        self, found: list[tuple[int, int, int]], seed: int
    ) -> None:
        # 0 stands for "no group".
        rows = [make_row(number, user=user or None, topic=topic or "") for number, user, topic in found]
        keys = keys_of(rows, ["metadata.user", "metadata.topic"])
        component = keys.components()[0].tolist()
        reached = [{index} for index in range(len(found))]
        for _ in found:
            for one, a in enumerate(found):
                for other, b in enumerate(found):
                    if a[0] == b[0] or (a[1] and a[1] == b[1]) or (a[2] and a[2] == b[2]):
                        reached[one] |= reached[other]
        for one, its in enumerate(reached):
            assert its == {other for other, number in enumerate(component) if number == component[one]}

    def test_a_long_chain_of_groups_is_one_component_and_takes_no_time(self) -> None:
        order = np.random.default_rng(0).permutation(20_000).tolist()
        keys = keys_of([make_row(n, a=n // 2 + 1, b=(n + 1) // 2 + 1) for n in order], ["metadata.a", "metadata.b"])
        start = time.perf_counter()
        assert keys.components()[0].max() == 0
        assert time.perf_counter() - start < 5

    def test_clusters_keep_rows_together(self) -> None:
        rows = [make_row(number) for number in range(300)]
        clusters = np.arange(300) // 3
        parts = divide(keys_of(rows), HeldOut(0.3), seed=0, clusters=clusters).parts.reshape(-1, 3)
        assert (parts == parts[:, :1]).all()
        assert 0 < (parts == VALIDATION).mean() < 0.6

    def test_the_text_of_a_group_is_a_group_and_no_text_is_none(self) -> None:
        rows = [make_row(1, user={"id": 7}), make_row(2, user={"id": 7}), make_row(3, user=""), make_row(4, user="")]
        assert keys_of(rows, ["metadata.user.id"]).components()[0].tolist() == [0, 0, 1, 2]
        assert keys_of(rows, ["metadata.user"]).components()[0].tolist() == [0, 0, 1, 2]

    @pytest.mark.parametrize("by", [{"group_by": "metadata.usr"}, {"stratify_by": "lable"}])
    def test_a_field_that_no_row_has_is_refused(self, by: dict[str, str]) -> None:
        with pytest.raises(DataError, match=f"no row has the field {next(iter(by.values()))}") as caught:
            split([make_row(1, user="x")], 0.1, 0, **by)
        assert "metadata.user" in caught.value.hint

    def test_fields_of_a_row_and_of_its_metadata_are_found(self) -> None:
        label = LabelRow("t", 1, "text", "good", {"a": {"b": 5}})
        found = [
            field_value(label, field) for field in ("label", "metadata.a.b", "metadata.a.c", "none", "metadata.x.y")
        ]
        assert found == ["good", 5, None, None, None]

    def test_a_job_holds_out_whole_groups_if_told_so(self) -> None:
        rows = [make_row(number, user=number // 5) for number in range(500)]
        train, validation = split(rows, 0.2, 0, group_by="metadata.user", stratify_by="metadata.user")
        assert validation
        assert not {each.meta["user"] for each in train} & {each.meta["user"] for each in validation}


class TestFamilies:
    @staticmethod
    def family(number: int, *, num_children: int, **meta: Any) -> list[dict[str, Any]]:
        parent = {**chat.write(make_row(number)), **({"metadata": meta} if meta else {})}
        texts = [{("messages", 0, "content"): f"{number} {copy}"} for copy in range(num_children)]
        return [parent, *(child(parent, each, "typo", 0) for each in texts)]

    @staticmethod
    def keys(records: Sequence[dict[str, Any]]) -> RowKeys:
        found = [chat.read(record, "rows.jsonl", line) for line, record in enumerate(records, start=1)]
        keys = keys_of(found)
        assert keys.has_children
        keys.name_parents(records)
        return keys

    def test_children_stay_with_their_parent(self) -> None:
        records = [each for number in range(100) for each in self.family(number, num_children=2, group="all")]
        parts = divide(self.keys(records), HeldOut(0.4), seed=0).parts.reshape(-1, 3)
        assert (parts == parts[:, :1]).all()
        assert 0 < (parts[:, 0] == VALIDATION).sum() < 100

    def test_a_parent_stays_where_it_was_when_children_are_added(self) -> None:
        parents = [self.family(number, num_children=0)[0] for number in range(100)]
        children = [each for number in range(100) for each in self.family(number, num_children=3)[1:]]
        before = sides([chat.read(record, "rows.jsonl", 1) for record in parents], HeldOut(0.4))
        after = divide(self.keys(parents + children), HeldOut(0.4), seed=0).parts.tolist()
        assert after[:100] == before

    def test_children_stay_together_without_their_parent(self) -> None:
        records = [each for number in range(60) for each in self.family(number, num_children=2)[1:]]
        parts = divide(self.keys(records), HeldOut(0.4), seed=0).parts.reshape(-1, 2)
        assert (parts[:, 0] == parts[:, 1]).all()

    def test_the_group_that_augmentation_writes_ties_parent_and_child_in_a_job(self) -> None:
        records = []
        for number in range(60):
            parent, one = self.family(number, num_children=1)
            records += [{**parent, "metadata": {"group": content_hash(parent)}}, one]
        train, validation = split([chat.read(each, "x", line) for line, each in enumerate(records)], 0.4, 0)  # pyright: ignore[reportArgumentType]
        for part in (train, validation):
            lines = {each.line for each in part}
            assert lines == {line ^ 1 for line in lines}

    def test_a_parent_named_by_its_place_is_found(self) -> None:
        parents = [make_row(number, line=number) for number in range(60)]
        children = [make_row(100 + n, line=100 + n, augmented={"parent": f"data/train.jsonl:{n}"}) for n in range(60)]
        parts = sides(parents + children, HeldOut(0.4))
        assert parts[:60] == parts[60:]


files = st.lists(st.tuples(st.integers(1, 20), st.floats(0.01, 4)), min_size=1, max_size=4)


@given(files, st.integers(0, 2**32 - 1), st.integers(0, 100))
def test_an_epoch_visits_each_file_by_its_weight(files: list[tuple[int, float]], seed: int, epoch: int) -> None:
    counts, weights = [count for count, _ in files], [weight for _, weight in files]
    visited = Counter(epoch_rows(counts, weights, seed, epoch).tolist())
    first = 0
    for count, weight in files:
        own = [visited.pop(index, 0) for index in range(first, first + count)]
        assert sum(own) == max(1, round(weight * count))
        assert max(own) - min(own) <= 1
        first += count
    assert not visited


def test_order_follows_from_seed_and_epoch_alone() -> None:
    orders = {(seed, epoch): epoch_rows([30, 30], [1.0, 0.5], seed, epoch) for seed in (0, 1) for epoch in (0, 1)}
    assert len({tuple(order) for order in orders.values()}) == 4
    np.testing.assert_array_equal(orders[0, 1], epoch_rows([30, 30], [1.0, 0.5], 0, 1))
    halves = [set(order[order >= 30].tolist()) for order in orders.values()]
    assert len({frozenset(half) for half in halves}) == 4
