"""What can be known about a person, an event, a club, a trip, a dish, a train, a house, a pet: tables for short notes.

Only tables and the way to draw a subject for each, as in `sheet_products.py`. Knows nothing of prompts.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from starter.corpus import goods as g
from starter.corpus.sheet import Attribute, Subject
from starter.corpus.sheet import attribute as at
from starter.corpus.world import (
    ANIMALS,
    COLOURS,
    DRINKS,
    FOODS,
    HOBBIES,
    INSTRUMENTS,
    JOBS,
    MONTHS,
    NAMES,
    OBJECTS,
    PETS,
    PLACES,
    ROOMS,
    STAPLES,
    SUBJECTS,
    VEHICLES,
    a,
    capital,
    count,
    join_and,
    person,
    pick,
    plural,
)  # fmt: skip

_GATHERINGS = tuple("Festival Party Market Concert Race Fair Meeting Show Picnic Parade Evening Workshop".split())
_HOUSES = ("House", "Cottage", "Flat", "Villa", "Lodge", "Cabin", "Hostel")


def _someone(rng: random.Random) -> Subject:
    who = person(rng)
    name = who.name if rng.random() < 0.7 else f"{who.name} {g.coined(rng).capitalize()}"
    return Subject(name, name, who.he, who.his, who.him)


PERSON = (
    at("Job", "job", lambda r: pick(r, JOBS), "{ss} job is {v}.|The job of {s} is {v}.",
       "What is {ss} job?|What does {s} do for a living?|What is the job of {s}?|As what does {s} work?|Which job "
       "does {s} have?|How does {s} earn money?",
       "The job of {s} is {v}.|{ss} job is {v}."),
    at("Home", "home town|home", g.town, "{s} lives in {v}.|{ss} home is in {v}.",
       "Where does {s} live?|In which town does {s} live?|Where is {ss} home?|What town does {s} live in?|Where can "
       "one find {s} at home?",
       "{s} lives in {v}."),
    at("Born in", "birthplace", g.town, "{s} was born in {v}.|{s} comes from {v}.",
       "Where was {s} born?|Where does {s} come from?|In which town was {s} born?|What is {ss} birthplace?",
       "{s} was born in {v}.|{s} comes from {v}."),
    at("Age", "age", lambda r: g.number(r, 5, 95), "{s} is {v} years old.",
       "How old is {s}?|What age is {s}?|What is {ss} age?|How many years old is {s}?",
       "{s} is {v} years old.|{s} is {v}."),
    at("Birthday", "birthday", g.date, "{ss} birthday is on {v}.|{s} celebrates a birthday on {v}.",
       "When is {ss} birthday?|On what day does {s} have a birthday?|When does {s} celebrate?|What is the date of "
       "{ss} birthday?", "{ss} birthday is on {v}."),
    at("Pet", "pet", lambda r: f"{a(pick(r, PETS))} called {g.coined(r).capitalize()}",
        "{s} has {v}.|At home {s} keeps {v}.",
       "What pet does {s} have?|Does {s} have a pet?|Which animal lives with {s}?|What animal does {s} keep?",
       "{s} has {v}."),
    at("Hobby", "hobby|pastime", lambda r: pick(r, HOBBIES),
        "{s} likes {v}.|{ss} hobby is {v}.|In the evenings {s} enjoys {v}.",
       "What does {s} like?|What is {ss} hobby?|What does {s} do for fun?|What does {s} enjoy?|How does {s} spend "
       "free time?", "{s} likes {v}.|{ss} hobby is {v}."),
    at("Favourite food", "favourite food", lambda r: plural(pick(r, FOODS)),
        "{ss} favourite food is {v}.|Most of all {s} likes to eat {v}.",
       "What is {ss} favourite food?|What does {s} like to eat?|Which food does {s} like best?|What food should I "
       "make for {s}?", "{ss} favourite food is {v}.|{s} likes to eat {v}."),
    at("Phone", "phone number", g.phone, "{ss} phone number is {v}.|You can call {s} on {v}.",
       "What is {ss} phone number?|How can I call {s}?|Which number does {s} have?|On what number can I reach {s}?",
       "{ss} phone number is {v}.|You can call {s} on {v}."),
    at("Way to work", "way to work", lambda r: f"by {pick(r, VEHICLES)}",
        "{s} goes to work {v}.|Every morning {s} travels {v}.",
       "How does {s} get to work?|How does {s} travel?|How does {s} go to work?|In what way does {s} travel?",
       "{s} travels {v}.|{s} goes to work {v}."),
    at("Friend", "best friend", lambda r: g.full_name(r), "{ss} best friend is {v}.|{s} often meets {v}.",
       "Who is {ss} best friend?|Who is the friend of {s}?|Whom does {s} often meet?|Who is a friend of {s}?",
       "{ss} best friend is {v}.|The friend of {s} is {v}."),
    at("Favourite colour", "favourite colour", lambda r: pick(r, COLOURS),
        "{ss} favourite colour is {v}.|The colour that {s} likes best is {v}.",
       "What is {ss} favourite colour?|Which colour does {s} like best?|What colour should I choose for {s}?|What "
       "colour does {s} like?", "{ss} favourite colour is {v}."),
    at("Instrument", "instrument", lambda r: pick(r, INSTRUMENTS), "{s} plays the {v}.|{s} is learning the {v}.",
       "Which instrument does {s} play?|What does {s} play?|What instrument is {s} good at?|Does {s} play an "
       "instrument?", "{s} plays the {v}."),
)  # fmt: skip


def _gathering(rng: random.Random) -> Subject:
    first = (
        g.coined(rng).capitalize()
        if rng.random() < 0.5
        else pick(rng, (*OBJECTS[:20], *FOODS[:20])).split()[0].capitalize()
    )
    name = f"{first} {pick(rng, _GATHERINGS)}"
    return Subject(f"the {name}", name)


EVENT = (
    at("Date", "date", g.date, "{s} is on {v}.|{s} takes place on {v}.|The date of {s} is {v}.",
       "When is {s}?|On what date is {s}?|What is the date of {s}?|When does {s} take place?|On which day is {s}?",
       "{s} is on {v}.|{s} takes place on {v}."),
    at("Starts at", "starting time", g.clock, "{s} starts at {v}.|{s} begins at {v}.",
       "At what time does {s} start?|What time does {s} begin?|When do I have to be at {s}?|At what hour does {s} "
       "begin?", "{s} starts at {v}.|{s} begins at {v}."),
    at("Place", "place", lambda r: f"the {pick(r, PLACES)} in {g.town(r)}",
        "{s} is held at {v}.|The place of {s} is {v}.",
       "Where is {s}?|Where does {s} take place?|Where is {s} held?|What is the place of {s}?",
       "{s} is held at {v}.|The place of {s} is {v}."),
    at("Ticket", "ticket price", lambda r: g.price(r, 2, 60), "A ticket for {s} costs {v}.|Tickets for {s} are {v}.",
       "How much is a ticket for {s}?|What does a ticket for {s} cost?|How much do I pay for {s}?|What is the price "
       "of {s}?", "A ticket for {s} costs {v}.|A ticket costs {v}."),
    at("Organiser", "organiser", g.full_name, "{s} is organised by {v}.|{v} runs {s}.",
       "Who organises {s}?|Who runs {s}?|Who is behind {s}?|Who is in charge of {s}?",
       "{s} is organised by {v}.|{v} organises {s}."),
    at("Bring", "thing to bring", lambda r: a(pick(r, OBJECTS)),
        "Visitors of {s} should bring {v}.|For {s} please bring {v}.",
       "What should I bring to {s}?|What do I need for {s}?|Which thing should visitors of {s} bring?|What do I take "
       "with me to {s}?", "Please bring {v}.|Visitors of {s} should bring {v}."),
    at("Food", "food", lambda r: join_and([plural(pick(r, FOODS)), pick(r, DRINKS)]),
        "At {s} there will be {v}.|{s} offers {v}.",
       "What is there to eat at {s}?|What food is there at {s}?|What will people eat and drink at {s}?|What does {s} "
       "offer?", "At {s} there will be {v}.|There will be {v}."),
    at("Places", "number of places", lambda r: count(r.randint(8, 400), "guest"),
        "{s} has room for {v}.|There is room for {v} at {s}.",
       "How many guests can come to {s}?|How many people fit into {s}?|How big is {s}?|For how many people is there "
       "room at {s}?", "{s} has room for {v}.|There is room for {v}."),
    at("Sign up", "way to sign up", lambda r: pick(r, (f"write to {g.email(r)}", f"call {g.phone(r)}",
        f"tell {pick(r, NAMES)} by {g.weekday(r)}")), "To come to {s}, {v}.|If you want to join {s}, {v}.",
       "How do I sign up for {s}?|How can I join {s}?|What do I do to come to {s}?|Where do I sign up for {s}?",
       "To come to {s}, {v}.|Please {v}."),
    at("In case of rain", "rain plan",
        lambda r: f"in the {pick(r, PLACES)}" if r.random() < 0.5 else f"on {g.weekday(r)}",
        "If it rains, {s} will be {v}.|In bad weather {s} is {v}.",
       "What happens with {s} if it rains?|What if it rains during {s}?|What is the rain plan for {s}?|What about "
       "{s} in bad weather?", "If it rains, {s} will be {v}."),
)  # fmt: skip


def _club(rng: random.Random) -> Subject:
    hobby = pick(rng, HOBBIES).title()
    name = f"{g.town(rng)} {hobby} Club" if rng.random() < 0.6 else f"{hobby} Club {g.coined(rng).capitalize()}"
    return Subject(f"the {name}", name)


CLUB = (
    at("Meets on", "meeting day", g.weekday, "{s} meets on {v}.|The members of {s} meet every {v}.",
       "On which day does {s} meet?|When does {s} meet?|What day is the meeting of {s}?|When can I go to {s}?",
       "{s} meets on {v}."),
    at("Meets at", "meeting time", g.clock, "{s} begins at {v}.|Meetings of {s} start at {v}.",
       "At what time does {s} begin?|What time does {s} start?|At what hour do I have to be at {s}?",
       "{s} begins at {v}.|{s} starts at {v}."),
    at("Place", "meeting place", lambda r: f"the {pick(r, PLACES)}" if r.random() < 0.6 else g.street(r),
        "{s} meets at {v}.|The meeting place of {s} is {v}.",
       "Where does {s} meet?|What is the meeting place of {s}?|Where do I go for {s}?|Where is {s}?",
       "{s} meets at {v}.|The meeting place of {s} is {v}."),
    at("Leader", "leader", g.full_name, "{s} is led by {v}.|The leader of {s} is {v}.",
       "Who leads {s}?|Who is the leader of {s}?|Who is in charge of {s}?|Who runs {s}?",
       "{s} is led by {v}.|The leader of {s} is {v}."),
    at("Members", "number of members", lambda r: g.number(r, 5, 240),
        "{s} has {v} members.|There are {v} people in {s}.",
       "How many members does {s} have?|How many people are in {s}?|How big is {s}?|What is the number of members of "
       "{s}?", "{s} has {v} members."),
    at("Fee", "fee|membership fee", lambda r: f"{g.price(r, 2, 60)} a {pick(r, ('month', 'year'))}",
        "{s} costs {v}.|The fee of {s} is {v}.",
       "What does {s} cost?|How much is {s}?|What is the fee of {s}?|How much do members of {s} pay?",
       "{s} costs {v}.|The fee is {v}."),
    at("Age limit", "age limit", lambda r: f"{r.randint(5, 18)} years",
        "You can join {s} from the age of {v}.|The age limit of {s} is {v}.",
       "From what age can I join {s}?|How old must you be for {s}?|What is the age limit of {s}?|Can children join "
       "{s}?", "You can join {s} from the age of {v}."),
    at("Founded", "founding year", g.year, "{s} was founded in {v}.|{s} started in {v}.",
       "When was {s} founded?|How old is {s}?|In which year did {s} start?|Since when does {s} exist?",
       "{s} was founded in {v}.|{s} started in {v}."),
    at("Mascot", "mascot", lambda r: f"{a(pick(r, ANIMALS))} called {g.coined(r).capitalize()}",
        "The mascot of {s} is {v}.|{s} has a mascot: {v}.",
       "What is the mascot of {s}?|Which mascot does {s} have?|Does {s} have a mascot?|Who is the mascot of {s}?",
       "The mascot of {s} is {v}."),
    at("Next trip", "next trip", lambda r: f"a trip to {g.town(r)}",
        "In {s} the next plan is {v}.|{s} is planning {v}.",
       "What is {s} planning?|What comes next in {s}?|Where does {s} go next?|What is the next plan of {s}?",
       "{s} is planning {v}."),
)  # fmt: skip


def _trip(rng: random.Random) -> Subject:
    name = f"trip to {g.town(rng)}"
    return Subject(f"the {name}", name[0].upper() + name[1:])


TRIP = (
    at("Leaves on", "day of departure", lambda r: f"{g.weekday(r)} at {g.clock(r, 5, 11)}",
        "{s} starts on {v}.|We leave for {s} on {v}.",
       "When does {s} start?|When do we leave for {s}?|On what day and at what time does {s} begin?|When is the "
       "departure of {s}?", "{s} starts on {v}.|We leave on {v}."),
    at("Travel by", "means of travel", lambda r: f"by {pick(r, VEHICLES)}",
        "For {s} we go {v}.|On {s} everybody travels {v}.",
       "How do we travel on {s}?|How do we get there on {s}?|What do we take for {s}?|In what way do people travel "
       "on {s}?", "We go {v}.|On {s} everybody travels {v}."),
    at("Hotel", "hotel", lambda r: f"Hotel {g.coined(r).capitalize()}",
        "On {s} we sleep at {v}.|The rooms for {s} are at {v}.",
       "Where do we sleep on {s}?|Which hotel is booked for {s}?|In which hotel do people stay on {s}?|What is the "
       "hotel of {s} called?", "We sleep at {v}.|On {s} we sleep at {v}."),
    at("Length", "length", lambda r: g.span(r, "days weeks", 2, 14), "{s} lasts {v}.|{s} takes {v}.",
       "How long is {s}?|How long does {s} last?|How many days is {s}?|How much time does {s} take?",
       "{s} lasts {v}.|{s} takes {v}."),
    at("Cost", "cost|price", lambda r: g.price(r, 30, 900), "{s} costs {v}.|The price of {s} is {v}.",
       "What does {s} cost?|How much is {s}?|How much do I pay for {s}?|What is the price of {s}?",
       "{s} costs {v}.|The price of {s} is {v}."),
    at("Guide", "guide", g.full_name, "The guide of {s} is {v}.|{v} leads {s}.",
       "Who is the guide of {s}?|Who leads {s}?|Who shows us around on {s}?|Who is in charge of {s}?",
       "The guide of {s} is {v}.|{v} leads {s}."),
    at("Pack", "thing to pack", lambda r: a(pick(r, OBJECTS)), "Everybody on {s} needs {v}.|For {s} please pack {v}.",
       "What should I pack for {s}?|What do I need for {s}?|What does everybody need on {s}?|What must I take on {s}?",
       "Please pack {v}.|Everybody needs {v}."),
    at("First stop", "first stop", lambda r: f"the {pick(r, PLACES)} of {g.town(r)}",
        "The first stop of {s} is {v}.|{s} first goes to {v}.",
       "What is the first stop of {s}?|Where does {s} go first?|What do we see first on {s}?|Where do we stop first "
       "on {s}?", "The first stop is {v}.|{s} first goes to {v}."),
    at("Back on", "day of return", lambda r: f"{g.date(r)}", "{s} ends on {v}.|We come back from {s} on {v}.",
       "When do we come back from {s}?|When does {s} end?|On what date is {s} over?|When are we home again after {s}?",
       "{s} ends on {v}.|We come back on {v}."),
)  # fmt: skip


def _dish(rng: random.Random) -> Subject:
    first = pick(rng, FOODS).title() if rng.random() < 0.5 else g.coined(rng).capitalize()
    name = f"{first} {pick(rng, ('Soup', 'Pie', 'Salad', 'Cake', 'Stew', 'Bread', 'Curry', 'Pudding', 'Tart', 'Bake'))}"
    return Subject(f"the {name}", name)


DISH = (
    at("Cooking time", "cooking time", lambda r: f"{r.randint(4, 95)} minutes",
        "{s} cooks for {v}.|{s} is done after {v}.",
       "How long does {s} cook?|How long do I cook {s}?|When is {s} done?|How many minutes does {s} take?",
       "{s} cooks for {v}.|{s} is done after {v}."),
    at("Serves", "number of portions", lambda r: f"{r.randint(2, 14)} people", "{s} is enough for {v}.|{s} feeds {v}.",
       "For how many people is {s}?|How many people does {s} feed?|How many can eat from {s}?|Is {s} enough for a "
       "family? How many people?", "{s} is enough for {v}.|{s} feeds {v}."),
    at("Oven", "oven temperature", lambda r: f"{r.randrange(100, 260, 5)} degrees",
        "{s} needs {v}.|The heat for {s} is {v}.",
       "How hot must it be for {s}?|What heat does {s} need?|At what temperature do I make {s}?|How many degrees "
       "does {s} need?", "{s} needs {v}."),
    at("Main part", "main ingredient", lambda r: f"{r.randint(2, 9)} {plural(pick(r, FOODS[:32]))}",
        "The main part of {s} is {v}.|For {s} take {v}.",
       "What is the main ingredient of {s}?|What do I take for {s}?|What is in {s}?|What do I need most for {s}?",
       "The main part of {s} is {v}.|You need {v}."),
    at("Flour", "amount of flour", lambda r: f"{r.randrange(50, 900, 10)} grams",
        "{s} has {v} of flour in it.|The flour for {s} is {v}.",
       "How much flour do I need for {s}?|How much flour is in {s}?|What amount of flour goes into {s}?|How many "
       "grams of flour does {s} need?", "You need {v} of flour.|{s} has {v} of flour in it."),
    at("Secret", "secret",
        lambda r: f"a {pick(r, ('spoon', 'cup', 'pinch', 'little bit', 'drop'))} of {pick(r, STAPLES)}",
        "The secret of {s} is {v}.|{s} gets better with {v}.",
       "What is the secret of {s}?|What makes {s} better?|What gives {s} its taste?|What is special in {s}?",
       "The secret of {s} is {v}.|{s} gets better with {v}."),
    at("Serve with", "side", lambda r: f"{pick(r, STAPLES)} and {pick(r, DRINKS)}",
        "Serve {s} with {v}.|{s} goes well with {v}.",
       "What do I serve with {s}?|What goes well with {s}?|What should be on the table with {s}?|With what do people "
       "eat {s}?", "{s} goes well with {v}.|Serve {s} with {v}."),
    at("Recipe by", "cook", g.full_name, "{s} was invented by {v}.|The recipe of {s} comes from {v}.",
       "Who invented {s}?|Whose recipe is {s}?|Who thought of {s}?|From whom is the recipe of {s}?",
       "{s} was invented by {v}.|The recipe of {s} comes from {v}."),
)  # fmt: skip


def _line(rng: random.Random) -> Subject:
    mark = f"to {g.town(rng)}" if rng.random() < 0.5 else g.code(rng)
    name = f"{pick(rng, ('bus', 'train', 'tram', 'ferry', 'boat', 'night train'))} {mark}"
    return Subject(f"the {name}", name[0].upper() + name[1:])


LINE = (
    at("Departure", "departure time|departure", g.clock,
        "{s} leaves at {v}.|{s} departs at {v}.|The departure of {s} is at {v}.",
       "When does {s} leave?|At what time does {s} leave?|When does {s} go?|When is the departure of {s}?|What time "
       "does {s} depart?", "{s} leaves at {v}.|{s} departs at {v}."),
    at("Arrival", "arrival time|arrival", lambda r: f"{r.randint(0, 23)}:{r.randint(10, 59)}",
        "{s} arrives at {v}.|{s} gets in at {v}.",
       "When does {s} arrive?|At what time does {s} arrive?|When is {s} there?|What time does {s} get in?",
       "{s} arrives at {v}.|{s} gets in at {v}."),
    at("Platform", "platform", lambda r: f"{pick(r, ('platform', 'stop', 'gate'))} {r.randint(1, 40)}",
        "{s} leaves from {v}.|You find {s} at {v}.",
       "From where does {s} leave?|Where does {s} start?|Where do I wait for {s}?|Which platform does {s} use?|Where "
       "do I find {s}?", "{s} leaves from {v}.|You find {s} at {v}."),
    at("Ticket", "ticket price|fare", lambda r: g.price(r, 2, 90),
        "A ticket for {s} costs {v}.|The fare of {s} is {v}.",
       "How much is a ticket for {s}?|What does {s} cost?|What is the fare of {s}?|How much do I pay for {s}?",
       "A ticket costs {v}.|A ticket for {s} costs {v}."),
    at("Stops", "number of stops", lambda r: f"{r.randint(2, 30)} stops", "{s} makes {v}.|On the way {s} has {v}.",
       "How many stops does {s} make?|How often does {s} stop?|Does {s} stop on the way? How often?|What is the "
       "number of stops of {s}?", "{s} makes {v}."),
    at("Not on", "day without service", g.weekday, "{s} does not run on {v}.|There is no service of {s} on {v}.",
       "On which day does {s} not run?|Does {s} run every day?|When is there no service of {s}?|Which day should I "
       "not take {s}?", "{s} does not run on {v}."),
    at("Driver", "driver", g.full_name, "The driver of {s} is {v}.|{s} is driven by {v}.",
       "Who drives {s}?|Who is the driver of {s}?|What is the name of the driver of {s}?|By whom is {s} driven?",
       "{s} is driven by {v}.|The driver of {s} is {v}."),
    at("Change at", "place to change", g.town, "Passengers of {s} change at {v}.|On {s} you have to change at {v}.",
       "Where do I change on {s}?|Where do passengers of {s} change?|In which town do I change on {s}?|Do I have to "
       "change on {s}? Where?", "You change at {v}.|Passengers of {s} change at {v}."),
)  # fmt: skip


def _house(rng: random.Random) -> Subject:
    name = f"{g.coined(rng).capitalize()} {pick(rng, _HOUSES)}"
    return Subject(name, name)


HOUSE = (
    at("Quiet after", "quiet time", g.clock,
        "In {s} it must be quiet after {v}.|Guests of {s} make no noise after {v}.",
       "From when must it be quiet in {s}?|Until when may I play music in {s}?|When does the quiet time of {s} "
       "begin?|After what time must guests of {s} be quiet?", "It must be quiet after {v}."),
    at("Breakfast", "breakfast time", lambda r: f"{g.clock(r, 5, 9)} to {g.clock(r, 10, 11)}",
        "Breakfast in {s} is from {v}.|{s} serves breakfast from {v}.",
       "When is breakfast in {s}?|At what time can I have breakfast in {s}?|When does {s} serve breakfast?",
       "Breakfast is from {v}.|{s} serves breakfast from {v}."),
    at("Key", "place of the key",
        lambda r: f"{pick(r, ('under', 'behind', 'next to', 'inside', 'on top of'))} the {pick(r, COLOURS)} "
                  f"{pick(r, OBJECTS)}", "The key of {s} is {v}.|You find the key of {s} {v}.",
       "Where is the key of {s}?|Where do I find the key of {s}?|How do I get into {s}? Where is the key?|Where is "
       "the key to {s}?", "The key is {v}.|The key of {s} is {v}."),
    at("Rubbish", "rubbish day", g.weekday, "The rubbish of {s} is collected on {v}.|In {s} the bins go out on {v}.",
       "When is the rubbish of {s} collected?|When do I put out the bins of {s}?|On which day do the bins of {s} go "
       "out?", "The rubbish is collected on {v}.|The bins go out on {v}."),
    at("Wi-Fi password", "Wi-Fi password", lambda r: g.coined(r) + g.number(r, 10, 999),
        "The Wi-Fi password of {s} is {v}.|For the internet in {s} type {v}.",
       "What is the Wi-Fi password of {s}?|How do I get online in {s}?|What is the internet password in {s}?|Which "
       "password do I need for the Wi-Fi of {s}?", "The Wi-Fi password is {v}."),
    at("Not allowed", "forbidden thing", lambda r: plural(pick(r, (*ANIMALS[:20], *INSTRUMENTS, *VEHICLES[:9]))),
        "In {s} no {v} are allowed.|{s} does not allow {v}.",
       "What is not allowed in {s}?|What does {s} not allow?|What may I not bring to {s}?|What is forbidden in {s}?",
       "{s} does not allow {v}.|No {v} are allowed."),
    at("Rent", "rent", lambda r: f"{g.price(r, 20, 900)} a {pick(r, ('week', 'month', 'night'))}",
        "{s} costs {v}.|The rent of {s} is {v}.",
       "How much is {s}?|What is the rent of {s}?|What does {s} cost?|How much do I pay for {s}?",
       "{s} costs {v}.|The rent of {s} is {v}."),
    at("Owner", "owner", g.full_name, "{s} belongs to {v}.|The owner of {s} is {v}.",
       "Who owns {s}?|Who is the owner of {s}?|To whom does {s} belong?|Whose house is {s}?",
       "{s} belongs to {v}.|The owner of {s} is {v}."),
    at("Rooms", "number of rooms", lambda r: f"{r.randint(2, 25)} rooms", "{s} has {v}.|There are {v} in {s}.",
       "How many rooms does {s} have?|How many rooms are in {s}?|How big is {s}?|What is the number of rooms of {s}?",
       "{s} has {v}."),
    at("Best room", "nicest room", lambda r: f"the {pick(r, COLOURS)} {pick(r, ROOMS)}",
        "The nicest room of {s} is {v}.|Everybody in {s} loves {v}.",
       "What is the nicest room of {s}?|Which room of {s} is the best?|Which room do people love in {s}?",
       "The nicest room of {s} is {v}."),
)  # fmt: skip


def _course(rng: random.Random) -> Subject:
    mark = g.code(rng) if rng.random() < 0.4 else f"in {g.town(rng)}"
    name = f"{capital(pick(rng, SUBJECTS + HOBBIES[:20]))} course {mark}"
    return Subject(f"the {name[0].lower() + name[1:] if not name.startswith('English') else name}", name)


COURSE = (
    at("Teacher", "teacher", g.full_name, "{v} teaches {s}.|The teacher of {s} is {v}.",
       "Who teaches {s}?|Who is the teacher of {s}?|Who gives {s}?|What is the name of the teacher of {s}?",
       "{v} teaches {s}.|The teacher of {s} is {v}."),
    at("Room", "room", lambda r: f"room {r.randint(1, 320)}", "{s} is in {v}.|For {s} go to {v}.",
       "Where is {s}?|In which room is {s}?|Which room do I go to for {s}?|What is the room of {s}?", "{s} is in {v}."),
    at("Time", "time", lambda r: f"{g.weekday(r)} at {g.clock(r)}", "{s} is on {v}.|{s} takes place every {v}.",
       "When is {s}?|On what day and at what time is {s}?|When does {s} take place?|What is the time of {s}?",
       "{s} is on {v}.|{s} takes place on {v}."),
    at("Begins in", "first month", lambda r: pick(r, MONTHS), "{s} begins in {v}.|The first lesson of {s} is in {v}.",
       "In which month does {s} begin?|What month does {s} start in?|In what month is the first lesson of {s}?",
       "{s} begins in {v}."),
    at("Lessons", "number of lessons", lambda r: f"{r.randint(2, 48)} lessons", "{s} has {v}.|{s} is made up of {v}.",
       "How many lessons does {s} have?|How many lessons are there in {s}?|What is the number of lessons of {s}?",
       "{s} has {v}."),
    at("Price", "price|cost", lambda r: g.price(r, 10, 400), "{s} costs {v}.|The price of {s} is {v}.",
       "What does {s} cost?|How much is {s}?|What is the price of {s}?|How much do I pay for {s}?",
       "{s} costs {v}.|The price of {s} is {v}."),
    at("Book", "textbook", lambda r: f"{g.coined(r).capitalize()} {r.randint(1, 9)}",
        "The book for {s} is called {v}.|{s} uses the book {v}.",
       "Which book does {s} use?|What is the book for {s} called?|What book do I need for {s}?|What textbook is used "
       "in {s}?", "The book is called {v}.|{s} uses the book {v}."),
    at("Test", "date of the test", g.date, "The test of {s} is on {v}.|{s} ends with a test on {v}.",
       "When is the test of {s}?|On what date is the test of {s}?|What is the date of the test in {s}?",
       "The test is on {v}.|The test of {s} is on {v}."),
    at("Homework", "homework", lambda r: f"page {r.randint(2, 240)}", "The homework of {s} is {v}.|For {s} learn {v}.",
       "What is the homework of {s}?|What do I have to learn for {s}?|Which page is the homework of {s}?|Is there "
       "homework in {s}? Which page?", "The homework is {v}.|The homework of {s} is {v}."),
)  # fmt: skip


def _animal(rng: random.Random) -> Subject:
    name = g.coined(rng).capitalize() if rng.random() < 0.7 else pick(rng, NAMES)
    he, his, him = pick(rng, (("he", "his", "him"), ("she", "her", "her")))
    sort = pick(rng, (*PETS, *ANIMALS[:25]))
    return Subject(name, name, he, his, him, sort)


ANIMAL = (
    at("Age", "age", lambda r: g.number(r, 2, 30), "{s} is {v} years old.",
        "How old is {s}?|What age is {s}?|What is {ss} age?|How many years old is {s}?", "{s} is {v} years old."),
    at("Owner", "owner", g.full_name, "{s} belongs to {v}.|{s} lives with {v}.",
        "Who owns {s}?|To whom does {s} belong?|Who is the owner of {s}?|With whom does {s} live?",
        "{s} belongs to {v}."),
    at("Colour", "colour", lambda r: pick(r, ("", "light ", "dark ")) + join_and(r.sample(COLOURS[:11], r.randint(1,
        2))), "{s} is {v}.|The colour of {s} is {v}.",
       "What colour is {s}?|Which colour does {s} have?|What is the colour of {s}?|What does {s} look like?",
       "{s} is {v}.|The colour of {s} is {v}."),
    at("Sleeping place", "sleeping place",
        lambda r: f"{pick(r, ('under', 'behind', 'on', 'next to'))} {a(pick(r, OBJECTS))}",
        "{s} sleeps {v}.|At night {s} lies {v}.",
       "Where does {s} sleep?|Where is {s} at night?|What is {ss} sleeping place?", "{s} sleeps {v}."),
    at("Food", "favourite food", lambda r: plural(pick(r, FOODS)), "{s} likes to eat {v}.|{ss} favourite food is {v}.",
       "What does {s} eat?|What is {ss} favourite food?|What should I feed {s}?|What does {s} like to eat?",
       "{s} likes to eat {v}."),
    at("Fear", "fear", lambda r: plural(pick(r, OBJECTS)), "{s} is afraid of {v}.|{s} runs away from {v}.",
       "What is {s} afraid of?|What scares {s}?|From what does {s} run away?|What does {s} fear?",
       "{s} is afraid of {v}."),
    at("Toy", "toy", lambda r: f"a {pick(r, COLOURS[:4])} {pick(r, OBJECTS)}", "{s} plays with {v}.|{ss} toy is {v}.",
       "What does {s} play with?|Which toy does {s} have?|What is {ss} toy?", "{s} plays with {v}."),
    at("Found in", "place of the find", lambda r: f"{a(pick(r, PLACES))} in {g.town(r)}",
        "{s} was found in {v}.|{s} comes from {v}.",
       "Where was {s} found?|Where does {s} come from?|In what place was {s} found?", "{s} was found in {v}."),
    at("Vet", "next visit to the vet", g.date, "{s} goes to the vet on {v}.|The vet sees {s} on {v}.",
       "When does {s} go to the vet?|On what date does the vet see {s}?|When is {ss} visit to the vet?",
       "{s} goes to the vet on {v}."),
)  # fmt: skip

TOPICS: tuple[tuple[Callable[[random.Random], Subject], tuple[Attribute, ...]], ...] = (
    (_someone, PERSON), (_gathering, EVENT), (_club, CLUB), (_trip, TRIP), (_dish, DISH), (_line, LINE), (_house,
        HOUSE),
    (_course, COURSE), (_animal, ANIMAL),
)  # fmt: skip
