"""What a model file of a tagger of numbers may not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny_frames

from seqcli.kinds.tagger.frames.spec import check_learned


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("labels", ["one"], "its labels are too few"),
        ("labels", ["a", "a", "b"], "entry twice"),
        ("label_counts", [1, 2], "its labels and their counts disagree"),
        ("label_counts", [1, 2, 0.5], "the counts of its labels are no numbers"),
        ("label_counts", [1, 2, -1], "the counts of its labels are no numbers"),
        ("pace", [], "its settings and its differences disagree"),
        ("pace", None, "its settings and its differences disagree"),
        ("pace", [[1.0]], "its channels and their differences disagree"),
        ("pace", [[1.0, 0.0]], "the size of its differences is no number"),
        ("pace", [[1.0, float("nan")]], "the size of its differences is no number"),
        ("channels", [], "its channels are none"),
        ("width", [1.0, 0.0], "the width of its channels is no number"),
    ],
)
def test_what_is_wrong_is_said(part: str, value: Any, said: str) -> None:
    kind, _ = tiny_frames.tiny()
    learned = kind.learned()
    assert check_learned(kind.config, learned) == ""
    assert said in check_learned(kind.config, {**learned, part: value})


def test_a_file_goes_round(tmp_path: Path) -> None:
    kind, _ = tiny_frames.tiny()
    assert kind.restore(kind.config, kind.learned()).learned() == kind.learned()
