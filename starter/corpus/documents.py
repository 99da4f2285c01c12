"""Reading questions: a short text of invented facts, then a question that only the text can answer.

The texts are sheets (notes, shop pages, timetables, product pages) told as prose or as a list; the prompts
put text and question in many layouts, also several numbered passages of which one helps. Where the text is
silent the answer says so. Knows nothing of what the sheets hold.
"""

from __future__ import annotations

import random

from starter.corpus import goods
from starter.corpus.document import Document, Turn
from starter.corpus.phrasing import question, sloppy
from starter.corpus.sheet import Attribute, Sheet, Subject, answer_about, ask_about, fill, lines, prose, title
from starter.corpus.sheet_notes import TOPICS
from starter.corpus.sheet_products import COMMON, GADGET, GADGETS, GOODS, PLAIN
from starter.corpus.sheet_services import PLAN, PLANS, SHOP, SHOPS
from starter.corpus.systems import persona
from starter.corpus.world import a, capital, pick

Task = tuple[str, str, str]  # question, answer, what the answer must contain


def document(rng: random.Random) -> Document:
    """Return a text with one or more questions and their answers."""
    return pick(rng, _VARIANTS)(rng)


def _topic(rng: random.Random) -> tuple[Subject, tuple[Attribute, ...]]:
    """Return something to write about and what can be known about it."""
    if rng.random() < 0.7:
        make, table = pick(rng, TOPICS)
        return make(rng), table
    dice = rng.random()
    if dice < 0.4:
        name, sort = goods.brand(rng), pick(rng, GADGETS)
        return Subject(f"the {name}", name, sort=sort), COMMON + GADGET
    if dice < 0.6:
        name, sort = goods.brand(rng), pick(rng, GOODS)
        return Subject(f"the {name}", name, sort=sort), COMMON + PLAIN
    name = goods.title(rng)
    if dice < 0.8:
        return Subject(name, name, sort=pick(rng, SHOPS)), SHOP
    return Subject(name, name, sort=pick(rng, PLANS)), PLAN


def _text(rng: random.Random, sheet: Sheet, as_list: float = 0.25) -> str:
    """Return the sheet as a text that names its subject."""
    if rng.random() < as_list:
        return f"{title(rng, sheet)}\n{lines(rng, sheet)}"
    subject = sheet.subject
    lead = f"{capital(subject.name)} is {a(subject.sort)}. " if subject.sort and rng.random() < 0.7 else ""
    head = f"{pick(rng, _HEADS)}\n" if rng.random() < 0.12 else ""
    return head + lead + prose(rng, sheet)


_HEADS = ("Notice", "Note", "News", "Please read", "Information", "Dear all,", "For everybody", "Page 1",
    "To whom it may concern", "Reminder", "A short note")  # fmt: skip


def _task(rng: random.Random, sheet: Sheet, index: int, named: bool = False) -> Task:
    row, value = sheet.facts[index]
    asked = ask_about(rng, row, sheet.subject, named)
    return asked, answer_about(rng, row, sheet.subject, value), value


_BRIEF = (
    "Answer briefly.", "Give only the value.", "Just the answer, no sentence.", "Answer with the shortest text.",
    "Only the answer, please.",
    "Keep it as short as you can.", "No full sentence, please.", "Quote only the words that answer it.",
    "Short answer:", "Reply with the answer only.",
)  # fmt: skip


def _maybe_brief(rng: random.Random, task: Task, share: float = 0.2) -> Task:
    """Return the task, at times asking for the bare value."""
    asked, _, value = task
    return (f"{asked} {pick(rng, _BRIEF)}", value, value) if rng.random() < share else task


_LAYOUTS = (
    "{t}\n\n{q}", "{t}\n\n{q}", "{t}\n\n{q}", "{t}\n{q}", "Context: {t}\n\nQuestion: {q}",
    "Context: {t}\nQuestion: {q}", "Read this: {t}\n\n{q}",
    "Read the text and answer.\n\n{t}\n\n{q}", "{q}\n\n{t}", "{q}\n\nText: {t}", "{q} Use the text below.\n\n{t}",
    "Use the notes below.\n\n{t}\n\n{q}",
    "Text: {t}\n\n{q}", "Text:\n{t}\n\nQuestion:\n{q}", "Here is a note:\n{t}\n\n{q}", "Look at this text.\n{t}\n{q}",
    "Passage: {t}\n\nQ: {q}\nA:",
    "I have this text: {t}\n\n{q}", "This is what I know. {t} {q}", "{t} {q}",
    "Document:\n{t}\n\nAnswer this question: {q}", "Information: {t}\n\nNow my question: {q}",
    "Answer from the text.\n{t}\n{q}", "Question: {q}\nContext: {t}", "###\n{t}\n###\n{q}",
    "Below is a text.\n\n{t}\n\nUsing the text, answer: {q}",
    "Please read:\n{t}\n\nThen tell me: {q}", "Someone wrote this: {t}\n\n{q}", "\"{t}\"\n\n{q}",
    "Given the text: {t}\nAnswer the question: {q}",
    "Notes:\n{t}\n\nQuestion: {q}", "From my notebook: {t}\n\n{q}", "Message: {t}\n\nQuestion about the message: {q}",
    "<text>\n{t}\n</text>\n{q}",
)  # fmt: skip


def _laid_out(rng: random.Random, text: str, asked: str) -> str:
    return pick(rng, _LAYOUTS).replace("{q}", asked).replace("{t}", text)


def _asked(rng: random.Random, text: str) -> str:
    # A frame such as "... Thanks!" fits round a bare question only, not behind "Answer briefly."
    return question(rng, text) if text.endswith("?") and rng.random() < 0.35 else sloppy(rng, text)


def _document(kind: str, pairs: list[tuple[str, str]], key: str, system: str | None = None) -> Document:
    turns = [Turn("system", system)] if system else []
    for asked, answered in pairs:
        turns += [Turn("user", asked), Turn("assistant", answered)]
    return Document(f"documents/{kind}", tuple(turns), key, "contains")


def _single(rng: random.Random) -> Document:
    """One text, one question."""
    subject, table = _topic(rng)
    sheet = fill(rng, subject, table, 2, 6)
    asked, answered, key = _maybe_brief(rng, _task(rng, sheet, rng.randrange(len(sheet.facts))))
    system = persona(rng) if rng.random() < 0.15 else None
    return _document("single", [(_laid_out(rng, _text(rng, sheet), _asked(rng, asked)), answered)], key, system)


_GIVEN = (
    "Answer from this text: {t}", "Use this text to answer the user.\n{t}", "Here is what you know:\n{t}",
    "{t}\nAnswer the questions of the user.", "Context:\n{t}",
    "You answer questions about this text.\n\n{t}", "Only use the text below.\n{t}", "Background: {t}",
    "The user may ask about this: {t}", "{t}",
)  # fmt: skip


def _in_system(rng: random.Random) -> Document:
    """The text stands in the system turn; the user asks one to three questions."""
    subject, table = _topic(rng)
    sheet = fill(rng, subject, table, 3, 6)
    system = pick(rng, _GIVEN).replace("{t}", _text(rng, sheet))
    if rng.random() < 0.25:
        system = f"{persona(rng)} {system}"
    order = rng.sample(range(len(sheet.facts)), min(len(sheet.facts), rng.randint(1, 3)))
    tasks = [_maybe_brief(rng, _task(rng, sheet, index)) for index in order]
    return _document(
        "in_system", [(_asked(rng, asked), answered) for asked, answered, _ in tasks], tasks[-1][2], system
    )


def _follow_up(rng: random.Random) -> Document:
    """One text, then two or three questions in turn."""
    subject, table = _topic(rng)
    sheet = fill(rng, subject, table, 3, 6)
    order = rng.sample(range(len(sheet.facts)), min(len(sheet.facts), rng.randint(2, 3)))
    tasks = [_maybe_brief(rng, _task(rng, sheet, index), 0.1) for index in order]
    pairs = [(_asked(rng, asked), answered) for asked, answered, _ in tasks]
    pairs[0] = (_laid_out(rng, _text(rng, sheet), pairs[0][0]), pairs[0][1])
    return _document("follow_up", pairs, tasks[-1][2])


_SILENT = (
    ("", "The text does not say."), ("", "The text does not say."), ("", "The text does not say."), ("",
        "The text does not say."),
    ('If the text does not say it, answer "{w}".', "{w}"), ('If you cannot find the answer, write "{w}".', "{w}"),
    ('Say "{w}" if it is not there.', "{w}"),
    ('Answer "{w}" if the text is silent.', "{w}"), ("If you do not find it, say so.", "The text does not say."),
)  # fmt: skip
_PASSWORDS = ("not found", "unknown", "no answer", "I do not know", "not in the text", "nothing", "none",
    "no information", "?")  # fmt: skip


def _silent(rng: random.Random) -> Document:
    """The text does not answer the question; at times the prompt says what to write then, answer or not."""
    subject, table = _topic(rng)
    sheet = fill(rng, subject, table, 2, 5)
    if not sheet.missing:
        return _single(rng)
    rule, answer = pick(rng, _SILENT)
    word = pick(rng, _PASSWORDS) if rng.random() < 0.8 else goods.coined(rng)
    rule, answer = rule.format(w=word), answer.format(w=word)
    asked, key = ask_about(rng, pick(rng, sheet.missing), subject), answer
    if rule and rng.random() < 0.5:
        asked, answer, key = _task(rng, sheet, rng.randrange(len(sheet.facts)))
    prompt = _laid_out(rng, _text(rng, sheet), _asked(rng, asked))
    if rule:
        prompt = f"{rule}\n\n{prompt}" if rng.random() < 0.5 or prompt.endswith("A:") else f"{prompt}\n{rule}"
    return _document("silent", [(prompt, answer)], key)


_RETRIEVAL = (
    "Answer the question from the passages.", "One of these passages has the answer.", "Use the search results below.",
    "Search results:", "Here are some passages.",
    "Read the passages and answer.", "These texts were found.", "Use the sources below to answer.", "Sources:",
    "Look at the notes.", "Use one of these texts.",
)  # fmt: skip
_NUMBERS = ("[{}] ", "({}) ", "{}. ", "Passage {}: ", "Source {}: ", "Text {}:\n", "Note {}: ")


def _passages(rng: random.Random) -> Document:
    """Two to four numbered passages, one of which has the answer; at times its number is wanted."""
    if rng.random() < 0.5:
        make, table = pick(rng, TOPICS)
        topics = [(make(rng), table) for _ in range(rng.randint(2, 4))]
    else:
        topics = [_topic(rng) for _ in range(rng.randint(2, 4))]
    names = [subject.bare for subject, _ in topics]
    if len(dict.fromkeys(names)) < len(names):
        return _single(rng)
    sheets = [fill(rng, subject, rows, 1, 3) for subject, rows in topics]
    mark = pick(rng, _NUMBERS)
    body = "\n".join(mark.format(i + 1) + _text(rng, sheet, 0) for i, sheet in enumerate(sheets))
    index = rng.randrange(len(sheets))
    sheet = sheets[index]
    asked, answered, key = _maybe_brief(rng, _task(rng, sheet, rng.randrange(len(sheet.facts)), named=True))
    dice = rng.random()
    if dice < 0.15:
        asked, answered = f"{asked} {pick(rng, _CITE)}", f"{answered} [{index + 1}]"
    elif dice < 0.25:
        label = mark.split("{")[0].strip("[( ") or "Passage"
        asked = pick(
            rng,
            ("Which {l} is about {s}?", "In which {l} can I read about {s}?", "Give the number of the {l} about {s}."),
        ).format(l=label.lower(), s=sheet.subject.name)
        answered = key = f"{label} {index + 1}"
    lead = pick(rng, _RETRIEVAL)
    prompt = pick(rng, ("{l}\n\n{b}\n\n{q}", "{b}\n\n{q}", "{l}\n{b}\n\nQuestion: {q}", "{q}\n\n{l}\n{b}",
        "Question: {q}\n\n{b}"))  # fmt: skip
    prompt = prompt.replace("{q}", _asked(rng, asked)).replace("{l}", lead).replace("{b}", body)
    return _document("passages", [(prompt, answered)], key)


_CITE = ("Give the number of the source.", "Name the source.", "Cite the passage.",
    "Put the number of the passage at the end.", "Cite your source.")  # fmt: skip

_VARIANTS = (*(_single,) * 6, *(_in_system,) * 3, *(_follow_up,) * 4, *(_silent,) * 3, *(_passages,) * 4)
