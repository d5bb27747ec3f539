"""A run that cannot start leaves nothing, and says which file is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_runs import TINY, error, seqcli, train

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.mark.parametrize(
    "args",
    [
        ("--data", "none.tsv"),
        ("--vectors", "none.txt"),
        ("--init-from", "data.tsv"),
        ("--set", "model.head=sigmoid", "--data", "three.tsv"),
    ],
)
def test_a_failed_start_leaves_nothing_behind(here: Path, args: tuple[str, ...]) -> None:
    (here / "three.tsv").write_text("a\tx\nb\ty\nc\tz\n" * 9)
    before = {path.name for path in here.iterdir()}
    result = seqcli("train", "--task", "tiny.toml", "--data", "data.tsv", *args)
    assert result.exit_code in (1, 2)
    assert {path.name for path in here.iterdir()} == before


def test_another_file_is_called_another_file(here: Path) -> None:
    train("--epochs", "1")
    (here / "other.tsv").write_text("ham\tsee you\nspam\twin\n" * 9)
    said = error(1, *TINY[:-1], "other.tsv", "--resume", "--epochs", "2")
    assert f"other.tsv: not the data that the run began with, {here / 'data.tsv'}" in said
    (here / "data.tsv").write_text("ham\tsee you\nspam\twin\n" * 9)
    assert "data.tsv: changed since the run began" in error(
        1, "train", "--resume", "tiny.run", "--epochs", "2"
    )
