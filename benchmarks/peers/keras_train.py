"""The published IMDB script, in Keras: python keras_train.py TASK, in a folder of labeled lines.

Two LSTM layers of 64 on the last 80 words of 10,000 (for names: 20 characters), embedding 100,
dropout 0.5, dense 64, RMSprop, 20 epochs of batches of 128.
"""

import sys
from collections import Counter

import numpy as np
from keras_network import keras, network
from lines import judge, read


def pieces(text):
    return list(text) if sys.argv[1] == "names" else text.lower().split()


labels, texts = read("train")
counts = Counter(piece for text in texts for piece in pieces(text))
places = {piece: place + 2 for place, (piece, _) in enumerate(counts.most_common(9998))}
names = sorted(set(labels))
length = 20 if sys.argv[1] == "names" else 80


def ids(texts):
    rows = [[places.get(piece, 1) for piece in pieces(text)] for text in texts]
    return keras.utils.pad_sequences(rows, length)


keras.utils.set_random_seed(1)
model = network(length, outputs=len(names), activation="softmax")
model.compile(keras.optimizers.RMSprop(0.001), "sparse_categorical_crossentropy")
truth = np.array([names.index(label) for label in labels])
model.fit(ids(texts), truth, batch_size=128, epochs=20, verbose=0)
model.save("keras.keras")
found = model.predict(ids(read("test")[1]), batch_size=128, verbose=0).argmax(1)
judge([names[place] for place in found], "keras.keras")
