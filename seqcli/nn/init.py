"""How weights start: the schemes of the libraries that the published systems were written in.

keras    input weights Glorot uniform, recurrent ones orthogonal, biases 0 (Keras' defaults)
glorot   one Glorot range for [input, recurrent] together, biases 0 (TensorFlow 1's cells)
torch    uniform in ± 1 / sqrt(hidden), biases too (torch.nn.LSTM's default)
linear   uniform in ± 1 / sqrt(input + hidden), biases too (a torch.nn.Linear over [x, h])
uniform  uniform in ± scale, recurrent biases 0, output bias too in ± scale (Zaremba et al. 2014)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from seqcli.errors import lookup
from seqcli.nn.cells import LSTM, Cell


def _keras(cell: Cell, scale: float, generator: Generator) -> None:
    nn.init.xavier_uniform_(cell.weight_ih, generator=generator)
    nn.init.orthogonal_(cell.weight_hh, generator=generator)


def _glorot(cell: Cell, scale: float, generator: Generator) -> None:
    fans = cell.inputs + cell.hidden + cell.gates * cell.hidden
    _uniform(cell, math.sqrt(6 / fans), generator)


def _torch(cell: Cell, scale: float, generator: Generator) -> None:
    _uniform(cell, 1 / math.sqrt(cell.hidden), generator)
    _uniform_biases(cell, 1 / math.sqrt(cell.hidden), generator)


def _linear(cell: Cell, scale: float, generator: Generator) -> None:
    bound = 1 / math.sqrt(cell.inputs + cell.hidden)
    _uniform(cell, bound, generator)
    _uniform_biases(cell, bound, generator)


def _uniform(cell: Cell, scale: float, generator: Generator) -> None:
    for weight in (cell.weight_ih, cell.weight_hh):
        nn.init.uniform_(weight, -scale, scale, generator=generator)


def _uniform_biases(cell: Cell, scale: float, generator: Generator) -> None:
    for bias in _biases(cell):
        nn.init.uniform_(bias, -scale, scale, generator=generator)


def _biases(cell: Cell) -> list[Tensor]:
    return [bias for bias in (cell.bias, cell.bias_hh) if bias is not None]


SCHEMES: dict[str, Callable[[Cell, float, Generator], None]] = {
    "keras": _keras,
    "glorot": _glorot,
    "torch": _torch,
    "linear": _linear,
    "uniform": _uniform,
}


def start_cells(
    module: nn.Module, scheme: str, scale: float, unit_forget_bias: bool, generator: Generator
) -> None:
    """Set the weights of every cell in `module`."""
    fill = lookup(SCHEMES, scheme, "init")
    for cell in module.modules():
        if not isinstance(cell, Cell):
            continue
        for bias in _biases(cell):
            nn.init.zeros_(bias)
        fill(cell, scale, generator)
        if unit_forget_bias and isinstance(cell, LSTM) and cell.bias is not None:
            with torch.no_grad():
                cell.bias[cell.hidden : 2 * cell.hidden] += 1


def start_linear(layer: nn.Linear, scheme: str, scale: float, generator: Generator) -> None:
    """Set a dense layer in the way that goes with the cells' scheme."""
    if scheme in ("torch", "linear"):
        bound = 1 / math.sqrt(layer.in_features)
    elif scheme == "uniform":
        bound = scale
    else:
        nn.init.xavier_uniform_(layer.weight, generator=generator)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        return
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    if layer.bias is not None:
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


def start_normal(layer: nn.Linear, deviation: float, generator: Generator) -> None:
    """Weights normal with this deviation; the bias is left alone."""
    nn.init.normal_(layer.weight, 0, deviation, generator=generator)
