"""How memory is handed back is the whole process's: the command line sets it, no library does."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_language import tiny, write

TESTS = Path(__file__).resolve().parents[1]
RUN = "from tiny_runs import finished, job; finished(job(here))"
LOAD = RUN + "; import seqcli; seqcli.load(here / 'out.pt').classify(['win a prize'])"
TRAIN = (
    "from tiny_runs import job, seqcli; job(here);"
    "assert not seqcli('train', '--task', here / 'task.toml', '--data', here / 'data.tsv', "
    "'--out', here / 'out.pt').exit_code"
)
SAMPLE = (
    "from tiny_runs import seqcli;"
    "assert not seqcli('sample', '--model', here / 'words.pt').exit_code"
)
# glibc marks a block that it has mapped apart, and hands back at once, in the word before it.
MARK = """
import ctypes, sys
from pathlib import Path
here = Path(sys.argv[1])
{program}
libc = ctypes.CDLL(None)
libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
block = libc.malloc(64 << 20)
word = ctypes.c_size_t.from_address(block - ctypes.sizeof(ctypes.c_size_t)).value
print("apart" if word & 2 else "kept")
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
@pytest.mark.parametrize(
    ("program", "how"),
    [(LOAD, "apart"), (TRAIN, "kept"), (SAMPLE, "kept")],
    ids=["program", "train", "sample"],
)
def test_the_command_line_alone_keeps_freed_memory(tmp_path: Path, program: str, how: str) -> None:
    write(tmp_path / "words.pt", *tiny())
    paths = os.pathsep.join([str(TESTS), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", MARK.format(program=program), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[-1] == how
