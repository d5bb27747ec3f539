"""What the progress display costs: its share of a training's time, in a terminal of its own.

A real `seqcli train` in a pseudo-terminal, with the display's calls timed from inside: the same run
with --quiet differs by less than two equal runs do. Counted from the first step on: importing Rich
before it takes 17 ms once.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator

from rows import OURS, Row, tell

ROUNDS = 3
COMMANDS = {
    "spam": "train --task spam --force",
    "PTB small, 600 updates": "train --task ptb --preset small --max-steps 600 --force",
}


def watched(command: str) -> None:
    """In the child: run it; the last line of stdout is the display's seconds and the run's."""
    from seqcli.__main__ import main
    from seqcli.cli.progress import Display

    show, taken, begun = Display.show, 0.0, 0.0

    def timed(self: Display, event) -> None:
        nonlocal taken, begun
        start = time.perf_counter()
        show(self, event)
        if begun:
            taken += time.perf_counter() - start
        else:
            begun = time.perf_counter()

    Display.show = timed  # type: ignore[method-assign]
    sys.argv = ["seqcli", *command.split()]
    try:
        main()
    finally:
        print(f"\n{taken} {time.perf_counter() - begun}", flush=True)


def share(command: str) -> float:
    """Of the run's time, in percent."""
    master, slave = pty.openpty()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, __file__, "--watched", command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=slave,
        )
        os.close(slave)
        reader = threading.Thread(target=drain, args=(master,), daemon=True)
        reader.start()
        out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{command}: exit {process.returncode}")
    shown, whole = map(float, out.decode().splitlines()[-1].split())
    return 100 * shown / whole


def drain(terminal: int) -> None:
    """Read what is shown, as a terminal does."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # its other end is closed
        os.close(terminal)


def measure() -> Iterator[Row]:
    """A classifier and a language model."""
    for name, command in COMMANDS.items():
        values = {OURS: [share(command) for _ in range(ROUNDS)]}
        yield Row(f"progress display, {name}", "% of the time", values, more=False, limit=1.0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--watched"]:
        watched(sys.argv[2])
    else:
        tell(measure)
