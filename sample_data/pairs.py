"""Pairs for the bundled samples: captions in two languages, spelling and sound, inflected words.

Captions are put together from tables of German and English words; words to be spoken or inflected
are invented, and their answers follow rules that are written out here.
"""

import random
import re
from collections.abc import Iterable, Iterator

SPLITS = {"train": 0.8, "dev": 0.1, "test": 0.1}

# German nouns by gender, with plural; English with plural.
PEOPLE = [
    ("m", "Mann", "Männer", "man", "men"),
    ("f", "Frau", "Frauen", "woman", "women"),
    ("n", "Kind", "Kinder", "child", "children"),
    ("m", "Junge", "Jungen", "boy", "boys"),
    ("n", "Mädchen", "Mädchen", "girl", "girls"),
    ("m", "Hund", "Hunde", "dog", "dogs"),
    ("f", "Katze", "Katzen", "cat", "cats"),
    ("m", "Bäcker", "Bäcker", "baker", "bakers"),
    ("f", "Ärztin", "Ärztinnen", "doctor", "doctors"),
    ("n", "Pferd", "Pferde", "horse", "horses"),
]
THINGS = [
    ("m", "Ball", "Bälle", "ball", "balls"),
    ("m", "Apfel", "Äpfel", "apple", "apples"),
    ("f", "Tasche", "Taschen", "bag", "bags"),
    ("f", "Zeitung", "Zeitungen", "newspaper", "newspapers"),
    ("n", "Buch", "Bücher", "book", "books"),
    ("n", "Fahrrad", "Fahrräder", "bicycle", "bicycles"),
    ("m", "Regenschirm", "Regenschirme", "umbrella", "umbrellas"),
    ("f", "Blume", "Blumen", "flower", "flowers"),
]
OF_PEOPLE = [
    ("klein", "small"),
    ("groß", "tall"),
    ("jung", "young"),
    ("müd", "tired"),
    ("fröhlich", "cheerful"),
    ("nass", "wet"),
]
OF_THINGS = [
    ("rot", "red"),
    ("blau", "blue"),
    ("grün", "green"),
    ("schwer", "heavy"),
    ("neu", "new"),
    ("gelb", "yellow"),
]
# One alone and several: German, then the English participle.
DOES = [
    ("läuft", "laufen", "running"),
    ("schläft", "schlafen", "sleeping"),
    ("wartet", "warten", "waiting"),
    ("spielt", "spielen", "playing"),
    ("steht", "stehen", "standing"),
    ("sitzt", "sitzen", "sitting"),
]
DOES_TO = [
    ("trägt", "tragen", "carrying"),
    ("sieht", "sehen", "seeing"),
    ("hält", "halten", "holding"),
    ("sucht", "suchen", "looking for"),
    ("findet", "finden", "finding"),
    ("kauft", "kaufen", "buying"),
]
WHERE = [
    ("im Park", "in the park"),
    ("auf der Straße", "on the street"),
    ("am See", "by the lake"),
    ("in der Küche", "in the kitchen"),
    ("vor dem Haus", "in front of the house"),
    ("unter einem Baum", "under a tree"),
    ("neben der Brücke", "next to the bridge"),
    ("im Schnee", "in the snow"),
]
WHEN = [("am Morgen", "in the morning"), ("am Abend", "in the evening"), ("heute", "today")]
ENDINGS = {"m": "er", "f": "e", "n": "es"}
NUMBERS = [("zwei", "two"), ("drei", "three"), ("vier", "four")]


def captions(count: int) -> Iterator[tuple[str, str]]:
    """German captions and their English, none twice."""
    draw, seen = random.Random("captions"), set[str]()
    while len(seen) < count:
        german, english = _caption(draw)
        if german not in seen:
            seen.add(german)
            yield german, english


def _caption(draw: random.Random) -> tuple[str, str]:
    several = draw.random() < 0.3
    left, right = _noun(draw, PEOPLE, OF_PEOPLE, several=several, accusative=False)
    with_object = draw.random() < 0.5
    one, more, participle = draw.choice(DOES_TO if with_object else DOES)
    left, right = f"{left} {more if several else one}", f"{right} {'are' if several else 'is'}"
    right = f"{right} {participle}"
    when = draw.choice(WHEN) if draw.random() < 0.25 else None
    if when:  # German says it before the object
        left = f"{left} {when[0]}"
    if with_object:
        number = draw.random() < 0.2
        thing = _noun(draw, THINGS, OF_THINGS, several=number, accusative=True)
        left, right = f"{left} {thing[0]}", f"{right} {thing[1]}"
    place = draw.choice(WHERE)
    left, right = f"{left} {place[0]}", f"{right} {place[1]}"
    if when:
        right = f"{right} {when[1]}"
    return f"{left[0].upper()}{left[1:]}.", f"{right[0].upper()}{right[1:]}."


def _noun(
    draw: random.Random,
    nouns: list[tuple[str, str, str, str, str]],
    adjectives: list[tuple[str, str]],
    *,
    several: bool,
    accusative: bool,
) -> tuple[str, str]:
    gender, one, more, english, englishes = draw.choice(nouns)
    adjective = draw.choice(adjectives) if draw.random() < 0.5 else None
    if several:
        number, count = draw.choice(NUMBERS)
        middle = f"{adjective[0]}e " if adjective else ""
        plain = f"{adjective[1]} " if adjective else ""
        return f"{number} {middle}{more}", f"{count} {plain}{englishes}"
    masculine = gender == "m" and accusative
    article = "einen" if masculine else "eine" if gender == "f" else "ein"
    ending = "en" if masculine else ENDINGS[gender]
    middle = f"{adjective[0]}{ending} " if adjective else ""
    words = f"{adjective[1]} {english}" if adjective else english
    if one == "Junge" and masculine:
        one = "Jungen"
    return f"{article} {middle}{one}", f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


# --------------------------------------------------------------------------- spelling and sound
ONSETS = [
    *("b", "c", "ch", "d", "f", "g", "h", "k", "l", "m", "n", "p", "qu", "r", "s", "sh", "t"),
    *("th", "v", "w", "br", "cl", "dr", "fl", "gr", "pl", "st", "tr"),
]
NUCLEI = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "ai", "ea", "ee", "oa", "oo", "ou"]
CODAS = ["", "", "", "n", "r", "l", "s", "t", "m", "ck", "ng", "x"]
SOUNDS = [  # the first that fits, from left to right
    ("ch", "tʃ"), ("ck", "k"), ("ng", "ŋ"), ("qu", "k w"), ("sh", "ʃ"), ("th", "θ"),
    ("ai", "eɪ"), ("ea", "iː"), ("ee", "iː"), ("oa", "oʊ"), ("oo", "uː"), ("ou", "aʊ"),
    ("c(?=[ei])", "s"), ("g(?=[ei])", "dʒ"), ("c", "k"), ("x", "k s"), ("r", "ɹ"), ("g", "ɡ"),
    ("(?<=[aiou][bcdfgklmnprstv])e$", ""),
    ("a(?=[bcdfgklmnprstv]e$)", "eɪ"), ("i(?=[bcdfgklmnprstv]e$)", "aɪ"),
    ("o(?=[bcdfgklmnprstv]e$)", "oʊ"), ("u(?=[bcdfgklmnprstv]e$)", "uː"),
    ("a", "æ"), ("e", "ɛ"), ("i", "ɪ"), ("o", "ɒ"), ("u", "ʌ"),
]  # fmt: skip


def spoken(word: str) -> str:
    """The sounds of an invented word, parted by spaces, as the rules of SOUNDS say."""
    found, at = [], 0
    while at < len(word):
        for letters, sound in SOUNDS:
            if fits := re.compile(letters).match(word, at):
                found.append(sound)
                at = fits.end()
                break
        else:
            found.append(word[at])
            at += 1
    return " ".join(part for part in found if part)


def sounds(count: int) -> Iterator[str]:
    """word TAB sounds, none twice."""
    for word in sorted(_words("sounds", count, silent=0.25)):
        yield f"{word}\t{spoken(word)}"


def _words(seed: str, count: int, silent: float) -> set[str]:
    draw, words = random.Random(seed), set[str]()
    while len(words) < count:
        syllables = draw.choices((1, 2, 3), (3, 4, 2))[0]
        word = "".join(
            draw.choice(ONSETS) + draw.choice(NUCLEI) + draw.choice(CODAS) for _ in range(syllables)
        )
        if draw.random() < silent and re.search("[aiou][bcdfgklmnprstv]$", word):
            word += "e"
        words.add(word)
    return words


# --------------------------------------------------------------------------- inflection
def inflected(count: int) -> Iterator[str]:
    """lemma TAB form TAB features, as English inflects words that it has just taken in."""
    draw = random.Random("inflection")
    lemmas = sorted(_words("lemmas", count, silent=0.2))
    for lemma in lemmas:
        if draw.random() < 0.2:
            lemma = re.sub("[aeiou]+[a-z]?$", "", lemma) + "y"
        features = draw.choice(("V;PST", "V;3;SG;PRS", "V;V.PTCP;PRS", "N;PL"))
        yield f"{lemma}\t{_form(lemma, features)}\t{features}"


def _form(lemma: str, features: str) -> str:
    to_i = re.search("[^aeiou]y$", lemma)
    if features in ("V;3;SG;PRS", "N;PL"):
        if to_i:
            return f"{lemma[:-1]}ies"
        return f"{lemma}es" if re.search("(s|x|ch|sh)$", lemma) else f"{lemma}s"
    ending = "ing" if features.endswith("PRS") else "ed"
    if to_i and ending == "ed":
        return f"{lemma[:-1]}ied"
    if lemma.endswith("e") and not lemma.endswith(("ee", "oe")):
        return lemma[:-1] + ending
    if re.search("^[^aeiou]*[aeiou][bdglmnprt]$", lemma):  # one short syllable: doubled
        return lemma + lemma[-1] + ending
    return lemma + ending


def parted(name: str, rows: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Rows in random order, by split; no row is in two of them."""
    kept = list(dict.fromkeys(rows))
    random.Random(name).shuffle(kept)
    at = 0
    for split, share in SPLITS.items():
        size = round(share * len(kept))
        yield split, kept[at : at + size]
        at += size
