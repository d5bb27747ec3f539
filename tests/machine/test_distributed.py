"""Sums and agreements of ranks: the same as those of one process that has everything."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ranks import finish, start
from torch import nn

from seqcli.errors import ConfigError
from seqcli.machine.distributed import ALONE, Ranks, launched

TOGETHER = """
import torch
from torch import nn
from test_distributed import gradients, network
from seqcli.machine.distributed import joined, launched
from seqcli.errors import ConfigError, SeqcliError

ranks = launched()
with joined(ranks):
    assert ranks.totals(1.0, 10.0**15 + ranks.rank) == [3.0, 3 * 10.0**15 + 3]
    assert ranks.told({"from": ranks.rank}) == {"from": 0}
    parts = ranks.gather(torch.full((2,), float(ranks.rank)))
    assert [part.tolist() for part in parts] == [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]
    whole, own = network(), network()
    gradients(whole, range(5))
    gradients(own, ranks.own(range(5)))
    numbers = ranks.add_gradients(*own.kinds(), 1.0, ranks.rank)
    assert numbers == [3.0, 3.0], numbers
    for one, other in zip(own.parameters(), whole.parameters(), strict=True):
        if one.grad is None:
            assert other.grad is None
            continue
        torch.testing.assert_close(one.grad.to_dense(), other.grad.to_dense())
    alone = network()
    gradients(alone, range(2) if ranks.rank == 1 else [])  # only one rank has a share
    ranks.add_gradients(*alone.kinds())
    second = network()
    gradients(second, range(2))
    grads = [net.words.weight.grad.to_dense() for net in (alone, second)]
    torch.testing.assert_close(*grads)
    ranks.agree({"data": "same"})
    try:
        ranks.agree({"data": "same", "files": str(ranks.rank // 2)})
    except SeqcliError as error:
        print(error.message)
    with ranks.checked():
        pass
    try:
        with ranks.checked():
            if ranks.rank == 1:
                raise ConfigError("seen at rank 1")
    except SeqcliError as error:
        assert error.exit_code == (1 if ranks.rank else 2)
        print(error.message)
"""


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.words = nn.Embedding(9, 4, sparse=True)
        self.small = nn.Linear(4, 3)
        self.large = nn.Linear(3, 20_000, bias=False)
        self.frozen = nn.Parameter(torch.zeros(2), requires_grad=False)

    def kinds(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        return [*self.small.parameters(), *self.large.parameters()], [*self.words.parameters()]


def network() -> Network:
    return Network()


def gradients(net: Network, rows: object) -> None:
    """Of a sum over examples: example i reads the words i, 2 i and i."""
    assert isinstance(rows, range | list)
    for i in rows:
        ids = torch.tensor([i, 2 * i, i])
        net.large(net.small(net.words(ids)).tanh()).square().sum().backward()


def test_sums_and_agreements(tmp_path: Path) -> None:
    script = tmp_path / "together.py"
    script.write_text(f"import sys; sys.path[:0] = {[str(Path(__file__).parent)]}\n{TOGETHER}")
    for rank, (status, out, err) in enumerate(finish(start([str(script)], 3, tmp_path))):
        assert status == 0, err
        said = "another files" if rank else "rank 2 has another files than rank 0: 1, 0"
        assert out.splitlines() == [said, "seen at rank 1" if rank else "rank 1: seen at rank 1"]


def test_alone_everything_stays_as_it_is() -> None:
    tensor = torch.tensor([1.0, 2.0])
    assert ALONE.add(tensor) is tensor
    assert ALONE.totals(1.0, 2.0) == [1.0, 2.0]
    assert ALONE.told("word") == "word"
    assert ALONE.own(range(3)) == range(3)
    assert ALONE.add_gradients([], [], 5.0) == [5.0]
    ALONE.agree({"data": "any"})
    assert ALONE.first


@pytest.mark.parametrize("world", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [0, 1, 5, 7, 20])
def test_shares_are_disjoint_and_leave_nothing_out(world: int, count: int) -> None:
    parts = [list(Ranks(rank, world).own(range(count))) for rank in range(world)]
    assert sorted(row for part in parts for row in part) == list(range(count))


def test_the_launcher_s_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert launched() == ALONE
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert launched() == ALONE
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    monkeypatch.delenv("MASTER_PORT", raising=False)
    with pytest.raises(
        ConfigError, match="WORLD_SIZE is 4, but there is no MASTER_ADDR, no MASTER"
    ):
        launched()
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "1")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "2")
    assert launched() == Ranks(2, 4, 0, 1, 2)
    monkeypatch.setenv("WORLD_SIZE", "many")
    with pytest.raises(ConfigError, match="WORLD_SIZE=many"):
        launched()
