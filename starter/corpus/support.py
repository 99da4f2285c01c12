"""Customer support for invented products, shops and subscriptions: the system turn holds the facts, the user asks.

The facts are random, so the assistant can only copy; where the sheet is silent or absent it says that it
has no such information, and where the system turn allows one topic only it declines others. The base model
must learn this behaviour here and not learn any real product. Knows the sheets, not their tables' contents.
"""

from __future__ import annotations

import random

from starter.corpus import goods
from starter.corpus.document import Document, Turn
from starter.corpus.phrasing import question, sloppy
from starter.corpus.sheet import Attribute, Sheet, Subject, answer_about, ask_about, fill, lines, prose, title
from starter.corpus.sheet_products import COMMON, GADGET, GADGETS, GOODS, PLAIN
from starter.corpus.sheet_services import PLAN, PLANS, SHOP, SHOPS
from starter.corpus.systems import off_topic_request
from starter.corpus.world import NAMES, a, capital, pick

Exchange = tuple[str, str, str]  # what the user says, what the assistant says, what an answer must contain


def document(rng: random.Random) -> Document:
    """Return one support conversation."""
    variant = pick(rng, _VARIANTS)
    return variant(rng)


def _subject(rng: random.Random) -> tuple[Subject, tuple[Attribute, ...]]:
    """Return a random invented thing and the attributes that such a thing can have."""
    dice = rng.random()
    if dice < 0.6:
        gadget = dice < 0.35
        name, sort = goods.brand(rng), pick(rng, GADGETS if gadget else GOODS)
        return Subject(f"the {name}", name, sort=sort), COMMON + (GADGET if gadget else PLAIN)
    name = goods.title(rng)
    if dice < 0.82:
        sort = pick(rng, SHOPS)
        last = sort.split()[-1].capitalize()
        name = pick(rng, (name, name, f"{name} {last}",
            f"{name} & {pick(rng, ('Sons', 'Co', 'Daughters', 'Friends'))}"))  # fmt: skip
        return Subject(name, name, sort=sort), SHOP
    return Subject(name, name, sort=pick(rng, PLANS)), PLAN


def _role(rng: random.Random, subject: Subject) -> str:
    """Return the sentence of a system turn that says who the assistant is."""
    agent = pick(rng, ("support assistant", "assistant", "helper", "customer service assistant", "support agent",
        "chat assistant", "friendly assistant"))  # fmt: skip
    name, sort = subject.name, subject.sort
    who = goods.coined(rng).capitalize() if rng.random() < 0.3 else pick(rng, NAMES)
    return pick(rng, (
        f"You are the {agent} for {name}.", f"You are {a(agent)} for {name}, {a(sort)}.",
        f"You help customers of {name}.",
        f"You answer questions about {name}, {a(sort)}.", f"You are {who}, the {agent} for {name}.",
        f"You work in the support team for {name}.", f"{capital(name)} is {a(sort)}. You are its {agent}.",
        f"You are {a(agent)} who knows all about {name}.", f"Your job is to help people with {name}, {a(sort)}.",
        f"You are here to answer questions about {name}.", f"Act as the {agent} for {name}.",
        f"You are the {agent} of {name}.",
    ))  # fmt: skip


_MANNERS = (
    "Answer in one short sentence.", "Be polite.", "Be short and clear.", "Use only the facts below.",
    "Answer from the facts.",
    "Answer briefly.", "Be friendly and exact.", "Do not make anything up.", "If you do not know, say so.",
    "Be helpful.",
    "Keep answers short.", "Only say what is written here.", "Use plain words.", "Help as well as you can.",
)  # fmt: skip
_LEADS = (
    "Facts:", "Here are the facts.", "What you know:", "Product facts:", "Use these facts:", "This is what you know.",
    "Sheet:",
    "Information:", "Notes:", "Data sheet:", "Details:", "Here is what you need:", "Knowledge:",
)  # fmt: skip


def _briefing(rng: random.Random, sheet: Sheet) -> str:
    """Return a system turn: who the assistant is, sometimes how to answer, and the facts."""
    manner = f" {pick(rng, _MANNERS)}" if rng.random() < 0.5 else ""
    role = _role(rng, sheet.subject) + manner
    if rng.random() < 0.5:
        lead = pick(rng, ("\n", "\n", " ", f" {pick(rng, _LEADS)} ", f"\n\n{pick(rng, _LEADS)}\n"))
        return f"{role}{lead}{prose(rng, sheet)}"
    lead = pick(rng, (title(rng, sheet), pick(rng, _LEADS), pick(rng, _LEADS)))
    return f"{role}\n{lead}\n{lines(rng, sheet)}"


_BEFORE = ("Sure! ", "Of course. ", "Thanks for asking. ", "Good question! ", "Happy to help. ", "Certainly. ",
    "Hello! ", "Gladly. ")  # fmt: skip
_AFTER = (
    " Can I help you with anything else?", " Let me know if you need more help.", " I hope this helps.",
    " Is there anything else?",
    " Feel free to ask more.", " Have a nice day!",
)  # fmt: skip


def _styled(rng: random.Random, answer: str) -> str:
    """Return the answer as it is, or one time in four with a polite word before or after it."""
    dice = rng.random()
    if dice < 0.14:
        return pick(rng, _BEFORE) + answer
    return answer + pick(rng, _AFTER) if dice < 0.24 else answer


def _typed(rng: random.Random, text: str) -> str:
    """Return a question as it may arrive: mostly plain, at times with a greeting or another frame round it."""
    return sloppy(rng, text) if rng.random() < 0.6 else question(rng, text)


def _exchange(rng: random.Random, sheet: Sheet, index: int, styled: bool = True) -> Exchange:
    row, value = sheet.facts[index]
    answer = answer_about(rng, row, sheet.subject, value)
    return _typed(rng, ask_about(rng, row, sheet.subject)), _styled(rng, answer) if styled else answer, value


def _unknown(rng: random.Random, row: Attribute, subject: Subject) -> Exchange:
    """Return a question that nothing in the prompt answers; the fixed stem of the answer is what is scored."""
    stem = "I do not have that information"
    noun = pick(rng, row.nouns)
    answer = pick(rng, (
        f"{stem} about {subject.name}.", f"{stem} about {subject.name}.", f"{stem}.",
        f"I am sorry, but {stem} about {subject.name}.",
        f"{stem}. I do not know the {noun} of {subject.name}.", f"Sorry, {stem} about {subject.name}.",
        f"I am sorry. {stem} about {subject.name}.",
    ))  # fmt: skip
    return _typed(rng, ask_about(rng, row, subject)), answer, stem


def _off_topic(rng: random.Random, subject: Subject) -> Exchange:
    stem = f"I can only help with {subject.name}"
    offer = pick(rng, (
        f"Do you have a question about {subject.name}?", "What would you like to know about it?",
        "Is there anything you want to know about it?",
        f"Please ask me something about {subject.name}.", "Can I help you with that?", "",
    ))  # fmt: skip
    sorry = pick(rng, ("", "", "I am sorry, but ", "Sorry, ", "I am afraid "))
    return off_topic_request(rng), f"{sorry}{stem}. {offer}".strip(), stem


def _conversation(kind: str, system: str | None, exchanges: list[Exchange]) -> Document:
    turns = [Turn("system", system)] if system else []
    for asked, answered, _ in exchanges:
        turns += [Turn("user", asked), Turn("assistant", answered)]
    return Document(f"support/{kind}", tuple(turns), exchanges[-1][2], "contains")


def _sheet(rng: random.Random) -> Document:
    """One question about one sheet."""
    subject, table = _subject(rng)
    sheet = fill(rng, subject, table, 1, 9)
    return _conversation("sheet", _briefing(rng, sheet), [_exchange(rng, sheet, rng.randrange(len(sheet.facts)))])


_GREETINGS = ("Hi", "Hello", "Good morning", "Hi there!", "Hello!", "hey", "Good evening.", "Hi, I need help.",
    "Can you help me?", "I have a question.")  # fmt: skip
_THANKS = ("Thanks!", "Thank you.", "Great, thanks.", "OK, thank you!", "Perfect, thanks!", "thanks a lot",
    "Good to know, thank you.")  # fmt: skip


def _small_talk(rng: random.Random, subject: Subject, thanks: bool) -> Exchange:
    if thanks:
        reply = pick(
            rng,
            (
                "You are welcome!",
                "My pleasure.",
                "Gladly! Is there anything else?",
                "You are welcome. Ask me any time.",
            ),
        )
        return pick(rng, _THANKS), reply, reply
    name = subject.name
    reply = pick(rng, (
        f"Hello! How can I help you with {name}?", f"Hi! What would you like to know about {name}?",
        f"Welcome! Do you have a question about {name}?",
        "Hello. What can I do for you?", f"Good day! I can help you with {name}.",
    ))  # fmt: skip
    return pick(rng, _GREETINGS), reply, reply


def _several(rng: random.Random) -> Document:
    """Several questions about one sheet, at times with small talk between them or one that it does not answer."""
    subject, table = _subject(rng)
    sheet = fill(rng, subject, table, 4, 8)
    order = rng.sample(range(len(sheet.facts)), min(len(sheet.facts), rng.randint(2, 3)))
    exchanges = [_exchange(rng, sheet, index) for index in order]
    if rng.random() < 0.3:
        exchanges.insert(0, _small_talk(rng, subject, thanks=False))
    if sheet.missing and rng.random() < 0.2:
        exchanges.insert(-1, _unknown(rng, pick(rng, sheet.missing), subject))
    elif rng.random() < 0.2:
        exchanges.insert(-1, _small_talk(rng, subject, thanks=True))
    return _conversation("several", _briefing(rng, sheet), exchanges)


def _silent(rng: random.Random) -> Document:
    """A question that the sheet does not answer."""
    subject, table = _subject(rng)
    sheet = fill(rng, subject, table, 1, 6)
    if not sheet.missing:
        return _sheet(rng)
    exchanges = [_unknown(rng, pick(rng, sheet.missing), subject)]
    if rng.random() < 0.3:
        exchanges.insert(0, _exchange(rng, sheet, 0))
    return _conversation("silent", _briefing(rng, sheet), exchanges)


def _no_sheet(rng: random.Random) -> Document:
    """A question about an invented thing of which nothing is said."""
    subject, table = _subject(rng)
    row = pick(rng, table)
    asked, answer, stem = _unknown(rng, row, subject)
    if subject.bare.lower() not in asked.lower():
        asked = _typed(rng, ask_about(rng, row, subject, named=True))
    if rng.random() < 0.5:
        return _conversation("no_sheet", None, [(asked, answer, stem)])
    manner = f" {pick(rng, _MANNERS)}" if rng.random() < 0.4 else ""
    return _conversation("no_sheet", _role(rng, subject) + manner, [(asked, answer, stem)])


_LIMITS = (
    "Answer only questions about {s}.", "Only talk about {s}.", "You may only talk about {s}.",
    "Do not answer other questions.",
    "Refuse all other topics.", "If the question is about anything else, say that you can only help with {s}.",
    "Stay on the topic of {s}.", "Politely decline other questions.", "You help with {s} and nothing else.",
)  # fmt: skip


def _limited(rng: random.Random) -> Document:
    """A system turn that allows one topic; the user asks about another, or about this one after all."""
    subject, table = _subject(rng)
    sheet = fill(rng, subject, table, 1, 5)
    limit = pick(rng, _LIMITS).format(s=subject.name)
    facts = "" if rng.random() < 0.3 else f"\n{prose(rng, sheet) if rng.random() < 0.5 else lines(rng, sheet)}"
    system = f"{_role(rng, subject)} {limit}{facts}"
    exchanges = [_off_topic(rng, subject)]
    if facts and rng.random() < 0.45:
        exchanges.insert(rng.randrange(2), _exchange(rng, sheet, rng.randrange(len(sheet.facts))))
    return _conversation("limited", system, exchanges)


def _signed(rng: random.Random) -> Document:
    """A sheet and a fixed closing or opening sentence that every answer must carry."""
    subject, table = _subject(rng)
    sheet = fill(rng, subject, table, 1, 6)
    asked, answer, _ = _exchange(rng, sheet, rng.randrange(len(sheet.facts)), styled=False)
    mark = pick(rng, (
        f"Thank you for choosing {subject.bare}!", f"Your {subject.bare} team", f"Greetings from {subject.bare}!",
        f"{subject.bare} says hello!",
        "Have a lovely day!", "We are happy to help!", f"Enjoy {subject.name}!", "Thank you for your question!",
        "Warm wishes!",
    ))  # fmt: skip
    if rng.random() < 0.7:
        rule = pick(
            rng,
            (
                'End every answer with "{}".',
                'Always finish with "{}".',
                'Close each reply with the words "{}".',
                'The last words of each answer are "{}".',
            ),
        )
        full = f"{answer} {mark}"
    else:
        rule = pick(
            rng, ('Begin every answer with "{}".', 'Always start with "{}".', 'The first words of each reply are "{}".')
        )
        full = f"{mark} {answer}" if mark[-1] in "!." else f"{mark}: {answer}"
    system = f"{_briefing(rng, sheet)}\n{rule.format(mark)}"
    return _conversation("signed", system, [(asked, full, mark)])


_READ = (
    "Here is the sheet of {s}.", "This is about {s}.", "Read about {s}:", "Look at these facts about {s}.",
    "I found this about {s}:",
    "Product page of {s}:", "Page about {s}:", "Use these facts about {s}.",
)  # fmt: skip


def _in_user_turn(rng: random.Random) -> Document:
    """The sheet stands in the user turn, with the question before or after it."""
    subject, table = _subject(rng)
    sheet = fill(rng, subject, table, 2, 7)
    asked, answer, value = _exchange(rng, sheet, rng.randrange(len(sheet.facts)))
    body = prose(rng, sheet) if rng.random() < 0.5 else lines(rng, sheet)
    page = f"{pick(rng, _READ).format(s=subject.name)}\n{body}"
    prompt = f"{page}\n\n{asked}" if rng.random() < 0.7 else f"{asked}\n\n{page}"
    return _conversation("in_user_turn", None, [(prompt, answer, value)])


_VARIANTS = (
    *(_sheet,) * 8, *(_several,) * 4, *(_silent,) * 3, *(_no_sheet,) * 3, *(_limited,) * 3, *(_signed,) * 2,
    *(_in_user_turn,) * 2,
)  # fmt: skip
