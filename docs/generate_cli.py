"""Write docs/cli.md out of the program's own `--help`: `make docs`, or this file as a script."""

from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_command

from seqcli.cli.app import app

PAGE = Path(__file__).with_name("cli.md")
WIDTH = 88
HEAD = """\
<!-- Written by docs/generate_cli.py (`make docs`); a test compares the two. -->

# Commands

Every command prints its results on stdout; progress, notes and errors go to stderr. `--json` gives
one JSON document (JSON Lines where there is a row for each input); a number that is not finite is
`null`. `-` reads stdin, and files ending in `.gz`, `.bz2` or `.xz` are read as they are.

| exit | meaning |
|---|---|
| 0 | done |
| 1 | a data file, a model file or the run is at fault: `error:` says what, `hint:` what to do |
| 2 | the command line, a task file or a setting is |
| 130, 143 | stopped by Ctrl-C, by SIGTERM; a training run is saved, `--resume OUT.run` goes on |

`--debug` or `SEQCLI_DEBUG=1` shows the traceback behind an error, `NO_COLOR` turns colors off.
What `train` ends with, the figures of the model on `valid` and `test`, the label it is worst at and
the model's path, is a result: on stdout, with `--quiet` too.
Completion for your shell: `seqcli --install-completion`. What `--set` and task files take is in
[settings.md](settings.md).
"""

TAIL = """\
## JSON of classifiers

`eval --json`, and `valid` and `test` of `train --json`:

| key | value |
|---|---|
| `split` | of `eval`: what was scored |
| `trained` | of `eval`: how many of the rows there the model was trained on, which \
`--exclude-trained` leaves out; null where that is not known (below) |
| `count`, `loss` | examples; mean negative log-likelihood of the true label, nats |
| `accuracy`, `macro_f1`, `mcc`, `majority` | `majority`: the accuracy of always \
giving the most frequent label |
| `accuracy_interval` | `[low, high]`: Wilson's 95 % interval |
| `macro_f1_interval` | `[low, high]`: the middle 95 % of 1,000 bootstrap samples, drawn with a \
fixed seed; null where more than 500 cells of the confusion matrix are filled; of few examples \
too narrow |
| `labels`, `per_label` | by label `precision`, `recall`, `f1`, `support` |
| `confusion` | rows true, columns predicted, in the order of `labels`; null \
above 1,000 labels |
| `mistakes` | with `--mistakes N`, the surest first: `text`, `label`, `predicted`, \
`prob` (of the predicted label), `path`, `line` (the row of a parquet table) |

A model file keeps 40 bits of a hash of each training text (of a tagger's sentences, of a language
model's documents), up to 1,048,576 different ones: 13 bytes a row. A text that is new is taken
for one of them with a probability of rows / 2^40, one in a million at most. Texts count as equal
where the cut into splits takes them for equal. Not known is it of files that earlier versions
wrote, of more texts, and of language models whose text runs on (`data.document = "file"`): then
only the whole file can be told, by its SHA-256.

What comes on stdin or through a named pipe, or stands in a file whose name tells no format, is
told by its beginning: a JSON object (also in an array, or over several lines) with the text's
column is JSON; a first line of several short names, the model's own column among them, is the
header of a csv or tsv; with one of the usual names (text, sentence, message, review) in its place
a row of as many cells must follow. All else is one text a line, and where the first line looks
like a header, JSON or the name of a file that is said. `--format` says what it is. The text's
column is `--text-column`, else the one that the model was trained on, else the first of the usual
ones that is there.

With several models (`eval --model a.pt --model b.pt --json`): `split`, `models` (the keys above for
each, and `model`), and `differences`, each further model against the first on the rows that both
were scored on:

| key | value |
|---|---|
| `model`, `from`, `rows` | which, against which, on how many rows (texts, or stretches of 64 \
tokens) |
| `loss`, `accuracy` | `difference` and its 95 % `interval`: 1,000 paired bootstrap samples with a \
fixed seed; `accuracy` is null for language models |
| `only_this`, `only_that`, `p` | rows that one model alone gets right, and McNemar's p; null for \
language models |

`classify --json`, one document a text:

| key | value |
|---|---|
| `text`, `label`, `prob` | the likeliest label, or that of `--abstain-label`; its probability |
| `probs` | every label's probability, or the likeliest with `--top-k` |
| `unknown_share` | share of the tokens that the vocabulary lacks; 1 where there are none |
| `path` | of documents (`--input FOLDER`, `--documents`): the file |
| `explain` | with `--explain`: `[[token, weight], ...]` in the order of the text, tokens \
as they stand there |

The weight of a token is what the log-odds of the likeliest label, ln(p / (1 - p)), lose when the
token is left out and the rest is read anew. Only tokens that the model reads are listed. In a text
of many hundred tokens, neighbors of little weight are left out together and share theirs.

On a terminal `--explain` colors the ground: cyan for the label, yellow against it, pale where the
weight is small. Elsewhere, and with `NO_COLOR`, the ten heaviest tokens stand behind the answer as
`token:+weight`; in a table, `explain` is a column of JSON.

## JSON of language models

`eval --json`, and `valid` and `test` of `train --json`:

| key | value |
|---|---|
| `tokens`, `loss`, `perplexity` | predictions; nats a token; e to that power |
| `bits_per_token`, `bits_per_character` | the loss in bits; the latter of models of characters |
| `unknown_share` | share of the tokens that the vocabulary lacks |
| `ngram_share` | the n-grams' part of the answers, of models that have them beside the network |

Of a model that is told labels (a writer) also:

| key | value |
|---|---|
| `count`, `labels` | texts; each is read by itself, and its end mark predicted |
| `per_label` | by label `support` (texts), `tokens`, `loss`, `perplexity`, bits as above, and \
`precision`, `recall`, `f1` |
| `accuracy`, `macro_f1`, `mcc`, `majority`, `confusion` | as for classifiers, of labels told by \
Bayes' rule: p(label given text) is in proportion to p(label) p(text given label), p(label) being \
its share in training. Every text is read once for each label; above 4,194,304 predictions times \
labels these are not made, and `accuracy` is null |

`sample --json`, one document a text:

| key | value |
|---|---|
| `prompt`, `text` | what was given, and what goes on from there |
| `label` | what it was written for, of a model that is told labels |
| `tokens`, `logprob` | how many; ln of their probability at temperature 1 without the unknown \
word, end mark included |
| `stopped` | `end`, or `length`: cut at `--max-tokens` |

Text i of a command draws from the random stream (seed, i), counted over all labels in the order in
which they were given.

## JSON of taggers

`eval --json`, and `valid` and `test` of `train --json`:

| key | value |
|---|---|
| `split`, `trained` | of `eval`, as for classifiers; rows are sentences |
| `sentences`, `tokens`, `loss` | how many; nats a token, of sentences whose tags training knows |
| `scheme` | how the data writes spans: IOB1, BIO, BIOES, BILOU, or plain |
| `accuracy`, `accuracy_interval` | of tokens; 95 % by drawing sentences again, with a fixed seed |
| `accuracy_known`, `accuracy_unknown` | of words that the vocabulary has, and has not; null where \
there are none |
| `sentence_accuracy` | share of sentences without a mistake |
| `span` | null for plain tags; else `precision`, `recall`, `f1`, `f1_interval`, `f1_macro`, \
`per_type`, `types` and their `confusion` (last row and column: no span there): strict, a span \
counts if start, end and type are right and its tags well-formed; `f1_lenient`: as conlleval |
| `f1`, `score` | F1 of spans, null without; what chooses the epoch: that F1, else the accuracy |
| `labels`, `per_label`, `confusion` | of tags, as for classifiers |
| `mistakes` | as for classifiers: a span that is not there, or a wrong plain tag, in brackets in \
`text`; `line` is that of the sentence |

`tag --json`, one document a sentence:

| key | value |
|---|---|
| `text`, `tokens`, `tags` | tokens as they stand in the text; tags as in the training data |
| `probs` | the probability of each token's tag |
| `spans` | `start`, `end` (characters of `text`), `type`, `text`, `prob` (of the whole span) |
| `unknown_share` | share of the tokens that the vocabulary lacks |
"""


def page() -> str:
    """The whole page."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    context = group.make_context("seqcli", [], resilient_parsing=True, terminal_width=WIDTH)
    parts = [HEAD, section("seqcli", group.get_help(context))]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = command.make_context(
            name, [], parent=context, resilient_parsing=True, terminal_width=WIDTH
        )
        parts.append(section(f"seqcli {name}", command.get_help(inner)))
    return "\n".join([*parts, TAIL])


def section(title: str, text: str) -> str:
    """A heading and the help as it stands on a terminal."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return f"## {title}\n\n```text\n{lines}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
