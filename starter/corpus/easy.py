"""Easy everyday questions with one short answer: opposites, colours, sounds, legs, jobs, days, small sums, groups.

They are the carrier of `systems.py` (where only the manner of answering is learnt) and the off-topic
questions of `support.py`. Knows nothing of prompts.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from starter.corpus.world import GROUPS, MONTHS, WEEKDAYS, a, capital, number_word, pick


@dataclass(frozen=True, slots=True)
class Fact:
    """An easy question, its shortest answer in lower case (names excepted), and the answer as a sentence."""

    question: str
    word: str
    sentence: str


def easy_fact(rng: random.Random) -> Fact:
    """Return one random easy question with its answer."""
    return pick(rng, _FACTS)(rng)


_OPPOSITES = (
    "hot cold|big small|up down|day night|wet dry|old young|fast slow|happy sad|open closed|full empty|heavy light|"
    "hard soft|"
    "left right|early late|loud quiet|long short|clean dirty|rich poor|strong weak|high low|near far|thick thin|"
    "inside outside"
)
_COLOURED = (
    "the sun yellow|grass green|snow white|a lemon yellow|the sky blue|a carrot orange|coal black|a tomato red|milk "
    "white|a frog green|"
    "a banana yellow|a leaf green|a strawberry red|a polar bear white|a crow black|an orange orange|a cucumber green|"
    "the night black"
)
_SOUNDS = (
    "dog bark|cat meow|cow moo|sheep bleat|duck quack|lion roar|pig grunt|bird sing|owl hoot|bee buzz|"
    "wolf howl|mouse squeak"
)
_LEGS = "a spider 8|a dog 4|a bird 2|an ant 6|a horse 4|a bee 6|a cat 4|a hen 2|a cow 4|a duck 2|a beetle 6|a sheep 4"
_YOUNG = (
    "dog puppy|cat kitten|cow calf|sheep lamb|horse foal|hen chick|bear cub|duck duckling|goat kid|"
    "frog tadpole|lion cub|deer fawn"
)
_USES = (
    "cut bread/knife|tell the time/clock|open a door/key|write a letter/pen|stay dry in the rain/umbrella|sweep the "
    "floor/broom|brush your hair/comb|"
    "sleep at night/bed|see in the dark/torch|hit a nail/hammer|eat soup/spoon|dig a hole/spade|sew a button/needle|"
    "carry water/bucket|dry your hands/towel"
)
_WORKERS = (
    "bakes bread/baker|teaches children/teacher|flies a plane/pilot|grows crops/farmer|helps sick animals/vet|puts "
    "out fires/firefighter|"
    "repairs pipes/plumber|cuts hair/hairdresser|catches fish/fisherman|looks after teeth/dentist|brings "
    "letters/postman|paints pictures/painter"
)


def _pair(rng: random.Random, table: str, mark: str = " ") -> tuple[str, str]:
    left, _, right = pick(rng, table.split("|")).rpartition(mark)
    return left, right


def _opposite(rng: random.Random) -> Fact:
    left, right = _pair(rng, _OPPOSITES)
    if rng.random() < 0.5:
        left, right = right, left
    asked = pick(
        rng,
        (
            "What is the opposite of {}?",
            "Which word is the opposite of {}?",
            "What is the contrary of {}?",
            "What do you call the opposite of {}?",
        ),
    )
    return Fact(asked.format(left), right, f"The opposite of {left} is {right}.")


def _colour(rng: random.Random) -> Fact:
    thing, colour = _pair(rng, _COLOURED)
    asked = pick(
        rng, ("What colour is {}?", "Which colour is {}?", "What is the colour of {}?", "What colour does {} have?")
    )
    return Fact(asked.format(thing), colour, f"{capital(thing)} is {colour}.")


def _sound(rng: random.Random) -> Fact:
    animal, sound = _pair(rng, _SOUNDS)
    asked = pick(rng, ("What sound does {} make?", "What does {} do to make a noise?", "Which sound does {} make?"))
    return Fact(asked.format(a(animal)), sound, f"{capital(a(animal))} can {sound}.")


def _legs(rng: random.Random) -> Fact:
    animal, legs = _pair(rng, _LEGS)
    asked = pick(
        rng, ("How many legs does {} have?", "What number of legs does {} have?", "How many legs are there on {}?")
    )
    shown = number_word(int(legs))
    return Fact(asked.format(animal), shown, f"{capital(animal)} has {shown} legs.")


def _young(rng: random.Random) -> Fact:
    animal, young = _pair(rng, _YOUNG)
    asked = pick(rng, ("What is a young {} called?", "What do you call a baby {}?", "What is the name for a baby {}?"))
    return Fact(asked.format(animal), young, f"A young {animal} is called {a(young)}.")


def _use(rng: random.Random) -> Fact:
    purpose, tool = _pair(rng, _USES, "/")
    asked = pick(
        rng, ("What do you use to {}?", "What do you need to {}?", "Which thing helps you {}?", "With what can you {}?")
    )
    return Fact(asked.format(purpose), tool, f"You use {a(tool)} to {purpose}.")


def _worker(rng: random.Random) -> Fact:
    work, job = _pair(rng, _WORKERS, "/")
    asked = pick(rng, ("Who {}?", "What do you call a person who {}?", "Which job has somebody who {}?"))
    return Fact(asked.format(work), job, f"{capital(a(job))} {work}.")


def _order(rng: random.Random) -> Fact:
    row, unit = (WEEKDAYS, "day") if rng.random() < 0.6 else (MONTHS, "month")
    index, step = rng.randrange(len(row)), pick(rng, (1, -1))
    side = "after" if step == 1 else "before"
    here, there = row[index], row[(index + step) % len(row)]
    asked = pick(
        rng, ("Which {u} comes {s} {h}?", "What {u} is {s} {h}?", "What comes {s} {h}?", "Name the {u} {s} {h}.")
    )
    return Fact(asked.format(u=unit, s=side, h=here), there, f"{there} comes {side} {here}.")


def _sum(rng: random.Random) -> Fact:
    left, right = rng.randint(1, 10), rng.randint(1, 10)
    asked = pick(rng, ("What is {} plus {}?", "How much is {} plus {}?", "Add {} and {}.", "What do {} and {} make?",
        "How much is {} + {}?"))  # fmt: skip
    return Fact(asked.format(left, right), str(left + right), f"{left} plus {right} is {left + right}.")


def _sort(rng: random.Random) -> Fact:
    groups = ("animals", "fruits", "vegetables", "colours", "tools", "vehicles", "jobs")
    first, second = rng.sample(groups, 2)
    member = pick(rng, GROUPS[first])
    one, other = (text[:-1] for text in (first, second))
    options = [one, other] if rng.random() < 0.5 else [other, one]
    asked = f"Is {a(member) if first != 'colours' else member} {a(options[0])} or {a(options[1])}?"
    subject = capital(a(member)) if first != "colours" else capital(member)
    return Fact(asked, one, f"{subject} is {a(one)}.")


_FACTS = (_opposite, _colour, _sound, _legs, _young, _use, _worker, _order, _order, _sum, _sum, _sort, _sort)
