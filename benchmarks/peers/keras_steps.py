"""The published IMDB networks in Keras: trains whenever a line comes, prints the seconds."""

import sys

import numpy as np
from keras_network import keras, network
from lines import timed

cell, batch, steps, vocabulary, updates = sys.argv[1], *map(int, sys.argv[2:])
layers = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}
model = network(steps, vocabulary, layers[cell])
model.compile(keras.optimizers.RMSprop(0.001), "binary_crossentropy", metrics=["accuracy"])
draw = np.random.default_rng(1)
x = draw.integers(2, vocabulary, (batch * updates, steps)).astype("int32")
y = draw.integers(0, 2, batch * updates).astype("float32")
timed(lambda: model.fit(x, y, batch_size=batch, epochs=1, shuffle=False, verbose=0))
