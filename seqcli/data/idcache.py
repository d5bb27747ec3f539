"""A long text's ids kept beside its run: the next start on the same data maps them at once.

OUT.run/ids.bin holds the ids of all splits behind each other, ids.json what they are of. They are
used only where the text's fingerprint, the settings of its reading and every byte are the same.
"""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import hashlib
import json
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

import seqcli
from seqcli.data.corpus import Corpus, Poll, Stream, blocks, load_corpus
from seqcli.files import atomic_write, write_bytes
from seqcli.readers.source import Source
from seqcli.settings.sections import RunningText
from seqcli.text import growing
from seqcli.text.vocab import Vocab

FILES = ("ids.bin", "ids.json")


def kept_corpus(
    source: Source, data: RunningText, fingerprint: str, folder: Path, poll: Poll
) -> Corpus:
    """`load_corpus`; of a text too long to be held, what `folder` has of it, or will have.

    Errors: as `load_corpus`; SeqcliError where the ids cannot be written.
    """
    if source.size <= growing.MAPPED_BYTES:
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        return load_corpus(source, data, folder, poll)
    key = _key(fingerprint, data)
    with _turn(folder, poll):  # processes on one host share what the first of them makes
        found = _kept(folder, key, poll)
        if found is None:
            _keep(load_corpus(source, data, folder, poll), folder, key, poll)
            found = _kept(folder, key, poll)
    return found if found is not None else load_corpus(source, data, folder, poll)


def _key(fingerprint: str, data: RunningText) -> str:
    settings = dataclasses.asdict(data) | {"path": ""}
    text = json.dumps([seqcli.__version__, fingerprint, settings])
    return hashlib.sha256(text.encode()).hexdigest()


def _keep(corpus: Corpus, folder: Path, key: str, poll: Poll) -> None:
    check, sizes = 0, {}
    (folder / "ids.json").unlink(missing_ok=True)
    with atomic_write(folder / "ids.bin") as file:
        for part, stream in corpus.streams.items():
            sizes[part] = len(stream)
            for block in blocks(stream, poll):
                content = np.ascontiguousarray(block).data
                check = zlib.crc32(content, check)
                file.write(content)
    described: dict[str, Any] = {
        "key": key,
        "dtype": next(iter(corpus.streams.values())).dtype.name,
        "sizes": sizes,
        "unknown_share": corpus.unknown_share,
        "marks": corpus.marks,
        **corpus.vocab.learned(),
        "starts": list(corpus.starts.items()),
    }
    described["check"] = _check(described, check)
    write_bytes(folder / "ids.json", json.dumps(described).encode())


def _check(described: dict[str, Any], ids: int) -> int:
    """A sum over the ids and what they are of."""
    return zlib.crc32(json.dumps(described).encode(), ids)


def _kept(folder: Path, key: str, poll: Poll) -> Corpus | None:
    """What was kept under `key`, if it is whole."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        described: dict[str, Any] = json.loads((folder / "ids.json").read_bytes())
        expected = described.pop("check")
        if described["key"] != key:
            return None
        ids: Stream = np.memmap(folder / "ids.bin", np.dtype(described["dtype"]), "r")
        check = largest = 0
        for block in blocks(ids, poll):
            check = zlib.crc32(block.data, check)
            largest = max(largest, int(block.max()))
        streams, start = {}, 0
        for part, size in described["sizes"].items():
            streams[part] = ids[start : start + size]
            start += size
        vocab = Vocab.restore(described)
        whole = ids.dtype.kind == "u" and start == len(ids) and largest < len(vocab)
        if whole and _check(described, check) == expected:
            taken, other = described["marks"]
            starts = dict(described["starts"])
            return Corpus(vocab, streams, described["unknown_share"], starts, (taken, other))
    return None


@contextmanager
def _turn(folder: Path, poll: Poll) -> Iterator[None]:
    """One process at a time; where the file system has no locks, all at once: dearer, not wrong."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno != errno.EWOULDBLOCK:
                    break
            poll()
            time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)
