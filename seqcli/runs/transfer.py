"""`--init-from`: another model's weights as first weights, as far as they mean the same."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from seqcli import kinds
from seqcli.errors import TrainingError
from seqcli.kinds import contract, saved
from seqcli.kinds.contract import Kind, Rows


def transfer(path: Path, kind: Kind, model: nn.Module) -> str:
    """Copy what fits from the model at `path` into `model`; returns a line that says what did.

    A weight whose rows have names (tokens, labels, n-grams) is taken over by name, or only where
    all names agree; any other by its own name and shape. Errors: TrainingError where nothing fits.
    """
    source = saved.load(path)
    config = kinds.read(source.description["config"])
    there = contract.load(kinds.spec_of(config)).restore(config, source.description["learned"])
    own = model.state_dict()
    learnt = dict(model.named_parameters())
    taken, met = [], dict[int, int]()
    for name, weight in own.items():
        other = source.tensors.get(name)
        rows, others = kind.rows(name), there.rows(name)
        if other is None or (rows is not None and rows.own):
            continue
        if rows is not None and others is not None and rows.one_by_one:
            if _by_name(weight, other, rows, others, met):
                taken.append(name)
        elif _agree(rows, others) and other.shape == weight.shape:
            weight.copy_(other)
            taken.append(name)
    weights = [name for name in taken if name in learnt]
    if not weights:
        raise TrainingError(f"{path}: none of its weights fit this model", "give the same sizes")
    rows_met = [f" ({found:,} of {size:,} tokens are there)" for size, found in met.items()]
    return f"{len(weights)} of {len(learnt)} tensors start from {path}{''.join(rows_met)}"


def _agree(rows: Rows | None, others: Rows | None) -> bool:
    """Whether all rows mean the same."""
    if rows is None or others is None:
        return rows is others
    return tuple(rows.names) == tuple(others.names) and rows.dim == others.dim


def _by_name(weight: Tensor, other: Tensor, rows: Rows, others: Rows, met: dict[int, int]) -> bool:
    """Copy the rows that both have; `met` counts them, by the number of rows there are."""
    to, since = weight.transpose(0, rows.dim), other.transpose(0, others.dim)
    if since.shape[1:] != to.shape[1:] or len(since) != len(others.names):
        return False
    places = {name: place for place, name in enumerate(others.names)}
    pairs = [(row, places[name]) for row, name in enumerate(rows.names) if name in places]
    if not pairs:
        return False
    mine, theirs = zip(*pairs, strict=True)
    with torch.no_grad():
        to[list(mine)] = since[list(theirs)].to(to.device)
    met[len(rows.names)] = len(pairs)
    return True
