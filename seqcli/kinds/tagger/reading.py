"""A tagger's data as `seqcli check` tells of it: read, and looked over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seqcli.data.survey import Example, Found, Survey, lengths_of, looked_over
from seqcli.data.tagged import TaggedSentences, load_tagged
from seqcli.kinds.contract import Poll
from seqcli.kinds.tagger.fitting import labels_of, spelling_of
from seqcli.kinds.tagger.spec import Settings
from seqcli.readers.record import Record
from seqcli.readers.tagged_source import discover_tagged
from seqcli.text.schemes import ill_formed


def survey(config: Settings, path: Path, poll: Poll) -> Survey:
    """As `Kind.survey` says; lengths are those of sentences, labels the tags of tokens."""
    source = discover_tagged(path, config.data)
    splits = load_tagged(source, seed=config.split_seed, poll=poll)
    train = splits.splits["train"]
    scheme, _ = labels_of(train, config.data.scheme)
    spelling, _ = spelling_of(config, train)
    known = spelling.words(train.vocabulary).rows != 0
    parts = splits.splits.items()
    counts = Counter[str]()
    for _, sentences in parts:
        seen = np.bincount(sentences.tags.ids, minlength=len(sentences.names)).tolist()
        counts.update(dict(zip(sentences.names, seen, strict=True)))
    shares = {name: 1 - float(known[part.words.ids].mean()) for name, part in parts}
    odd = [*oddities(dict(parts), scheme, splits.shared)]
    texts = (
        Record(one.path, one.line, " ".join(one.tokens))
        for part in source.parts
        for one in source.records(part)
    )
    return Survey(
        source.format,
        {},
        {name: len(part) for name, part in parts},
        "tokens",
        lengths_of(np.concatenate([part.words.lengths for _, part in parts])),
        len(spelling.vocab),
        shares,
        {name: count for name, count in counts.most_common() if count},
        (f"scheme {scheme}",),
        (*odd, *looked_over(texts, poll)),
    )


def oddities(splits: dict[str, TaggedSentences], scheme: str, shared: int) -> Iterator[Found]:
    """Tags that stand where the scheme forbids them or that training lacks, and repeats."""
    trained = {splits["train"].names[place] for place in np.unique(splits["train"].tags.ids)}
    bad, examples = 0, list[Example]()
    for part in splits.values():
        for number, tags in enumerate(part.tag_rows()):
            if wrong := len(ill_formed(tags, scheme)):
                bad += wrong
                words = " ".join(part.vocabulary[place] for place in part.words.row(number))
                examples.append(Example(part.paths[number], int(part.lines[number]), words[:200]))
                del examples[5:]
    if bad:
        said = f"{bad:,} tags that {scheme} forbids where they stand"
        advice = "they are repaired; --set data.ill_formed=refuse stops at the first"
        yield Found("ill-formed", said, advice, bad, tuple(examples))
    for name, part in splits.items():
        foreign = {part.names[place] for place in np.unique(part.tags.ids)} - trained
        if foreign:
            said = f"tags in {name} that training lacks: {', '.join(sorted(foreign)[:5])}"
            yield Found("tags-untrained", said, "they can never be answered", len(foreign))
    if shared:
        said = f"{shared:,} sentences of train stand in valid or test too"
        yield Found("shared", said, "figures on them are too good: short ones are no harm", shared)
