"""More of the corpus: zips that lie, tensors that are none, descriptions that make no sense."""

from __future__ import annotations

import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from seqcli.modelfile import filecheck
from torture.hostile import CORPUS, ESCAPE, Records, described, entry, pack, records_of, saved

__all__ = ["CORPUS"]  # whole once this file is imported


def tensors_of(good: Path) -> dict[str, torch.Tensor]:
    """The good file's tensors."""
    found: dict[str, torch.Tensor] = torch.load(good, weights_only=True)["tensors"]
    return found


def description_entry(name: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """The good file with another description, in both places."""

    def make(good: Path, bad: Path) -> None:
        table = described(good)
        other = change(table)
        other = table if other is None else other
        number = other.get("format", 1) if isinstance(other, dict) else 1
        saved(bad, tensors_of(good), other, number if isinstance(number, int) else 1)

    CORPUS[name] = make


def tensors_entry(name: str, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    """The good file with other tensors."""

    def make(good: Path, bad: Path) -> None:
        tensors: Any = tensors_of(good)
        other = change(tensors)
        saved(bad, tensors if other is None else other, described(good))

    CORPUS[name] = make


# --- zips that lie


@entry("a bomb of zeros")
def _(good: Path, bad: Path) -> None:
    pack(bad, records_of(good) | {"archive/data/0": bytes(300 << 20)}, zipfile.ZIP_DEFLATED)


@entry("a bomb in the description")
def _(good: Path, bad: Path) -> None:
    pack(bad, records_of(good) | {filecheck.DESCRIPTION: b" " * (100 << 20)}, zipfile.ZIP_DEFLATED)


@entry("records compressed")
def _(good: Path, bad: Path) -> None:
    pack(bad, records_of(good), zipfile.ZIP_DEFLATED)


@entry("a record twice")
def _(good: Path, bad: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(bad, "w") as archive:
        warnings.simplefilter("ignore")
        for name, content in [*records_of(good).items(), (filecheck.PICKLE, b"\x80\x02).")]:
            archive.writestr(name, content)


def records_entry(name: str, change: Callable[[Records], Any]) -> None:
    def make(good: Path, bad: Path) -> None:
        records = records_of(good)
        pack(bad, change(records) or records)

    CORPUS[name] = make


def _without(name: str) -> Callable[[Records], Records]:
    return lambda records: {key: value for key, value in records.items() if key != name}


records_entry("a second pickle", lambda records: records | {"archive/more.pkl": b"\x80\x02)."})
records_entry("a record outside", lambda records: records | {"../../owned": b"x"})
records_entry("a record nobody needs", lambda records: records | {"archive/data/99": b"1234"})
records_entry("a record too few", _without("archive/data/3"))
records_entry("no description", _without(filecheck.DESCRIPTION))
records_entry("no pickle", _without(filecheck.PICKLE))
records_entry("no order of bytes", _without("archive/byteorder"))
records_entry("another order of bytes", lambda records: records | {"archive/byteorder": b"big"})
records_entry("a record too short", lambda records: records | {"archive/data/1": b"1234"})
records_entry(
    "two descriptions", lambda records: records | {filecheck.DESCRIPTION: b'{"format": 1}'}
)
records_entry(
    "another folder",
    lambda records: {key.replace("archive", "other"): value for key, value in records.items()},
)


def patch_entry(name: str, change: Callable[[bytearray], Any]) -> None:
    """The good file's bytes, changed."""

    def make(good: Path, bad: Path) -> None:
        content = bytearray(good.read_bytes())
        changed = change(content)
        bad.write_bytes(content if changed is None else changed)

    CORPUS[name] = make


def _directory(content: bytearray) -> int:
    """Where the central directory begins."""
    return int(struct.unpack("<I", content[-6:-2])[0])


def _overlapping(content: bytearray) -> None:
    """All records of numbers at the place of the first."""
    at, first = _directory(content), None
    while content[at : at + 4] == b"PK\x01\x02":
        names, extras, comments = struct.unpack("<3H", content[at + 28 : at + 34])
        name = bytes(content[at + 46 : at + 46 + names])
        if name.startswith(b"archive/data/"):
            first = first or bytes(content[at + 42 : at + 46])
            content[at + 42 : at + 46] = first
        at += 46 + names + extras + comments


def _sized(content: bytearray) -> None:
    """The first record claims 3 GB."""
    at = _directory(content)
    content[at + 20 : at + 28] = struct.pack("<2I", 3 << 30, 3 << 30)


patch_entry("records one on the other", _overlapping)
patch_entry("a record larger than the file", _sized)
patch_entry("an encrypted record", lambda b: b.__setitem__(_directory(b) + 8, 9))
patch_entry("a program in front", lambda b: b"#!/bin/sh\ntouch owned\nexit\n" + bytes(b))
patch_entry("a comment behind", lambda b: bytes(b[:-2]) + b"\x05\x00later")
patch_entry("a number changed", lambda b: b.__setitem__(b.index(b"FB") + 600, 0x55))
patch_entry("another name in front of a record", lambda b: b.__setitem__(31, 0x55))


# --- tensors that are none


def _compressed() -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "in beta state"
        return torch.eye(3).to_sparse_csr()


tensors_entry("a tensor without end", lambda t: {"a": torch.zeros(1).expand(10**10)})
tensors_entry("a sparse tensor", lambda t: t.update(a=torch.eye(3).to_sparse()))
tensors_entry("a compressed sparse tensor", lambda t: t.update(a=_compressed()))
tensors_entry("a turned tensor", lambda t: t.update(a=torch.ones(3, 4).t()))
tensors_entry("a part of a storage", lambda t: t.update(a=torch.ones(9)[3:5]))
tensors_entry(
    "two tensors on one storage", lambda t: t.update(dict.fromkeys(t, t["embedding.weight"]))
)
tensors_entry("a parameter", lambda t: t.update(a=torch.nn.Parameter(torch.ones(1))))
tensors_entry("a complex tensor", lambda t: t.update(a=torch.ones(2, dtype=torch.complex64)))
tensors_entry("a quantized tensor", lambda t: t.update(a=torch.ones(2, dtype=torch.float16)))
tensors_entry("a number for a tensor", lambda t: {**t, "a": 7})
tensors_entry("a list of tensors", lambda t: list(t.values()))
tensors_entry("no tensors", lambda t: {})
tensors_entry("a tensor too few", lambda t: dict([*t.items()][1:]))
tensors_entry("a tensor too many", lambda t: t.update(more=torch.ones(1)))
tensors_entry("a name with escapes", lambda t: t.update({ESCAPE: torch.ones(1)}))
tensors_entry("a tensor of another type", lambda t: t.update({k: v.double() for k, v in t.items()}))
tensors_entry("a tensor of another shape", lambda t: t.update({k: v[None] for k, v in t.items()}))
tensors_entry(
    "weights that are NaN",
    lambda t: t["embedding.weight"].view(-1)[7:8].fill_(float("nan")) * 0 and None,
)
tensors_entry(
    "a weight that is infinite", lambda t: t["embedding.weight"].fill_(float("inf")) is None
)


@entry("a tensor of 300 dimensions")
def _(good: Path, bad: Path) -> None:
    records = records_of(good)
    old = records[filecheck.PICKLE]
    shape = b"K\x0dK\x08\x86"
    assert shape in old
    pack(bad, records | {filecheck.PICKLE: old.replace(shape, b"(" + b"K\x01" * 300 + b"t")})


@entry("a tensor of negative size")
def _(good: Path, bad: Path) -> None:
    records = records_of(good)
    minus = b"J" + struct.pack("<i", -13)
    old = records[filecheck.PICKLE].replace(b"K\x0dK\x08\x86", minus + b"J\xf8\xff\xff\xff\x86")
    pack(bad, records | {filecheck.PICKLE: old})


# --- descriptions that make no sense


def _set(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(table: dict[str, Any]) -> None:
        for key in path[:-1]:
            table = table[key]
        table[path[-1]] = value

    return change


description_entry("a newer format", _set("format", value=filecheck.FORMAT + 1))
description_entry("a format far off", _set("format", value=10**400))
description_entry("format zero", _set("format", value=0))
description_entry("a format that is text", _set("format", value="1"))
description_entry("a description that is a list", lambda table: [1])
description_entry("a description nested deep", lambda table: "[" * 100_000)
description_entry("a number of a million digits", lambda table: '{"format": ' + "1" * 10**6 + "}")
description_entry("other sizes", _set("config", "model", "hidden", value=[13]))
description_entry("huge sizes", _set("config", "model", "hidden", value=[1 << 20]))
description_entry("sizes beyond any", _set("config", "model", "hidden", value=[1 << 62]))
description_entry("a million layers", _set("config", "model", "hidden", value=[1] * 10**6))
description_entry("negative sizes", _set("config", "model", "embed", value=-8))
description_entry("sizes that are no numbers", _set("config", "model", "embed", value=float("nan")))
description_entry("a kind with escapes", _set("config", "kind", value=ESCAPE))
description_entry("a cell with escapes", _set("config", "model", "cell", value=ESCAPE))
description_entry("a kind that is a list", _set("config", "kind", value=["classifier"]))
description_entry("a setting nobody knows", _set("config", "model", "[red]x", value=1))
description_entry("no config", lambda table: table.pop("config") and None)
description_entry("a config that is text", _set("config", value="classifier"))
description_entry("a section that is a number", _set("config", "model", value=3))
description_entry("no vocabulary", lambda table: table["learned"].pop("vocabulary") and None)
description_entry("a vocabulary of numbers", _set("learned", "vocabulary", value=list(range(13))))
description_entry("a word twice", _set("learned", "vocabulary", value=["a"] * 13))
description_entry("a vocabulary of nothing", _set("learned", "vocabulary", value=[]))
description_entry("labels that are none", _set("learned", "labels", value=None))
description_entry("a label twice", _set("learned", "labels", value=["a", "a", "b"]))
description_entry(
    "labels too many", _set("learned", "labels", value=[f"l{n}" for n in range(200_000)])
)
description_entry("counts of labels too many", _set("learned", "label_counts", value=[1] * 50))
description_entry(
    "counts that are no numbers", _set("learned", "label_counts", value=["a", None, 1.5])
)
description_entry("a head for two labels", _set("config", "model", "head", value="sigmoid"))
description_entry("no data", _set("data", value=None))
description_entry("data that is a number", _set("data", value={"path": 0, "sha256": 0}))
description_entry("a run's state", _set("state", value={}))
