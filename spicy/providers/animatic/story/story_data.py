"""What the writer knows: how beings look and move, what places hold, how a story goes. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from spicy.providers.animatic.figures.look import Build
from spicy.providers.animatic.places.setting import Ground


@dataclass(frozen=True, slots=True)
class Beat:
    """One moment of a story: titles, actions for two and for one, mood, camera."""

    titles: tuple[str, ...]
    together: tuple[str, ...]
    alone: tuple[str, ...]
    moods: tuple[str, ...]
    cameras: tuple[str, ...]


COATS: dict[str, tuple[str, ...]] = {
    "fox": ("russet", "red", "orange"), "owl": ("grey", "brown", "silver"), "wolf": ("grey", "charcoal", "silver"),
    "dog": ("tan", "brown", "golden"), "cat": ("grey", "black", "ginger"), "bear": ("brown", "chocolate", "cream"),
    "rabbit": ("cream", "white", "sandy"), "mouse": ("grey", "brown", "fawn"), "deer": ("tan", "fawn", "chestnut"),
    "bird": ("blue", "yellow", "teal"), "crow": ("black", "charcoal"), "penguin": ("navy", "black"), "duck": ("yellow", "white"),
    "eagle": ("brown", "chestnut"), "robot": ("silver", "teal", "steel"), "dragon": ("green", "emerald", "purple"),
    "fish": ("orange", "blue", "coral"), "whale": ("blue", "slate"), "ghost": ("white", "lavender", "silver"),
    "creature": ("purple", "teal", "mint"), "frog": ("green", "lime"), "turtle": ("green", "olive"), "lion": ("golden", "tawny"),
    "tiger": ("orange",), "panda": ("white",), "squirrel": ("rust", "chestnut"), "raccoon": ("grey",), "badger": ("charcoal",),
    "horse": ("brown", "chestnut"), "pig": ("pink",), "monkey": ("brown",), "elephant": ("grey", "slate"),
}  # fmt: skip
MARKS: dict[str, str] = {
    "fox": "a white chest, a white-tipped tail and {eyes} eyes", "owl": "a cream chest, broad wings and large {eyes} eyes",
    "wolf": "a pale chest, a bushy tail and {eyes} eyes", "dog": "a cream muzzle, floppy ears and {eyes} eyes",
    "cat": "white paws, a long tail and {eyes} eyes", "bear": "a tan muzzle, round ears and {eyes} eyes",
    "rabbit": "long ears, a white chest and {eyes} eyes", "robot": "an orange light on the chest, one antenna and cyan eyes",
    "dragon": "a cream belly, small wings and {eyes} eyes", "bird": "a white belly, a little crest and {eyes} eyes",
    "ghost": "a wavy hem, round cheeks and {eyes} eyes", "fish": "a white belly, bright fins and large {eyes} eyes",
    "creature": "a cream belly, two short horns and {eyes} eyes",
}  # fmt: skip
EYES = ("amber", "green", "golden", "hazel")
WORN = ("scarf", "satchel", "bandana", "waistcoat", "cape", "hat", "bow tie", "round glasses")
CLOTH = ("green", "blue", "yellow", "red", "teal", "purple", "mustard", "crimson", "turquoise")
DRESS: dict[str, tuple[str, ...]] = {
    "girl": ("brown braids|a yellow raincoat and red boots", "black hair in a ponytail|a red dress and brown boots",
             "long auburn hair|a teal jacket, blue trousers and brown boots"),
    "boy": ("short black hair|a striped teal sweater, brown trousers and blue boots", "curly brown hair|a red jacket and navy trousers",
            "short blond hair|a green jacket, grey trousers and brown boots"),
    "woman": ("long red hair|a green coat and brown boots", "black hair in a bun|a burgundy coat and black boots",
              "short brown hair|a blue jacket, grey trousers and brown boots"),
    "man": ("short dark hair|a navy jacket, grey trousers and brown boots", "a brown beard|a green coat and black boots",
            "short grey hair|a rust jacket, navy trousers and black boots"),
    "elder": ("a white beard|a navy coat, grey trousers and a brown cap", "white hair in a bun|a purple coat and a cream scarf"),
    "wizard": ("a long white beard|a purple robe with a gold hem and a tall pointed hat",),
    "witch": ("long black hair|a plum robe with a green hem and a pointed hat",),
    "knight": ("short brown hair|silver armour, a red cape and a plain helmet",),
    "spy": ("short black hair|a long grey coat, a black hat and a red tie",),
    "astronaut": ("short brown hair|a white spacesuit with an orange panel",),
    "pirate": ("a black beard|a burgundy coat, a black hat and a brown belt",),
    "royal": ("long golden hair|a purple robe with a gold hem and a golden crown",),
    "sailor": ("short blond hair|a navy jacket, a white cap and grey trousers",),
    "chef": ("short brown hair|a white jacket, a red apron and black trousers",),
    "person": ("short brown hair|a teal jacket, grey trousers and brown boots", "long black hair|a mustard coat and brown boots",
               "curly auburn hair|a green jacket, navy trousers and brown boots"),
}  # fmt: skip
NAMES: dict[str, tuple[str, ...]] = {
    "fox": ("Ember", "Rusty", "Saffron"), "owl": ("Sage", "Orla", "Minerva"), "wolf": ("Ash", "Fenn"), "dog": ("Biscuit", "Scout"),
    "cat": ("Pepper", "Juniper", "Miso"), "bear": ("Bruno", "Maple"), "rabbit": ("Clover", "Hazel"), "mouse": ("Pip", "Thimble"),
    "bird": ("Wren", "Skye"), "crow": ("Corvin", "Inky"), "penguin": ("Pebble", "Waddles"), "robot": ("Bolt", "Tinker", "Unit Seven"),
    "dragon": ("Cinder", "Jade"), "fish": ("Finn", "Coral"), "whale": ("Marlow",), "ghost": ("Wisp", "Bramble"),
    "creature": ("Mossy", "Nib", "Umber"), "girl": ("Ada", "Mira", "Lily"), "boy": ("Leo", "Sami", "Theo"), "woman": ("Nora", "Ines", "Vera"),
    "man": ("Jonas", "Marek", "Elias"), "elder": ("Old Tom", "Agnes"), "wizard": ("Aldwin", "Merle"), "witch": ("Morwen",),
    "knight": ("Sir Rowan",), "spy": ("Viktor Vale", "Iris Kane"), "astronaut": ("Nova", "Captain Reyes"), "pirate": ("Captain Flint",),
    "royal": ("Queen Isolde", "Prince Alder"), "sailor": ("Nils",), "chef": ("Chef Remy",), "person": ("Robin", "Noor", "Alex", "Kit"),
    "deer": ("Willow",), "frog": ("Lilo",), "turtle": ("Shelby",), "lion": ("Leander",), "tiger": ("Tara",), "squirrel": ("Nutmeg",),
    "horse": ("Comet",), "pig": ("Truffle",), "monkey": ("Koko",), "elephant": ("Tembo",), "duck": ("Dilly",), "eagle": ("Aquila",),
    "panda": ("Bao",), "raccoon": ("Bandit",), "badger": ("Bracken",),
}  # fmt: skip
GOES: dict[Build, str] = {
    Build.BEAST: "pads", Build.OWL: "glides", Build.BIRD: "hops", Build.PERSON: "walks", Build.ROBOT: "trundles",
    Build.DRAGON: "stalks", Build.FISH: "swims", Build.GHOST: "drifts", Build.CREATURE: "shuffles",
}  # fmt: skip

SPOTS: dict[Ground, tuple[str, ...]] = {
    Ground.FOREST: ("a narrow path between mossy trunks", "a clearing ringed with ferns", "the foot of an ancient oak",
                    "a stream with stepping stones", "a fallen trunk over a hollow", "a ring of tall mushrooms", "the edge where the trees open"),
    Ground.CITY: ("a quiet street between tall houses", "a crossing under a clock", "a flat roof above the lamps",
                  "an alley with posters on the walls", "a bridge over the traffic", "the steps of an old station"),
    Ground.SEA: ("a wide empty beach", "a wooden pier", "rocks where the waves break", "a small cove", "the path along the cliffs"),
    Ground.MOUNTAINS: ("a stony path below the summit", "a pass between two peaks", "a ledge above the valley", "a high meadow", "the ridge at last"),
    Ground.DESERT: ("the first of the dunes", "a dry valley between red rocks", "a lonely rock in the sand", "a hidden oasis", "the last high dune"),
    Ground.SPACE: ("the rim of a quiet crater", "a plain under a ringed planet", "the lee of a drifting asteroid", "a landing place among rocks", "the far side, full of stars"),
    Ground.ROOM: ("a room with a tall window", "a corner beside the lamp", "the worn sofa under the pictures", "the middle of the carpet", "the window again"),
    Ground.LIBRARY: ("the long aisle between the shelves", "a reading corner with a lamp", "a table under the window", "the oldest shelf of all"),
    Ground.KITCHEN: ("the counter under hanging pans", "the table by the window", "the shelf with the jars", "the doorway"),
    Ground.WORKSHOP: ("the bench under the lamps", "a wall of humming panels", "a tangle of pipes", "the great window at the end"),
    Ground.VILLAGE: ("the lane between the first houses", "the square with the well", "a garden gate", "the last house on the hill"),
    Ground.FIELD: ("a path through tall grass", "a lone tree on a rise", "a slope full of flowers", "the far hedge"),
    Ground.LAKE: ("the reeds along the bank", "a still stretch of water", "a landing stage", "the stones at the far shore"),
    Ground.SNOW: ("an untouched slope", "a frozen hollow between firs", "a drift below the peaks", "the open plain of ice"),
    Ground.CAVE: ("the mouth of the cave", "a hall of hanging stones", "a ledge with glowing crystals", "the bright way out"),
    Ground.CASTLE: ("the road to the gate", "the courtyard below the towers", "the foot of the tallest tower", "the wall above the moat"),
    Ground.GARDEN: ("the gate in the hedge", "a path between flowerbeds", "a bench under the trees", "the middle of the lawn"),
    Ground.SKY: ("above the first clouds", "between two towers of cloud", "a gap with the land far below", "the edge of the evening"),
    Ground.UNDERWATER: ("the first corals", "a slope of pale sand", "a gate of rock", "the light under the surface"),
    Ground.HILLS: ("a path over the first hill", "a hollow out of the wind", "a hilltop with a wide view", "the last bend of the road"),
}  # fmt: skip
HOURS: tuple[tuple[str, str], ...] = (
    ("dawn", "first light, pale and pink"), ("early morning", "clear cool light"), ("midday", "high bright sun"),
    ("late afternoon", "long golden light"), ("sunset", "a burning sky"), ("dusk", "the last red light"), ("night", "moonlight and deep shadows"),
)  # fmt: skip
WEATHER = ("still air", "a light breeze", "thin mist", "high clouds", "soft haze", "washed, clear air")

OPENING = Beat(
    ("Where It Begins", "A First Step", "An Ordinary Day"),
    ("{A} {goes} into view, stops and looks around; behind, {B} comes closer step by step.",
     "{A} lifts the head and listens, while {B} turns slowly towards the sound."),
    ("{A} {goes} into view, stops and slowly looks around.", "{A} waits without a move, then turns the head towards a faint sound."),
    ("quiet, curious", "calm, expectant"), ("wide shot, slow push-in", "wide shot, gentle pan right"),
)  # fmt: skip
MEETING = Beat(
    ("The Meeting", "Eye to Eye", "Not Alone"),
    ("{A} and {B} stop face to face; {A} leans forward, {B} tilts the head.", "{B} appears beside {A}; both hold still, then {A} takes one careful step."),
    ("{A} bends down, finds a small track on the ground and follows it with the eyes.",),
    ("surprised, gentle", "wary, curious"), ("medium shot, static", "medium shot, slow push-in"),
)  # fmt: skip
ENDING = Beat(
    ("Home Again", "The Long View", "What Remains"),
    ("{A} and {B} sit down side by side and look out together; {A} leans against {B}.", "{B} nods slowly; {A} looks back once, then both stay and watch the light change."),
    ("{A} sits down, breathes out and looks into the distance as the light changes.", "{A} turns round once more, smiles and stays to watch the sky."),
    ("warm, hopeful", "peaceful, content"), ("wide shot, slow pull-out", "wide shot, crane up"),
)  # fmt: skip
WHOLE = Beat(
    ("A Meeting", "One Moment"),
    ("{A} {goes} up to {B}; they look at each other, and both turn together towards the light.",),
    ("{A} {goes} into the light, stops, looks up and slowly smiles.",),
    ("curious, warm",), ("wide shot, slow push-in",),
)  # fmt: skip
CLIMAX = Beat(
    ("The Leap", "Now or Never", "The Turning Point"),
    ("{A} gathers all courage and jumps; {B} reaches out and holds on tight.", "{B} steps in front of {A}, and side by side they face the wind."),
    ("{A} takes a deep breath, runs and leaps.", "{A} stands firm against the wind and does not step back."),
    ("tense, brave", "dramatic, determined"), ("low angle, fast push-in", "low angle, handheld"),
)  # fmt: skip
MIDDLE: tuple[Beat, ...] = (
    Beat(("On the Way", "Side by Side", "The Path Ahead"),
         ("{A} {goes} ahead and {B} follows a little behind, both looking left and right.", "{A} points the way; {B} looks there and moves on."),
         ("{A} {goes} on, one steady step after the other, looking left and right.",),
         ("adventurous, light", "playful, brisk"), ("tracking shot, pan right", "tracking shot, pan left")),
    Beat(("Something Hidden", "The Discovery", "A Faint Glow"),
         ("{A} brushes the dust aside; something glows, and {B} leans in to see.", "{B} discovers a faint glow and {A} comes closer to look."),
         ("{A} brushes the dust aside; something glows beneath.",),
         ("mysterious, full of wonder",), ("close-up, slow push-in", "medium shot, tilt down")),
    Beat(("Trouble", "The Storm Within", "A Wrong Turn"),
         ("{A} starts back in alarm; {B} spreads out protectively in front.", "{A} looks in every direction and finds no way; {B} waits, breathing hard."),
         ("{A} starts back in alarm and looks in every direction.",),
         ("tense, uneasy", "dark, worried"), ("medium shot, handheld", "high angle, slow push-in")),
    Beat(("A Quiet Word", "By the Light", "Rest"),
         ("{A} and {B} rest; {B} speaks softly, and {A} listens and nods.", "{B} shares what little there is; {A} looks up gratefully."),
         ("{A} rests, eyes half closed, and listens to the silence.",),
         ("tender, calm", "thoughtful, warm"), ("close-up, static", "medium shot, gentle drift")),
    Beat(("The Parting", "Alone for a While", "Doubt"),
         ("{A} walks away a few steps and stops; {B} stays where it is and looks after.",),
         ("{A} lowers the head and stays where the path divides.",),
         ("lonely, wistful",), ("wide shot, slow pull-out", "high angle, static")),
    Beat(("A Small Game", "Laughter", "Catch Me"),
         ("{A} runs a circle round {B}, who turns to follow and laughs.", "{B} tosses a leaf into the air and {A} jumps for it."),
         ("{A} jumps after a drifting leaf, misses it and jumps again.",),
         ("playful, joyful",), ("medium shot, orbit", "wide shot, pan left")),
    Beat(("The Signal", "Listen", "From Far Away"),
         ("{A} stops short and lifts the head; {B} freezes, and both look the same way.",),
         ("{A} stops short, lifts the head and looks into the distance.",),
         ("alert, expectant",), ("medium shot, tilt up", "close-up, slow push-in")),
)  # fmt: skip
