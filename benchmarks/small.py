"""Little text: `--task char` beside the best n-gram model, by validation.

Cuts of Tiny Shakespeare, from its beginning or from character START on, the first characters of the
film reviews, and lists of names, one a line: the English surnames, and 463 invented ones, made here
of 40 and of 60 syllables. seqcli cuts each (nine tenths train) and trains with its defaults; the
n-gram model (modified Kneser-Ney) has the order that is best on the same validation part. Of the
invented names: how many of 200 sampled ones are made of the list's syllables alone. Options behind
the names are those of `seqcli train`, such as `--seed 2`.

    SEQCLI_DATA=folder python benchmarks/small.py
        [invented invented60 surnames 4000 40000 400000 reviews SIZE@START ...] [OPTION ...]
"""

from __future__ import annotations

import json
import lzma
import random
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from peers.kneser_ney import losses
from rows import SEQCLI, real, run

from seqcli.kinds import contract, spec_of
from seqcli.tasks.taskfile import resolve

INVENTED = {"invented": 40, "invented60": 60}  # syllables that they are made of
LISTS = (*INVENTED, "surnames")
TEXTS = ("4000", "40000", "400000", "reviews")
ELSEWHERE = re.compile(r"(\d+)@(\d+)")
LONGEST = 10  # tokens of an n-gram
REVIEWS = 4_000_000  # characters
NAMES, SAMPLED = 463, 200
STARTS = [*"bdfgklmnprstvz", "br", "dr", "fl", "kl", "pr", "st", "tr"]
VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "io"]
ENDS = ["", "", "", "n", "r", "x", "l"]


def invented(count: int) -> tuple[list[str], list[str]]:
    """Different names of two to four of `count` syllables, and the syllables."""
    draw = random.Random(1)
    syllables: list[str] = []
    while len(syllables) < count:
        one = draw.choice(STARTS) + draw.choice(VOWELS) + draw.choice(ENDS)
        syllables += [] if one in syllables else [one]
    names: dict[str, None] = {}
    while len(names) < NAMES:
        parts = [draw.choice(syllables) for _ in range(draw.choice((2, 2, 3, 3, 4)))]
        names["".join(parts).capitalize()] = None
    found = sorted(names)
    draw.shuffle(found)
    return found, syllables


def text(name: str) -> str:
    """The text of that name."""
    if name in INVENTED:
        return "".join(f"{line}\n" for line in invented(INVENTED[name])[0])
    if name == "surnames":
        lines = real("names/English.txt").read_text("utf-8").splitlines()
        random.Random(1).shuffle(lines)
        return "".join(f"{line}\n" for line in lines)
    if name == "reviews":
        with lzma.open(real("imdb/imdb.train.tsv.xz"), "rt", encoding="utf-8") as file:
            return "".join(line.partition("\t")[2] for line in file)[:REVIEWS]
    size, _, start = name.partition("@")
    begin = int(start or 0)
    return real("tinyshakespeare/input.txt").read_text()[begin : begin + int(size)]


def splits(path: Path, document: str) -> dict[str, str]:
    """The parts that seqcli trains and validates on, a character a token."""
    asked: dict[str, dict[str, Any]] = {
        "data": {"document": document},
        "train": {"batch_size": 1},
    }
    config: Any = resolve("char", "", asked).config
    kind = contract.load(spec_of(config))
    prepared = kind.prepare(config, path, path.parent, lambda: None)
    return {
        name: "".join(chr(number + 1) for number in split.ids.tolist())
        for name, split in prepared.splits.items()
    }


def of_syllables(lines: list[str], syllables: list[str]) -> float:
    """The share of lines that are nothing but syllables."""
    known = re.compile(f"(?:{'|'.join(syllables)})+")
    return sum(known.fullmatch(line.lower()) is not None for line in lines) / len(lines)


def measure(name: str, given: list[str], folder: Path) -> None:
    """A line for both, and of invented names the sampled ones."""
    path, document = folder / f"{name}.txt", "line" if name in LISTS else "file"
    path.write_text(text(name), "utf-8")
    parts = splits(path, document)
    begun = time.process_time()
    found = losses(parts["train"], parts["valid"], LONGEST)
    order = min(found, key=lambda n: found[n])
    seconds = time.process_time() - begun
    size = f"{name}, {len(parts['train']):,} characters to train on"
    print(f"{size}: Kneser-Ney of order {order}: {found[order]:.4f} ({seconds:.1f} s)", flush=True)
    train = ["train", "--task", "char", "--data", path, "--set", f"data.document={document}"]
    told = run([*SEQCLI, *train, "--out", folder / "m.pt", "--force", "--json", *given]).output
    ours = json.loads(told)
    said = f"{ours['valid']['loss']:.4f}, epoch {ours['best']['epoch']} of {ours['epochs']}"
    print(f"{size}: seqcli: {said} ({ours['seconds']:.1f} s)", flush=True)
    if name in INVENTED:
        asked = ["sample", "--model", folder / "m.pt", "--count", SAMPLED, "--seed", 1, "--quiet"]
        lines = run([*SEQCLI, *asked]).output.splitlines()
        share = of_syllables(lines, invented(INVENTED[name])[1])
        print(f"{size}: {share:.3f} of {SAMPLED} samples", flush=True)


def main() -> None:
    """Texts by name, then options of `seqcli train`."""
    words = sys.argv[1:]
    asked = [word for word in words if word in (*LISTS, *TEXTS) or ELSEWHERE.fullmatch(word)]
    given = [word for word in words if word not in asked]
    for name in asked or (*LISTS, *TEXTS):
        with tempfile.TemporaryDirectory() as folder:
            measure(name, given, Path(folder))


if __name__ == "__main__":
    main()
