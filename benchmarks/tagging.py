"""Taggers beside CRFsuite: accuracy, time from nothing to a model, words a second, file.

CRFsuite has words, shapes, prefixes and suffixes of five neighbors, 60 iterations. Both read the
same training part and train on one thread; seqcli's epoch is chosen on the validation part. Real
data: UD English EWT, NCBI disease, SNIPS, WNUT-17 (half an hour); the bundled samples otherwise.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import peers
from rows import OURS, REAL, SEQCLI, Row, afresh, answer, rates, real, run, skip, tell, worker

import seqcli
from seqcli.data.tagged import TaggedSentences, load_tagged
from seqcli.machine.device import keep_freed_memory
from seqcli.readers.tagged_source import discover_tagged
from seqcli.settings.sections import TaggedText
from seqcli.tasks.taskfile import resolve, sample_path
from seqcli.text.schemes import PLAIN, recognize, spans

CRFSUITE = "CRFsuite"


class Work(NamedTuple):
    """A data set, and the task that it is."""

    title: str
    task: str
    preset: str | None = None
    folder: str = ""

    def place(self) -> Path:
        """Where its data are."""
        if REAL:
            return real(self.folder)
        return sample_path(resolve(self.task).about.sample)


WORKS = (
    (
        Work("UD English EWT, parts of speech", "pos", None, "ud-english-ewt"),
        Work("NCBI disease", "ner", None, "ncbi-disease"),
        Work("SNIPS slots", "ner", "slots", "snips"),
        Work("WNUT-17", "ner", "wnut", "wnut17"),
    )
    if REAL
    else (Work("sample, parts of speech", "pos"), Work("sample, names of things", "ner"))
)


def write(work: Work, folder: Path) -> dict[str, TaggedSentences]:
    """train.conll and test.conll: word, TAB, tag; and what seqcli reads there."""
    data = resolve(work.task, work.preset).config.data
    assert isinstance(data, TaggedText)
    found = load_tagged(discover_tagged(work.place(), data), seed=1).splits
    for name in ("train", "test"):
        part = found[name]
        lines = []
        for row, tags in enumerate(part.tag_rows()):
            words = [part.vocabulary[place] for place in part.words.row(row)]
            pairs = zip(words, tags, strict=True)
            lines.append("".join(f"{word}\t{tag}\n" for word, tag in pairs))
        (folder / f"{name}.conll").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return found


def judged(found: dict[str, TaggedSentences], file: Path) -> float:
    """Accuracy of the tags in a file; strict micro-F1 where the training tags write spans."""
    scheme = recognize(found["train"].tag_rows()).scheme
    right = answered = there = 0
    blocks = file.read_text("utf-8").split("\n\n")
    for truth, block in zip(found["test"].tag_rows(), blocks, strict=False):
        tags = [line.split("\t")[1] for line in block.split("\n") if line]
        if scheme == PLAIN:
            right += sum(a == b for a, b in zip(truth, tags, strict=True))
            answered, there = answered + len(tags), there + len(truth)
        else:
            own, other = set(spans(tags, scheme)), set(spans(truth, scheme))
            right, answered, there = (
                right + len(own & other),
                answered + len(own),
                there + len(other),
            )
    return 2 * right / max(answered + there, 1)


def work(model: str, text: str) -> None:
    """In the worker: tag the words of a column file, warm."""
    keep_freed_memory()
    tagger = seqcli.load(model, threads=1)
    blocks = Path(text).read_text("utf-8").split("\n\n")
    sentences = [[line.split("\t")[0] for line in block.split("\n") if line] for block in blocks]
    sentences = [words for words in sentences if words]
    answer(lambda: tagger.tag(sentences))


def measure() -> Iterator[Row]:
    """Each data set trained on once; tagging in turn."""
    peers.install("pycrfsuite")
    for one in WORKS:
        with tempfile.TemporaryDirectory() as name:
            yield from rows(one, Path(name))


def rows(one: Work, folder: Path) -> Iterator[Row]:
    """What is measured on one data set."""
    found = write(one, folder)
    train = f"train --task {one.task} --seed 1 --quiet --json --threads 1 --out model.pt --data"
    preset = ["--preset", one.preset] if one.preset else []
    ours = run([*SEQCLI, *train.split(), one.place(), *preset], folder)
    test = json.loads(ours.output)["test"]
    taken = {OURS: [ours.seconds]}
    figure = "accuracy" if test.get("f1") is None else "f1"
    score = {OURS: [test[figure]]}
    sizes = {OURS: [(folder / "model.pt").stat().st_size / 1e6]}
    programs = {OURS: worker(__file__, folder / "model.pt", folder / "test.conll")}
    if peers.has("pycrfsuite"):
        taken[CRFSUITE] = [run(peers.script("crfsuite_tag.py", "train"), folder).seconds]
        run(peers.script("crfsuite_tag.py", "tag"), folder)
        score[CRFSUITE] = [judged(found, folder / "tagged.conll")]
        sizes[CRFSUITE] = [(folder / "crfsuite.model").stat().st_size / 1e6]
        programs[CRFSUITE] = ["env", "-C", folder, *peers.script("crfsuite_tag.py", "tag", "warm")]
    else:
        skip(CRFSUITE, "not installed")
    title = f"{one.title}: test {figure.replace('f1', 'strict F1')}"
    yield Row(title, "share", score, note="once")
    yield Row(f"{one.title}: from nothing to a model", "s", taken, False, note="once")
    yield Row(f"{one.title}: model file", "MB", sizes, False, note="once")
    words = int(found["test"].words.lengths.sum())
    yield Row(
        f"{one.title}: tagging, warm, one thread", "words/s", rates(words, afresh(programs)[0])
    )


if __name__ == "__main__":
    tell(measure, work)
