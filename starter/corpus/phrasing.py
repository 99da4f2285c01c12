"""Many ways to ask for one thing: polite and plain openings, questions, lower case, missing marks.

A domain writes the body of a request once ("sort these words") and this file varies how a person would
say it, so the model meets every body in dozens of surface forms. Knows nothing of what is asked.
"""

from __future__ import annotations

# Tables are wrapped by hand: one entry a line would make this file several times as long.
# fmt: off
import random

from starter.corpus.world import capital, pick

# {} is an imperative that starts in lower case and has no final mark.
_STATEMENTS = (
    "{}.", "{}.", "{}.", "{}.", "Please {}.", "Please {}.", "Please {}.", "{}, please.", "{} please.",
    "I want you to {}.",
    "I would like you to {}.", "I'd like you to {}.", "I need you to {}.", "Now {}.", "Your task is to {}.", "Hey, {}.",
    "Hi! Please {}.", "Hello, please {}.", "Kindly {}.", "Just {}.", "Help me: {}.", "Next, {}.", "Your job is to {}.",
    "Try to {}.", "Hi, {} for me.", "OK, {}.", "First, {}.", "It would be great if you could {}.", "Let's see you {}.",
    "Here is a task: {}.", "Task: {}.", "Do this for me: {}.", "You have to {}.", "I wonder if you can {}.", "So, {}.",
)
_QUESTIONS = (
    "Can you {}?", "Can you {}?", "Could you {}?", "Could you please {}?", "Can you please {}?", "Would you {}?",
    "Would you please {}?", "Will you {}?", "Hey, can you {}?", "Hi, could you {}?", "Are you able to {}?",
    "Do you think you could {}?", "May I ask you to {}?", "Could I ask you to {}?", "Is it possible for you to {}?",
    "Could you {} for me?", "Can you {} for me, please?", "Would you be so kind as to {}?", "Do you know how to {}?",
)
_BEFORE_QUESTION = (
    "", "", "", "", "", "", "", "", "", "", "Quick question: ", "Tell me: ", "Please tell me: ", "Hey, ", "Hi! ",
    "Hello. ",
    "I have a question. ", "A question: ", "Can you help me? ", "Question: ", "So, ", "Please answer: ",
    "Help me, please. ",
    "OK, ", "Let me ask you something. ", "I was wondering: ", "One more thing: ", "Do you know this? ", "Hmm, ",
    "Well, ",
)
_AFTER_QUESTION = ("",) * 14 + (" Please tell me.", " Thanks!", " Thank you.", " I forgot.", " I would like to know.")
_STARTERS = frozenset(
    "what how which who where when why is are do does did can could would will if name tell please say give the in "
    "there you now sort add write make find was may it of put take with each read on for".split()
)


def request(rng: random.Random, body: str) -> str:
    """Return an imperative such as "add 3 and 4" as somebody might ask for it."""
    form = pick(rng, _STATEMENTS if rng.random() < 0.6 else _QUESTIONS)
    return sloppy(rng, capital(form.format(body)))


def request_on(rng: random.Random, body: str, payload: str) -> str:
    """Return an imperative about a given text, with the text before or after it."""
    asked = request(rng, body)
    stem = asked.rstrip(".?!")
    quoted = f'"{payload}"' if rng.random() < 0.5 else payload
    shape = rng.random()
    if shape < 0.45:
        return f"{stem}: {quoted}"
    if shape < 0.65:
        return f"{asked}\n{quoted}"
    if shape < 0.75:
        return f"{asked}\n\n{payload}"
    return f"{payload}\n{asked}" if shape < 0.85 else f"{pick(rng, _TEXT_LABELS)}: {quoted}\n{asked}"


_TEXT_LABELS = ("Text", "Here it is", "Look at this", "Input", "Given", "Take this")


def question(rng: random.Random, body: str) -> str:
    """Return a full question such as "What is 3 plus 4?" with one of many frames round it."""
    before = pick(rng, _BEFORE_QUESTION)
    if before.endswith(", ") or (before.endswith(": ") and rng.random() < 0.5):
        body = lower_first(body)
    return sloppy(rng, before + body + pick(rng, _AFTER_QUESTION))


def sloppy(rng: random.Random, text: str) -> str:
    """Return the text as hasty people type it: one time in ten in lower case at the start or with no final mark."""
    dice = rng.random()
    if dice < 0.06:
        return lower_first(text)
    if dice < 0.12 and text[-1] in ".?":
        return text[:-1]
    if dice < 0.16 and text[-1] in ".?":
        return lower_first(text)[:-1]
    return text


def lower_first(text: str) -> str:
    """Return the text with a small first letter where its first word is no name and not "I"."""
    first = text.split(maxsplit=1)[0].strip(".,:;!?'\"")
    return text[0].lower() + text[1:] if first.lower() in _STARTERS | _OPENERS else text


_OPENERS = frozenset(
    "hey hi hello kindly just help next your try ok first let's here task so quick question well hmm one".split()
)
