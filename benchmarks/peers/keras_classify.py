"""The usual script: a saved Keras network labels the lines of test.txt. `setup` saves one.

`warm`: does so whenever a line comes, and prints the seconds.
"""

import json
import sys
from collections import Counter

from keras_network import keras, network
from lines import serve

if sys.argv[1:] == ["setup"]:
    with open("train.txt", encoding="utf-8") as file:
        counts = Counter(word for line in file for word in line.lower().split())
    words = {word: place + 2 for place, (word, _) in enumerate(counts.most_common(9998))}
    with open("words.json", "w", encoding="utf-8") as file:
        json.dump(words, file)
    network(80).save("model.keras")
    sys.exit()

model = keras.models.load_model("model.keras")
with open("words.json", encoding="utf-8") as file:
    words = json.load(file)
size = int(sys.argv[1])


def answers():
    with open("test.txt", encoding="utf-8") as file:
        rows = [[words.get(word, 1) for word in line.lower().split()] for line in file]
    found = model.predict(keras.utils.pad_sequences(rows, 80), batch_size=size, verbose=0)[:, 0]
    for prob in found:
        yield f"{'pos' if prob > 0.5 else 'neg'}\t{max(prob, 1 - prob):.4f}"


serve(answers)
