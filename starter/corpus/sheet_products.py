"""What can be known about an invented product: common attributes, those of electric gadgets, those of plain goods.

Only tables (see `Attribute` in `sheet.py` for the placeholders); every question here is a paraphrase the model
may meet once, so that it must learn the attribute and not the wording. Knows nothing of conversations.
"""

from __future__ import annotations

import random

from starter.corpus import goods as g
from starter.corpus.sheet import attribute as at
from starter.corpus.world import MATERIALS, WEEKDAYS, a, pick

GADGETS = tuple(
    "speaker|desk lamp|watch|phone|tablet|camera|torch|electric toothbrush|headset|drone|robot vacuum cleaner|e-reader|"
    "hair dryer|kettle|coffee machine|printer|keyboard|fan|heater|baby monitor|doorbell|bike light|radio|blender|"
    "air cleaner|kitchen scale|game console|scooter|alarm clock|smart plug|projector|toy robot|thermostat|"
    "router".split("|")
)
GOODS = tuple(
    "backpack|tent|raincoat|mug|lunch box|sleeping bag|chair|desk|blanket|pillow|water bottle|pair of boots|suitcase|"
    "umbrella|frying pan|notebook|board game|yoga mat|rug|bookshelf|hammock|jacket|hat|bicycle bag|garden bench|puzzle|"
    "scarf|cutting board|teapot|dog bed|wooden train|kite".split("|")
)


def _weight(rng: random.Random) -> str:
    return g.span(rng, "grams kilos", 2, 900) if rng.random() < 0.5 else f"{rng.randint(1, 19)}.{rng.randint(1, 9)} kg"


def _material(rng: random.Random) -> str:
    return pick(rng, ("recycled ", "", "", "soft ", "hard ", "pressed ", "polished ")) + pick(rng, MATERIALS)


COMMON = (
    at("Price", "price|cost", lambda r: g.price(r, 5, 400),
       "{s} costs {v}.|The price of {s} is {v}.|You can buy {s} for {v}.|{s} sells for {v}.",
       "How much is {s}?|How much does {s} cost?|What does {s} cost?|What do I have to pay for {s}?|how much?|"
       "What is the price?|How much money do I need for {s}?|Is {s} expensive?|What would {s} set me back?|"
       "How much do you charge for {s}?|I want to buy {s}. How much is it?|What is to pay for {s}?|Price of one {b}?|"
       "What is {s} priced at?|How much do you want for {s}?|For how much can I get {s}?",
       "{s} costs {v}.|The price of {s} is {v}.|You can buy {s} for {v}.|It costs {v}.|{s} is {v}."),
    at("Colours", "colours|available colours", g.colours,
       "{s} comes in {v}.|The colours of {s} are: {v}.|You can get {s} in {v}.|{s} is sold in {v}.",
       "What colours does {s} come in?|Which colours are there?|In what colours can I get {s}?|What colour is {s}?|"
       "Which colours can I choose?|Can I choose the colour of {s}?|Do you have {s} in other colours?|what colours?|"
       "Does {s} come in different colours?|What colours do you have?|Which colours is {s} sold in?|"
       "Can you list the colours of {s}?|What are the colour options?|What shades is {s} made in?",
       "{s} comes in {v}.|You can get {s} in {v}.|{s} is available in {v}.|It is sold in {v}."),
    at("Warranty", "warranty|guarantee|length of the warranty", lambda r: g.span(r, "years months", 2, 24),
       "The warranty of {s} is {v}.|{s} has a warranty of {v}.|{s} is covered by a guarantee of {v}.",
       "How long is the warranty?|How long is the warranty of {s}?|Is there a guarantee on {s}?|Does {s} have a "
       "warranty?|"
       "For how long is {s} covered?|What if {s} breaks? How long am I covered?|How many years of guarantee do I get?|"
       "When does the warranty of {s} end?|warranty?|What warranty do you give on {s}?|How long is {s} guaranteed?|"
       "Until when will you repair {s} for free?|How long does the guarantee last?|Is {s} under warranty?",
       "{s} has a warranty of {v}.|The warranty lasts {v}.|The warranty of {s} is {v}.|You get a guarantee of {v}."),
    at("Weight", "weight", _weight,
       "{s} weighs {v}.|The weight of {s} is {v}.|{ss} weight is {v}.",
       "How heavy is {s}?|How much does {s} weigh?|What does {s} weigh?|Is {s} heavy?|Is {s} light?|how heavy is it?|"
       "What is the weight?|Can I carry {s} easily? How heavy is it?|How many kilos is {s}?|What is the weight in "
       "total?|"
       "Do you know how much {s} weighs?|I have to send {s} by post. What does it weigh?|Tell me how heavy {s} is.",
       "{s} weighs {v}.|The weight of {s} is {v}.|It weighs {v}."),
    at("Material", "material", _material,
       "{s} is made of {v}.|{s} consists of {v}.|The material of {s} is {v}.",
       "What is {s} made of?|What is {s} made from?|Which material is {s}?|What material do you use for {s}?|"
       "Is {s} made of plastic?|Is {s} made of wood or metal?|What kind of material is it?|what's it made of?|"
       "What stuff is {s} made out of?|Out of what is {s} made?|What does {s} consist of?|What is the outside of {s} "
       "made of?",
       "{s} is made of {v}.|It is made of {v}.|The material is {v}.|{s} consists of {v}."),
    at("Delivery time", "delivery time|shipping time", lambda r: g.span(r, "days weeks hours", 2, 20),
       "Delivery of {s} takes {v}.|{s} arrives within {v}.|We deliver {s} in {v}.",
       "How long does delivery take?|When will {s} arrive?|How fast do you deliver {s}?|How long is the delivery?|"
       "How soon can I have {s}?|When does my {b} come?|How many days until {s} is here?|How quickly do you ship {s}?|"
       "How long do I have to wait for {s}?|If I order today, when do I get {s}?|What is the shipping time?|"
       "I ordered {s}. When will it come?|how long does shipping take?|When will my parcel be here?",
       "{s} arrives within {v}.|Delivery takes {v}.|Delivery of {s} takes {v}.|It takes {v} to arrive."),
    at("Returns", "return period|return policy", lambda r: g.span(r, "days weeks", 3, 90),
       "You can return {s} within {v}.|Returns of {s} are possible for {v}.|{s} can be sent back within {v}.",
       "Can I return {s}?|How long can I return {s}?|What if I don't like {s}?|How many days do I have to send {s} "
       "back?|"
       "What is your return policy?|Can I send {s} back?|Until when can I give {s} back?|Can I get my money back?|"
       "I do not like my {b}. Can I return it?|Is it possible to bring {s} back?|How do returns work for {s}?|"
       "How long do I have to change my mind?|Can I return {s} if it does not fit?|returns?",
       "You can return {s} within {v}.|{s} can be sent back within {v}.|Yes, you can return it within {v}.|You have "
       "{v} to return {s}."),
    at("Made in", "place of origin|origin", lambda r: g.town(r),
       "{s} is made in {v}.|{s} comes from {v}.|{s} is built in {v}.",
       "Where is {s} made?|Where does {s} come from?|In which town is {s} made?|Where do you build {s}?|Who makes "
       "{s} and where?|"
       "Where is {s} from?|Where is the factory of {s}?|Which town does {s} come from?|Is {s} made nearby?|where is "
       "it made?|"
       "Where was {s} produced?|In what place is {s} put together?",
       "{s} is made in {v}.|{s} comes from {v}.|It is made in {v}."),
    at("E-mail", "e-mail address|contact address", g.email,
       "For help with {s}, write to {v}.|You can reach us at {v}.|Questions about {s} go to {v}.",
       "How can I contact you?|What is your e-mail address?|Where can I write to about {s}?|How do I reach support?|"
       "Who can I ask about {s}?|Who do I write to if {s} is broken?|Can I send you an e-mail?|What's your email?|"
       "Which address do I use for questions about {s}?|How do I get in touch?|Where do I send a complaint about {s}?|"
       "To whom can I write?|I need help with {s}. Who do I mail?",
       "You can write to {v}.|Please write to {v}.|For help with {s}, write to {v}.|You can reach us at {v}."),
    at("Phone", "phone number|telephone number", g.phone,
       "You can call us on {v}.|The phone number for {s} is {v}.|Our telephone number is {v}.",
       "What is your phone number?|Can I call you?|Which number do I call about {s}?|Can I talk to somebody about {s}?|"
       "Is there a number for {s}?|On which number can I reach you?|How can I phone you?|What number should I ring?|"
       "I want to speak to a person about {s}.|Do you have a hotline for {s}?|phone number please|Where can I call?",
       "You can call us on {v}.|Our phone number is {v}.|Please call {v}.|The number is {v}."),
    at("Size", "size",
        lambda r: f"{r.randint(5, 90)} by {r.randint(5, 90)} "
                  f"cm" if r.random() < 0.5 else f"{r.randint(4, 99)} cm {pick(r, ('long', 'wide', 'tall', 'high'))}",
       "{s} is {v}.|As for its size, {s} is {v}.",
       "How big is {s}?|What size is {s}?|How large is {s}?|What are the measures of {s}?|Will {s} fit on my shelf? "
       "How big is it?|"
       "Is {s} small or big?|What is the size of it?|How much space does {s} need?|how big is it?|Can you tell me "
       "how big {s} is?|"
       "What are the dimensions of {s}?|How many centimetres is {s}?",
       "{s} is {v}.|It is {v}."),
    at("Cleaning", "cleaning instructions", lambda r: pick(r, ("wipe it with ", "clean it with ",
        "rub it with ")) + pick(r, (
        "a damp cloth", "a dry cloth", "warm water", "a soft brush", "soap and water", "a wet sponge",
        "a little vinegar", "cold water", "mild soap")),
       "To clean {s}, {v}.|Cleaning {s} is easy: {v}.|When {s} is dirty, {v}.",
       "How do I clean {s}?|How can I clean {s}?|My {b} is dirty. What should I do?|What do I clean {s} with?|"
       "What is the best way to clean {s}?|How should I wash {s}?|How do you clean it?|Can I wash {s}?|cleaning?|"
       "There is a stain on {s}. What now?|How do I keep {s} clean?|How do I get the dirt off {s}?",
       "To clean {s}, {v}.|Just {v}.|Please {v}.|When {s} is dirty, {v}."),
    at("Spare parts", "price of spare parts", lambda r: g.price(r, 2, 60),
       "Spare parts for {s} cost {v}.|A spare part for {s} costs {v}.",
       "How much are spare parts for {s}?|What do spare parts cost?|I lost a part of {s}. What does a new one cost?|"
       "Can I buy spare parts for {s}? For how much?|Are spare parts for {s} expensive?|How much is a spare part?|"
       "I need a new part for {s}. How much is it?|spare parts?|What do I pay for a part of {s}?|"
       "One piece of {s} broke off. How much is a new piece?|How much do you ask for parts of {s}?|Price of a "
       "replacement part?",
       "Spare parts for {s} cost {v}.|A spare part costs {v}.|Parts for {s} cost {v}."),
    at("Gift box", "price of the gift box", lambda r: g.price(r, 1, 15),
       "A gift box for {s} costs {v}.|We wrap {s} in a gift box for {v}.",
       "Can you wrap {s} as a gift?|What does a gift box cost?|{s} is a present. Can you wrap it?|How much is the "
       "gift box?|"
       "Do you do gift wrapping?|Is there a gift box for {s}?|I want to give {s} to a friend. What does wrapping cost?|"
       "How much do you ask for wrapping {s}?|gift wrapping?|Can I have {s} in a nice box?|Is wrapping free?|"
       "What do I pay to have {s} packed as a gift?",
       "A gift box costs {v}.|A gift box for {s} costs {v}.|Yes, gift wrapping costs {v}."),
    at("Designer", "designer|name of the designer", g.full_name,
       "{s} was designed by {v}.|{v} designed {s}.",
       "Who designed {s}?|Who made {s}?|Who is the designer of {s}?|Who invented {s}?|Who came up with {s}?|"
       "Whose idea was {s}?|Who created {s}?|By whom was {s} designed?|Who is behind {s}?|who designed it?|"
       "What is the name of the person who designed {s}?|Which designer drew {s}?",
       "{s} was designed by {v}.|{v} designed {s}.|It was designed by {v}."),
    at("On sale since", "launch date", lambda r: g.date(r),
       "{s} has been on sale since {v}.|{s} came out on {v}.",
       "When did {s} come out?|Since when can I buy {s}?|When was {s} released?|When was {s} launched?|How new is {s}?|"
       "Since when is {s} on sale?|On what day did {s} come out?|When did you start to sell {s}?|Is {s} new?|"
       "What day did {s} reach the shops?|When did {s} first appear?|release date?",
       "{s} came out on {v}.|{s} has been on sale since {v}.|It came out on {v}."),
)  # fmt: skip

GADGET = (
    at("Battery life", "battery life|running time", lambda r: g.span(r, "hours days hours", 2, 60),
       "The battery of {s} lasts {v}.|{s} runs for {v} on one charge.|One charge of {s} is enough for {v}.",
       "How long does the battery last?|How long does {s} run?|How many hours do I get out of one charge?|battery "
       "life?|"
       "How long does {s} work without a plug?|When do I have to charge {s} again?|How good is the battery of {s}?|"
       "How long can I use {s} before it is empty?|For how long does a full battery last?|How often must I charge {s}?|"
       "What battery life does {s} have?|How long will {s} last on a full battery?|Does the battery of {s} last long?|"
       "How much time do I get from one full charge?|how long does it run",
       "The battery lasts {v}.|The battery of {s} lasts {v}.|{s} runs for {v} on one charge.|One charge lasts {v}."),
    at("Charging time", "charging time", lambda r: g.span(r, "minutes hours", 2, 90),
       "{s} is fully charged after {v}.|Charging {s} takes {v}.|It takes {v} to charge {s}.",
       "How long does {s} take to charge?|How long does charging take?|When is {s} full?|How fast does {s} charge?|"
       "How long must {s} stay on the charger?|How many minutes until {s} is charged?|The battery is empty. How long "
       "do I charge {s}?|"
       "How much time does {s} need to charge?|How long should I leave {s} plugged in?|How quickly is {s} charged?|"
       "how long to charge?|How long before {s} is fully charged?",
       "Charging takes {v}.|{s} is fully charged after {v}.|It takes {v} to charge {s}."),
    at("Reset", "reset method", lambda r: pick(r, ("hold the {} button for {} seconds", "press the {} button {} times",
        "press and hold the {} key for {} seconds")).format(
        pick(r, ("power", "side", "top", "back", "red", "round", "small", "start", "green", "mode")), r.randint(2, 20)),
       "To reset {s}, {v}.|If {s} does not react, {v}.|Resetting {s}: {v}.",
       "How do I reset {s}?|{s} does not work. What can I do?|How can I restart {s}?|My {b} does not react any more.|"
       "{s} is frozen. How do I restart it?|How do I start {s} again from the beginning?|How does one reset {s}?|"
       "What do I do to reset it?|{s} has stopped working. Help!|Can I reset {s}?|how to reset?|My {b} hangs. What "
       "now?|"
       "What should I press to reset {s}?|How do I bring {s} back to its first settings?",
       "To reset {s}, {v}.|Please {v}.|You can reset {s} like this: {v}.|If it does not react, {v}."),
    at("Blinking light", "meaning of the blinking light", lambda r: pick(r, (
        "the battery is low", "the filter is full", "the tank is empty", "there is no signal", "it is charging",
        "the lid is open", "it is too hot",
        "an update is running", "the memory is full", "it is looking for the app", "a cable is loose",
        "it needs cleaning", "the battery is full")),
       "If the light of {s} blinks, {v}.|A blinking light on {s} means that {v}.|When the light blinks, {v}.",
       "What does the blinking light mean?|Why does the light of {s} blink?|The light on {s} is blinking. What does "
       "it mean?|"
       "{s} is blinking. Why?|What does it mean when {s} blinks?|There is a blinking light on my {b}.|Why is {s} "
       "flashing?|"
       "The lamp on {s} flashes. Is something wrong?|My {b} blinks all the time. What is it?|what's the blinking for?|"
       "What is {s} telling me with the blinking light?|The little light goes on and off. What does that mean?",
       "A blinking light means that {v}.|It means that {v}.|If the light of {s} blinks, {v}.|The blinking light "
       "means that {v}."),
    at("App", "app|name of the app", lambda r: g.coined(r).capitalize() + pick(r, ("", " Home", " Link", " App", "Go",
        " Connect")),
       "The app for {s} is called {v}.|{s} works with the app {v}.|You control {s} with the app {v}.",
       "What is the app called?|Which app do I need for {s}?|Is there an app for {s}?|What app works with {s}?|"
       "How is the app of {s} called?|What do I install on my phone for {s}?|Can I control {s} from my phone?|which "
       "app?|"
       "What is the name of the app for {s}?|Which app should I download?|With which app does {s} work?|Do I need an "
       "app for {s}?",
       "The app is called {v}.|The app for {s} is called {v}.|{s} works with the app {v}.|You need the app {v}."),
    at("Water", "water protection", lambda r: pick(r, ("waterproof down to {} metres",
        "safe under water for {} minutes", "protected against rain for {} hours",
        "waterproof for {} minutes")).format(r.randint(1, 60)),
       "{s} is {v}.|As for water, {s} is {v}.",
       "Is {s} waterproof?|Can I use {s} in the rain?|Can {s} get wet?|What happens if {s} falls into water?|"
       "Can I take {s} into the bath?|May I swim with {s}?|Does water harm {s}?|Is {s} safe in water?|waterproof?|"
       "How well is {s} protected against water?|Can I use {s} under water?|Is rain a problem for {s}?",
       "{s} is {v}.|It is {v}.|Yes, {s} is {v}."),
    at("Range", "range", lambda r: g.span(r, "metres kilometres", 3, 200),
       "The range of {s} is {v}.|{s} works up to {v} away.|{s} has a range of {v}.",
       "How far does {s} reach?|What is the range?|How far away can {s} be?|Up to what distance does {s} work?|"
       "How far does the signal of {s} go?|Does {s} work in the next room? What is its range?|How far can I go from "
       "{s}?|"
       "What distance can {s} cover?|Over what distance does {s} work?|how far?|How far apart can the parts of {s} be?|"
       "From how far can I use {s}?",
       "The range of {s} is {v}.|{s} has a range of {v}.|It works up to {v} away."),
    at("Power", "power", lambda r: f"{r.randint(3, 2400)} watts",
       "{s} uses {v}.|{s} has a power of {v}.|The power of {s} is {v}.",
       "How many watts does {s} use?|How much power does {s} need?|How strong is {s}?|How much electricity does {s} "
       "use?|"
       "Does {s} use a lot of electricity?|What is the wattage?|How powerful is {s}?|watts?|How many watts has {s}?|"
       "What power does {s} have?|Does {s} need a lot of power?|What does {s} draw from the plug?",
       "{s} uses {v}.|{s} has a power of {v}.|The power is {v}."),
    at("Memory", "memory|storage",
        lambda r: f"{pick(r, (2, 4, 8, 16, 32, 64, 128, 256, 512))} "
                  f"GB" if r.random() < 0.6 else f"{r.randint(20, 900)} files",
       "{s} has room for {v}.|{s} can store {v}.|The memory of {s} holds {v}.",
       "How much memory does {s} have?|How much can I store on {s}?|How big is the memory of {s}?|How much space is "
       "on {s}?|"
       "What fits on {s}?|How much storage does {s} have?|Is there enough memory in {s}?|How much can {s} save?|"
       "How much data fits into {s}?|how much memory?|What is the size of the memory?|How much room is there on {s}?",
       "{s} can store {v}.|{s} has room for {v}.|The memory holds {v}."),
    at("Plug", "charging cable|type of plug", lambda r: pick(r, ("a USB-C cable", "a round plug", "a flat plug",
        "a magnetic cable", "a mini plug", f"a {r.randint(3, 24)} volt charger", f"a type {pick(r, 'ABCDEFGH')} plug",
        "a charging dock")),
       "{s} is charged with {v}.|You charge {s} with {v}.|{s} needs {v}.",
       "Which cable does {s} need?|How do I charge {s}?|What cable do I need?|I lost the cable of {s}. Which one do "
       "I need?|"
       "What plug does {s} have?|What kind of charger do I use for {s}?|What do I charge {s} with?|which cable?|"
       "Which charger fits {s}?|With what do I charge {s}?|Can I use any charger for {s}?|What plug do I need for {s}?",
       "{s} is charged with {v}.|You need {v}.|You charge {s} with {v}."),
    at("Noise", "noise level", lambda r: f"{r.randint(10, 90)} decibels",
       "{s} makes {v} of noise.|The noise of {s} is {v}.",
       "How loud is {s}?|Is {s} loud?|Is {s} quiet?|How much noise does {s} make?|Does {s} make a lot of noise?|how "
       "loud is it?|"
       "Will {s} wake the baby? How loud is it?|How noisy is {s}?|Can I use {s} at night? How loud is it?|"
       "Can you hear {s} in the next room? How loud is it?|What is the noise level?|How quiet is {s}?",
       "{s} makes {v} of noise.|The noise of {s} is {v}.|It makes {v} of noise."),
    at("Pairing", "pairing method", lambda r: pick(r, ("hold it next to the phone", "enter the code {c}",
        "scan the code on the {p}", "press the {p} button twice", "type {c} into the app",
        "turn the {p} wheel to the left", "say the word {w}")).format(
        c=g.number(r, 1000, 9999), p=pick(r, ("back", "top", "side", "front", "box", "blue", "lower")), w=g.coined(r)),
       "To connect {s} to a phone, {v}.|To pair {s}, {v}.|For a connection with {s}, {v}.",
       "How do I connect {s} to my phone?|How do I pair {s}?|How can I connect {s}?|My phone does not find {s}. What "
       "do I do?|"
       "How does {s} connect to a phone?|What must I do to pair {s}?|{s} does not connect. Help!|How do I link {s} "
       "with my phone?|"
       "connect to phone?|Can I connect {s} with my phone? How?|How do I set up the connection with {s}?|What are "
       "the steps to pair {s}?",
       "To connect {s}, {v}.|Please {v}.|To pair {s}, {v}."),
    at("In the box", "contents of the box", lambda r: g.listing(r,
        "a cable,a bag,a manual,a spare battery,a stand,a brush,two screws,a remote control,a cover,a strap,a lens "
        "cloth,a charger,a sticker,a filter"),
       "In the box of {s} you find {v}.|{s} comes with {v}.|The box of {s} also holds {v}.",
       "What is in the box?|What comes with {s}?|What do I get with {s}?|What else is in the box of {s}?|what's "
       "included?|"
       "Does {s} come with anything?|Which things come with {s}?|What is included with {s}?|What will I find in the "
       "box of {s}?|"
       "When I open the box of {s}, what is inside?|Which parts are delivered with {s}?|Is a cable included with {s}?",
       "{s} comes with {v}.|In the box you find {v}.|You get {v}."),
    at("Update", "update day",
        lambda r: f"every "
                  f"{pick(r, (*WEEKDAYS, 'month', 'night', 'week'))} at {g.clock(r)}",
       "{s} updates itself {v}.|Updates for {s} come {v}.",
       "When does {s} update?|How often do you update {s}?|When do updates come?|When is the next update of {s}?|"
       "Does {s} update itself? When?|How often do I get updates for {s}?|At what time does {s} update itself?|"
       "updates?|"
       "When are new updates installed on {s}?|How often is there an update for {s}?|When does the software of {s} "
       "change?",
       "{s} updates itself {v}.|Updates come {v}.|Updates for {s} come {v}."),
    at("Sleep timer", "sleep timer", lambda r: g.span(r, "minutes hours", 2, 45),
       "{s} switches itself off after {v}.|{s} goes to sleep after {v}.",
       "When does {s} switch off by itself?|Why does {s} go off?|{s} always turns itself off. After how long?|"
       "How long does {s} stay on?|Does {s} turn off by itself?|After what time does {s} go to sleep?|Does {s} have "
       "a timer?|"
       "I forgot to switch off {s}. What happens?|When does {s} turn itself off?|How long until {s} goes off?|timer?",
       "{s} switches itself off after {v}.|It switches itself off after {v}.|{s} goes to sleep after {v}."),
    at("Screen", "screen", lambda r: f"{r.randint(1, 20)}.{r.randint(1, 9)} inches",
       "The screen of {s} measures {v}.|{s} has a screen of {v}.",
       "How big is the screen?|How big is the screen of {s}?|What size is the screen of {s}?|Is the screen of {s} "
       "large?|"
       "Does {s} have a big screen?|How large is the display of {s}?|How many inches does {s} have?|screen size?|"
       "What display does {s} have?|How wide is the screen?|Does {s} have a screen?|What is the screen size of {s}?",
       "The screen measures {v}.|The screen of {s} measures {v}.|{s} has a screen of {v}."),
)  # fmt: skip

PLAIN = (
    at("Care", "washing instructions", lambda r: pick(r, ("wash it at {} degrees", "let it dry for {} hours",
        "wash it by hand for {} minutes", "keep it in the shade for {} hours")).format(r.randint(2, 60)),
       "To care for {s}, {v}.|To keep {s} nice, {v}.",
       "How do I care for {s}?|How do I look after {s}?|What should I do to keep {s} nice?|How do I take care of {s}?|"
       "What is the right care for {s}?|How should {s} be treated?|Can I put {s} into the washing machine?|care?|"
       "How do I make {s} last longer?|What care does {s} need?|What must I do so that {s} stays nice?",
       "To care for {s}, {v}.|Please {v}.|To keep {s} nice, {v}."),
    at("Capacity", "capacity",
       lambda r: g.span(r, pick(r, ("litres", "books cups bottles shirts plates")), 2, 60),
       "{s} holds {v}.|{s} has room for {v}.",
       "How much fits into {s}?|How much does {s} hold?|What is the capacity?|How much room is in {s}?|How many "
       "things fit into {s}?|"
       "Is there a lot of room in {s}?|How much can I put into {s}?|What volume does {s} have?|how much fits in?|"
       "How much can {s} take?|Does much fit into {s}?|What can I fit in {s}?",
       "{s} holds {v}.|{s} has room for {v}.|It holds {v}."),
    at("Load limit", "load limit|greatest load", lambda r: f"{r.randint(2, 180)} kilos",
       "{s} carries up to {v}.|The greatest load for {s} is {v}.",
       "How much weight can {s} carry?|What load can {s} take?|How strong is {s}?|What is the load limit of {s}?|"
       "How many kilos can I put on {s}?|When is {s} too heavy?|Up to what weight is {s} safe?|Will {s} hold me?|"
       "How much weight is allowed on {s}?|What is the most that {s} can carry?|Will {s} break if I load it?|max load?",
       "{s} carries up to {v}.|It carries up to {v}.|The greatest load is {v}."),
    at("Age", "recommended age", lambda r: f"{r.randint(1, 17)} years and up",
       "{s} is for people of {v}.|{s} is made for ages {v}.",
       "From what age can one use {s}?|Is {s} good for children?|How old must you be for {s}?|For what age is {s}?|"
       "Can my son use {s}? What age is it for?|Is {s} right for small children?|What is the age limit for {s}?|"
       "Is {s} for kids?|My daughter wants {s}. From what age is it?|For whom is {s}?|what age?|Can a child use {s}?",
       "{s} is made for ages {v}.|It is for ages {v}.|{s} is for people of {v}."),
    at("Pockets and parts", "number of parts", lambda r: f"{r.randint(2, 60)} {pick(r, ('parts', 'pieces'))}",
       "{s} has {v}.|{s} is made up of {v}.",
       "How many parts does {s} have?|How many pieces are there?|Of how many parts is {s} made?|Does {s} have many "
       "parts?|"
       "Into how many pieces does {s} come apart?|What number of pieces should {s} have?|Is one piece of {s} "
       "missing? How many are there?|"
       "How many pieces does {s} come in?|Can you tell me how many parts {s} has?|number of parts?",
       "{s} has {v}.|{s} is made up of {v}.|There are {v}."),
    at("Setting up", "time to set up", lambda r: g.span(r, "minutes hours", 2, 50),
       "It takes {v} to set up {s}.|{s} is ready after {v}.",
       "How long does it take to set up {s}?|How long do I need to build {s}?|Is {s} quick to set up?|When is {s} "
       "ready?|"
       "How much time do I need for setting up {s}?|Is it hard to put {s} together? How long does it take?|"
       "How fast can I put {s} together?|How long before {s} is ready to use?|How quickly is {s} ready?|setup time?",
       "It takes {v} to set up {s}.|{s} is ready after {v}.|It is ready after {v}."),
    at("Warmth", "temperature limit", lambda r: f"{pick(r, ('minus ', ''))}{r.randint(2, 40)} degrees",
       "{s} can be used down to {v}.|{s} is good down to {v}.",
       "How cold may it be for {s}?|Can I use {s} in winter?|Down to what temperature can I use {s}?|Is {s} good for "
       "cold weather?|"
       "Is {s} good in the cold?|What is the lowest temperature for {s}?|Is {s} made for winter?|Can {s} stay "
       "outside in the cold?|"
       "How cold is too cold for {s}?|Does {s} stand frost?|In what cold does {s} still work?",
       "{s} can be used down to {v}.|It is good down to {v}.|{s} is good down to {v}."),
    at("Print", "pattern",
        lambda r: f"{r.randint(2, 9)} {pick(r, ('small', 'big', 'white', 'yellow', 'red', 'blue', 'golden'))} "
                  f"{pick(r, ('stars', 'birds', 'flowers', 'dots', 'stripes', 'leaves', 'fish', 'moons', 'cats'))}",
       "{s} shows {v}.|There are {v} on {s}.|The pattern of {s} is {v}.",
       "What is on {s}?|What pattern does {s} have?|What picture is on {s}?|What does {s} look like?|How is {s} "
       "decorated?|"
       "Is there a picture on {s}?|What can be seen on {s}?|Does {s} have a pattern?|Is {s} plain?|what's the pattern?|"
       "What is the print on {s}?|What do I see on {s}?",
       "There are {v} on {s}.|{s} shows {v}.|It shows {v}."),
)  # fmt: skip


def introduction(bare: str, sort: str) -> str:
    """Return the sentence that says what sort of thing the product is."""
    return f"The {bare} is {a(sort)}."
