"""ROCKET (Dempster et al. 2020) out of aeon: python rocket.py FOLDER SEED, accuracy as JSON.

10,000 kernels and ridge regression, the classifier's own defaults. Recordings of unequal lengths,
which it refuses, are padded with zeros.
"""

import json
import sys
from pathlib import Path

import numpy as np
from aeon.classification.convolution_based import RocketClassifier
from series import parts


def padded(rows, time):
    """Recordings (C, T) as one array (R, C, time)."""
    return np.stack([np.pad(row, ((0, 0), (0, time - row.shape[1]))) for row in rows])


train, labels, test, truth = parts(Path(sys.argv[1]))
longest = max(row.shape[1] for row in train + test)
model = RocketClassifier(random_state=int(sys.argv[2]), n_jobs=1)
model.fit(padded(train, longest), labels)
said = model.predict(padded(test, longest))
print(json.dumps({"accuracy": float(np.mean(said == truth))}))
