"""Reviews of devices, food, films, hotels and lessons, made of parts, and the question how they sound.

A review is two to four clauses of one feeling with neutral ones between them; a mixed review is neutral.
The labels are always named in the prompt, and how the answer is written follows from the prompt.
"""

from __future__ import annotations

# Tables are wrapped by hand: one entry a line would make this file several times as long.
# fmt: off
import random
from dataclasses import dataclass

from starter.corpus.document import Document, ask
from starter.corpus.phrasing import request, request_on, sloppy
from starter.corpus.world import DEVICES, FOODS, MONTHS, NAMES, SUBJECTS, TOWNS, WEEKDAYS, a, capital, pick, sample

_PARTS = tuple("button handle switch plug lid light cable motor cover case display stand base front top".split())


@dataclass(frozen=True, slots=True)
class _Topic:
    """What one kind of review can say; {x} the thing, {p} its part, {n} {t} {d} {m} name, town, day, month."""

    things: tuple[str, ...]
    parts: tuple[str, ...]
    good: tuple[str, ...]
    bad: tuple[str, ...]
    plain: tuple[str, ...]


_GOOD_ADJ = "great wonderful excellent lovely fantastic perfect very_good really_nice superb brilliant amazing".split()
_BAD_ADJ = "terrible awful bad very_poor horrible dreadful disappointing useless really_bad a_mess".split()
_PLAIN_ADJ = "okay average normal all_right nothing_special fine_but_not_special just_standard".split()
_GOOD_ANY = (
    "I love it", "we loved every minute of it", "I am very happy with it", "I would choose it again",
    "it was worth every coin",
    "I tell all my friends about it", "it made my day", "I could not be happier", "thank you so much",
    "five stars from me",
    "it is better than I hoped", "everything was just right", "what a nice surprise", "I will be back soon",
    "well done",
)
_BAD_ANY = (
    "I hate it", "I want my money back", "what a waste of money", "never again", "I am very unhappy with it",
    "do not choose it",
    "it ruined my day", "it is worse than I feared", "one star from me", "I am really angry",
    "nobody should pay for this",
    "I was so disappointed", "nothing was right", "I regret it", "I would not give it to my worst enemy",
)
_PLAIN_ANY = (
    "it is neither good nor bad", "I have no strong feelings about it", "it does what it says and no more",
    "it is what I expected",
    "some things are good and some are not", "I may or may not use it again", "it is about average", "three stars",
)
_GENERAL = _GOOD_ANY + _BAD_ANY + _PLAIN_ANY  # these stand alone: joined by "and" they read oddly
_TOPICS = (
    _Topic(
        tuple(d for d in DEVICES if d not in ("app", "bike")), _PARTS,
        ("the {p} works perfectly", "the {p} is strong and well made", "it is easy to use", "it still runs like new",
         "it came a day early",
         "the {p} feels great", "it is quiet and fast", "my family uses this {x} every day and smiles",
         "it saved me a lot of time",
         "the service was kind and quick", "{n} is jealous of my {x}", "the {p} is bright and clear"),
        ("the {p} broke after two days", "the {p} does not work", "it makes a horrible noise",
         "it stopped working in {m}", "it arrived broken",
         "the {p} fell off at once", "it gets far too hot", "nobody answers my messages", "the {p} is cheap and weak",
         "it is slow and loud",
         "I had to send it back", "the {p} was missing from the box"),
        ("I bought the {x} on {d}", "the {x} came with a {p}", "I use it in the kitchen", "it was made in {m}",
         "it has one {p}",
         "the box was brown", "{n} has the same {x}", "it weighs two kilograms", "I bought it in {t}")),
    _Topic(
        FOODS, ("sauce", "side dish", "smell", "portion", "top", "middle", "taste", "recipe"),
        ("it was fresh and tasty", "the {p} was delicious", "the cook did a fine job", "I asked for more",
         "it tasted like my grandmother's",
         "every bite was a joy", "the waiter was friendly", "the {p} was just right", "it was hot and full of taste",
         "my children ate it all"),
        ("it was cold and dry", "the {p} tasted of nothing", "it was burnt", "I found a hair in it", "it made me ill",
         "I left it on the plate",
         "the waiter was rude", "the {p} was too salty", "it smelled bad", "it was raw in the middle"),
        ("I ate it on {d}", "I had the {x} for lunch", "it came on a white plate", "I shared it with {n}",
         "the café is in {t}",
         "they serve it from noon", "it costs four coins", "the {x} is on the menu in {m}")),
    _Topic(
        ("film", "play", "show", "book", "concert", "song", "story"),
        ("ending", "music", "beginning", "main part", "middle"),
        ("the {p} was beautiful", "I laughed the whole time", "the actors were brilliant", "I want to see it again",
         "it moved me to happy tears",
         "the {p} was exciting", "my whole family enjoyed it", "time flew by", "we clapped for ten minutes"),
        ("the {p} was boring", "I fell asleep", "the actors were bad", "I left before the end", "it made no sense",
         "it was much too long",
         "the {p} was stupid", "we wanted to go home", "the sound hurt my ears"),
        ("we saw it on {d}", "it lasts two hours", "it is about a person called {n}", "it plays in {t}",
         "it came out in {m}", "the seats were blue",
         "it starts at seven")),
    _Topic(
        ("hotel", "campsite", "guest house", "restaurant", "holiday flat", "inn"),
        ("room", "bed", "breakfast", "garden", "bathroom", "view"),
        ("the {p} was clean and bright", "the staff were friendly", "I slept like a baby", "the {p} was wonderful",
         "they welcomed us with a smile",
         "we did not want to leave", "the {p} was better than at home", "they helped us with everything"),
        ("the {p} was dirty", "the staff were rude", "I could not sleep because of the noise",
         "the {p} was cold and dark", "there were insects everywhere",
         "the {p} smelled bad", "we left a day early", "nobody helped us"),
        ("we stayed for two nights in {m}", "it is near the station in {t}", "we arrived on {d}",
         "it has twenty rooms", "{n} booked it", "the {x} is by a road",
         "there is a lift")),
    _Topic(
        (*(f"{s} lesson" for s in SUBJECTS), "cooking class", "swimming course", "dance class"),
        ("teacher", "homework", "test", "explanation", "game at the end"),
        ("I learned so much", "the {p} was great", "time passed so quickly", "everybody joined in and had fun",
         "now I understand it all", "I look forward to the next one",
         "the {p} made us all smile"),
        ("I learned nothing", "the {p} was terrible", "it was so boring", "nobody understood a word",
         "I wanted to run away", "the {p} was unfair",
         "it was a waste of an afternoon"),
        ("it was on {d}", "it lasted one hour", "{n} sat next to me", "we used the red book",
         "there were twelve of us", "it takes place in {t}", "it started in {m}")),
)
_BODIES = (
    "say if this review is positive, negative or neutral",
    "tell me the sentiment of this review: positive, negative or neutral",
    "label this text as positive, negative or neutral", "decide whether this is positive, negative or neutral",
    "classify the review as positive, negative or neutral",
    "choose one label for this review, positive, negative or neutral",
    "find the mood of this review (positive, negative, neutral)",
    "give this review a label: positive, negative or neutral",
    "read this review and say if it is positive, negative or neutral",
    "judge if the writer sounds positive, negative or neutral",
    "sort this opinion into positive, negative or neutral",
    "name the feeling of this text: positive, neutral or negative",
    "mark this comment as negative, neutral or positive", "pick the right label, negative, positive or neutral",
)
_ASKS = (
    "Is this review positive, negative or neutral?", "What is the sentiment here: positive, negative or neutral?",
    "Positive, negative or neutral?",
    "Which label fits: positive, negative or neutral?", "How does the writer feel: positive, negative or neutral?",
    "Does this sound positive, negative or neutral?",
    "Is the opinion positive, negative, or neutral?", "What kind of review is this - positive, negative or neutral?",
    "Would you call this positive, negative or neutral?",
)
_ONE = (
    "Answer with one word.", "Use one word only.", "Reply with the label only.", "Just the label, please.",
    "One word.", "Only write the label.",
    "Give me only the label.", "No explanation, just the label.",
)
_HAPPY_ASKS = (
    "Is the customer happy?", "Is the writer happy with it?", "Did the person like it?", "Does the writer like it?",
    "Was the customer pleased?", "Is this person satisfied?",
)


def document(rng: random.Random) -> Document:
    """Return a review with the question how it sounds, or (one time in eight) the wish to write one."""
    dice = rng.random()
    label = pick(rng, ("positive", "positive", "negative", "negative", "neutral"))
    if dice < 0.1:
        return _write(rng, label)
    if dice < 0.25:
        return _happy(rng)
    review = _review(rng, label)
    if rng.random() < 0.55:
        asked = request_on(rng, pick(rng, _BODIES), review)
    else:
        asked = _around(rng, sloppy(rng, pick(rng, _ASKS)), review)
    if rng.random() < 0.5:
        joint = "\n" if "\n" in asked or asked[-1] not in ".?!" else " "
        return ask("sentiment/label", f"{asked}{joint}{pick(rng, _ONE)}", label, key=label)
    return ask("sentiment/sentence", asked, f"The review is {label}.", key=f"is {label}", rule="contains")


def _around(rng: random.Random, asked: str, review: str) -> str:
    """Return the review with the question before or after it."""
    shown = f'"{review}"' if rng.random() < 0.5 else review
    label = pick(rng, ("Review: ", "Review: ", "Comment: ", "Text: ", "Customer: ", "", ""))
    return pick(rng, (f"{label}{shown}\n{asked}", f"{asked}\n{label}{shown}", f"{label}{shown}\n\n{asked}",
                      f"{asked}\n\n{shown}", f"{shown} {asked}"))


def _fill(rng: random.Random, topic: _Topic, thing: str, clause: str) -> str:
    """Return a clause with its slots filled."""
    return clause.format(x=thing, p=pick(rng, topic.parts), n=pick(rng, NAMES), t=pick(rng, TOWNS),
                         d=pick(rng, WEEKDAYS), m=pick(rng, MONTHS))


def _review(rng: random.Random, label: str, thing_wanted: tuple[_Topic, str] | None = None) -> str:
    """Return a review with the feeling of the label."""
    topic = pick(rng, _TOPICS)
    topic, thing = thing_wanted or (topic, pick(rng, topic.things))
    adjective = pick(rng, {"positive": _GOOD_ADJ, "negative": _BAD_ADJ, "neutral": _PLAIN_ADJ}[label]).replace("_", " ")
    clauses = [pick(rng, (f"this {thing} is {adjective}", f"the {thing} was {adjective}",
                          f"I think the {thing} was {adjective}", f"in my opinion this {thing} is {adjective}"))]
    if rng.random() < 0.3:
        clauses = []
    own, general = {"positive": (topic.good, _GOOD_ANY), "negative": (topic.bad, _BAD_ANY),
                    "neutral": (topic.plain, _PLAIN_ANY)}[label]
    clauses += sample(rng, own, rng.randint(1, 2))
    if rng.random() < 0.6 or (label == "neutral" and len(clauses) < 2):
        clauses.append(pick(rng, general))
    if label != "neutral" and rng.random() < 0.4:
        clauses.insert(0, pick(rng, topic.plain))
    if label == "neutral" and rng.random() < 0.3:
        clauses.append(f"{pick(rng, topic.good)}, but {pick(rng, topic.bad)}")
    return _prose(rng, [_fill(rng, topic, thing, clause) for clause in clauses])


def _prose(rng: random.Random, clauses: list[str]) -> str:
    """Return the clauses as sentences, at times two of them joined by "and"."""
    sentences: list[str] = []
    for clause in clauses:
        joins = sentences and clause not in _GENERAL and ", but " not in clause and " and " not in sentences[-1]
        if joins and rng.random() < 0.25:
            sentences[-1] = f"{sentences[-1]} and {clause}"
        else:
            sentences.append(clause)
    mark = "!" if rng.random() < 0.15 else "."
    return " ".join(capital(s) + (mark if s == sentences[-1] else ".") for s in sentences)


def _happy(rng: random.Random) -> Document:
    """Return the yes-or-no form: is the writer happy?"""
    good = rng.random() < 0.5
    asked = _around(rng, sloppy(rng, pick(rng, _HAPPY_ASKS)), _review(rng, "positive" if good else "negative"))
    tail = pick(rng, ("Answer yes or no.", "Yes or no?", "Just yes or no."))
    joint = "\n" if "\n" in asked or asked[-1] not in ".?!" else " "
    answer = "Yes." if good else "No."
    return ask("sentiment/happy", f"{asked}{joint}{tail}", answer, key=answer)


def _write(rng: random.Random, label: str) -> Document:
    """Return the wish for a review of a given feeling and a review that has it."""
    topic = pick(rng, _TOPICS)
    thing = pick(rng, topic.things)
    word = pick(rng, {"positive": ("positive", "good", "happy"), "negative": ("negative", "bad", "angry"),
                      "neutral": ("neutral",)}[label])
    head = pick(rng, (f"write {a(word)} review", f"write a short {word} review", f"make up {a(word)} review",
                      f"give me an example of {a(word)} review"))
    body = f"{head} of {pick(rng, ('this ' + thing, a(thing), 'the ' + thing))}"
    return ask("sentiment/write", request(rng, body), _review(rng, label, (topic, thing)))
