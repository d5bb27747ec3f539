"""The simplest answers to each task's data, that a trained model has to be better than.

Each is what a page of code without a network says, from the same training part.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from seqcli.data.pairs import Texts, load_pairs
from seqcli.data.tagged import TaggedSentences, load_tagged
from seqcli.kinds.translator.metrics import corpus, judged
from seqcli.readers.pair_source import discover_pairs
from seqcli.readers.pairs import MARK
from seqcli.readers.tagged_source import discover_tagged
from seqcli.settings.sections import Pairs, TaggedText
from seqcli.tasks.taskfile import resolve
from seqcli.text.schemes import PLAIN, recognize, spans

Rules = Mapping[tuple[str, str], str]


def usual_tags(task: str, path: Path) -> float:
    """The commonest tag of each word: accuracy, or strict F1 where tags write spans.

    A word that training lacks has the commonest tag of all.
    """
    data = resolve(task).config.data
    assert isinstance(data, TaggedText)
    found = load_tagged(discover_tagged(path, data), seed=1).splits
    scheme = recognize(found["train"].tag_rows()).scheme
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for words, tags in _sentences(found["train"]):
        for word, tag in zip(words, tags, strict=True):
            seen[word][tag] += 1
    commonest = sum(seen.values(), Counter[str]()).most_common(1)[0][0]
    usual = {word: counts.most_common(1)[0][0] for word, counts in seen.items()}
    right = answered = there = 0
    for words, tags in _sentences(found["test"]):
        own = [usual.get(word, commonest) for word in words]
        if scheme == PLAIN:
            right += sum(map(str.__eq__, own, tags))
            answered, there = answered + len(own), there + len(tags)
            continue
        ours, theirs = set(spans(own, scheme, lenient=True)), set(spans(tags, scheme))
        right, answered, there = (
            right + len(ours & theirs),
            answered + len(ours),
            there + len(theirs),
        )
    return 2 * right / max(answered + there, 1)


def _sentences(part: TaggedSentences) -> Iterable[tuple[list[str], list[str]]]:
    for row, tags in enumerate(part.tag_rows()):
        yield [part.vocabulary[place] for place in part.words.row(row)], tags


def likest(task: str, path: Path) -> Mapping[str, float | None]:
    """The target of the training source that is likest, by the n-grams that both have.

    Of words n is 1 and 2, of characters 1 to 3. Figures as those of `eval`.
    """
    data, train, test = _pairs(task, path)
    token = data.tokenizer == "characters"
    grams = [_grams(text, words=not token) for text in train.sources]
    holding: dict[str, list[int]] = defaultdict(list)
    for place, own in enumerate(grams):
        for gram in own:
            holding[gram].append(place)
    found = []
    for text in test.sources:
        shared: Counter[int] = Counter()
        own = _grams(text, words=not token)
        for gram in own:
            shared.update(holding.get(gram, ()))
        best = max(
            shared,
            key=lambda place: shared[place] / (len(own) + len(grams[place]) - shared[place]),
            default=0,
        )
        found.append(train.targets[best][0])
    return _figures(data, found, test)


def ruled(task: str, path: Path) -> Mapping[str, float | None]:
    """What behind the same features became of the longest ending that training has seen.

    Figures as those of `eval`.
    """
    data, train, test = _pairs(task, path)
    seen: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for source, targets in zip(train.sources, train.targets, strict=True):
        lemma, _, features = source.partition(MARK)
        form = targets[0]
        same = 0
        while same < min(len(lemma), len(form)) and lemma[same] == form[same]:
            same += 1
        for start in range(same + 1):
            seen[lemma[start:], features][form[start:]] += 1
    rules = {ending: counts.most_common(1)[0][0] for ending, counts in seen.items()}
    found = [_by_rule(rules, source) for source in test.sources]
    return _figures(data, found, test)


def _by_rule(rules: Rules, source: str) -> str:
    lemma, _, features = source.partition(MARK)
    for start in range(len(lemma) + 1):
        if (lemma[start:], features) in rules:
            return lemma[:start] + rules[lemma[start:], features]
    return lemma


def _pairs(task: str, path: Path) -> tuple[Pairs, Texts, Texts]:
    data = resolve(task).config.data
    assert isinstance(data, Pairs)
    found = load_pairs(discover_pairs(path, data), seed=1).splits
    return data, found["train"], found["test"]


def _grams(text: str, *, words: bool) -> set[str]:
    tokens: Sequence[str] = text.split() if words else text
    between = " " if words else ""
    longest = 2 if words else 3
    return {
        between.join(tokens[at : at + n])
        for n in range(1, longest + 1)
        for at in range(len(tokens) - n + 1)
    }


def _figures(data: Pairs, found: Sequence[str], test: Texts) -> Mapping[str, float | None]:
    figures = judged(found, test.targets, str.split, single=data.single).figures()
    return {**figures, "bleu": corpus(found, test.targets).bleu}


def unigrams(train: Path, test: Path) -> float:
    """Perplexity of the test part by how often each word stands in training, one more counted.

    One sentence a line, each with its end; what training lacks is `<unk>`.
    """
    counts = Counter(_words(train)) + Counter(["<unk>"])
    total = counts.total() + len(counts)
    every = [word if word in counts else "<unk>" for word in _words(test)]
    nats = -sum(math.log((counts[word] + 1) / total) for word in every)
    return math.exp(nats / len(every))


def _words(path: Path) -> list[str]:
    lines = path.read_text("utf-8").splitlines()
    return [word for line in lines for word in (*line.split(), "</s>")]
