"""What a tagger learns before training: scheme and tags, the words and their parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from seqcli.data.tagged import TaggedSentences
from seqcli.errors import DataError
from seqcli.kinds.tagger.spec import Settings, types_of
from seqcli.settings.sections import Tokens
from seqcli.text.schemes import PLAIN, all_tags, ill_formed, recognize
from seqcli.text.spelling import Spelling
from seqcli.text.tokens import Tokenizer, tokenizer
from seqcli.text.vocab import Vocab


def words_tokenizer(config: Settings, *, clean: bool = True) -> Tokenizer:
    """How text becomes tokens; `clean`: in the case and with the digits of the vocabulary."""
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
    """The scheme and what it writes, for a person."""
    if scheme == PLAIN:
        return f"{len(labels)}, without spans"
    kinds = types_of(labels)
    shown = ", ".join(kind or "without a name" for kind in kinds[:8]) + ", …" * (len(kinds) > 8)
    return f"{scheme}, {len(kinds)} type{'s' * (len(kinds) != 1)} of spans ({shown})"


def spelling_of(config: Settings, train: TaggedSentences) -> tuple[Spelling, tuple[int, ...]]:
    """Words and their parts, fitted on the training part; how often each row occurs there."""
    fold, data = words_tokenizer(config).clean, config.data
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
    """Errors: DataError for the first tag that may not stand where it does."""
    for number, tags in enumerate(sentences.tag_rows()):
        if bad := ill_formed(tags, scheme):
            tag, before = tags[bad[0]], tags[bad[0] - 1] if bad[0] else "the beginning"
            path, line = sentences.paths[number], int(sentences.lines[number])
            problem = f"{scheme} tags expected, found: {tag} after {before} in this sentence"
            raise DataError(path, line, problem, "--set data.ill_formed=repair mends such tags")
