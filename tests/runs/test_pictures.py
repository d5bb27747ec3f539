"""Pictures: drawn without a warning for whatever a run may hold, byte for byte the same."""

import io
import math
import subprocess
import sys

import matplotlib.image
import numpy as np
import pytest

from seqcli.runs.pictures import confusion_png, curves_png

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def epochs(number: int) -> list[dict[str, object]]:
    return [
        {
            "epoch": float(epoch),
            "train": {"loss": 2 / epoch, "accuracy": 1 - 0.5 / epoch, "perplexity": 900 / epoch},
            "valid": {"loss": 2.2 / epoch, "accuracy": 0.5, "perplexity": 950 / epoch},
        }
        for epoch in range(1, number + 1)
    ]


@pytest.mark.parametrize("metric", ["accuracy", "perplexity"])
@pytest.mark.parametrize("number", [0, 1, 2, 100])
def test_curves_of_any_length(number: int, metric: str) -> None:
    best = float(number) if number else None
    drawn = curves_png(epochs(number), metric=metric, best_epoch=best)
    assert drawn.startswith(SIGNATURE)
    assert drawn == curves_png(epochs(number), metric=metric, best_epoch=best)
    assert b"Software" not in drawn


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_curves_with_a_value_that_is_none(value: float | None) -> None:
    holes = epochs(3)
    holes[1] = {"epoch": 2.0, "train": None, "valid": {"loss": value, "accuracy": value}}
    assert curves_png(holes, metric="accuracy").startswith(SIGNATURE)
    assert curves_png(holes[1:2], metric="accuracy", best_epoch=2).startswith(SIGNATURE)


def test_best_epoch_is_drawn() -> None:
    plain = curves_png(epochs(5), metric="accuracy", best_epoch=None)
    assert plain != curves_png(epochs(5), metric="accuracy", best_epoch=3)


@pytest.mark.parametrize("size", [1, 2, 18, 20, 21, 150])
def test_confusion_of_any_size(size: int) -> None:
    labels = [f"language {number}" for number in range(size)]
    matrix = np.arange(size * size).reshape(size, size)
    matrix[0] = 0  # a label without examples
    drawn = confusion_png(matrix, labels)
    assert drawn.startswith(SIGNATURE)
    assert drawn == confusion_png(matrix, labels)
    height, width, _ = matplotlib.image.imread(io.BytesIO(drawn)).shape
    assert 400 < height < 3000
    assert 400 < width < 3000


def test_confusion_with_labels_that_are_no_plain_words() -> None:
    labels = ["$x_{", r"\frac", "中文", "עברית", "two\nlines", "", "\x07", "long" * 40]
    assert confusion_png(np.eye(8, dtype=int) * 1_234_567, labels).startswith(SIGNATURE)


def test_labels_that_the_font_lacks_stay_apart() -> None:
    # drawn by their numbers, not as one row of equal boxes
    first = confusion_png([[1, 0], [0, 1]], ["中", "文"])
    assert first != confusion_png([[1, 0], [0, 1]], ["中", "label 1"])
    assert first == confusion_png([[1, 0], [0, 1]], ["label 1", "label 2"])


def test_matplotlib_is_imported_only_to_draw_and_pyplot_never() -> None:
    code = (
        "import sys, seqcli.runs.pictures as p; print('matplotlib' in sys.modules);"
        "p.confusion_png([[1]], ['a']); print('matplotlib.pyplot' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert shown.stdout.split() == ["False", "False"]
