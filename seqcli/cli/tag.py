"""`seqcli tag`: a label for every token of each sentence, in order, as they come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqcli import kinds
from seqcli.cli import frames, options
from seqcli.cli.console import answer, finite, json_line, safe, say
from seqcli.cli.marks import colored, marked_spans
from seqcli.errors import ConfigError, lookup
from seqcli.interrupts import interrupts
from seqcli.machine.importing import import_torch
from seqcli.settings.sections import NUMBERS, SERIES_FORMATS

if TYPE_CHECKING:
    from seqcli.answers.prediction import Group
    from seqcli.answers.tagging import Input, Sentence
    from seqcli.kinds.abilities import Tagged

STDIN = "-"
TOLD = "FILE reads what is in it"
FORMATS = {name: name for name in ("auto", "text", "columns", "conllu", "jsonl", "table")}
FORMATS |= {"lines": "text", "csv": "csv", "tsv": "tsv"}
Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="TEXT", help="Sentences, or `-` alone: what comes on stdin."),
]
InputFile = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="PATH",
        help="conll, conllu, jsonl, csv, text; recordings, also a folder.  [default: none]",
    ),
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="NAME",
        help="lines, columns, conllu, jsonl, csv, tsv, table; ts, npz, ....  [default: auto]",
        show_default=False,
    ),
]
TagColumn = Annotated[
    str | None,
    typer.Option(help="Column to write the tag in.  [default: a new one; upos]"),
]
Tokenized = Annotated[
    bool, typer.Option("--tokenized", help="Spaces part the tokens already.  [default: no]")
]
Threshold = Annotated[
    float,
    typer.Option(
        metavar="P",
        help="Leave out spans below this probability.  [default: 0]",
        show_default=False,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="JSON Lines: tokens, tags, probs, spans.  [default: lines]"),
]
Output = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="conll, conllu, jsonl, csv, tsv or parquet.  [default: none]"
    ),
]
Plot = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.png", help="Draw a recording with its labels over time.  [default: none]"
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite --output and --plot.  [default: no]")
]


def tag(
    texts: Texts = None,
    model: options.Model = "",
    input: InputFile = None,
    form: Format = "auto",
    text_column: options.TextColumn = None,
    token_column: options.TokenColumn = None,
    tag_column: TagColumn = None,
    tokenized: Tokenized = False,
    encoding: options.Encoding = None,
    threshold: Threshold = 0.0,
    as_json: AsJson = False,
    output: Output = None,
    plot: Plot = None,
    force: Force = False,
    shard: options.Shard = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    quiet: options.Quiet = False,
) -> None:
    """Tag every token of each sentence, or label every step of each recording of numbers.

    A line holds token and tag, parted by a tab; a blank line ends a sentence. On a terminal spans
    are colored in the text instead. --output FILE.conll or .conllu keeps all other columns and
    comments of such an input; a table has one row a span, or a token where tags write no spans.

    Of a model of numbers a line holds a step's label and its probability, a blank line ends a
    recording, and --output keeps the columns of a csv, tsv or parquet table, with a row a step.

    \b
    Examples:
      seqcli tag --model ner.pt "She flew to Oslo"
      cat lines.txt | seqcli tag --model pos.pt -
    """
    path = options.model_path(model)
    if not 0 <= threshold <= 1:  # NaN too
        raise ConfigError(f"--threshold: a probability expected, {threshold:g} found")
    lookup({**FORMATS, **dict.fromkeys(SERIES_FORMATS, "")}, form, "format")
    source = _Source.of(texts or [], input, form, encoding or "utf-8")
    part = options.shard(shard)
    _, spec = options.described(path, quiet)
    kinds.refuse(spec, "tag", path)  # before torch is imported
    if spec.input == NUMBERS:
        for_text = {
            "--text-column": text_column,
            "--token-column": token_column,
            "--tag-column": tag_column,
            "--tokenized": tokenized or None,
            "--threshold": threshold or None,
        }
        asked = frames.Asked.of(source, encoding, part, output, plot, force, as_json)
        frames.tag(path, asked.without(for_text), device=device, threads=threads, quiet=quiet)
        return
    source.form = lookup(FORMATS, source.form, "format")
    target = _target(output, force, as_json)
    if plot is not None:
        raise ConfigError("--plot draws numbers", "this model reads text: leave it out")
    with interrupts.at_once():
        import_torch()
        from seqcli.answers.loading import load_model
        from seqcli.answers.tagging import SequenceTagger

    columns = (text_column, token_column, tag_column)
    said = "" if source.stream is not None else source.open(*columns)
    tagger = SequenceTagger.of(load_model(path, device=device, threads=threads))
    if source.stream is not None:
        said = source.open(*columns)  # it is waited for once all else is ready
    if said and not quiet:
        say(said)
    if threshold and tagger.kind.outside is None:
        raise ConfigError("--threshold needs spans, and this model's tags write none")
    if not quiet and not source.tokens and not tokenized:
        say(f"text becomes tokens: {tagger.kind.tokenization}; --tokenized for tokens as they are")
    found = tagger.stream(source.groups(part), threshold, tokenized=tokenized)
    if target is None:
        _print(found, as_json=as_json, painted=tagger.kind.outside is not None and colored())
    else:
        _write(found, source, target, spans=tagger.kind.outside is not None, quiet=quiet)


class _Source:
    """Where the sentences come from: `texts`, the file `path`, or what comes in `stream`."""

    def __init__(
        self, texts: list[str], path: Path | None, stream: Path | None, form: str, encoding: str
    ) -> None:
        self.path, self.stream, self.form = path, stream, form
        self.texts, self._encoding = texts, encoding
        self._input: Input | None = None

    @classmethod
    def of(cls, texts: list[str], path: str | None, form: str, encoding: str) -> _Source:
        """Errors: ConfigError unless it is exactly one source."""
        if bool(texts) == (path is not None):
            problem = "texts and --input" if texts else "no text"
            raise ConfigError(
                f"{problem} given", "give texts, or --input FILE, or - to read lines from stdin"
            )
        if STDIN in texts and len(texts) > 1:
            raise ConfigError("`-` reads stdin and stands alone", "give texts, or - alone")
        if texts and texts != [STDIN]:
            if form != "auto":
                raise ConfigError("--format belongs to --input and to -")
            return cls(texts, None, None, "text", encoding)
        place = Path(STDIN) if texts else options.existing(path or "", "--input")
        if options.is_stream(place):
            return cls([], None, place, form, encoding)
        return cls([], place, None, form, encoding)

    @property
    def tokens(self) -> bool:
        """Whether its sentences are parted into tokens."""
        return self._input is not None and self._input.tokens

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a table made of this keeps."""
        return () if self._input is None else self._input.columns

    def open(self, text: str | None, token: str | None, tag: str | None) -> str:
        """Look at what is to be read; what a person should know of it.

        Of a stream the first line is waited for. Errors: DataError, ConfigError.
        """
        from seqcli.answers.tagging import input_format, open_input, open_stream
        from seqcli.readers.incoming import names_of_files
        from seqcli.readers.lines import check_encoding
        from seqcli.readers.sentence import Layout

        check_encoding(self._encoding)
        layout = Layout(token or None, tag or None, tagged=False, encoding=self._encoding)
        if self.stream is not None and self.form not in ("columns", "conllu"):
            live = options.live(self.stream, self._encoding)
            self._input = open_stream(live, self.form, layout, text or "")
        elif self.path is not None or self.stream is not None:
            place = self.path or self.stream or Path(STDIN)
            if self.form == "auto":
                self.form = input_format(place, self._encoding)
            self._input = open_input(place, self.form, layout, text or "")
        if self._input is not None:
            self.form = self._input.format
        for name, given, forms in (
            ("--text-column", text, ("table",)),
            ("--token-column", token, ("columns", "conllu", "jsonl")),
            ("--tag-column", tag, ("columns", "conllu", "jsonl")),
        ):
            if given is not None and self.form not in forms:
                raise ConfigError(f"{name} does nothing for input in the format {self.form}")
        if self._input is not None:
            return self._input.said
        return names_of_files(self.texts).replace("FOLDER reads the files, each as one text", TOLD)

    def groups(self, shard: tuple[int, int]) -> Iterator[Group]:
        """This shard's sentences, in order. Errors: DataError, after those before it."""
        from seqcli.answers.prediction import FIRST, grouped, recut, sharded
        from seqcli.text.normal import whole

        if self._input is not None:
            every = grouped(self._input.rows, idle=self._input.idle)
        else:
            every = grouped((text, (text,)) for text in map(whole, self.texts))
        place, count = shard
        return recut(sharded(every, place - 1, count), FIRST)


def _target(output: str | None, force: bool, as_json: bool) -> tuple[Path, str] | None:
    if output is None:
        if force:
            raise ConfigError("--force belongs to --output")
        return None
    if as_json:
        raise ConfigError(
            "--json prints, --output writes: give one of them", "--output FILE.jsonl holds the same"
        )
    from seqcli.answers.tagged_output import check_tag_output

    path = options.existing(output, "--output")
    return path, check_tag_output(path, force=force)


Found = Iterator["list[tuple[Sentence, Tagged]]"]


def _print(found: Found, *, as_json: bool, painted: bool) -> None:
    """Lines on stdout, written and flushed group by group."""
    from seqcli.answers.tagging import as_json as spelled

    for group in found:
        lines: list[str] = []
        for sentence, tags in group:
            if as_json:
                lines.append(json_line(finite(spelled(sentence, tags))))
            elif painted:
                lines.append(marked_spans(sentence, tags))
            else:
                pairs = zip(sentence.tokens, tags.tags, strict=True)
                lines += [*(f"{safe(token)}\t{safe(one)}" for token, one in pairs), ""]
        answer("\n".join(lines))


def _write(
    found: Found, source: _Source, target: tuple[Path, str], *, spans: bool, quiet: bool
) -> None:
    """The file at `target`, whole at the end."""
    from seqcli.answers.tagged_output import tag_writer

    path, form = target
    count = 0
    with tag_writer(path, form, source.columns, source.form, spans=spans) as write:
        for group in found:
            write(group)
            count += len(group)
    if not quiet:
        say(f"{path}: {count:,} sentences")
