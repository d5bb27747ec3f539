"""A tenth of the training part of each task's real data; what validates and tests stays whole.

Rows, sentences and pairs are drawn with a seed, each at its place. A set without a test part gets
one first: a fifth of its distinct texts.
"""

from __future__ import annotations

import gzip
import io
import lzma
import random
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

SEED = 1
SHARE = 10


def tenth(units: list[str]) -> list[str]:
    """One in ten of them, in their order."""
    places = random.Random(SEED).sample(range(len(units)), len(units) // SHARE)
    return [units[place] for place in sorted(places)]


def text_of(path: Path) -> str:
    """A text file, unpacked."""
    openers: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.decompress,
        ".xz": lzma.decompress,
    }
    content = path.read_bytes()
    return openers[path.suffix](content).decode() if path.suffix in openers else content.decode()


def write(path: Path, units: list[str], between: str = "\n") -> None:
    """Units of text, each ended by what stands between them."""
    path.write_text("".join(unit + between for unit in units), "utf-8")


def units_of(path: Path, between: str = "\n") -> list[str]:
    """Those of a file that are not empty."""
    return [unit for unit in text_of(path).split(between) if unit.strip()]


def cut_apart(lines: list[str], folder: Path, ending: str) -> None:
    """A fifth of distinct lines tests, a tenth of the others trains."""
    rows = list(dict.fromkeys(lines))
    random.Random(SEED).shuffle(rows)
    tested = len(rows) // 5
    write(folder / f"test{ending}", rows[:tested])
    write(folder / f"train{ending}", tenth(rows[tested:]))


def cut_parts(
    real: Path, folder: Path, train: str, others: tuple[str, ...], between: str = "\n"
) -> None:
    """A tenth of the file `train`, all of the others."""
    for name in (train, *others):
        units = units_of(real / name, between)
        path = folder / name.removesuffix(".gz").removesuffix(".xz")
        write(path, tenth(units) if name == train else units, between)


def spam(real: Path, folder: Path) -> None:
    """Text messages."""
    cut_apart(units_of(real / "sms-spam" / "SMSSpamCollection.tsv"), folder, ".tsv")


def names(real: Path, folder: Path) -> None:
    """Surnames: a file a language."""
    files = sorted((real / "names").glob("*.txt"))
    cut_apart([f"{one.stem}\t{name}" for one in files for name in units_of(one)], folder, ".tsv")


def dna(real: Path, folder: Path) -> None:
    """Splice junctions."""
    cut_apart(units_of(real / "splice" / "splice.data"), folder, ".csv")


def imdb(real: Path, folder: Path) -> None:
    """Film reviews."""
    cut_parts(real / "imdb", folder, "imdb.train.tsv.xz", ("imdb.test.tsv.xz",))


def ptb(real: Path, folder: Path) -> None:
    """Sentences of the Wall Street Journal."""
    cut_parts(real / "ptb", folder, "ptb.train.txt.gz", ("ptb.valid.txt", "ptb.test.txt"))


def pos(real: Path, folder: Path) -> None:
    """Sentences of the English Web Treebank."""
    parts = [f"en_ewt-ud-{part}.conllu.gz" for part in ("train", "dev", "test")]
    cut_parts(real / "ud-english-ewt", folder, parts[0], tuple(parts[1:]), "\n\n")


def ner(real: Path, folder: Path) -> None:
    """Sentences of the NCBI disease corpus."""
    cut_parts(
        real / "ncbi-disease", folder, "train.tsv.gz", ("devel.tsv.gz", "test.tsv.gz"), "\n\n"
    )


def g2p(real: Path, folder: Path) -> None:
    """French words."""
    cut_parts(real / "g2p-sigmorphon2020", folder, "fre_train.tsv", ("fre_dev.tsv", "fre_test.tsv"))


def inflect(real: Path, folder: Path) -> None:
    """English forms: the corpus has such a part itself."""
    for part in ("train-medium", "dev", "uncovered-test"):
        shutil.copy(real / "inflection-conll2017" / f"english-{part}", folder)


def translate(real: Path, folder: Path) -> None:
    """German captions and their English: the same lines of both."""
    for ending in ("de", "en"):
        others = (f"val.{ending}.gz", f"test_2016_flickr.{ending}.gz")
        cut_parts(real / "multi30k-en-de", folder, f"train.{ending}.gz", others)


def signals(real: Path, folder: Path) -> None:
    """Japanese vowels: a line a recording behind a header."""
    for part in ("TRAIN", "TEST"):
        (path,) = (real / "ucr" / "JapaneseVowels").glob(f"*_{part}.ts*")
        header, _, rows = text_of(path).partition("@data\n")
        kept = [row for row in rows.split("\n") if row.strip()]
        lines = [*header.splitlines(), "@data", *(tenth(kept) if part == "TRAIN" else kept)]
        write(folder / path.name.removesuffix(".gz"), lines)


def digits(real: Path, folder: Path) -> None:
    """Spoken digits: of the takes 5 to 24 two, tested on 0 to 4."""
    for part in ("train", "test"):
        (folder / part).mkdir()
    packed = next((real / "fsdd").glob("*.tar.gz")).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            take = int(Path(member.name).stem.rpartition("_")[2])
            sound = archive.extractfile(member)
            if take <= 6 and sound is not None:
                part = "test" if take < 5 else "train"
                (folder / part / Path(member.name).name).write_bytes(sound.read())


def frames(real: Path, folder: Path) -> None:
    """Gestures: a stretch of each video of one person, another person tests."""
    for name, part in (("a1", "train"), ("a2", "train"), ("a3", "valid"), ("b1", ""), ("b3", "")):
        header, *rows = units_of(real / "gesture-phase" / f"{name}_raw.csv.gz")
        if part == "train":
            start = random.Random(SEED).randrange(len(rows) - len(rows) // SHARE)
            rows = rows[start : start + len(rows) // SHARE]
        (folder / (part or "test")).mkdir(exist_ok=True)
        write(folder / (part or "test") / f"{name}.csv", [header, *rows])


TENTHS: dict[str, Callable[[Path, Path], None]] = {
    "digits": digits,
    "dna": dna,
    "frames": frames,
    "g2p": g2p,
    "imdb": imdb,
    "inflect": inflect,
    "names": names,
    "ner": ner,
    "pos": pos,
    "ptb": ptb,
    "signals": signals,
    "spam": spam,
    "translate": translate,
}
