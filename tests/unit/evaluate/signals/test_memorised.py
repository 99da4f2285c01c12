"""Word-for-word completion counts as memory only as far as held-out rows and the base do not show the same."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tunewright.data.encode import EncodedRow
from tunewright.data.rows import Message, Row
from tunewright.evaluate.signals.memorised import MIN_TOKENS, Complete, Probe, longest, make_probes, memorised

END = 9


def encoded(line: int, answer: Sequence[int], prompt: Sequence[int] = (1, 2, 3)) -> EncodedRow:
    """Return a row of which `answer` and the mark of its end are taught."""
    ids = [*prompt, *answer, END]
    weights = [0.0] * len(prompt) + [1.0] * (len(answer) + 1)
    source = Row("train.jsonl", line, (Message("user", "q"), Message("assistant", "a")))
    return EncodedRow(np.array(ids, dtype=np.int32), np.array(weights, dtype=np.float32), source)


def probes(count: int, first: int = 100) -> list[Probe]:
    return make_probes([encoded(number, [first + number] * 20) for number in range(count)], num_rows=count)


def knows(known: Sequence[Probe]) -> Complete:
    """Return a model that completes `known`, goes on as any greedy decoder may, and answers others with zeros."""
    memory = {probe.asked: [*probe.wanted, END, 5] for probe in known}
    return lambda asked: [memory.get(tuple(ids), [0] * 30) for ids in asked]


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """Wilson (1927), written out here."""
    z, p = 1.959963984540054, hits / tries
    middle, spread = p + z * z / (2 * tries), z * math.sqrt(p * (1 - p) / tries + z * z / (4 * tries**2))
    return (middle - spread) / (1 + z * z / tries), (middle + spread) / (1 + z * z / tries)


def test_a_probe_asks_with_the_prompt_and_half_the_answer_and_wants_the_rest_without_the_end_mark() -> None:
    [probe] = make_probes([encoded(7, range(20, 37))])
    assert probe.asked == (1, 2, 3, *range(20, 28))
    assert probe.wanted == tuple(range(28, 37))
    assert probe.where == "train.jsonl:7"


def test_only_the_last_answer_of_a_conversation_is_asked_for() -> None:
    first = [50] * 20
    row = encoded(1, range(20, 37), prompt=[1, *first, 2])
    weights = row.weights.copy()
    weights[1:21] = 1.0
    [probe] = make_probes([EncodedRow(row.ids, weights, row.source)])
    assert probe.asked == (1, *first, 2, *range(20, 28))


def test_answers_too_short_to_be_no_accident_are_not_probed() -> None:
    assert make_probes([encoded(1, range(20, 20 + 2 * MIN_TOKENS - 2))]) == []
    assert len(make_probes([encoded(1, range(20, 20 + 2 * MIN_TOKENS - 1))])) == 1


def test_a_row_of_which_nothing_is_taught_is_not_probed() -> None:
    row = encoded(1, range(20, 60))
    assert make_probes([EncodedRow(row.ids, np.zeros_like(row.weights), row.source)]) == []


def test_the_sample_is_seeded_keeps_the_order_and_has_no_text_twice() -> None:
    rows = [encoded(number, [100 + number % 40] * 20) for number in range(80)]
    chosen = make_probes(rows, 10, seed=3)
    assert chosen == make_probes(rows, 10, seed=3)
    assert chosen != make_probes(rows, 10, seed=4)
    lines = [int(probe.where.partition(":")[2]) for probe in chosen]
    assert lines == sorted(lines)
    assert len({probe.asked for probe in make_probes(rows, 80)}) == len(make_probes(rows, 80)) == 40


def test_the_longest_wanted_part_says_how_much_must_be_generated() -> None:
    assert longest(make_probes([encoded(1, range(20, 40)), encoded(2, range(20, 61))])) == 21
    assert longest([]) == 0


def test_rows_completed_only_where_they_were_trained_on_are_memorised_and_named() -> None:
    train, held_out = probes(30), probes(30, first=500)
    signal = memorised(train, held_out, knows(train[:12]), wilson)
    assert signal.value == pytest.approx(0.4)
    assert signal.is_bad
    assert signal.low is not None
    assert 0 < signal.low < 0.4
    assert signal.examples[0] == train[0].where
    assert "12 of 30 training rows, 0 of 30 held-out rows" in signal.rule


def test_a_single_completed_row_is_shown_but_may_be_chance_and_is_not_bad() -> None:
    train, held_out = probes(30), probes(30, first=500)
    signal = memorised(train, held_out, knows(train[:1]), wilson)
    assert signal.value == pytest.approx(1 / 30)
    assert signal.low is not None
    assert signal.low < 0
    assert not signal.is_bad


def test_what_held_out_rows_show_as_well_is_predictability_and_not_memory() -> None:
    train, held_out = probes(30), probes(30, first=500)
    signal = memorised(train, held_out, knows([*train[:12], *held_out[:12]]), wilson)
    assert (signal.value, signal.is_bad) == (0.0, False)


def test_rows_that_the_base_completes_too_count_on_neither_side() -> None:
    train, held_out = probes(30), probes(30, first=500)
    signal = memorised(train, held_out, knows(train[:12]), wilson, base=knows([*train[:10], held_out[0]]))
    assert signal.num_rows == 20
    assert signal.value == pytest.approx(2 / 20)
    assert "0 of 29 held-out rows; 11 rows that the base completes too are left out" in signal.rule


def test_one_wrong_token_is_not_word_for_word() -> None:
    train, held_out = probes(1), probes(1, first=500)
    nearly: Complete = lambda asked: [[*train[0].wanted[:-1], 0] for _ in asked]  # noqa: E731
    assert memorised(train, held_out, nearly, wilson).value == 0


def test_an_answer_that_ends_early_is_no_hit() -> None:
    train, held_out = probes(1), probes(1, first=500)
    assert memorised(train, held_out, lambda asked: [[] for _ in asked], wilson).value == 0


def test_the_interval_is_newcombes_as_he_published_it() -> None:
    # Newcombe 1998 (Statistics in Medicine 17, 873-890), table II: 56/70 − 48/80, method 10.
    train, held_out = probes(70), probes(80, first=500)
    signal = memorised(train, held_out, knows([*train[:56], *held_out[:48]]), wilson)
    assert signal.value == pytest.approx(0.2)
    assert signal.low == pytest.approx(0.0524, abs=5e-5)
    assert signal.high == pytest.approx(0.3339, abs=5e-5)


@pytest.mark.parametrize(("num_train", "num_held", "which"), [(0, 5, "training"), (5, 0, "held-out")])
def test_without_rows_to_hold_against_each_other_nothing_is_measured(num_train: int, num_held: int, which: str) -> None:
    signal = memorised(probes(num_train), probes(num_held, first=500), knows([]), wilson)
    assert (signal.value, signal.is_bad) == (None, False)
    assert f"no {which} row" in signal.rule
