"""A longer job: inputs that atheris makes up, guided by which lines of seqcli they reach.

    pip install atheris
    python tests/torture/fuzz.py SECONDS [NAME …]

Each reader of test_inputs.py, and the parts of a model file, are tried for so many seconds. Only
SeqcliError may come out. What breaks that rule ends the job, and its input is kept in the current
folder as `crash-…`, `timeout-…` or `oom-…`; its first byte chooses the ending of the file's name.
atheris is no part of `.[dev]`: it exists for few versions of Python.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
SEEDS = (
    b"\x00text,label\nwin a prize,spam\nsee you,ham\n",
    b'\x02{"text": "a", "label": "b"}\n{"text": "c", "label": "d"}\n',
    b"\x04ham\tsee you\nspam\twin\n",
    b"\x05__label__spam win a prize\n",
    b'\x06kind = "classifier"\n[model]\nhidden = [3]\n',
    b"\x07spam 0.1 0.2\ntext 1e3 -4\n",
    b"\x08\xff\xfea\x00\n\x00\n\x00",
)
MODEL = ("a model file", "its pickle", "its description")


def main() -> None:
    """Each target in a process of its own, which the fuzzer ends."""
    sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1])]
    seconds, *chosen = sys.argv[1:]
    if chosen[:1] == ["--in"]:
        fuzz(Path(chosen[1]), chosen[2], int(seconds))
        return
    from torture.test_inputs import READ

    for name in chosen or [*READ, *MODEL]:
        print(f"--- {name}", flush=True)
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            subprocess.run([sys.executable, HERE, seconds, "--in", folder, name], check=True)


def fuzz(folder: Path, name: str, seconds: int) -> None:
    """Never returns; exit 0 where nothing was found."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["seqcli"]):
        from seqcli import kinds
        from seqcli.errors import SeqcliError
        from seqcli.kinds import saved
        from seqcli.modelfile import filecheck, outline
        from torture.test_inputs import ENDINGS, READ

    place, seeds = folder / "in", folder / "seeds"
    place.mkdir()
    seeds.mkdir()
    for number, seed in enumerate(SEEDS):
        (seeds / str(number)).write_bytes(seed)
    for golden in (HERE.parents[1] / "golden").glob("*.pt") if name in MODEL else ():
        with zipfile.ZipFile(golden) as archive:
            pickled, text = archive.read(filecheck.PICKLE), archive.read(filecheck.DESCRIPTION)
        seed = dict(zip(MODEL, (golden.read_bytes(), pickled, text), strict=True))[name]
        (seeds / golden.name).write_bytes(b"\0" + seed)

    def pickled_part(path: Path) -> None:
        with suppress(outline.Refused):
            outline.read(path.read_bytes())

    def description(path: Path) -> None:
        table = None
        with suppress(ValueError, RecursionError):
            table = json.loads(path.read_bytes())
        if isinstance(table, dict):
            kinds.check_model(table, path)

    parts = dict(zip(MODEL, (saved.load, pickled_part, description), strict=True))
    read: Any = (READ | parts)[name]

    def one(content: bytes) -> None:
        path = place / f"data.{ENDINGS[content[0] % len(ENDINGS)] if content else 'txt'}"
        path.write_bytes(content[1:])
        try:
            read(path)
        except SeqcliError as error:
            str(error).encode()  # can be shown
        finally:
            for left in place.iterdir():
                left.unlink()

    limits = [f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=4096", "-max_len=20000"]
    atheris.Setup([sys.argv[0], *limits, "-print_final_stats=1", str(seeds)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
