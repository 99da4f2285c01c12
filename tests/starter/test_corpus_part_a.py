"""What must hold for every document of the small-world domains, checked on 300 seeds of each.

Grammar cannot be tested; marks, spaces, unfilled slots, capitals and the scored answer can.
"""

from __future__ import annotations

import random

import pytest

from starter.corpus import arithmetic, dialogues, facts, instructions, intents, phrasing, sentiment, stories, world
from starter.corpus.document import Document, Domain

_DOMAINS: dict[str, Domain] = {
    "arithmetic": arithmetic.document,
    "dialogues": dialogues.document,
    "facts": facts.document,
    "instructions": instructions.document,
    "intents": intents.document,
    "sentiment": sentiment.document,
    "stories": stories.document,
}
_SEEDS = range(300)
_BAD = ("  ", " .", " ,", " ?", "{", "}", "..", "?.", ".?", "!.", ",.", " a a ", " an an ", " a an ", "None")


@pytest.fixture(params=sorted(_DOMAINS))
def domain(request: pytest.FixtureRequest) -> str:
    return request.param


def _documents(domain: str) -> list[Document]:
    return [_DOMAINS[domain](random.Random(seed)) for seed in _SEEDS]


def _holds(document: Document) -> bool:
    """Return whether the document's own last turn satisfies its rule."""
    said = document.turns[-1].content.strip()
    assert document.answer is not None
    return said == document.answer.strip() if document.rule == "exact" else document.answer.lower() in said.lower()


def test_same_seed_gives_same_document(domain: str) -> None:
    assert _documents(domain) == _documents(domain)


def test_kind_names_its_domain(domain: str) -> None:
    assert all(d.kind.startswith(f"{domain}/") for d in _documents(domain))


def test_user_and_assistant_take_turns_and_assistant_is_last(domain: str) -> None:
    for document in _documents(domain):
        roles = [turn.role for turn in document.turns if turn.role != "system"]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert all(turn.role != "system" for turn in document.turns[1:])


def test_text_is_clean(domain: str) -> None:
    for document in _documents(domain):
        for turn in document.turns:
            text = turn.content.replace("...", "").replace("= ?", "=")
            assert text
            assert text == text.strip()
            assert not [bad for bad in _BAD if bad in text], (document.kind, text)


def test_prose_answers_open_with_a_capital(domain: str) -> None:
    for document in _documents(domain):
        answer = document.turns[-1].content
        if answer.endswith((".", "!")) and len(answer.split()) > 2 and document.rule != "exact":
            assert answer[0].isupper() or answer[0].isdigit(), answer


def test_answer_satisfies_its_own_rule(domain: str) -> None:
    scored = [d for d in _documents(domain) if d.answer is not None]
    assert scored
    assert [d for d in scored if not _holds(d)] == []


def test_prompts_hardly_repeat(domain: str) -> None:
    assert len({d.prompt for d in _documents(domain)}) > 255


def test_sums_are_right() -> None:
    for document in _documents("arithmetic"):
        text = document.turns[-1].content
        if " plus " in text:
            x, y, z = (int(word.strip(".")) for word in text.split() if word.strip(".").isdigit())
            assert x + y == z


def test_grammar_helpers() -> None:
    assert [world.a(w) for w in ("lamp", "oven", "hour", "useful box", "umbrella")] == [
        "a lamp",
        "an oven",
        "an hour",
        "a useful box",
        "an umbrella",
    ]
    assert [world.plural(w) for w in ("box", "cherry", "mouse", "toy", "leaf")] == [
        "boxes",
        "cherries",
        "mice",
        "toys",
        "leaves",
    ]
    assert world.join_and(["a", "b", "c"]) == "a, b and c"
    assert (world.verb("stop").ing, world.verb("carry").past) == ("stopping", "carried")


def test_one_request_has_many_forms() -> None:
    rng = random.Random(0)
    assert len({phrasing.request(rng, "count to three") for _ in range(1000)}) > 60


def test_the_world_has_enough_words() -> None:
    lists = [getattr(world, name) for name in world.__all__]
    words = {
        w
        for entries in lists
        if isinstance(entries, tuple)
        for entry in entries
        if isinstance(entry, str)
        for w in entry.split()
    }
    assert len(words | {form for v in world.VERBS for form in (v.base, v.third, v.past, v.ing)}) >= 1500
