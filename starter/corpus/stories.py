"""Short stories with a simple plot, told about the very character, thing and place that the request names.

A story is a chain want -> trouble -> helper -> end, picked from a table of plots and told in three to eight
sentences with the right pronouns. Scored by whether the named character appears, since any telling may be right.
"""

from __future__ import annotations

# Tables are wrapped by hand: one entry a line would make this file several times as long.
# fmt: off
import random
from dataclasses import dataclass

from starter.corpus.document import Document, ask
from starter.corpus.phrasing import request, sloppy
from starter.corpus.world import ANIMALS, COLOURS, NAMES_F, NAMES_M, OBJECTS, WEATHER, WEEKDAYS, a, capital, pick

_PLACES = (  # places one can be "in" or "at": written with their preposition
    "in the forest", "in the park", "on the beach", "by the river", "by the lake", "at school", "in the library",
    "at the market", "on the farm",
    "in the garden", "in the village", "at the zoo", "in the castle", "on the hill", "by the sea", "in the old mill",
    "in the kitchen", "at the station",
    "in the meadow", "in the snow", "on an island", "in the city", "in a cave", "under the bridge", "in the attic",
)
_MOOD = (
    "kind shy brave clever little young old happy curious lonely small cheerful gentle lazy grumpy sleepy hungry "
    "friendly quiet proud"
).split()
_CHILD_MOOD = tuple(m for m in _MOOD if m not in ("old", "small", "young"))
_THINGS = tuple(o for o in OBJECTS if o not in ("soap dish", "treasure chest", "comb", "sieve", "towel", "nail",
                                                "screw", "tent", "ladder"))
_HELPERS = (
    "owl", "mouse", "robin", "hedgehog", "farmer", "teacher", "baker", "postman", "fisherman", "duck", "tortoise",
    "squirrel", "gardener", "sailor", "neighbour", "turtle",
)


@dataclass(frozen=True, slots=True)
class _Cast:
    """Who and what a story is about; `who` is the first mention, `name` every later one."""

    who: str
    name: str
    he: str
    him: str
    his: str
    thing: str
    place: str
    helper: str


_OPEN = (
    "Once upon a time there was {who} {place}.", "One day {who} was {place}.", "{Who} lived {place}.",
    "There once was {who} who lived {place}.",
    "Long ago {who} lived {place}.", "It was a {weather} {day}, and {who} was {place}.",
    "On a {weather} morning {who} was {place}.",
    "{Who} went for a walk {place} one {day}.", "Last {day} {who} sat {place}.", "Far away, {place}, lived {who}.",
)
_MORE = (
    "{He} liked to sing while {he} worked.", "{He} had a warm heart.", "{He} loved quiet mornings.",
    "Everybody liked {him}.", "{He} was always ready for something new.",
    "{His} best friend lived nearby.", "{He} got up early every day.", "{He} had few friends.",
    "The sun was shining.", "The wind was blowing softly.",
    "The birds were singing.", "It was very quiet that day.", "{He} was a little hungry.", "Nobody else was there.",
)
# A plot: want and trouble | what is tried or who helps | how it ends.
_PLOTS: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (("{He} had {a_thing} and took it everywhere. But one day the {thing} was gone.",
      "{Name} loved {his} {thing}. Then, one evening, {he} could not find it.",
      "{His} dearest thing was {a_adj_thing}. One morning it was lost.",
      "{He} put {his} {thing} down and forgot where it was."),
     ("{He} looked under the leaves and behind the stones. {A_helper} came by and helped {him} to look.",
      "{He} asked {a_helper}, who had seen it near a tree.",
      "{He} began to cry. {A_helper} heard {him} and said, \"Let us look together.\"",
      "{He} searched all day. In the end {a_helper} pointed to an old log."),
     ("They found the {thing} in the grass, and {name} was happy again.",
      "There it was! {Name} thanked the {helper} and held the {thing} tight.",
      "The {thing} was right there. From then on {name} took better care of it.",
      "{Name} found the {thing} and gave the {helper} a big hug.")),
    (("{He} wanted {a_thing} more than anything, but {he} had no money.",
      "{He} dreamed of {a_adj_thing}. But such a thing cost a lot.",
      "{He} saw {a_thing} in a shop window and wished for it."),
     ("So {he} helped {a_helper} for a whole week.",
      "{A_helper} needed help with the work, and {name} helped every day.",
      "{He} picked apples for {a_helper} until the sun went down.",
      "\"Help me to clean my house,\" said {a_helper}, and {name} did."),
     ("In the end the {helper} gave {him} {a_thing} as a thank-you.",
      "At the end of the week {he} could buy the {thing}, and {he} was very proud.",
      "The {helper} smiled and handed {him} the {thing}. {Name} danced with joy.",
      "Now {he} had the {thing}, and {he} had a new friend as well.")),
    (("One morning {he} found {a_adj_thing}. \"Whose is it?\" {he} asked.",
      "{He} saw {a_thing} on the ground. It was not {his}.", "By a tree {he} found {a_thing} that somebody had lost."),
     ("{He} asked everybody {he} met. At last {he} met a sad {helper}.",
      "{He} wanted to keep it, but then {he} saw a sad {helper} who was looking for something.",
      "{He} put up a note, and soon {a_helper} came running."),
     ("\"That is my {thing}!\" said the {helper}. {Name} gave it back, and they became friends.",
      "{Name} gave the {thing} to the {helper}, and they shared a cake.",
      "{Name} gave it back, and the {helper} was so glad. They ate a basket of pears together.",
      "{Name} gave the {thing} back at once and felt warm inside.")),
    (("{He} had {a_thing}, but it was broken.", "One day {his} {thing} broke, and {he} was very sad.",
      "{He} dropped {his} {thing}, and it broke in two."),
     ("{He} tried to mend it alone, but it was too hard. Then {a_helper} came with some tools.",
      "{A_helper} said, \"I can mend it, if you hold the lamp.\"",
      "{He} took it to {a_helper}, who was good at mending things."),
     ("Together they mended the {thing}, and it looked like new.",
      "Soon the {thing} was whole again. \"Thank you!\" said {name}.",
      "After an hour the {thing} was mended. {Name} invited the {helper} to tea.",
      "They worked until evening, and then the {thing} was as good as before.")),
    (("{He} had {a_adj_thing} and did not want to share it.", "{He} played with {his} {thing} all alone.",
      "\"This {thing} is only for me,\" {he} always said."),
     ("One day {a_helper} asked, \"May I use it too?\" At first {name} said no.",
      "{A_helper} sat nearby and looked sad. {Name} thought about it for a while.",
      "But it was no fun alone. Then {a_helper} came by."),
     ("Then {he} shared the {thing}, and they both laughed all day.",
      "In the end {he} said yes. It was twice as much fun with a friend.",
      "{Name} shared the {thing} and learned that sharing is nice.",
      "So they took turns with the {thing} and became good friends.")),
    (("{He} had to bring {a_thing} to {his} grandmother, but it began to rain hard.",
      "{He} was carrying {a_thing} home when {he} lost {his} way.",
      "{He} had to carry {a_adj_thing} across the river, but there was no bridge."),
     ("{A_helper} saw {him} and said, \"Come with me.\"",
      "{He} was afraid. Then {he} heard a friendly voice. It was {a_helper}.",
      "{He} sat down and waited. After a while {a_helper} came along."),
     ("The {helper} showed {him} the way, and {name} got home with the {thing} before night.",
      "With a friend it was easy, and soon the {thing} was where it should be.",
      "They went on together. That evening {name} put the {thing} on the table and smiled.",
      "The {helper} helped {him} to carry the {thing}, and all went well.")),
)
_CLOSE = (
    "That night {he} slept very well.", "It was a good day.", "{Name} never forgot that day.",
    "And they all had dinner together.", "From that day on they met every {day}.",
    "{He} told the story to all {his} friends.", "\"What a day!\" said {name}.",
    "And {he} learned that it is good to ask for help.",
)
_STORY = ("story", "story", "story", "tale", "little story", "short story", "short story", "short tale",
          "bedtime story", "nice story", "simple story")
_ASK_BODIES = (
    "tell me {a_story} about {about}", "tell {a_story} about {about}", "write {a_story} about {about}",
    "write me {a_story} about {about}", "make up {a_story} about {about}",
    "think of {a_story} about {about}", "invent {a_story} about {about}", "give me {a_story} about {about}",
    "tell us {a_story} with {about}", "write {a_story} with {about} in it",
    "share {a_story} about {about}", "tell my child {a_story} about {about}",
    "write a few sentences about {about} as {a_story}", "create {a_story} about {about}",
    "read me {a_story} about {about}", "come up with {a_story} about {about}",
    "say {a_story} in which {about} can be found", "tell me a tale of {about}",
)
_ASK_WHOLE = (
    "I want to hear {a_story} about {about}.", "I would love {a_story} about {about}.",
    "{A_story} about {about}, please.", "Do you know {a_story} about {about}?",
    "Let me hear {a_story} about {about}.", "What could happen to {about}? Tell me in {a_story}.",
    "My daughter wants {a_story} about {about}.",
    "My son would like to hear {a_story} about {about}.", "I cannot sleep. Is there {a_story} about {about}?",
    "Have you got {a_story} about {about}?",
    "We need {a_story} about {about} for school.", "It is bedtime. Tell us {a_story} about {about}.",
    "How about {a_story} about {about}?", "Once upon a time... go on with {a_story} about {about}.",
)


def document(rng: random.Random) -> Document:
    """Return a request for a story and the story; one in six asks for a small part of a given story."""
    who, named, cast = _cast(rng)
    story = _tell(rng, cast)
    if rng.random() < 0.17:
        return _about_story(rng, cast, story)
    about, asked_kind = _about(rng, who, cast)
    kind = pick(rng, _STORY)
    slots = {"a_story": a(kind), "A_story": capital(a(kind)), "about": about}
    if rng.random() < 0.6:
        asked = request(rng, pick(rng, _ASK_BODIES).format(**slots))
    else:
        asked = sloppy(rng, pick(rng, _ASK_WHOLE).format(**slots))
    return ask(f"stories/{asked_kind}", asked, story, key=named, rule="contains")


def _cast(rng: random.Random) -> tuple[str, str, _Cast]:
    """Return how the request names the hero, the key word, and the cast."""
    thing, place, helper = pick(rng, _THINGS), pick(rng, _PLACES), pick(rng, _HELPERS)
    girl = rng.random() < 0.5
    he, him, his = ("she", "her", "her") if girl else ("he", "him", "his")
    if rng.random() < 0.55:
        animal = pick(rng, tuple(x for x in ANIMALS if x != helper))
        shown = f"{pick(rng, _MOOD)} {animal}" if rng.random() < 0.4 else animal
        first = shown if " " in shown or rng.random() < 0.5 else f"{pick(rng, _MOOD)} {animal}"
        return a(shown), animal, _Cast(a(first), f"the {animal}", he, him, his, thing, place, helper)
    name = pick(rng, NAMES_F if girl else NAMES_M)
    child = "girl" if girl else "boy"
    shown = pick(rng, (name, f"a {child} called {name}", f"a {child} named {name}"))
    first = pick(rng, (f"a {child} called {name}", f"{a(pick(rng, _CHILD_MOOD))} {child} named {name}",
                       f"{a(pick(rng, _CHILD_MOOD))} {child} called {name}"))
    return shown, name, _Cast(first, name, he, him, his, thing, place, helper)


def _about(rng: random.Random, who: str, cast: _Cast) -> tuple[str, str]:
    """Return what the request asks the story to be about, and the kind that makes."""
    dice = rng.random()
    if dice < 0.2:
        return who, "hero"
    if dice < 0.55:
        return f"{who} and {a(cast.thing)}", "thing"
    if dice < 0.7:
        return f"{who} {cast.place}", "place"
    if dice < 0.85:
        return f"{who}, {a(cast.thing)} and {a(cast.helper)}", "helper"
    return f"{who} and {a(cast.thing)} {cast.place}", "all"


def _tell(rng: random.Random, cast: _Cast) -> str:
    """Return the story of the cast in three to eight sentences."""
    want, help_, end = pick(rng, _PLOTS)
    parts = [pick(rng, _OPEN), pick(rng, want), pick(rng, help_), pick(rng, end)]
    if rng.random() < 0.45:
        parts.insert(1, pick(rng, _MORE))
    if rng.random() < 0.5:
        parts.append(pick(rng, _CLOSE))
    adjective = pick(rng, (*COLOURS, "new", "shiny", "small", "old", "beautiful", "wooden", "golden"))
    slots = {
        "who": cast.who, "Who": capital(cast.who), "name": cast.name, "Name": capital(cast.name), "he": cast.he,
        "He": capital(cast.he), "him": cast.him,
        "his": cast.his, "His": capital(cast.his), "thing": cast.thing, "a_thing": a(cast.thing),
        "a_adj_thing": a(f"{adjective} {cast.thing}"),
        "place": cast.place, "helper": cast.helper, "a_helper": a(cast.helper), "A_helper": capital(a(cast.helper)),
        "weather": pick(rng, tuple(w for w in WEATHER if w not in ("icy", "humid"))), "day": pick(rng, WEEKDAYS),
    }
    text = " ".join(parts).format(**slots)
    return _hers(text, cast)


def _hers(text: str, cast: _Cast) -> str:
    """Return the text with the possessive pronoun that stands alone put right ("It was not her." -> "hers")."""
    return text.replace("It was not her.", "It was not hers.") if cast.his == "her" else text


def _about_story(rng: random.Random, cast: _Cast, story: str) -> Document:
    """Return a question on a given story: who helped, what the thing was, where it took place."""
    hero = cast.name
    asks = [
        (("Which animal or person helped in this story?", f"Who met {hero} in this story?", "Who was the helper?",
          "Who helped?"), f"It was {a(cast.helper)}.", cast.helper),
        (("Which thing is the story about?", "What thing is this story about?",
          f"What was the thing that {hero} had or wanted?", "Which object is important here?"),
         f"The story is about {a(cast.thing)}.", cast.thing),
        (("Where does the story take place?", "Where does this story happen?", "Where does it begin?",
          "In which place does the story start?"),
         f"The story begins {cast.place}.", cast.place),
    ]
    forms, answer, key = pick(rng, asks)
    asked = sloppy(rng, pick(rng, forms))
    lead = pick(rng, ("Read this story: ", "Here is a story: ", "", "Story: ", "Listen: "))
    shape = rng.random()
    gap = pick(rng, ("\n", "\n", "\n\n"))
    text = f"{asked}\n{story}" if shape < 0.2 else f"{lead}{story}{gap}{asked}"
    return ask("stories/question", text, answer, key=key, rule="contains")
