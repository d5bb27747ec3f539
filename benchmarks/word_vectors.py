"""Word vectors of 100 numbers from the texts of the real data: `word_vectors.py FILE`.

    SEQCLI_DATA=… python benchmarks/word_vectors.py own.txt
    seqcli train --task ner --preset wnut --data wnut17/ --vectors own.txt

The texts (15 million words: film reviews of train and test, text messages, the training parts of
UD English EWT, Penn Treebank and the English captions) carry no labels here; none of them is of
WNUT-17. They are written a sentence a line, in lower case with 0 for every digit, as the tagger's
words are, and contractions parted ("do n't"). The vectors are gensim's: skip-gram with negative
samples (Mikolov et al. 2013), words seen five times or more, five passes. One thread, 4 minutes.
"""

from __future__ import annotations

import argparse
import gzip
import html
import lzma
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import peers
from rows import real

TOKEN = re.compile(r"[@#]?\w+(?:['’]\w+)*|[^\w\s]+")
END = re.compile(r"(?<=[.!?])\s+")
ENDINGS = ("s", "re", "ve", "ll", "d", "m")
OPTIONS = "-size 100 -window 5 -sample 1e-4 -negative 5 -cbow 0 -min_count 5 -iter 5 -threads 1"


def main() -> None:
    """Write the text, learn the vectors."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, help="the vectors, in word2vec's text format")
    asked = parser.parse_args()
    peers.install("gensim")
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        with text.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines())
        command = [peers.PYTHON, "-m", "gensim.scripts.word2vec_standalone", *OPTIONS.split()]
        subprocess.run([*command, "-train", text, "-output", asked.file], check=True)


def lines() -> Iterator[str]:
    """All sentences."""
    for part in ("train", "test"):
        for line in opened(f"imdb/imdb.{part}.tsv.xz"):
            yield from sentences(line.split("\t", 1)[1])
    for line in opened("sms-spam/SMSSpamCollection.tsv"):
        yield from sentences(line.split("\t", 1)[1])
    for line in opened("ud-english-ewt/en_ewt-ud-train.conllu.gz"):
        if line.startswith("# text = "):
            yield from sentences(line.removeprefix("# text = "))
    for line in opened("ptb/ptb.train.txt.gz"):  # parted already
        yield line.replace("<unk>", "").replace("N", "0").strip()
    for line in opened("multi30k-en-de/train.en.gz"):
        yield from sentences(line)


def opened(name: str) -> Iterator[str]:
    """The lines of a file, which may be compressed."""
    path = real(name)
    opener = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    with opener(path, "rt", encoding="utf-8", newline="\n") as file:
        for line in file:
            yield str(line).removesuffix("\n")


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text, their words parted by spaces."""
    for sentence in END.split(html.unescape(text.replace("<br />", " "))):
        words = TOKEN.findall(sentence)
        if words:
            yield " ".join(map(folded, words))


def folded(word: str) -> str:
    """A word as the tagger folds it; a contraction becomes two."""
    word = re.sub(r"\d", "0", word.lower()).replace("’", "'")
    if word.endswith("n't") and len(word) > 3:
        return f"{word[:-3]} n't"
    head, mark, ending = word.rpartition("'")
    return f"{head} '{ending}" if mark and ending in ENDINGS else word


if __name__ == "__main__":
    main()
