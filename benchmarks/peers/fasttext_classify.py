"""fastText with bigrams labels the lines of test.txt. `setup` trains it on train.ft.

`warm`: does so whenever a line comes, and prints the seconds.
"""

import sys

import fasttext
from lines import serve

if sys.argv[1:] == ["setup"]:
    model = fasttext.train_supervised("train.ft", wordNgrams=2, epoch=5, lr=0.5, verbose=0)
    model.save_model("model.bin")
    sys.exit()

model = fasttext.load_model("model.bin")


def answers():
    with open("test.txt", encoding="utf-8") as file:
        for line in file:
            ((prob, label),) = model.f.predict(line, 1, 0.0, "strict")
            yield f"{label.removeprefix('__label__')}\t{prob:.4f}"


serve(answers)
