"""What a person sees while a model trains: a bar on a terminal, else a line an epoch."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from seqcli.cli.console import answer, err, safe, say
from seqcli.cli.crowding import Crowding
from seqcli.cli.overfitting import Overfitting
from seqcli.cli.report import (
    after_lines,
    duration,
    figures_text,
    finish_lines,
    refit_line,
    result_lines,
    short_text,
    start_lines,
)
from seqcli.runs.job import Job
from seqcli.runs.resume import RolledBack
from seqcli.runs.run import Finished, RunEvent, Started
from seqcli.runs.session import Refitting
from seqcli.training.evaluation import Scoring
from seqcli.training.loop import Evaluated, Stepped, running

if TYPE_CHECKING:
    from rich.progress import Progress

REFRESH = 0.2  # seconds between two looks at the running figures: one costs Rich a millisecond
SHORTEST_BAR = 10  # columns
MARGIN = 4  # beside the bar: a blank, and room for the ^C that a terminal puts after it
PLAIN_WIDTH = 120
PLAIN_SECONDS = 10.0  # without a terminal, a long epoch is told at its tenths, not oftener


class Display:
    """Shows the events of one run on stderr, its result on stdout; leaving it clears the bar.

    as_json: the result is shown by others.
    """

    def __init__(self, job: Job, quiet: bool, as_json: bool = False) -> None:
        self.job, self.quiet, self.as_json = job, quiet, as_json
        self.bar: Progress | None = None
        self.shown = self.told = 0.0
        self.tenth = 0

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def show(self, event: RunEvent) -> None:
        """One event of the run."""
        if isinstance(event, Started):
            self.job = event.job
        if isinstance(event, Finished):
            self._finish(event)
        if self.quiet:
            return
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Stepped):
            now = time.monotonic()
            if now - self.shown >= REFRESH:
                self.shown = now
                self._step(event, now)
        elif isinstance(event, Evaluated):
            self._line(self._epoch(event))
            if hint := self.overfitting.hint(event):
                self._line(hint)
        elif isinstance(event, RolledBack):
            self._line(f"{event.why}: back to step {event.step:,}, rate halved ({event.number})")
        elif isinstance(event, Refitting):
            self._refit(event)
        elif isinstance(event, Scoring) and event.splits:
            self._score(event)

    def _finish(self, event: Finished) -> None:
        self.stop()
        results = result_lines(self.job, event)
        before, after = finish_lines(self.job, event), after_lines(event)
        if self.as_json:
            before, results = [*before, *results], []
        for line in () if self.quiet else before:
            say(line)
        for line in results:
            answer(safe(line))
        for line in () if self.quiet else after:
            say(line)

    def _start(self, event: Started) -> None:
        train = event.job.task.config.train
        self.epochs, self.overfitting = train.epochs, Overfitting(train)
        for line in start_lines(self.job, event):
            say(line)
        self.state, self.kind = event.state, event.prepared.kind
        self.begun = self.told = time.monotonic()
        runtime = event.runtime
        inside = runtime.team.inside if runtime.team else runtime.threads
        self.crowding = Crowding(runtime.threads, inside, self.begun)
        self.units = self.state.units
        self.progress: float | None = None
        if sys.stderr.isatty():
            from rich.progress import BarColumn, Progress, TextColumn

            self.column = BarColumn(bar_width=SHORTEST_BAR)
            self.bar = Progress(
                TextColumn("{task.description}", markup=False),
                self.column,
                console=err(),
                transient=True,
                auto_refresh=False,
            )
            self.row = self.bar.add_task("starting", total=1.0)
            self.bar.start()
            self.bar.refresh()

    def _step(self, event: Stepped, now: float) -> None:
        if self.progress is None:
            self.progress = event.progress
        if hint := self.crowding.hint(now):
            self._line(hint)
        if self.bar is not None:
            room = self.bar.console.width - MARGIN - SHORTEST_BAR
            self._draw(self.bar, self._text(event, now, room), event.progress)
            return
        tenth = int(event.share * 10)
        if now - self.told >= PLAIN_SECONDS and tenth != self.tenth:
            self.tenth = tenth
            self._line(f"{self._text(event, now, PLAIN_WIDTH)}  rate {event.rate:.3g}")

    def _refit(self, event: Refitting) -> None:
        """The last pass: its epochs are counted and its speed is told by themselves."""
        self._line(refit_line(event))
        self.epochs, self.units, self.progress = event.epochs, self.state.units, None
        self.begun = time.monotonic()

    def _score(self, event: Scoring) -> None:
        text = f"scoring the best model: {', '.join(event.splits)}"
        if self.bar is None:
            self._line(text)
        else:
            self._draw(self.bar, text, completed=1.0)

    def _draw(self, bar: Progress, text: str, completed: float) -> None:
        """The bar behind as much of the text as leaves it room."""
        width = bar.console.width - MARGIN
        text = text[: max(width - SHORTEST_BAR, 0)]
        self.column.bar_width = max(width - len(text), 1)
        bar.update(self.row, description=text, completed=completed)
        bar.refresh()

    def _text(self, event: Stepped, now: float, room: int) -> str:
        rest = (1 - event.progress) / max(event.progress - (self.progress or 0.0), 1e-9)
        parts = [
            f"epoch {self.state.epoch + 1}/{self.epochs} {event.share:4.0%}",
            short_text(self.kind.spec, running(self.kind, self.state)),
            f"{duration((now - self.begun) * rest)} left",
            self._speed(now),
        ]
        while len("  ".join(parts)) > room and len(parts) > 1:
            parts.pop()  # a narrow terminal
        return "  ".join(parts)

    def _speed(self, now: float) -> str:
        done = self.state.units - self.units
        return f"{done / max(now - self.begun, 1e-9):,.0f} {self.kind.unit}/s"

    def _epoch(self, event: Evaluated) -> str:
        self.tenth = 0
        text = figures_text if self.bar is None else short_text
        spec = self.kind.spec
        part = "" if event.share == 1.0 else f" ({event.share:.0%} of it)"
        head = f"epoch {self.state.begun}/{self.epochs}{part}"
        parts = [head, f"train {text(spec, event.train)}"]
        if event.valid is not None:
            parts.append(f"valid {text(spec, event.valid)}")
        if self.bar is None:
            parts.append(self._speed(time.monotonic()))
        if event.best and self.job.task.config.train.select != "last":
            parts.append("best")
        return "  ".join(parts)

    def _line(self, text: str) -> None:
        self.told = time.monotonic()
        if self.bar is not None:
            self.bar.console.print(safe(text), soft_wrap=True)
        else:
            say(text)
