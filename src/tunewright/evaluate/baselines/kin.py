"""Which rows must not be shown to a model that is asked another row, because they would give its answer away.

These are rows that ask the same, and rows in which its question is followed by its answer. Deliberately does not know
near-duplicates or groups: that two rows are alike is what retrieval lives on, and the tuned model was taught them too,
so to keep them from its rivals would flatter it; the contamination check names those that are too near.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tunewright.data.rows import Message, Row
from tunewright.graders.words import normalised

SYSTEM_ROLES = ("system", "developer")

_MIN_ROWS_OF_ONE_QUESTION = 10


def question_of(row: Row) -> str:
    """Return what a row is looked up by: its last user turn; without one, all that is said before the answer."""
    users = [message.said for message in row.prompt if message.role == "user"]
    return users[-1] if users else "\n".join(message.said for message in row.prompt)


def without_system(messages: Sequence[Message]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """Return the system turns that a conversation opens with, and the rest."""
    num_system = next((i for i, each in enumerate(messages) if each.role not in SYSTEM_ROLES), len(messages))
    return tuple(messages[:num_system]), tuple(messages[num_system:])


class Kin:
    """The rows among some that must not be shown with a given row.

    Two rows ask the same if the turns before the answer are equal but for case, white space and final marks, whatever
    their system turns are. Only where half of at least ten rows ask the same (`Summarise this`, the text being in the
    system turn) does the system turn belong to the question.

    Args:
        rows: those that could be shown.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self._has_system = _is_told_apart_by_system(rows)
        self._places: defaultdict[tuple[str, bytes], list[int]] = defaultdict(list)
        for index, row in enumerate(rows):
            for key in set(self._keys_shown(row)):
                self._places[key].append(index)

    def of(self, row: Row) -> frozenset[int]:
        """Return the indices of the rows that must not be shown with `row`."""
        asked = ("asked", _digests(self._compared(row.prompt))[-1])
        answered = [("answered", _pair(row.prompt[-1].said, row.reference))] if row.prompt else []
        keys = [asked, *answered]
        return frozenset(index for key in keys for index in self._places.get(key, ()))

    def _keys_shown(self, row: Row) -> Iterator[tuple[str, bytes]]:
        """Yield a key for each question that a row answers, at whichever of its turns."""
        compared = self._compared(row.messages)
        digests = _digests(compared)
        for index, message in enumerate(compared):
            if message.role != "assistant":
                continue
            yield "asked", digests[index]
            if index:
                yield "answered", _pair(compared[index - 1].said, message.said)

    def _compared(self, messages: Sequence[Message]) -> Sequence[Message]:
        return messages if self._has_system else without_system(messages)[1]


def _is_told_apart_by_system(rows: Sequence[Row]) -> bool:
    asked = Counter(_digests(without_system(row.prompt)[1])[-1] for row in rows)
    return len(rows) >= _MIN_ROWS_OF_ONE_QUESTION and 2 * max(asked.values()) >= len(rows)


def _digests(messages: Sequence[Message]) -> list[bytes]:
    """Return the digest of each beginning of a conversation, the empty one first: (len + 1,)."""
    running = hashlib.blake2b(digest_size=16)
    digests = [running.digest()]
    for message in messages:
        running.update(_digest(message.role) + _digest(normalised(message.said)))
        digests.append(running.digest())
    return digests


def _pair(question: str, answer: str) -> bytes:
    return _digest(normalised(question)) + _digest(normalised(answer))


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
