"""Parquet out: one type a column, found in all of its values before the first is written.

What cannot be read back as it was given is refused, with its row and column.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from seqcli.errors import SeqcliError

Rows = Sequence[Sequence[Any]]
ROW_GROUP = 1 << 14  # rows that parquet packs together
MOST_KEYS = 1000  # of an object: each is a column of the file
DEEPEST = 30  # lists and objects within each other: parquet ends at about 50
HINT = "--output FILE.jsonl keeps every value as it is"
NUMBERS = "numbers"
KINDS: dict[type, str] = {
    bool: "true or false",
    int: NUMBERS,
    float: NUMBERS,
    str: "text",
    list: "lists",
    dict: "objects",
}


class ParquetWriter:
    """Row groups of ROW_GROUP rows; types are those of the source, or else of all values.

    In the second case rows wait in a scratch file beside `path` until the last one is known.
    """

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        kept: Sequence[str],
        added: dict[str, type],
        source: Path | None,
    ) -> None:
        """kept, added, source: as for `table_writer`. Errors: SeqcliError without pyarrow."""
        self.softened = self.guarded = 0
        self.softness = ""
        self._path, self._file, self._kept, self._added = path, file, kept, added
        self._writer: Any = None
        self._count = 0  # rows so far
        self._waiting: list[Sequence[Any]] = []
        self._shapes = [_Shape() for _ in kept]
        self._scratch: BinaryIO | None = None
        schema = _schema(kept, source)
        if schema is None:
            self._scratch = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115
        else:
            self._start(schema)

    def write(self, rows: Rows) -> None:
        """See `TableWriter`."""
        if self._scratch is None:
            self._add(rows)
            return
        for row in rows:
            self._count += 1
            for name, shape, value in zip(self._kept, self._shapes, row, strict=False):
                try:
                    shape.add(value)
                except ValueError as error:
                    raise self._refused(name, self._count, str(error)) from None
            self._scratch.write(json.dumps(row).encode() + b"\n")

    def finish(self) -> None:
        """Write what waits."""
        if self._scratch is not None:
            self._start(self._found())
            self._count = 0
            self._scratch.seek(0)
            while lines := list(islice(self._scratch, ROW_GROUP)):
                self._add([json.loads(line) for line in lines])
        self._flush()

    def close(self) -> None:
        """Write the end of the file."""
        if self._writer is not None:
            self._writer.close()
        if self._scratch is not None:
            self._scratch.close()

    def _start(self, schema: Any) -> None:
        import pyarrow
        from pyarrow import parquet

        for name, kind in self._added.items():
            arrow = pyarrow.float64() if kind is float else pyarrow.string()
            schema = schema.append(pyarrow.field(name, arrow))
        self._schema = schema
        self._writer = parquet.ParquetWriter(self._file, schema)

    def _found(self) -> Any:
        import pyarrow

        fields = []
        for name, shape in zip(self._kept, self._shapes, strict=True):
            try:
                fields.append((name, shape.arrow()))
            except ValueError as error:
                raise self._refused(name, shape.row, str(error)) from None
        return pyarrow.schema(fields)

    def _add(self, rows: Rows) -> None:
        self._waiting += rows
        while len(self._waiting) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow

        rows, self._waiting = self._waiting[:ROW_GROUP], self._waiting[ROW_GROUP:]
        if not rows:
            return
        arrays = [
            self._array(field, values)
            for field, values in zip(self._schema, zip(*rows, strict=True), strict=True)
        ]
        self._writer.write_table(pyarrow.Table.from_arrays(arrays, schema=self._schema))
        self._count += len(rows)

    def _array(self, field: Any, values: Sequence[Any]) -> Any:
        """The values as the column's type, if they are still what they were."""
        import pyarrow

        try:
            array = pyarrow.array(values, field.type)
            back = array.to_pylist()
        except (pyarrow.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise self._refused(field.name, self._count + 1, f"{field.type}: {error}") from None
        for place, (read, given) in enumerate(zip(back, values, strict=True)):
            if not same(read, given):
                problem = f"{field.type} would make {read!r} of {given!r}"
                raise self._refused(field.name, self._count + place + 1, problem)
        return array

    def _refused(self, name: str, row: int, problem: str) -> SeqcliError:
        return SeqcliError(f"{self._path}: column {name!r}, row {row:,}: {problem}", HINT)


class _Shape:
    """What a column's values have been so far: fractions may come after whole numbers, and keys."""

    def __init__(self, depth: int = 0) -> None:
        self.kind = ""  # of KINDS; "": nothing but null
        self.row = 0  # values seen
        self._depth = depth
        self._whole = self._exact = True  # numbers: without fractions; each has its float
        self._items: _Shape | None = None
        self._keys: dict[str, _Shape] = {}

    def add(self, value: Any) -> None:
        """Errors: ValueError in words for what does not go together with what was before."""
        self.row += 1
        if value is None:
            return
        kind = KINDS.get(type(value))
        if kind is None:
            raise ValueError(f"a {type(value).__name__}, which JSON does not have")
        if self.kind not in ("", kind):
            raise ValueError(f"{kind} after {self.kind}")
        self.kind = kind
        if isinstance(value, str):
            value.encode()  # half characters: UnicodeEncodeError, a ValueError
        elif kind == NUMBERS:
            self._add_number(value)
        elif isinstance(value, (list, dict)):
            if self._depth == DEEPEST:
                raise ValueError(f"more than {DEEPEST} lists or objects within each other")
            self._add_inner(value)

    def _add_number(self, value: Any) -> None:
        if isinstance(value, float):
            self._whole = False
        elif not -(1 << 63) <= value < 1 << 63:
            raise ValueError("a whole number beyond 64 bits")
        else:
            self._exact &= abs(value) <= 1 << 53
        if not self._whole and not self._exact:
            raise ValueError("fractions beside whole numbers beyond 2**53, which would be rounded")

    def _add_inner(self, value: list[Any] | dict[str, Any]) -> None:
        if isinstance(value, list):
            self._items = self._items or _Shape(self._depth + 1)
            for item in value:
                self._items.add(item)
            return
        for key, item in value.items():
            if key not in self._keys:
                if len(self._keys) == MOST_KEYS:
                    raise ValueError(f"objects with more than {MOST_KEYS:,} different keys")
                key.encode()
                self._keys[key] = _Shape(self._depth + 1)
            self._keys[key].add(item)

    def arrow(self) -> Any:
        """The type that holds all values. Errors: ValueError in words where there is none."""
        import pyarrow

        if self.kind == NUMBERS:
            return pyarrow.int64() if self._whole else pyarrow.float64()
        if self._items is not None:
            return pyarrow.list_(self._items.arrow())
        if self.kind == KINDS[dict]:
            if not self._keys:
                raise ValueError("objects without any key, which parquet does not have")
            return pyarrow.struct([(key, item.arrow()) for key, item in self._keys.items()])
        return pyarrow.bool_() if self.kind == KINDS[bool] else pyarrow.string()


def same(read: Any, given: Any) -> bool:
    """Whether a value came back; a key that others of its column have may be null."""
    if isinstance(read, dict) and isinstance(given, dict):
        return all(same(read.get(key), given.get(key)) for key in read.keys() | given.keys())
    if isinstance(read, list) and isinstance(given, list):
        return len(read) == len(given) and all(map(same, read, given))
    return bool(read == given) or repr(read) == repr(given)  # NaN


def _schema(kept: Sequence[str], source: Path | None) -> Any:
    """The types of `kept` in the parquet file `source`; None where they are to be found."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        hint = "pip install 'seqcli[parquet]', or --output FILE.csv"
        raise SeqcliError("pyarrow is needed to write parquet, and is not there", hint) from None
    if source is None:
        return None
    schema = None
    with suppress(pyarrow.ArrowException, OSError):  # changed since it was opened: types as found
        schema = parquet.read_schema(source)
    if schema is None or schema.names != list(kept):
        return None
    for field in schema:
        if "time64[ns]" in str(field.type):
            problem = f"column {field.name!r}: of {field.type} Python keeps microseconds alone"
            raise SeqcliError(f"{source}: {problem}", "turn it into time64[us] first")
    # without what pandas notes there of its index, which would be wrong now
    return schema.remove_metadata()
