"""What must stay true of every generated document of the reading, support, few-shot and refusal domains.

Checks properties over many seeds and not single texts: the same seed gives the same document, the turns are
well formed, nothing is left unfilled, and the last answer satisfies the rule by which a model is scored.
"""

import json
import random
import re

import pytest

from starter.corpus import (
    documents,
    extraction,
    fewshot,
    refusals,
    sheet_notes,
    sheet_products,
    sheet_services,
    support,
    systems,
)
from starter.corpus.document import Document

DOMAINS = {
    m.__name__.rsplit(".", 1)[1]: m.document for m in (documents, fewshot, extraction, support, refusals, systems)
}
RESERVED = ("bramble", "tandem", "kestrel", "pebblo", "lumio")
SEEDS = range(300)


def _draw(name: str) -> list[Document]:
    return [DOMAINS[name](random.Random(seed)) for seed in SEEDS]


def _satisfied(document: Document) -> bool:
    said, key = document.turns[-1].content, document.answer
    if key is None:
        return True
    if document.rule == "json":
        return json.loads(said) == json.loads(key)
    return said.strip() == key.strip() if document.rule == "exact" else key.lower() in said.lower()


@pytest.mark.parametrize("name", DOMAINS)
def test_the_same_seed_gives_the_same_document(name: str) -> None:
    assert _draw(name) == _draw(name)


@pytest.mark.parametrize("name", DOMAINS)
def test_turns_alternate_and_end_with_the_assistant(name: str) -> None:
    for document in _draw(name):
        roles = [turn.role for turn in document.turns]
        spoken = roles[1:] if roles[0] == "system" else roles
        assert spoken == ["user", "assistant"] * (len(spoken) // 2), document
        assert document.kind.startswith(f"{name}/")


@pytest.mark.parametrize("name", DOMAINS)
def test_texts_are_clean_and_short(name: str) -> None:
    for document in _draw(name):
        for turn in document.turns:
            assert turn.content == turn.content.strip() != "", document
            assert "  " not in turn.content, document
            assert not re.search(r" [.,;](\s|$)", turn.content), document
            assert not re.search(r"\{[a-z_0-9+ ]*\}", turn.content), document
            assert not re.search(r"\b(\w+)'s's\b|\bthe the\b|\ba an?\b", turn.content), document
            assert not any(word in turn.content.lower() for word in RESERVED), document
        assert sum(len(turn.content.split()) for turn in document.turns) <= 350, document


@pytest.mark.parametrize("name", DOMAINS)
def test_the_last_answer_satisfies_its_own_rule(name: str) -> None:
    for document in _draw(name):
        assert _satisfied(document), document


@pytest.mark.parametrize("name", DOMAINS)
def test_prompts_hardly_repeat(name: str) -> None:
    prompts = [document.prompt for document in _draw(name)]
    assert len(dict.fromkeys(prompts)) > 0.93 * len(prompts)


def test_copied_answers_stand_in_the_prompt() -> None:
    for document in _draw("documents") + _draw("support"):
        kind = document.kind.split("/")[1]
        if kind in ("silent", "no_sheet", "limited", "passages"):
            continue
        assert document.answer is not None
        assert document.answer.lower() in document.prompt.lower(), document


def test_every_attribute_can_be_asked_in_general_or_in_several_own_ways() -> None:
    products = sheet_products.COMMON + sheet_products.GADGET + sheet_products.PLAIN
    services = sheet_services.SHOP + sheet_services.PLAN
    notes = tuple(row for _, table in sheet_notes.TOPICS for row in table)
    for row in products + services + notes:
        assert row.nouns
        assert any("{s" in form for form in row.asks), row.label
        assert len(row.asks) >= (3 if row in notes else 10), row.label
        assert all("{v}" in form for form in row.says + row.answers), row.label


def test_personas_vary() -> None:
    rng = random.Random(0)
    assert len(dict.fromkeys(systems.persona(rng) for _ in range(300))) > 230
