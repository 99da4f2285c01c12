"""Replace what is personal or secret by typed placeholders: the same value by the same one, in a text, record or file.

Values are remembered as digests only, and no report holds one. Redacting twice changes nothing: placeholders are never
taken for values, and a text is searched again until nothing is found. Keys of objects, and the few values that name a
role or an id, stay as they are. Deliberately does not know how values are recognised (`pii/`) or where files lie.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from tunewright.data.containers.record import Record
from tunewright.data.pii.detectors import find_pii
from tunewright.data.pii.span import NameFinder, Span

PLACEHOLDER = re.compile(r"\[[A-Z][A-Z_]*_[0-9]+\]")
"""What a placeholder looks like: `[EMAIL_1]`."""

_STRUCTURAL_KEYS = frozenset({"role", "type", "from", "id", "tool_call_id"})
# A JSON string, or a number with as many digits as a card or tax id has at least.
_JSON_LEAF = re.compile(r'"(?:[^"\\]|\\.)*"|(?<![\w.+\-])[0-9]{11,}(?![\w.])')
_JSON_KEY_AFTER = re.compile(r"\s*:")
_MIN_NUMBER = 10**10
_SIGNS = re.compile(r"[^0-9A-Za-z]")


class Find(NamedTuple):
    """One value that was replaced: its type, how sure that is (0…1), and the placeholder; never the value."""

    type: str
    confidence: float
    placeholder: str


class Place(NamedTuple):
    """A find and the field that it stood in, such as `messages[1].content`."""

    field: str
    find: Find


class Placeholders:
    """Hands out placeholders: one for each value, none twice, none of `reserved`, which a text holds already."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._reserved = set(reserved)
        self._known: dict[bytes, str] = {}
        self._last: Counter[str] = Counter()

    def of(self, kind: str, value: str) -> str:
        """Return the placeholder of a value; writings of one value (spaces in an IBAN) have the same."""
        digest = hashlib.blake2b(f"{kind}\n{_normal(kind, value)}".encode("utf-8", "surrogatepass"), digest_size=16)
        key = digest.digest()
        if key not in self._known:
            self._known[key] = self._next(kind)
        return self._known[key]

    def num_values(self) -> int:
        """Return how many different values have a placeholder."""
        return len(self._known)

    def _next(self, kind: str) -> str:
        while True:
            self._last[kind] += 1
            placeholder = f"[{kind.upper()}_{self._last[kind]}]"
            if placeholder not in self._reserved:
                return placeholder


@dataclass(frozen=True, slots=True)
class Redactor:
    """What is looked for, and the placeholders of everything that was found so far.

    Args:
        placeholders: one object for one file, so that a value is the same wherever it stands.
        types: which of `pii.detectors.TYPES` (and "name") are replaced; None: all.
        names: finds names of people; None: none are looked for.
    """

    placeholders: Placeholders
    types: Collection[str] | None = None
    names: NameFinder | None = None

    def text(self, text: str, label: str = "") -> tuple[str, list[Find]]:
        """Return the text without what was found, and the finds in order of replacement; `label`: as `find_pii`."""
        finds: list[Find] = []
        # What stood beside a value may be one itself once that is gone. Each round leaves fewer characters to search.
        while spans := self._spans(text, label):
            pieces, end = [], 0
            for span in spans:
                placeholder = self.placeholders.of(span.type, text[span.start : span.end])
                finds.append(Find(span.type, span.confidence, placeholder))
                pieces += [text[end : span.start], placeholder]
                end = span.end
            text = "".join([*pieces, text[end:]])
        return text, finds

    def record(self, record: dict[str, Any]) -> tuple[dict[str, Any], list[Place]]:
        """Return the record with all its content redacted, and the places; the same object if there are none."""
        places: list[Place] = []
        redacted = self._object(record, "", places)
        return (redacted, places) if places else (record, places)

    def _object(self, value: dict[str, Any], field: str, places: list[Place]) -> dict[str, Any]:
        # The name of a function is an identifier that must match its definition; that of a speaker is content.
        kept = {*_STRUCTURAL_KEYS, "name"} if "arguments" in value or "parameters" in value else _STRUCTURAL_KEYS
        return {
            key: item if key in kept and isinstance(item, str) else self._value(item, _below(field, key), key, places)
            for key, item in value.items()
        }

    def _value(self, value: Any, field: str, label: str, places: list[Place]) -> Any:
        if isinstance(value, dict):
            return self._object(value, field, places)
        if isinstance(value, list):
            return [self._value(item, f"{field}[{index}]", label, places) for index, item in enumerate(value)]
        is_number = isinstance(value, int) and not isinstance(value, bool) and value >= _MIN_NUMBER
        if not isinstance(value, str) and not is_number:
            return value
        found, finds = self._leaf(str(value), label)
        if not finds:
            return value
        places += [Place(field, find) for find in finds]
        return found

    def _leaf(self, text: str, label: str) -> tuple[str, list[Find]]:
        return self._json_text(text, label) if _is_json_text(text) else self.text(text, label)

    def _json_text(self, text: str, label: str) -> tuple[str, list[Find]]:
        """Redact JSON that is held as text, such as the arguments of a call, string by string: it stays valid JSON."""
        finds: list[Find] = []
        pieces: list[str] = []
        end, key = 0, label
        for match in _JSON_LEAF.finditer(text):
            value = orjson.loads(match[0])
            if isinstance(value, str) and _JSON_KEY_AFTER.match(text, match.end()):
                redacted, found = self.text(value)
                key = value
            else:
                redacted, found = self._leaf(str(value), key)
            if found:
                finds += found
                pieces += [text[end : match.start()], orjson.dumps(redacted).decode()]
                end = match.end()
        return "".join([*pieces, text[end:]]), finds

    def _spans(self, text: str, label: str) -> list[Span]:
        spans = find_pii(text, self.types, label=label, names=self.names)
        if not spans or "[" not in text:
            return spans
        taken = [match.span() for match in PLACEHOLDER.finditer(text)]
        return [span for span in spans if not any(start <= span.start and span.end <= end for start, end in taken)]


def redact_text(text: str, placeholders: Placeholders | None = None) -> str:
    """Return `text` with all that is personal or secret replaced; `placeholders` may serve several texts."""
    own = placeholders or Placeholders(PLACEHOLDER.findall(text))
    return Redactor(own).text(text)[0]


def placeholders_in(records: Iterable[Any]) -> Iterator[str]:
    """Yield what looks like a placeholder in the strings of `records`: those names are taken."""
    for item in records:
        value = item.value if isinstance(item, Record) else item
        if isinstance(value, str):
            yield from PLACEHOLDER.findall(value) if "[" in value else ()
        elif isinstance(value, dict | list):
            yield from placeholders_in(value.values() if isinstance(value, dict) else value)


def _below(field: str, key: str) -> str:
    return f"{field}.{key}" if field else key


def _is_json_text(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return False
    return True


def _normal(kind: str, value: str) -> str:
    """Return the one writing of a value that has several."""
    if kind == "email":
        return value.casefold()
    if kind == "ip":
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            return value
    if kind == "phone":
        value = re.sub(r"\A00|\A\+", "+", value.replace("(0)", ""))
        return "+" * value.startswith("+") + _SIGNS.sub("", value)
    return _SIGNS.sub("", value).upper() if kind in ("iban", "card", "es_id", "de_tax_id") else value
