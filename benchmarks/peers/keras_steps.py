"""The published IMDB networks in Keras: trains whenever a line comes, prints the seconds."""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
from keras import layers

cell, batch, steps, vocabulary, updates = sys.argv[1], *map(int, sys.argv[2:])
Layer = {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.SimpleRNN}[cell]
model = keras.Sequential(
    [
        keras.Input((steps,)),
        layers.Embedding(vocabulary, 100),
        Layer(64, dropout=0.5, return_sequences=True),
        Layer(64, dropout=0.5),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.RMSprop(0.001), "binary_crossentropy", metrics=["accuracy"])
draw = np.random.default_rng(1)
x = draw.integers(2, vocabulary, (batch * updates, steps)).astype("int32")
y = draw.integers(0, 2, batch * updates).astype("float32")
for _ in sys.stdin:
    begun = time.perf_counter()
    model.fit(x, y, batch_size=batch, epochs=1, shuffle=False, verbose=0)
    print(time.perf_counter() - begun, flush=True)
