"""Whether a run's threads wait for cores that other programs hold.

Threads that share a product meet thousands of times a second; where one of them has to queue for a
core, all wait: beside one busy program, two threads of two cores train PTB small at a fifth of
their speed or less, a third of one thread's (`make bench ROWS=crowded`).
"""

from __future__ import annotations

from pathlib import Path

FIRST = 3.0  # seconds that are judged at a run's start: a short one would end unwarned
WINDOW = 15.0  # later: a burst of somebody's is no reason to stop
MUCH = 0.3  # of the time, added up over threads: alone a run shows 0.01, beside one program 0.8
TASKS = Path("/proc/self/task")


class Crowding:
    """Watches a run of several threads, and has one line to say about it."""

    def __init__(self, threads: int, inside: int, now: float) -> None:
        """`inside`: those that share one operation; threads that share batches queue cheaply."""
        self.threads, self.looked, self.window = threads, now, FIRST
        self.queued = queued() if inside > 1 else None

    def hint(self, now: float) -> str | None:
        """What to do, once, if the threads queued for much of the time since the last look."""
        if self.queued is None or now - self.looked < self.window:
            return None
        before, self.queued = self.queued, queued()
        share = ((self.queued or 0.0) - before) / (now - self.looked)
        self.looked, self.window = now, WINDOW
        if share < MUCH:
            return None
        self.queued = None
        fewer = self.threads // 2
        return (
            f"other programs hold the cores: Ctrl-C, then --resume --threads {fewer} may be faster"
        )


def queued() -> float | None:
    """Seconds that this process's threads have waited for a core; None where nobody counts them."""
    try:
        return sum(_queued(task) for task in TASKS.iterdir())
    except (OSError, ValueError, IndexError):  # another system than Linux
        return None


def _queued(task: Path) -> float:
    try:
        return int((task / "schedstat").read_text().split()[1]) / 1e9
    except (FileNotFoundError, ProcessLookupError):  # a thread that has just ended
        return 0.0
