"""fastText with bigrams labels the lines of test.txt. `setup` trains it on train.txt."""

import sys
import time

import fasttext

if sys.argv[1:] == ["setup"]:
    begun = time.perf_counter()
    model = fasttext.train_supervised("train.txt", wordNgrams=2, epoch=5, lr=0.5, verbose=0)
    print(f"fastText trained in {time.perf_counter() - begun:.1f} s", file=sys.stderr)
    model.save_model("model.bin")
    sys.exit()

model = fasttext.load_model("model.bin")
with open("test.txt", encoding="utf-8") as file:
    for line in file:
        ((prob, label),) = model.f.predict(line, 1, 0.0, "strict")
        print(label.removeprefix("__label__"), f"{prob:.4f}", sep="\t")
