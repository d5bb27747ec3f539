"""What a network is made of, as rows, and their sums: parameters, work, memory."""

from __future__ import annotations

from dataclasses import dataclass

FLOAT_BYTES = 4
Shape = tuple[int | None, ...]  # None: a batch or a time that was not given
State = tuple[str, tuple[str, ...], Shape]  # a layer, its final states, the shape of each


@dataclass(frozen=True)
class Row:
    """One part of the network; `output` is (B, T, width), or (B, width) once the steps are joined.

    `torch_extra` is what torch's layer would store on top. `work` is (multiply-adds a step, and a
    sequence), `kept` likewise how many numbers the backward pass needs.
    """

    name: str
    output: Shape
    formula: str
    parameters: int
    torch_extra: int = 0
    trainable: bool = True
    work: tuple[int, int] = (0, 0)
    kept: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Table:
    """The parts of a network in the order in which data passes them, and their sums.

    `states` are the final states, one entry a recurrent layer. `torch_lacks` is what torch's
    layer cannot do; empty where there is such a layer.
    """

    rows: tuple[Row, ...]
    states: tuple[State, ...]
    torch_layer: str
    torch_lacks: str

    @property
    def total(self) -> int:
        """All parameters, the frozen ones too."""
        return sum(row.parameters for row in self.rows)

    @property
    def trainable(self) -> int:
        """Parameters that training changes."""
        return sum(row.parameters for row in self.rows if row.trainable)

    @property
    def torch_total(self) -> int | None:
        """The total with torch's own recurrent layers; None where torch has no such layer."""
        extra = sum(row.torch_extra for row in self.rows)
        return None if self.torch_lacks else self.total + extra

    @property
    def bytes(self) -> int:
        """Size of the parameters in float32."""
        return FLOAT_BYTES * self.total

    @property
    def multiply_adds_per_step(self) -> int:
        """Multiply-adds of the matrix products in one step of one sequence, forward.

        What a classifier does once a sequence, its dense and output layers, is not in it.
        """
        return sum(row.work[0] for row in self.rows)

    def multiply_adds(self, time: int, batch: int) -> int:
        """Multiply-adds of a forward pass over `batch` sequences of `time` steps, all parts."""
        return batch * sum(time * row.work[0] + row.work[1] for row in self.rows)

    def activation_bytes(self, time: int, batch: int) -> int:
        """Float32 bytes that training keeps for the backward pass, workspace not included."""
        return FLOAT_BYTES * batch * sum(time * row.kept[0] + row.kept[1] for row in self.rows)
