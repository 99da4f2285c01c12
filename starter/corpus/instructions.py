"""Follow-the-instruction tasks over random words and sentences: repeat, capitals, sort, reverse, count, replace.

Every task has one right answer that plain code computes, so it is scored exactly; only `make a list` tasks,
which have many right answers, are not. Knows nothing of topics: the sentences are there to be handled.
"""

from __future__ import annotations

# Tables are wrapped by hand: one entry a line would make this file several times as long.
# fmt: off
import random
from collections.abc import Callable

from starter.corpus.document import Document, ask
from starter.corpus.phrasing import question, request, request_on
from starter.corpus.world import (
    ANIMALS,
    COLOURS,
    FOODS,
    GROUPS,
    JOBS,
    MONTHS,
    MOODS,
    NAMES,
    OBJECTS,
    PLACES,
    QUALITIES,
    SIZES,
    WEEKDAYS,
    Verb,
    a,
    capital,
    join_and,
    number_word,
    pick,
    sample,
    verb,
)

_WORDS = tuple(word for word in ANIMALS + OBJECTS + FOODS if " " not in word and "-" not in word)
_TRANSITIVE = tuple(verb(v) for v in "find take bring wash carry paint repair clean hide buy sell lose draw want need "
                    "keep hold check open watch borrow share collect drop".split())
_THING_ADJ = tuple(w for w in SIZES + QUALITIES if w not in ("giant", "tall", "dangerous"))


def document(rng: random.Random) -> Document:
    """Return one instruction over a random text with the text that obeys it."""
    return pick(rng, _VARIANTS)(rng)


def _clause(rng: random.Random) -> tuple[str, Verb, str]:
    """Return a random subject, verb and rest of a sentence."""
    subject = pick(rng, (pick(rng, NAMES), f"the {pick(rng, JOBS)}", f"the {pick(rng, MOODS)} {pick(rng, ANIMALS)}",
                         f"my {pick(rng, ('friend', 'aunt', 'brother', 'sister', 'neighbour'))}"))
    thing = pick(rng, OBJECTS)
    noun = pick(rng, (f"{pick(rng, COLOURS)} {thing}", f"{pick(rng, _THING_ADJ)} {thing}", thing))
    where = pick(rng, ("", "", f" in the {pick(rng, ('garden', 'park', 'kitchen', 'school', 'museum', 'market'))}",
                       f" near the {pick(rng, PLACES)}", f" on {pick(rng, WEEKDAYS)}"))
    return subject, pick(rng, _TRANSITIVE), f"{a(noun) if rng.random() < 0.5 else 'the ' + noun}{where}"


def _sentence(rng: random.Random) -> str:
    """Return a random sentence in the present or past tense."""
    subject, v, rest = _clause(rng)
    return capital(f"{subject} {v.third if rng.random() < 0.5 else v.past} {rest}.")


def _list(rng: random.Random, low: int = 3, high: int = 5) -> list[str]:
    """Return some different plain words."""
    return sample(rng, _WORDS, rng.randint(low, high))


def _on(rng: random.Random, kind: str, bodies: tuple[str, ...], payload: str, answer: str) -> Document:
    """Return the task "one of the bodies: payload", scored exactly."""
    return ask(f"instructions/{kind}", request_on(rng, pick(rng, bodies), payload), answer, key=answer)


def _text(rng: random.Random) -> str:
    """Return something to repeat or change: a word row or a sentence."""
    return _sentence(rng) if rng.random() < 0.7 else " ".join(_list(rng, 1, 4))


def _repeat(rng: random.Random) -> Document:
    text = _text(rng)
    bodies = ("repeat this", "repeat after me", "say this again", "copy this text", "write this down exactly",
              "say exactly this",
              "give this back to me unchanged", "repeat the following", "copy the following text",
              "write the same thing again",
              "echo this text", "repeat these words")
    return _on(rng, "repeat", bodies, text, text)


def _upper(rng: random.Random) -> Document:
    text = _text(rng)
    if rng.random() < 0.6:
        bodies = ("write this in capital letters", "put this in capitals", "turn this into capital letters",
                  "write this in upper case",
                  "make all letters big", "change this to upper case", "use only capital letters for this",
                  "convert this text to capitals", "write every letter as a capital")
        return _on(rng, "upper", bodies, text, text.upper())
    bodies = ("write this in small letters", "put this in lower case", "turn this into lower case",
              "make all letters small",
              "change this to small letters", "use only small letters for this", "convert this text to lower case")
    shown = text.upper() if rng.random() < 0.7 else text
    return _on(rng, "lower", bodies, shown, text.lower())


def _reverse(rng: random.Random) -> Document:
    words = _list(rng)
    bodies = ("reverse this list", "reverse the order of these words", "write this list backwards",
              "turn this list around",
              "put these words in reverse order", "list these from last to first",
              "say these words in the opposite order",
              "start with the last word and end with the first")
    return _on(rng, "reverse", bodies, ", ".join(words), ", ".join(reversed(words)))


def _sort(rng: random.Random) -> Document:
    words = _list(rng)
    bodies = ("sort these words by alphabet", "sort this list alphabetically", "put these words in alphabetical order",
              "arrange these words from A to Z", "order these words by the alphabet", "sort the words",
              "bring these words into ABC order",
              "list these words alphabetically", "sort these words from A to Z")
    if rng.random() < 0.3:
        numbers = sample(rng, range(1, 31), rng.randint(3, 5))
        down = rng.random() < 0.4
        bodies = (("sort these numbers from big to small", "order these numbers from high to low",
                   "put these numbers in falling order")
                  if down else ("sort these numbers from small to big", "order these numbers from low to high",
                                "put these numbers in order",
                                "arrange these numbers from smallest to largest", "sort these numbers"))
        return _on(rng, "sort_numbers", bodies, ", ".join(map(str, numbers)),
                   ", ".join(map(str, sorted(numbers, reverse=down))))
    return _on(rng, "sort", bodies, ", ".join(words), ", ".join(sorted(words)))


def _position(rng: random.Random) -> Document:
    words = _list(rng, 3, 6)
    place, index = pick(rng, (("first", 0), ("last", -1), ("second", 1), ("third", 2)))
    bodies = (f"give me the {place} word", f"write the {place} word of this list", f"tell me the {place} word",
              f"find the {place} word",
              f"say which word is the {place}", f"name the {place} one", f"pick the {place} word",
              f"show only the {place} word",
              f"copy the {place} word")
    joiner = pick(rng, (", ", " ", ", "))
    return _on(rng, place, bodies, joiner.join(words), words[index])


def _longest(rng: random.Random) -> Document:
    long = rng.random() < 0.6
    while True:
        words = _list(rng)
        lengths = sorted(len(w) for w in words)
        if (lengths[-1] - lengths[-2] if long else lengths[1] - lengths[0]) >= 2:
            break
    word = "longest" if long else "shortest"
    bodies = (f"find the {word} word", f"tell me the {word} word", f"give me the {word} word",
              f"write only the {word} word",
              f"pick the {word} word", f"say which word is the {word}", f"show me the {word} of these words")
    return _on(rng, word, bodies, ", ".join(words), (max if long else min)(words, key=len))


def _count_words(rng: random.Random) -> Document:
    text = _sentence(rng) if rng.random() < 0.5 else " ".join(_list(rng, 2, 7))
    number = len(text.split())
    bodies = ("count the words", "tell me how many words this has", "count how many words there are",
              "say how many words are in this text",
              "find the number of words", "give me the number of words in this")
    if rng.random() < 0.3:
        asked = request_on(rng, pick(rng, bodies), text) + pick(rng,
            (" Just the number.", "\nOnly the number, please.", "\nWrite only a number."))
        return ask("instructions/count_words", asked, str(number), key=str(number))
    return _on(rng, "count_words", bodies, text, f"There are {number} words.")


def _past(rng: random.Random) -> Document:
    subject, v, rest = _clause(rng)
    now, past = capital(f"{subject} {v.third} {rest}."), capital(f"{subject} {v.past} {rest}.")
    if rng.random() < 0.6:
        bodies = ("put this sentence in the past tense", "write this in the past",
                  "change this sentence to the past tense",
                  "say this as if it happened yesterday", "turn this sentence into the past tense",
                  "make this sentence past")
        return _on(rng, "past", bodies, now, past)
    if rng.random() < 0.5:
        bodies = ("put this sentence in the present tense", "write this in the present",
                  "change this sentence to the present tense",
                  "say this as if it happens now")
        return _on(rng, "present", bodies, past, now)
    bodies = ("put this sentence in the future", "write this in the future tense",
              "change this sentence to the future with will",
              "say this as if it will happen tomorrow")
    return _on(rng, "future", bodies, now, capital(f"{subject} will {v.base} {rest}."))


def _replace(rng: random.Random) -> Document:
    words = _list(rng, 3, 5)
    old, new = pick(rng, words), pick(rng, _WORDS)
    text = " ".join(words) if rng.random() < 0.5 else f"I saw a {words[0]} and a {words[1]} near the {words[2]}."
    if text.startswith("I "):
        old = words[rng.randrange(3)]
        text = f"I saw {a(words[0])} and {a(words[1])} near the {words[2]}."
        new = pick(rng, tuple(w for w in _WORDS if (w[0] in "aeiou") == (old[0] in "aeiou") and w[0] != "u"))
        if old == words[0] or old == words[1]:
            first, second = (new if old == word else word for word in words[:2])
            changed = f"I saw {a(first)} and {a(second)} near the {words[2]}."
        else:
            changed = f"I saw {a(words[0])} and {a(words[1])} near the {new}."
    else:
        changed = " ".join(new if w == old else w for w in words)
    bodies = (f"replace {old} by {new}", f"replace the word {old} with {new}", f"change {old} to {new}",
              f"swap the word {old} for {new}",
              f'replace "{old}" with "{new}"', f"put {new} in place of {old}", f"write {new} instead of {old}",
              f'change the word "{old}" to "{new}"', f"use {new} where it says {old}")
    return _on(rng, "replace", bodies, text, changed)


def _to_question(rng: random.Random) -> Document:
    subject, v, rest = _clause(rng)
    bodies = ("make a question of this sentence", "turn this sentence into a question", "write this as a question",
              "change this into a yes or no question",
              "ask this as a question", "rewrite this sentence as a question")
    if rng.random() < 0.7:
        return _on(rng, "question", bodies, capital(f"{subject} {v.third} {rest}."), f"Does {subject} {v.base} {rest}?")
    bodies = ("make this sentence negative", "say that this is not so", "put not into this sentence",
              "write the negative of this sentence",
              "turn this into a sentence with not")
    return _on(rng, "negative", bodies, capital(f"{subject} {v.third} {rest}."),
               capital(f"{subject} does not {v.base} {rest}."))


def _three(rng: random.Random) -> Document:
    name = pick(rng, tuple(GROUPS))
    number = rng.randint(2, 5)
    chosen = sample(rng, GROUPS[name], number)
    shown = number_word(number) if rng.random() < 0.6 else str(number)
    bodies = (f"make a list of {shown} {name}", f"name {shown} {name}", f"give me {shown} {name}",
              f"list {shown} {name}",
              f"tell me {shown} {name}", f"write down {shown} {name}", f"think of {shown} {name}",
              f"find {shown} {name} for me",
              f"say the names of {shown} {name}")
    asked = request(rng, pick(rng, bodies[:-2] if rng.random() < 0.9 else bodies[-1:]))
    if rng.random() < 0.5:
        return ask("instructions/list", asked, capital(join_and(chosen)) + ".")
    how, shape = pick(rng, ((" Use a numbered list.", 0), (" Put each on its own line.", 1), (" Use commas.", 2),
                            (" One per line.", 1), (" Number them.", 0)))
    answer = ("\n".join(f"{i}. {w}" for i, w in enumerate(chosen, 1)), "\n".join(map(capital, chosen)),
              ", ".join(chosen))[shape]
    return ask("instructions/list", asked + how, answer if shape == 0 else capital(answer))


def _contains(rng: random.Random) -> Document:
    words = _list(rng, 3, 6)
    if rng.random() < 0.5:
        text = " ".join(words)
        target = pick(rng, words) if rng.random() < 0.5 else pick(rng, _WORDS)
    else:
        text = _sentence(rng)
        inside = tuple(w.strip(".") for w in text.split() if len(w) > 3 and w.strip(".").islower()) or ("the",)
        target = pick(rng, inside) if rng.random() < 0.5 else pick(rng, _WORDS)
    yes = target in [w.strip(".").lower() for w in text.split()]
    forms = (f'Is the word "{target}" in this text: {text}', f'Does this contain the word "{target}"? {text}',
             f'"{text}" Is the word {target} in it?',
             f'Can you find the word "{target}" here? {text}', f'Does the text have the word {target}?\n{text}',
             f'Read this: {text}\nIs the word "{target}" there?',
             f'Does the word {target} stand in this text? {text}')
    tail = pick(rng, ("Answer yes or no.", "Yes or no?", "Say yes or no.", "Just yes or no, please.",
                      "Reply with yes or no."))
    form = pick(rng, forms)
    end = "" if form.endswith((".", "?")) else "."
    answer = "Yes." if yes else "No."
    return ask("instructions/contains", f"{form}{end} {tail}", answer, key=answer)


def _spell(rng: random.Random) -> Document:
    word = pick(rng, _WORDS)
    sign, name = pick(rng, (("-", "dashes"), ("-", "dashes"), (" ", "spaces")))
    bodies = (f"spell the word {word} with {name}", f'spell "{word}" with {name} between the letters',
              f"write {word} letter by letter with {name}",
              f"put {name} between the letters of {word}", f"spell {word} using {name}")
    answer = sign.join(word)
    return ask("instructions/spell", request(rng, pick(rng, bodies)), answer, key=answer)


def _join(rng: random.Random) -> Document:
    words = _list(rng, 2, 4)
    if rng.random() < 0.5:
        bodies = ("join these words with and", "make one phrase of these words with commas and the word and",
                  "connect these words with and")
        bodies = bodies[:1] + bodies[2:]
        return _on(rng, "join", bodies, ", ".join(words), " and ".join(words))
    bodies = ("put commas between these words", "join these words with commas",
              "write these words with commas between them", "separate these words with commas")
    return _on(rng, "commas", bodies, " ".join(words), ", ".join(words))


def _odd_one(rng: random.Random) -> Document:
    home, other = sample(rng, tuple(GROUPS), 2)
    words = sample(rng, GROUPS[home], rng.randint(3, 4))
    odd = pick(rng, GROUPS[other])
    words.insert(rng.randrange(len(words) + 1), odd)
    bodies = ("choose the odd one out", "find the odd one out", "say which word does not belong",
              "tell me which one does not fit",
              "pick the word that does not belong with the others", "name the one that is different from the rest",
              "find the word that does not fit")
    return _on(rng, "odd_one", bodies, ", ".join(words), odd)


def _group_of(rng: random.Random) -> Document:
    name = pick(rng, tuple(GROUPS))
    words = sample(rng, GROUPS[name], rng.randint(2, 4))
    bodies = ("say what these are", "find one name for all of these", "tell me what these things are",
              "say what kind of things these are",
              "name the group these belong to")
    return _on(rng, "group", bodies, ", ".join(words), f"They are {name}.")


def _finish(rng: random.Random) -> Document:
    row = pick(rng, (WEEKDAYS, MONTHS, tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                     tuple(number_word(n) for n in range(1, 13))))
    start = rng.randrange(len(row) - 3)
    shown, after = row[start : start + 3], row[start + 3]
    forms = (f"What comes next: {', '.join(shown)}?", f"{', '.join(shown)} - what comes next?",
             f"What follows after {', '.join(shown)}?")
    bodies = ("finish the list with one more", "continue the list with one word", "write the next one",
              "say what comes next", "add the next one",
              "complete the list with one item")
    asked = question(rng, pick(rng, forms)) if rng.random() < 0.4 else request_on(rng, pick(rng, bodies),
        ", ".join(shown))
    return ask("instructions/finish", asked, capital(after), key=capital(after))


def _polite(rng: random.Random) -> Document:
    v = verb(pick(rng, "open close bring check repair clean wash find carry paint sell send".split()))
    thing = f"the {pick(rng, COLOURS)} {pick(rng, OBJECTS)}" if rng.random() < 0.5 else f"the {pick(rng, OBJECTS)}"
    rude = pick(rng, (f"{capital(v.base)} {thing}!", f"{capital(v.base)} {thing} now!", f"You must {v.base} {thing}!",
                      f"{capital(v.base)} {thing}, quick!"))
    bodies = ("make this more polite", "say this in a polite way", "rewrite this politely",
              "turn this into a polite request", "make this sound friendly",
              "write this in a kinder way", "rephrase this so that it is polite")
    return _on(rng, "polite", bodies, rude, f"Could you please {v.base} {thing}?")


def _use_words(rng: random.Random) -> Document:
    """A sentence with a given word: many are right, scored by the word being there."""
    word = pick(rng, OBJECTS + ANIMALS)
    bodies = (f"write a sentence with the word {word}", f'use the word "{word}" in a sentence',
              f"make a sentence about {a(word)}",
              f'write one sentence that has the word "{word}" in it', f"give me a sentence with {word}")
    subject = pick(rng, NAMES)
    v = pick(rng, tuple(verb(b) for b in "see find want draw paint like watch".split()))
    adjective = pick(rng, _THING_ADJ)
    where = ("in the park", "near the lake", f"on {pick(rng, WEEKDAYS)}", "at the market", "yesterday", "in the garden")
    answer = f"{subject} {v.past} {a(f'{adjective} {word}')} {pick(rng, where)}."
    return ask("instructions/sentence", request(rng, pick(rng, bodies)), answer, key=word, rule="contains")


_VARIANTS: tuple[Callable[[random.Random], Document], ...] = (
    _repeat, _repeat, _upper, _upper, _reverse, _sort, _sort, _position, _position, _longest, _count_words, _past,
    _past, _replace,
    _to_question, _three, _three, _contains, _spell, _join, _odd_one, _group_of, _finish, _polite, _use_words,
)
