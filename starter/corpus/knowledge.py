"""The small world's fixed knowledge: tables of true facts, one row a line, that `facts.py` asks about.

Only data. A row is `subject: answer`; the table's forms in `facts.py` say how it is asked and answered, so
a new fact is one new line here. Facts are those a child knows, chosen so that one short answer is right.
"""

from __future__ import annotations


def _table(text: str) -> tuple[tuple[str, str], ...]:
    """Return the (subject, answer) rows of a table written one row a line."""
    rows = (line.split(": ", 1) for line in text.strip().splitlines())
    return tuple((left.strip(), right.strip()) for left, right in rows)


CAPITALS = _table("""
France: Paris
Germany: Berlin
Spain: Madrid
Italy: Rome
Portugal: Lisbon
England: London
Ireland: Dublin
Scotland: Edinburgh
Norway: Oslo
Sweden: Stockholm
Finland: Helsinki
Denmark: Copenhagen
Poland: Warsaw
Austria: Vienna
Hungary: Budapest
Greece: Athens
Russia: Moscow
Ukraine: Kyiv
Belgium: Brussels
Switzerland: Bern
the Netherlands: Amsterdam
Turkey: Ankara
Egypt: Cairo
Kenya: Nairobi
Ghana: Accra
Nigeria: Abuja
Morocco: Rabat
India: New Delhi
China: Beijing
Japan: Tokyo
Thailand: Bangkok
Vietnam: Hanoi
Indonesia: Jakarta
Australia: Canberra
New Zealand: Wellington
Canada: Ottawa
the United States: Washington
Mexico: Mexico City
Brazil: Brasilia
Argentina: Buenos Aires
Chile: Santiago
Peru: Lima
Cuba: Havana
Iceland: Reykjavik
""")
COLOURS_OF = _table("""
the sky on a clear day: blue
grass: green
snow: white
a ripe banana: yellow
a ripe strawberry: red
a ripe tomato: red
coal: black
milk: white
a carrot: orange
a lemon: yellow
the sun in a drawing: yellow
chocolate: brown
an elephant: grey
a flamingo: pink
a frog: green
a crow: black
a swan: white
a fire engine: red
blood: red
a pumpkin: orange
a cucumber: green
the sea: blue
a lime: green
sand: yellow
a leaf in summer: green
salt: white
a polar bear: white
an aubergine: purple
lavender: purple
a daffodil: yellow
""")
SOUNDS = _table("""
dog: woof
cat: meow
cow: moo
sheep: baa
pig: oink
duck: quack
hen: cluck
mouse: squeak
lion: roar
frog: croak
bee: buzz
snake: hiss
horse: neigh
owl: hoot
wolf: howl
donkey: hee-haw
rooster: cock-a-doodle-doo
crow: caw
goose: honk
""")
EATS = _table("""
rabbit: carrots
cow: grass
cat: fish
mouse: cheese
monkey: bananas
panda: bamboo
squirrel: nuts
horse: hay
bear: honey
hen: corn
dog: bones
sheep: grass
owl: mice
frog: flies
lion: meat
caterpillar: leaves
giraffe: leaves
penguin: fish
spider: flies
koala: leaves
""")
BABIES = _table("""
dog: puppy
cat: kitten
cow: calf
sheep: lamb
horse: foal
hen: chick
duck: duckling
goat: kid
pig: piglet
bear: cub
frog: tadpole
lion: cub
kangaroo: joey
deer: fawn
swan: cygnet
goose: gosling
""")
HOMES = _table("""
bird: nest
bee: hive
fox: den
rabbit: burrow
spider: web
dog: kennel
horse: stable
fish: water
hen: coop
pig: sty
bear: cave
camel: desert
penguin: cold south
monkey: jungle
cow: barn
ant: anthill
""")
LEGS = _table("""
dog: four
cat: four
bird: two
spider: eight
bee: six
ant: six
horse: four
person: two
snake: no
hen: two
beetle: six
cow: four
fish: no
butterfly: six
duck: two
elephant: four
""")
OPPOSITES = _table("""
big: small
hot: cold
up: down
day: night
happy: sad
fast: slow
old: young
open: closed
full: empty
light: dark
wet: dry
hard: soft
long: short
high: low
good: bad
clean: dirty
rich: poor
early: late
loud: quiet
strong: weak
left: right
first: last
black: white
easy: difficult
inside: outside
true: false
thick: thin
cheap: expensive
near: far
wide: narrow
push: pull
begin: end
buy: sell
win: lose
love: hate
always: never
before: after
above: below
awake: asleep
""")
TOOL_USES = _table("""
hammer: hit nails
saw: cut wood
spoon: eat soup
knife: cut bread
broom: sweep the floor
needle: sew clothes
pen: write
brush: paint
spade: dig holes
umbrella: stay dry in the rain
key: open a lock
ladder: climb up high
telescope: look at the stars
clock: tell the time
thermometer: measure the temperature
kettle: boil water
oven: bake bread
fridge: keep food cold
lamp: give light
comb: tidy hair
toothbrush: clean teeth
camera: take photos
phone: call people
map: find the way
pillow: rest a tired head
ruler: measure a line
towel: dry wet hands
bucket: carry water
rake: gather leaves
torch: see in the dark
compass: find north
scale: weigh things
washing machine: wash clothes
watering can: water plants
""")
KEPT = _table("""
milk: fridge
books: bookshelf
money: purse
clothes: wardrobe
cars: garage
toys: toy box
plates: cupboard
bread: bread bin
tools: toolbox
flowers: vase
letters: letterbox
ice cream: freezer
hay: barn
ships: harbour
sugar: sugar bowl
paintings: museum
animals from far away: zoo
tea: teapot
coats: wardrobe
""")
JOB_DOES = _table("""
teacher: teaches pupils
baker: bakes bread
doctor: helps sick people
farmer: grows food
pilot: flies planes
firefighter: puts out fires
postman: brings letters
dentist: looks after teeth
vet: helps sick animals
cook: makes meals
gardener: looks after gardens
plumber: repairs pipes
electrician: repairs wires
carpenter: makes things of wood
tailor: sews clothes
hairdresser: cuts hair
librarian: lends books
singer: sings songs
painter: paints pictures
writer: writes books
driver: drives a bus
fisherman: catches fish
shepherd: looks after sheep
beekeeper: keeps bees
mechanic: repairs cars
photographer: takes photos
butcher: sells meat
florist: sells flowers
waiter: serves food
astronaut: flies into space
detective: solves crimes
potter: makes pots of clay
miner: digs under the ground
nurse: cares for patients
builder: builds houses
sailor: works on a ship
judge: decides in court
""")
MADE_OF = _table("""
a window: glass
a book: paper
a table: wood
a jumper: wool
ice: water
bread: flour
butter: milk
cheese: milk
a coin: metal
a shoe: leather
a brick: clay
a candle: wax
honey: nectar
a snowman: snow
a tyre: rubber
a T-shirt: cotton
a sandcastle: sand
a nail: iron
an omelette: eggs
chips: potatoes
raisins: grapes
""")
SCIENCE = _table("""
What do plants need to grow?: Plants need water and light.
What do bees make?: Bees make honey.
What do hens lay?: Hens lay eggs.
What do cows give us?: Cows give us milk.
What do sheep give us?: Sheep give us wool.
What happens to ice when it gets warm?: Ice melts when it gets warm.
What happens to water when it gets very cold?: Water turns into ice when it gets very cold.
What falls from the clouds when it rains?: Water falls from the clouds when it rains.
What do we breathe?: We breathe air.
What do we see with?: We see with our eyes.
What do we hear with?: We hear with our ears.
What do we smell with?: We smell with our nose.
What do we taste with?: We taste with our tongue.
What goes round the earth?: The moon goes round the earth.
What does the earth go round?: The earth goes round the sun.
What shines in the day?: The sun shines in the day.
What shines at night?: The moon shines at night.
What makes a shadow?: Light makes a shadow.
Which is the largest animal?: The blue whale is the largest animal.
Which animal has a long neck?: The giraffe has a long neck.
Which animal has a trunk?: The elephant has a trunk.
Which animal has a hump?: The camel has a hump.
Which animal has black and white stripes?: The zebra has black and white stripes.
Which animal carries its house on its back?: The snail carries its house on its back.
Which animal spins a web?: The spider spins a web.
Which animal builds dams?: The beaver builds dams.
Which bird cannot fly but swims well?: The penguin cannot fly but swims well.
Which animal is called the king of the animals?: The lion is called the king of the animals.
Where does the sun rise?: The sun rises in the east.
Where does the sun set?: The sun sets in the west.
What pumps blood through the body?: The heart pumps blood through the body.
What pulls things down to the ground?: Gravity pulls things down to the ground.
What does a magnet pull?: A magnet pulls iron.
What do caterpillars turn into?: Caterpillars turn into butterflies.
What do tadpoles turn into?: Tadpoles turn into frogs.
What grows from an acorn?: An oak grows from an acorn.
At how many degrees does water boil?: Water boils at 100 degrees.
At how many degrees does water freeze?: Water freezes at 0 degrees.
Which planet do we live on?: We live on the planet Earth.
Which is the largest ocean?: The Pacific is the largest ocean.
Which is the hottest season?: Summer is the hottest season.
Which is the coldest season?: Winter is the coldest season.
In which season do leaves fall?: Leaves fall in autumn.
In which season do many flowers open?: Many flowers open in spring.
Which meal do we eat in the morning?: We eat breakfast in the morning.
Which meal do we eat at noon?: We eat lunch at noon.
Which meal do we eat in the evening?: We eat dinner in the evening.
What do we call frozen rain that is soft and white?: We call it snow.
What do you get if you mix blue and yellow?: Blue and yellow make green.
What do you get if you mix red and yellow?: Red and yellow make orange.
What do you get if you mix red and blue?: Red and blue make purple.
What do you get if you mix black and white?: Black and white make grey.
What do you get if you mix red and white?: Red and white make pink.
""")
AMOUNTS = _table("""
days are in a week: 7 days in a week
months are in a year: 12 months in a year
hours are in a day: 24 hours in a day
minutes are in an hour: 60 minutes in an hour
seconds are in a minute: 60 seconds in a minute
seasons are in a year: 4 seasons in a year
days are in a year: 365 days in a year
letters are in the alphabet: 26 letters in the alphabet
fingers are on one hand: 5 fingers on one hand
toes are on two feet: 10 toes on two feet
sides are in a triangle: 3 sides in a triangle
sides are in a square: 4 sides in a square
wheels are on a bicycle: 2 wheels on a bicycle
wheels are on a car: 4 wheels on a car
wheels are on a tricycle: 3 wheels on a tricycle
colours are in the rainbow: 7 colours in the rainbow
legs are on a chair: 4 legs on a chair
eggs are in a dozen: 12 eggs in a dozen
days are in a weekend: 2 days in a weekend
weeks are in a year: 52 weeks in a year
minutes are in half an hour: 30 minutes in half an hour
hours are in two days: 48 hours in two days
planets are in our solar system: 8 planets in our solar system
players are in a football team: 11 players in a football team
strings are on a violin: 4 strings on a violin
centimetres are in a metre: 100 centimetres in a metre
grams are in a kilogram: 1000 grams in a kilogram
metres are in a kilometre: 1000 metres in a kilometre
cents are in a euro: 100 cents in a euro
""")
