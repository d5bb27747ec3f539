"""The two parts of a folder of .ts files, as the peers read them: rows (C, T) and labels."""

import gzip

import numpy as np


def read(path):
    """Recordings and labels of a file."""
    rows, labels = [], []
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        for line in file:
            line = line.strip()
            if not line or line[0] in "#%@":
                continue
            *channels, label = line.split(":")
            rows.append(np.array([one.split(",") for one in channels], np.float64))
            labels.append(label)
    return rows, np.array(labels)


def parts(folder):
    """Training and test recordings, with their labels."""
    found = {}
    for part in ("TRAIN", "TEST"):
        (path,) = [one for one in folder.iterdir() if f"_{part}.ts" in one.name]
        found[part] = read(path)
    return *found["TRAIN"], *found["TEST"]
