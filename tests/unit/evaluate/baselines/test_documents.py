"""How documents are cut into passages, and what becomes of files that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.errors import DataMissingError
from tunewright.evaluate.baselines.blocks import Block, html_blocks, markdown_blocks, text_blocks
from tunewright.evaluate.baselines.documents import Documents, Passage, read_documents

MARKDOWN = """---
title: settings
---
Before all.

# Garden

## Trees #

An apple tree
bears apples.

- one
- two

```python
# no heading

plant("tree")
```
Flowers
-------
A rose.

# Kitchen
Soup.
"""

HTML = """<!DOCTYPE html>
<html><head><title>My &amp; page</title>
<style>p { color: red }</style><script>var p = "<p>no</p>";</script></head>
<body>
<p>Before <b>all</b>.
<h1>Garden</h1>
<svg><title>an image</title><text>hidden</text></svg>
<div>An apple tree<br>bears&nbsp;apples.</div>
<ul><li>one<li>two</ul>
<h2>Prices</h2>
<table><tr><th>what</th><th>cost</th></tr>
<tr><td>rose</td><td>3 &euro;</td></tr></table>
<pre>
line 1
  line 2
</pre>
<h1>Kitchen</h1><p>Soup.</p></body></html>
"""


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return path


def read_one(folder: Path, name: str, text: str | bytes) -> Documents:
    write(folder, name, text)
    return read_documents(folder)


def test_markdown_is_cut_at_headings_and_paragraphs() -> None:
    assert markdown_blocks(MARKDOWN) == [
        Block("Before all.", 4),
        Block("An apple tree\nbears apples.", 10, ("Garden", "Trees")),
        Block("- one\n- two", 13, ("Garden", "Trees")),
        Block('```python\n# no heading\n\nplant("tree")\n```', 16, ("Garden", "Trees")),
        Block("A rose.", 23, ("Garden", "Flowers")),
        Block("Soup.", 26, ("Kitchen",)),
    ]


def test_html_is_cut_at_block_tags_without_what_is_not_shown() -> None:
    assert html_blocks(HTML) == [
        Block("Before all.", 5, ("My & page",)),
        Block("An apple tree bears apples.", 8, ("My & page", "Garden")),
        Block("one", 9, ("My & page", "Garden")),
        Block("two", 9, ("My & page", "Garden")),
        Block("what | cost", 11, ("My & page", "Garden", "Prices")),
        Block("rose | 3 €", 12, ("My & page", "Garden", "Prices")),
        Block("line 1\n  line 2", 14, ("My & page", "Garden", "Prices")),
        Block("Soup.", 17, ("My & page", "Kitchen")),
    ]


def test_text_is_cut_at_empty_lines() -> None:
    assert text_blocks("\n\na\r\nb\r\n \r\nc") == [Block("a\nb", 3), Block("c", 6)]


def test_front_matter_is_only_settings_at_the_top() -> None:
    assert [b.text for b in markdown_blocks("---\nwords and words\n\n---\nmore")] == [
        "---\nwords and words",
        "---\nmore",
    ]


def test_a_rule_is_no_heading() -> None:
    assert [b.headings for b in markdown_blocks("a\nb\n---\nc\n\n---\n\nd")] == [(), (), ()]


def test_paragraphs_of_one_heading_share_a_passage_until_it_is_full(tmp_path: Path) -> None:
    text = "# T\n" + "\n\n".join(" ".join(f"w{n}" for _ in range(50)) for n in range(3))
    passages = read_one(tmp_path, "a.md", text).passages
    assert [(len(p.text.split()), p.where, p.title) for p in passages] == [(100, "a.md:2", "T"), (50, "a.md:6", "T")]


def test_a_heading_begins_a_passage(tmp_path: Path) -> None:
    passages = read_one(tmp_path, "a.html", "<h1>A</h1>one<p>two<h2>B</h2>three").passages
    assert [(p.title, p.text) for p in passages] == [("A", "one\n\ntwo"), ("A › B", "three")]


def test_the_title_of_an_image_is_no_heading() -> None:
    assert html_blocks("<svg><title>image</title></svg>words") == [Block("words", 1)]


def test_only_a_paragraph_that_is_too_long_is_cut_inside_with_words_in_common(tmp_path: Path) -> None:
    words = [f"w{n}" for n in range(250)]
    passages = read_one(tmp_path, "a.txt", "\n".join(words)).passages
    assert [p.text.split() for p in passages] == [words[:120], words[100:220], words[200:]]
    assert [p.where for p in passages] == ["a.txt:1", "a.txt:101", "a.txt:201"]


def test_a_text_without_spaces_is_cut_too(tmp_path: Path) -> None:
    passages = read_one(tmp_path, "a.txt", "水" * 600).passages
    assert [len(p.text) for p in passages] == [240, 240, 200]


def test_a_passage_without_headings_has_the_name_of_its_file(tmp_path: Path) -> None:
    assert read_one(tmp_path, "prices.txt", "a rose: 3").passages == (Passage("a rose: 3", "prices.txt:1", "prices"),)


def test_files_are_read_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a/B.HTML", "c.htm", ".git/x.txt", "a/.hidden.md"):
        write(tmp_path, name, "words")
    documents = read_documents(tmp_path)
    assert [p.where for p in documents.passages] == ["a/B.HTML:1", "a/z.md:1", "b.txt:1", "c.htm:1"]
    assert (documents.notes, documents.num_files) == ((), 4)
    assert read_documents(tmp_path) == documents


def test_a_single_file_is_taken(tmp_path: Path) -> None:
    assert read_documents(write(tmp_path, "a.txt", "words")).passages == (Passage("words", "a.txt:1", "a"),)


@pytest.mark.parametrize(
    ("name", "raw", "note"),
    [
        ("a.pdf", b"%PDF", "a.pdf: left out: .pdf is not one of .txt, .md, .markdown, .html, .htm"),
        ("README", b"words", "README: left out: no suffix is not one of"),
        ("a.txt", b"\xff\x00\x80binary", "a.txt: left out: is no text"),
        ("b.txt", b"a\0b", "b.txt: left out: is no text"),
        ("c.md", b"", "c.md: left out: holds no text"),
        ("d.html", b"<script>x</script>", "d.html: left out: holds no text"),
        ("e.html", b'<meta charset="hex">\xff', "e.html: left out: is no text"),
    ],
)
def test_a_file_that_cannot_be_used_is_listed(tmp_path: Path, name: str, raw: bytes, note: str) -> None:
    write(tmp_path, name, raw)
    write(tmp_path, "good.txt", "words")
    documents = read_documents(tmp_path)
    assert len(documents.notes) == 1
    assert documents.notes[0].startswith(note)
    assert [p.where for p in documents.passages] == ["good.txt:1"]


def test_a_file_that_is_too_large_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("wb") as stream:
        stream.truncate(20_000_001)
    assert read_documents(tmp_path).notes == (
        "a.txt: left out: 20,000,001 bytes, and 20,000,000 are the most that is read",
    )


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.txt", "\ufeffcafé".encode()),
        ("a.txt", "café".encode("utf-16")),
        ("a.html", b'<meta http-equiv="x" content="text/html; charset=windows-1252">caf\xe9'),
        ("a.html", "<meta charset='utf-8'>café".encode()),
    ],
)
def test_the_encoding_that_a_file_states_is_used(tmp_path: Path, name: str, raw: bytes) -> None:
    assert [p.text for p in read_one(tmp_path, name, raw).passages] == ["café"]


def test_links_are_listed_and_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path, "outside/secret.txt", "secret")
    folder = write(tmp_path, "docs/a.txt", "words").parent
    try:
        (folder / "circle").symlink_to(folder, target_is_directory=True)
        (folder / "secret.txt").symlink_to(outside)
        (folder / "broken.txt").symlink_to(folder / "nowhere")
    except OSError:
        pytest.skip("this machine makes no links")
    documents = read_documents(folder)
    assert [p.where for p in documents.passages] == ["a.txt:1"]
    assert documents.notes == tuple(
        f"{name}: left out: links are not followed" for name in ("broken.txt", "circle", "secret.txt")
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this machine has no named pipes")
def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert read_documents(tmp_path).notes == ("pipe.txt: left out: is no plain file",)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is closed to this user")
def test_what_is_closed_to_this_user_is_listed(tmp_path: Path) -> None:
    write(tmp_path, "closed/a.txt", "words")
    write(tmp_path, "b.txt", "words").chmod(0)
    (tmp_path / "closed").chmod(0)
    notes = read_documents(tmp_path).notes
    (tmp_path / "closed").chmod(0o700)
    assert notes == ("b.txt: cannot be read: Permission denied", "closed: cannot be listed: Permission denied")


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="documents cannot be read"):
        read_documents(tmp_path / "none")


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text("ab水 \n", max_size=200), max_size=5), st.integers(1, 30), st.integers(0, 40))
def test_no_word_is_lost_and_no_passage_is_too_long(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], max_words: int, overlap: int
) -> None:
    text = "\n\n".join(parts)
    path = write(tmp_path_factory.mktemp("docs"), "a.txt", text)
    passages = read_documents(path, max_words=max_words, overlap=overlap).passages
    # Every word is a run of letters; the Chinese ones are counted by two characters.
    assert all(len(p.text.replace("水水", " x ").replace("水", " x ").split()) <= max_words for p in passages)
    shown = "".join(p.text for p in passages)
    if overlap == 0:
        assert "".join(shown.split()) == "".join(text.split())
    lines = text.split("\n")
    for passage in passages:
        start = lines[int(passage.where.rpartition(":")[2]) - 1]
        assert passage.text.split("\n")[0].strip() in start


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "<p>",
                "</p>",
                "<pre>",
                "</pre>",
                "<h1>",
                "</h1>",
                "<script>",
                "<",
                "&",
                "word\n",
                "```\n",
                "# h\n",
                "---\n",
                "==\n",
            ]
        )
    ).map("".join)
)
def test_any_text_can_be_read(text: str) -> None:
    for read in (text_blocks, markdown_blocks, html_blocks):
        assert all(block.text.strip() and block.line >= 1 for block in read(text))
