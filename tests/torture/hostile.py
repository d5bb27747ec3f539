"""Model files that are broken or meant to harm: CORPUS, by name, each made from a good one.

A file that gets its way creates `OWNED` in the current folder.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqcli.modelfile import filecheck

OWNED = "owned"
ESCAPE = "\x1b]0;owned\x07\x1b[2J"
Records = dict[str, bytes]
Maker = Callable[[Path, Path], None]  # from the good file to the bad one
CORPUS: dict[str, Maker] = {}


def entry(name: str) -> Callable[[Maker], Maker]:
    """A maker for the corpus."""

    def add(maker: Maker) -> Maker:
        assert name not in CORPUS
        CORPUS[name] = maker
        return maker

    return add


def records_of(good: Path) -> Records:
    """The records of a model file, in order."""
    with zipfile.ZipFile(good) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(bad: Path, records: Records, method: int = zipfile.ZIP_STORED) -> None:
    """A zip of these records."""
    with zipfile.ZipFile(bad, "w", method) as archive:
        for name, content in records.items():
            archive.writestr(name, content)


def described(good: Path) -> dict[str, Any]:
    """The good file's description."""
    found: dict[str, Any] = json.loads(records_of(good)[filecheck.DESCRIPTION])
    return found


def saved(bad: Path, tensors: Any, description: Any, number: Any = 1, *more: Any) -> None:
    """What torch.save makes of any contents, with the description beside it."""
    text = description if isinstance(description, str) else json.dumps(description)
    buffer = io.BytesIO()
    content = {"format": number, "description": text, "tensors": tensors}
    torch.save(content, buffer, *more)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(filecheck.DESCRIPTION, text.encode("utf-8", "surrogatepass"))
    bad.write_bytes(buffer.getvalue())


def bytes_entry(name: str, content: bytes) -> None:
    CORPUS[name] = lambda good, bad: (bad.write_bytes(content), None)[1]


def pickle_entry(name: str, content: bytes) -> None:
    """The good file with another pickle."""

    def make(good: Path, bad: Path) -> None:
        pack(bad, records_of(good) | {filecheck.PICKLE: content})

    CORPUS[name] = make


# --- no model file at all

bytes_entry("empty", b"")
bytes_entry("text", b"win\tfree money\n" * 50)
bytes_entry("random bytes", bytes(np.random.default_rng(3).integers(0, 256, 5000, np.uint8)))
bytes_entry("a picture", b"\x89PNG\r\n\x1a\n" + bytes(900))
bytes_entry("gzip", gzip.compress(b"PK\x03\x04" * 1000))
bytes_entry("a plain pickle", pickle.dumps({"format": 1}))
bytes_entry("an empty zip", b"PK\x05\x06" + bytes(18))
bytes_entry("zip64 of nothing", b"PK\x06\x06" + b"\xff" * 52 + b"PK\x06\x07" + b"\xff" * 16)
bytes_entry("the word PK", b"PK\x03\x04" * 3)
CORPUS["a folder"] = lambda good, bad: bad.mkdir()
CORPUS["a pipe"] = lambda good, bad: os.mkfifo(bad)
CORPUS["a device"] = lambda good, bad: bad.symlink_to("/dev/zero")
CORPUS["a link to itself"] = lambda good, bad: bad.symlink_to(bad.name)


@entry("another tool's weights")
def _(good: Path, bad: Path) -> None:
    torch.save({"weight": torch.ones(3)}, bad)


@entry("another tool's old format")
def _(good: Path, bad: Path) -> None:
    torch.save({"weight": torch.ones(3)}, bad, _use_new_zipfile_serialization=False)


@entry("numpy arrays")
def _(good: Path, bad: Path) -> None:
    with bad.open("wb") as file:
        np.savez(file, weight=np.ones(3))


@entry("a compiled program")
def _(good: Path, bad: Path) -> None:
    pack(
        bad,
        {
            "archive/constants.pkl": b"\x80\x02).",
            "archive/code/x.py": b"import os",
            **records_of(good),
        },
    )


# --- pickles that do something


class Calls:
    """Unpickled, it calls."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.said = (function, arguments)

    def __reduce__(self) -> Any:
        return self.said


TOUCH = f"open({OWNED!r}, 'w').close()"
pickle_entry("a pickle that runs a command", pickle.dumps(Calls(os.system, f"touch {OWNED}"), 2))
pickle_entry("a pickle that runs code", pickle.dumps(Calls(exec, TOUCH), 2))
pickle_entry("a pickle of protocol 0", f"cos\nsystem\n(S'touch {OWNED}'\ntR.".encode())
pickle_entry("a pickle of protocol 5", pickle.dumps(Calls(eval, TOUCH), 5))
pickle_entry("a pickle with INST", f"(S'touch {OWNED}'\nios\nsystem\n.".encode())
pickle_entry("a pickle with OBJ", f"(cos\nsystem\nS'touch {OWNED}'\no.".encode())
pickle_entry(
    "a pickle with BUILD", b"\x80\x02ccollections\nOrderedDict\n)R}X\x01\x00\x00\x00aK\x01sb."
)
pickle_entry("a pickle with NEWOBJ", b"\x80\x02cbuiltins\nbytearray\nJ\x00\xc2\xeb\x0b\x85\x81.")
pickle_entry("a pickle with an extension", b"\x80\x02\x82\x01.")
pickle_entry("a pickle that takes memory", pickle.dumps(Calls(bytearray, 200_000_000), 2))
pickle_entry("a pickle without an end", b"\x80\x02}")
pickle_entry("a pickle of nothing", b"")
pickle_entry("a pickle with a lost mark", b"\x80\x02t.")
pickle_entry("a pickle that takes from nowhere", b"\x80\x02h\x09.")
pickle_entry("a pickle too long", b"\x80\x02" + b"K\x01" * 400_000 + b".")
pickle_entry(
    "keys whose hash takes forever",
    b"\x80\x02}"
    + b")"
    + b"".join(b"q%c" % n + b"h%c" % n + b"\x86" for n in range(60))
    + b"K\x01s.",
)
pickle_entry(
    "a call inside of a tensor",
    b"\x80\x02}(X\x06\x00\x00\x00formatK\x01X\x0b\x00\x00\x00descriptioncbuiltins\nprint\n)Ru.",
)
