"""What a user may tell of himself, how he may ask for it later, and the right answer.

`dialogues.py` builds from these the talks whose last turn refers back. Every fact offers several ways to say
it and several ways to ask for it, so saying and asking hardly ever match word for word.
"""

from __future__ import annotations

# Tables are wrapped by hand: one entry a line would make this file several times as long.
# fmt: off
import random

from starter.corpus.world import (
    COLOURS,
    FAMILY,
    FOODS,
    HOBBIES,
    JOBS,
    NAMES,
    NAMES_F,
    NAMES_M,
    OBJECTS,
    PETS,
    TOWNS,
    WEEKDAYS,
    a,
    capital,
    count,
    pick,
    plural,
)

Fact = tuple[tuple[str, ...], tuple[str, ...], str, str]  # ways to say it, ways to ask it, the answer, the key


def told(rng: random.Random) -> Fact:
    """Return something a user says of himself, questions about it, and the right answer."""
    return pick(rng, (_told_name, _told_colour, _told_pet, _told_town, _told_food, _told_day, _told_job, _told_bought,
                      _told_hobby, _told_count, _told_relative, _told_lost))(rng)


def mixed(one: Fact, other: Fact) -> bool:
    """Return whether a question on the first fact could as well mean the second."""
    same_form = one[2].split()[1] == other[2].split()[1] or (one[2] + other[2]).count("called") > 1
    return same_form or (_coloured(one) and _coloured(other))


def _coloured(fact: Fact) -> bool:
    """Return whether the fact speaks of a colour."""
    return any(word.strip(".,") in COLOURS for word in " ".join(fact[0]).split())


def _told_name(rng: random.Random) -> Fact:
    name = pick(rng, NAMES)
    return ((f"My name is {name}.", f"I am {name}.", f"Hi, I'm {name}.", f"You can call me {name}.",
             f"Hello, my name is {name}.", f"People call me {name}.", f"This is {name} speaking."),
            ("What is my name?", "Do you remember my name?", "What am I called?", "Can you say my name?",
             "What did I say my name was?", "Tell me my name."),
            f"Your name is {name}.", name)


def _told_colour(rng: random.Random) -> Fact:
    colour = pick(rng, COLOURS)
    return ((f"My favourite colour is {colour}.", f"I like {colour} best.", f"The colour I love most is {colour}.",
             f"{capital(colour)} is my favourite colour.", f"Of all colours I prefer {colour}."),
            ("Which colour did I say?", "What is my favourite colour?", "Which colour do I like best?",
             "Do you remember my favourite colour?", "What colour did I name?"),
            f"Your favourite colour is {colour}.", colour)


def _told_pet(rng: random.Random) -> Fact:
    pet, name = pick(rng, PETS), pick(rng, NAMES)
    if rng.random() < 0.5:
        return ((f"I have {a(pet)} called {name}.", f"My {pet} is called {name}.",
                 f"At home I have {a(pet)}. Its name is {name}.", f"We have {a(pet)} named {name}."),
                (f"What is my {pet} called?", f"What is the name of my {pet}?",
                 f"Do you remember the name of my {pet}?", "What is my pet called?"),
                f"Your {pet} is called {name}.", name)
    return ((f"I have {a(pet)} called {name}.", f"{name} is my {pet}.", f"My pet is {a(pet)}, and its name is {name}."),
            ("What pet do I have?", "Which animal do I have?", "What kind of animal is my pet?",
             f"What kind of animal is {name}?"), f"Your pet is {a(pet)}.", pet)


def _told_town(rng: random.Random) -> Fact:
    town = pick(rng, TOWNS)
    return ((f"I live in {town}.", f"My home is in {town}.", f"I come from {town} and live there.",
             f"We moved to {town} last year and live there now.", f"My house is in {town}."),
            ("Where do I live?", "In which town do I live?", "What is my home town?", "Which town did I say?",
             "Do you remember where I live?"), f"You live in {town}.", town)


def _told_food(rng: random.Random) -> Fact:
    food = pick(rng, FOODS)
    return ((f"I had {a(food)} for lunch.", f"For lunch I ate {a(food)}.", f"Today at noon I had {a(food)}.",
             f"My lunch today was {a(food)}."),
            ("What did I have for lunch?", "What did I eat?", "Do you remember my lunch?",
             "Which food did I have at noon?"), f"You had {a(food)} for lunch.", food)


def _told_day(rng: random.Random) -> Fact:
    day, name = pick(rng, WEEKDAYS), pick(rng, NAMES)
    return ((f"I will meet {name} on {day}.", f"On {day} I am going to see {name}.", f"{name} and I meet on {day}.",
             f"I have a meeting with {name} on {day}."),
            (f"When do I meet {name}?", f"On which day do I see {name}?", "Which day did I say?",
             f"What day is my meeting with {name}?"), f"You meet {name} on {day}.", day)


def _told_job(rng: random.Random) -> Fact:
    job = pick(rng, JOBS)
    return ((f"I am {a(job)}.", f"I work as {a(job)}.", f"My job is {job}.", f"By trade I am {a(job)}.",
             f"I earn my money as {a(job)}."),
            ("What is my job?", "What do I do for work?", "What do I work as?", "Which job do I have?",
             "Do you remember my job?"), f"You are {a(job)}.", job)


def _told_bought(rng: random.Random) -> Fact:
    thing, colour = pick(rng, OBJECTS), pick(rng, COLOURS)
    whole = a(f"{colour} {thing}")
    said = (f"I bought {whole} today.", f"Today I got {whole}.", f"My friend gave me {whole}.", f"I have {whole}.",
            f"Look, here is my new {colour} {thing}.")
    if rng.random() < 0.5:
        return said, (f"Which colour is my {thing}?", f"What colour is my {thing}?",
                      f"What is the colour of my {thing}?",
                      "Which colour did I say?"), f"Your {thing} is {colour}.", colour
    return said, (f"What do I have that is {colour}?", f"Which {colour} thing did I talk about?",
                  f"What is {colour}?"), f"Your {thing} is {colour}.", thing


def _told_hobby(rng: random.Random) -> Fact:
    hobby = pick(rng, HOBBIES)
    return ((f"My hobby is {hobby}.", f"I like {hobby} very much.", f"I love {hobby}.",
             f"In my free time I enjoy {hobby}.", f"{capital(hobby)} is my favourite hobby."),
            ("What is my hobby?", "What do I like to do?", "What do I enjoy in my free time?",
             "Which hobby do I have?", "Do you remember what I like to do?"), f"You like {hobby}.", hobby)


def _told_count(rng: random.Random) -> Fact:
    number, thing = rng.randint(2, 20), pick(rng, OBJECTS)
    things = plural(thing)
    return ((f"I have {count(number, thing)}.", f"In my room there are {count(number, thing)}.",
             f"I collected {count(number, thing)}.", f"I own {count(number, thing)}."),
            (f"How many {things} do I have?", f"How many {things} did I say?", f"What number of {things} do I have?"),
            f"You have {count(number, thing)}.", count(number, thing))


def _told_relative(rng: random.Random) -> Fact:
    who, name = pick(rng, FAMILY), pick(rng, NAMES)
    if who in ("son", "brother", "father", "uncle", "nephew", "grandfather", "daughter", "sister", "mother", "aunt",
               "niece", "grandmother"):
        from_list = (NAMES_F, NAMES_M)[who in ("son", "brother", "father", "uncle", "nephew", "grandfather")]
        name = pick(rng, from_list)
    return ((f"My {who} is called {name}.", f"The name of my {who} is {name}.", f"{name} is my {who}.",
             f"I have {a(who)} named {name}."),
            (f"What is my {who} called?", f"What is the name of my {who}?", f"Do you remember the name of my {who}?",
             f"Who is my {who}?"), f"Your {who} is called {name}.", name)


def _told_lost(rng: random.Random) -> Fact:
    thing, place = pick(rng, OBJECTS), pick(rng, ("on the table", "under the bed", "in the kitchen", "in the car",
                                                  "on the shelf", "in the garden", "behind the door", "in my bag",
                                                  "in the drawer"))
    shown = place.replace("my", "your")
    return ((f"I put my {thing} {place}.", f"My {thing} is {place}.", f"I left the {thing} {place}.",
             f"The {thing} is {place}."),
            (f"Where is my {thing}?", f"Where did I put the {thing}?", f"Where can I find my {thing}?",
             f"I need my {thing}. Where is it?"), f"Your {thing} is {shown}.", shown)
