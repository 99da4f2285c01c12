"""What can be known about an invented shop (or another house with a door) and about an invented subscription.

Only tables, as in `sheet_products.py`. Answers speak as the house ("we are open") or about it, both in use
among those who answer customers. Knows nothing of conversations.
"""

from __future__ import annotations

from starter.corpus import goods as g
from starter.corpus.sheet import attribute as at
from starter.corpus.world import FOODS, MONTHS, OBJECTS, PLACES, QUALITIES, WEEKDAYS, join_and, pick, plural

SHOPS = tuple(
    "bookshop|bakery|toy shop|bicycle shop|garden centre|café|pet shop|shoe shop|flower shop|tea shop|hotel|library|"
    "gym|"
    "museum|cinema|swimming pool|hair salon|repair shop|music shop|restaurant|farm shop|art studio|dental practice|"
    "language school|online shop|furniture shop|camping site|car rental|theatre|laundry".split("|")
)
PLANS = tuple(
    "music app|film service|cloud storage|phone plan|learning app|fitness app|online newspaper|recipe app|photo app|"
    "language course|map app|audiobook service|weather app|notes app|bike sharing service|car sharing service|"
    "vegetable box|coffee subscription|budget app|chess app|radio app|drawing app|password keeper|internet "
    "plan".split("|")
)

_MODES = ("dark", "night", "family", "quiet", "travel", "holiday", "group", "quick", "school", "small", "daily")

SHOP = (
    at("Opening hours", "opening hours|opening times", g.hours,
       "{s} is open from {v}.|Opening hours of {s} are {v}.|The doors of {s} are open from {v}.",
       "When are you open?|What are your opening hours?|When can I come?|When is {s} open?|What time does {s} open?|"
       "When does {s} close?|How long are you open?|At what time can I visit {s}?|Are you open in the evening?|"
       "opening hours?|"
       "Until when is {s} open?|From when to when are you open?|What hours does {s} keep?|When do you open in the "
       "morning?",
       "We are open from {v}.|{s} is open from {v}.|Our opening hours are {v}.|You can visit {s} from {v}."),
    at("Closed on", "closing day|day off", g.weekday,
       "{s} is closed on {v}.|On {v}, {s} is closed.",
       "On which day are you closed?|Which day is {s} closed?|Are you open every day?|When is {s} shut?|Is {s} open "
       "all week?|"
       "Is there a day when {s} is closed?|Which day should I not come?|What day do you stay closed?|When are you "
       "not open?|"
       "On what day of the week is {s} closed?|Do you have a day off?|closed when?",
       "We are closed on {v}.|{s} is closed on {v}.|The day when {s} is closed is {v}."),
    at("Address", "address", g.street,
       "{s} is at {v}.|You find {s} at {v}.|The address of {s} is {v}.",
       "Where are you?|Where is {s}?|What is your address?|How do I find {s}?|Where can I find {s}?|In which street "
       "is {s}?|"
       "Where do I have to go?|Which street is {s} in?|Where is the shop?|I want to visit {s}. Where is it?|address?|"
       "Where exactly is {s}?|What street should I go to?|How do I get to {s}?",
       "You find us at {v}.|{s} is at {v}.|Our address is {v}.|We are at {v}."),
    at("Delivery cost", "delivery cost|price of delivery", lambda r: g.price(r, 1, 20),
       "Delivery from {s} costs {v}.|{s} delivers for {v}.",
       "How much is delivery?|What does delivery cost?|What do I pay for shipping?|Is delivery free?|How much is "
       "shipping?|"
       "Do you deliver? What does it cost?|How much do you charge for delivery?|What does it cost to send it to me?|"
       "shipping cost?|"
       "What is the price for delivery from {s}?|How much does {s} take for delivery?|Do I have to pay for delivery?",
       "Delivery costs {v}.|{s} delivers for {v}.|Delivery from {s} costs {v}.|You pay {v} for delivery."),
    at("Free delivery from", "limit for free delivery", lambda r: g.price(r, 20, 150),
       "Orders at {s} over {v} are sent for free.|Delivery from {s} is free above {v}.",
       "When is delivery free?|From what price is delivery free?|How much must I buy for free delivery?|Is there "
       "free shipping?|"
       "From which amount does {s} send for free?|How do I get free shipping?|How can I avoid the delivery cost?|"
       "free shipping?|"
       "What do I have to spend at {s} for free delivery?|Can I have it sent for free?|Above what sum does {s} "
       "deliver for free?",
       "Delivery is free above {v}.|Orders over {v} are sent for free.|{s} sends orders over {v} for free."),
    at("Phone", "phone number|telephone number", g.phone,
       "The phone number of {s} is {v}.|You can call {s} on {v}.",
       "What is your phone number?|Can I call you?|Which number do I call?|How can I phone {s}?|What is the number "
       "of {s}?|"
       "On which number can I reach {s}?|I want to call {s}.|Can I book by phone?|Do you have a phone?|number?|"
       "Can I speak to somebody at {s}?|What number should I ring to reach {s}?",
       "You can call us on {v}.|Our phone number is {v}.|You can call {s} on {v}."),
    at("E-mail", "e-mail address", g.email,
       "You can write to {s} at {v}.|The e-mail address of {s} is {v}.",
       "What is your e-mail address?|Can I write to you?|How can I contact {s}?|Where can I send a message?|What's "
       "the email of {s}?|"
       "How do I reach {s} in writing?|Where do I send my question?|I would like to mail {s}.|Which address can I "
       "write to?|email?|"
       "How do I get in touch with {s}?|Is there an e-mail address for {s}?",
       "You can write to {v}.|Our e-mail address is {v}.|You can reach {s} at {v}."),
    at("Payment", "payment methods|ways to pay", lambda r: g.listing(r,
        "cash,card,bank transfer,phone,voucher,cheque,invoice", 1, 3),
       "At {s} you can pay by {v}.|{s} accepts payment by {v}.",
       "How can I pay?|How do I pay at {s}?|Which payment methods do you take?|Can I pay by card?|Do you take cash?|"
       "What are the ways to pay?|Does {s} accept cards?|How do people pay at {s}?|With what can I pay at {s}?|"
       "payment?|"
       "Do you accept bank transfers?|Is paying by card possible at {s}?",
       "You can pay by {v}.|{s} accepts payment by {v}.|We accept payment by {v}."),
    at("Owner", "owner|name of the owner", g.full_name,
       "{s} belongs to {v}.|The owner of {s} is {v}.|{v} runs {s}.",
       "Who owns {s}?|Who is the owner?|Who runs {s}?|Whose shop is it?|To whom does {s} belong?|Who is the boss of "
       "{s}?|"
       "What is the name of the owner?|Who is in charge of {s}?|Who leads {s}?|Who does {s} belong to?|who owns it?|"
       "Can you tell me who owns {s}?",
       "{s} belongs to {v}.|The owner is {v}.|The owner of {s} is {v}.|{v} runs {s}."),
    at("Opened in", "founding year", g.year,
       "{s} opened in {v}.|{s} was founded in {v}.|{s} has been there since {v}.",
       "How old is {s}?|When was {s} founded?|When did {s} open?|Since when does {s} exist?|In which year did {s} "
       "start?|"
       "What year was {s} opened?|How long has {s} been there?|Is {s} old? When did it open?|In what year did you "
       "open?|"
       "When did it all begin at {s}?|founded when?|Since what year have you been open?",
       "{s} opened in {v}.|{s} was founded in {v}.|It opened in {v}."),
    at("Discount code", "discount code|voucher code", g.code,
       "The discount code of {s} is {v}.|With the code {v} things are cheaper at {s}.",
       "Do you have a discount code?|What is the discount code?|Is there a voucher for {s}?|Which code gives me a "
       "discount?|"
       "How do I get a discount?|How can I pay less at {s}?|What code do I type in at {s}?|Can I have a voucher "
       "code?|discount?|"
       "Is there a code for {s}?|I heard there is a code for {s}. What is it?|Any way to save money at {s}?",
       "The discount code is {v}.|The code is {v}.|You can use the code {v}.|The discount code of {s} is {v}."),
    at("Parking", "parking place",
        lambda r: f"{pick(r, ('behind', 'in front of', 'next to', 'under', 'opposite'))} the "
                  f"{pick(r, PLACES[:32])}",
       "Visitors of {s} can park {v}.|For {s} you can park {v}.",
       "Where can I park?|Is there parking?|Where do I leave my car?|Can I come by car? Where do I park?|Where is "
       "the car park?|"
       "Is there a car park near {s}?|Where can I put my car when I visit {s}?|Do you have parking at {s}?|parking?|"
       "I come to {s} by car. Where can I park?|Is there a place for my car near {s}?|Where do visitors of {s} park?",
       "You can park {v}.|For {s} you can park {v}.|There is parking {v}."),
    at("Return period", "return period|return policy", lambda r: g.span(r, "days weeks", 3, 60),
       "{s} takes things back within {v}.|At {s} you can return things within {v}.",
       "Can I return something?|How long can I return things?|What is your return policy?|Does {s} take things back?|"
       "Within how many days can I return something to {s}?|What if I do not like it?|Can I bring it back?|returns?|"
       "How long do I have to return something at {s}?|Do I get my money back?|I bought the wrong thing. Can I bring "
       "it back to {s}?",
       "You can return things within {v}.|{s} takes things back within {v}.|You have {v} to return things."),
    at("Pick-up", "pick-up time", lambda r: g.span(r, "hours days minutes", 2, 50),
       "Orders at {s} are ready after {v}.|{s} has orders ready after {v}.",
       "When can I pick up my order?|How long until my order is ready?|When is my order ready at {s}?|Can I collect "
       "my order today?|"
       "How soon can I pick it up?|How long does {s} need for an order?|When may I come for my order?|pick up when?|"
       "How long do I wait before I can collect it?|After what time can I fetch my order from {s}?|Is my order ready?",
       "Orders are ready after {v}.|Your order is ready after {v}.|{s} has orders ready after {v}."),
    at("Quiet time", "quietest time", lambda r: f"{g.weekday(r)} at {g.clock(r)}",
       "The quietest time at {s} is {v}.|{s} has the fewest visitors on {v}.",
       "When is {s} quiet?|When are there few people at {s}?|What is the best time to visit {s}?|When should I come?|"
       "When is it not so full?|I do not like crowds. When should I visit {s}?|When are the fewest people there?|"
       "quiet hours?|"
       "When is it calm at {s}?|At what time is {s} empty?|What time is best if I want to be alone at {s}?",
       "The quietest time is {v}.|The quietest time at {s} is {v}.|{s} is quiet on {v}."),
    at("Famous for", "speciality",
        lambda r: f"{pick(r, QUALITIES)} {plural(pick(r, OBJECTS + FOODS))}",
       "{s} is known for its {v}.|People love {s} for its {v}.",
       "What is {s} known for?|What is {s} famous for?|What is special about {s}?|Why do people go to {s}?|What do "
       "people like at {s}?|"
       "What should I look at in {s}?|What makes {s} special?|What is the best thing at {s}?|What are you famous for?|"
       "For what is {s} loved?|What must I see at {s}?",
       "{s} is known for its {v}.|It is known for its {v}.|People love {s} for its {v}."),
    at("Staff", "number of workers", lambda r: f"{r.randint(2, 60)} people",
       "{v} work at {s}.|{s} has a team of {v}.",
       "How many people work at {s}?|How big is your team?|How many workers does {s} have?|How many are you?|How "
       "large is the team?|"
       "What is the size of the team at {s}?|Is {s} a big company?|How many people does {s} employ?|Do many people "
       "work at {s}?|"
       "How many helpers are there at {s}?",
       "{v} work at {s}.|{s} has a team of {v}.|We are a team of {v}."),
)  # fmt: skip

PLAN = (
    at("Monthly price", "monthly price|price per month", lambda r: g.price(r, 2, 60),
       "{s} costs {v} a month.|The monthly price of {s} is {v}.",
       "How much is {s} a month?|What does {s} cost?|How much does {s} cost per month?|What do I pay each month?|"
       "price?|"
       "What is the monthly fee?|Is {s} expensive? What does a month cost?|How much do I pay for {s} every month?|"
       "What does one month of {s} cost?|How much is it for a month?|What is the fee for {s}?|How much money is {s} "
       "each month?",
       "{s} costs {v} a month.|The monthly price is {v}.|You pay {v} a month.|It costs {v} a month."),
    at("Yearly price", "yearly price|price per year", lambda r: g.price(r, 61, 500),
       "{s} costs {v} a year.|The yearly price of {s} is {v}.",
       "How much is {s} a year?|What does a year cost?|How much does {s} cost per year?|What do I pay for a whole "
       "year of {s}?|"
       "Can I pay for a year at once?|What is the price for twelve months of {s}?|What is the yearly fee?|year price?|"
       "How much is the annual plan?|What does {s} cost if I pay once a year?|How much is it for one year?",
       "{s} costs {v} a year.|The yearly price is {v}.|You pay {v} for a year."),
    at("Free trial", "free trial|trial period", lambda r: g.span(r, "days weeks", 2, 60),
       "You can try {s} for free for {v}.|The free trial of {s} lasts {v}.",
       "Can I try {s} first?|Is there a free trial?|How long is the trial?|How long can I use {s} for free?|Can I "
       "test {s}?|"
       "Is {s} free at the start?|How many days can I test {s}?|Do I have to pay at once?|free trial?|For how long "
       "is {s} free?|"
       "How long does the test of {s} last?|Can I use {s} without paying at first?",
       "The free trial lasts {v}.|You can try {s} for free for {v}.|{s} is free for the first {v}."),
    at("How to cancel", "way to cancel", lambda r: pick(r, ("write to {e}", "call {p}", "press the button {b}",
        "open the menu {b}", "tell us {d} before the end of the month", "send the code {c} to {e}")).format(
        e=g.email(r), p=g.phone(r), b=pick(r, ("Stop", "Leave", "Goodbye", "Account", "My plan", "End", "Settings")),
        d=g.span(r, "days", 2, 20), c=g.code(r)),
       "To cancel {s}, {v}.|If you want to stop {s}, {v}.",
       "How do I cancel {s}?|How can I stop {s}?|I want to cancel.|I do not want {s} any more.|How do I end my plan?|"
       "cancel?|"
       "How can I leave {s}?|What must I do to cancel?|How do I get out of {s}?|Please tell me how to cancel {s}.|"
       "How do I end {s}?|I would like to quit {s}. How?|Can I cancel {s}? How?",
       "To cancel {s}, {v}.|Please {v}.|If you want to stop {s}, {v}."),
    at("Devices", "number of devices", lambda r: f"{r.randint(2, 40)} devices",
       "{s} works on {v} at once.|You can use {s} on {v}.",
       "On how many devices can I use {s}?|How many devices are allowed?|Can I use {s} on my phone and my tablet?|"
       "devices?|"
       "How many phones can I use {s} on?|Can my family use {s} too? On how many devices?|What is the device limit "
       "of {s}?|"
       "Does {s} work on more than one device?|How many devices does {s} allow?|Is {s} only for one device?",
       "You can use {s} on {v}.|{s} works on {v} at once.|It works on {v}."),
    at("Student discount", "student discount", lambda r: f"{r.randint(5, 70)} percent",
       "Students get {v} off {s}.|The student discount of {s} is {v}.",
       "Is there a discount for students?|Do students pay less?|I am a student. Is {s} cheaper for me?|student "
       "discount?|"
       "How much do students save?|How big is the student discount of {s}?|What discount do students get on {s}?|"
       "Is {s} cheaper for students?|How much less do I pay for {s} as a student?|Do you have a price for students?",
       "Students get {v} off.|The student discount is {v}.|Students get {v} off {s}."),
    at("Support hours", "support hours", g.hours,
       "Support for {s} is there from {v}.|The team of {s} answers from {v}.",
       "When can I reach support?|When is your support open?|When do you answer questions?|When can I get help with "
       "{s}?|"
       "At what times is the support of {s} there?|When can I talk to the team of {s}?|What are the support hours?|"
       "Until when do you answer?|When is somebody there to help with {s}?|support hours?|Is support there in the "
       "evening?",
       "Support is there from {v}.|You can reach us from {v}.|Support for {s} is there from {v}."),
    at("Storage", "storage|amount of storage", lambda r: f"{r.randint(2, 900)} GB",
       "{s} gives you {v} of storage.|With {s} you get {v} of space.",
       "How much storage do I get?|How much space does {s} give me?|How much can I save on {s}?|How much data can I "
       "store with {s}?|"
       "What is the storage limit of {s}?|Is there enough space on {s}?|How many gigabytes do I get with {s}?|storage?|"
       "How big is my space on {s}?|How much fits into my account?",
       "You get {v} of storage.|{s} gives you {v} of storage.|With {s} you get {v} of space."),
    at("Payment day", "payment day",
        lambda r: f"{pick(r, ('first', 'second', 'third', 'last', 'first', 'last'))} {pick(r, WEEKDAYS)} of the "
                  f"month" if r.random() < 0.6 else f"day {r.randint(2, 28)} of the month",
       "The payment for {s} is taken on the {v}.|You pay for {s} on the {v}.",
       "When do I have to pay?|On what day is the payment?|When is the money taken?|When do you charge me for {s}?|"
       "payment day?|"
       "When must I pay for {s}?|On which day do I pay for {s}?|When is the fee for {s} due?|What day is the bill due?|"
       "When does the money leave my account?",
       "You pay on the {v}.|The payment is taken on the {v}.|The payment for {s} is taken on the {v}."),
    at("Pause", "longest pause", lambda r: g.span(r, "weeks months", 2, 12),
       "You can pause {s} for up to {v}.|A pause of {s} may last {v}.",
       "Can I pause {s}?|How long can I pause?|I am going on holiday. Can I pause {s}?|For how long can I stop {s} "
       "for a while?|"
       "Is a break possible with {s}?|What is the longest pause for {s}?|I need a break from {s}. How long may it "
       "be?|pause?|"
       "How long may I put {s} on hold?|Can I take a break?",
       "You can pause {s} for up to {v}.|A pause may last {v}.|Yes, you can pause {s} for up to {v}."),
    at("Password", "password rule", lambda r: f"at least {r.randint(5, 20)} {pick(r, ('letters', 'signs', 'digits'))}",
       "A password for {s} needs {v}.|Passwords of {s} must have {v}.",
       "How long must my password be?|What password can I use for {s}?|What are the rules for the password?|password "
       "rules?|"
       "Why does {s} not take my password?|My password is refused by {s}. Why?|How should a password for {s} look?|"
       "What does {s} want in a password?|How do I choose a password for {s}?|What must my password have?",
       "A password needs {v}.|Your password needs {v}.|Passwords of {s} must have {v}."),
    at("Languages", "languages", lambda r: g.listing(r,
        "English,French,German,Spanish,Italian,Dutch,Polish,Greek,Danish,Turkish,Arabic,Hindi,Swedish", 1, 4),
       "{s} is available in {v}.|{s} speaks {v}.",
       "Which languages does {s} have?|In which languages can I use {s}?|What languages are there?|Is {s} only in "
       "English?|"
       "What languages does {s} speak?|Can I change the language of {s}?|Which languages can I choose?|languages?|"
       "Do you have {s} in other languages?|In what languages is {s}?",
       "{s} is available in {v}.|You can use {s} in {v}.|It is available in {v}."),
    at("Next feature", "next feature",
        lambda r: f"a {pick(r, _MODES)} {pick(r, ('mode', 'page', 'list', 'view', 'menu'))} in {pick(r, MONTHS)}",
       "{s} will get {v}.|The next new thing in {s} is {v}.",
       "What is new in {s}?|What comes next in {s}?|What are you planning for {s}?|Which feature is next?|What will "
       "change in {s}?|"
       "What are you adding to {s}?|Is anything new coming to {s}?|What will {s} get?|What new thing do you plan?|"
       "what's new?",
       "{s} will get {v}.|The next new thing is {v}.|It will get {v}."),
    at("Account limit", "number of users", lambda r: join_and((f"{r.randint(2, 8)} adults",
        f"{r.randint(2, 9)} children")),
       "One account of {s} is for {v}.|{v} can share one account of {s}.",
       "How many people can share an account?|Who can use my account?|Can my family share {s}?|How many users can "
       "{s} have?|"
       "How many people can use one account of {s}?|For how many people is {s}?|Can I share {s}?|How many people may "
       "use {s}?|"
       "Is {s} for one person only?|sharing?",
       "One account is for {v}.|{v} can share one account.|An account of {s} is for {v}."),
)  # fmt: skip
