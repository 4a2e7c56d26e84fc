"""What each action unit shows and what it is mistaken for: this project's own texts, written from what
each muscle does to the skin above it. `facs` has the names, the muscles and what moves."""

from collections.abc import Mapping

TEXTS: Mapping[int, tuple[str, str]] = {
    1: (
        "The brows slope down towards the outside; short level folds in the middle of the forehead, none at its "
        "sides.",
        "AU2, which lifts the outer ends; AU4, when the inner ends seem raised because furrows stand between them. "
        "Folds that are there at rest are none.",
    ),
    2: (
        "The outer third of the brow stands higher and bends; the fold of the upper lid is stretched at its outer "
        "end.",
        "AU1, which lifts the inner ends; brows that are arched by nature or by make-up; AU5, which opens the eye "
        "and leaves the brow where it is.",
    ),
    4: (
        "One to three upright or slanting furrows above the nose; less room between brow and eye.",
        "AU9, which also pulls the brows down but wrinkles the root of the nose; furrows or deep-set brows at "
        "rest; the shadow of a light from above.",
    ),
    5: (
        "White of the eye above the iris, a wider eye, a fixed look; the fold of the upper lid is hidden further in.",
        "AU1 and AU2 together, which open the room above the eye and not the eye; eyes that stand out by nature; a "
        "look down or up that bares the white.",
    ),
    6: (
        "Rays at the outer corner of the eye, a pouch and a furrow under the lower lid, the cheek higher and "
        "rounder.",
        "AU7, which tightens the lid and leaves the cheek; a strong AU12, which pushes the cheek up by itself: "
        "look for the rays and for skin drawn in from the temple.",
    ),
    7: (
        "The lower lid is straight and bulges, the eye is a narrower gap; no rays at the corner need to appear.",
        "AU6, which draws skin in from around the eye; AU43 beginning, in which the upper lid sinks without "
        "tension; eyes that are narrow by nature; a look down.",
    ),
    41: (
        "Less of the iris shows; nothing is tense.",
        "AU43 further closed; AU7, which is tense; a look down.",
    ),
    42: (
        "A thin gap, with the lids at rest or hardly tense.",
        "AU43 closed for good; AU44, which is tense.",
    ),
    43: (
        "Lashes meet; the lids lie smooth.",
        "AU45, which opens again at once and needs the frames around; a look down, in which the lid is lowered but "
        "a gap stays.",
    ),
    44: (
        "A tense gap with wrinkles below it.",
        "AU7 with less closing; AU42, which is at rest.",
    ),
    45: (
        "Closed lids in a few frames, open ones before and after.",
        "AU43, which stays; AU46, which is on one side.",
    ),
    46: (
        "One eye closed, often with the cheek drawn up under it.",
        "AU45 caught while one eye is later than the other.",
    ),
    8: (
        "The lips are drawn towards each other over an opening; the red parts flatten.",
        "AU24, in which they touch and press; AU23, in which they are tight but don't reach for each other.",
    ),
    9: (
        "Wrinkles across the root and along the sides of the nose; wings of the nose raised; brows pulled down at "
        "the inner ends.",
        "AU10, which lifts the lip and leaves the root of the nose smooth; AU4, which has no wrinkles beside the "
        "nose.",
    ),
    10: (
        "The upper lip is lifted and bent in its middle; the fold beside the nose is deep high up, like a bracket; "
        "the wings of the nose may widen.",
        "AU9, which wrinkles the nose; AU12, which pulls the fold outwards; AU25 alone, in which the lip isn't "
        "lifted.",
    ),
    11: (
        "The upper part of the fold beside the nose deepens, the lip hardly moves.",
        "AU10, in which the lip goes up; AU12, which deepens the lower part; a fold that is deep at rest.",
    ),
    12: (
        "The corners stand higher and wider, the fold beside the nose is deep and slants, the cheeks rise.",
        "AU13, which goes steeply up; AU14, which draws the corners in; AU20, which draws them level; AU6, which "
        "lifts the cheek but not the corners; corners that turn up at rest.",
    ),
    13: (
        "Narrow, pointed corners that go steeply up; the cheeks bulge like balls.",
        "AU12, which draws the corners back as well as up.",
    ),
    14: (
        "A dimple or a hard wrinkle at the corner; the lips flatten against the teeth at the sides. Often on one "
        "side.",
        "AU12, in which the corner goes up and back; AU20, in which the lips are stretched flat; dimples that come "
        "with any smile.",
    ),
    15: (
        "The corners point down, with a pouch or furrow below them; the lower lip is drawn flat.",
        "AU17, which pushes the middle of the lip up so that the corners look low: a chin that wrinkles is AU17; "
        "corners that hang at rest; AU20, which goes level.",
    ),
    16: (
        "The red of the lower lip is pulled down and flat, the furrow above the chin changes, lower teeth show.",
        "AU25 alone, in which the lip just leaves the other; AU26, in which the jaw takes the lip along.",
    ),
    17: (
        "The chin is pitted like an orange's skin; the middle of the lower lip is pushed up, and the mouth looks "
        "like a bow turned down.",
        "AU15, which pulls the corners down and leaves the chin smooth; AU24, which presses the lips.",
    ),
    18: (
        "A small, round, wrinkled mouth that stands out.",
        "AU22, in which the lips turn outwards; AU23, in which they are tight but not forward.",
    ),
    20: (
        "A long, flat mouth; the skin at the corners is stretched sideways, the chin is drawn flat.",
        "AU12, which goes up; AU14, which draws in; AU15, which goes down; AU21, which only shows in the neck.",
    ),
    22: (
        "Both lips stand off and show their inner side; the mouth is square or round.",
        "AU18, in which the lips are pulled together; AU10 with AU16, in which they go up and down and not out.",
    ),
    23: (
        "Less red shows; fine upright wrinkles above and below; the lips look hard.",
        "AU24, in which the lips press each other; AU28, in which they are rolled in; lips that are thin by nature.",
    ),
    24: (
        "The line of the mouth is narrow and firm; the skin bulges above and below it.",
        "AU23, which tightens without pressing; AU28, in which the red disappears; AU17, which pushes from below; "
        "a mouth closed at rest.",
    ),
    25: (
        "A gap between the lips, with teeth or a dark line in it.",
        "AU26 or AU27, which are a matter of the jaw and come besides; a shadow between closed lips.",
    ),
    26: (
        "Teeth apart, the lower face longer, the cheeks slack.",
        "AU25 alone, with the teeth together; AU27, in which the jaw is pulled and the cheeks are stretched. With "
        "the lips closed it shows only by the length of the face.",
    ),
    27: (
        "A tall, open mouth; the cheeks are stretched flat.",
        "AU26, which is slack and smaller.",
    ),
    28: (
        "The red of one lip or both is gone, the skin around is stretched over the teeth.",
        "AU24 and AU23, in which some red stays to be seen; AU32, in which teeth lie on the lip.",
    ),
    19: (
        "The tip or more of the tongue between the teeth or beyond.",
        "AU36, in which it stays inside; a lower lip in shade.",
    ),
    21: (
        "Cords run from the jaw to the collar bone.",
        "A turned or stretched neck at rest; AU20, which may come with it.",
    ),
    29: (
        "The lower teeth stand before the upper ones; the chin is forward.",
        "AU53, in which the whole head is tilted.",
    ),
    30: (
        "Chin and lower teeth are beside the middle.",
        "A turned or tilted head: compare with the nose.",
    ),
    31: (
        "A hard bulge before the ear.",
        "AU24, which is a matter of the lips; a broad jaw at rest.",
    ),
    32: (
        "Teeth on the red of a lip.",
        "AU28, in which no teeth show; AU25 with teeth behind the lip.",
    ),
    33: (
        "Round cheeks and a small opening that lets air out.",
        "AU34, in which the lips are shut.",
    ),
    34: (
        "Round cheeks over closed lips.",
        "AU33, in which air goes out; full cheeks at rest.",
    ),
    35: (
        "Hollow cheeks.",
        "AU18, which leaves the cheeks; thin cheeks at rest.",
    ),
    36: (
        "A lump in a cheek or lip.",
        "AU34, which is even and on both sides.",
    ),
    37: (
        "The tongue on a lip, other than in the middle of speech.",
        "AU19, in which it doesn't wipe: look at the frames around.",
    ),
    38: (
        "Round, wide nostrils.",
        "AU9 and AU10, which widen them by lifting the wings.",
    ),
    39: (
        "Narrow nostrils, the tip of the nose lower.",
        "A long upper lip at rest.",
    ),
}
"""AU number: (what appears, what it is mistaken for). AUs of head, eyes and visibility need none: their
names say it all."""
