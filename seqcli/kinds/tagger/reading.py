"""A tagger's data: read, looked over, and told of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from seqcli.data.survey import Example, Found, Survey, lengths_of, looked_over
from seqcli.data.tagged import TaggedSentences, load_tagged
from seqcli.errors import DataError
from seqcli.kinds.contract import Poll
from seqcli.kinds.tagger.spec import Settings, types_of
from seqcli.readers.record import Record
from seqcli.readers.tagged_source import discover_tagged
from seqcli.settings.sections import Tokens
from seqcli.text.schemes import PLAIN, all_tags, ill_formed, recognize
from seqcli.text.spelling import Spelling
from seqcli.text.tokens import Tokenizer, tokenizer
from seqcli.text.vocab import Vocab


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


def tokens_of(config: Settings, *, clean: bool = True) -> Tokenizer:
    """How text becomes words; not `clean`: as they stand in it."""
    data = config.data
    return tokenizer(
        Tokens(
            tokenizer=data.tokenizer,
            lowercase=clean and data.lowercase,
            fold_digits=clean and data.fold_digits,
        )
    )


def labels_of(train: TaggedSentences, wanted: str) -> tuple[str, tuple[str, ...]]:
    """The scheme of the training part's tags, and all tags that it can need."""
    scheme = recognize(train.tag_rows()).scheme if wanted == "auto" else wanted
    names = sorted({train.names[place] for place in np.unique(train.tags.ids).tolist()})
    if scheme == PLAIN:
        return scheme, tuple(names)
    return scheme, tuple(all_tags(types_of(names), scheme))


def described(scheme: str, labels: Sequence[str]) -> str:
    """The tags, for a person."""
    if scheme == PLAIN:
        return f"{len(labels)}, without spans"
    kinds = types_of(labels)
    shown = ", ".join(kind or "without a name" for kind in kinds[:8]) + ", …" * (len(kinds) > 8)
    return f"{scheme}, {len(kinds)} type{'s' * (len(kinds) != 1)} of spans ({shown})"


def spelling_of(config: Settings, train: TaggedSentences) -> tuple[Spelling, tuple[int, ...]]:
    """Words and their parts, fitted on the training part; how often each row occurs there."""
    fold, data = tokens_of(config).clean, config.data
    seen = np.bincount(train.words.ids, minlength=len(train.vocabulary))
    first = np.unique(train.words.ids, return_index=True)
    order = first[0][np.argsort(first[1])].tolist()  # in the order of their first appearance
    counts = {train.vocabulary[place]: int(seen[place]) for place in order}
    folded: Counter[str] = Counter()
    for word, times in counts.items():
        folded[fold(word)] += times
    vocab = Vocab.fit(
        list(folded), list(folded.values()), min_count=data.min_count, size=data.vocabulary
    )
    spelling = Spelling.fit(counts, vocab, fold, config.model.affixes)
    rows = vocab.to_list()
    return spelling, (0, *(folded[word] for word in rows[1:]))


def refuse_ill_formed(sentences: TaggedSentences, scheme: str) -> None:
    """Errors: DataError with the line of the first sentence whose tags the scheme forbids."""
    for number, tags in enumerate(sentences.tag_rows()):
        if bad := ill_formed(tags, scheme):
            tag, before = tags[bad[0]], tags[bad[0] - 1] if bad[0] else "the beginning"
            path, line = sentences.paths[number], int(sentences.lines[number])
            problem = f"{scheme} tags expected, found: {tag} after {before} in this sentence"
            raise DataError(path, line, problem, "--set data.ill_formed=repair mends such tags")


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
