"""The small world's vocabulary and the grammar it needs: articles, plurals, verb forms, lists, numbers.

Every domain of the corpus draws its words from here, so the same few thousand words meet again in many
settings; that is what lets a 5M model learn them. Knows nothing of documents or domains.
The noun and adjective lists themselves are in `words.py` and are re-exported.
"""

from __future__ import annotations

# Tables are wrapped by hand: one entry a line would make this file several times as long.
# fmt: off
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from starter.corpus.words import (
    ADJECTIVES,
    ADVERBS,
    ANIMALS,
    BODY,
    CLOTHES,
    COLOURS,
    DEVICE_PARTS,
    DEVICES,
    DRINKS,
    FAMILY,
    FOODS,
    FRUITS,
    FUNCTION_WORDS,
    FURNITURE,
    GROUPS,
    HOBBIES,
    IDEAS,
    INSTRUMENTS,
    JOBS,
    KITCHENWARE,
    MATERIALS,
    MONTHS,
    MOODS,
    NAMES,
    NAMES_F,
    NAMES_M,
    NATURE,
    OBJECTS,
    PETS,
    PLACES,
    QUALITIES,
    ROOMS,
    SCHOOL,
    SEASONS,
    SHAPES,
    SHOPPING,
    SIZES,
    STAPLES,
    SUBJECTS,
    SURNAMES,
    TOOLS,
    TOWNS,
    TOYS,
    TRAVEL,
    VEGETABLES,
    VEHICLES,
    WEATHER,
    WEEKDAYS,
)

__all__ = [
    "ADJECTIVES", "ADVERBS", "ANIMALS", "BODY", "CLOTHES", "COLOURS", "DEVICES", "DEVICE_PARTS", "DRINKS", "FAMILY",
    "FOODS", "FRUITS", "FUNCTION_WORDS", "FURNITURE", "GROUPS", "HOBBIES", "IDEAS", "INSTRUMENTS", "JOBS",
    "KITCHENWARE", "MATERIALS", "MONTHS", "MOODS", "NAMES", "NAMES_F", "NAMES_M", "NATURE", "NUMBER_WORDS", "OBJECTS",
    "PETS", "PLACES", "QUALITIES", "ROOMS", "SCHOOL", "SEASONS", "SHAPES", "SHOPPING", "SIZES", "STAPLES", "SUBJECTS",
    "SURNAMES", "TOOLS", "TOWNS", "TOYS", "TRAVEL", "VEGETABLES", "VEHICLES", "VERBS", "WEATHER", "WEEKDAYS",
    "Person", "Verb", "a", "capital", "count", "join_and", "number_word", "person", "pick", "plural", "sample", "verb",
]

T = TypeVar("T")

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def number_word(number: int) -> str:
    """Return a number from 0 to 100 in words."""
    if number == 100:
        return "one hundred"
    if number < 20:
        return _ONES[number]
    tens = _TENS[number // 10 - 2]
    return f"{tens}-{_ONES[number % 10]}" if number % 10 else tens


NUMBER_WORDS = tuple(number_word(n) for n in range(101))

_IRREGULAR_PLURALS = {
    "mouse": "mice", "goose": "geese", "sheep": "sheep", "fish": "fish", "deer": "deer", "wolf": "wolves",
    "foot": "feet",
    "calf": "calves", "moose": "moose", "leaf": "leaves", "shelf": "shelves", "knife": "knives", "loaf": "loaves",
    "tooth": "teeth", "scarf": "scarves", "potato": "potatoes", "tomato": "tomatoes", "mango": "mangoes", "man": "men",
    "postman": "postmen", "fisherman": "fishermen", "woman": "women", "child": "children", "person": "people",
    "goldfish": "goldfish", "volcano": "volcanoes", "starfish": "starfish", "octopus": "octopuses", "wish": "wishes",
    "town hall": "town halls", "life": "lives", "half": "halves",
}


def plural(noun: str) -> str:
    """Return the plural of a countable noun ("box" -> "boxes", "mouse" -> "mice")."""
    if noun in _IRREGULAR_PLURALS:
        return _IRREGULAR_PLURALS[noun]
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    return noun + "s"


def a(noun: str) -> str:
    """Return the phrase with its indefinite article ("a lamp", "an oven", "a useful box", "an hour")."""
    first = noun.lower().split()[0]
    vowel = first[0] in "aeiou" and not first.startswith(("use", "uni", "one", "eu"))
    return f"an {noun}" if vowel or first in ("hour", "honest", "heir") else f"a {noun}"


def count(number: int, noun: str, words: bool = False) -> str:
    """Return the number with its noun in agreement ("1 box", "3 boxes", "three boxes")."""
    shown = number_word(number) if words else str(number)
    return f"{shown} {noun if number == 1 else plural(noun)}"


def join_and(items: Sequence[str], word: str = "and") -> str:
    """Return the items as an English list: "x", "x and y", "x, y and z"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def capital(text: str) -> str:
    """Return the text with its first letter in upper case and the rest as it was."""
    return text[:1].upper() + text[1:]


def pick(rng: random.Random, items: Sequence[T]) -> T:
    """Return one item, each as likely."""
    return items[int(rng.random() * len(items))]


def sample(rng: random.Random, items: Sequence[T], number: int) -> list[T]:
    """Return `number` different items in random order."""
    return rng.sample(items, number)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with the pronouns that go with the name."""

    name: str
    he: str
    him: str
    his: str


def person(rng: random.Random, but: Sequence[str] = ()) -> Person:
    """Return a person whose name is not among `but`."""
    while True:
        if rng.random() < 0.5:
            found = Person(pick(rng, NAMES_F), "she", "her", "her")
        else:
            found = Person(pick(rng, NAMES_M), "he", "him", "his")
        if found.name not in but:
            return found


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb and its forms: walk, walks, walked, walking."""

    base: str
    third: str
    past: str
    ing: str


_DOUBLED = "stop plan drop clap hug chat shop grab beg rub tap trip step slip wrap pat nod".split()


def _regular(base: str) -> Verb:
    """Return the forms of a regular verb."""
    if base in _DOUBLED:
        return Verb(base, base + "s", base + base[-1] + "ed", base + base[-1] + "ing")
    if base.endswith("e"):
        return Verb(base, base + "s", base + "d", (base if base.endswith("ee") else base[:-1]) + "ing")
    if base.endswith("y") and base[-2] not in "aeiou":
        return Verb(base, base[:-1] + "ies", base[:-1] + "ied", base + "ing")
    return Verb(base, base + ("es" if base.endswith(("s", "x", "z", "ch", "sh")) else "s"), base + "ed", base + "ing")


_REGULAR = (
    "walk jump play help look talk work clean cook paint open close wash fix carry push pull want like love need watch "
    "visit call ask answer listen wait start finish move touch turn smile laugh cry shout whisper climb dance kick "
    "miss pick plant water order return check change count paint pack share thank invite enjoy hope worry try study "
    "live stay follow save use collect repair mend borrow guess explain remember learn promise arrive travel sail "
    "show bake boil mix taste smell brush fold lock unlock hurry rest dream wonder decide point wave knock bark chase "
    "print charge press switch deliver cancel replace install test improve"
).split() + _DOUBLED
_IRREGULAR = (
    "go goes went going, eat eats ate eating, see sees saw seeing, find finds found finding, take takes took taking, "
    "give gives gave giving, make makes made making, buy buys bought buying, sell sells sold selling, "
    "run runs ran running, "
    "sit sits sat sitting, sing sings sang singing, swim swims swam swimming, write writes wrote writing, "
    "drink drinks drank drinking, bring brings brought bringing, catch catches caught catching, "
    "come comes came coming, "
    "draw draws drew drawing, drive drives drove driving, fall falls fell falling, feed feeds fed feeding, "
    "feel feels felt feeling, fly flies flew flying, forget forgets forgot forgetting, get gets got getting, "
    "grow grows grew growing, hear hears heard hearing, hide hides hid hiding, hold holds held holding, "
    "keep keeps kept keeping, know knows knew knowing, leave leaves left leaving, lose loses lost losing, "
    "meet meets met meeting, pay pays paid paying, ride rides rode riding, say says said saying, "
    "send sends sent sending, "
    "sleep sleeps slept sleeping, speak speaks spoke speaking, stand stands stood standing, "
    "sweep sweeps swept sweeping, "
    "teach teaches taught teaching, tell tells told telling, think thinks thought thinking, wear wears wore wearing, "
    "win wins won winning, wake wakes woke waking, throw throws threw throwing, build builds built building, "
    "break breaks broke breaking, choose chooses chose choosing, begin begins began beginning, dig digs dug digging"
)


def _verbs() -> tuple[Verb, ...]:
    """Return all verbs of the small world, regular ones first."""
    regular = tuple(_regular(base) for base in dict.fromkeys(_REGULAR))
    return regular + tuple(Verb(*forms.split()) for forms in _IRREGULAR.split(", "))


VERBS = _verbs()
_BY_BASE = {v.base: v for v in VERBS}


def verb(base: str) -> Verb:
    """Return the verb with this base form."""
    return _BY_BASE[base]
