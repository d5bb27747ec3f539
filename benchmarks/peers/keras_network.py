"""The published IMDB network in Keras."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
from keras import layers


def network(length, vocabulary=10_000, layer=layers.LSTM, outputs=1, activation="sigmoid"):
    """Embedding 100, two recurrent layers of 64, dense 64, dropout 0.5."""
    return keras.Sequential(
        [
            keras.Input((length,)),
            layers.Embedding(vocabulary, 100),
            layer(64, dropout=0.5, return_sequences=True),
            layer(64, dropout=0.5),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(outputs, activation=activation),
        ]
    )
