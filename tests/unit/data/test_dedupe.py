"""`dedupe`: what stays, what goes, and both files."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.duplicates.clusters import find_duplicates
from tunewright.data.duplicates.compared import By
from tunewright.data.duplicates.dedupe import Plan, near_duplicates, plan_dedupe, write_deduped
from tunewright.data.read import OpenSource, open_source
from tunewright.errors import DataError, StorageError
from tunewright.spec.data import SourceSpec

QUESTION = "How long does the battery of the small lamp last when it is used every evening"


def chat(question: str, answer: str) -> str:
    said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": said}, ensure_ascii=False)


def source_of(folder: Path, lines: list[str], name: str = "rows.jsonl") -> OpenSource:
    path = folder / name
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="")
    return open_source(SourceSpec(path=str(path)))


def lines_that_stay(plan: Plan) -> list[int]:
    gone = {item.line for item in plan.removed}
    return [line for line in range(1, plan.num_rows + 1) if line not in gone]


questions = st.builds(
    lambda words, end: " ".join(words) + end,
    st.lists(st.sampled_from("red green blue lamp battery evening".split()), min_size=1, max_size=12),
    st.sampled_from(["", "?", " please"]),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(questions, st.sampled_from(["Yes.", "No.", "It lasts for ten hours."])), min_size=1, max_size=25)
)
def test_a_deduped_file_has_no_duplicates_and_every_row_that_went_is_like_one_that_stays(
    rows: list[tuple[str, str]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = source_of(folder, [chat(*row) for row in rows])
        plan = plan_dedupe(source)
        removed = write_deduped(source, plan, folder / "out.jsonl")
        stays = set(lines_that_stay(plan))
        assert all(item.kept_line in stays and item.similarity >= 0.8 for item in plan.removed)
        kept = open_source(SourceSpec(path=str(folder / "out.jsonl")))
        assert plan_dedupe(kept).removed == ()
        assert sum(1 for _ in kept) + len(removed.read_text(encoding="utf-8").splitlines()) == len(rows)


def test_the_row_with_the_longest_answer_stays_then_the_longest_then_the_first(tmp_path: Path) -> None:
    short, long = chat(QUESTION, "Ten hours."), chat(QUESTION, "Ten hours or so.")
    assert lines_that_stay(plan_dedupe(source_of(tmp_path, [short, long, short]))) == [2]
    asked_longer = chat(QUESTION + "?", "Ten hours.")
    assert lines_that_stay(plan_dedupe(source_of(tmp_path, [short, asked_longer]))) == [2]
    assert lines_that_stay(plan_dedupe(source_of(tmp_path, [short, short]))) == [1]


def test_a_chain_keeps_its_far_end(tmp_path: Path) -> None:
    words = [f"word{number}" for number in range(40)]
    chain = [" ".join(["other"] * step * 3 + words[step * 3 :]) for step in range(4)]
    ids = find_duplicates(chain).ids()
    assert not ids.any()
    source = source_of(tmp_path, [json.dumps({"text": text}) for text in chain])
    plan = plan_dedupe(source)
    assert len(lines_that_stay(plan)) > 1
    assert all(item.similarity >= 0.8 for item in plan.removed)


def test_survivors_are_byte_for_byte_and_the_removed_say_why(tmp_path: Path) -> None:
    odd = '{"messages" : [ {"role":"user","content":"\\u00e9 caf\\u00e9"},{"role":"assistant","content":"oui"} ]}'
    lines = [odd, chat("b", "c"), odd.replace(" : ", ":"), chat("d", "e")]
    source = source_of(tmp_path, lines)
    removed = write_deduped(source, plan_dedupe(source), tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines() == [lines[0], lines[1], lines[3]]
    assert removed == tmp_path / "out.removed.jsonl"
    (record,) = [json.loads(line) for line in removed.read_text(encoding="utf-8").splitlines()]
    assert record == {"line": 3, "kept_line": 1, "similarity": 1.0, "exact": True, "record": json.loads(odd)}


@pytest.mark.parametrize(("by", "stays"), [("row", [1, 2]), ("prompt", [2])])
def test_another_answer_to_the_same_question_goes_only_by_prompt(tmp_path: Path, by: By, stays: list[int]) -> None:
    source = source_of(tmp_path, [chat("Is it?", "No, never."), chat("Is it?", "Yes, certainly, and always so.")])
    assert lines_that_stay(plan_dedupe(source, by=by)) == stays


def test_only_equal_rows_go_when_exact_is_asked(tmp_path: Path) -> None:
    source = source_of(tmp_path, [chat(QUESTION, "a"), chat(QUESTION + ".", "a"), chat(QUESTION, "a")])
    plan = plan_dedupe(source, None)
    assert [(item.line, item.kept_line, item.is_exact) for item in plan.removed] == [(3, 1, True)]


def test_rows_of_different_verdicts_never_replace_each_other(tmp_path: Path) -> None:
    def judged(answer: str, wanted: bool) -> str:
        prompt = [{"role": "user", "content": QUESTION}]
        return json.dumps({"prompt": prompt, "completion": [{"role": "assistant", "content": answer}], "label": wanted})

    rows = [judged("Ten.", True), judged("Ten.", False), judged("Ten.", True), judged("Ten!", False)]
    plan = plan_dedupe(source_of(tmp_path, rows))
    assert lines_that_stay(plan) == [1, 2]
    assert (plan.num_clusters, plan.num_contradicting) == (1, 1)


def test_a_file_with_an_unusable_row_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    source = source_of(tmp_path, [chat("a", "b"), '{"messages": []}', chat("a", "b")])
    with pytest.raises(DataError, match=r"rows\.jsonl:2.*usable") as raised:
        plan_dedupe(source)
    assert "data check" in raised.value.hint
    assert [item.name for item in tmp_path.iterdir()] == ["rows.jsonl"]


def test_nothing_is_changed_in_place_and_no_file_is_replaced_unasked(tmp_path: Path) -> None:
    source = source_of(tmp_path, [chat("a", "b")])
    plan = plan_dedupe(source)
    for output, removed in [("rows.jsonl", None), ("out.jsonl", "rows.jsonl"), ("out.jsonl", "out.jsonl")]:
        with pytest.raises(DataError, match="three files"):
            write_deduped(source, plan, tmp_path / output, tmp_path / removed if removed else None, overwrite=True)
    (tmp_path / "out.jsonl").write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError, match="exists"):
        write_deduped(source, plan, tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == "mine"


def test_a_file_that_changed_after_the_plan_is_noticed(tmp_path: Path) -> None:
    source = source_of(tmp_path, [chat("a", "b"), chat("c", "d")])
    plan = plan_dedupe(source)
    source_of(tmp_path, [chat("a", "b")])
    with pytest.raises(DataError, match="changed"):
        write_deduped(source, plan, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_the_largest_clusters_come_with_lines_and_an_excerpt(tmp_path: Path) -> None:
    plan = plan_dedupe(source_of(tmp_path, [chat("a", "b"), *[chat(QUESTION, "b")] * 3, chat("a", "b")]))
    assert [cluster.lines for cluster in plan.largest] == [(2, 3, 4), (1, 5)]
    assert plan.largest[0].excerpt.startswith("user: how long does the battery")


def test_check_is_told_near_duplicates_across_files_but_not_exact_ones(tmp_path: Path) -> None:
    first = source_of(tmp_path, ['{"messages": 1}', chat(QUESTION, "a"), chat(QUESTION, "a")], "a.jsonl")
    second = source_of(tmp_path, [chat("x", "y"), chat(QUESTION + " now", "a")], "b.jsonl")
    (found,) = near_duplicates([first, second])
    assert (found.first.line, found.later.line) == (2, 2)
    assert (Path(found.first.path).name, Path(found.later.path).name) == ("a.jsonl", "b.jsonl")
    assert np.clip(found.similarity, 0.8, 0.999) == found.similarity
