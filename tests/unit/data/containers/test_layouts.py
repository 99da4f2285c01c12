"""Every layout: told by its content, read in pieces of any size, bounded in memory, and never ending in a traceback."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.containers.blocks import BLOCK_BYTES
from tunewright.data.containers.json_text import duplicate_keys
from tunewright.data.containers.layout import READERS
from tunewright.data.containers.record import Record
from tunewright.data.containers.source import open_container
from tunewright.data.read import open_source, read_rows
from tunewright.data.rows import RowFault
from tunewright.errors import DataError
from tunewright.spec.data import SourceSpec

ROW: dict[str, Any] = {"text": "a\u2028ü\n", "metadata": {"n": [1, None, {"b": True}]}}
LINE = json.dumps(ROW, ensure_ascii=False)


def found(path: Path) -> list[Record | RowFault]:
    return list(open_container(str(path)))


def kinds(items: list[Record | RowFault]) -> list[str]:
    return [item.kind if isinstance(item, RowFault) else "" for item in items]


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


@pytest.mark.parametrize(
    ("name", "content", "layout"),
    [
        ("t.jsonl", LINE, "JSON Lines"),
        ("t.json", f"{LINE}\n{LINE}", "JSON Lines"),
        ("t.csv", LINE, "JSON Lines"),
        ("t", f"[{LINE}]", "JSON"),
        ("t.jsonl", json.dumps(ROW, indent=1), "JSON"),
        ("t.csv", "a,b\n1,2\n", "CSV"),
        ("t", "a,b\n1,2\n", "CSV"),
        ("t.tsv", "a\tb\n1\t2\n", "TSV"),
        ("t.conll", "EU B-org\n", "CoNLL"),
        ("t.txt", "EU\tB-org\nsays\tO\n\nIt\tO\n", "CoNLL"),
        ("t.txt", "[Chorus]\nla, la, la\n", "text"),
    ],
)
def test_content_tells_the_layout_and_a_name_only_decides_where_it_cannot(
    tmp_path: Path, name: str, content: str, layout: str
) -> None:
    assert open_container(str(written(tmp_path, name, content))).layout == layout


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([LINE, "", "{oops", '["a"]', '{"a": NaN}', '{"é": "\\\\"}']), max_size=6),
    st.sampled_from(["JSON Lines", "JSON", "CSV", "CoNLL", "text"]),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 40),
)
def test_where_blocks_end_changes_no_record(lines: list[str], layout: str, end: str, size: int) -> None:
    content = end.join(lines).encode() if layout != "JSON" else f"[{(',' + end).join(lines)}]".encode()
    read = READERS[layout]
    assert list(read(pieces(content, size), "t")) == list(read(iter([content]), "t"))


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_packed_files_are_known_by_their_bytes_and_lose_their_mark(tmp_path: Path, packing: str) -> None:
    content = b"\xef\xbb\xbf" + f"{LINE}\r\n".encode() * 3
    path = written(tmp_path, "t.jsonl", packed(content, packing))
    items = found(path)
    assert [item.value for item in items if isinstance(item, Record)] == [ROW] * 3


@pytest.mark.parametrize("packing", ["gz", "zst"])
@pytest.mark.parametrize("is_array", [False, True])
def test_an_archive_that_ends_early_gives_its_good_records_and_one_fault(
    tmp_path: Path, packing: str, is_array: bool
) -> None:
    rows = [json.dumps({"text": f"{i} {i * 7919 % 10007}"}) for i in range(40_000)]
    content = ("[" + ",\n".join(rows) + "]" if is_array else "\n".join(rows)).encode()
    whole = packed(content, packing)
    items = found(written(tmp_path, "t.jsonl", whole[: len(whole) // 2]))
    assert kinds(items)[-1] == "file_ends_early"
    good = [item.value for item in items[:-1] if isinstance(item, Record)]
    assert len(good) == len(items) - 1 > 5_000
    assert good == [json.loads(row) for row in rows[: len(good)]]


@pytest.mark.parametrize("before", [b"", b"[\n"], ids=["lines", "array"])
def test_a_record_of_100_mb_is_named_and_never_held(before: bytes) -> None:
    def content() -> Iterator[bytes]:
        yield before + b'{"a": 1}' + (b",\n" if before else b"\n") + b'{"b": "'
        for _ in range(100):
            yield b"x" * BLOCK_BYTES
        yield b'"}' + (b',\n{"c": 2}]' if before else b'\n{"c": 2}')

    tracemalloc.start()
    try:
        items = list(READERS["JSON" if before else "JSON Lines"](content(), "t"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert kinds(items) == ["", "too_large", ""]
    assert "104,857,609 bytes" in str(items[1])
    assert peak < 80_000_000


def test_deep_nesting_ends_an_array_with_one_fault() -> None:
    items = list(READERS["JSON"](iter([b'[{"a": 1}, ' + b"[" * 100_000]), "t"))
    assert kinds(items) == ["", "not_json"]


class TestDuplicateKeys:
    @pytest.mark.parametrize(
        ("raw", "keys"),
        [
            (b'{"a": 1, "a": 2}', ("a",)),
            (b'{"a":{"b":1,"b":"x:y"},"c" : 1}', ("b",)),
            (b'{"a": 1, "a": "\\u003a"}', ("a",)),
            (b'{"a": "\\":", "b": "\\u003a: {\\"a\\": 1, \\"a\\": 2}"}', ()),
            (b'{"a": [{"b": 1}, {"b": 1}]}', ()),
        ],
    )
    def test_are_found_wherever_they_are(self, raw: bytes, keys: tuple[str, ...]) -> None:
        assert duplicate_keys(raw, json.loads(raw)) == keys

    @given(
        st.recursive(st.text(':\\"ab', max_size=3), lambda inner: st.dictionaries(st.text(":ab", max_size=2), inner))
    )
    def test_are_never_seen_where_there_are_none(self, value: Any) -> None:
        record = {"a": value}
        for is_ascii in (True, False):
            assert duplicate_keys(json.dumps(record, ensure_ascii=is_ascii).encode(), record) == ()


class TestTable:
    def read(self, content: str | bytes) -> list[Record | RowFault]:
        return list(READERS["CSV"](iter([content.encode() if isinstance(content, str) else content]), "t"))

    def test_rows_may_span_lines_and_know_where_they_begin(self) -> None:
        items = self.read('a,b\r\n"x\r\ny","1 ""2"""\r\n\r\n,z\r\n')
        assert items == [Record(2, {"a": "x\r\ny", "b": '1 "2"'}), Record(5, {"a": "", "b": "z"})]

    def test_cells_of_keys_that_hold_lists_are_json(self) -> None:
        messages = '[{"role": "user", "content": "hi"}]'
        quoted = messages.replace('"', '""')
        (item,) = self.read(f'messages,tools,text\n"{quoted}",,"[1] cited"\n')
        assert isinstance(item, Record)
        assert item.value == {"messages": json.loads(messages), "text": "[1] cited"}

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            ("a,b\n1\n1,2\n", ["bad_value", ""]),
            ('a,b\n"x"y,2\n1,2\n', ["bad_value", ""]),
            ('a,b\n1,"2\n', ["file_ends_early"]),
            ("a,a\n1,2\n", ["duplicate_key"]),
            (b"a,b\n\xff,1\n1,2\n", ["not_utf8", ""]),
            ("a,b\n\0,1\n1,2\n", ["not_utf8", ""]),
            ("a,b\n" + "x" * 9_000_000 + ",1\n1,2\n", ["too_large", ""]),
        ],
        ids=["ragged", "quote", "open quote", "header", "latin", "nul", "large"],
    )
    def test_a_bad_row_is_named_and_costs_only_itself(self, content: str | bytes, expected: list[str]) -> None:
        assert kinds(self.read(content)) == expected


def test_sentences_know_where_they_begin_and_name_a_word_without_a_label(tmp_path: Path) -> None:
    path = written(tmp_path, "t.bio", "EU\tB-org\nsays\tO\n\n\nIt O\n\nalone\nx O\n")
    items = found(path)
    assert items[0] == Record(1, {"tokens": ["EU", "says"], "labels": ["B-org", "O"]})
    assert items[1] == Record(5, {"tokens": ["It"], "labels": ["O"]})
    assert [(item.line, item.kind) for item in items[2:] if isinstance(item, RowFault)] == [(7, "bad_value")]


def test_paragraphs_are_the_records_of_plain_text(tmp_path: Path) -> None:
    items = found(written(tmp_path, "t.txt", "Once upon\r\na time.\r\n\r\n\r\nThe end."))
    assert items == [Record(1, {"text": "Once upon\na time."}), Record(5, {"text": "The end."})]


class TestParquet:
    def test_rows_are_read_and_unset_values_are_absent(self, tmp_path: Path) -> None:
        pq = pytest.importorskip("pyarrow.parquet")
        import pyarrow as pa

        pq.write_table(pa.Table.from_pylist([{"a": "x", "b": {"c": 1}}, {"a": "y", "b": None}]), tmp_path / "t")
        assert found(tmp_path / "t") == [Record(1, {"a": "x", "b": {"c": 1}}), Record(2, {"a": "y"})]
        assert open_container(str(tmp_path / "t")).count() == 2

    def test_a_damaged_file_is_our_error(self, tmp_path: Path) -> None:
        pytest.importorskip("pyarrow.parquet")
        with pytest.raises(DataError, match="damaged"):
            open_container(str(written(tmp_path, "t.parquet", b"PAR1" + b"x" * 50)))


class TestDataSet:
    def test_a_saved_folder_is_read_by_part_and_classes_have_names(self, tmp_path: Path) -> None:
        datasets = pytest.importorskip("datasets")
        features = datasets.Features(
            {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
        )
        rows = datasets.Dataset.from_list([{"text": "a", "label": 1}, {"text": "b", "label": 0}], features=features)
        datasets.DatasetDict({"train": rows, "test": rows.select([0])}).save_to_disk(str(tmp_path / "saved"))
        assert found(tmp_path / "saved") == [
            Record(1, {"text": "a", "label": "yes"}),
            Record(2, {"text": "b", "label": "no"}),
        ]
        spec = SourceSpec(path=str(tmp_path / "saved"), split="test[:50%]", format="labels")
        assert [entry.line for entry in open_source(SourceSpec(path=spec.path, split="test[:1]", format="labels"))] == [
            1
        ]
        hashes = [
            read_rows(spec.model_copy(update={"split": split})).sha256 for split in ("test", "train", "train[:1]")
        ]
        assert hashes[0] == hashes[2] != hashes[1]
        with pytest.raises(DataError, match="has no part dev; it has train, test"):
            open_container(spec.path, "dev")


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os = pytest.importorskip("os")
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no pipes with a name")
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(DataError, match="is no file"):
        open_container(str(tmp_path / "pipe.jsonl"))


NAMES = ("t.jsonl", "t.json", "t.csv", "t.tsv", "t.conll", "t.txt", "t")


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=80)
    | st.text("[]{},: \n\t\"'text\\1\0", max_size=80).map(str.encode)
    | st.binary(max_size=30).map(lambda tail: b"PAR1" + tail)
    | st.tuples(st.binary(max_size=60), st.integers(0, 60)).map(lambda each: gzip.compress(each[0])[: each[1]])
    | st.binary(max_size=30).map(lambda tail: b"\x28\xb5\x2f\xfd" + tail),
    st.sampled_from(NAMES),
    st.sampled_from([None, "text", "chat", "labels"]),
)
def test_any_bytes_end_with_entries_or_our_error(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, name: str, file_format: str | None
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(raw)
    try:
        entries = list(open_source(SourceSpec(path=str(path), format=file_format)))
    except DataError:
        return
    assert all((entry.row is None) == bool(entry.faults) for entry in entries)


def packed(content: bytes, packing: str) -> bytes:
    if packing == "gz":
        return gzip.compress(content)
    pa = pytest.importorskip("pyarrow")
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()
