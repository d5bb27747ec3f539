"""fastText trains on labeled lines: python fasttext_train.py TASK."""

import sys

import fasttext
from lines import judge, read

chars = {"spam": (2, 5), "names": (1, 4), "imdb": (0, 0)}[sys.argv[1]]
epochs = 5 if sys.argv[1] == "imdb" else 10  # few texts want more; 25 are no better
model = fasttext.train_supervised(
    "train.ft", wordNgrams=2, epoch=epochs, lr=0.5, minn=chars[0], maxn=chars[1], verbose=0
)
model.save_model("fasttext.bin")
found = [model.f.predict(f"{text}\n", 1, 0.0, "strict")[0][1] for text in read("test")[1]]
judge([label.removeprefix("__label__") for label in found], "fasttext.bin")
