"""Records that are plainly in order, told without reading them: most of a good file, in two microseconds each.

A chat record of text messages is in order if another one with the same roles was, its texts are not blank, and no key
is written twice. Anything else is not known to be in order, and its format must read it: this file can only be too
strict. Deliberately knows one format, the one that large files have; a record of another is never plain.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from tunewright.data.checking.fingerprints import Fingerprint, conversation_fingerprint
from tunewright.data.checking.oddities import TextSearch
from tunewright.data.containers.json_text import duplicate_keys
from tunewright.data.containers.record import Record
from tunewright.data.formats.format import Format
from tunewright.data.read import Entry

_CHAT = "chat"
_QUOTE = ord('"')
_MAX_PATTERNS = 10_000
_ROLES = {"system", "user", "assistant"}


class PlainRows:
    """Tells the plain records of one source; `learn` shows it records in which nothing was found.

    A text that is not blank can break no rule that depends on anything but roles and special characters, so one sound
    record vouches for all of its pattern of roles.
    """

    def __init__(self, file_format: Format, search: TextSearch) -> None:
        self._patterns: set[tuple[str, ...]] = set()
        self._is_quiet: Callable[[bytes], bool] = search.is_quiet
        self._is_chat = file_format.NAME == _CHAT

    def fingerprint(self, record: Record) -> Fingerprint | None:
        """Return the fingerprint of a plain record, None for any other."""
        _, value, raw = record
        try:
            messages = value["messages"]
            roles = tuple([message["role"] for message in messages])
            if roles not in self._patterns:
                return None
            said = [message["content"] for message in messages]
            # `strip` of anything but text is a TypeError, and most text is not copied by it.
            if not all(map(str.strip, said)):
                return None
            raw = raw or orjson.dumps(value)
        except (LookupError, TypeError):
            return None
        # Two quotes for each key and each text: a key more would show here. Only texts with quotes need the long way.
        if raw.count(_QUOTE) != 2 + 8 * len(roles) and not _has_only_texts(record, raw):
            return None
        return conversation_fingerprint(roles, said) if self._is_quiet(raw) else None

    def learn(self, entry: Entry) -> None:
        """Remember the roles of a sound record, of which nothing but texts is asked."""
        record = entry.record
        if not self._is_chat or record is None or len(record) != 1 or len(self._patterns) >= _MAX_PATTERNS:
            return
        messages = record["messages"]
        if all(len(message) == 2 and isinstance(message["content"], str) for message in messages):
            roles = tuple([message["role"] for message in messages])
            if _ROLES.issuperset(roles):
                self._patterns.add(roles)


def _has_only_texts(record: Record, raw: bytes) -> bool:
    messages = record.value["messages"]
    return len(record.value) == 1 and max(map(len, messages)) == 2 and not duplicate_keys(raw, record.value)
