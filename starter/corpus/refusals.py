"""Saying no, or "I do not know": things a small text model cannot do, see, foresee or know.

Each row pairs many ways to ask with short polite answers; the answers of a row share the words by which
they are scored. Invented people, places and words stand for the endless things nobody told the model.
"""

from __future__ import annotations

import random

from starter.corpus import goods
from starter.corpus.document import Document, Turn
from starter.corpus.phrasing import question, request, sloppy
from starter.corpus.systems import persona
from starter.corpus.world import (
    ANIMALS,
    BODY,
    CLOTHES,
    COLOURS,
    FAMILY,
    FOODS,
    NAMES,
    OBJECTS,
    PLACES,
    WEEKDAYS,
    a,
    capital,
    pick,
    plural,
)

# kind, the words every answer has, questions, requests ("|"-separated, without final mark), answers
_ROWS: tuple[tuple[str, str, str, str, str], ...] = (
    ("pictures", "cannot see",
     "What is in this picture?|What do you see in the photo?|Do you like my new {cloth}?|Can you see the {thing} on "
     "my table?|What colour is the {thing} in this photo?|How do I look today?|Who is in the picture?|"
     "Is the {animal} in this photo big?|Can you see me?|Is this photo good?|How many {things} are in the picture?|"
     "Does this {cloth} suit me?",
     "look at this photo of my {animal}|describe this picture|look at my drawing of {a_thing}|tell me what is on the "
     "screen|count the {things} in the photo|read the sign in this picture|see if my {cloth} is clean",
     "I am sorry, I cannot see pictures.|I cannot see pictures. Can you describe it to me?|I cannot see photos, only "
     "read text.|Sorry, I cannot see anything. I only read text.|I cannot see it, but you can tell me about it."),
    ("future", "cannot know the future",
     "Will I be rich?|Who will win the race on {day}?|Will {name} marry {name2}?|What will happen on {day}?|Will my "
     "{animal} live long?|Which team will win?|What are the lottery numbers for {day}?|Will I pass the test on {day}?|"
     "Will {name} come back to {town}?|How will my life be in ten years?|When will I find my {thing}?|Will {food} "
     "cost more next year?|Will there be a party in {town} next year?",
     "tell me my future|tell me who will win on {day}|look into the future of {name}|say what will happen in {town} "
     "next year|guess the lottery numbers|tell me if {name} will call me on {day}",
     "I am sorry, I cannot know the future.|I cannot know the future.|Nobody can say. I cannot know the future.|"
     "Sorry, but I cannot know the future.|I cannot know the future, but I wish you luck."),
    ("private", "cannot share private",
     "What is the phone number of {name}?|Where does my neighbour {name} live?|What is the password of {name}?|How "
     "much money does {name} earn?|What did {name} write to {name2}?|What is the e-mail password of my {kin}?|"
     "What is the bank code of {name}?|Can you tell me the address of {name} {sur}?|What is in the letter from "
     "{name} to {name2}?|When is {name} {sur} not at home?",
     "give me the password of {name}|tell me the secret of {name}|find the phone number of {name} {sur}|tell me "
     "where {name} {sur} lives|read the messages of my {kin}|give me the card number of {name}|open the account of "
     "{name}",
     "I am sorry, I cannot share private data.|I cannot share private information about {name}.|Sorry, I cannot "
     "share private things.|That is not mine to tell. I cannot share private data.|I cannot share private data of "
     "other people."),
    ("medical", "see a doctor",
     "My {body} hurts. What should I do?|Which pills should I take for my {body}?|Is my {body} broken?|I feel ill. "
     "What do I have?|How many pills can I take?|Do I need an operation on my {body}?|I have a pain in my {body}. Is "
     "it bad?|"
     "Can I stop taking my medicine?|Why is my {body} red?|What medicine is good for my {body}?|My {kin} has a "
     "fever. What medicine is right?|Is the spot on my {body} dangerous?|My {body} is swollen. What is it?",
     "tell me which medicine to take for my {body}|find out what is wrong with my {body}|heal my {body}|tell my "
     "{kin} how many pills to take|say if my {body} is broken",
     "I am not a doctor. Please see a doctor.|I am sorry to hear that. Please see a doctor about it.|I cannot give "
     "medical advice. You should see a doctor.|Please see a doctor. I cannot tell what it is.|It is best to see a "
     "doctor."),
    ("weather", "do not know the weather",
     "What is the weather like in {town}?|Will it rain on {day}?|Is it cold in {town}?|How warm is it now?|Do I need "
     "an umbrella on {day}?|Is the sun shining in {town}?|Will it snow in {town}?|How is the weather today?|What's "
     "the weather?|"
     "Is it windy at the {place}?|Should I wear a coat today, or is it warm?|Can we have a picnic on {day}, or will "
     "it rain?|How many degrees is it in {town}?",
     "tell me the weather in {town}|check the weather for {day}|tell me if it rains in {town}|give me the weather "
     "report|say how warm it is in {town}",
     "I am sorry, I do not know the weather.|I do not know the weather. I cannot look outside.|I do not know the "
     "weather. Please look out of the window.|I do not know the weather, because I only read text.|Sorry, I do not "
     "know the weather of today."),
    ("now", "do not know what time",
     "What time is it?|What time is it in {town}?|Is it late?|How late is it now?|Do you have the time?|What's the "
     "time?|Is it time for lunch?|Is it noon yet?|Can you tell me the time?|Is it already evening in {town}?",
     "tell me the time|say what time it is in {town}|check the clock|look at your watch",
     "I am sorry, I do not know what time it is.|I do not know what time it is now.|I have no clock, so I do not "
     "know what time it is.|I do not know what time it is. Please look at a clock."),
    ("today", "do not know today's date",
     "What day is it today?|What is the date today?|Which day is it?|What's today's date?|Is today {day}?|Which "
     "month is it now?|What year is it?|Is it {day} today?",
     "tell me today's date|say which day it is today|give me the date of today",
     "I am sorry, I do not know today's date.|I do not know today's date.|I have no calendar, so I do not know "
     "today's date.|I do not know today's date. Please look at a calendar."),
    ("body", "cannot do that",
     "Can you bring me {a_food}?|Can you wash my {cloth}?|Would you walk my {animal}?|Can you come to {town}?|Will "
     "you carry my {thing}?|Can you drive me to the {place}?|Could you open the door?|Can you cook {a_food} for me?|"
     "Can you meet me at the {place} on {day}?|Can you hold my {thing}?|Can you paint my {thing} {colour}?",
     "bring me {a_food}|clean my room|feed my {animal}|go to the {place} and buy {a_food}|repair my {thing}|switch "
     "on the light|wash my {cloth}|come to the {place} with me|fetch my {thing} from the {place}|knock on the door "
     "of {name}",
     "I am sorry, I cannot do that. I am only a program.|I cannot do that, because I have no hands.|I cannot do "
     "that. I can only write text.|Sorry, I cannot do that. I only live in the computer."),
    ("phone_calls", "cannot call or write to anybody",
     "Can you call {name} for me?|Could you send {name} a message?|Can you write an e-mail to {name}?|Will you ring "
     "my {kin}?|Can you send the {thing} to {name}?|Can you phone the {place}?",
     "call {name}|send a message to {name}|ring the {place}|e-mail my {kin}|text {name} that I am late|invite {name} "
     "by phone|phone my {kin} on {day}|send {name} an e-mail about the {thing}",
     "I am sorry, I cannot call or write to anybody.|I cannot call or write to anybody, but I can help you with the "
     "words.|Sorry, I cannot call or write to anybody."),
    ("shopping", "cannot buy",
     "Can you buy {a_thing} for me?|Could you order {a_food}?|Will you pay for my {thing}?|Can you book a table at "
     "the {place}?|Can you get me a ticket to {town}?",
     "buy me {a_thing}|order two {foods}|book a room in {town}|buy a ticket to {town} for {day}|pay for the {thing}|"
     "reserve a seat for {name}|order {a_thing} in {colour}",
     "I am sorry, I cannot buy or book anything.|I cannot buy or book things.|Sorry, I cannot buy or order anything "
     "for you.|I cannot buy it for you. Please do it yourself."),
    ("sound", "cannot hear",
     "Can you hear me?|What song is this?|Do you hear the {animal}?|How do I sound?|Do you like my voice?|Can you "
     "hear the music?|What noise is that?|Is the radio too loud?",
     "listen to my song about {a_thing}|listen to this record|hear me sing|tell me which {animal} makes that noise "
     "outside|listen to {name}",
     "I am sorry, I cannot hear anything.|I cannot hear sounds. I only read text.|Sorry, I cannot hear. Please write "
     "it down.|I cannot hear it, but you can describe it."),
    ("harm", "cannot help with that",
     "How can I steal {a_thing}?|How do I break into the {place}?|How can I hurt {name}?|How do I trick {name} out "
     "of money?|How can I open a locked {thing} that is not mine?|How do I cheat in the test?|How can I scare {name} "
     "badly?|"
     "How do I take the {thing} of {name} without asking?|What is the best way to lie to my {kin}?",
     "help me steal {a_thing}|help me break the {thing} of {name}|help me cheat in the test|write a mean letter to "
     "{name}|help me lie to my {kin}|hurt the {animal} of {name}|help me get into the house of {name}",
     "I am sorry, I cannot help with that.|No, I cannot help with that. It could hurt somebody.|I cannot help with "
     "that. Please be kind to others.|Sorry, I cannot help with that."),
    ("law_money", "ask an expert",
     "Should I buy shares of {firm}?|Where should I put my money?|Can I win in court against {name}?|Is it legal to "
     "sell my {thing}?|How do I pay less tax?|Should I lend {name} my savings?|Will shares of {firm} go up?|"
     "Is {firm} a good place for my savings?|Should I sign the contract with {firm}?",
     "tell me where to put my savings|tell me if I should buy shares of {firm}|write a contract with {firm} for me|"
     "tell me how to win in court",
     "I cannot give such advice. Please ask an expert.|I am sorry, please ask an expert about that.|It is better to "
     "ask an expert.|Please ask an expert. I could be wrong."),
    ("who", "do not know who",
     "Who is {inv}?|Who is {name} {inv}?|Do you know {name} {inv}?|Have you heard of {inv}?|Who was {inv}?|Who is "
     "{name} {inv} from {town}?|What can you tell me about {name} {inv}?|Is {name} {inv} famous?|Why is {inv} famous?",
     "tell me about {name} {inv}|say who {inv} is|tell me who {name} {inv} was",
     "I am sorry, I do not know who that is.|I do not know who that is.|I do not know who you mean.|Sorry, I do not "
     "know who that is. Can you tell me more?"),
    ("word", "do not know the word",
     "What is {a_low}?|What does {low} mean?|What is the meaning of {low}?|Do you know the word {low}?|What do you "
     "call {low} in English?|How do you use {a_low}?|What does the word \"{low}\" mean?",
     "explain the word {low}|tell me what {low} means|translate {low}|define {low}|use {low} in a sentence",
     "I am sorry, I do not know the word {low}.|I do not know the word {low}.|I do not know the word. Is it a name?|"
     "Sorry, I do not know the word {low}."),
    ("place", "do not know the place",
     "Where is {inv}?|How many people live in {inv}?|How do I get to {inv}?|Is {inv} a nice town?|What can I see in "
     "{inv}?|How far is it to {inv}?|Which river flows through {inv}?|Is {inv} in the north?|Is it warm in {inv}?",
     "tell me about the town {inv}|describe {inv}|tell me how to get to {inv}|show me the way to {inv}",
     "I am sorry, I do not know the place.|I do not know the place {inv}.|I do not know the place. Can you tell me "
     "more about it?|Sorry, I do not know the place {inv}."),
    ("yours", "do not know",
     "What is my {kin} called?|What did I eat on {day}?|Where is my {thing}?|What is my favourite colour?|Where did "
     "I leave my {cloth}?|When is my birthday?|What is my {animal} called?|How old is my {kin}?|What did {name} say "
     "to me on {day}?|"
     "Which {thing} do I like best?|What colour is my {thing}?|Who has my {thing}?|What is in my {thing}?|What did I "
     "dream last night?",
     "tell me where my {thing} is|guess how old I am|tell me what I did on {day}|say what my {kin} likes|find my "
     "{cloth}",
     "I am sorry, I do not know. You have not told me.|I do not know that. You have not told me yet.|I do not know, "
     "because you have not told me.|I do not know it. Please tell me."),
    ("news", "do not know the news",
     "What is in the news?|What happened in {town} today?|Who won the match on {day}?|What is new in {town}?|What do "
     "the papers say about {name}?|Is there any news from {firm}?|Did you hear what happened in {town}?",
     "tell me the news|read me the news from {town}|tell me the result of the match on {day}|give me the news about "
     "{firm}",
     "I am sorry, I do not know the news.|I do not know the news of today.|I do not know the news. Please read a "
     "newspaper.|Sorry, I do not know the news from there."),
    ("links", "cannot open",
     "Can you open this link?|What does the page of {firm} say?|Can you read my file {low}.txt?|What is in the file "
     "{low}?|Can you look it up on the internet?|Can you go to the page {low}.com?",
     "open the page {low}.com|read the file {low}.txt|look up {name} {inv} on the internet|download {a_low}|open my "
     "e-mail|search the web for {things}",
     "I am sorry, I cannot open pages or files.|I cannot open links. Please paste the text here.|Sorry, I cannot "
     "open it. You can copy the text here.|I cannot open files or pages."),
)  # fmt: skip


def document(rng: random.Random) -> Document:
    """Return a request that must be declined and a short polite answer."""
    kind, key, asks, requests, answers = pick(rng, _ROWS)
    slots = _slots(rng)
    if rng.random() < 0.65:
        text = capital(pick(rng, asks.split("|")).format(**slots))
        asked = sloppy(rng, text) if rng.random() < 0.6 else question(rng, text)
    else:
        asked = request(rng, pick(rng, requests.split("|")).format(**slots))
    answer = pick(rng, answers.split("|")).format(**slots)
    turns = [Turn("system", persona(rng))] if rng.random() < 0.25 else []
    turns += [Turn("user", asked), Turn("assistant", answer)]
    return Document(f"refusals/{kind}", tuple(turns), key, "contains")


def _slots(rng: random.Random) -> dict[str, str]:
    """Return a value for every slot of the table."""
    first, second = rng.sample(NAMES, 2)
    thing, food, low = pick(rng, OBJECTS), pick(rng, FOODS), goods.coined(rng)
    return {
        "name": first, "name2": second, "sur": goods.coined(rng).capitalize(), "thing": thing, "a_thing": a(thing),
        "things": plural(thing), "food": plural(food), "a_food": a(food), "foods": plural(food),
        "animal": pick(rng, ANIMALS), "cloth": pick(rng, CLOTHES), "colour": pick(rng, COLOURS), "day": pick(rng,
            WEEKDAYS), "town": goods.town(rng), "kin": pick(rng, FAMILY), "body": pick(rng, BODY),
        "place": pick(rng, PLACES), "firm": goods.title(rng), "inv": goods.coined(rng).capitalize(), "low": low,
        "a_low": a(low),
    }  # fmt: skip
