"""Where what is to be classified comes from: arguments, a file, or stdin; texts or recordings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from seqcli.cli import options
from seqcli.errors import ConfigError

if TYPE_CHECKING:
    from seqcli.answers.prediction import Group
    from seqcli.kinds.abilities import ClassifiesNumbers
    from seqcli.readers import Table
    from seqcli.settings.sections import Series

STDIN = "-"


class Source:
    """Where the texts come from: `texts`, the table `path`, or with neither the lines of stdin."""

    def __init__(
        self,
        texts: list[str],
        path: Path | None,
        text_column: str | None,
        encoding: str | None,
        shard: tuple[int, int],
    ) -> None:
        self.path = path
        self._texts, self._column, self._given = texts, text_column, encoding
        self._encoding = encoding or "utf-8"
        self._shard = shard
        self._table: Table | None = None
        self._reading: Series | None = None
        self._channels: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        texts: list[str],
        path: str | None,
        text_column: str | None,
        encoding: str | None,
        shard: str | None,
    ) -> Source:
        """Errors: ConfigError unless it is exactly one source, with options that belong to it."""
        if bool(texts) == (path is not None):
            problem = "texts and --input" if texts else "no text"
            raise ConfigError(
                f"{problem} given", "give texts, or --input FILE, or - to read lines from stdin"
            )
        if path is None and STDIN in texts and len(texts) > 1:
            raise ConfigError("`-` reads stdin and stands alone", "give texts, or - alone")
        stream = STDIN in texts or path == STDIN
        table = path is not None and not stream
        if text_column is not None and not table:
            raise ConfigError("--text-column belongs to --input FILE")
        if encoding is not None and not table and not stream:
            raise ConfigError("--encoding belongs to --input FILE and to -")
        return cls(
            [] if stream else texts,
            options.existing(path or "", "--input") if table else None,
            text_column,
            encoding,
            options.shard(shard),
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a table made of this keeps."""
        if self._reading is not None:
            return ("recording",)
        return ("text",) if self._table is None else self._table.columns

    @property
    def types_of(self) -> Path | None:
        """The parquet table whose columns, and their types, a table made of this keeps."""
        from seqcli.readers.tables import table_format

        parquet = self.path is not None and table_format(self.path) == "parquet"
        return self.path if parquet and self._reading is None else None

    def of_numbers(self) -> None:
        """From here on recordings are looked for. Errors: ConfigError for what holds texts."""
        if self._texts:
            raise ConfigError(
                "this model reads numbers, texts given",
                '--input FILE names recordings, - reads lines of {"values": [[...], ...]}',
            )
        if self._column is not None:
            raise ConfigError("--text-column belongs to models of text", "this one reads numbers")

    def recordings(self, kind: ClassifiesNumbers) -> None:
        """Read recordings as a model reads them."""
        from seqcli.answers.signals import read_as

        self._reading, self._channels = read_as(kind.reading, self._given), kind.channels

    def open(self) -> None:
        """Look at what is to be read before the model is. Errors: DataError, ConfigError."""
        from seqcli.readers import open_table
        from seqcli.readers.lines import check_encoding
        from seqcli.settings.sections import LabeledText

        check_encoding(self._encoding)
        if self.path is not None:
            data = LabeledText(text_column=self._column or "", encoding=self._encoding)
            self._table = open_table(self.path, data)

    def groups(self, *, one_by_one: bool = False) -> Iterator[Group]:
        """This shard's texts, in order. Errors: DataError, after the texts before it."""
        from seqcli.answers.prediction import FIRST, recut, sharded

        place, count = self._shard
        every = self._all() if self._reading is None else self._recordings(self._reading)
        return recut(sharded(every, place - 1, count), (1,) if one_by_one else FIRST)

    def _all(self) -> Iterator[Group]:
        from seqcli.answers.prediction import CHARACTERS, ROWS, Group, grouped
        from seqcli.readers.live import arriving
        from seqcli.text.normal import whole

        table = self._table
        if table is not None:
            text = table.getter("text")
            return grouped((text(row), row.cells) for row in table.rows)
        if self._texts:
            return grouped((text, (text,)) for text in map(whole, self._texts))
        found = arriving(_stdin(), self._encoding, rows=ROWS, characters=CHARACTERS)
        return (Group(some) for some in found)

    def _recordings(self, reading: Series) -> Iterator[Group]:
        from seqcli.answers.prediction import CHARACTERS, ROWS
        from seqcli.answers.signals import arriving_recordings, grouped_recordings, recordings_at
        from seqcli.readers.live import arriving

        if self.path is not None:
            return grouped_recordings(recordings_at(self.path, reading, self._channels))
        lines = arriving(_stdin(), reading.encoding, rows=ROWS, characters=CHARACTERS)
        return arriving_recordings(lines, reading, self._channels)


def _stdin() -> BinaryIO | None:
    return None if sys.stdin is None else sys.stdin.buffer
