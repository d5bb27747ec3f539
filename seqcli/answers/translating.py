"""Texts for texts, in order and in bounded memory: groups in, answers out, tables of them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, cast

from torch import nn

from seqcli import kinds
from seqcli.answers.loading import Loaded
from seqcli.answers.prediction import Group, grouped
from seqcli.answers.tables import ENDINGS, check_free, fresh_names, table_writer
from seqcli.errors import ConfigError
from seqcli.files import atomic_write
from seqcli.interrupts import interrupts
from seqcli.kinds.abilities import Translated, Translates
from seqcli.machine.device import Runtime
from seqcli.readers.lines import COMPRESSED, plain_name
from seqcli.readers.tables import table_format
from seqcli.settings.searching import Searching
from seqcli.text.normal import whole

DECIMALS = 4  # of the attention's numbers
Answers = tuple[Group, list[Translated]]


def as_json(text: str, answer: Translated) -> dict[str, Any]:
    """One text's answer as JSON values; `alternatives`: all outputs, the answer first."""
    look = answer.attention
    return {
        "source": text,
        "text": answer.outputs[0].text,
        "score": answer.outputs[0].score,
        "alternatives": [one._asdict() for one in answer.outputs],
        "source_tokens": answer.source_tokens,
        "tokens": answer.tokens,
        "attention": None if look is None else look.astype(float).round(DECIMALS).tolist(),
        "unknown_share": answer.unknown_share,
    }


@dataclass(frozen=True)
class TextTranslator:
    """A model that gives texts for texts, in eval mode on its device."""

    kind: Translates
    model: nn.Module
    runtime: Runtime

    @classmethod
    def of(cls, loaded: Loaded) -> TextTranslator:
        """Errors: SeqcliError for a kind that writes no text for another."""
        kinds.refuse(loaded.kind.spec, "translate", loaded.path)
        return cls(cast(Translates, loaded.kind), loaded.model, loaded.runtime)

    def stream(
        self, groups: Iterable[Group], wanted: Searching, shard: tuple[int, int] = (1, 1)
    ) -> Iterator[Answers]:
        """Each group with its answers, as soon as they are there.

        shard: the groups hold every Nth text of the whole input, from the Ith: what is drawn goes
        by a text's place in the whole.
        """
        if wanted.temperature is not None and wanted.seed is None:
            wanted = replace(wanted, seed=drawn_seed())
        begun, step = shard[0] - 1, shard[1]
        for group in groups:
            count = len(group.texts)
            numbers = range(begun, begun + count * step, step)
            begun += count * step
            if count:
                yield group, self.answers(group.texts, numbers, wanted)

    def answers(
        self, texts: Sequence[str], numbers: Sequence[int], wanted: Searching
    ) -> list[Translated]:
        """The answer to each; whatever else is in the group changes none of them."""
        return self.kind.translate(
            self.model, texts, numbers, wanted, self.runtime, interrupts.poll
        )

    def translate(
        self, texts: Iterable[str], wanted: Searching
    ) -> Iterator[tuple[str, Translated]]:
        """Texts with their answers, in order: the entry for a program rather than the shell."""
        groups = grouped((text, (text,)) for text in map(whole, texts))
        for group, found in self.stream(groups, wanted):
            yield from zip(group.texts, found, strict=True)


def drawn_seed() -> int:
    """A seed for what is drawn where nobody gave one."""
    return secrets.randbelow(2**31)


def check_translation_output(path: Path, *, force: bool) -> None:
    """Errors: ConfigError for an ending that names no format; SeqcliError for what is there."""
    packed = path.suffix.lower() in COMPRESSED
    form = table_format(path)
    if not _plain(path) and (form is None or (packed and form == "parquet")):
        raise ConfigError(f"--output {path}: its ending names no format", f"one of: txt, {ENDINGS}")
    check_free(path, force=force)


def _plain(path: Path) -> bool:
    return Path(plain_name(path)).suffix.lower() == ".txt"


@dataclass
class Writing:
    """A file of answers: `write` adds some; `renamed`: new columns by what they were to be."""

    write: Callable[[Group, Sequence[Translated]], None]
    renamed: dict[str, str]


@contextmanager
def translation_writer(
    path: Path, kept: Sequence[str], best: int, source: Path | None
) -> Iterator[Writing]:
    """What writes answers to `path`, which is there at the end: a line each, or a table's row.

    kept: columns of the input's rows; best: outputs of each; source: the parquet file that the
    input comes from, whose types its columns keep.
    """
    if _plain(path):
        with _lines(path) as write:
            yield Writing(write, {})
        return
    wanted = dict[str, type]({"translation": str, "score": float})
    for place in range(2, best + 1):
        wanted |= {f"translation_{place}": str, f"score_{place}": float}
    names = fresh_names(kept, list(wanted))
    with table_writer(path, kept, dict(zip(names, wanted.values(), strict=True)), source) as table:

        def add(group: Group, found: Sequence[Translated]) -> None:
            pairs = zip(group.cells, found, strict=True)
            table.write([[*cells, *_cells(answer, best)] for cells, answer in pairs])

        renamed = {old: new for old, new in zip(wanted, names, strict=True) if old != new}
        yield Writing(add, renamed)


def _cells(answer: Translated, best: int) -> list[Any]:
    """Text and score of each output; where there are fewer, of none."""
    found = [cell for output in answer.outputs for cell in output]
    return found + ["", float("nan")] * (best - len(answer.outputs))


@contextmanager
def _lines(path: Path) -> Iterator[Callable[[Group, Sequence[Translated]], None]]:
    """A line an answer; a line end inside one becomes a space."""
    with atomic_write(path) as file, ExitStack() as stack:
        packer: Any = COMPRESSED.get(path.suffix.lower())
        out: IO[bytes] = file if packer is None else stack.enter_context(packer(file, "wb"))

        def write(group: Group, found: Sequence[Translated]) -> None:
            for answer in found:
                line = " ".join(answer.outputs[0].text.splitlines())
                out.write(f"{line}\n".encode("utf-8", "backslashreplace"))

        yield write
