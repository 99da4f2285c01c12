"""Small sums: adding, taking away, multiplying, comparing, counting, word problems, number words, sequences.

Most numbers stay below 20, since a 5M model learns sums by meeting them often. How the answer is written
follows from how the question was put (signs -> signs, words -> a sentence, "only the number" -> digits),
so the scored form can be learnt.
"""

from __future__ import annotations

# Tables are wrapped by hand: one entry a line would make this file several times as long.
# fmt: off
import random
from collections.abc import Callable

from starter.corpus.document import Document, ask
from starter.corpus.phrasing import question, request, request_on
from starter.corpus.world import (
    FRUITS,
    GROUPS,
    TOYS,
    capital,
    count,
    join_and,
    number_word,
    person,
    pick,
    plural,
    sample,
)

_ONLY = (
    "Answer with the number only.", "Only the number, please.", "Just give me the number.", "Write only the number.",
    "Give the result as a number and nothing else.", "Reply with one number.", "Digits only.",
    "No words, just the number.",
)
_ADD = (
    "add {x} and {y}", "add {y} to {x}", "work out {x} plus {y}", "calculate {x} plus {y}",
    "find the sum of {x} and {y}",
    "tell me what {x} plus {y} is", "give me the sum of {x} and {y}", "put {x} and {y} together", "solve {x} plus {y}",
)
_ADD_Q = (
    "What is {x} plus {y}?", "How much is {x} plus {y}?", "What do you get if you add {x} and {y}?",
    "What's {x} plus {y}?",
    "What is the sum of {x} and {y}?", "What does {x} plus {y} make?", "{x} plus {y} is what?",
    "How much are {x} and {y}?",
    "{x} plus {y} makes what?", "What number is {y} more than {x}?",
)
_TAKE = (
    "take {y} away from {x}", "subtract {y} from {x}", "work out {x} minus {y}", "calculate {x} minus {y}",
    "tell me what {x} minus {y} is", "take {y} from {x}", "find the difference between {x} and {y}",
    "solve {x} minus {y}",
)
_TAKE_Q = (
    "What is {x} minus {y}?", "How much is {x} minus {y}?", "What is left if you take {y} from {x}?",
    "What's {x} minus {y}?",
    "What is {x} less {y}?", "What number is {y} less than {x}?", "{x} minus {y} is what?",
    "What does {x} minus {y} make?",
    "What is the difference between {x} and {y}?",
)
_TIMES = (
    "multiply {x} by {y}", "work out {x} times {y}", "calculate {x} times {y}", "find the product of {x} and {y}",
    "tell me what {x} times {y} is", "multiply {x} and {y}", "solve {x} times {y}",
)
_TIMES_Q = (
    "What is {x} times {y}?", "How much is {x} times {y}?", "What do you get if you multiply {x} by {y}?",
    "What's {x} times {y}?", "What is the product of {x} and {y}?", "{x} times {y} is what?",
    "What does {x} times {y} make?",
)
_SIGNS_Q = (
    "What is {s}?", "{s} = ?", "{s} =", "{s}", "{s}?", "How much is {s}?", "Solve {s}.", "Calculate {s}.",
    "Work out {s}.",
    "Please solve {s}.", "What's {s}?", "Can you solve {s}?", "Compute {s}.", "Find {s}.", "Sum: {s}", "Tell me {s}.",
    "I need the answer to {s}.", "Hey, what is {s}?", "Do you know {s}?", "Please calculate {s}.", "{s} equals what?",
)


def document(rng: random.Random) -> Document:
    """Return one sum or number question with its answer."""
    return pick(rng, _VARIANTS)(rng)


def _small(rng: random.Random, low: int = 0) -> int:
    """Return a number to count with: three times in four up to 10, seldom above 20."""
    dice = rng.random()
    return rng.randint(low, 10) if dice < 0.7 else rng.randint(low, 20) if dice < 0.93 else rng.randint(low, 60)


def _sum(rng: random.Random, kind: str, numbers: tuple[int, int, int],
         forms: tuple[str, str, tuple[str, ...], tuple[str, ...]]) -> Document:
    """Return x (sign) y = z asked in signs or in words; `forms` is the sign, its word, imperatives and questions."""
    x, y, z = numbers
    sign, word, bodies, questions = forms
    if rng.random() < 0.35:
        asked = pick(rng, _SIGNS_Q).format(s=f"{x} {sign} {y}")
        full = f"{x} {sign} {y} = {z}"
        key = full
    else:
        asked = _asked(rng, pick(rng, bodies).format(x=x, y=y), pick(rng, questions).format(x=x, y=y))
        full = f"{x} {word} {y} is {z}."
        key = full
    if rng.random() < 0.3:
        return ask(kind, f"{asked} {pick(rng, _ONLY)}", str(z), key=str(z))
    return ask(kind, asked, full, key=key)


def _asked(rng: random.Random, body: str, full_question: str) -> str:
    """Return the imperative or the question, each as often."""
    return request(rng, body) if rng.random() < 0.5 else question(rng, full_question)


def _add(rng: random.Random) -> Document:
    x, y = _small(rng), _small(rng)
    return _sum(rng, "arithmetic/add", (x, y, x + y), ("+", "plus", _ADD, _ADD_Q))


def _subtract(rng: random.Random) -> Document:
    y, x = sorted((_small(rng), _small(rng)))
    return _sum(rng, "arithmetic/subtract", (x, y, x - y), ("-", "minus", _TAKE, _TAKE_Q))


def _multiply(rng: random.Random) -> Document:
    x, y = rng.randint(0, 10), rng.randint(0, 10)
    return _sum(rng, "arithmetic/multiply", (x, y, x * y), (pick(rng, ("x", "*", "×")), "times", _TIMES, _TIMES_Q))


def _compare(rng: random.Random) -> Document:
    x, y = sample(rng, range(0, 21) if rng.random() < 0.6 else range(0, 101), 2)
    more = rng.random() < 0.5
    word = pick(rng, ("bigger", "larger", "greater", "higher") if more else ("smaller", "lower", "less"))
    right = max(x, y) if more else min(x, y)
    if rng.random() < 0.35:
        yes = (x > y) == more
        asked = question(rng, pick(rng, (f"Is {x} {word} than {y}?", f"Is it true that {x} is {word} than {y}?")))
        return ask("arithmetic/compare", asked,
                   f"{'Yes' if yes else 'No'}, {x} is {'' if yes else 'not '}{word} than {y}.",
                   key="Yes" if yes else "No", rule="contains")
    if word == "less":
        word = "smaller"
    forms = (f"Which is {word}, {x} or {y}?", f"Which number is {word}: {x} or {y}?", f"What is {word}, {x} or {y}?",
             f"Which of {x} and {y} is {word}?", f"Of {x} and {y}, which number is {word}?")
    asked = _asked(rng, f"tell me which number is {word}, {x} or {y}", pick(rng, forms))
    if rng.random() < 0.3:
        return ask("arithmetic/compare", f"{asked} {pick(rng, _ONLY)}", str(right), key=str(right))
    answer = f"{right} is {word} than {min(x, y) if more else max(x, y)}."
    return ask("arithmetic/compare", asked, answer, key=answer)


def _count(rng: random.Random) -> Document:
    kinds = sample(rng, TOYS[:6] + FRUITS[:6], rng.randint(1, 3))
    line = [kind for kind in kinds for _ in range(rng.randint(1, 5))]
    rng.shuffle(line)
    target = pick(rng, kinds)
    number = line.count(target)
    things = plural(target)
    bodies = (f"count the {things}", f"tell me how many {things} there are", f"say how many {things} are in this row",
              f"count how often {target} stands here", f"find the number of {things}")
    asked = request_on(rng, pick(rng, bodies), ", ".join(line) if rng.random() < 0.5 else " ".join(line))
    answer = f"There {'is' if number == 1 else 'are'} {count(number, target)}."
    return ask("arithmetic/count", asked, answer, key=answer)


def _problem(rng: random.Random) -> Document:
    who, other = person(rng), person(rng)
    while other.name == who.name:
        other = person(rng)
    thing = pick(rng, TOYS + FRUITS + ("book", "coin", "stamp", "egg", "biscuit", "pencil", "shell", "card", "stone"))
    x, y = max(2, _small(rng, 2)), rng.randint(1, 9)
    start = pick(rng,
                 (f"{who.name} has {count(x, thing)}.",
                  f"There {'is' if x == 1 else 'are'} {count(x, thing)} in {who.name}'s box.",
                       f"{who.name} had {count(x, thing)}.", f"In the morning {who.name} has {count(x, thing)}."))
    if rng.random() < 0.5 or y > x:
        total = x + y
        change = pick(rng, (f"{other.name} gives {who.him} {y} more.",
                            f"{capital(who.he)} gets {y} more from {other.name}.",
                            f"{capital(who.he)} finds {y} more.", f"{capital(who.he)} buys {y} more."))
    else:
        total = x - y
        change = pick(rng, (f"{capital(who.he)} gives {y} to {other.name}.", f"{capital(who.he)} loses {y} of them.",
                            f"{other.name} takes {y} of them.", f"{capital(who.he)} gives {y} away."))
    ends = (f"How many {plural(thing)} does {who.name} have now?", f"How many {plural(thing)} does {who.he} have now?",
            f"How many {plural(thing)} does {who.name} have in the end?",
            f"How many {plural(thing)} has {who.name} got now?",
            f"Tell me how many {plural(thing)} {who.name} has now.")
    asked = f"{start} {change} {pick(rng, ends)}"
    if rng.random() < 0.25:
        return ask("arithmetic/problem", f"{asked} {pick(rng, _ONLY)}", str(total), key=str(total))
    answer = f"{who.name} has {count(total, thing)} now."
    return ask("arithmetic/problem", asked, answer, key=answer)


def _spelt(rng: random.Random) -> Document:
    number = rng.randint(0, 100)
    word = number_word(number)
    if rng.random() < 0.5:
        bodies = (f"write {number} in words", f"write the number {number} as a word", f"spell out the number {number}",
                  f"turn {number} into words", f"write {number} with letters", f"say {number} in words")
        asked = _asked(rng, pick(rng, bodies), pick(rng, (f"How do you write {number} in words?",
                                                          f"What is {number} in words?")))
        return ask("arithmetic/spelt", asked, capital(word), key=word, rule="contains")
    bodies = (f"write {word} in digits", f"write the number {word} with digits", f"turn {word} into digits",
              f"write {word} as a number", f"give me {word} in figures", f"change {word} into digits")
    asked = _asked(rng, pick(rng, bodies), pick(rng, (f"How do you write {word} in digits?",
                                                      f"What is {word} in digits?")))
    return ask("arithmetic/spelt", asked, str(number), key=str(number))


def _next(rng: random.Random) -> Document:
    step = pick(rng, (1, 1, 1, 2, 2, 2, 3, 5, 10, -1, -2))
    length = rng.randint(3, 5)
    first = rng.randint(0, 30) if step > 0 else rng.randint(12, 40)
    if step == 10:
        first = 10 * rng.randint(0, 4)
    row = [first + step * i for i in range(length + 1)]
    shown, after = ", ".join(map(str, row[:-1])), row[-1]
    forms = (f"What comes next: {shown}?", f"What is the next number: {shown}?",
             f"Which number comes after these: {shown}?",
             f"{shown} - what comes next?", f"Which number is next in {shown}?")
    bodies = ("find the next number", "continue the row with one number", "give me the next number of this row",
              "say which number comes next", "go on with the next number", "tell me the next number")
    asked = question(rng, pick(rng, forms)) if rng.random() < 0.5 else request_on(rng, pick(rng, bodies), shown)
    if rng.random() < 0.4:
        return ask("arithmetic/next", f"{asked} {pick(rng, _ONLY)}", str(after), key=str(after))
    answer = f"The next number is {after}."
    return ask("arithmetic/next", asked, answer, key=answer)


def _property(rng: random.Random) -> Document:
    n = rng.randint(1, 50)
    choice = rng.randrange(5)
    if choice == 0:
        word = "even" if n % 2 == 0 else "odd"
        asked = pick(rng, (f"Is {n} even or odd?", f"Is the number {n} odd or even?",
                           f"Is {n} an odd or an even number?"))
        answer = f"{n} is {word}."
    elif choice == 1:
        asked = pick(rng, (f"What comes after {n}?", f"Which number comes after {n}?", f"What number follows {n}?",
                           f"When you count, what comes right after {n}?"))
        answer = f"After {n} comes {n + 1}."
    elif choice == 2:
        asked = pick(rng, (f"What comes before {n}?", f"Which number comes before {n}?",
                           f"What number stands right before {n}?"))
        answer = f"Before {n} comes {n - 1}."
    elif choice == 3:
        n = rng.randint(1, 20)
        asked = pick(rng, (f"What is double {n}?", f"What is twice {n}?", f"How much is twice {n}?",
                           f"What do you get if you double {n}?"))
        answer = f"Twice {n} is {2 * n}."
    else:
        n = rng.randint(1, 20)
        asked = pick(rng, (f"What is half of {2 * n}?", f"How much is half of {2 * n}?",
                           f"What do you get if you halve {2 * n}?"))
        answer = f"Half of {2 * n} is {n}."
    return ask("arithmetic/property", question(rng, asked), answer, key=answer)


def _group(rng: random.Random) -> Document:
    name = pick(rng, ("animals", "fruits", "clothes", "tools"))
    members = sample(rng, GROUPS[name], rng.randint(2, 6))
    asked = request_on(rng, pick(rng, (f"count the {name}", f"tell me how many {name} are in this list",
                                       f"say how many {name} there are")),
                       join_and(members) if rng.random() < 0.5 else ", ".join(members))
    answer = f"There are {len(members)} {name}."
    return ask("arithmetic/count", asked, answer, key=answer)


_VARIANTS: tuple[Callable[[random.Random], Document], ...] = (
    _add, _add, _add, _subtract, _subtract, _multiply, _compare, _count, _group, _problem, _problem, _spelt, _next,
    _property,
)
