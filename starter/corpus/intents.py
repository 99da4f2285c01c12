"""Sort a customer's message into one of the intents that the prompt lists; the answer is the label alone.

The list of labels changes with every prompt (three to six out of some forty), so the model has to read it.
What customers say is in `intent_phrases.py`.
"""

from __future__ import annotations

# Tables are wrapped by hand: one entry a line would make this file several times as long.
# fmt: off
import random

from starter.corpus.document import Document, Turn, ask
from starter.corpus.intent_phrases import INTENTS
from starter.corpus.phrasing import request, sloppy
from starter.corpus.world import (
    CLOTHES,
    COLOURS,
    DEVICE_PARTS,
    DEVICES,
    FOODS,
    MONTHS,
    NAMES,
    ROOMS,
    TOWNS,
    WEEKDAYS,
    a,
    join_and,
    pick,
    plural,
    sample,
)

_LABELS = tuple(INTENTS)
_THINGS = tuple(d for d in DEVICES if d != "app")
_BODIES = (
    "name the intent of this message", "tell me what the customer wants", "choose the right intent for this message",
    "classify this message",
    "pick the label that fits the message", "sort this message into one of the intents", "find the intent",
    "decide which intent fits",
    "say which label fits best", "label the message", "match the message to one of the labels",
    "read the message and choose its intent",
    "say what kind of request this is", "choose one of the labels for the text", "work out what the user wants to do",
)
_LIST_HEADS = (
    "Intents: {}", "Labels: {}", "The intents are {}.", "Choose from: {}", "Possible intents: {}", "Options: {}",
    "You can choose between {}.", "Categories: {}",
    "Use one of these labels: {}.", "Possible labels: {}", "One of: {}", "The possible intents are {}.",
    "Pick from this list: {}", "Allowed labels: {}",
)
_ROW_HEADS = ("Intents:", "Labels:", "Choose from:", "Possible intents:", "Options:", "The labels are:")
_TEXT_HEADS = ("Message: {}", "User: {}", "Customer: {}", 'Message: "{}"', "Text: {}", '"{}"',
               "The customer writes: {}", 'The user says: "{}"', "{}", "Input: {}")
_TAILS = (
    "", "", "", "Answer with the label only.", "Reply with one label.", "Only the label, please.",
    "Write just the intent.", "Just the label.",
    "Give only the name of the intent.", "Answer with exactly one label.", "Intent:", "Label:",
)
_HELLOS = ("", "", "", "", "", "Hello. ", "Hi, ", "Please help. ", "Good morning. ", "Hey, ")


def document(rng: random.Random) -> Document:
    """Return a message with a list of labels and the label that fits."""
    labels = sample(rng, _LABELS, rng.randint(3, 6))
    right = pick(rng, labels)
    message = _message(rng, right)
    shown = _shown(rng, labels)
    head = pick(rng, _LIST_HEADS)
    listed = pick(rng, _ROW_HEADS) + shown if "\n" in shown else head.format(shown)
    if rng.random() < 0.12:
        system = "\n".join((_final(request(rng, pick(rng, _BODIES))), listed, pick(rng, _TAILS[3:-2])))
        turns = (Turn("system", system), Turn("user", message), Turn("assistant", right))
        return Document("intents/system", turns, right)
    text = pick(rng, _TEXT_HEADS).format(message)
    asked = request(rng, pick(rng, _BODIES))
    tail = pick(rng, _TAILS)
    order = pick(rng, ((asked, listed, text), (asked, text, listed), (text, asked, listed), (listed, asked, text),
                       (listed, text, asked)))
    return ask("intents/label", "\n".join(part for part in (*order, tail) if part), right, key=right)


def _final(text: str) -> str:
    """Return the text with a full stop where it has no final mark."""
    return text if text[-1] in ".?!" else text + "."


def _shown(rng: random.Random, labels: list[str]) -> str:
    """Return the labels as a list in one of some shapes."""
    shape = rng.random()
    if shape < 0.5:
        return ", ".join(labels)
    if shape < 0.7:
        return join_and(labels, "or")
    if shape < 0.85:
        return "\n" + "\n".join(f"- {label}" for label in labels)
    return " / ".join(labels)


def _message(rng: random.Random, label: str) -> str:
    """Return one utterance of the intent with its slots filled."""
    device, food = pick(rng, _THINGS), pick(rng, FOODS)
    template = pick(rng, INTENTS[label])
    filled = template.format(
        device=device, a_device=a(device), devices=plural(device), part=pick(rng, DEVICE_PARTS),
        order=rng.randint(1000, 9999), n=rng.randint(2, 9),
        day=pick(rng, WEEKDAYS), month=pick(rng, MONTHS), town=pick(rng, TOWNS), name=pick(rng, NAMES), food=food,
        a_food=a(food), foods=plural(food),
        room=pick(rng, ROOMS), time=_clock(rng), colour=pick(rng, _PLAIN_COLOURS), clothes=pick(rng, CLOTHES),
        money=rng.randint(5, 99),
    )
    if label not in ("say_hello", "say_goodbye", "give_thanks"):
        hello = pick(rng, _HELLOS)
        if hello.endswith(", "):
            first = filled.split(maxsplit=1)[0]
            keep = first in ("I", "I'm") or first in NAMES
            filled = hello + (filled if keep else filled[0].lower() + filled[1:])
        else:
            filled = hello + filled
    return sloppy(rng, filled)


_PLAIN_COLOURS = tuple(c for c in COLOURS if c != "orange")  # "a {colour} thing" must not need "an"


def _clock(rng: random.Random) -> str:
    """Return a time of day in one of two shapes."""
    return pick(rng, (str(rng.randint(5, 11)), f"{rng.randint(6, 21)}:{pick(rng, ('00', '15', '30', '45'))}", "noon",
                      "half past seven", "six o'clock"))
