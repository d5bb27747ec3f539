"""1-NN with dynamic time warping in NumPy: python dtw.py FOLDER, accuracy as JSON.

Squared differences summed over channels, no window: the usual baseline of the archives.
"""

import json
import sys
from pathlib import Path

import numpy as np
from series import parts


def distances(row, others, lengths):
    """From one recording (C, T) to R others, padded (R, C, U) -> (R,)."""
    before = np.full((len(others), others.shape[2] + 1), np.inf)
    before[:, 0] = 0
    for step in range(row.shape[1]):
        cost = ((others - row[None, :, step, None]) ** 2).sum(1)
        now = np.full_like(before, np.inf)
        least = np.minimum(before[:, 1:], before[:, :-1])
        for place in range(others.shape[2]):
            now[:, place + 1] = cost[:, place] + np.minimum(least[:, place], now[:, place])
        before = now
    return before[np.arange(len(others)), lengths]


train, labels, test, truth = parts(Path(sys.argv[1]))
lengths = np.array([row.shape[1] for row in train])
padded = np.stack([np.pad(row, ((0, 0), (0, lengths.max() - row.shape[1]))) for row in train])
said = [labels[distances(row, padded, lengths).argmin()] for row in test]
print(json.dumps({"accuracy": float(np.mean(np.array(said) == truth))}))
