"""CRFsuite with the usual features: python crfsuite_tag.py train|tag [warm], beside columns.

Words, shapes, prefixes and suffixes of five neighbors; L-BFGS, 60 iterations, c1 = c2 = 0.1.
train: reads train.conll, writes crfsuite.model. tag: reads test.conll, writes tagged.conll.
"""

import re
import sys

import pycrfsuite
from lines import timed

WINDOW = (-2, -1, 0, 1, 2)


def sentences(name):
    """Words and tags of NAME.conll, a blank line behind each sentence."""
    with open(f"{name}.conll", encoding="utf-8") as file:
        for block in file.read().split("\n\n"):
            rows = [line.split("\t") for line in block.split("\n") if line]
            if rows:
                yield [row[0] for row in rows], [row[1] for row in rows]


def parts(word):
    """What one word is described by."""
    shape = re.sub("[A-Z]", "X", re.sub("[a-z]", "x", re.sub("[0-9]", "d", word)))
    lower = word.lower()
    ends = [f"p{n}={lower[:n]}" for n in range(1, 5)] + [f"s{n}={lower[-n:]}" for n in range(1, 5)]
    short = re.sub(r"(.)\1+", r"\1", shape)
    return [f"w={lower}", f"shape={shape}", f"short={short}", *ends]


def features(words):
    """The features of each word of a sentence."""
    described = [parts(word) for word in words]
    found = []
    for place in range(len(words)):
        own = ["bias"]
        for step in WINDOW:
            near = place + step
            if 0 <= near < len(words):
                own += [f"{step}:{part}" for part in described[near]]
            else:
                own.append(f"{step}:none")
        found.append(own)
    return found


def train():
    """Train on train.conll."""
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({"max_iterations": 60, "c1": 0.1, "c2": 0.1})
    for words, tags in sentences("train"):
        trainer.append(features(words), tags)
    trainer.train("crfsuite.model")


def tag():
    """Tag test.conll."""
    with open("tagged.conll", "w", encoding="utf-8") as file:
        for words, _ in sentences("test"):
            pairs = zip(words, tagger.tag(features(words)), strict=True)
            file.write("".join(f"{word}\t{tag}\n" for word, tag in pairs) + "\n")


if sys.argv[1] == "train":
    train()
else:
    tagger = pycrfsuite.Tagger()
    tagger.open("crfsuite.model")
    if "warm" in sys.argv:
        timed(tag)
    else:
        tag()
