"""fastText trains on labeled lines: python fasttext_train.py TASK [SECONDS].

With seconds: its autotune for so long, a tenth of the lines validates. It has 3 GB: what asks for
more it passes over, where filling tables of up to 40 GB would outlast the limit by minutes. Where
its last training asks for more, it is as without autotune.
"""

import resource
import sys
from pathlib import Path

import fasttext
from lines import judge, read

MEMORY = 3 << 30


def tuned(seconds):
    """A model whose settings autotune has found."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, before[1]))
    lines = Path("train.ft").read_text("utf-8").splitlines(keepends=True)
    count = max(len(lines) // 10, 1)
    Path("valid.ft").write_text("".join(lines[:count]), "utf-8")
    Path("rest.ft").write_text("".join(lines[count:]), "utf-8")
    try:
        return fasttext.train_supervised(
            "rest.ft",
            autotuneValidationFile="valid.ft",
            autotuneDuration=seconds,
            thread=1,
            verbose=0,
        )
    except MemoryError:
        resource.setrlimit(resource.RLIMIT_AS, before)
        return trained("text")


def trained(task):
    """A model with the task's settings."""
    chars = {"spam": (2, 5), "names": (1, 4), "imdb": (0, 0), "text": (0, 0)}[task]
    # few texts want more than 5 epochs; of the tasks' own 25 are no better than 10
    epochs = {"imdb": 5, "text": 25}.get(task, 10)
    threads = {"thread": 1} if task == "text" else {}
    return fasttext.train_supervised(
        "train.ft",
        wordNgrams=2,
        epoch=epochs,
        lr=0.5,
        minn=chars[0],
        maxn=chars[1],
        verbose=0,
        **threads,
    )


model = tuned(int(sys.argv[2])) if len(sys.argv) > 2 else trained(sys.argv[1])
if sys.argv[1] != "text":  # nobody looks at that file, and it has 800 MB
    model.save_model("fasttext.bin")
found = [model.f.predict(f"{text}\n", 1, 0.0, "strict") for text in read("test")[1]]
# of a text without a known word it says nothing
judge([rows[0][1].removeprefix("__label__") if rows else "" for rows in found], "fasttext.bin")
