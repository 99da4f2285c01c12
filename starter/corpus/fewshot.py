"""Learning from examples in the prompt: two to six worked examples, then a new one in the same form.

The labels, codes and pairings are drawn anew each time, so the rule can only come from the prompt. The
examples stand in one user turn ("Input: / Output:", "x -> y") or as earlier turns of the conversation.
Knows nothing of the other domains.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from starter.corpus import goods
from starter.corpus.document import Document, Rule, Turn
from starter.corpus.systems import persona
from starter.corpus.world import (
    ADJECTIVES,
    ANIMALS,
    BODY,
    CLOTHES,
    COLOURS,
    FOODS,
    GROUPS,
    JOBS,
    NAMES,
    OBJECTS,
    PLACES,
    TOWNS,
    VERBS,
    WEEKDAYS,
    a,
    capital,
    number_word,
    person,
    pick,
    plural,
)  # fmt: skip

Shot = tuple[str, str]
Task = tuple[
    str, list[Shot], str, Rule
]  # kind, worked examples with the new one last, a hint that may stand first, rule


def document(rng: random.Random) -> Document:
    """Return a prompt with worked examples and the output for the last one."""
    kind, shots, hint, rule = pick(rng, _TASKS)(rng)
    if rng.random() < 0.22:
        return _as_turns(rng, kind, shots, hint, rule)
    return _as_text(rng, kind, shots, hint, rule)


_WORDS = tuple(word for word in ANIMALS + OBJECTS + FOODS + PLACES if word.isalpha())
_NOUNS = tuple(word for word in ANIMALS + OBJECTS + FOODS + CLOTHES if word.isalpha())
_BASE_VERBS = tuple(VERBS)


_FORMATS = (
    ("Input: {x}\nOutput: {y}", "\n\n"), ("Input: {x}\nOutput: {y}", "\n"), ("Q: {x}\nA: {y}", "\n"),
    ("Q: {x}\nA: {y}", "\n\n"), ("{x} -> {y}", "\n"),
    ("{x} => {y}", "\n"), ("{x}: {y}", "\n"), ("{x} = {y}", "\n"), ("{x} | {y}", "\n"), ("x: {x}\ny: {y}", "\n\n"),
    ("{x} - {y}", "\n"), ("In: {x}\nOut: {y}", "\n"),
    ("Example: {x}\nAnswer: {y}", "\n\n"), ("[{x}] {y}", "\n"), ("{x}\n{y}", "\n\n"), ("Text: {x}\nLabel: {y}",
        "\n\n"), ("{x} --> {y}", "\n"), ("- {x}: {y}", "\n"),
    ("Given: {x}\nResult: {y}", "\n"), ("{x} -> {y}", "; "), ("<in>{x}</in>\n<out>{y}", "\n"),
    ("Question: {x}\nAnswer: {y}", "\n\n"), ("{x} becomes {y}", "\n"),
)  # fmt: skip
_LEADS = (
    "Complete the pattern.", "Follow the examples.", "Do the same with the last one.", "Here are some examples.",
    "Continue.", "Find the rule and finish.",
    "What comes next?", "Fill in the last line.", "Look at the examples and finish the last one.", "Finish the list.",
    "Give the missing output.", "Answer like this:",
    "Use the same rule.", "Learn from these examples.", "Examples:", "Please complete.", "Can you complete this?",
    "Go on in the same way.", "Give only the last answer.",
)  # fmt: skip
_TAILS = ("What is the answer for the last one?", "Fill in the gap.", "Give only the missing part.",
    "What belongs there?", "Your turn.", "Complete the last line.")  # fmt: skip


def _as_text(rng: random.Random, kind: str, shots: list[Shot], hint: str, rule: Rule) -> Document:
    form, between = pick(rng, _FORMATS)
    blocks = [form.replace("{x}", x).replace("{y}", y) for x, y in shots[:-1]]
    asked, answer = shots[-1]
    last = form[: form.index("{y}")].replace("{x}", asked).rstrip(" \n")
    body = between.join([*blocks, last])
    dice = rng.random()
    if dice < 0.35:
        body = f"{pick(rng, _LEADS)}{pick(rng, (chr(10), chr(10) * 2))}{body}"
    elif dice < 0.6 and hint:
        body = f"{hint}{pick(rng, (chr(10), chr(10) * 2))}{body}"
    if between == "\n" and dice > 0.9:
        body = f"{body} ?\n{pick(rng, _TAILS)}" if "\n" not in form else body
    system = persona(rng) if rng.random() < 0.08 else None
    turns = [Turn("system", system)] if system else []
    return Document(f"fewshot/{kind}", (*turns, Turn("user", body), Turn("assistant", answer)), answer, rule)


def _as_turns(rng: random.Random, kind: str, shots: list[Shot], hint: str, rule: Rule) -> Document:
    turns: list[Turn] = []
    if hint and rng.random() < 0.5:
        turns.append(Turn("system", hint))
    elif rng.random() < 0.3:
        turns.append(Turn("system", pick(rng, ("Follow the examples.", "Do the same each time.",
            "Use the same rule each time.", "Stay in the pattern.", persona(rng)))))  # fmt: skip
    frame = pick(rng, ("{}", "{}", "{}", "Input: {}", "Q: {}", "{} ->", "Text: {}", "{} ="))
    for asked, answer in shots:
        turns += [Turn("user", frame.format(asked)), Turn("assistant", answer)]
    return Document(f"fewshot/{kind}_turns", tuple(turns), shots[-1][1], rule)


def _distinct(rng: random.Random, make: Callable[[random.Random], str], number: int) -> list[str]:
    """Return that many different draws, in the order of drawing."""
    found: list[str] = []
    while len(found) < number:
        value = make(rng)
        if value not in found:
            found.append(value)
    return found


def _size(rng: random.Random, low: int = 2, high: int = 6) -> int:
    return rng.randint(low, high)


def _applied(rng: random.Random, kind: str, words: tuple[str, ...], rule: Callable[[str], str], hint: str) -> Task:
    """Return a task in which each word goes through the same function."""
    chosen = rng.sample(words, _size(rng) + 1)
    return kind, [(word, rule(word)) for word in chosen], hint, "exact"


_LABELS = (
    "yes no", "A B", "1 2", "left right", "good bad", "true false", "X Y", "north south", "in out", "alpha beta",
    "on off", "plus minus", "red blue", "cold warm", "up down",
    "foo bar", "zip zap", "one two", "day night", "sun moon", "0 1", "cat dog", "tick tock", "ping pong", "# *",
    "group1 group2", "P Q", "keep drop", "first second",
)  # fmt: skip


def _labels(rng: random.Random, number: int) -> list[str]:
    if number == 2 and rng.random() < 0.5:
        return [*pick(rng, _LABELS).split()]
    if rng.random() < 0.5:
        return _distinct(rng, goods.coined, number)
    return _distinct(rng, lambda r: pick(r, pick(r, (COLOURS, WEEKDAYS, TOWNS, NAMES, ANIMALS, FOODS))), number)


def _balanced(rng: random.Random, classes: int, shots: int) -> list[int]:
    """Return the class of each example: every class once before the last one comes."""
    order = [*range(classes), *(rng.randrange(classes) for _ in range(shots - classes))]
    rng.shuffle(order)
    return [*order, rng.randrange(classes)]


def _group_label(rng: random.Random) -> Task:
    """Word -> arbitrary label of its group."""
    number = 2 if rng.random() < 0.7 else 3
    groups = rng.sample(("animals", "fruits", "vegetables", "colours", "tools", "clothes", "vehicles", "jobs",
        "parts of the body", "musical instruments", "days of the week"), number)  # fmt: skip
    own = rng.random() < 0.3
    labels = [name.replace("parts of the body", "body parts") for name in groups] if own else _labels(rng, number)
    order = _balanced(rng, number, max(number, _size(rng, 3, 6)))
    words = _distinct_by(rng, [GROUPS[groups[index]] for index in order])
    hint = pick(rng, ("Sort the words into groups.", "Give the label of the word.", "Which label fits?",
        "Label each word.", "Classify the word."))  # fmt: skip
    return "group_label", [(word, labels[index]) for word, index in zip(words, order, strict=True)], hint, "exact"


def _distinct_by(rng: random.Random, pools: list[tuple[str, ...]]) -> list[str]:
    """Return one word from each pool, all different."""
    found: list[str] = []
    for pool in pools:
        found.append(pick(rng, tuple(word for word in pool if word not in found)))
    return found


def _sentence(rng: random.Random, topic: str) -> str:
    name = pick(rng, NAMES)
    forms = {
        "food": (f"{name} eats {a(pick(rng, FOODS))} at noon.", f"The {pick(rng, FOODS)} tastes good.",
            f"We cook {plural(pick(rng, FOODS))} for {name}.", f"{name} bakes {a(pick(rng, FOODS))}."),
        "animals": (f"The {pick(rng, ANIMALS)} sleeps in the grass.", f"{name} feeds {a(pick(rng, ANIMALS))}.",
            f"A {pick(rng, ('young', 'wild', 'brown', 'small'))} {pick(rng, ANIMALS)} runs away.",
            f"{name} saw two {plural(pick(rng, ANIMALS))}."),
        "weather": (f"It rains on {pick(rng, WEEKDAYS)}.", f"The sun shines in {goods.town(rng)}.",
            f"There is snow in {goods.town(rng)}.", f"A strong wind blows on {pick(rng, WEEKDAYS)}."),
        "money": (f"{name} pays {goods.price(rng)}.", f"The ticket costs {goods.price(rng)}.",
            f"{name} saves {goods.price(rng)} each month.", f"The bank gave {name} {goods.price(rng)}."),
        "work": (f"{name} works as {a(pick(rng, JOBS))}.", f"The {pick(rng, JOBS)} starts a new job.",
            f"The office of {name} opens on {pick(rng, WEEKDAYS)}.", f"{name} has a meeting with the boss."),
        "travel": (f"{name} takes the train to {goods.town(rng)}.", f"The bus to {goods.town(rng)} is late.",
            f"We fly to {goods.town(rng)} on {pick(rng, WEEKDAYS)}.", f"{name} packs a suitcase for the journey."),
        "sport": (f"{name} wins the race.", f"Our team lost the match on {pick(rng, WEEKDAYS)}.",
            f"{name} scores {rng.randint(2, 9)} goals.", f"{name} trains in the gym."),
    }  # fmt: skip
    return pick(rng, forms[topic])


_SENTENCE_TOPICS = ("food", "animals", "weather", "money", "work", "travel", "sport")


def _topic_label(rng: random.Random) -> Task:
    """Sentence -> its topic, by name or by an arbitrary label."""
    number = 2 if rng.random() < 0.6 else 3
    topics = rng.sample(_SENTENCE_TOPICS, number)
    labels = topics if rng.random() < 0.5 else _labels(rng, number)
    order = _balanced(rng, number, max(number, _size(rng, 2, 5)))
    shots: list[Shot] = [(_sentence(rng, topics[index]), labels[index]) for index in order]
    return "topic_label", shots, pick(rng, ("Give the category of the sentence.", "What is the sentence about?",
        "Label the sentence.", "Classify each text.")), "exact"  # fmt: skip


_GOOD = ("I love the {n}.", "The {n} is great.", "What a lovely {n}!", "The {n} works very well.",
    "I am happy with the {n}.", "This {n} is the best.", "The {n} made my day.", "Wonderful {n}, thank you!"
)  # fmt: skip
_BAD = ("I hate the {n}.", "The {n} is terrible.", "What an awful {n}!", "The {n} broke at once.",
    "I am angry about the {n}.", "This {n} is the worst.", "The {n} ruined my day.", "Never buy this {n}!")  # fmt: skip


def _mood_label(rng: random.Random) -> Task:
    """Opinion -> positive or negative, under any pair of names."""
    labels = pick(rng, (["positive", "negative"], ["good", "bad"], ["happy", "sad"], ["+", "-"], ["like", "dislike"],
        _labels(rng, 2)))  # fmt: skip
    order = _balanced(rng, 2, _size(rng, 2, 5))
    shots = [(pick(rng, (_GOOD, _BAD)[index]).format(n=pick(rng, _NOUNS)), labels[index]) for index in order]
    return "mood_label", shots, pick(rng, ("Is it good or bad?", "Label the opinion.", "Give the feeling of the text.",
        "Classify the opinion.")), "exact"  # fmt: skip


def _recall(rng: random.Random) -> Task:
    """Random pairs; the new query repeats one of them."""
    kinds: tuple[tuple[Callable[[random.Random], str], Callable[[random.Random], str], str], ...] = (
        (lambda r: pick(r, NAMES), goods.code, "Give the code of the person."), (lambda r: pick(r, _NOUNS),
            lambda r: pick(r, COLOURS), "Give the colour."),
        (lambda r: pick(r, FOODS), lambda r: goods.price(r, 1, 40), "Give the price."), (goods.town, goods.phone,
            "Give the number of the town."),
        (goods.coined, goods.coined, "Translate the word."), (goods.coined, lambda r: pick(r, _WORDS),
            "Translate into English."), (lambda r: pick(r, _WORDS), goods.coined, "Translate the word."),
        (lambda r: pick(r, NAMES), goods.town, "Where does the person live?"), (lambda r: pick(r, NAMES),
            lambda r: pick(r, JOBS), "What is the job of the person?"),
        (goods.code, lambda r: pick(r, OBJECTS), "What belongs to the code?"), (lambda r: pick(r, WEEKDAYS),
            lambda r: pick(r, FOODS), "What do we eat on that day?"),
        (lambda r: pick(r, NAMES), lambda r: goods.number(r, 2, 99), "Give the score."), (lambda r: pick(r, ANIMALS),
            lambda r: pick(r, NAMES), "What is the animal called?"),
        (goods.title, lambda r: goods.email(r), "Give the address of the firm."),
        (lambda r: f"room {r.randint(1, 60)}", goods.full_name, "Who is in the room?"),
    )  # fmt: skip
    left, right, hint = pick(rng, kinds)
    number = _size(rng, 2, 6)
    pairs = list(zip(_distinct(rng, left, number), _distinct(rng, right, number), strict=True))
    return "recall", [*pairs, pick(rng, pairs)], hint, "exact"


def _plural(rng: random.Random) -> Task:
    return _applied(rng, "plural", _NOUNS, plural, "Give the plural.")


def _singular(rng: random.Random) -> Task:
    _, shots, _, rule = _plural(rng)
    return "singular", [(many, one) for one, many in shots], "Give the singular.", rule


_LETTER_RULES: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    ("upper", "Write in capitals.", str.upper), ("first_letter", "Give the first letter.", lambda w: w[0]),
    ("last_letter", "Give the last letter.", lambda w: w[-1]),
    ("twice", "Say it twice.", lambda w: f"{w} {w}"), ("capital", "Write with a capital.", capital), ("article",
        "Add the article.", a), ("quoted", "Put it in quotation marks.", lambda w: f'"{w}"'),
    ("length", "Count the letters.", lambda w: str(len(w))), ("the", "Add a word.", lambda w: f"the {w}"), ("excited",
        "Say it loudly.", lambda w: f"{w}!"),
    ("first_two", "Give the first two letters.", lambda w: w[:2]), ("starred", "Mark the word.", lambda w: f"*{w}*"),
    ("same", "Copy the word.", lambda w: w),
    ("very", "Make it stronger.", lambda w: f"very {w}"),
)  # fmt: skip


def _letters(rng: random.Random) -> Task:
    kind, hint, rule = pick(rng, _LETTER_RULES)
    short = tuple(word for word in _NOUNS if len(word) <= 7)
    return _applied(rng, kind, tuple(w for w in ADJECTIVES if w.isalpha()) if kind == "very" else short, rule, hint)


def _framed(rng: random.Random) -> Task:
    """Word -> the word inside a frame that is drawn anew."""
    other = pick(rng, (pick(rng, COLOURS), pick(rng, ADJECTIVES), goods.coined(rng), pick(rng, NAMES)))
    form = pick(rng, ("{o} {w}", "{w} {o}", "{w} and {o}", "my {o} {w}", "{w}-{o}", "{o}/{w}", "{w}, {o}", "no {w}",
        "{w} for {o}", "I see the {w}", "give me the {w}", "{w}{n}", "{n} {w}"))  # fmt: skip
    number = str(rng.randint(2, 99))
    return _applied(rng, "framed", _NOUNS, lambda word: form.format(o=other, w=word, n=number), "")


def _verb_form(rng: random.Random) -> Task:
    name = pick(rng, ("past", "ing", "third"))
    chosen = rng.sample(_BASE_VERBS, _size(rng) + 1)
    hint = {"past": "Give the past form.", "ing": "Give the -ing form.", "third": "Give the form for he or she."}[name]
    return f"verb_{name}", [(v.base, str(getattr(v, name))) for v in chosen], hint, "exact"


def _add(rng: random.Random) -> Task:
    step = rng.randint(1, 10)
    start = rng.sample(range(0, 60), _size(rng, 3, 6) + 1)
    if rng.random() < 0.3:
        return "subtract", [(str(n + step), str(n)) for n in start], "Find the rule.", "exact"
    return "add", [(str(n), str(n + step)) for n in start], "Find the rule.", "exact"


def _number_words(rng: random.Random) -> Task:
    shots = [(str(n), number_word(n)) for n in rng.sample(range(0, 100), _size(rng) + 1)]
    if rng.random() < 0.5:
        return "word_number", [(word, digits) for digits, word in shots], "Write as digits.", "exact"
    return "number_word", shots, "Write the number in words.", "exact"


_OPPOSITES = (
    "hot cold|big small|up down|day night|wet dry|old young|fast slow|happy sad|open closed|full empty|heavy light|"
    "hard soft|left right|early late|loud quiet|long short|"
    "clean dirty|rich poor|strong weak|high low|near far|thick thin|inside outside|black white|good bad|first last|"
    "more less|yes no|come go|buy sell|give take|win lose"
)


def _opposite(rng: random.Random) -> Task:
    pairs = [tuple(pair.split()) for pair in rng.sample(_OPPOSITES.split("|"), _size(rng) + 1)]
    shots = [(one, other) if rng.random() < 0.5 else (other, one) for one, other in pairs]
    return "opposite", shots, "Give the opposite.", "exact"


def _found(rng: random.Random) -> Task:
    """Sentence -> one part of it: the name, the colour, the number, the thing or the place."""
    wanted = pick(rng, ("name", "colour", "number", "thing", "place"))
    shots: list[Shot] = []
    for _ in range(_size(rng, 2, 5) + 1):
        row = {"name": pick(rng, NAMES), "colour": pick(rng, COLOURS), "number": str(rng.randint(2, 90)),
            "thing": plural(pick(rng, OBJECTS)), "place": goods.town(rng)}  # fmt: skip
        form = pick(rng, (
            "{name} bought {number} {colour} {thing} in {place}.",
            "In {place} {name} found {number} {colour} {thing}.", "{name} sent {number} {colour} {thing} to {place}.",
            "{name} needs {number} {colour} {thing} from {place}.",
            "There are {number} {colour} {thing} for {name} in {place}.",
        ))  # fmt: skip
        shots.append((form.format(**row), row[wanted]))
    hint = {"name": "Find the name.", "colour": "Find the colour.", "number": "Find the number.",
        "thing": "Find the thing.", "place": "Find the place."}[wanted]  # fmt: skip
    return f"find_{wanted}", shots, hint, "exact"


def _to_json(rng: random.Random) -> Task:
    """Text -> JSON with keys that are only shown."""
    left, right = pick(rng, (("name", "town"), ("who", "where"), ("n", "t"), ("person", "place"), ("a", "b"),
        (goods.coined(rng), goods.coined(rng))))  # fmt: skip
    form = pick(rng, ("{n} lives in {t}.", "{n} comes from {t}.", "{n} from {t}", "{n}, {t}", "I met {n} in {t}.",
        "{n} moved to {t}.", "My friend {n} is in {t}."))  # fmt: skip
    shots: list[Shot] = []
    for _ in range(_size(rng, 2, 4) + 1):
        name, town = person(rng).name, goods.town(rng)
        shots.append((form.format(n=name, t=town), json.dumps({left: name, right: town})))
    return "to_json", shots, pick(rng, ("Turn the text into JSON.", "Write it as JSON.", "Text to JSON.")), "json"


def _rewritten(rng: random.Random) -> Task:
    """Sentence -> the sentence in another form."""
    before, after = pick(rng, (
        ("{n} likes {o}.", "{n} does not like {o}."), ("{n} likes {o}.", "Does {n} like {o}?"), ("{n} has {o}.",
            "{n} had {o}."), ("{n} sees {o}.", "{n} will see {o}."),
        ("{n} wants {o}.", "What does {n} want? {o}"), ("{n} has {o}.", "The {o} of {n}"), ("{n} bought {o}.",
            "{o}, bought by {n}"), ("{n} loves {o}.", "I love {o}."),
        ("{n} sells {o}.", "{n} buys {o}."), ("I saw {n} and {o}.", "{o} and {n}"), ("Give {n} the {o}.",
            "{n} gets the {o}."), ("{n}, {o}", "{o}, {n}"), ("{n} ({o})", "{o} ({n})"),
    ))  # fmt: skip
    shots: list[Shot] = []
    for _ in range(_size(rng, 2, 4) + 1):
        slots = {"n": pick(rng, NAMES), "o": plural(pick(rng, _NOUNS))}
        shots.append((before.format(**slots), after.format(**slots)))
    return "rewritten", shots, "", "exact"


def _body_wear(rng: random.Random) -> Task:
    """A chain of two recalls: thing -> owner, where each thing is told in a sentence."""
    number = _size(rng, 3, 5)
    names, things = (
        _distinct(rng, lambda r: pick(r, NAMES), number),
        _distinct(rng, lambda r: pick(r, (*OBJECTS, *BODY)), number),
    )
    pairs = [(f"Whose {thing} is it?", name) for name, thing in zip(names, things, strict=True)]
    return "owner", [*pairs, pick(rng, pairs)], "", "exact"


_TASKS: tuple[Callable[[random.Random], Task], ...] = (
    *(_group_label,) * 4, *(_topic_label,) * 3, *(_mood_label,) * 2, *(_recall,) * 5, _plural, _plural, _singular,
    *(_letters,) * 3, *(_framed,) * 2, *(_verb_form,) * 2,
    *(_add,) * 2, _number_words, _opposite, *(_found,) * 3, *(_to_json,) * 2, *(_rewritten,) * 2, _body_wear,
)  # fmt: skip
