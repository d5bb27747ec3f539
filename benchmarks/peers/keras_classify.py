"""The usual script: a saved Keras network labels the lines of test.txt. `setup` saves one.

`warm`: does so whenever a line comes, and prints the seconds.
"""

import json
import os
import sys
import time
from collections import Counter

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
from keras import layers
from keras.utils import pad_sequences

if sys.argv[1:] == ["setup"]:
    with open("train.txt", encoding="utf-8") as file:
        counts = Counter(word for line in file for word in line.lower().split())
    words = {word: place + 2 for place, (word, _) in enumerate(counts.most_common(9998))}
    with open("words.json", "w", encoding="utf-8") as file:
        json.dump(words, file)
    model = keras.Sequential(
        [
            keras.Input((80,)),
            layers.Embedding(10_000, 100),
            layers.LSTM(64, dropout=0.5, return_sequences=True),
            layers.LSTM(64, dropout=0.5),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.save("model.keras")
    sys.exit()

model = keras.models.load_model("model.keras")
with open("words.json", encoding="utf-8") as file:
    words = json.load(file)
size = int(sys.argv[1])


def answers():
    with open("test.txt", encoding="utf-8") as file:
        rows = [[words.get(word, 1) for word in line.lower().split()] for line in file]
    found = model.predict(pad_sequences(rows, 80), batch_size=size, verbose=0)[:, 0]
    for prob in found:
        yield f"{'pos' if prob > 0.5 else 'neg'}\t{max(prob, 1 - prob):.4f}"


if "warm" in sys.argv:
    for _ in sys.stdin:
        begun = time.perf_counter()
        list(answers())
        print(time.perf_counter() - begun, flush=True)
else:
    for answer in answers():
        print(answer)
