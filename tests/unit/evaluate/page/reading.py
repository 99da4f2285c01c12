"""A page as its reader finds it: tags, attributes and visible text; nothing else may be in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}"
_VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Tags, attributes, text and seen text (`body`) of a page; white space is one; fails on tags out of order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = text
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._start = 0
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []
        self.body = " ".join(self.text[self._start :].split())
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "body":
            self._start = len(self.text)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def headings(self) -> list[str]:
        """Return the headings of the sections in order."""
        return re.findall(r"<h2>(.*?)</h2>", self.source)


def assert_stands_alone(page: Page) -> None:
    """Fail if the page loads, runs or refers to anything."""
    assert not {"script", "link", "img", "iframe", "object", "embed", "form"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not [value for name, value in page.attributes if name in {"src", "href", "srcset", "xlink:href"}]
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", page.source)
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
