"""A repaired copy passes the check, is repaired no further, and lists everything that it has otherwise."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.checking.check import check
from tunewright.data.checking.fingerprints import SeenHashes
from tunewright.data.checking.repair import RepairReport, changes_path, output_path, repair
from tunewright.data.read import open_source
from tunewright.errors import DataError, NoRowsError, RecipeError, StorageError
from tunewright.spec.data import SourceSpec


def turns(*texts: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[index % 2], "content": text} for index, text in enumerate(texts)]}


def repaired(path: Path, **options: Any) -> RepairReport:
    output = output_path(str(path))
    return repair(open_source(SourceSpec(path=str(path))), output, overwrite=True, **options)


def listed(report: RepairReport) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in report.changes_path.read_bytes().splitlines()]


def repaired_row(tmp_path: Path, row: dict[str, Any]) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Return what becomes of a row beside a good one, and what is listed."""
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(turns("a", "good row")) + "\n" + json.dumps(row) + "\n", encoding="utf-8")
    report = repaired(path)
    lines = [orjson.loads(line) for line in report.output.read_bytes().splitlines()]
    return (lines[1] if len(lines) > 1 else None), listed(report)


def with_message(**changes: Any) -> dict[str, Any]:
    row = turns("q", "a")
    row["messages"][0].update(changes)
    return row


@pytest.mark.parametrize(
    ("row", "expected", "kinds"),
    [
        (with_message(role="human"), turns("q", "a"), ["bad_role"]),
        (with_message(role="User "), turns("q", "a"), ["bad_role"]),
        (with_message(weight=1), turns("q", "a"), ["bad_weight"]),
        (with_message(id="m1"), turns("q", "a"), ["unknown_key"]),
        ({"mesages": turns("q", "a")["messages"]}, turns("q", "a"), ["unknown_key"]),
        ({**turns("q", "a"), "source": "web"}, {**turns("q", "a"), "metadata": {"source": "web"}}, ["unknown_key"]),
        (turns("q", "a", "bye"), turns("q", "a"), ["last_not_assistant"]),
        (turns("q", "a", "bye", " "), None, ["no_content"]),
        (with_message(content=[{"type": "image_url", "image_url": {}}]), None, ["bad_value"]),
        (with_message(mood="glad"), None, ["unknown_key"]),
        (turns("q", "a <|im_end|>"), None, ["special_token"]),
        (turns("a", "good row"), None, ["duplicate_row"]),
        (turns("q", "a\x00"), turns("q", "a\x00"), []),
    ],
)
def test_what_becomes_of_a_row(
    row: dict[str, Any], expected: dict[str, Any] | None, kinds: list[str], tmp_path: Path
) -> None:
    written, changes = repaired_row(tmp_path, row)
    assert written == expected
    assert [change["kind"] for change in changes] == kinds
    assert all(change["action"] == ("repaired" if expected else "removed") for change in changes)
    # Whatever was dropped can be found again.
    assert not changes or changes[0]["row"] == row


def test_the_file_itself_is_left_alone_and_its_form_made_plain(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    content = b"\xef\xbb\xbf" + b"\r\n".join(orjson.dumps(turns(f"q{n}", "a")) for n in range(3)) + b"\r\n\r\nbroken"
    path.write_bytes(content)
    report = repaired(path)
    assert path.read_bytes() == content
    assert report.output.read_bytes() == b"".join(orjson.dumps(turns(f"q{n}", "a")) + b"\n" for n in range(3))
    assert [change["kind"] for change in listed(report)] == ["byte_order_mark", "line_ends", "not_json"]


def test_an_array_becomes_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps([turns(f"q{n}", "a") for n in range(3)], indent=2), encoding="utf-8")
    report = repaired(path)
    assert [orjson.loads(line) for line in report.output.read_bytes().splitlines()] == [
        turns(f"q{n}", "a") for n in range(3)
    ]
    assert [change["kind"] for change in listed(report)] == ["layout"]


def test_a_copy_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(orjson.dumps(turns("q", "a")))
    report = repaired(path)
    before = report.output.read_bytes()
    with pytest.raises(StorageError, match="already exists"):
        repair(open_source(SourceSpec(path=str(path))), report.output)
    assert report.output.read_bytes() == before


def test_nothing_is_written_when_no_row_is_left(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(orjson.dumps(turns("q", "")))
    with pytest.raises(NoRowsError, match="no row is left"):
        repaired(path)
    assert [each.name for each in tmp_path.iterdir()] == ["rows.jsonl"]


def test_a_row_is_written_once_across_files(tmp_path: Path) -> None:
    seen = SeenHashes()
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(orjson.dumps(turns("q", "a")) + b"\n" + orjson.dumps(turns(name, "a")))
    written = [repaired(tmp_path / name, seen=seen).num_written for name in ("a.jsonl", "b.jsonl")]
    assert written == [2, 1]


@pytest.mark.parametrize(
    ("path", "output", "changes"),
    [
        ("a/train.jsonl", "a/train.fixed.jsonl", "a/train.fixed.changes.jsonl"),
        ("train.v2.jsonl", "train.v2.fixed.jsonl", "train.v2.fixed.changes.jsonl"),
        ("train.json.gz", "train.fixed.jsonl", "train.fixed.changes.jsonl"),
        ("someone/set", "set.fixed.jsonl", "set.fixed.changes.jsonl"),
    ],
)
def test_names_of_the_copy(path: str, output: str, changes: str) -> None:
    assert output_path(path) == Path(output)
    assert changes_path(output_path(path)) == Path(changes)


# ── any damage ───────────────────────────────────────────────────────────────────────────────────────────────────────

VALUE = st.sampled_from([None, "", " ", "x", 0, 1, True, 0.5, [], {}, ["x"], "<|im_end|>", "a\x00"])
ROLE = st.sampled_from(["human", "Bot", "USER", "assistent", "", "stranger", None, 3, []])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """One line: a good row, or one with up to three damages."""
    row = turns(*(f"text {draw(st.integers(0, 30))}" for _ in range(draw(st.sampled_from([2, 2, 2, 4, 3])))))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2, 3]))):
        at = draw(st.sampled_from([row, *(m for m in row.get("messages", ()) if isinstance(m, dict))]))
        key = draw(st.sampled_from(["messages", "mesages", "role", "content", "contents", "weight", "id", "metadata"]))
        at[key] = draw(ROLE if key == "role" else VALUE)
        if draw(st.booleans()) and len(at) > 1:
            at.pop(draw(st.sampled_from(sorted(at))))
        if not isinstance(row.get("messages"), list):
            break
    line = json.dumps(row).encode()
    return draw(st.sampled_from([line, line, line, line, line[:-3], b"", b"[]", line + b"\r", b"\xff" + line]))


@settings(max_examples=120, deadline=None)
@given(lines=st.lists(damaged(), min_size=1, max_size=40))
def test_a_repaired_copy_passes_the_check_and_stays_as_it_is(lines: list[bytes]) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "rows.jsonl"
        path.write_bytes(b"\n".join(lines))
        try:
            first = repaired(path)
        except DataError:
            return
        report = check([open_source(SourceSpec(path=str(first.output)))])
        wrong = copy.copy(report.totals)
        if first.num_written < 10:
            assert wrong.pop("too_few_rows") == 1
        assert not [kind for kind in wrong if kind == "duplicate_row" or any(
            each.severity == "error" for each in report.findings if each.fault.kind == kind
        )]  # fmt: skip
        second = repaired(first.output)
        assert second.output.read_bytes() == first.output.read_bytes()
        assert not listed(second)
        removed = {change["line"] for change in listed(first) if change["action"] == "removed"}
        assert len(removed) == first.num_rows - first.num_written
    finally:
        shutil.rmtree(folder)


def test_the_file_is_never_its_own_copy_even_when_told_to_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    content = orjson.dumps(turns("q", "a")) + b"\nnot json\n"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match="the file that is read"):
        repair(open_source(SourceSpec(path=str(path))), path, overwrite=True)
    assert path.read_bytes() == content
    listed_in = tmp_path / "mended.changes.jsonl"
    path.rename(listed_in)
    with pytest.raises(RecipeError, match="the file that is read"):
        repair(open_source(SourceSpec(path=str(listed_in))), tmp_path / "mended.jsonl", overwrite=True)
    assert [each.name for each in tmp_path.iterdir()] == ["mended.changes.jsonl"]


def test_the_error_of_no_row_left_names_what_was_taken_out_and_not_how_the_file_was_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"question,answer\r\nq,a\r\n")
    with pytest.raises(NoRowsError) as caught:
        repair(open_source(SourceSpec(path=str(path)), otherwise="chat"), tmp_path / "out.jsonl")
    assert "rows.csv:2" in str(caught.value)
    assert "line ends" not in str(caught.value)
    assert "--columns" in caught.value.hint
    path.write_bytes(b"")
    with pytest.raises(NoRowsError, match="holds no row"):
        repair(open_source(SourceSpec(path=str(path)), otherwise="chat"), tmp_path / "out.jsonl")


def test_a_value_that_an_equal_key_hid_is_in_the_list_of_changes(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    line = '{"messages":[{"role":"user","content":"a%d"},{"role":"assistant","content":"b","content":"c"}]}'
    path.write_text("".join(line % number + "\n" for number in range(12)), encoding="utf-8")
    report = repair(open_source(SourceSpec(path=str(path))), tmp_path / "fixed.jsonl")
    kept = [change.row for change in report.shown if change.kind == "duplicate_key"]
    assert kept[0] == line % 0
    changes = (tmp_path / "fixed.changes.jsonl").read_text(encoding="utf-8").splitlines()
    assert sum('\\"content\\":\\"b\\"' in each for each in changes) == 12
