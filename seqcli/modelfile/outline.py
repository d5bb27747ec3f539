"""The pickle inside a model file, read as a list of instructions and never run.

`torch.save` writes a dictionary of a number, a text and a table of tensors. What follows knows the
instructions that this takes, keeps account of them on a stack of plain values, and refuses all
else: nothing is imported, called or allocated by what a file says.
"""

from __future__ import annotations

import math
import pickletools
from dataclasses import dataclass
from typing import Any, NamedTuple

MOST_STEPS = 1 << 18  # instructions: thousands of tensors take less
MOST_DIMENSIONS = 8
ITEM_BYTES = {"Float": 4, "Double": 8, "BFloat16": 2, "Long": 8, "Int": 4, "Byte": 1}
REBUILD, ORDERED = "torch._utils _rebuild_tensor_v2", "collections OrderedDict"
STORAGES = {f"torch {kind}Storage": kind for kind in ITEM_BYTES}
ALLOWED = frozenset({REBUILD, ORDERED, *STORAGES})


class Refused(ValueError):
    """What no model needs; the message says what."""


class Name(NamedTuple):
    """An importable name, not imported."""

    text: str


class Storage(NamedTuple):
    """A record of numbers: its key, their type, how many."""

    key: str
    kind: str
    numbers: int


@dataclass(frozen=True)
class Stored:
    """A tensor that is the whole of its storage, row by row."""

    storage: Storage
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of its record."""
        return self.storage.numbers * ITEM_BYTES[self.storage.kind]


def read(content: bytes) -> tuple[int, str, dict[str, Stored]]:
    """Format number, description and tensors by name, out of a model file's `data.pkl`.

    Errors: Refused for whatever else it says, or if it is no pickle.
    """
    machine = _Machine()
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(content)):
            if number == MOST_STEPS:
                raise Refused("its pickle is longer than any model needs")
            machine.step(opcode.name, argument)
    except Refused:
        raise
    except (ValueError, IndexError, KeyError, OverflowError, AttributeError, TypeError) as error:
        raise Refused("its pickle is damaged") from error
    return _checked(machine.stack)


def _checked(stack: list[Any]) -> tuple[int, str, dict[str, Stored]]:
    if len(stack) != 1 or type(stack[0]) is not dict:
        raise Refused("its pickle is no table")
    table = stack[0]
    if table.keys() != {"format", "description", "tensors"}:
        raise Refused("not a seqcli model file")
    number, text, tensors = table["format"], table["description"], table["tensors"]
    if type(number) is not int or type(text) is not str or type(tensors) is not dict:
        raise Refused("no table of tensors")
    if not all(type(tensor) is Stored for tensor in tensors.values()):
        raise Refused("its table of tensors holds something else")
    keys = [tensor.storage.key for tensor in tensors.values()]
    if len(set(keys)) != len(keys):
        raise Refused("two tensors share a storage")
    return number, text, tensors


class _Machine:
    """A stack of plain values, and what was put aside by number."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """One instruction. Errors: Refused; those of lists and dictionaries where it is damaged."""
        if name in ("PROTO", "FRAME", "STOP"):
            return
        if name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in LITERALS:
            self.stack.append(argument)
        elif name == "GLOBAL":
            self.stack.append(_allowed(argument))
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name in STEPS:
            STEPS[name](self)
        else:
            raise Refused(f"its pickle uses {name}, which no model needs")

    def mark(self) -> None:
        self.marks.append(len(self.stack))

    def marked(self) -> list[Any]:
        """All since the last mark, taken off."""
        place = self.marks.pop()
        items = self.stack[place:]
        del self.stack[place:]
        return items

    def last(self, count: int) -> None:
        """The last `count` values become a tuple."""
        if count > len(self.stack):
            raise IndexError
        place = len(self.stack) - count
        self.stack[place:] = [tuple(self.stack[place:])]

    def set_items(self, items: list[Any]) -> None:
        table = self.stack[-1]
        keys, values = items[::2], items[1::2]
        if type(table) is not dict or len(keys) != len(values):
            raise IndexError
        for key, value in zip(keys, values, strict=True):
            # text alone: the hash of nested tuples can take forever
            if type(key) is not str or key in table:
                raise Refused("its pickle has a table with odd keys")
            table[key] = value

    def set_item(self) -> None:
        value = self.stack.pop()
        self.set_items([self.stack.pop(), value])

    def storage(self) -> None:
        """A persistent id: ("storage", type, key, device, count)."""
        word, kind, key, _, count = self.stack.pop()
        if word != "storage" or type(key) is not str:
            raise Refused("its pickle names something other than a storage")
        if type(kind) is not Name or kind.text not in STORAGES:
            raise Refused("its pickle names a storage of no known type")
        if type(count) is not int or not 0 <= count < 1 << 48:
            raise Refused("its pickle names a storage of no size")
        self.stack.append(Storage(key, STORAGES[kind.text], count))

    def reduce(self) -> None:
        """A call: of a tensor's constructor, or of the empty table that is its last argument."""
        arguments, called = self.stack.pop(), self.stack.pop()
        if type(called) is not Name or type(arguments) is not tuple:
            raise Refused("its pickle calls something")
        if called.text == ORDERED and not arguments:
            self.stack.append({})
        elif called.text == REBUILD:
            self.stack.append(_tensor(*arguments))
        else:
            raise Refused("its pickle calls something")


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Stored:
    if type(storage) is not Storage:
        raise Refused("a tensor has no storage")
    if len(rest) != 2 or rest[0] is not False or type(rest[1]) is not dict or rest[1]:
        raise Refused("a tensor is more than numbers")
    for sizes in (shape, strides):
        if type(sizes) is not tuple or len(sizes) > MOST_DIMENSIONS:
            raise Refused("a tensor has no shape")
        if not all(type(size) is int and 0 <= size < 1 << 48 for size in sizes):
            raise Refused("a tensor has no shape")
    if type(offset) is not int or offset or len(shape) != len(strides):
        raise Refused("a tensor is not dense")
    if math.prod(shape) != storage.numbers:
        raise Refused("a tensor is not as large as its storage")
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size > 1 and stride != step and storage.numbers:
            raise Refused("a tensor is not dense")
        step *= max(size, 1)
    return Stored(storage, shape)


def _allowed(text: Any) -> Name:
    if text not in ALLOWED:
        raise Refused("its pickle names code that no model needs")
    return Name(text)


CONSTANTS: dict[str, Any] = {"EMPTY_TUPLE": (), "NONE": None, "NEWTRUE": True, "NEWFALSE": False}
LITERALS = frozenset({"BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1"})
STEPS = {
    "EMPTY_DICT": lambda machine: machine.stack.append({}),
    "MARK": _Machine.mark,
    "TUPLE": lambda machine: machine.stack.append(tuple(machine.marked())),
    "TUPLE1": lambda machine: machine.last(1),
    "TUPLE2": lambda machine: machine.last(2),
    "TUPLE3": lambda machine: machine.last(3),
    "SETITEM": _Machine.set_item,
    "SETITEMS": lambda machine: machine.set_items(machine.marked()),
    "BINPERSID": _Machine.storage,
    "REDUCE": _Machine.reduce,
}
