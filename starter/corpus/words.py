"""The plain word lists of the small world: who and what its sentences can be about.

Only data, all nouns singular and countable unless the list says otherwise, so a template may put "a" or
a number before any of them. Lists are tuples, never sets, so a seed always picks the same words.
Helpers that inflect the words are in `world.py`.
"""

from __future__ import annotations

# Tables are wrapped by hand: one entry a line would make this file several times as long.
# fmt: off


def _words(text: str) -> tuple[str, ...]:
    """Return the entries of a list written with spaces; "_" stands for a space inside one entry."""
    return tuple(dict.fromkeys(word.replace("_", " ") for word in text.split()))


NAMES_F = _words(
    """Mia Anna Lena Sara Nora Ella Ida Ruth Clara Emma Rosa Lily Maya Zoe Amy Alice Beth Carol Dina Eva Fatima
    Grace Hana Iris Jane Kate Laura Marta Nina Olga Paula Rita Sofia Tara Uma Vera Wendy Yara Amina Bella Cora Daisy
    Elsa Freya Gina Helen Ines Julia Karen Leila Molly Nadia Olivia Priya Rosie Stella Tess Violet Willa Yuki"""
)
NAMES_M = _words(
    """Tom Ben Leo Max Sam Paul Finn Omar Jack Noah Adam Boris Carl David Erik Felix George Hugo Ivan James Karl Luis
    Mark Nick Oscar Peter Ravi Simon Theo Umar Victor Walter Yusuf Zack Anton Bruno Colin Dan Emil Frank Gus Henry
    Igor Jonas Kofi Liam Milo Nils Otto Pedro Rob Stefan Tim Vince Will Amir Bilal Chen Diego Ethan Hassan"""
)
NAMES = NAMES_F + NAMES_M
SURNAMES = _words(
    """Baker Carter Fisher Miller Stone Hill Brook Wood Marsh Field Weber Novak Silva Rossi Lopez Khan Singh Okafor
    Tanaka Larsen Berg Moore Young Price Page Lane Bishop Walsh Reed Hart Cole West Fox Grant Bell Shaw Hunt Dale"""
)
TOWNS = _words(
    """Ashford Birchwood Clearwater Dunmore Eastbridge Fairview Greenfield Hillside Ironbridge Kingsport Lakeside
    Maplewood Northgate Oakdale Pinehill Queensford Riverton Southbay Thornbury Upwood Valebrook Westfield Yarrow
    Brightsea Coldwell Deepford Elmstead Foxhollow Goldcrest Harbourton Larkfield Millbrook Newhaven Redcliff
    Silverlake Stonebridge Sunnydale Whitby Winterton Applegate Briarfield Cranmoor Dovecote Fernley Glenrock"""
)
ANIMALS = _words(
    """fox cat dog rabbit bear mouse horse cow sheep goat pig duck hen goose owl crow robin sparrow eagle parrot frog
    toad turtle snail spider bee ant butterfly ladybird lizard snake fish shark whale dolphin seal penguin otter beaver
    badger hedgehog squirrel mole bat deer moose wolf lion tiger leopard elephant giraffe zebra hippo rhino camel
    donkey monkey gorilla panda koala kangaroo crocodile swan pigeon peacock turkey hamster kitten puppy lamb foal calf
    chick crab lobster octopus starfish worm beetle cricket dragonfly moth raccoon llama pony stork heron"""
)
PETS = _words("cat dog rabbit hamster parrot pony turtle kitten puppy lizard goldfish mouse")
FRUITS = _words(
    "apple pear plum cherry banana orange lemon lime peach mango grape melon strawberry fig kiwi pineapple apricot"
)
VEGETABLES = _words(
    "carrot potato onion tomato cucumber pumpkin pepper cabbage leek radish turnip bean pea mushroom aubergine"
)
FOODS = FRUITS + VEGETABLES + _words(
    """sandwich pizza pie cake biscuit pancake waffle muffin burger sausage egg omelette salad soup stew curry pudding
    bun roll bagel doughnut pretzel dumpling taco wrap cupcake tart nut loaf cracker sweet lollipop chocolate_bar"""
)
DRINKS = _words("tea coffee milk water juice lemonade cocoa cider soda")  # mass nouns
STAPLES = _words(  # mass nouns
    "bread butter cheese rice pasta flour sugar salt honey jam oil vinegar yoghurt cream porridge oats meat fish garlic"
)
TOYS = _words("ball doll kite puzzle robot drum balloon marble yo-yo teddy swing scooter block puppet whistle")
TOOLS = _words("hammer saw drill spade rake broom ladder bucket rope nail screw brush axe wrench shovel chisel")
FURNITURE = _words(
    """table chair bed sofa desk shelf wardrobe stool bench cupboard drawer mirror carpet armchair cabinet"""
)
CLOTHES = _words(
    """coat hat scarf glove shirt dress skirt jacket sock shoe boot belt cap jumper apron sandal tie raincoat"""
)
INSTRUMENTS = _words("piano guitar violin flute trumpet cello harp banjo clarinet tambourine")
VEHICLES = _words("car bus train boat lorry van tram taxi ship plane tractor ferry motorbike bicycle rocket sledge")
KITCHENWARE = _words("cup plate bowl spoon fork knife pan pot jug bottle tray glass teapot basket jar tin sieve ladle")
OBJECTS = TOYS + TOOLS + CLOTHES + KITCHENWARE + INSTRUMENTS + _words(
    """lamp book key box bag clock candle letter map coin ring umbrella pencil pen notebook blanket pillow picture
    button needle stamp envelope ticket torch wallet purse suitcase backpack feather stone shell flower leaf acorn crown
    bell flag lantern magnet camera radio telescope compass necklace bracelet sponge towel comb soap_dish vase frame
    card badge medal parcel treasure_chest fan tent boat sledge wheel hook chain"""
)
COLOURS = _words("red blue green yellow orange purple pink brown black white grey silver gold turquoise violet beige")
PLACES = _words(
    """park forest beach river lake school library market shop bakery farm garden museum station harbour bridge castle
    village hospital cinema theatre zoo café restaurant hotel bank church mill field meadow hill mountain island cave
    valley pond playground stadium swimming_pool post_office bookshop supermarket factory airport bus_stop town_hall
    pharmacy gym office workshop barn orchard tower lighthouse desert campsite street square fountain path"""
)
JOBS = _words(
    """teacher doctor nurse baker farmer cook driver pilot gardener builder painter plumber electrician carpenter
    firefighter postman librarian dentist vet singer dancer actor writer waiter tailor mechanic fisherman butcher sailor
    judge lawyer cleaner hairdresser engineer scientist shopkeeper photographer miner potter guard coach florist
    shepherd clown chef cashier receptionist programmer accountant architect beekeeper blacksmith astronaut detective"""
)
SIZES = _words("big small tiny huge little large tall short long wide narrow thin thick giant")
MOODS = _words(
    """happy sad angry tired proud shy brave calm curious lonely nervous cheerful worried excited grumpy gentle kind
    clever lazy patient polite hungry sleepy jealous friendly quiet bored scared surprised thankful hopeful careful"""
)
QUALITIES = _words(
    """old new shiny broken clean dirty heavy light soft hard warm cold wet dry smooth rough bright dark sharp round
    square flat full empty cheap expensive beautiful ugly strange plain simple fresh rusty wooden golden noisy silent
    sweet sour bitter strong weak fast slow safe dangerous rare common useful pretty lovely dusty colourful striped
    sticky comfortable modern fancy famous perfect"""
)
ADJECTIVES = SIZES + MOODS + QUALITIES
WEEKDAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = _words("January February March April May June July August September October November December")
SEASONS = _words("spring summer autumn winter")
WEATHER = _words(  # it is ...
    """sunny rainy cloudy windy snowy foggy stormy frosty icy misty mild chilly hot cold dry humid"""
)
ROOMS = _words(
    """kitchen bathroom bedroom living_room hall attic cellar garage dining_room study nursery laundry_room pantry
    playroom balcony"""
)
HOBBIES = _words(  # "I like ..."
    """swimming reading painting cooking dancing singing running cycling fishing hiking drawing gardening knitting
    sewing baking camping skating skiing sailing climbing chess football tennis basketball yoga photography pottery
    woodwork music birdwatching stamp_collecting rowing surfing volleyball badminton table_tennis juggling magic"""
)
SUBJECTS = _words("maths history art geography science biology chemistry physics English music sport drama")
DEVICES = _words(
    """kettle lamp speaker watch printer bike app phone tablet laptop camera toaster oven fridge heater fan radio
    television vacuum_cleaner washing_machine dishwasher coffee_machine blender hairdryer router keyboard mouse monitor
    headset doorbell thermostat torch scale toothbrush drone scooter microwave iron clock charger lawnmower mixer"""
)
DEVICE_PARTS = _words(
    """battery button charger filter lid light cable screen handle switch plug wheel strap motor lens fan door hinge
    knob remote microphone sensor cover brush blade tray tank hose stand case chain pedal display antenna fuse socket"""
)
BODY = _words(
    """head hand foot arm leg nose ear eye mouth knee elbow finger toe shoulder back neck chin tooth thumb ankle"""
)
FAMILY = _words(
    "mother father sister brother aunt uncle cousin grandmother grandfather daughter son nephew niece friend neighbour"
)
NATURE = _words(
    """tree flower bush leaf root branch seed rose tulip daisy oak pine star cloud rainbow wave shadow stream rock
    puddle island volcano waterfall snowflake sunflower lily cliff comet planet moon mushroom nest feather pebble"""
)
SHAPES = _words("circle triangle square rectangle star heart oval diamond cube ball cone")
SCHOOL = _words(
    """pupil lesson test ruler rubber blackboard classroom textbook timetable homework_sheet exam term report"""
)
SHOPPING = _words(
    """order receipt refund parcel delivery invoice discount voucher price bill customer cashier address basket
    warranty complaint return account password payment subscription coupon gift brand catalogue deposit size sale"""
)
TRAVEL = _words(
    """journey trip ticket passport suitcase map hotel platform seat timetable visit holiday flight tour road"""
)
IDEAS = _words(
    """plan idea story song secret promise answer question joke dream problem mistake rule prize game race surprise
    wish party meeting letter message lesson chance reason habit noise smell sound taste colour number name word"""
)
MATERIALS = _words("wood metal glass paper stone plastic cotton wool leather clay gold silver rubber silk brick sand")
ADVERBS = _words(
    """quickly slowly quietly loudly carefully happily sadly gently often always never sometimes usually today
    tomorrow yesterday soon later early late again almost together outside inside upstairs downstairs suddenly
    finally"""
)
FUNCTION_WORDS = _words(
    """the a an and or but because so if when while before after until although in on at under over behind beside
    between near through across into onto from with without about against along around by for of off out to up down I
    you he she it we they me him her us them my your his its our their this that these those who what which where why
    how is are was were be been being am do does did have has had can could will would shall should may might must not
    no yes all any both each every few many much more most other some such only own same than too very just also"""
)
GROUPS: dict[str, tuple[str, ...]] = {  # plural name of the group -> members; no word of one stands in another
    "animals": tuple(w for w in ANIMALS if w not in ("bat", "mole", "seal", "cricket", "turkey", "fish", "lamb")),
    "fruits": tuple(w for w in FRUITS if w not in ("orange", "lime")),
    "vegetables": tuple(w for w in VEGETABLES if w not in ("mushroom", "tomato", "pumpkin", "cucumber", "pepper")),
    "colours": tuple(w for w in COLOURS if w not in ("orange", "gold", "silver", "violet", "turquoise")),
    "tools": tuple(w for w in TOOLS if w not in ("nail", "screw", "rope", "bucket")),
    "clothes": CLOTHES,
    "pieces of furniture": tuple(w for w in FURNITURE if w not in ("drawer", "mirror", "carpet", "shelf")),
    "musical instruments": INSTRUMENTS,
    "vehicles": tuple(w for w in VEHICLES if w not in ("sledge", "rocket")),
    "drinks": DRINKS[:8],
    "jobs": JOBS,
    "months": MONTHS,
    "days of the week": WEEKDAYS,
    "parts of the body": tuple(w for w in BODY if w not in ("back",)),
    "rooms": tuple(w for w in ROOMS if w not in ("hall", "study", "nursery")),
}
