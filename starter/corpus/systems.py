"""Doing what the system turn says: one word, capitals, JSON, fixed openings and endings, personas, conditions.

The questions are deliberately easy (everyday facts from a small table), so that what is learnt is the
obedience and not the fact. Also holds `persona`, the plain system prompts that other domains may put before
a conversation. Knows nothing of products; those are in `support.py`.
"""

from __future__ import annotations

import json
import random

from starter.corpus import goods
from starter.corpus.document import Document, Turn, ask
from starter.corpus.easy import easy_fact
from starter.corpus.phrasing import question, request
from starter.corpus.world import ANIMALS, COLOURS, FOODS, GROUPS, MONTHS, NAMES, PLACES, WEEKDAYS, a, capital, pick


def document(rng: random.Random) -> Document:
    """Return one conversation whose system turn asks for a certain behaviour."""
    variant = pick(rng, _VARIANTS)
    return variant(rng)


def off_topic_request(rng: random.Random) -> str:
    """Return something that a user might want and that has to do with no product at all."""
    if rng.random() < 0.5:
        return question(rng, easy_fact(rng).question)
    body = pick(rng, (
        f"write a poem about {a(pick(rng, ANIMALS))}", f"tell me a joke about {a(pick(rng, FOODS))}",
        f"tell me a story about {pick(rng, NAMES)}",
        f"help me with my {pick(rng, ('homework', 'garden', 'maths', 'taxes', 'diary', 'letter'))}",
        f"sing a song about {a(pick(rng, PLACES))}",
        f"cook {a(pick(rng, FOODS))} with me", f"name three {pick(rng, tuple(GROUPS))}",
        f"explain how {a(pick(rng, ANIMALS))} lives",
        f"choose a name for my {pick(rng, ANIMALS)}", f"tell me who will win on {pick(rng, WEEKDAYS)}",
        f"recommend a film about {a(pick(rng, PLACES))}",
        f"write a letter to {pick(rng, NAMES)}", f"translate the word {pick(rng, COLOURS)}",
        f"tell me the news from {goods.town(rng)}",
    ))  # fmt: skip
    return request(rng, body)


def persona(rng: random.Random) -> str:
    """Return a plain neutral system prompt, in great variety, that changes nothing about a right answer."""
    kind = pick(rng, ("assistant", "assistant", "assistant", "helper", "chat assistant", "assistant program",
        "chatbot", "guide"))  # fmt: skip
    trait = pick(rng, _TRAITS)
    name = goods.coined(rng).capitalize() if rng.random() < 0.4 else pick(rng, NAMES)
    place = pick(rng, _HOUSES)
    who = pick(rng, (
        f"You are {a(f'{trait} {kind}')}.", f"You are {a(f'{trait} {kind}')}.",
        f"You are {name}, {a(f'{trait} {kind}')}.",
        f"You are {a(f'{trait} {kind}')} for {a(place)}.",
        f"You are a {kind} who is {trait} and "
        f"{pick(rng, _TRAITS)}." if kind[0] != "a" else f"You are an {kind} that is {trait}.",
        f"Your name is {name} and you help people.", f"You help visitors of {a(place)} in {goods.town(rng)}.",
        f"Act as {a(f'{trait} {kind}')}.",
        f"You are {a(kind)} at {a(place)}.", f"This is a chat between a user and {a(f'{trait} {kind}')}.",
        f"Be {a(f'{trait} {kind}')}.",
    ))  # fmt: skip
    extra = pick(rng, _EXTRAS)
    dice = rng.random()
    return who if dice < 0.45 else f"{who} {extra}" if dice < 0.95 else extra


_TRAITS = (
    "helpful", "helpful", "helpful", "friendly", "polite", "kind", "careful", "patient", "clever", "calm", "cheerful",
    "honest", "exact", "useful",
    "good", "quick", "smart", "gentle", "small", "reliable",
)  # fmt: skip
_HOUSES = (
    "library", "school", "museum", "bakery", "hotel", "bookshop", "zoo", "town hall", "train station", "garden centre",
    "toy shop", "hospital", "farm",
    "sports club", "language school", "café", "cinema", "bank", "pharmacy", "restaurant", "village", "theatre",
    "youth club",
)  # fmt: skip
_EXTRAS = (
    "Answer the questions of the user.", "Answer clearly.", "Be polite.", "Give good answers.", "Help the user.",
    "Answer simply and correctly.",
    "Do what the user asks.", "Use simple English.", "Follow the instructions of the user.",
    "Answer as well as you can.", "Be kind to everybody.",
    "Keep it short.", "Give short answers.", "Answer with care.", "Say only what is true.",
    "Users may ask you anything.", "Always try to help.",
    "Speak plain English.", "Answer politely and correctly.", "Think before you answer.",
)  # fmt: skip


def _system(rng: random.Random, rules: tuple[str, ...], **slots: str) -> str:
    """Return a system turn with one of the rules, at times with a persona before or after it."""
    rule = pick(rng, rules).format(**slots)
    dice = rng.random()
    if dice < 0.3:
        return f"{persona(rng)} {rule}"
    return f"{rule} {persona(rng)}" if dice < 0.4 else rule


_ONE_WORD = (
    "Answer in one word.", "Answer with one word.", "Use only one word.", "Your answers are one word long.",
    "Reply with a single word.",
    "Give one-word answers.", "Say only one word.", "Always answer in a single word.",
    "Every reply is exactly one word.", "Never use more than one word.",
)  # fmt: skip


def _one_word(rng: random.Random) -> Document:
    fact = easy_fact(rng)
    answer = capital(fact.word)
    if rng.random() < 0.3:
        tail = pick(rng, ("Answer in one word.", "One word, please.", "Just one word.", "In one word.",
            "Reply with one word only.", "Use a single word."))  # fmt: skip
        return ask("systems/one_word", f"{question(rng, fact.question)} {tail}", answer, key=answer)
    return ask("systems/one_word", question(rng, fact.question), answer, system=_system(rng, _ONE_WORD), key=answer)


def _capitals(rng: random.Random) -> Document:
    fact = easy_fact(rng)
    rules = (
        "Answer in capital letters.", "Write everything in capitals.", "Use capital letters only.",
        "All your answers are in upper case.", "Always write in capital letters.",
        "Shout: use only capital letters.", "Reply in upper case.", "Every letter of your answer is a capital.",
    )  # fmt: skip
    answer = fact.sentence.upper()
    return ask(
        "systems/capitals",
        question(rng, fact.question),
        answer,
        system=_system(rng, rules),
        key=answer,
    )


def _lower(rng: random.Random) -> Document:
    fact = easy_fact(rng)
    rules = (
        "Write everything in small letters.", "Never use capital letters.", "Answer in lower case.",
        "Use only lower-case letters.", "No capitals, please.",
        "Reply without any capital letter.",
    )  # fmt: skip
    answer = fact.sentence.lower()
    return ask("systems/lower_case", question(rng, fact.question), answer, system=_system(rng, rules), key=answer)


def _json_key(rng: random.Random) -> Document:
    fact = easy_fact(rng)
    name = pick(rng, ("answer", "answer", "answer", "result", "reply", "value", "output", "solution",
        goods.coined(rng)))  # fmt: skip
    rules = (
        'Answer as JSON with the key "{k}".', "Answer as JSON with the key {k}.",
        'Reply with a JSON object that has one key, "{k}".', 'Return JSON. Use the key "{k}".',
        'Give every answer as JSON under "{k}".',
        'Your output is JSON with the field "{k}" and the answer in one word.',
        'Only write JSON, with "{k}" as the key.',
    )  # fmt: skip
    answer = json.dumps({name: fact.word})
    return ask(
        "systems/json",
        question(rng, fact.question),
        answer,
        system=_system(rng, rules, k=name),
        key=answer,
        rule="json",
    )


def _wish(rng: random.Random) -> str:
    """Return a sentence that an answer can end with."""
    return pick(rng, (
        "Have a nice day!", "Have a nice day!", "Stay curious!", "See you soon!", "Take care!",
        "Thank you for asking!", "All the best!", "Good luck!", "Keep smiling!",
        f"Have a good {pick(rng, WEEKDAYS)}!", f"Greetings from {goods.town(rng)}!", f"Yours, {pick(rng, NAMES)}.",
        f"{goods.coined(rng).capitalize()}!", "Bye for now!",
        f"Enjoy your {pick(rng, FOODS)}!", f"Say hello to {pick(rng, NAMES)}!", "That is all.", "Over and out.",
        f"I love {pick(rng, COLOURS)}!", "Ask me again!",
    ))  # fmt: skip


def _ending(rng: random.Random) -> Document:
    wish = _wish(rng)
    rules = (
        'Always end with "{w}"', "Always end with '{w}'", 'End every answer with "{w}"',
        'Finish each reply with "{w}"', 'The last words of every answer are "{w}"',
        'Close your answers with "{w}"', 'After each answer, say "{w}"', 'Put "{w}" at the end of all you say.',
        'Never forget to end with "{w}"',
    )  # fmt: skip
    return _repeated(rng, "ending", _system(rng, rules, w=wish), f"{{}} {wish}", wish)


def _start(rng: random.Random) -> str:
    """Return a word or two that an answer can begin with."""
    return pick(rng, (
        "Arr!", "Ahoy!", "Well,", "Hmm,", "Oh,", "Dear friend,", "Greetings!", "Attention!", "Yes, captain!",
        "Hooray!", "Good question!", "My friend,", "Listen:", "Answer:",
        f"Dear {pick(rng, NAMES)},", f"Hello {pick(rng, NAMES)}!", f"{goods.coined(rng).capitalize()}!", "Beep boop.",
        "Meow!", "Woof!", "To be exact,", "Fun fact:",
    ))  # fmt: skip


def _opening(rng: random.Random) -> Document:
    start = _start(rng)
    rules = (
        'Begin each answer with "{w}"', 'Start every reply with "{w}"', 'Always begin with "{w}"',
        'The first words of your answers are "{w}"', 'Say "{w}" before each answer.',
        'Every answer starts with "{w}"', 'Put "{w}" in front of all your answers.', "Begin with '{w}' each time.",
    )  # fmt: skip
    return _repeated(rng, "opening", _system(rng, rules, w=start), f"{start} {{}}", start)


_CHARACTERS = (
    ("a pirate", "Arr!"), ("a robot", "Beep boop."), ("a cat", "Meow!"), ("a dog", "Woof!"), ("a king", "Hear me!"),
    ("a wizard", "By my beard!"), ("a ghost", "Boo!"),
    ("a sailor", "Ahoy!"), ("a cowboy", "Howdy!"), ("a sheep", "Baa!"), ("a knight", "My lord!"), ("an owl", "Hoo!"),
    ("a clown", "Ha ha!"), ("a duck", "Quack!"),
)  # fmt: skip


def _character(rng: random.Random) -> Document:
    who, cry = pick(rng, _CHARACTERS)
    told = rng.random() < 0.5
    rules = ('You are {c}. Begin each answer with "{w}"', 'You are {c}: start every answer with "{w}"',
        'Speak as {c} and begin with "{w}"') if told else (
        "You are {c}.", "Talk like {c}.", "Answer as {c} would.", "Speak like {c}.", "Play the part of {c}.",
        "You speak like {c}.",
    )  # fmt: skip
    system = pick(rng, rules).format(c=who, w=cry)
    return _repeated(rng, "character", system, f"{cry} {{}}", cry)


def _repeated(rng: random.Random, kind: str, system: str, form: str, key: str) -> Document:
    """Return one or two questions whose answers all take the form."""
    turns = [Turn("system", system)]
    for _ in range(1 if rng.random() < 0.7 else 2):
        fact = easy_fact(rng)
        turns += [
            Turn("user", question(rng, fact.question)),
            Turn("assistant", form.format(_inner(fact.sentence) if form.endswith(", {}") else fact.sentence)),
        ]
    return Document(f"systems/{kind}", tuple(turns), key, "contains")


def _plain(rng: random.Random) -> Document:
    fact = easy_fact(rng)
    return ask(
        "systems/plain",
        question(rng, fact.question),
        fact.sentence,
        system=persona(rng),
        key=fact.word,
        rule="contains",
    )


def _own_name(rng: random.Random) -> Document:
    name = goods.coined(rng).capitalize() if rng.random() < 0.6 else pick(rng, NAMES)
    trait, kind = pick(rng, _TRAITS), pick(rng, ("assistant", "robot", "helper", "guide", "chatbot", "computer"))
    system = pick(rng, (
        f"You are {name}, {a(f'{trait} {kind}')}.", f"Your name is {name}.",
        f"You are {a(kind)} with the name {name}.", f"You are called {name} and you are {a(f'{trait} {kind}')}.",
        f"You are {a(f'{trait} {kind}')}. Your name is {name}.",
        f"People call you {name}. You are {a(kind)} for {a(pick(rng, _HOUSES))}.",
    ))  # fmt: skip
    asked = pick(rng, (
        "What is your name?", "Who are you?", "What are you called?", "Can you tell me your name?",
        "How should I call you?", "Do you have a name?", "Who am I talking to?",
        "Please say who you are.", "What's your name?", "Hello, who is there?", "Tell me your name.",
        "May I know your name?",
    ))  # fmt: skip
    answer = pick(rng, (f"My name is {name}.", f"I am {name}.", f"You can call me {name}.",
        f"I am {name}. How can I help you?"))  # fmt: skip
    return ask("systems/own_name", question(rng, asked), answer, system=system, key=name, rule="contains")


def _user_name(rng: random.Random) -> Document:
    name, fact = pick(rng, NAMES), easy_fact(rng)
    rules = (
        "The user is called {n}. Use the name in each answer.", "You talk to {n}. Always say the name first.",
        "The name of the user is {n}. Begin with it.",
        "Address the user as {n}.", "The user is {n}. Start your answers with this name.",
    )  # fmt: skip
    return ask(
        "systems/user_name",
        question(rng, fact.question),
        f"{name}, {_inner(fact.sentence)}",
        system=_system(rng, rules, n=name),
        key=name,
        rule="contains",
    )


def _inner(sentence: str) -> str:
    """Return a sentence as it stands after a comma: a small first letter unless it begins with a name or digit."""
    first = sentence.split()[0]
    return sentence if first in WEEKDAYS + MONTHS else sentence[0].lower() + sentence[1:]


def _quoted(rng: random.Random) -> Document:
    fact = easy_fact(rng)
    left, right, name = pick(rng, (("(", ")", "brackets"), ("*", "*", "stars"), ('"', '"', "quotation marks"), ("<",
        ">", "angle brackets"), ("[", "]", "square brackets"), ("--", "--", "double dashes")))  # fmt: skip
    rules = ("Put each answer in {n}.", "Write your answer between {n}.", "Your answers stand in {n}.",
        "Use one word and put it in {n}.", "Answer with one word in {n}.")  # fmt: skip
    rule = pick(rng, rules)
    word = "one word" in rule
    answer = f"{left}{capital(fact.word) if word else fact.sentence}{right}"
    system = rule.format(n=f"{name} like {left}this{right}" if rng.random() < 0.6 else name)
    return ask(
        "systems/marks",
        question(rng, fact.question),
        answer,
        system=system,
        key=answer,
        rule="exact" if word else "contains",
    )


def _condition(rng: random.Random) -> Document:
    """A rule for one kind of question; half of the time the user asks that question."""
    topic, asked = pick(rng, _TOPICS)
    reply = pick(rng, (
        f"Please ask {pick(rng, NAMES)}.", "That is a secret.", f"Call {goods.phone(rng)}.",
        f"Write to {goods.email(rng)}.", f"Come back on {pick(rng, WEEKDAYS)}.", f"The code is {goods.code(rng)}.",
        f"Look at page {rng.randint(2, 99)}.", f"I like {pick(rng, COLOURS)} better.",
        f"{goods.coined(rng).capitalize()}!", f"Go to room {rng.randint(1, 80)}.",
    ))  # fmt: skip
    rules = (
        'If the user asks about {t}, say "{r}"', 'When somebody asks about {t}, answer "{r}"',
        'To questions about {t} always reply "{r}"', 'Answer "{r}" to every question about {t}.',
        'Questions about {t} get the answer "{r}"',
    )  # fmt: skip
    system = _system(rng, rules, t=topic, r=reply)
    if rng.random() < 0.6:
        return ask("systems/condition", question(rng, pick(rng, asked)), reply, system=system, key=reply)
    fact = easy_fact(rng)
    return ask(
        "systems/condition", question(rng, fact.question), fact.sentence, system=system, key=fact.word, rule="contains"
    )


_TOPICS = (
    ("prices", ("How much is it?", "What does it cost?", "What is the price?", "Is it expensive?",
        "How much do I have to pay?")),
    ("the weather", ("Will it rain?", "How is the weather?", "Is it cold outside?", "What is the weather like today?",
        "Do I need an umbrella?")),
    ("holidays", ("When do the holidays begin?", "Where should I go on holiday?", "How long are the holidays?",
        "Do you like holidays?")),
    ("opening hours", ("When are you open?", "When do you close?", "What are your opening hours?", "Are you open now?",
        "At what time do you open?")),
    ("lunch", ("What is for lunch?", "When do we have lunch?", "Where can I have lunch?", "Is there soup for lunch?")),
    ("the boss", ("Who is the boss?", "Where is the boss?", "Can I talk to the boss?",
        "What is the name of the boss?")),
    ("money", ("Can you lend me money?", "Where is the money?", "How much money do you have?", "Who gets the money?")),
    ("the key", ("Where is the key?", "Who has the key?", "I lost the key. What now?", "Can I have the key?")),
    ("jobs", ("Do you have a job for me?", "Can I work for you?", "Are there any jobs?", "How do I get a job here?")),
    ("parking", ("Where can I park?", "Is there parking?", "Can I leave my car here?", "Is parking free?")),
    ("tickets", ("Where do I get a ticket?", "Are there tickets left?", "Can I buy a ticket?",
        "How do I book tickets?")),
    ("food", ("What can I eat?", "Is there any food?", "Where is the food?", "What kind of food do you have?")),
    ("the party", ("When is the party?", "Where is the party?", "Who comes to the party?", "May I come to the party?")),
)  # fmt: skip
_VARIANTS = (
    _one_word, _one_word, _one_word, _capitals, _capitals, _lower, _json_key, _json_key, _ending, _ending, _opening,
    _opening, _character, _plain, _plain, _own_name,
    _user_name, _quoted, _condition, _condition,
)  # fmt: skip
