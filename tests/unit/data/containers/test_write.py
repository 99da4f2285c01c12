"""What is written is read back the same, in every layout; and a file appears whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.containers.record import Record
from tunewright.data.containers.source import open_container
from tunewright.data.containers.write import RecordWriter, refuse_same_file
from tunewright.errors import DataError, RecipeError, StorageError

pytest.importorskip("pyarrow")

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": TEXTS}), min_size=1
)
RECORDS = st.lists(
    st.fixed_dictionaries({"prompt": TEXTS.map(lambda text: f"a{text}"), "messages": MESSAGES}), min_size=1, max_size=4
)
SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".jsonl.gz", ".json.zst", ".csv.gz")


def write(path: Path, records: list[dict[str, Any]], **more: Any) -> Path:
    with RecordWriter(path, **more) as writer:
        for record in records:
            writer.write(record)
    return path


@settings(max_examples=30, deadline=None)
@given(RECORDS, st.sampled_from(SUFFIXES))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]], suffix: str
) -> None:
    path = write(tmp_path_factory.getbasetemp() / f"t{suffix}", records, overwrite=True)
    assert [item.value for item in open_container(str(path)) if isinstance(item, Record)] == records


def test_raw_json_is_kept_byte_for_byte_unless_it_spans_lines(tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "t.jsonl") as writer:
        writer.write({"a": 1}, b'{"a" : 1}\r')
        writer.write({"a": 1}, b'{\n"a": 1}')
    assert (tmp_path / "t.jsonl").read_bytes() == b'{"a" : 1}\n{"a":1}\n'


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text("before", encoding="utf-8")
    half_way: Any = [{"a": 1}, {"a": object}]
    with pytest.raises(DataError):
        write(tmp_path / "t.jsonl", half_way, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["t.jsonl"]
    assert (tmp_path / "t.jsonl").read_text(encoding="utf-8") == "before"


def test_what_is_there_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    write(tmp_path / "t.json", [{"a": 1}])
    with pytest.raises(StorageError, match="already exists"):
        RecordWriter(tmp_path / "t.json")
    with pytest.raises(StorageError, match="already exists"):
        RecordWriter(folder(tmp_path / "f.json"), overwrite=True)
    with pytest.raises(StorageError, match="cannot be written"):
        RecordWriter(tmp_path / "nowhere" / "t.json")


def test_the_input_is_never_the_output(tmp_path: Path) -> None:
    path = write(tmp_path / "t.json", [{"a": 1}])
    with pytest.raises(RecipeError, match="is the file that is read"):
        refuse_same_file(folder(tmp_path / "f") / ".." / "t.json", str(path))
    refuse_same_file(tmp_path / "other.json", str(path))


@pytest.mark.parametrize("name", ["t", "t.xml", "t.gz", "t.parquet.gz"])
def test_a_name_without_a_layout_is_an_error_that_lists_them(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecipeError):
        RecordWriter(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_key_that_a_table_has_no_column_for_is_an_error(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(DataError) as caught:
        write(tmp_path / f"t{suffix}", [{"a": "x"}] * 4096 + [{"b": "x"}])
    assert ".jsonl" in caught.value.hint
    assert not list(tmp_path.iterdir())


def folder(path: Path) -> Path:
    path.mkdir()
    return path
