"""fastText counts a file's words: python fasttext_read.py TASK FILE."""

import sys

import fasttext

task, file = sys.argv[1:]
none = {"epoch": 0, "dim": 1, "thread": 1, "minn": 0, "maxn": 0, "verbose": 0}
if task == "imdb":
    fasttext.train_supervised(file, **none)
else:
    fasttext.train_unsupervised(file, model="cbow", **none)
