"""Pulling fields out of a sentence: to compact JSON with given keys, to a JSON list, or one value alone.

All values are invented, so they can only be copied; a key that the sentence does not fill is null. Ages,
quantities and other counts are JSON numbers, everything else is text as it stands. Knows nothing of the
other domains.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable

from starter.corpus import goods
from starter.corpus.document import Document, Turn, ask
from starter.corpus.phrasing import request, sloppy
from starter.corpus.systems import persona
from starter.corpus.world import (
    ANIMALS,
    CLOTHES,
    COLOURS,
    DEVICES,
    FOODS,
    HOBBIES,
    JOBS,
    NAMES,
    OBJECTS,
    PLACES,
    SURNAMES,
    WEEKDAYS,
    a,
    capital,
    join_and,
    pick,
    plural,
)

Value = str | int | None


def document(rng: random.Random) -> Document:
    """Return one extraction task with its JSON or its value."""
    return pick(rng, _VARIANTS)(rng)


# field -> how its value is drawn; the names on the right of _KEYS are what a prompt may call it
_FIELDS: dict[str, Callable[[random.Random], Value]] = {
    "name": lambda r: goods.full_name(r), "city": goods.town, "age": lambda r: r.randint(5, 95), "date": goods.date,
    "day": lambda r: pick(r, WEEKDAYS),
    "time": goods.clock, "product": lambda r: pick(r, (pick(r, OBJECTS), pick(r, DEVICES), pick(r, FOODS), pick(r,
        CLOTHES))), "price": lambda r: goods.price(r, 1, 200),
    "quantity": lambda r: r.randint(2, 99), "colour": lambda r: pick(r, COLOURS), "email": goods.email,
    "phone": goods.phone, "job": lambda r: pick(r, JOBS),
    "company": lambda r: goods.title(r), "code": goods.code, "street": goods.street, "animal": lambda r: pick(r,
        ANIMALS), "hobby": lambda r: pick(r, HOBBIES),
    "room": lambda r: r.randint(1, 400), "place": lambda r: f"the {pick(r, PLACES)}", "year": lambda r: r.randint(1900,
        2024),
}  # fmt: skip
_KEYS = {
    "name": "name name name person customer who full_name", "city": "city city town place location",
    "age": "age age years", "date": "date date when day_of_year", "day": "day day weekday",
    "time": "time time hour at", "product": "product product item thing article", "price": "price price cost amount",
    "quantity": "quantity quantity number count amount",
    "colour": "colour colour color", "email": "email email mail contact", "phone": "phone phone number telephone",
    "job": "job job profession work", "company": "company company firm business",
    "code": "code code id reference", "street": "street address address", "animal": "animal animal pet",
    "hobby": "hobby hobby interest", "room": "room room room_number", "place": "place where location",
    "year": "year year",
}  # fmt: skip
# {quantity} is always above one, so {product+} and {animal+} are plurals whose value is given as the plural.
_SENTENCES = (
    "{name} is {age} years old and lives in {city}.", "{name} from {city} is {age}.",
    "My name is {name}, I am {age} and I live in {city}.", "{name} ordered {quantity} {colour} {product+} for {price}.",
    "On {date} {name} bought {a product} for {price}.", "{name} works as {a job} in {city}.",
    "{name}, {a job} of {age}, likes {hobby}.", "Please send {quantity} {product+} to {name} in {city}.",
    "Meet {name} at {place} on {day} at {time}.", "The {colour} {product} costs {price}.",
    "You can reach {name} at {email}.", "Call {name} on {phone} before {day}.",
    "{name} works for {company} and has the number {phone}.", "{company} in {city} sells {product+} for {price}.",
    "Hello, I am {name}. My e-mail address is {email}.", "The meeting with {name} is on {date} at {time}.",
    "{name} was born in {year} in {city}.", "{name} has {a animal} and lives at {street}.",
    "{name} lost {a colour} {product} in {city} on {date}.", "Order {code}: {quantity} {product+} at {price} each.",
    "The order {code} of {name} will arrive on {date}.", "{name} booked room {room} from {date}.",
    "Room {room} is for {name} from {city}.", "Hi, this is {name} from {company}. Please write to {email}.",
    "{name} paid {price} for {quantity} {product+}.", "I want {quantity} {colour} {product+} by {day}.",
    "Can I get {a colour} {product} for {price}? My number is {phone}.", "{name} will be at {place} at {time}.",
    "The train to {city} leaves on {day} at {time}.", "A ticket to {city} on {date} costs {price}.",
    "{name} sold {a product} to {name2} for {price}.", "{company} was founded in {year} by {name}.",
    "{name} likes {hobby} and {company} pays for it.", "Our new {job} is {name}, aged {age}.",
    "Dear {company}, my {product} with the code {code} is broken. {name}", "Parcel {code} goes to {street}, {city}.",
    "{name}'s {animal} ran away in {city} on {day}.", "The {job} {name} lives at {street} in {city}.",
    "At {time} on {day}, {name} saw {a animal} near {place}.", "{name} ({age}) won {a product} in {city}.",
    "I am {a job} from {city} and I need {quantity} {product+}.",
    "{quantity} {colour} {product+}, please, for {name}.", "The concert in {city} is on {date} and costs {price}.",
    "For questions write to {email} or call {phone}.",
    "{name} bought {a colour} {product}.", "{name} moved to {city} in {year}.",
    "Since {year} {name} has worked for {company}.", "{name} visits {city} every {day}.",
    "There are {quantity} {animal+} in {city}.",
    "Invoice {code} from {company}: {price}, to be paid by {date}.",
    "New guest: {name}, {age}, room {room}, leaves on {date}.", "Name: {name}; town: {city}; phone: {phone}.",
    "{name} / {email} / {city}",
    "Our {job} {name} can be found in room {room} until {time}.", "{name} wants to swap {a product} for {a animal}.",
    "It was {time} when {name} came to {place} with {quantity} {product+}.",
)  # fmt: skip
_EXTRA = (
    "The weather was fine.", "Everybody was happy.", "Thank you very much!", "That is all for now.",
    "It was a long day.", "Please be quick.", "Nobody else came.", "I hope that helps.", "What a day!", "See you soon.",
)  # fmt: skip


def _filled(rng: random.Random) -> tuple[str, dict[str, Value]]:
    """Return a sentence (at times with an idle one beside it) and the values of its fields."""
    values: dict[str, Value] = {}

    def put(match: re.Match[str]) -> str:
        article, field, mark = match.group(1), match.group(2), match.group(3)
        if field == "name2":
            return pick(rng, NAMES)
        value = _FIELDS[field](rng)
        shown = plural(str(value)) if mark else str(value)
        values[field] = shown if mark else value
        return a(shown) if article else shown

    text = re.sub(r"\{(a )?(\w+)(\+?)\}", put, pick(rng, _SENTENCES))
    text = capital(text)
    if rng.random() < 0.2:
        text = f"{text} {pick(rng, _EXTRA)}" if rng.random() < 0.6 else f"{pick(rng, _EXTRA)} {text}"
    return text, values


def _wanted(rng: random.Random, values: dict[str, Value]) -> dict[str, Value]:
    """Return some of the values, at times with missing ones as None, in random order and under random key names."""
    fields = rng.sample(list(values), rng.randint(1 if len(values) < 2 else 2, len(values)))
    if rng.random() < 0.3:
        fields += rng.sample([field for field in _FIELDS if field not in _near(values)], rng.randint(1, 2))
        rng.shuffle(fields)
    renamed = rng.random() < 0.25
    found: dict[str, Value] = {}
    for field in fields:
        key = pick(rng, _KEYS[field].split()) if renamed else field
        found[field if key in found else key] = values.get(field)
    return found


def _near(values: dict[str, Value]) -> list[str]:
    """Return the fields that a sentence with these values might be said to hold."""
    near = list(values)
    for one, other in (
        ("city", "place"),
        ("date", "day"),
        ("date", "year"),
        ("product", "animal"),
        ("street", "place"),
        ("code", "room"),
        ("job", "hobby"),
        ("company", "name"),
    ):
        near += [other] if one in values else [one] if other in values else []
    return near


_BODIES = (
    "extract {k}", "extract {k} as JSON", "find {k} and give them as JSON", "return JSON with {k}",
    "turn the text into JSON with {k}", "pull out {k}", "give me {k} in JSON", "make a JSON object with {k}",
    "read the text and fill in {k} as JSON", "get {k} from the text as JSON", "write {k} as a JSON object",
    "collect {k} in JSON", "parse the text into JSON with {k}", "list {k} as JSON", "take {k} out of the text",
    "answer in JSON with {k}", "create JSON with {k} from this text", "convert the sentence to JSON with {k}",
    "look for {k} and answer in JSON", "show {k} as JSON", "identify {k} in the text and return JSON",
)  # fmt: skip
_MISSING = ("Use null for what is missing.", "If something is missing, use null.", "Missing values are null.",
    "Write null where the text says nothing.", "Unknown fields are null.", "Put null if it is not there.")  # fmt: skip


def _key_list(rng: random.Random, keys: list[str]) -> str:
    """Return the keys as a prompt may list them."""
    plain = keys if rng.random() < 0.6 else [f'"{key}"' for key in keys]
    word = pick(rng, ("key", "field")) if len(keys) == 1 else pick(rng, ("keys", "fields"))
    return pick(rng, (f"the {word} {join_and(plain)}", f"the {word} {', '.join(plain)}",
        f"the {join_and(plain)}" if plain is keys else f"the {word} {join_and(plain)}",
        f"these {word}: {', '.join(plain)}" if len(keys) > 1 else f"this {word}: {plain[0]}", f"{join_and(plain)}"
    ))  # fmt: skip


_LAYOUTS = (
    "{r}\n\n{t}", "{r}\n{t}", "{r}\nText: {t}", "{t}\n\n{r}", "{r} {t}", "{r}\n\"{t}\"", "Text: {t}\n{r}",
    "{r}\n\nSentence: {t}", "\"{t}\"\n\n{r}", "Read: {t}\n{r}", "{r}\n\nInput: {t}\nOutput:", "{t}\n{r}",
    "{r}\n---\n{t}\n---", "From the text \"{t}\": {r}",
)  # fmt: skip


def _join(rng: random.Random, asked: str, text: str) -> str:
    return pick(rng, _LAYOUTS).replace("{r}", asked).replace("{t}", text)


def _instruction(rng: random.Random, found: dict[str, Value]) -> str:
    """Return a request for an object with these keys, in words or as an empty form."""
    keys = list(found)
    dice = rng.random()
    if dice < 0.6:
        asked = request(rng, pick(rng, _BODIES).replace("{k}", _key_list(rng, keys)))
    elif dice < 0.8:
        form = "{" + ", ".join(f'"{key}": {pick(rng, ("...",))}' for key in keys) + "}"
        asked = pick(rng, ("Fill in: {f}", "Use this form: {f}", "Complete the JSON: {f}", "Return JSON like {f}",
            "Answer in the form {f}", "JSON format: {f}", "Schema: {f}")).replace("{f}", form)  # fmt: skip
    else:
        head = pick(rng, ("Fields", "Keys", "Extract", "JSON keys", "Wanted", "Output keys", "Return as JSON"))
        asked = f"{head}: {pick(rng, (', ', ', ', ' | ', '; ')).join(keys)}"
    if (None in found.values() and rng.random() < 0.6) or rng.random() < 0.1:
        asked = f"{asked}{'' if asked[-1] in '.?!' else '.'} {pick(rng, _MISSING)}"
    return asked


def _to_json(rng: random.Random) -> Document:
    """One sentence to an object; the instruction in the user turn."""
    text, values = _filled(rng)
    found = _wanted(rng, values)
    answer = json.dumps(found, ensure_ascii=False)
    system = persona(rng) if rng.random() < 0.1 else None
    return ask(
        "extraction/json", _join(rng, _instruction(rng, found), text), answer, system=system, key=answer, rule="json"
    )


def _by_system(rng: random.Random) -> Document:
    """The instruction in the system turn, then one or two texts."""
    first, values = _filled(rng)
    found = _wanted(rng, values)
    answer = json.dumps(found, ensure_ascii=False)
    turns = (Turn("system", _instruction(rng, found)), Turn("user", first), Turn("assistant", answer))
    return Document("extraction/system", turns, answer, "json")


def _list_text(rng: random.Random) -> tuple[str, str, list[Value]]:
    """Return a sentence, what its items are called, and the items."""
    pools: tuple[tuple[str, Callable[[random.Random], Value], tuple[str, ...]], ...] = (
        ("names", lambda r: pick(r, NAMES), ("{l} came to the party.", "We invited {l}.",
            "The team is made up of {l}.", "Yesterday {l} went to {p}.", "The prize goes to {l}.")),
        ("colours", lambda r: pick(r, COLOURS), ("The flag is {l}.", "The coat comes in {l}.", "Paint the wall {l}.",
            "My favourite colours are {l}.")),
        ("foods", lambda r: plural(pick(r, FOODS)), ("{n} bought {l}.", "We need {l} for dinner.",
            "The soup has {l} in it.", "On the table were {l}.", "{n} eats {l}.")),
        ("items", lambda r: plural(pick(r, OBJECTS)), ("{n} bought {l}.", "In the box there are {l}.",
            "Please bring {l}.", "The shop in {p} sells {l}.", "{n} packed {l}.")),
        ("animals", lambda r: plural(pick(r, ANIMALS)), ("{n} saw {l} in {p}.", "On the farm there are {l}.",
            "In the book there are {l}.", "{n} likes {l}.")),
        ("towns", goods.town, ("We drove through {l}.", "{n} has lived in {l}.", "The train stops at {l}.",
            "There are shops in {l}.")),
        ("numbers", lambda r: r.randint(1, 99), ("The numbers are {l}.", "{n} drew {l}.", "Look at pages {l}.",
            "The winning numbers were {l}.")),
        ("jobs", lambda r: pick(r, JOBS), ("{n} has worked as a {l}.", "You could become a {l}.",
            "The three friends are a {l}.")),
        ("days", lambda r: pick(r, WEEKDAYS), ("We meet on {l}.", "The shop is open on {l}.", "{n} works on {l}.")),
        ("codes", goods.code, ("The codes are {l}.", "{n} sent the codes {l}.", "Use {l}.")),
        ("e-mail addresses", goods.email, ("Write to {l}.", "Send it to {l}.", "The addresses are {l}.")),
        ("surnames", lambda r: pick(r, SURNAMES), ("The families {l} live here.", "On the doors one can read {l}.")),
    )  # fmt: skip
    noun, make, forms = pick(rng, pools)
    size, items = rng.randint(1 if noun in ("names", "towns") else 2, 4), []
    while len(items) < size:
        item = make(rng)
        if item not in items:
            items.append(item)
    joined = join_and([str(item) for item in items])
    form = pick(rng, forms)
    if noun == "jobs":
        # "as a baker, an actor": every item takes its own article.
        joined, form = (
            join_and([a(str(item)) for item in items]),
            form.replace("a {l}", "{l}").replace("The three friends are", "The friends are"),
        )
    who = pick(rng, SURNAMES) if noun == "names" else pick(rng, NAMES)
    where = pick(rng, PLACES) if noun == "towns" else goods.town(rng)
    return capital(form.format(l=joined, n=who, p=where)), noun, items


_LIST_BODIES = (
    "list the {n} as JSON", "give me all {n} as a JSON list", "extract the {n} as a list", "find all the {n}",
    "return a JSON array of the {n}", "pull out the {n} as JSON", "write the {n} as a JSON list",
    "make a list of the {n}", "collect the {n} in a JSON array", "which {n} are there",
    "name the {n} in the text as JSON", "get the {n}",
)  # fmt: skip


def _to_list(rng: random.Random) -> Document:
    """The items of a sentence as a JSON list, or as an object with that list."""
    text, noun, items = _list_text(rng)
    body = pick(rng, tuple(form for form in _LIST_BODIES if not form.startswith("which"))).replace("{n}", noun)
    if "JSON" not in body and "list" not in body:
        body += " as a JSON list"
    asked = request(rng, body)
    payload: object = items
    if rng.random() < 0.3:
        key = pick(rng, (noun.replace(" ", "_"), "items", "list", "found", "result"))
        asked, payload = f'{asked}{"" if asked[-1] in ".?" else "."} Use the key "{key}".', {key: items}
    answer = json.dumps(payload, ensure_ascii=False)
    return ask("extraction/list", _join(rng, asked, text), answer, key=answer, rule="json")


_SINGLE = (
    "what is the {f} in: {t}", "What is the {f} in this text? {t}", "What is the {f} here? {t}", "Find the {f}: {t}",
    "{f}? {t}", "Give me only the {f}.\n{t}", "Which {f} is named in the text?\n{t}",
    "{t}\n\nWhat is the {f}?", "{t}\nWhich {f} is it?", "Extract the {f} from: {t}", "Tell me the {f}.\n\n{t}",
    "Text: {t}\nThe {f}:", "Read this and give the {f}: {t}", "I only need the {f}. {t}",
    "Please find the {f} in this sentence.\n{t}", "Copy the {f} from the text: {t}", "\"{t}\" What is the {f}?",
    "In the text below, what is the {f}?\n\n{t}", "Look for the {f}.\nText: {t}", "Pick out the {f}: {t}",
)  # fmt: skip
_NOUNS = {
    "name": "name person", "city": "city town", "age": "age", "date": "date", "day": "day weekday", "time": "time",
    "product": "product item thing", "price": "price cost", "quantity": "quantity number_of_things",
    "colour": "colour color", "email": "e-mail_address email", "phone": "phone_number", "job": "job profession",
    "company": "company firm", "code": "code", "street": "address street", "animal": "animal",
    "hobby": "hobby", "room": "room_number", "place": "place", "year": "year",
}  # fmt: skip


def _single(rng: random.Random) -> Document:
    """One value alone."""
    text, values = _filled(rng)
    field = pick(rng, list(values))
    noun = pick(rng, _NOUNS[field].split()).replace("_", " ")
    answer = str(values[field])
    asked = pick(rng, _SINGLE).replace("{f}", noun).replace("{t}", text)
    return ask("extraction/single", sloppy(rng, asked) if asked.endswith("?") else asked, answer, key=answer)


_VARIANTS = (*(_to_json,) * 5, *(_by_system,) * 2, *(_to_list,) * 2, *(_single,) * 3)
