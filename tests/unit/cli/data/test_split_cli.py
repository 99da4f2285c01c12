"""`tunewright data split`, run as a command on small files."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from tunewright.cli.data.split import EXAMPLES, split
from tunewright.errors import DataError, RecipeError, StorageError

app = typer.Typer()
app.command()(split)


def run(*args: str) -> Result:
    result = CliRunner().invoke(app, args)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def line(number: int, **meta: Any) -> bytes:
    said = [{"role": "user", "content": f"Question {number}"}, {"role": "assistant", "content": f"Answer {number}"}]
    # Spaces that no writer of ours would leave: what is copied is what was read.
    return json.dumps({"messages": said, "metadata": meta}, separators=(" ,  ", ":   ")).encode()


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = [line(number, user=f"u{number // 4}", topic="often" if number % 5 else "rare") for number in range(200)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def test_the_parts_hold_every_line_byte_for_byte_and_in_order(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts"
    result = run(str(rows), "--validation", "0.2", "--test", "0.1", "-o", str(out))
    assert result.exit_code == 0
    all_lines = lines_of(rows)
    parts = [lines_of(out / f"{name}.jsonl") for name in ("train", "validation", "test")]
    assert sorted(each for part in parts for each in part) == sorted(all_lines)
    assert all(part == [each for each in all_lines if each in set(part)] and part for part in parts)
    assert sorted(path.name for path in out.iterdir()) == [
        "split.json",
        "test.jsonl",
        "train.jsonl",
        "validation.jsonl",
    ]
    assert rows.read_bytes().count(b"\n") == 200


def test_the_index_says_what_was_done(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts"
    result = run(
        *(str(rows), "--validation", "20", "--stratify-by", "metadata.topic", "--seed", "3", "-o", str(out), "--json")
    )
    facts = json.loads(result.output)
    assert facts == json.loads((out / "split.json").read_bytes())
    assert (facts["seed"], facts["validation"], facts["num_rows"], facts["num_placed"]) == (3, 20, 200, 0)
    assert facts["strata"] == {"often": {"train": 144, "validation": 16}, "rare": {"train": 36, "validation": 4}}
    for part in facts["parts"].values():
        content = Path(part["file"]).read_bytes()
        assert part["sha256"] == hashlib.sha256(content).hexdigest()
        assert part["num_rows"] == content.count(b"\n")


def test_the_table_shows_parts_and_strata(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts"
    result = run(str(rows), "--validation", "20", "--stratify-by", "metadata.topic", "-o", str(out))
    words = [each.split() for each in result.output.splitlines()]
    assert ["train", "validation"] in words
    assert ["rows", "180", "20"] in words
    assert ["share", "90.0%", "10.0%"] in words
    assert ["rare", "36", "·", "90%", "4", "·", "10%"] in words
    assert str(out / "split.json") in result.output.replace("\n", "")


def test_groups_never_straddle(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts"
    result = run(str(rows), "--validation", "30", "--group-by", "metadata.user", "-o", str(out))
    users = [
        {json.loads(each)["metadata"]["user"] for each in lines_of(out / f"{name}.jsonl")}
        for name in ("train", "validation")
    ]
    assert not users[0] & users[1]
    assert "validation has 28 rows, not 30: groups stay whole" in result.output


@pytest.mark.parametrize(("more", "is_whole"), [((), True), (("--group-by", "none"), False)])
def test_metadata_group_is_kept_together_unless_told_otherwise(
    tmp_path: Path, more: tuple[str, ...], is_whole: bool
) -> None:
    path, out = tmp_path / "rows.jsonl", tmp_path / "parts"
    path.write_bytes(b"\n".join(line(number, group=number // 10) for number in range(100)))
    run(str(path), "--validation", "0.3", "-o", str(out), *more)
    groups = [
        {json.loads(each)["metadata"]["group"] for each in lines_of(out / f"{name}.jsonl")}
        for name in ("train", "validation")
    ]
    assert (not groups[0] & groups[1]) == is_whole


def test_near_duplicates_stay_together_if_asked(tmp_path: Path) -> None:
    pytest.importorskip("rensa")
    text = " ".join(f"word{number} of {number}" for number in range(40))
    said = [
        {"text": f"{' '.join(reversed(f'{text} {group}x{group * 7}'.split()))} {group * 31} {'also' * copy}"}
        for group in range(30)
        for copy in range(2)
    ]
    path, out = tmp_path / "rows.jsonl", tmp_path / "parts"
    path.write_text("\n".join(json.dumps(each) for each in said), encoding="utf-8")
    result = run(str(path), "-o", str(out), "--group-near-duplicates", "--validation", "0.3", "--json")
    # The texts differ in a few words of eighty: one cluster, which train keeps.
    assert json.loads(result.output)["parts"]["train"]["num_groups"] == 1


def test_what_is_there_is_not_replaced_unless_told_so(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts"
    run(str(rows), "--test", "0.1", "-o", str(out))
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    before = lines_of(out / "train.jsonl")
    with pytest.raises(StorageError, match="already exists"):
        run(str(rows), "--seed", "1", "-o", str(out))
    assert lines_of(out / "train.jsonl") == before
    run(str(rows), "--seed", "1", "-o", str(out), "--overwrite")
    assert lines_of(out / "train.jsonl") != before
    # The former test part would share rows with the new ones.
    assert sorted(path.name for path in out.iterdir()) == [
        "notes.txt",
        "split.json",
        "train.jsonl",
        "validation.jsonl",
    ]


def test_a_foreign_file_is_never_removed(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts"
    out.mkdir()
    index = {"parts": {"a": {"file": "notes.txt"}, "b": {"file": "../rows.jsonl"}, "c": {"file": 5}}}
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    (out / "test.jsonl").write_text("mine", encoding="utf-8")
    for content in (json.dumps(index), "[]", "{", '{"parts": {"a": 1}}'):
        (out / "split.json").write_text(content, encoding="utf-8")
        run(str(rows), "-o", str(out), "--overwrite")
        assert (out / "notes.txt").exists()
        assert (out / "test.jsonl").exists()


def test_a_file_with_unusable_rows_is_refused_and_nothing_is_written(rows: Path, tmp_path: Path) -> None:
    with rows.open("ab") as file:
        file.write(b'{"messages": []}\nnot json\n')
    with pytest.raises(DataError, match="2 rows cannot be used, the first at line 201") as caught:
        run(str(rows), "-o", str(tmp_path / "parts"))
    assert "data check" in caught.value.hint
    assert len(caught.value.faults) == 2
    assert not (tmp_path / "parts").exists()


def test_a_file_that_grows_between_the_passes_is_refused(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunewright.cli.data import split_screen

    def grow(*args: Any, **by: Any) -> Any:
        with rows.open("ab") as file:
            file.write(line(1000) + b"\n")
        return divided(*args, **by)

    divided = split_screen.divide
    monkeypatch.setattr(split_screen, "divide", grow)
    with pytest.raises(DataError, match="changed"):
        run(str(rows), "-o", str(tmp_path / "parts"))
    assert not (tmp_path / "parts").exists()


def test_a_packed_table_is_divided_into_packed_tables(tmp_path: Path) -> None:
    path, out = tmp_path / "rows.csv.gz", tmp_path / "parts"
    table = "prompt,completion\n" + "".join(f'"q {number}","a, {number}"\n' for number in range(50))
    path.write_bytes(gzip.compress(table.encode()))
    run(str(path), "--validation", "10", "-o", str(out))
    text = gzip.decompress((out / "validation.csv.gz").read_bytes()).decode()
    assert text.splitlines()[0] == "prompt,completion"
    assert len(text.splitlines()) == 11


def test_a_name_that_ends_in_a_dash_is_a_prefix(rows: Path, tmp_path: Path) -> None:
    run(str(rows), "-o", str(tmp_path / "v1-"))
    assert (tmp_path / "v1-train.jsonl").exists()
    assert (tmp_path / "v1-split.json").exists()


def test_the_file_itself_is_never_a_part(rows: Path) -> None:
    path = rows.rename(rows.with_name("train.jsonl"))
    with pytest.raises(RecipeError, match="is the file that is read"):
        run(str(path), "-o", str(path.parent), "--overwrite")


@pytest.mark.parametrize(
    ("args", "fault"),
    [
        (("--validation", "1.5"), "must be a share from 0 to below 1, or a whole number"),
        (("--validation", "-1"), "must be a share"),
        (("--validation", "nan"), "must be a share"),
        (("--test", "a few"), "must be a share"),
        (("--validation", "0"), "nothing is to be held out"),
        (("--validation", "0.6", "--test", "0.4"), "together must be below 1"),
    ],
)
def test_what_cannot_be_held_out_is_refused(rows: Path, tmp_path: Path, args: tuple[str, ...], fault: str) -> None:
    with pytest.raises(RecipeError, match=fault):
        run(str(rows), "-o", str(tmp_path / "parts"), *args)


@pytest.mark.parametrize("option", ["--group-by", "--stratify-by"])
def test_a_field_that_no_row_has_is_refused(rows: Path, tmp_path: Path, option: str) -> None:
    with pytest.raises(DataError, match=r"no row has the field metadata\.usr"):
        run(str(rows), option, "metadata.usr", "-o", str(tmp_path / "parts"))


def test_the_examples_are_commands_of_this_verb() -> None:
    assert all(each.startswith("tunewright data split rows.jsonl ") for each in EXAMPLES)
