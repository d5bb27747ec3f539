"""`train --task text`, what most users meet, on labeled sets and cuts of them: test accuracy.

Six sets: text messages, surnames, questions to an assistant, film reviews, DNA (splice junctions,
promoters), each without repeats; the test part is cut once, the rows to train on for every seed.
Four sets whole as well. seqcli trains with the task's defaults, one thread; fastText with word
bigrams (25 epochs, rate 0.5), and with its autotune for as many seconds as seqcli took (a tenth of
the rows validates); TF-IDF of character 1-5-grams within words and a linear SVM (scikit-learn).

    SEQCLI_DATA=folder python benchmarks/texts.py [sms-100 snips-500 names-all …]
"""

from __future__ import annotations

import gzip
import json
import lzma
import math
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import peers
from rows import OURS, REAL, SEQCLI, Row, real, run, skip, tell

Pairs = list[tuple[str, str]]  # label, text
LINEAR, FASTTEXT, TUNED = "n-grams + linear model", "fastText", "fastText, autotune"
SEEDS = (1, 2, 3)
SIZES = (50, 100, 500, 2000)
WHOLE = {"sms": SEEDS, "names": SEEDS, "snips": SEEDS, "imdb": SEEDS[:1]}  # imdb: half an hour
TESTED = 1000  # rows, of sets without a test part


def messages() -> Pairs:
    """SMS Spam Collection."""
    return pairs(real("sms-spam/SMSSpamCollection.tsv").read_text("utf-8").split("\n"))


def surnames() -> Pairs:
    """A file a language."""
    files = sorted(real("names").glob("*.txt"))
    return [(one.stem, name) for one in files for name in one.read_text("utf-8").split("\n")]


def splice() -> Pairs:
    """class, name, 60 bases."""
    return bases("splice/splice.data")


def promoters() -> Pairs:
    """class, name, 57 bases."""
    return bases("promoters/promoters.data")


def bases(name: str) -> Pairs:
    """Of lines of three columns the first and the last."""
    rows = [line.split(",") for line in real(name).read_text("ascii").split("\n")]
    return [(row[0].strip(), row[2].strip()) for row in rows if len(row) == 3]


def assistant(part: str) -> Pairs:
    """SNIPS: labels and texts in two files, those to train on compressed."""
    columns = []
    for name in ("label", "seq.in"):
        path = real(f"snips/{part}/{name}{'.gz' if part == 'train' else ''}")
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        columns.append(content.decode().split("\n"))
    return list(zip(*columns, strict=True))


def reviews(part: str) -> Pairs:
    """IMDB."""
    content = lzma.decompress(real(f"imdb/imdb.{part}.tsv.xz").read_bytes())
    return pairs(content.decode().split("\n"))


def pairs(lines: list[str]) -> Pairs:
    """Lines of label, TAB, text."""
    found = [line.split("\t", 1) for line in lines if "\t" in line]
    return [(label, text) for label, text in found]


SETS: dict[str, tuple[Callable[..., Pairs], bool]] = {  # and whether there is a test part
    "sms": (messages, False),
    "names": (surnames, False),
    "snips": (assistant, True),
    "splice": (splice, False),
    "promoters": (promoters, False),
    "imdb": (reviews, True),
}


def distinct(rows: Pairs) -> Pairs:
    """Each text once, upper case or not, in one line."""
    found: dict[str, tuple[str, str]] = {}
    for label, text in rows:
        line = " ".join(text.split())
        if line:
            found.setdefault(line.casefold(), (label.strip(), line))
    return list(found.values())


def parts(name: str) -> tuple[Pairs, Pairs]:
    """The rows to train on, and those of the test: the same for every seed."""
    load, official = SETS[name]
    if official:
        test = distinct(load("test"))
        random.Random(name).shuffle(test)
        return distinct(load("train")), test[: 2 * TESTED]
    rows = distinct(load())
    random.Random(name).shuffle(rows)
    count = min(TESTED, len(rows) // 2)
    return rows[count:], rows[:count]


def write(rows: Pairs, test: Pairs, size: int, seed: int, folder: Path) -> None:
    """train.tsv and test.tsv, and the same for fastText: `size` rows that the seed draws."""
    rows = list(rows)
    random.Random(seed).shuffle(rows)
    (folder / "data").mkdir()
    for name, chosen in (("train", rows[:size]), ("test", test)):
        lines = "".join(f"{label}\t{text}\n" for label, text in chosen)
        for place in (folder, folder / "data"):
            (place / f"{name}.tsv").write_text(lines, "utf-8")
        marked = "".join(f"__label__{label} {text}\n" for label, text in chosen)
        (folder / f"{name}.ft").write_text(marked, "utf-8")


def scores(seed: int, folder: Path) -> dict[str, tuple[float, float]]:
    """Test accuracy and processor seconds of each program."""
    train = f"train --task text --data data --out model.pt --seed {seed} --threads 1 --quiet --json"
    found = {}

    def did(program: str, command: list[str]) -> float:
        ran = run(command, folder)
        said = json.loads(ran.output.strip().splitlines()[-1])
        found[program] = (said.get("test", said)["accuracy"], ran.processor)
        return ran.seconds

    taken = did(OURS, [*SEQCLI, *train.split()])
    if peers.has("fasttext"):
        did(FASTTEXT, peers.script("fasttext_train.py", "text"))
        did(TUNED, peers.script("fasttext_train.py", "text", max(round(taken), 1)))
    if peers.has("sklearn"):
        did(LINEAR, peers.script("linear.py", "text"))
    return found


@dataclass(frozen=True)
class Cut:
    """So many rows of a set to train on, drawn by each seed; None: all of them."""

    name: str
    size: int | None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those that draw it, and train on it."""
        return SEEDS if self.size else WHOLE.get(self.name, SEEDS)


def cuts() -> list[Cut]:
    """All sets and sizes; or those that the command line names."""
    asked = [word.rsplit("-", 1) for word in sys.argv[1:] if not word.startswith("--")]
    if asked:
        return [Cut(name, None if size == "all" else int(size)) for name, size in asked]
    cut = [Cut(name, size) for name in SETS for size in SIZES]
    return [*cut, *(Cut(name, None) for name in WHOLE)]


def behind(ours: float, theirs: float, count: int) -> bool:
    """Whether a share of `count` rows is below another by more than its standard error."""
    return theirs - ours > math.sqrt(ours * (1 - ours) / count)


def measure() -> Iterator[Row]:
    """A row a cut: accuracy; and one of all of them, seconds likewise."""
    if not REAL:
        skip("labeled sets", "SEQCLI_DATA is not set")
        return
    peers.install("fasttext", "sklearn")
    every: dict[str, list[float]] = {}
    taken: dict[str, list[float]] = {}
    losses: list[str] = []
    for cut in cuts():
        rows, test = parts(cut.name)
        size = cut.size or len(rows)
        if size > len(rows):
            skip(f"{cut.name}, {size:,} rows", f"it has {len(rows):,} to train on")
            continue
        values: dict[str, list[float]] = {}
        for seed in cut.seeds:
            with tempfile.TemporaryDirectory() as folder:
                write(rows, test, size, seed, Path(folder))
                for program, (accuracy, seconds) in scores(seed, Path(folder)).items():
                    values.setdefault(program, []).append(accuracy)
                    taken.setdefault(program, []).append(seconds)
        means = {program: statistics.mean(own) for program, own in values.items()}
        for program, share in means.items():
            every.setdefault(program, []).append(share)
            if behind(means[OURS], share, len(test)):
                losses.append(f"{cut.name}, {size:,} rows: {program}")
        error = math.sqrt(means[OURS] * (1 - means[OURS]) / len(test))
        note = f"{len(test):,} test rows, standard error {error:.4f}; means of {len(cut.seeds)}"
        yield Row(f"{cut.name}, {size:,} rows: test accuracy", "share", values, note=note)
    if every:
        note = (
            f"mean over cuts; behind by more than a standard error: {'; '.join(losses) or 'none'}"
        )
        over = {program: [statistics.mean(own)] for program, own in every.items()}
        yield Row("text, all cuts: test accuracy", "share", over, note=note)
        note = "whole processes"
        yield Row("text, all cuts: processor time", "s", taken, more=False, note=note)


if __name__ == "__main__":
    tell(measure)
