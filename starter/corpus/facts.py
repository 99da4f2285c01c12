"""Questions on the small world's fixed facts, each asked in many ways and answered in one short sentence.

The facts are the tables of `knowledge.py`; here is how each table is asked, how its answer reads, and the
variants every table shares: one word only, yes or no, who is right. Scored by the fact's key word.
"""

from __future__ import annotations

# Tables are wrapped by hand: one entry a line would make this file several times as long.
# fmt: off
import random
from dataclasses import dataclass

from starter.corpus import knowledge
from starter.corpus.document import Document, ask
from starter.corpus.phrasing import question, request
from starter.corpus.world import MONTHS, SEASONS, WEEKDAYS, a, capital, pick, sample


@dataclass(frozen=True, slots=True)
class _Form:
    """How one table is asked: {s} is the subject, {as} the subject with its article, {v} the value, {av} the same."""

    kind: str
    rows: tuple[tuple[str, str], ...]
    answer: str
    questions: tuple[str, ...]
    bodies: tuple[str, ...]
    word: bool = True  # the value alone makes a good one-word answer


_FORMS = (
    _Form("capital", knowledge.CAPITALS, "The capital of {s} is {v}.",
          ("What is the capital of {s}?", "Which city is the capital of {s}?", "What's the capital city of {s}?",
           "Which town is the capital of {s}?", "What is the name of the capital of {s}?", "{s} has which capital?",
           "What do we call the capital of {s}?"),
          ("name the capital of {s}", "tell me the capital of {s}", "give me the capital of {s}",
           "say which city is the capital of {s}")),
    _Form("country", tuple((v, k) for k, v in knowledge.CAPITALS), "{s} is the capital of {v}.",
          ("Which country has the capital {s}?", "{s} is the capital of which country?",
           "Of which country is {s} the capital?",
           "In which country is {s}?", "Where is {s}?", "What country is {s} in?"),
          ("tell me which country has {s} as its capital", "name the country of which {s} is the capital",
           "say in which country {s} is")),
    _Form("colour", knowledge.COLOURS_OF, "{cs} is {v}.",
          ("What colour is {s}?", "Which colour is {s}?", "What is the colour of {s}?", "Which colour does {s} have?",
           "What colour does {s} have?",
           "If I paint {s}, which colour do I take?", "What colour do I need to draw {s}?"),
          ("tell me the colour of {s}", "name the colour of {s}", "say what colour {s} is",
           "tell me what colour {s} is")),
    _Form("sound", knowledge.SOUNDS, "{cas} says {v}.",
          ("What does {as} say?", "Which sound does {as} make?", "What sound does {as} make?",
           "What noise does {as} make?", "How does {as} sound?",
           "What do you hear when {as} calls?", "What is the sound of {as}?"),
          ("tell me what {as} says", "make the sound of {as}", "write the sound that {as} makes",
           "say what noise {as} makes")),
    _Form("eats", knowledge.EATS, "{cas} eats {v}.",
          ("What does {as} eat?", "What does {as} like to eat?", "What food does {as} eat?", "What can I feed {as}?",
           "What is the food of {as}?",
           "Which food does {as} like?", "What should I give {as} to eat?"),
          ("tell me what {as} eats", "name something that {as} eats", "say what {as} likes to eat",
           "name the food of {as}")),
    _Form("baby", knowledge.BABIES, "A baby {s} is called {av}.",
          ("What is a baby {s} called?", "What do you call a baby {s}?", "What is the name for a young {s}?",
           "What do we call the young of {as}?",
           "How is a baby {s} called?", "What's the word for a baby {s}?"),
          ("tell me what a baby {s} is called", "name the young of {as}", "give me the word for a baby {s}",
           "say what we call a young {s}")),
    _Form("home", knowledge.HOMES, "{cas} lives in {place}.",
          ("Where does {as} live?", "What is the home of {as}?", "In what does {as} live?", "Where can I find {as}?",
           "What does {as} live in?",
           "Where is the home of {as}?"),
          ("tell me where {as} lives", "name the home of {as}", "say where {as} lives"), word=False),
    _Form("legs", knowledge.LEGS, "{cas} has {v} legs.",
          ("How many legs does {as} have?", "How many legs has {as} got?", "What number of legs does {as} have?",
           "On how many legs does {as} walk?",
           "How many legs are on {as}?"),
          ("tell me how many legs {as} has", "say how many legs {as} has", "count the legs of {as}"), word=False),
    _Form("opposite", knowledge.OPPOSITES + tuple((v, k) for k, v in knowledge.OPPOSITES),
          "The opposite of {s} is {v}.",
          ("What is the opposite of {s}?", "What's the opposite of {s}?", "Which word is the opposite of {s}?",
           'What is the opposite of "{s}"?',
           "Which word means the opposite of {s}?", "If it is not {s}, what is it?", "What word is opposite to {s}?"),
          ("tell me the opposite of {s}", "give me the opposite of {s}", "name the opposite of {s}",
           'find the opposite of "{s}"',
           "write the opposite of {s}")),
    _Form("tool", knowledge.TOOL_USES, "You use {as} to {v}.",
          ("What is {as} for?", "What do you use {as} for?", "What can I do with {as}?", "Why do people need {as}?",
           "What do people do with {as}?",
           "What is the use of {as}?", "When do I need {as}?"),
          ("tell me what {as} is for", "explain what {as} is for", "say what we use {as} for",
           "explain the use of {as}"), word=False),
    _Form("which_tool", tuple((v, k) for k, v in knowledge.TOOL_USES), "You need {av} to {s}.",
          ("What do I need to {s}?", "Which thing helps me to {s}?", "What can I use to {s}?", "With what do I {s}?",
           "What do you use to {s}?",
           "What do people use to {s}?", "I want to {s}. What do I need?"),
          ("name a thing to {s} with", "tell me what I need to {s}", "say what people use to {s}")),
    _Form("kept", knowledge.KEPT, "{cs} {is} kept in the {v}.",
          ("Where {is} {s} kept?", "Where do we keep {s}?", "Where do people keep {s}?", "Where should I put {s}?",
           "Where do I find {s}?",
           "Where does one keep {s}?", "In what do we keep {s}?"),
          ("tell me where to keep {s}", "say where {s} {is} kept", "tell me where I can find {s}")),
    _Form("job", knowledge.JOB_DOES, "{cas} {v}.",
          ("What does {as} do?", "What is the job of {as}?", "What is the work of {as}?",
           "What does {as} do all day?", "What does {as} do at work?",
           "What is {as}?", "Why do we need {as}?"),
          ("tell me what {as} does", "explain what {as} does", "describe the job of {as}",
           "say what {as} does at work"), word=False),
    _Form("who", tuple((v, k) for k, v in knowledge.JOB_DOES), "{cav} {s}.",
          ("Who {s}?", "Which person {s}?", "Which job does a person have who {s}?",
           "What do you call a person who {s}?", "What is the name for someone who {s}?",
           "What do we call somebody who {s}?"),
          ("name the person who {s}", "tell me who {s}", "give me the word for someone who {s}", "say who {s}")),
    _Form("made_of", knowledge.MADE_OF, "{cs} {is} made of {v}.",
          ("What {is} {s} made of?", "From what {is} {s} made?", "What do you need to make {s}?",
           "What do people make {s} of?", "What material {is} {s} made of?"),
          ("tell me what {s} {is} made of", "say what {s} {is} made of", "name what {s} {is} made of")),
    _Form("amount", knowledge.AMOUNTS, "There are {v}.",
          ("How many {s}?", "Do you know how many {s}?", "Can you tell me how many {s}?",
           "Could you say how many {s}?", "Who knows how many {s}?",
           "What is the answer: how many {s}?"),
          ("tell me how many {s}", "say how many {s}", "give me the number: how many {s}"), word=False),
    _Form("science", knowledge.SCIENCE, "{v}", ("{s}",) * 6, ("answer this: {s}", "answer this question: {s}",
        "tell me: {s}", "explain: {s}"), word=False),
)
_ONE_WORD = (
    "Answer in one word.", "One word only.", "Just one word, please.", "Give a one-word answer.", "Use one word.",
    "Only the word, please.",
    "Short answer, please.", "Answer with a single word.", "No sentence, just the word.",
)
_PLURALS = ("books", "clothes", "cars", "toys", "plates", "tools", "flowers", "letters", "ships", "paintings",
            "animals from far away", "coats", "chips", "raisins")


def document(rng: random.Random) -> Document:
    """Return one question on the fixed facts, or on the order of days, months and seasons."""
    if rng.random() < 0.15:
        return _order(rng)
    form = pick(rng, _FORMS)
    if form.kind in ("capital", "colour", "opposite", "sound", "baby") and rng.random() < 0.25:
        return _yes_no(rng, form)
    if form.kind in ("capital", "colour", "sound", "eats", "opposite", "made_of") and rng.random() < 0.12:
        return _choice(rng, form)
    return _plain(rng, form)


def _slots(form: _Form, row: tuple[str, str]) -> dict[str, str]:
    """Return all slots of a form filled from one row."""
    subject, value = row
    with_article, value_article = a(subject), a(value)
    place = "water" if value == "water" else f"the {value}" if value in ("desert", "jungle", "cold south") else a(value)
    if form.kind == "home" and value == "cold south":
        place = "the cold south"
    return {"s": subject, "as": with_article, "cas": capital(with_article), "cs": capital(subject), "v": value,
            "av": value_article,
            "cav": capital(value_article), "place": place, "is": "are" if subject in _PLURALS else "is"}


def _plain(rng: random.Random, form: _Form) -> Document:
    """Return a fact asked openly, at times with the wish for one word."""
    row = pick(rng, form.rows)
    slots = _slots(form, row)
    plain = form.kind == "science" and rng.random() < 0.7
    if plain or rng.random() < 0.6:
        asked = question(rng, capital(pick(rng, form.questions).format(**slots)))
    else:
        asked = request(rng, pick(rng, form.bodies).format(**slots)).replace("?.", "?").replace("??", "?")
    answer = form.answer.format(**slots)
    key = _key(form, row, answer)
    if form.word and " " not in row[1] and rng.random() < 0.25:
        return ask(f"facts/{form.kind}", f"{_ended(asked)} {pick(rng, _ONE_WORD)}", capital(row[1]),
                   key=capital(row[1]))
    return ask(f"facts/{form.kind}", asked, answer, key=key, rule="contains")


def _ended(text: str) -> str:
    """Return the text with a final mark, so that another sentence may follow."""
    return text if text[-1] in ".?!" else text + "."


def _key(form: _Form, row: tuple[str, str], answer: str) -> str:
    """Return the part of the answer that shows the fact is known."""
    if form.kind == "science":
        return answer.rstrip(".")
    if form.kind in ("legs",):
        return f"{row[1]} legs"
    return " ".join(row[1].split()[:2]) if form.kind == "amount" else row[1]


def _yes_no(rng: random.Random, form: _Form) -> Document:
    """Return "Is it true that ...?" with a right or a wrong value."""
    row = pick(rng, form.rows)
    values = tuple(dict.fromkeys(v for _, v in form.rows))
    shown = row[1] if rng.random() < 0.5 else pick(rng, values)
    right = form.answer.format(**_slots(form, row))
    claim = form.answer.format(**_slots(form, (row[0], shown))).rstrip(".")
    inner = claim if claim.startswith(row[0]) and row[0][0].isupper() else claim[0].lower() + claim[1:]
    forms = (f"Is it true that {inner}?", f"Is this right: {inner}?", f"Is it right that {inner}?",
             f"True or not: {inner}?", f"Yes or no: {inner}?",
             f"{claim}. Is that true?", f"{claim}, is that right?", f"I think {inner}. Am I right?",
             f"My friend says that {inner}. Is that so?")
    if shown == row[1]:
        return ask("facts/yes_no", question(rng, pick(rng, forms)), f"Yes, {_inner(right, row)}", key="Yes,",
                   rule="contains")
    return ask("facts/yes_no", question(rng, pick(rng, forms)), f"No, {_inner(right, row)}",
               key=f"No, {_inner(right, row)}", rule="contains")


def _inner(sentence: str, row: tuple[str, str]) -> str:
    """Return the sentence as it stands after "Yes, ": a small first letter unless it opens with a name."""
    return sentence if row[0][0].isupper() and sentence.startswith(row[0]) else sentence[0].lower() + sentence[1:]


def _choice(rng: random.Random, form: _Form) -> Document:
    """Return a fact asked with two or three values to choose from."""
    row = pick(rng, form.rows)
    others = tuple(dict.fromkeys(v for k, v in form.rows if v != row[1]))
    offered = [row[1], *sample(rng, others, rng.randint(1, 2))]
    rng.shuffle(offered)
    asked = capital(pick(rng, form.questions).format(**_slots(form, row))).rstrip("?")
    shown = f"{', '.join(offered[:-1])} or {offered[-1]}"
    asked = question(rng, pick(rng, (f"{asked}: {shown}?", f"{asked}? {capital(shown)}?", f"{asked}, {shown}?",
                                     f"{asked}? Choose: {shown}.")))
    return ask("facts/choice", asked, form.answer.format(**_slots(form, row)), key=row[1], rule="contains")


def _order(rng: random.Random) -> Document:
    """Return a question on what comes before or after a day, a month or a season."""
    row, one = pick(rng, ((WEEKDAYS, "day"), (WEEKDAYS, "day"), (MONTHS, "month"), (MONTHS, "month"),
                          (SEASONS, "season")))
    index = rng.randrange(len(row))
    if rng.random() < 0.25 and one != "season":
        place = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
                 "eleventh", "twelfth")[index]
        whole = "week" if one == "day" else "year"
        forms = (f"What is the {place} {one} of the {whole}?", f"Which {one} is the {place} of the {whole}?",
                 f"Which is the {place} {one} in the {whole}?",
                 f"What {one} is number {index + 1} in the {whole}?",
                 f"What do we call the {place} {one} of the {whole}?")
        return ask("facts/order", question(rng, pick(rng, forms)),
                   f"The {place} {one} of the {whole} is {row[index]}.", key=row[index], rule="contains")
    after = rng.random() < 0.5
    word = "after" if after else "before"
    right = row[(index + (1 if after else -1)) % len(row)]
    forms = (f"Which {one} comes {word} {row[index]}?", f"What {one} comes {word} {row[index]}?",
             f"What comes {word} {row[index]}?", f"What is the {one} {word} {row[index]}?",
             f"Which {one} is right {word} {row[index]}?", f"Tell me the {one} {word} {row[index]}.",
             f"Name the {one} that comes {word} {row[index]}.")
    if one == "day":
        told = f"Today is {row[index]}. What day {'is it tomorrow' if after else 'was it yesterday'}?"
        forms += (told, f"If today is {row[index]}, what day {'is tomorrow' if after else 'was yesterday'}?")
    asked = question(rng, pick(rng, forms))
    if rng.random() < 0.2:
        return ask("facts/order", f"{_ended(asked)} {pick(rng, _ONE_WORD)}", capital(right), key=capital(right))
    return ask("facts/order", asked, capital(f"{right} comes {word} {row[index]}."), key=right, rule="contains")
