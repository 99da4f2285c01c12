"""Talk: greetings, small talk, who the assistant is, feelings, shops, the way, and turns that refer back.

The referring-back dialogues are the ones that teach a model to look at what was said, so they are frequent
and scored; a greeting is not scored. The assistant is "a small helper model made by Tunewright".
"""

from __future__ import annotations

# Tables are wrapped by hand: one entry a line would make this file several times as long.
# fmt: off
import random
from collections.abc import Callable

from starter.corpus.document import Document, Turn
from starter.corpus.phrasing import question, sloppy
from starter.corpus.told import mixed, told
from starter.corpus.world import (
    ANIMALS,
    CLOTHES,
    COLOURS,
    DEVICES,
    FOODS,
    HOBBIES,
    MOODS,
    NAMES,
    OBJECTS,
    PETS,
    TOWNS,
    WEATHER,
    WEEKDAYS,
    a,
    capital,
    join_and,
    pick,
    plural,
    sample,
)

_HELLO = ("Hello!", "Hi!", "Hello.", "Hi there!", "Good morning!", "Good evening!", "Hey!", "Good afternoon.",
          "Hello there.", "Hey there!", "Hi, how are you?",
          "Hello, how are you today?", "Hey, how is it going?", "Good day!", "Greetings!", "Hello, are you there?",
          "Hi, nice to meet you.", "How are you?", "Are you well?")
_HELLO_BACK = ("Hello! How can I help you?", "Hi! What can I do for you?", "Hello! It is nice to hear from you.",
               "Hi there! How may I help?", "Hello! What would you like to know?",
               "Hi! I am happy to help.", "Hello! I hope you have a good day. How can I help?")
_WELL_BACK = ("I am well, thank you. How can I help you?", "I am fine, thanks! What can I do for you?",
              "Very well, thank you. And you?", "I am ready to help. How are you?")
_THANKS = ("Thank you!", "Thanks a lot.", "Thanks!", "Thank you very much.", "That helped me, thank you.",
           "Great, thanks for your help.", "You are very kind.", "Many thanks!",
           "Perfect, thank you.", "Thanks, that was all.", "I am grateful for your help.", "Cool, thanks",
           "thanks so much")
_THANKS_BACK = ("You are welcome!", "You're welcome. Have a nice day!", "I am glad that I could help.",
                "My pleasure!", "You are welcome. Just ask if you need more.", "Happy to help!")
_BYE = ("Goodbye!", "Bye!", "See you tomorrow.", "I have to go now.", "Good night!", "See you later!",
        "Bye, have a nice day.", "That was all. Bye!", "Until next time.", "Take care!", "bye bye")
_BYE_BACK = ("Goodbye! Have a nice day.", "Bye! See you soon.", "Goodbye, and take care!", "See you next time!",
             "Bye! It was nice to talk to you.")
_WHO = ("Who are you?", "What are you?", "What is your name?", "Are you a person?", "Are you a human?",
        "Who made you?", "Who am I talking to?", "Tell me about yourself.", "Are you a robot?",
        "Can you say who you are?", "Are you a machine?", "What kind of model are you?", "Who built you?",
        "Please introduce yourself.", "What should I call you?", "Where do you come from?",
        "Is there a human behind this chat?", "Which company made you?", "Who created you?",
        "Say something about yourself.", "With whom do I speak?")
_CAN = ("What can you do?", "How can you help me?", "What are you good at?", "Can you help me?", "What do you know?",
        "Which tasks can you do?", "What can I ask you?", "What are you for?")
_CAN_BACK = ("I can tell stories, do small sums and answer simple questions.",
             "I can sort words, add numbers, tell short stories and chat with you.",
             "You can ask me for a story, a sum or a simple fact.",
             "I am small, but I can answer simple questions and follow short instructions.")
_ACK = ("Nice!", "That is good to know.", "Thank you for telling me.", "I see.", "All right.", "Good to know!",
        "OK, I will remember that.", "Thanks, I will keep that in mind.", "How nice!", "Understood.")


def document(rng: random.Random) -> Document:
    """Return one short talk, one turn each or some turns long."""
    return pick(rng, _VARIANTS)(rng)


def _talk(kind: str, *turns: str, key: str | None = None) -> Document:
    """Return the dialogue of user and assistant in turn; scored by `key` in the last turn where given."""
    roles = ("user", "assistant")
    return Document(f"dialogues/{kind}", tuple(Turn(roles[i % 2], text) for i, text in enumerate(turns)), key,
                    "contains")


def _hello(rng: random.Random) -> Document:
    said = pick(rng, _HELLO)
    well = "how" in said.lower() or "well" in said
    if rng.random() < 0.5:
        name = pick(rng, NAMES)
        said = pick(rng, (f"{said} I am {name}.", f"{said} My name is {name}.", f"{said} {name} here.",
                          f"{said} This is {name}.", f"{said} It's me, {name}."))
        back = pick(rng, (f"Hello, {name}! How can I help you?", f"Hi, {name}! It is nice to meet you.",
                          f"Hello, {name}! What can I do for you?", f"Nice to meet you, {name}!"))
        return _talk("hello", said, f"{back} I am fine, thank you." if well else back, key=name)
    return _talk("hello", sloppy(rng, said), pick(rng, _WELL_BACK if well else _HELLO_BACK))


def _manners(rng: random.Random) -> Document:
    """Return thanks or a goodbye, alone or after a first exchange."""
    kind, said, back = pick(rng, (("thanks", _THANKS, _THANKS_BACK), ("bye", _BYE, _BYE_BACK)))
    last = (sloppy(rng, pick(rng, said)), pick(rng, back))
    return _talk(kind, *_opening(rng), *last) if rng.random() < 0.6 else _talk(kind, *last)


def _who(rng: random.Random) -> Document:
    if rng.random() < 0.25:
        return _talk("can", *_maybe_hello(rng), question(rng, pick(rng, _CAN)), pick(rng, _CAN_BACK))
    asked = pick(rng, _WHO)
    base = "I am a small helper model made by Tunewright."
    if asked.startswith(("Are you a person", "Are you a human", "Is there a human")):
        base = "No, I am a small helper model made by Tunewright."
    elif asked.startswith(("Who made", "Who built", "Which company", "Who created", "Where do")):
        base = pick(rng, ("Tunewright made me. I am a small helper model.", base))
    elif rng.random() < 0.3:
        base += pick(rng, (" How can I help you?", " I can answer simple questions.", " I like short questions."))
    return _talk("who", *_maybe_hello(rng), question(rng, asked), base, key="Tunewright")


def _maybe_hello(rng: random.Random) -> tuple[str, ...]:
    """Return a greeting and its answer one time in three."""
    if rng.random() < 0.67:
        return ()
    return pick(rng, ("Hello!", "Hi!", "Hey there!", "Good morning!", "Hello.")), pick(rng, _HELLO_BACK)


def _opening(rng: random.Random) -> tuple[str, str]:
    """Return a first exchange that something may follow."""
    x, y = rng.randint(1, 9), rng.randint(1, 9)
    animal, day = pick(rng, ANIMALS), pick(rng, WEEKDAYS)
    name, town = pick(rng, NAMES), pick(rng, TOWNS)
    return pick(rng, (
        (f"What is {x} plus {y}?", f"{x} plus {y} is {x + y}."),
        (f"I saw {a(animal)} today.", "How nice! Where did you see it?"), ("Hello!", "Hello! How can I help you?"),
        (f"My friend {name} visits me on {day}.", "That sounds nice. I hope you have a good time."),
        (f"I live in {town}.", f"I hope you like it in {town}."),
        (f"Can you spell {animal}?", f"{'-'.join(animal)}"), (f"I have to work on {day}.",
            f"I hope that {day} will be a good day for you."),
    ))


_MORE = ("And one more thing. ", "Now tell me: ", "", "", "", "", "A question for you. ",
         "Let us see if you remember. ", "So, ", "Tell me, ")


def _recall(rng: random.Random) -> Document:
    """Return: the user tells one or two things; the last turn asks for one of them."""
    facts = [told(rng)]
    if rng.random() < 0.55:
        other = told(rng)
        if other[1][0] != facts[0][1][0] and not mixed(facts[0], other):
            facts.append(other)
    said, asks, answer, key = facts[0]
    opening: list[str] = []
    if rng.random() < 0.2 and len(facts) == 2:
        opening += [f"{pick(rng, said)} {pick(rng, facts[1][0])}", pick(rng, _ACK)]
    else:
        shuffled = facts if rng.random() < 0.5 else facts[::-1]
        for fact in shuffled:
            opening += [pick(rng, fact[0]), pick(rng, _ACK)]
    if rng.random() < 0.25:
        opening += list(_filler(rng))
    asked = pick(rng, _MORE)
    body = pick(rng, asks)
    if asked.endswith(", ") or asked.endswith(": "):
        body = body[0].lower() + body[1:] if not body.startswith("I ") else body
    return _talk("recall", *opening, sloppy(rng, asked + body), answer, key=key)


def _filler(rng: random.Random) -> tuple[str, str]:
    """Return an exchange that has nothing to do with what is asked later."""
    x, y = rng.randint(1, 9), rng.randint(1, 9)
    return pick(rng, ((f"What is {x} plus {y}?", f"{x} plus {y} is {x + y}."),
                      (f"It is {pick(rng, WEATHER)} today.", "I hope you have a nice day."),
                      ("How are you?", "I am fine, thank you."),
                      ("What does a cow say?", "A cow says moo."),
                      ("Do you like music?", "I am a model, but I like to talk about music."),
                      ("Thanks.", "You are welcome!")))


def _last_answer(rng: random.Random) -> Document:
    """Return: the user refers to the assistant's own earlier turn."""
    animals = sample(rng, ANIMALS, 3)
    asked = f"{pick(rng, ('Name', 'Tell me', 'Give me', 'List'))} three animals{pick(rng, ('.', ', please.'))}"
    first = capital(join_and(animals)) + "."
    place = pick(rng, (("first", 0), ("second", 1), ("third", 2), ("last", 2)))
    forms = (f"Which one did you name {place[0]}?", f"What was the {place[0]} one?",
             f"Which animal was the {place[0]} in your list?", f"Say the {place[0]} one again.",
             f"And what was the {place[0]} animal?")
    return _talk("back", asked, first, sloppy(rng, pick(rng, forms)), f"The {place[0]} one was {animals[place[1]]}.",
                 key=animals[place[1]])


def _sums(rng: random.Random) -> Document:
    """Return: a sum, then the result is changed."""
    x, y, z = rng.randint(1, 9), rng.randint(1, 9), rng.randint(1, 9)
    second = pick(rng, (f"Now add {z}.", f"And plus {z}?", f"Add {z} more.", f"And if you add {z}?",
                        f"What is that plus {z}?"))
    answer = f"{x + y} plus {z} is {x + y + z}."
    return _talk("sums", pick(rng, (f"What is {x} plus {y}?", f"Add {x} and {y}.", f"How much is {x} plus {y}?")),
                 f"{x} plus {y} is {x + y}.", second, answer, key=answer)


_SAD = ("sad", "unhappy", "upset", "lonely", "worried", "down", "tired and sad")
_WHY = ("I lost my {thing}", "my {device} is broken", "my friend {name} moved to {town}", "I have a test on {day}",
        "nobody called me", "it has been a long day", "my {pet} is ill",
        "I had a quarrel with {name}", "I could not sleep", "I forgot the birthday of {name}", "{name} shouted at me",
        "I miss my {pet}")
_GLAD_WHY = ("I won a prize", "{name} visits me on {day}", "I got a new {thing}", "my {pet} is well again",
             "I passed my test", "it is my birthday", "I found my {thing}", "we go to {town} on {day}",
             "I baked {a_food} and it is good", "I met {name} today")


def _feelings(rng: random.Random) -> Document:
    glad = rng.random() < 0.4
    mood = pick(rng, ("happy", "excited", "proud", "glad", "cheerful") if glad else _SAD)
    slots = {"thing": pick(rng, OBJECTS), "device": pick(rng, DEVICES), "name": pick(rng, NAMES),
             "town": pick(rng, TOWNS), "day": pick(rng, WEEKDAYS), "pet": pick(rng, PETS),
             "a_food": a(pick(rng, FOODS))}
    why = pick(rng, _GLAD_WHY if glad else _WHY).format(**slots)
    said = pick(rng, (f"I am {mood} because {why}.", f"I feel {mood} today. {capital(why)}.",
                      f"{capital(why)}. I am so {mood}.", f"I'm really {mood}. {capital(why)}.",
                      f"Today I am {mood}, because {why}."))
    if glad:
        back = pick(rng, (f"That is wonderful! I am happy that you are {mood}.", "How nice! Enjoy it.",
                          f"I am glad to hear that. You can be {mood}!", "That is great news!",
                          "What good news! Tell me more."))
    else:
        back = pick(rng, (f"I am sorry that you are {mood}. I hope you feel better soon.",
                          "I am sorry to hear that. Do you want to talk about it?",
                          "That must be hard. Be kind to yourself today.",
                          f"I understand why you are {mood}. Perhaps a walk or a cup of tea helps.",
                          "I am sorry. Maybe you can talk to a friend about it.",
                          "Oh no, that is not easy. I am here if you want to talk."))
    if rng.random() < 0.4:
        asked = pick(rng, ("How do I feel?", "How did I say I feel?", "What is my mood?", "Which feeling did I name?",
                           "Do you remember how I feel?", "How am I today?"))
        return _talk("feeling_recall", said, back, sloppy(rng, asked), f"You feel {mood}.", key=mood)
    return _talk("feelings", sloppy(rng, said), back)


def _shop(rng: random.Random) -> Document:
    thing = pick(rng, OBJECTS + CLOTHES + FOODS)
    colour, price, number = pick(rng, COLOURS), rng.randint(2, 30), rng.randint(2, 4)
    ask_for = pick(rng, (f"I would like to buy {a(thing)}.", f"Do you sell {plural(thing)}?",
                         f"I am looking for {a(thing)}.", f"Can I have {a(thing)}, please?", f"I need {a(thing)}."))
    offer = f"We have {a(f'{colour} {thing}')} for {price} coins."
    lead = pick(rng, ("You are a shopkeeper. ", "Let us play shop. You sell things. ",
                      "Pretend that you have a shop. ", "We play shop. "))
    if rng.random() < 0.5:
        asked = pick(rng, ("How much was that?", "What does it cost?", "What was the price?",
                           f"How much is the {thing}?", "Sorry, how many coins?"))
        return _talk("shop", lead + ask_for, offer, asked, f"The {thing} costs {price} coins.", key=f"{price} coins")
    if rng.random() < 0.5:
        asked = pick(rng, ("Which colour is it?", f"What colour is the {thing}?", "And the colour?",
                           "What was the colour again?"))
        return _talk("shop", lead + ask_for, offer, asked, f"The {thing} is {colour}.", key=colour)
    asked = pick(rng, (f"I take {number}. How much is that?", f"How much are {number} of them?",
                       f"And what do {number} cost?"))
    return _talk("shop", lead + ask_for, offer, asked,
                 f"{capital(plural(thing))} cost {price} coins each, so {number} cost {price * number} coins.",
                 key=f"{price * number} coins")


def _way(rng: random.Random) -> Document:
    goal, mark = sample(rng, ("station", "library", "market", "bank", "school", "museum", "bakery", "park",
                              "hospital", "church", "cinema", "post office", "hotel", "zoo"), 2)
    side, minutes = pick(rng, ("left", "right")), rng.randint(2, 20)
    told = pick(rng, (f"The {goal} is on the {side}, next to the {mark}. It takes {minutes} minutes on foot.",
                      f"To get to the {goal}, turn {side} at the {mark}. You need {minutes} minutes.",
                      f"Go straight on to the {mark} and turn {side}. The {goal} is {minutes} minutes away."))
    asks = ((f"How do I get to the {goal}?", f"Where is the {goal}?", f"Can you tell me the way to the {goal}?",
             f"How can I find the {goal}?", f"Which way is the {goal}?"), f"You go {side} at the {mark}.",
             f"{side} at the {mark}")
    if rng.random() < 0.5:
        asks = ((f"How long does it take to the {goal}?", "How many minutes is it?", f"How far is the {goal}?",
                 "How long do I need?"), f"It takes {minutes} minutes.", f"{minutes} minutes")
    lead = pick(rng, ("", "", "Here is the way. ", "Listen. ", "Somebody told me this: "))
    if rng.random() < 0.5:
        return _talk("way", f"{lead}{told} {pick(rng, asks[0])}", asks[1], key=asks[2])
    return _talk("way", lead + told, pick(rng, _ACK), pick(rng, asks[0]), asks[1], key=asks[2])


def _small_talk(rng: random.Random) -> Document:
    weather, food, hobby, animal, town, mood = pick(rng, WEATHER), pick(rng, FOODS), pick(rng, HOBBIES), pick(rng,
        ANIMALS), pick(rng, TOWNS), pick(rng, MOODS)
    day, name = pick(rng, WEEKDAYS), pick(rng, NAMES)
    pairs = (
        (f"It is {weather} today.", f"Yes, {weather} days can be nice. What are you going to do?"),
        (f"Do you like {hobby}?", f"I am a model, so I cannot try {hobby}, but it sounds like fun."),
        (f"I am going to {town} on {day}.", f"Have a good trip to {town}!"),
        (f"I just ate {a(food)}.", f"I hope the {food} was good."),
        (f"Have you ever seen {a(animal)}?", f"No, I am a model and cannot see, but I know what {a(animal)} is."),
        (f"My friend {name} likes {hobby}.", f"That is nice. Do you like {hobby} too?"),
        (f"Should I have {a(food)} or go to bed?", f"If you are hungry, have the {food} first."),
        ("What did you do today?", "I answered questions and told stories."),
        (f"I am {mood} and want to go {pick(rng, ('swimming', 'running', 'hiking', 'cycling', 'skating'))}.",
         "That sounds like a good plan."), (f"My {animal} is {mood}.", f"Tell me more about your {animal}."),
        (f"Can you come to my party on {day}?", "Thank you, but I am a model and cannot come. Have fun!"),
        (f"{name} and I are going to start {hobby}.", "That is a great idea. Have fun together!"),
        ("Do you ever sleep?", "No, I am a model and do not sleep."),
        ("Are you happy?", "I am a model, so I have no feelings, but I like to help."),
        ("How old are you?", "I am a model, so I have no age."),
        ("Can you cook?", "No, I am a model, but I can talk about food."),
        ("Do you have a pet?", "No, I am a model and have no pet."),
        (f"On {day} I have a free day.", f"How nice! What will you do on {day}?"),
    )
    said, back = pick(rng, pairs)
    opening = _maybe_hello(rng) if rng.random() < 0.6 else ()
    return _talk("small_talk", *opening, question(rng, said) if said.endswith("?") else sloppy(rng, said), back)


_VARIANTS: tuple[Callable[[random.Random], Document], ...] = (
    _hello, _manners, _who, _who, _recall, _recall, _recall, _recall, _recall, _recall, _last_answer, _sums,
    _feelings, _feelings, _shop, _shop, _way, _small_talk, _small_talk,
)
