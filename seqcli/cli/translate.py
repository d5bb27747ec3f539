"""`seqcli translate`: a text for each text, in order, as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli import kinds
from seqcli.cli import options
from seqcli.cli.console import answer, finite, json_line, safe, say
from seqcli.cli.sources import STDIN, Format, Input, Reading, Texts, TextSource, is_parquet
from seqcli.errors import ConfigError, SeqcliError
from seqcli.interrupts import interrupts
from seqcli.machine.importing import import_torch
from seqcli.settings.searching import Searching

if TYPE_CHECKING:
    from seqcli.answers.prediction import Group
    from seqcli.answers.texts import Texts as Read
    from seqcli.answers.translating import TextTranslator
    from seqcli.kinds.abilities import Translated

Beam = Annotated[
    int | None,
    typer.Option(metavar="K", help="Hypotheses kept side by side.  [default: the model's]"),
]
Greedy = Annotated[
    bool,
    typer.Option("--greedy", help="The likeliest token at each step: faster.  [default: no]"),
]
Best = Annotated[
    int,
    typer.Option(
        "--n-best", metavar="N", help="Texts for each text.  [default: 1]", show_default=False
    ),
]
Penalty = Annotated[
    float | None,
    typer.Option(
        metavar="A", help="Score is log p / length^A; 0 favors short.  [default: the model's]"
    ),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(metavar="N", help="Tokens at most.  [default: twice the source's and 50]"),
]
NoRepeat = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="No N tokens in a row twice; 0: may be.  [default: 0]",
        show_default=False,
    ),
]
Replace = Annotated[
    bool,
    typer.Option(
        "--replace-unknown",
        help="An unknown word may come; it is the source word looked at.  [default: no]",
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(metavar="T", help="Draw, wilder above 1.  [default: the best is looked for]"),
]
Seed = Annotated[int | None, typer.Option(help="Seed of the draws.  [default: drawn, and said]")]
Attention = Annotated[
    str | None,
    typer.Option(metavar="FILE.png", help="Picture of what was looked at.  [default: none]"),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="JSON Lines: source, text, score, attention.  [default: lines]"),
]
Output = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="txt, csv, tsv, jsonl or parquet.  [default: none]"),
]
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite --output and --attention.  [default: no]")
]


def translate(
    texts: Texts = None,
    model: options.Model = "",
    input: Input = None,
    form: Format = None,
    text_column: options.TrainedColumn = None,
    encoding: options.Encoding = None,
    beam: Beam = None,
    greedy: Greedy = False,
    n_best: Best = 1,
    length_penalty: Penalty = None,
    max_tokens: MaxTokens = None,
    no_repeat: NoRepeat = 0,
    replace_unknown: Replace = False,
    temperature: Temperature = None,
    seed: Seed = None,
    attention: Attention = None,
    as_json: AsJson = False,
    output: Output = None,
    force: Force = False,
    shard: options.Shard = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    quiet: options.Quiet = False,
) -> None:
    """Write a text for each text, in another language or form.

    Texts are arguments, the rows of a table, or the lines of a stream; answers come in their order.
    One line in, one line out; an empty one stays empty. With --n-best a line holds N texts with
    their scores, parted by tabs. The unknown word is never written. --output FILE.txt has a line
    each, a table keeps the columns of the input and adds translation and score.

    \b
    Examples:
      seqcli translate --model translate.pt "Ein Hund läuft."
      cat lines.txt | seqcli translate --model translate.pt --greedy -
    """
    path = options.model_path(model)
    wanted = _searching(
        beam=beam,
        greedy=greedy,
        best=n_best,
        length_penalty=length_penalty,
        max_tokens=max_tokens,
        no_repeat=no_repeat,
        replace_unknown=replace_unknown,
        temperature=temperature,
        seed=seed,
        attention=as_json or attention is not None,
    )
    reading = Reading.of(form, False, text_column, encoding)
    source, part = TextSource.of(texts or [], input, reading), options.shard(shard)
    target = _Target.of(output, attention, texts or [], as_json=as_json, force=force)
    description, spec = options.described(path, quiet)
    kinds.refuse(spec, "translate", path)  # before torch is imported
    with interrupts.at_once():
        import_torch()
        from seqcli.answers.loading import load_model
        from seqcli.answers.translating import TextTranslator

    tell = _silent if quiet else say
    ready = source.open(description, tell) if source.stream is None else None
    translator = TextTranslator.of(load_model(path, device=device, threads=threads))
    read = ready or source.open(description, tell)  # a stream is waited for once all is ready
    if wanted.temperature is not None and wanted.seed is None:
        wanted = replace(wanted, seed=_seed(quiet))
    told = _Told()
    found = told.counted(_found(translator, read, wanted, part))
    if target.picture is not None:
        found = _drawn(found, target.picture)
    if target.output is None:
        _print(found, wanted.best, as_json=as_json)
    else:
        like = source.path if is_parquet(source.path, reading.format) else None
        _write(found, read.columns, like, target.output, wanted.best, quiet=quiet)
    if not quiet:
        told.tell(target.picture)


def _silent(line: str) -> None:
    """What --quiet makes of words."""


def _searching(**given: Any) -> Searching:
    """How to look. Errors: ConfigError that names the option."""
    try:
        return Searching(**given)
    except ConfigError as error:
        name, colon, rule = error.message.partition(":")
        raise ConfigError(f"--{name.replace('_', '-')}{colon}{rule}", error.hint) from None


@dataclass(frozen=True)
class _Target:
    """Where answers go: a file, or else stdout; and where the picture goes."""

    output: Path | None
    picture: Path | None

    @classmethod
    def of(
        cls,
        output: str | None,
        picture: str | None,
        texts: list[str],
        *,
        as_json: bool,
        force: bool,
    ) -> _Target:
        """Errors: ConfigError for what cannot stand together, SeqcliError for what is there."""
        if force and output is None and picture is None:
            raise ConfigError("--force belongs to --output and --attention")
        if as_json and output is not None:
            raise ConfigError("--json prints, --output writes: give one of them")
        file = None if output is None else options.existing(output, "--output")
        image = None if picture is None else options.existing(picture, "--attention")
        if image is not None:
            if len(texts) != 1 or texts == [STDIN]:
                raise ConfigError("--attention draws one text", "give it as an argument")
            if image.suffix.lower() != ".png":
                raise ConfigError(f"--attention {image}: a file that ends in .png expected")
        if file is not None:
            from seqcli.answers.translating import check_translation_output

            check_translation_output(file, force=force)
        if image is not None and not force and image.exists():
            hint = "--force overwrites it, --attention FILE.png goes elsewhere"
            raise SeqcliError(f"{image} exists", hint)
        return cls(file, image)


Found = Iterable["tuple[Group, list[Translated]]"]


def _found(
    translator: TextTranslator, read: Read, wanted: Searching, shard: tuple[int, int]
) -> Found:
    """This shard's texts with their answers, in order. Errors: DataError, after those before it."""
    from seqcli.answers.prediction import FIRST, recut, sharded

    place, count = shard
    groups = recut(sharded(read.groups, place - 1, count), FIRST)
    return translator.stream(groups, wanted, shard)


def _seed(quiet: bool) -> int:
    """A seed, said aloud so that the texts can be had again."""
    from seqcli.answers.translating import drawn_seed

    seed = drawn_seed()
    if not quiet:
        say(f"seed {seed}")
    return seed


@dataclass
class _Told:
    """What a person should know of all answers."""

    count: int = 0
    cut: int = 0
    endless: int = 0

    def counted(self, found: Found) -> Iterator[tuple[Group, list[Translated]]]:
        """The same answers, counted as they pass."""
        for group, answers in found:
            self.count += len(answers)
            self.cut += sum(one.cut for one in answers)
            self.endless += sum(not one.ended for one in answers)
            yield group, answers

    def tell(self, picture: Path | None) -> None:
        """Lines on stderr."""
        if self.cut:
            say(f"{self.cut:,} of {self.count:,} texts are longer than the model reads: cut")
        if self.endless:
            say(f"{self.endless:,} of {self.count:,} outputs are cut at the most tokens")
        if picture is not None:
            say(f"picture: {picture}")


def _print(found: Found, best: int, *, as_json: bool) -> None:
    """Lines on stdout, written and flushed group by group."""
    from seqcli.answers.translating import as_json as spelled

    for group, answers in found:
        if as_json:
            pairs = zip(group.texts, answers, strict=True)
            lines = [json_line(finite(spelled(*pair))) for pair in pairs]
        else:
            lines = [_line(one, best) for one in answers]
        answer("\n".join(lines))


def _line(found: Translated, best: int) -> str:
    if best == 1:
        return safe(found.outputs[0].text)
    return "\t".join(f"{safe(one.text)}\t{one.score:.4f}" for one in found.outputs)


def _write(
    found: Found,
    columns: Sequence[str],
    like: Path | None,
    path: Path,
    best: int,
    *,
    quiet: bool,
) -> None:
    """The file at `path`, whole at the end."""
    from seqcli.answers.translating import translation_writer

    count = 0
    with translation_writer(path, columns, best, like) as writing:
        for group, answers in found:
            writing.write(group, answers)
            count += len(answers)
    if quiet:
        return
    for old, new in writing.renamed.items():
        say(f"the input has a column {old!r}: the answers are in {new!r}")
    say(f"{path}: {count:,} rows")


def _drawn(found: Found, path: Path) -> Iterator[tuple[Group, list[Translated]]]:
    """The same answers; of the first one a picture, written as it passes."""
    from seqcli.answers.attention_picture import attention_png
    from seqcli.files import write_bytes

    for group, answers in found:
        first = answers[0]
        if first.attention is None or not first.attention.size:
            raise SeqcliError("no picture: nothing was read, or nothing written")
        write_bytes(path, attention_png(first.attention, first.source_tokens, first.tokens))
        yield group, answers
