"""What the peers share: labeled lines, what they are judged by, and being asked again."""

import json
import sys
import time


def read(name):
    """Labels and texts of NAME.tsv."""
    with open(f"{name}.tsv", encoding="utf-8") as file:
        pairs = [line.rstrip("\n").split("\t", 1) for line in file]
    return [label for label, _ in pairs], [text for _, text in pairs]


def judge(found, file):
    """Print accuracy and macro-F1 of the labels found for the test lines, and the model's file."""
    truth, _ = read("test")
    names = sorted(set(truth) | set(found))
    scores = []
    for name in names:
        right = sum(a == b == name for a, b in zip(truth, found, strict=True))
        total = truth.count(name) + found.count(name)
        scores.append(2 * right / total)
    accuracy = sum(a == b for a, b in zip(truth, found, strict=True)) / len(truth)
    scored = {"accuracy": accuracy, "macro_f1": sum(scores) / len(scores), "file": file}
    print(json.dumps(scored))


def timed(work):
    """Whenever a line comes, do it and print the seconds."""
    for _ in sys.stdin:
        begun = time.perf_counter()
        work()
        print(time.perf_counter() - begun, flush=True)


def serve(answers):
    """Print what is answered; as `warm`, answer whenever a line comes, and print the seconds."""
    if "warm" in sys.argv:
        timed(lambda: list(answers()))
    else:
        for answer in answers():
            print(answer)
