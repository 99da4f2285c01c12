"""A profile counts exactly: against brute force, for rows of every kind, and without ever raising."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.data.conversations import row as conversation
from tests.unit.data.conversations import rows as conversations
from tunewright.data.profiling.figures import Numbers, Tally
from tunewright.data.profiling.page import render_page, size_text
from tunewright.data.profiling.parts import role_pattern
from tunewright.data.profiling.prefixes import PrefixMeter, num_shared
from tunewright.data.profiling.profile import profile
from tunewright.data.profiling.scripts import ScriptMeter
from tunewright.data.profiling.shape import Profile
from tunewright.data.profiling.tokens import COMMON_LIMITS
from tunewright.data.profiling.verdict import percent, verdicts_of
from tunewright.data.read import Entry
from tunewright.data.rows import (
    AnyRow,
    FeedbackRow,
    LabelRow,
    Message,
    PairRow,
    PreferenceRow,
    Row,
    RowFault,
    TextRow,
    TokenLabelsRow,
)
from tunewright.errors import RecipeError

ids_of_a_row = st.lists(st.integers(0, 3), max_size=8)
texts = st.text(max_size=30)
messages = st.builds(
    Message, st.sampled_from(["system", "user", "assistant", "tool"]), texts, st.sampled_from([0.0, 1.0])
)
turns = st.lists(messages, max_size=4).map(tuple)
labels = st.lists(texts, max_size=3).map(tuple)
path, line = st.just("rows.jsonl"), st.integers(1, 9)
any_rows = st.one_of(
    conversations(),
    st.builds(TextRow, path, line, texts),
    st.builds(PreferenceRow, path, line, turns, turns, turns),
    st.builds(FeedbackRow, path, line, turns, turns, st.booleans()),
    st.builds(LabelRow, path, line, texts, texts | labels, st.dictionaries(texts, st.none(), max_size=2)),
    labels.map(lambda words: TokenLabelsRow("rows.jsonl", 1, words, words)),
    st.builds(PairRow, path, line, texts, texts, st.none() | st.floats()),
)


@dataclass(frozen=True)
class Encoded:
    ids: np.ndarray
    weights: np.ndarray


class GivenLengths:
    """An encoder that ignores its rows: the next of the weights that it was given, as one or several training rows."""

    name = "given"

    def __init__(self, weights_of_rows: list[list[list[float]]], context_tokens: int = 2048) -> None:
        self.context_tokens = context_tokens
        self._waiting = iter(weights_of_rows)

    def encode(self, row: AnyRow) -> list[Encoded] | RowFault:
        weights_of_row = next(self._waiting)
        if not weights_of_row:
            return RowFault(row.path, row.line, "messages", "the template refuses it", kind="not_renderable")
        return [
            Encoded(np.arange(len(weights), dtype=np.int32), np.array(weights, dtype=np.float32))
            for weights in weights_of_row
        ]


def entries_of(rows: list[AnyRow]) -> list[Entry]:
    return [Entry(row.line, {}, row, (), b"{}\n") for row in rows]


def fault(kind: str) -> Entry:
    return Entry(1, None, None, (RowFault("rows.jsonl", 1, "", "is wrong", kind=kind),), b"oops")


def answered(answers: list[str]) -> Profile:
    return profile(entries_of([conversation(answer=answer) for answer in answers]))


# ── shared prefixes ──────────────────────────────────────────────────────────────────────────────────────────────────


def num_saved_by_a_trie(rows: list[list[int]]) -> int:
    nodes = {tuple(row[: end + 1]) for row in rows for end in range(len(row))}
    return sum(map(len, rows)) - len(nodes)


def measured(rows: list[list[int]], **limits: int) -> PrefixMeter:
    meter = PrefixMeter(**limits)
    for row in rows:
        meter.add(np.array(row, dtype=np.int32))
    return meter


@given(st.lists(ids_of_a_row, max_size=30), st.integers(1, 5))
def test_shared_prefix_share_is_what_a_trie_saves(rows: list[list[int]], window: int) -> None:
    shared = measured(rows, window=window).result()
    total = max(1, sum(map(len, rows)))
    windows = [rows[start : start + window] for start in range(0, len(rows), window)]
    assert shared.whole_set == num_saved_by_a_trie(rows) / total
    assert shared.windows == sum(map(num_saved_by_a_trie, windows)) / total
    assert not shared.is_sample


def test_ids_above_a_byte_sort_as_numbers_do() -> None:
    rows = [[256, 1], [1, 256], [256, 2], [1, 255], [100_000]]
    assert num_shared([np.array(row, dtype=">u4").tobytes() for row in rows]) == 2


@given(st.lists(ids_of_a_row, min_size=1, max_size=60), st.integers(1, 10), st.integers(1, 40))
def test_a_sample_stays_within_its_bounds(rows: list[list[int]], max_rows: int, max_tokens: int) -> None:
    shared = measured(rows, max_rows=max_rows, max_tokens=max_tokens).result()
    assert 1 <= shared.num_rows_compared <= max_rows
    assert shared.is_sample == (shared.num_rows_compared < len(rows))
    assert 0 <= shared.whole_set < 1


# ── lengths and limits ───────────────────────────────────────────────────────────────────────────────────────────────


lengths = st.lists(st.tuples(st.integers(0, 700), st.integers(0, 700)), min_size=1, max_size=3)


@settings(max_examples=60)
@given(st.lists(lengths, min_size=1, max_size=12), st.integers(8, 1500))
def test_lost_answer_tokens_equal_brute_force(sizes: list[list[tuple[int, int]]], max_length: int) -> None:
    weights = [[[0.0] * before + [0.5] * taught + [0.0] for before, taught in row] for row in sizes]
    rows: list[AnyRow] = [conversation() for _ in weights]
    tokens = profile(entries_of(rows), GivenLengths(weights), max_length=max_length).tokens
    assert tokens is not None
    flat = [each for row in weights for each in row]
    assert {each.limit for each in tokens.limits} == {*COMMON_LIMITS, 2048, max_length}
    for each in tokens.limits:
        lost = [sum(weight > 0 for weight in row[each.limit :]) for row in flat]
        gone = [sum(row) > 0 and not any(row[: each.limit]) for row in flat]
        assert each.num_cut == sum(len(row) > each.limit for row in flat)
        assert each.num_answers_cut == sum(number > 0 for number in lost)
        assert each.num_answer_tokens_lost == sum(lost)
        assert each.num_answers_gone == sum(gone)
    assert tokens.rows.total == tokens.prompts.total + tokens.answers.total == sum(map(len, flat))
    assert tokens.num_training_rows == len(flat)


def test_the_context_decides_where_the_wished_limit_is_above_it() -> None:
    weights = [[[0.0] * 90 + [1.0] * 30]]
    tokens = profile(entries_of([conversation()]), GivenLengths(weights, 100), max_length=200).tokens
    assert tokens is not None
    assert tokens.deciding_limit == 100
    assert tokens.at(100).num_answer_tokens_lost == 20


def test_the_verdict_names_cut_answers_and_lost_tokens() -> None:
    weights = [[[0.0] * 1000 + [1.0] * 100], [[0.0] * 2000 + [1.0] * 10], [[0.0, 1.0]], []]
    rows: list[AnyRow] = [conversation() for _ in weights]
    found = profile(entries_of(rows), GivenLengths(weights, 1024))
    said = [verdict.text for verdict in verdicts_of(found)]
    assert said[0].startswith("1 of 4 rows cannot be encoded for given. The first: train.jsonl:1: messages:")
    assert said[1] == "2 of 3 answers would be cut at 1,024 tokens: 86 answer tokens lost, 1 whole answer among them."


def test_a_cut_below_a_larger_context_is_said_too() -> None:
    found = profile(entries_of([conversation()]), GivenLengths([[[0.0] * 1000 + [1.0] * 100]], 4096))
    silent = "1 of 1 answer would be cut at 1,024 tokens, where several trainers cut in silence: 76 answer tokens lost."
    assert silent in [verdict.text for verdict in verdicts_of(found)]


def test_the_size_of_a_run_counts_training_rows() -> None:
    weights = [[[0.0, 1.0], [0.0, 1.0, 1.0]] for _ in range(10)]
    rows: list[AnyRow] = [conversation() for _ in weights]
    job = profile(entries_of(rows), GivenLengths(weights), epochs=1.5, batch_size=8).job
    assert job is not None
    assert (job.num_rows, job.num_steps, job.num_tokens) == (20, 5, 75)
    assert job.rules == ()


def test_what_a_run_leaves_open_is_chosen_by_a_named_rule() -> None:
    job = profile(entries_of([conversation() for _ in range(100)])).job
    assert job is not None
    assert (job.epochs, job.batch_size, job.num_steps, job.num_tokens) == (10, 4, 250, None)
    assert [rule.split(" = ")[0] for rule in job.rules] == ["train.batch_size", "train.epochs"]


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"epochs": float("nan")}, {"batch_size": 0}])
def test_a_wrong_number_is_refused_before_a_row_is_read(wrong: dict[str, float]) -> None:
    untouched = iter(entries_of([conversation()]))
    with pytest.raises(RecipeError):
        profile(untouched, **wrong)  # pyright: ignore[reportArgumentType]
    assert next(untouched).row is not None


# ── any rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=80)
@given(st.lists(any_rows | st.sampled_from(["not_json", "bad_role"]), max_size=25))
def test_any_rows_give_a_profile_whose_counts_add_up(found: list[AnyRow | str]) -> None:
    result = profile([fault(each) if isinstance(each, str) else entries_of([each])[0] for each in found])
    assert result.num_records == len(found) == result.num_rows + result.num_unusable
    assert sum(each.num_rows + each.num_unusable for each in result.sources) == len(found)
    assert sum(each.count for each in result.kinds) == result.num_rows
    assert sum(each.count for each in result.unusable_kinds) == result.num_unusable
    assert result.answers.count == result.answer_texts.chars.count
    if result.labels:
        assert sum(each.count for each in result.labels.counts) == result.labels.num_labels
    if result.scripts:
        assert sum(each.share for each in result.scripts) == pytest.approx(1)
    assert render_page(result).rstrip().endswith("</html>")


def test_lone_surrogates_can_be_written() -> None:
    odd = "\ud800 yes"
    row = Row("rows.jsonl", 1, (Message("user", odd), Message("assistant", odd)), {odd: 1})
    found = profile(entries_of([row, row]))
    render_page(found).encode("utf-8")
    assert found.answers.repeated[0].value == "? yes"


def test_text_of_a_row_never_becomes_markup() -> None:
    page = render_page(answered(["<script>alert(1)</script>"] * 3))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_page_asks_no_network_for_anything() -> None:
    page = render_page(answered(["yes"] * 30))
    assert not [word for word in ("http:", "https:", "src=", "url(", "@import", "<link") if word in page]


# ── answers, labels, roles ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answers", "is_label"),
    [
        (["yes", "no"] * 10, True),
        (["yes", "no"] * 9 + ["yes"], False),  # 19 answers
        ([str(number % 50) for number in range(100)], True),
        ([str(number % 51) for number in range(200)], False),
        ([str(number % 15) for number in range(29)], False),  # fewer than two of each
    ],
)
def test_few_answers_over_many_rows_are_labels(answers: list[str], is_label: bool) -> None:
    found = answered(answers)
    assert (found.labels is not None) == is_label
    if found.labels:
        assert found.labels.is_guessed
        assert found.labels.num_distinct == len(set(answers))


def test_labels_that_rows_name_are_counted_each() -> None:
    rows: list[AnyRow] = [LabelRow("a", 1, "x", ("b", "c")), LabelRow("a", 2, "y", "b")]
    found = profile(entries_of(rows)).labels
    assert found is not None
    assert [(each.value, each.count) for each in found.counts] == [("b", 2), ("c", 1)]
    assert not found.is_guessed


def test_unbalanced_labels_are_said() -> None:
    said = [verdict.text for verdict in verdicts_of(answered(["yes"] * 19 + ["no"]))]
    assert 'The labels are unbalanced: "yes" makes up 95 %.' in said


def test_the_tag_of_most_words_is_no_imbalance() -> None:
    words = ("in", "the", "old", "town", "of", "Bergen")
    row = TokenLabelsRow("a", 1, words, ("O",) * 5 + ("B-LOC",))
    assert [verdict.severity for verdict in verdicts_of(profile(entries_of([row])))] == ["info"]


def test_short_and_empty_answers_follow_the_stated_rule() -> None:
    rows: list[AnyRow] = [
        LabelRow("a", 1, "x", text) for text in ("", "  ", "two words", "not two words", "x" * 20, "x" * 21)
    ]
    answers = profile(entries_of(rows)).answers
    assert (answers.num_empty, answers.num_short) == (2, 2)


def test_untaught_turns_are_context_and_no_answers() -> None:
    dialogue = (Message("user", "a"), Message("assistant", "bad", 0.0), Message("user", "b"), Message("assistant", "c"))
    found = profile(entries_of([Row("rows.jsonl", 1, dialogue)]))
    assert (found.answers.count, found.num_untaught_turns, found.num_rows_with_untaught_turns) == (1, 1, 1)
    assert found.prompts.chars.total == len("a\nbad\nb")


@pytest.mark.parametrize(
    ("roles", "pattern"),
    [
        ("system user assistant", "system user assistant"),
        ("system user assistant user assistant", "system (user assistant)×2"),
        ("user user assistant", "user user assistant"),
        ("user user user assistant assistant", "user×2 user assistant assistant"),
        ("", ""),
    ],
)
def test_repeated_roles_are_counted(roles: str, pattern: str) -> None:
    assert role_pattern(roles.split()) == pattern


# ── figures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.integers(0, 100_000) | st.integers(0, 20), max_size=300))
def test_bins_hold_every_number_once_and_do_not_overlap(values: list[int]) -> None:
    numbers = Numbers()
    for value in values:
        numbers.add(value)
    bins = numbers.histogram()
    assert len(bins) <= 18
    assert [each.count for each in bins] == [sum(each.low <= value <= each.high for value in values) for each in bins]
    assert sum(each.count for each in bins) == len(values)
    assert numbers.quantiles().max == max(values, default=0)


def test_borders_of_bins_are_the_usual_limits() -> None:
    numbers = Numbers()
    for value in range(1, 8193):
        numbers.add(value)
    assert [each.high for each in numbers.histogram()][:2] == [512, 1024]


def test_a_tally_that_forgets_says_so_and_keeps_the_frequent() -> None:
    tally = Tally(max_distinct=100)
    for number in range(1000):
        tally.add("often")
        tally.add(str(number))
    assert not tally.is_exact
    assert tally.num_distinct <= 100
    assert tally.most(1)[0].value == "often"


def test_texts_that_differ_late_are_told_apart() -> None:
    tally = Tally()
    tally.add("x" * 500 + "a")
    tally.add("x" * 500 + "b")
    assert tally.num_distinct == 2


@given(st.lists(st.text(max_size=20), max_size=10))
def test_letters_are_counted_whatever_the_batches(parts: list[str]) -> None:
    meter, whole = ScriptMeter(), ScriptMeter()
    for part in parts:
        meter.add(part)
        meter.result()
    whole.add("".join(parts))
    assert meter.result() == whole.result()
    assert sum(each.num_letters for each in whole.result()) == sum(letter.isalpha() for letter in "".join(parts))


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Ωmega", "Latin"),
        ("привет", "Cyrillic"),
        ("船票", "Han"),
        ("سلام", "Arabic"),
        ("ｆｕｌｌ", "Latin"),
        ("ﾊﾝ", "Katakana"),
    ],
)
def test_the_most_frequent_script_comes_first(text: str, script: str) -> None:
    meter = ScriptMeter()
    meter.add(text + " 123 !? 🎉")
    assert meter.result()[0].script == script


def test_shares_are_never_rounded_to_nothing_or_all() -> None:
    said = [percent(share) for share in (0, 0.0001, 0.034, 0.5, 0.995, 0.9999, 1)]
    assert said == ["0 %", "< 0.1 %", "3.4 %", "50 %", "99.5 %", "> 99.9 %", "100 %"]


def test_sizes_are_said_in_their_largest_unit() -> None:
    assert [size_text(size) for size in (0, 999, 1200, 999_600, 2_345_678_901)] == [
        "0 bytes",
        "999 bytes",
        "1.2 kB",
        "1.0 MB",
        "2.3 GB",
    ]
