"""Running text as one stream of ids: one pass over the files, then vocabulary and final ids.

While the text is read every token gets a provisional id from a table that grows. The vocabulary is
fitted on the training part by counting these, and a look-up turns them into final ids of the
smallest integer type. Streams above 50 MB lie in a scratch file and are mapped, not held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcli.errors import DataError
from seqcli.readers.layout import NAMES
from seqcli.readers.plain_text import CHUNK, pieces
from seqcli.readers.source import Source
from seqcli.settings.sections import RunningText
from seqcli.text.growing import Growing, numbered
from seqcli.text.sequences import Features, Sequences
from seqcli.text.special import END
from seqcli.text.tokens import numbering, tokenizer
from seqcli.text.vocab import Vocab

Stream = NDArray[np.integer[Any]]
Poll = Callable[[], None]

BLOCK = 1 << 22  # ids worked on at a time
END_ID = 0  # provisional; tokens count from 1
NO_TOKEN = ""  # in its place: no text has it, whereas a text may have END's spelling


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text's streams by split, each (N,), and what its vocabulary makes of them.

    unknown_share: by split, the share of tokens (end marks not counted) the vocabulary lacks;
    starts: how often each known token begins a document of the training split.
    marks: how often `<eos>` stands in the text, taken for the end mark, and in other places.
    """

    vocab: Vocab
    streams: dict[str, Stream]
    unknown_share: dict[str, float]
    starts: dict[int, int] = field(default_factory=dict)
    marks: tuple[int, int] = (0, 0)


def load_corpus(source: Source, data: RunningText, scratch: Path | None, poll: Poll) -> Corpus:
    """Read, cut into splits where there are none, fit the vocabulary on the training split.

    Errors: DataError for unreadable or empty text.
    """
    if not {"all", "train"} & set(source.parts):
        found = ", ".join(path.name for path in source.files)
        raise DataError(source.path, 0, f"a train file expected, found only: {found}", NAMES)
    scan = _Scan(source, data, scratch, poll)
    parts = _with_validation(scan.parts, data, source)
    counts = _counted(parts["train"], len(scan.tokens), poll)
    ends = data.end_mark and data.document != "file"
    vocab = Vocab.for_data(scan.tokens[1:], counts[1:], data, end=ends, poll=poll)
    corpus = _readable(scan.finished(vocab, parts, poll), source)
    if vocab.end is not None or ("\n" in vocab and "\n" in scan.tokens):  # these begin a text
        return corpus
    return replace(corpus, starts=_starts(parts["train"], scan.tokens, vocab, poll))


def encode_corpus(source: Source, data: RunningText, vocab: Vocab, poll: Poll) -> Corpus:
    """Read with a model's vocabulary; parts as in `load_corpus`."""
    scan = _Scan(source, data, None, poll)
    parts = _with_validation(scan.parts, data, source)
    return _readable(scan.finished(vocab, parts, poll), source)


def encode_whole(source: Source, data: RunningText, vocab: Vocab, poll: Poll) -> Corpus:
    """Read with a model's vocabulary, all parts behind each other as the one part "all"."""
    scan = _Scan(source.whole(), data, None, poll)
    return scan.finished(vocab, scan.parts, poll)


class _Scan:
    """One pass over a text: provisional ids of each part, and the tokens they stand for."""

    def __init__(self, source: Source, data: RunningText, scratch: Path | None, poll: Poll) -> None:
        self.scratch = scratch
        self._table = numbered([NO_TOKEN])
        self.marks = [0, 0]
        encode = self._encoder(data)
        self.parts: dict[str, Stream] = {}
        for part in source.parts:
            ids = Growing(np.dtype(np.uint16), scratch)
            for texts, ends in _gathered(pieces(source, part)):
                poll()
                for place, text in enumerate(texts):
                    if END in text:
                        texts[place] = self._unmarked(text, data.end_mark and ends[place])
                found = encode(texts)
                if len(self._table) > 1 << 16:
                    ids = ids.wide()
                closed = found.offsets[1:][ends]
                ids.append(np.insert(found.ids, closed, END_ID) if len(closed) else found.ids)
            if ids.size == 0:
                where = "it" if part == "all" else f"the {part} part"
                raise DataError(source.path, 0, f"no text in {where}", "at least two tokens")
            self.parts[part] = ids.array()
        self.tokens = list(self._table)

    def _unmarked(self, piece: str, ends: bool) -> str:
        """The piece without the end mark that stands written where a document ends."""
        bare = ended(piece) if ends else piece
        taken = bare != piece
        self.marks[0] += taken
        self.marks[1] += piece.count(END) - taken
        return bare

    def _encoder(self, data: RunningText) -> Features:
        if data.tokenizer == "characters":
            return self._characters(data)
        return numbering(data, self._table.__getitem__)

    def _characters(self, data: RunningText) -> Features:
        clean = tokenizer(data).clean
        table = np.zeros(0x110000, np.int32)  # by code point; 0 is END_ID: not met yet

        def encode(texts: Sequence[str]) -> Sequences:
            cleaned = list(map(clean, texts))
            lengths = np.fromiter(map(len, cleaned), np.int64, len(cleaned))
            points = _points("".join(cleaned))
            ids = table[points]
            new = points[ids == 0]
            for point in dict.fromkeys(new.tolist()):
                table[point] = self._table[chr(point)]
            offsets = np.concatenate(([0], np.cumsum(lengths)))
            return Sequences(table[points] if len(new) else ids, offsets)

        return encode

    def finished(self, vocab: Vocab, parts: dict[str, Stream], poll: Poll) -> Corpus:
        """Final ids; tokens the vocabulary lacks are unknown, or dropped if it has no such row."""
        spelled, known = self._spelled(vocab), vocab.knows(self.tokens)
        known[END_ID] = True
        smallest = np.min_scalar_type(max(len(vocab) - 1, 1))
        streams, shares = {}, {}
        for part, stream in parts.items():
            ids = Growing(smallest, self.scratch)
            missing = tokens = 0
            for block in blocks(stream, poll):
                tokens += int((block != END_ID).sum())
                missing += int((~known[block]).sum())
                ids.append(spelled(block))
            streams[part] = ids.array()
            shares[part] = missing / max(tokens, 1)
        return Corpus(vocab, streams, shares, marks=(self.marks[0], self.marks[1]))

    def _spelled(self, vocab: Vocab) -> Callable[[Stream], Stream]:
        """What makes final ids of provisional ones."""
        end = -1 if vocab.end is None else vocab.end
        if vocab.subwords is not None:
            parts = vocab.parts(self.tokens)  # nothing yet at END_ID, the first one
            if end >= 0:
                offsets = np.concatenate(([0], parts.offsets[1:] + 1))
                parts = Sequences(np.insert(parts.ids, 0, end), offsets)
            return lambda block: parts.take(block).ids
        places = vocab.places(self.tokens)
        places[END_ID] = end

        def found(block: Stream) -> Stream:
            ids = places[block]
            return ids[ids >= 0]

        return found


def _gathered(found: Iterable[tuple[str, bool]]) -> Iterator[tuple[list[str], NDArray[np.bool_]]]:
    """Pieces that are worked on together, and whether a document ends with each."""
    texts, ends, held = list[str](), list[bool](), 0
    for text, closed in found:
        texts.append(text)
        ends.append(closed)
        held += len(text)
        if held >= CHUNK:
            yield texts, np.array(ends)
            texts, ends, held = [], [], 0
    if texts:
        yield texts, np.array(ends)


def _points(text: str) -> NDArray[np.integer[Any]]:
    """The code points of a text."""
    if text.isascii():
        return np.frombuffer(text.encode(), np.uint8)
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def ended(text: str) -> str:
    """A document without an end mark that is written at its end, as Mikolov's and others' are."""
    return text.rstrip().removesuffix(END).rstrip() if text.rstrip().endswith(END) else text


def blocks(stream: Stream, poll: Poll) -> Iterator[Stream]:
    """A stream in pieces that are worked on at a time."""
    for at in range(0, len(stream), BLOCK):
        poll()
        yield stream[at : at + BLOCK]


def _counted(stream: Stream, size: int, poll: Poll) -> NDArray[np.int64]:
    counts = np.zeros(size, np.int64)
    for block in blocks(stream, poll):
        counts += np.bincount(block, minlength=size)
    return counts


def _starts(stream: Stream, tokens: list[str], vocab: Vocab, poll: Poll) -> dict[int, int]:
    """How often each token that the vocabulary knows begins a document."""
    counts, begins = np.zeros(len(tokens), np.int64), True
    for block in blocks(stream, poll):
        after = np.concatenate(([begins], block[:-1] == END_ID))
        counts += np.bincount(block[after], minlength=len(tokens))
        begins = bool(block[-1] == END_ID)
    counts[END_ID] = 0
    begun = np.flatnonzero(counts)
    found = [tokens[place] for place in begun.tolist()]
    starts: dict[int, int] = {}
    parts = vocab.parts(found)
    for number in np.flatnonzero(vocab.knows(found)).tolist():
        first = int(parts.row(number)[0])
        starts[first] = starts.get(first, 0) + int(counts[begun[number]])
    return starts


def _with_validation(
    parts: dict[str, Stream], data: RunningText, source: Source
) -> dict[str, Stream]:
    """Parts as they are on disk; one file is cut in three, and validation off the train files."""
    if "all" in parts:
        return _cut(parts["all"], data, data.test, source)
    if "valid" in parts or "train" not in parts or not data.valid:
        return parts
    return {**parts, **_cut(parts["train"], data, 0.0, source)}


def _cut(stream: Stream, data: RunningText, test_share: float, source: Source) -> dict[str, Stream]:
    """train, valid, test in the order of the text; where there are documents, between two."""
    size = len(stream)
    test = size - round(size * test_share)
    valid = test - round(size * data.valid)
    if data.document != "file":
        valid, test = (_nearest_end(stream, place) for place in (valid, test))
    parts = {"train": stream[:valid], "valid": stream[valid:test], "test": stream[test:]}
    if len(parts["train"]) < 2:
        found = f"{size} token{'s' * (size != 1)}"
        problem = f"at least two tokens expected to train on, {found} found"
        raise DataError(source.path, 0, problem, "there is nothing to predict: give it more text")
    return {name: part for name, part in parts.items() if len(part) > 1}


def _readable(corpus: Corpus, source: Source) -> Corpus:
    """Without the parts cut here of which fewer than two tokens are known: none to predict."""
    kept = {
        name: stream
        for name, stream in corpus.streams.items()
        if len(stream) > 1 or name == "train" or name in source.parts
    }
    return replace(
        corpus, streams=kept, unknown_share={name: corpus.unknown_share[name] for name in kept}
    )


def _nearest_end(stream: Stream, place: int) -> int:
    """Where a document ends, nearest to `place`; the stream itself ends with one."""
    reach = BLOCK
    while True:
        start = max(place - reach, 0)
        ends = np.flatnonzero(stream[start : place + reach] == END_ID) + 1 + start
        if len(ends) or reach > len(stream):
            return int(ends[np.abs(ends - place).argmin()])
        reach *= 2
