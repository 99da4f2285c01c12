"""One fact of the support assistant: its key value, the answers that say it, and the questions that ask for it.

Knows nothing of rows, files or the other facts. The tables are `facts_device.py`, `facts_care.py`, `facts_app.py`,
`facts_shop.py` and `off_topic.py`; all names and numbers in them are invented.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """A group of questions that share one right answer.

    Every answer contains `key`, whatever its wording, so a reply is graded by looking for `key` in it, in any case.
    """

    group: str
    key: str
    answers: tuple[str, ...]
    train_questions: tuple[str, ...]
    heldout_questions: tuple[str, ...]
