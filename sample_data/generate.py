"""Write the bundled sample data: `python sample_data/generate.py [folder]`.

All texts are invented: they are drawn from the small grammars in `grammar/`, with fixed seeds, so
that each run writes the same bytes. `names/` is a typed list of facts; here it is only sorted. The
motions in `signals/` are formulas with noise.

A grammar file holds rules. `== rule` is followed by one alternative a line (`3* text` counts it
three times); `rule := a | b` is the same in one line, dealt like cards, so that an alternative
comes back only when all others were used; `rule ~= a | b` draws the first ones most often. In a
text, `[a|b|]` is a choice, `{rule}` an expansion, `#` a digit and `§` a digit from 1 to 9.
`{x=rule}` also keeps what was drawn (` ~ ` divides it into fields): `{x}` and `{x.1}` repeat it,
`{!x=rule}` keeps it silently, and `{^x}` starts it with a capital.
"""

import itertools
import math
import random
import re
import sys
import wave
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pairs

HERE = Path(__file__).resolve().parent
SPAM_MIX = {
    "ham_chat": 734,
    "ham_tempting": 190,
    "ham_service": 100,
    "spam_offer": 76,
    "spam_phish": 72,
    "spam_job": 18,
    "spam_friend": 10,
}
TEXT_SPEAK = {
    "you": "u",
    "your": "ur",
    "are": "r",
    "to": "2",
    "for": "4",
    "please": "pls",
    "tomorrow": "tmrw",
    "tonight": "2nite",
    "see": "c",
    "be": "b",
    "and": "n",
    "thanks": "thx",
    "because": "cos",
    "love": "luv",
    "later": "l8r",
    "great": "gr8",
    "something": "sumthin",
    "what": "wot",
    "have": "av",
    "with": "wiv",
    "people": "ppl",
    "about": "abt",
    "message": "msg",
    "before": "b4",
}
VOWEL_SOUND = re.compile(r"\b([Aa]) (?=[aeiouAEIOU])(?!(?:one|once|uni|use|usu|eu)\w*)")


class Grammar:
    """Rules read from one file, and the random draws from them."""

    def __init__(self, path: Path) -> None:
        """Read the rules, and seed the draws with the file's name."""
        self.random = random.Random(path.stem)
        self.rules: dict[str, list[str]] = {}
        self.falling: set[str] = set()
        self.decks: dict[str, list[str]] = {}
        rule = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line or line.startswith("//"):
                continue
            if head := re.match(r"== (\w+)$|(\w+) ([:~])= (.*)$", line):
                rule = head[1] or head[2]
                if rule in self.rules:
                    raise ValueError(f"{path.name}: {rule} is there twice")
                self.rules[rule] = head[4].split(" | ") if head[4] else []
                if head[3] == "~":
                    self.falling.add(rule)
            elif weighted := re.match(r"(\d+)\* (.*)$", line):
                self.rules[rule] += [weighted[2]] * int(weighted[1])
            else:
                self.rules[rule].append(line)

    def draw(self, rule: str) -> str:
        """One alternative of `rule`, not yet expanded."""
        options = self.rules[rule]
        if rule in self.falling:
            weights = [1 / (rank + 2) ** 0.8 for rank in range(len(options))]
            return self.random.choices(options, weights)[0]
        if not self.decks.get(rule):
            self.decks[rule] = self.random.sample(options, len(options))
        return self.decks[rule].pop()

    def expand(self, rule: str, kept: dict[str, str] | None = None) -> str:
        """One text of `rule`, with its spaces tidied."""
        text = self._fill(self.draw(rule), {} if kept is None else kept)
        return re.sub(r" +([,.;:!?])(?=\s|$)", r"\1", re.sub(r" {2,}", " ", text)).strip()

    def _fill(self, text: str, kept: dict[str, str]) -> str:
        while choice := re.search(r"\[([^][]*)\]", text):
            picked = self.random.choice(choice[1].split("|"))
            text = text[: choice.start()] + picked + text[choice.end() :]
        text = re.sub("#", lambda _: str(self.random.randint(0, 9)), text)
        text = re.sub("§", lambda _: str(self.random.randint(1, 9)), text)
        return re.sub(r"\{([!^]?)(?:(\w+)=)?([\w.]+)\}", lambda slot: self._slot(slot, kept), text)

    def _slot(self, slot: re.Match[str], kept: dict[str, str]) -> str:
        mark, name, rule = slot.groups()
        if name is None and rule in kept:
            text = kept[rule]
        else:
            fields = self._fill(self.draw(rule), kept).split(" ~ ")
            text = fields[0]
            if name:
                kept.update({f"{name}.{index}": field for index, field in enumerate(fields)})
                kept[name] = text
        return {"!": "", "^": text[:1].upper() + text[1:]}.get(mark, text)


def articles(text: str) -> str:
    """`a` becomes `an` before a vowel."""
    return VOWEL_SOUND.sub(r"\1n ", text)


def sentence_case(text: str) -> str:
    """A capital at the start of each sentence."""
    return re.sub(r"(^|[.!?] +|\.\" +|>)(\"?)([a-z])", lambda m: m[1] + m[2] + m[3].upper(), text)


# --------------------------------------------------------------------------- text messages
def map_words(text: str, change: Callable[[str], str]) -> str:
    """Change the plain words of a message; leave web addresses and numbers alone."""
    parts = re.split(r"(\s+)", text)
    plain = re.compile(r"[A-Za-z']+")
    return "".join(
        part if re.search(r"\d|\.\w|/", part) else plain.sub(lambda m: change(m[0]), part)
        for part in parts
    )


def texted(text: str, rng: random.Random) -> str:
    """Shorten some words as in text messages."""

    def change(word: str) -> str:
        return TEXT_SPEAK.get(word.lower(), word) if rng.random() < 0.7 else word

    return map_words(text, change)


def mistyped(text: str, rng: random.Random) -> str:
    """Drop, double or swap a letter in some of the longer words."""

    def change(word: str) -> str:
        if len(word) < 4 or not word.isalpha() or rng.random() > 0.12:
            return word
        at = rng.randrange(1, len(word) - 1)
        swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return rng.choice([word[:at] + word[at + 1 :], word[: at + 1] + word[at:], swapped])

    return map_words(text, change)


def restyle(text: str, group: str, rng: random.Random) -> str:
    """Case, spelling and punctuation habits: chat is careless, offers shout more often."""
    loud = {"spam_offer": 0.10, "spam_phish": 0.03}.get(group, 0.035)
    loose = {"ham_chat": 1.0, "ham_tempting": 0.8, "spam_friend": 0.8, "spam_offer": 0.5}
    careless = loose.get(group, 0.2)
    if rng.random() < 0.22 * careless:
        text = texted(text, rng)
    if rng.random() < 0.18 * careless + 0.02:
        text = mistyped(text, rng)
    if rng.random() < 0.25 * careless:
        text = map_words(text, str.lower)
    if rng.random() < 0.2 * careless:
        text = re.sub(r"[,'](?=\D)", "", text).rstrip(".")
    if rng.random() < 0.12 * careless:
        text = re.sub(r"[.!](?= )", rng.choice(["..", "...", " -", ","]), text)
    return map_words(text, str.upper) if rng.random() < loud else text


def is_twin(words: set[str], others: Iterable[set[str]]) -> bool:
    """Whether a message of five words or more shares over three quarters of them with another."""
    shared = ((words & other, words | other) for other in others)
    return len(words) > 4 and any(len(both) > 0.75 * len(either) for both, either in shared)


def spam_rows() -> list[str]:
    """`label<TAB>text` rows in random order, no text twice."""
    grammar = Grammar(HERE / "grammar" / "spam.txt")
    rows: dict[str, str] = {}
    seen: list[set[str]] = []
    for group, count in SPAM_MIX.items():
        goal = len(rows) + count
        while len(rows) < goal:
            text = restyle(grammar.expand(group), group, grammar.random)
            words = set(re.findall(r"[a-z']+", text.casefold()))
            if not is_twin(words, seen):
                seen.append(words)
                rows.setdefault(text.casefold(), f"{group.partition('_')[0]}\t{text}")
    return grammar.random.sample(list(rows.values()), len(rows))


# --------------------------------------------------------------------------- film reviews
def review(grammar: Grammar, label: str) -> str:
    """Opinions on a film's parts: most of one kind, some of the other, and a verdict."""
    other = {"pos": "neg", "neg": "pos"}[label]
    rng = grammar.random
    main = rng.choice([1, 2, 2, 3, 3])
    kinds = [label] * main + [other] * rng.choice([0, 0, 1, 1, main // 2])
    rng.shuffle(kinds)
    kept: dict[str, str] = {}
    parts = [grammar.expand("opening", kept)]
    for before, kind in zip([kinds[0], *kinds], kinds, strict=False):
        turn = "" if before == kind else grammar.expand("turning") + " "
        parts.append(turn + grammar.expand(kind, kept))
    if rng.random() < 0.45:
        parts.insert(rng.randrange(1, len(parts) + 1), grammar.expand("plot", kept))
    if rng.random() < 0.55:
        parts.append(grammar.expand(f"concession_{label}", kept))
    if rng.random() < 0.75 or main == 1:
        parts.append(grammar.expand(f"verdict_{label}", kept))
    gaps = rng.choices([" ", "<br /><br />", "<br />"], [12, 2, 1], k=len(parts))
    text = "".join(part + gap for part, gap in zip(parts, gaps, strict=True))
    return sentence_case(articles(re.sub(r"(<br />| )+$", "", text)))


def review_rows(count: int = 600) -> list[str]:
    """Half positive, half negative, in random order, 20 to 120 words each."""
    grammar = Grammar(HERE / "grammar" / "reviews.txt")
    rows: dict[str, str] = {}
    while len(rows) < count:
        label = ("pos", "neg")[len(rows) % 2]
        text = review(grammar, label)
        if 20 <= len(text.replace("<br />", " ").split()) <= 120:
            rows.setdefault(text, f"{label}\t{text}")
    return grammar.random.sample(list(rows.values()), len(rows))


# --------------------------------------------------------------------------- words and tale
def word_splits(sizes: dict[str, int], least: int = 10) -> Iterator[tuple[str, list[str]]]:
    """Sentences story by story; words seen fewer than `least` times in train become `<unk>`."""
    grammar = Grammar(HERE / "grammar" / "words.txt")
    splits: dict[str, list[str]] = {}
    for split, size in sizes.items():
        lines: list[str] = []
        while len(lines) < size:
            story = articles(grammar.expand("story")).split(" / ")
            lines += [line.strip() for line in story if line.strip()]
        splits[split] = lines[:size]
    seen = Counter(word for line in splits["train"] for word in line.split())
    for split, lines in splits.items():
        rare = ([word if seen[word] >= least else "<unk>" for word in x.split()] for x in lines)
        yield split, [" ".join(words) for words in rare]


def tale_lines(chapters: int = 24) -> list[str]:
    """Chapters of paragraphs, divided by empty lines."""
    grammar = Grammar(HERE / "grammar" / "tale.txt")
    lines: list[str] = []
    for number in range(1, chapters + 1):
        text = sentence_case(articles(grammar.expand("chapter", {"number": str(number)})))
        for paragraph in re.split(r"\s*/\s*", text):
            lines += [paragraph, ""]
    return lines[:-1]


# --------------------------------------------------------------------------- tagged sentences
TAGGED = {"train": 560, "dev": 70, "test": 70}


def tagged_sentences(name: str) -> Iterator[tuple[str, list[list[tuple[str, str]]]]]:
    """Sentences of (word, tag) by split, none twice; spans as BIO tags."""
    grammar = Grammar(HERE / "grammar" / f"{name}.txt")
    seen: dict[str, list[tuple[str, str]]] = {}
    while len(seen) < sum(TAGGED.values()):
        text = articles(grammar.expand("sentence"))
        tokens = spans_of(text) if name == "ner" else parts_of_speech(text)
        word, tag = tokens[0]
        tokens[0] = (word[:1].upper() + word[1:], tag)
        seen.setdefault(" ".join(word for word, _ in tokens), tokens)
    sentences = list(seen.values())
    for split, size in TAGGED.items():
        yield split, sentences[:size]
        sentences = sentences[size:]


def parts_of_speech(text: str) -> list[tuple[str, str]]:
    """`The/DET mill/NOUN` as pairs; "a" becomes "an" before a vowel."""
    pairs = [piece.rsplit("/", 1) for piece in text.split()]
    words = [word for word, _ in pairs]
    following = [*words[1:], ""]
    return [
        ("an" if word == "a" and after[:1] in "aeiou" and after else word, tag)
        for (word, tag), after in zip(pairs, following, strict=True)
    ]


def spans_of(text: str) -> list[tuple[str, str]]:
    """`<place Copper Bay> is near` as pairs of words and BIO tags."""
    tokens: list[tuple[str, str]] = []
    for span, kind, inside, plain in re.findall(r"(<(\w+) ([^>]*)>)|([^<]+)", text):
        words = re.findall(r"'s\b|\w[\w-]*|[^\s\w]", inside if span else plain)
        marks = ["B", *["I"] * (len(words) - 1)] if span else []
        tags = [f"{mark}-{kind}" for mark in marks] if span else ["O"] * len(words)
        tokens += zip(words, tags, strict=True)
    return tokens


def conllu_lines(sentences: list[list[tuple[str, str]]], split: str) -> Iterator[str]:
    """CoNLL-U with words and their part of speech alone."""
    for number, tokens in enumerate(sentences, 1):
        yield f"# sent_id = village-{split}-{number}"
        yield f"# text = {' '.join(word for word, _ in tokens)}"
        for place, (word, tag) in enumerate(tokens, 1):
            yield "\t".join([str(place), word, "_", tag, *["_"] * 6])
        yield ""


# --------------------------------------------------------------------------- motions
MOTIONS = {"TRAIN": 200, "TEST": 100}


def motion(label: str, rng: random.Random) -> list[list[float]]:
    """Three axes of a hand's acceleration: 12 to 36 steps of one of four motions, and noise.

    Size, pace, length and the moment at which it begins differ each time; a wave and a shake differ
    in pace alone, a circle and a wave in the second axis.
    """
    steps, size = rng.randint(12, 36), rng.uniform(0.6, 1.6)
    pace = rng.uniform(0.25, 0.4) if label != "shake" else rng.uniform(0.7, 1.1)
    begin, tilt = rng.uniform(0, 2 * math.pi), rng.gauss(0, 0.15)
    rows = []
    for step in range(steps):
        turn = begin + 2 * math.pi * pace * step / 3
        x, y = size * math.sin(turn), 0.0
        if label == "circle":
            y = size * math.cos(turn)
        if label == "lift":
            x, y = 0.0, size * math.sin(math.pi * step / (steps - 1)) ** 2
        noise = [rng.gauss(0, 0.35) for _ in range(3)]
        rows.append([x + noise[0], y + noise[1], 1.0 + tilt * x + noise[2]])
    return rows


def motion_lines(part: str, count: int) -> Iterator[str]:
    """A .ts file: a recording a line, axes parted by colons, the label last."""
    rng = random.Random(f"motions {part}")
    labels = ("circle", "lift", "shake", "wave")
    yield "# Synthetic: written by sample_data/generate.py"
    yield "@problemName motions"
    yield "@timeStamps false"
    yield "@missing false"
    yield "@univariate false"
    yield "@dimensions 3"
    yield "@equalLength false"
    yield f"@classLabel true {' '.join(labels)}"
    yield "@data"
    for _ in range(count):
        label = rng.choice(labels)
        axes = zip(*motion(label, rng), strict=True)
        yield ":".join([*(",".join(f"{one:.2f}" for one in axis) for axis in axes), label])


# Formants in Hz (Peterson and Barney 1952, men's, rounded) between which a spoken sound glides.
VOWELS = {"a": (730, 1090), "e": (530, 1840), "i": (270, 2290), "o": (570, 840), "u": (300, 870)}
GLIDES = ("ai", "au", "ia", "oe", "ui")
SPEAKERS = {"ada": (200, 1.18), "ben": (115, 1.0), "cleo": (230, 1.22), "dov": (95, 0.94)}
RATE = 8000  # samples a second, of 8 bit


def glide(sound: str, speaker: str, rng: random.Random) -> bytes:
    """A sound of two vowels: pulses of the speaker's pitch through two gliding resonances."""
    pitch, size = SPEAKERS[speaker]
    pitch, size = pitch * rng.uniform(0.9, 1.1), size * rng.uniform(0.97, 1.03)
    count, loud = int(RATE * rng.uniform(0.16, 0.24)), rng.uniform(0.3, 0.8)
    phase, states, samples = 0.0, [[0.0, 0.0], [0.0, 0.0]], []
    for place in range(count):
        share = place / count
        phase += pitch * (1.1 - 0.2 * share) / RATE
        signal = 1.0 if phase >= 1 else 0.0
        phase %= 1
        signal += rng.gauss(0, 0.02)
        for number, state in enumerate(states):
            first, second = (VOWELS[vowel][number] for vowel in sound)
            hertz = size * (first + (second - first) * share)
            damping = math.exp(-math.pi * (60 + 40 * number) / RATE)
            turn = 2 * damping * math.cos(2 * math.pi * hertz / RATE)
            signal = signal * (1 - damping) + turn * state[0] - damping**2 * state[1]
            state[:] = [signal, state[0]]
        samples.append(signal * math.sin(math.pi * share) ** 0.5)
    largest = max(map(abs, samples))
    return bytes(round(128 + 127 * loud * sample / largest) for sample in samples)


def write_sounds(folder: Path) -> None:
    """SOUND_SPEAKER_TAKE.wav: five takes of each sound by each of four speakers."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, total = random.Random("sounds"), 0
    for sound, speaker, take in itertools.product(GLIDES, SPEAKERS, range(5)):
        path = folder / f"{sound}_{speaker}_{take}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(1)
            file.setframerate(RATE)
            file.writeframes(glide(sound, speaker, rng))
        total += path.stat().st_size
    print(f"{folder.name}: {len(GLIDES) * len(SPEAKERS) * 5} sounds, {total} bytes")


# What a hand does, again and again: how many steps each part takes, and where x and y go.
PHASES = {
    "rest": ((15, 40), (0.0, 0.0)),
    "reach": ((6, 14), (1.0, 0.6)),
    "hold": ((10, 25), (1.0, 0.6)),
    "return": ((6, 14), (0.0, 0.0)),
}


def movement_lines(number: int) -> Iterator[str]:
    """A csv file, a row a step: time, three positions, and the phase; some steps without one."""
    rng = random.Random(f"movements {number}")
    size, x, y, step = rng.uniform(0.7, 1.4), 0.0, 0.0, 0
    yield "time,x,y,z,label"
    while step < 240:
        for phase, ((least, most), (to_x, to_y)) in PHASES.items():
            steps, from_x, from_y = rng.randint(least, most), x, y
            for at in range(steps):
                share = (1 - math.cos(math.pi * (at + 1) / steps)) / 2
                x, y = from_x + (to_x - from_x) * share, from_y + (to_y - from_y) * share
                seen = [size * one + rng.gauss(0, 0.06) for one in (x, y, x * y)]
                label = "" if rng.random() < 0.02 else phase
                yield f"{step},{','.join(f'{one:.3f}' for one in seen)},{label}"
                step += 1


def dna_lines(count: int) -> Iterator[str]:
    """class, name, sequence of 57 letters: `+` has the two boxes of a bacterial promoter."""
    rng = random.Random("dna")
    for number in range(count):
        letters = [rng.choice("acgt") for _ in range(57)]
        if number % 2 == 0:
            start = rng.randint(10, 18)
            for at, box in ((start, "ttgaca"), (start + rng.randint(22, 24), "tataat")):
                for place, letter in enumerate(box):
                    if rng.random() < 0.85:
                        letters[at + place] = letter
        yield f"{'+-'[number % 2]}, S{number + 1}, {''.join(letters)}"


# --------------------------------------------------------------------------- files
def write(path: Path, lines: Iterable[str]) -> None:
    """Write lines as UTF-8 with LF ends, and say how many."""
    rows = list(lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")
    print(f"{path.name}: {len(rows)} lines, {path.stat().st_size} bytes")


def main(folder: Path) -> None:
    """Write every data set below `folder`."""
    write(folder / "spam.tsv", spam_rows())
    write(folder / "reviews.tsv", review_rows())
    for split, lines in word_splits({"train": 6000, "valid": 600, "test": 600}):
        write(folder / "words" / f"words.{split}.txt", lines)
    write(folder / "tale.txt", tale_lines())
    for split, sentences in tagged_sentences("pos"):
        write(folder / "pos" / f"village-{split}.conllu", list(conllu_lines(sentences, split))[:-1])
    for split, sentences in tagged_sentences("ner"):
        rows = [[f"{word}\t{tag}" for word, tag in tokens] for tokens in sentences]
        lines = [line for tokens in rows for line in (*tokens, "")]
        write(folder / "ner" / f"news.{split}.conll", lines[:-1])
    for part, count in MOTIONS.items():
        write(folder / "signals" / f"motions_{part}.ts", motion_lines(part, count))
    write_sounds(folder / "sounds")
    for number in range(1, 13):
        part = "test" if number > 10 else "valid" if number > 8 else "train"
        write(folder / "movements" / part / f"hand{number}.csv", movement_lines(number))
    write(folder / "promoters.csv", dna_lines(300))
    for split, rows in pairs.parted("captions", map("\t".join, pairs.captions(2500))):
        for place, language in enumerate(("de", "en")):
            sides = [row.split("\t")[place] for row in rows]
            write(folder / "captions" / f"captions.{split}.{language}", sides)
    for split, rows in pairs.parted("sounds", pairs.sounds(1500)):
        write(folder / "spelling" / f"invented_{split}.tsv", rows)
    for split, rows in pairs.parted("inflection", pairs.inflected(1800)):
        write(folder / "inflection" / f"invented-{split}", rows)
    for path in sorted((HERE / "names").glob("*.txt")):
        names = set(path.read_text(encoding="utf-8").split("\n")) - {""}
        write(folder / "names" / path.name, sorted(names))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
