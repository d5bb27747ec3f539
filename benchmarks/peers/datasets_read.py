"""datasets splits the lines of a file into tokens: python datasets_read.py TASK FILE."""

import os
import re
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import datasets

task, file = sys.argv[1:]
words = re.compile(r"[A-Za-z0-9]+(?:'[A-Za-z0-9]+)*|[^A-Za-z0-9\s]")


def split(lines):
    """Tokens of each line."""
    if task == "imdb":
        return {"tokens": [words.findall(line.lower()) for line in lines["text"]]}
    return {"tokens": [line.split() for line in lines["text"]]}


datasets.disable_progress_bars()
with tempfile.TemporaryDirectory(dir=".") as cache:
    read = datasets.load_dataset("text", data_files=file, split="train", cache_dir=cache)
    read.map(split, batched=True, remove_columns=["text"])
