"""The words of captions that name COCO's 80 object categories.

Compiled by hand. Left out: words for groups ("crowd", "group", "couple", "pair"), broader
categories ("animal", "food", "furniture", "fruit"), rare breeds and brands, slang, and every word
that more often means something else ("baseball" is usually the game). A word names its whole
category: "woman" has the boxes of men too, because COCO does not distinguish them. A few words name
several categories: "computer" is a laptop or a screen.
"""

from __future__ import annotations

from saccade.text.english import plural, singular

# Singulars, separated by commas. Plurals follow by rule (`plural`).
_WORDS = {
    "person": "person, man, woman, boy, girl, child, kid, guy, lady, gentleman, baby, toddler, "
    "infant, adult, human, policewoman, teen, teenager, male, female, player, batter, "
    "pitcher, catcher, umpire, hitter, outfielder, goalie, skier, snowboarder, "
    "skateboarder, skater, surfer, rider, cyclist, bicyclist, biker, motorcyclist, "
    "pedestrian, swimmer, runner, officer, policeman, cop, fireman, fisherman, "
    "soldier, worker, chef, waiter, waitress, student, teacher, doctor, bride, groom, "
    "mother, father, mom, dad, son, daughter, brother, sister, friend, passenger, "
    "spectator, bystander, onlooker, tourist, customer, vendor, driver, athlete, "
    "cowboy, jockey, businessman, snow boarder, skate boarder, baseball player, "
    "tennis player, soccer player",
    "bicycle": "bicycle, bike, tricycle",
    "car": "car, automobile, sedan, taxi, cab, suv, minivan, van, jeep, vehicle",
    "motorcycle": "motorcycle, motorbike, moped, scooter, bike, motor bike, dirt bike, vehicle",
    "airplane": "airplane, plane, aeroplane, aircraft, jet, airliner, jetliner, biplane",
    "bus": "bus, minibus, vehicle",
    "train": "train, locomotive, tram, trolley",
    "truck": "truck, pickup, lorry, semi, van, vehicle",
    "boat": "boat, ship, sailboat, canoe, kayak, yacht, ferry, raft, gondola, rowboat, motorboat",
    "traffic light": "traffic light, traffic signal, stop light, stoplight, light, signal",
    "fire hydrant": "fire hydrant, hydrant",
    "stop sign": "stop sign, sign",
    "parking meter": "parking meter, meter",
    "bench": "bench",
    "bird": "bird, duck, goose, swan, pigeon, dove, parrot, seagull, gull, owl, hawk, eagle, crow, "
    "penguin, ostrich, flamingo, pelican, peacock, chicken, rooster, hen, sparrow, heron, "
    "parakeet, duckling",
    "cat": "cat, kitten, kitty",
    "dog": "dog, puppy, pup, poodle, terrier, bulldog, dachshund, hound",
    "horse": "horse, pony, foal, colt, stallion, mare",
    "sheep": "sheep, lamb, ram, ewe",
    "cow": "cow, bull, calf, cattle, ox, steer, bison, buffalo",
    "elephant": "elephant",
    "bear": "bear, cub, polar bear",
    "zebra": "zebra",
    "giraffe": "giraffe",
    "backpack": "backpack, knapsack, rucksack, back pack, bag",
    "umbrella": "umbrella, parasol",
    "handbag": "handbag, purse, bag, tote, hand bag",
    "tie": "tie, necktie, bow tie, bowtie",
    "suitcase": "suitcase, luggage, baggage, briefcase, suit case, bag",
    "frisbee": "frisbee, disc, disk",
    "skis": "skis",
    "snowboard": "snowboard, snow board, board",
    "sports ball": "ball, soccer ball, tennis ball",
    "kite": "kite",
    "baseball bat": "baseball bat, bat",
    "baseball glove": "baseball glove, glove, mitt",
    "skateboard": "skateboard, skate board, board",
    "surfboard": "surfboard, surf board, board",
    "tennis racket": "tennis racket, racket, racquet, tennis racquet",
    "bottle": "bottle",
    "wine glass": "wine glass, glass, goblet",
    "cup": "cup, mug, glass",
    "fork": "fork",
    "knife": "knife",
    "spoon": "spoon",
    "bowl": "bowl",
    "banana": "banana",
    "apple": "apple",
    "sandwich": "sandwich, burger, hamburger, cheeseburger, panini",
    "orange": "orange, tangerine, clementine",
    "broccoli": "broccoli",
    "carrot": "carrot",
    "hot dog": "hot dog, hotdog",
    "pizza": "pizza",
    "donut": "donut, doughnut",
    "cake": "cake, cupcake, cheesecake",
    "chair": "chair, armchair, stool, recliner",
    "couch": "couch, sofa, loveseat, love seat",
    "potted plant": "potted plant, plant, houseplant",
    "bed": "bed",
    "dining table": "dining table, table",
    "toilet": "toilet, urinal, commode",
    "tv": "tv, television, monitor, screen, computer",
    "laptop": "laptop, macbook, computer",
    "mouse": "mouse, computer mouse",
    "remote": "remote, remote control, controller, wii remote, wii controller, game controller",
    "keyboard": "keyboard",
    "cell phone": "cell phone, phone, cellphone, smartphone, smart phone, iphone, mobile phone",
    "microwave": "microwave",
    "oven": "oven, stove",
    "toaster": "toaster",
    "sink": "sink, basin, washbasin",
    "refrigerator": "refrigerator, fridge, freezer",
    "book": "book, novel",
    "clock": "clock",
    "vase": "vase",
    "scissors": "scissors, shears",
    "teddy bear": "teddy bear, teddy, stuffed bear, bear, toy bear",
    "hair drier": "hair drier, hair dryer, blow dryer, hairdryer, dryer",
    "toothbrush": "toothbrush, tooth brush",
}

# Pairs of which one word alone would name an object that the pair is not.
_OTHER_PAIRS = (
    "hot dog, train station, train track, bus stop, bus station, orange juice, carrot cake, "
    "banana bread, apple pie, toilet paper, toilet seat, bird house, dog house, cat food, dog "
    "food, coffee table, pool table, ceiling light, street light, street sign, christmas "
    "light, phone booth, ski board, boat house, book shelf, bed room, horse shoe, board game, "
    "board walk, high chair, knife block, bottle opener, bus terminal, train platform, light "
    "fixture"
)


def words_of(category: str) -> tuple[str, ...]:
    """The words, and pairs of words, that name a category: singulars and plurals.

    A category that is not COCO's is named by its name and by the last word of that."""
    words = _WORDS.get(category)
    names = words.split(", ") if words else list(dict.fromkeys((category, category.split()[-1])))
    names += [plural(name) for name in names if singular(name) == name]
    if category == "person":
        names.append("persons")
    return tuple(dict.fromkeys(names))


PAIRS = frozenset(
    pair
    for names in (*_WORDS.values(), _OTHER_PAIRS)
    for name in names.split(", ")
    if " " in name
    for pair in (name, plural(name))
)

CATEGORIES = tuple(_WORDS)  # COCO's 80
