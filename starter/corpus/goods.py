"""Invented values that can only be copied: brand names, prices, times, dates, codes, addresses, e-mails.

The copying domains (documents, support, extraction, few-shot) draw from here, so that no answer can be
known beforehand and every one must be read off the prompt. Names are built from syllables, because a
fixed list would be learnt by heart. Knows nothing of documents, questions or domains.
"""

from __future__ import annotations

import random

from starter.corpus.world import (
    ANIMALS,
    COLOURS,
    MONTHS,
    NAMES,
    NATURE,
    OBJECTS,
    SURNAMES,
    TOWNS,
    WEEKDAYS,
    join_and,
    pick,
)

_ONSETS = (
    "b br c cl d dr f fl g gl gr h j k l m n p pl pr qu r s sk st t tr v w y z th sh ch bl sn sl sw kr tw zh mar cor"
).split()
_NUCLEI = "a e i o u a e i o ai ea ee ia io oo ou au".split()
_MIDDLES = "l n r m v d t z s k b nd lm rv lt rn st nt sk mb ld rb ss nn ll v x p g ft".split()
_ENDS = ("a o i e us on en ar el is um ix or an et ova ero ina elle ando ora ista ium ade ik ia eo ax yn ell etta oro"
         " ent ask old im ush ond arn est irk olt").split()  # fmt: skip
# The names of the project's own examples must stay unknown to the base model.
_RESERVED = ("bramble", "tandem", "kestrel", "pebblo", "lumio")
_SHORT = tuple(word for word in (*ANIMALS, *NATURE, *OBJECTS, *COLOURS) if word.isalpha() and len(word) < 7)
_MODELS = ("", "", "", "", "", "", "", " Mini", " Pro", " Plus", " Go", " Air", " One", " Max", " 2", " 3", " 5", " X",
    " S")  # fmt: skip


def coined(rng: random.Random) -> str:
    """Return an invented lower-case word of two or three syllables, such as "velmora"."""
    while True:
        word = pick(rng, _ONSETS) + pick(rng, _NUCLEI) + pick(rng, _MIDDLES) + pick(rng, _ENDS)
        if rng.random() < 0.25:
            word = pick(rng, _ONSETS) + pick(rng, "aeiou") + pick(rng, "lnrmstvk") + word
        if word not in _RESERVED and len(word) <= 10:
            return word


def brand(rng: random.Random) -> str:
    """Return an invented product name, sometimes with a model mark: "Velmora", "Tirando Mini", "Solbix 3"."""
    return title(rng) + pick(rng, _MODELS)


def title(rng: random.Random) -> str:
    """Return a name for a product or firm: coined, a plain word or a join of two ("Heron", "Mapleshell")."""
    dice = rng.random()
    if dice < 0.6:
        return coined(rng).capitalize()
    word = pick(rng, _SHORT)
    return (word if dice < 0.75 else word + pick(rng, _SHORT)).capitalize()


def town(rng: random.Random) -> str:
    """Return a town, one time in three an invented one."""
    return coined(rng).capitalize() if rng.random() < 0.35 else pick(rng, TOWNS)


def full_name(rng: random.Random) -> str:
    """Return a person's name with or without an invented or known surname."""
    dice = rng.random()
    if dice < 0.4:
        return pick(rng, NAMES)
    return f"{pick(rng, NAMES)} {pick(rng, SURNAMES) if dice < 0.75 else coined(rng).capitalize()}"


def number(rng: random.Random, low: int, high: int) -> str:
    """Return a whole number as digits."""
    return str(rng.randint(low, high))


def price(rng: random.Random, low: int = 2, high: int = 300) -> str:
    """Return a price in one of the usual spellings: "14 euros", "$19.99", "£24", "35.50 euros"."""
    whole = rng.randint(low, high)
    cents = pick(rng, (".50", ".99", ".90", ".20", ".75"))
    spelling = pick(rng, ("{} euros", "{} euros", "${}", "£{}", "{} dollars", "{} pounds", "€{}"))
    return spelling.format(f"{whole}{cents}" if rng.random() < 0.35 else whole)


def clock(rng: random.Random, low: int = 6, high: int = 21) -> str:
    """Return a time of day: "9:30", "17:45", "9 am", "4 pm"."""
    hour = rng.randint(low, high)
    if rng.random() < 0.6:
        return f"{hour}:{pick(rng, ('00', '15', '30', '45', '10', '20', '40', '50'))}"
    return f"{(hour - 1) % 12 + 1} {'am' if hour < 12 else 'pm'}"


def hours(rng: random.Random) -> str:
    """Return a span of opening hours: "9:00 to 17:30", "8 am to 6 pm"."""
    return f"{clock(rng, 6, 11)} to {clock(rng, 14, 22)}"


def date(rng: random.Random) -> str:
    """Return a day of the year: "12 March" or "March 12"."""
    day, month = rng.randint(1, 28), pick(rng, MONTHS)
    return f"{day} {month}" if rng.random() < 0.6 else f"{month} {day}"


def weekday(rng: random.Random) -> str:
    """Return a day of the week."""
    return pick(rng, WEEKDAYS)


def year(rng: random.Random) -> str:
    """Return a year."""
    return number(rng, 1890, 2024)


def span(rng: random.Random, units: str, low: int = 2, high: int = 30) -> str:
    """Return a duration in one of the units (plural, separated by spaces): "14 days", "3 weeks"."""
    return f"{rng.randint(low, high)} {pick(rng, units.split())}"


def colours(rng: random.Random) -> str:
    """Return one to three colours as a list."""
    return join_and(rng.sample(COLOURS, rng.randint(1, 3)))


def code(rng: random.Random) -> str:
    """Return a short code: "KX-482", "B7", "4471", "ROSE20"."""
    letters = "".join(pick(rng, "ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(rng.randint(1, 3)))
    dice = rng.random()
    if dice < 0.3:
        return f"{letters}-{rng.randint(10, 999)}"
    if dice < 0.5:
        return f"{letters}{rng.randint(1, 99)}"
    return number(rng, 1000, 99999) if dice < 0.7 else f"{coined(rng).upper()}{rng.randint(5, 50)}"


def phone(rng: random.Random) -> str:
    """Return a telephone number of the kind used in films."""
    return f"{pick(rng, ('555', '0555', '0800', '555'))} {rng.randint(100, 999)} {rng.randint(10, 99)}"


def email(rng: random.Random) -> str:
    """Return an e-mail address at an invented place."""
    user = pick(rng, ("help", "info", "hello", "support", "contact", "team", "office", "care", pick(rng,
        NAMES).lower()))  # fmt: skip
    return f"{user}@{coined(rng)}.{pick(rng, ('com', 'org', 'net', 'example'))}"


def street(rng: random.Random) -> str:
    """Return a street address: "12 Velmora Street"."""
    base = coined(rng).capitalize() if rng.random() < 0.5 else pick(rng, SURNAMES)
    kind = pick(rng, ("Street", "Road", "Lane", "Avenue", "Square", "Hill", "Way"))
    return f"{rng.randint(2, 199)} {base} {kind}"


def listing(rng: random.Random, words: str, low: int = 2, high: int = 3) -> str:
    """Return some of the comma-separated words as an English list."""
    return join_and(rng.sample(words.split(","), rng.randint(low, high)))
