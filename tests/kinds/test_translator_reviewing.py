"""The worst outputs of a translator, and what two of them are compared by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_translators
import torch
from tiny_runs import write_pairs

from seqcli.kinds.abilities import Place
from seqcli.machine.device import Runtime


def test_mistakes_and_rows_add_up_to_the_figures(tmp_path: Path) -> None:
    data = {"source": "1", "target": "2", "tokenizer": "spaces", "format": "tsv"}
    kind, network = tiny_translators.tiny(data=data, model={"beam": 2})
    path = write_pairs(tmp_path / "pairs.txt", 30)
    split = kind.load_split(path, "all", lambda: None)
    runtime = Runtime(torch.device("cpu"), "fp32", 1)
    with torch.inference_mode():
        figures, worst = kind.mistakes(network, split, Place(path, "all", 5), runtime, lambda: None)
        same, each = kind.each(network, split, runtime, lambda: None)
    assert figures == same
    distances = [one.distance for one in worst]
    assert len(worst) == 5
    assert distances == sorted(distances, reverse=True)
    lines = path.read_text().splitlines()
    for one in worst:
        assert lines[one.line - 1] == f"{one.text}\t{one.reference}"
        assert one.written != one.reference
    assert each.counts.sum() == figures["tokens"]
    assert each.losses.sum() / each.counts.sum() == pytest.approx(figures["loss"], rel=1e-5)
    assert each.right is not None
    assert each.right.mean() == figures["exact"]
    assert len(np.unique(each.rows)) == len(lines) == figures["count"]
