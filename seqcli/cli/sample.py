"""`seqcli sample`: new text from a language model."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli import kinds
from seqcli.answers.options import Options
from seqcli.cli import options
from seqcli.cli.console import answer, answer_json, safe, say
from seqcli.errors import ConfigError
from seqcli.interrupts import interrupts
from seqcli.machine.importing import import_torch

if TYPE_CHECKING:
    from seqcli.answers.sampling import Drawn
    from seqcli.answers.writing import Writer
    from seqcli.kinds.abilities import Writes

SHOWN = 10  # numbers of texts, on one line
MOST_WAITING = 64  # tokens without a whole character at their end that --stream holds back
Prompt = Annotated[
    str, typer.Option(metavar="TEXT|-", help="Text to go on with; - is stdin.  [default: none]")
]
Label = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME|all", help="What to write, of a model told labels.  [default: none]"
    ),
]
Temperature = Annotated[
    float, typer.Option(help="Likelier text below 1, wilder above; 0 is --greedy.")
]
Greedy = Annotated[
    bool, typer.Option("--greedy", help="Always take the likeliest token.  [default: no]")
]
TopK = Annotated[int, typer.Option(help="Draw from the K likeliest tokens; 0 is all.")]
TopP = Annotated[float, typer.Option(help="Draw from the fewest tokens that hold probability P.")]
Count = Annotated[int, typer.Option(help="Number of texts to write, for each label.")]
MaxTokens = Annotated[int, typer.Option(help="Tokens a text has at most.")]
Lines = Annotated[int, typer.Option(help="Go on past end marks, up to the Nth.")]
Penalty = Annotated[
    float, typer.Option(help="Make tokens already seen less likely, above 1 (CTRL).")
]
Seed = Annotated[int | None, typer.Option(help="Seed of the draws.  [default: drawn, and said]")]
Stream = Annotated[
    bool, typer.Option("--stream", help="Print tokens as they are drawn.  [default: no]")
]


def sample(
    model: options.Model = "",
    prompt: Prompt = "",
    label: Label = None,
    temperature: Temperature = 1.0,
    greedy: Greedy = False,
    top_k: TopK = 0,
    top_p: TopP = 1.0,
    count: Count = 1,
    max_tokens: MaxTokens = 200,
    lines: Lines = 1,
    repetition_penalty: Penalty = 1.0,
    seed: Seed = None,
    stream: Stream = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON Lines, one a text.  [default: text]")
    ] = False,
) -> None:
    """Write new text with a language model; it never writes the unknown word.

    A model that was trained with labels needs --label, which may be given several times; with
    several labels each text stands behind its label and a tab.

    \b
    Examples:
      seqcli sample --model char.pt --max-tokens 300 --seed 1
      seqcli sample --model char.pt --prompt "The old" --temperature 0.7 --count 3
    """
    path = options.model_path(model)
    wanted = _options(
        temperature=temperature,
        greedy=greedy,
        top_k=top_k,
        top_p=top_p,
        repetition_penalty=repetition_penalty,
        max_tokens=max_tokens,
        lines=lines,
        count=count,
        seed=seed,
    )
    options.check_precision(precision)
    if stream and (count > 1 or as_json):
        raise ConfigError(
            "--stream prints one text as it grows: not with --count or --json",
            "leave out --stream",
        )
    _, spec = options.described(path, quiet)
    kinds.refuse(spec, "sample", path)  # before torch is imported
    kinds.refuse_option(spec, "--label", bool(label))
    with interrupts.at_once():
        import_torch()
        from seqcli.answers.loading import load_model
        from seqcli.answers.writing import Writer

    writer = Writer.of(load_model(path, device=device, threads=threads))
    labels = writer.chosen(label or [])
    if stream and len(labels) > 1:
        raise ConfigError("--stream prints one text as it grows: one --label", "leave out --stream")
    _sample(writer, _prompt(prompt), wanted, labels, precision, stream, quiet, as_json)


def _options(**given: Any) -> Options:
    """How to draw. Errors: ConfigError that names the option."""
    try:
        return Options(**given)
    except ConfigError as error:
        name, colon, rule = error.message.partition(":")
        raise ConfigError(f"--{name.replace('_', '-')}{colon}{rule}", error.hint) from None


def _prompt(text: str) -> str:
    if text != "-":
        return text
    # Bytes that are no UTF-8 become U+FFFD, which is said as unknown: the text is a beginning to
    # write on from, not a record whose loss would go unseen.
    return sys.stdin.buffer.read().decode("utf-8-sig", "replace").removesuffix("\n")


def _sample(
    writer: Writer,
    prompt: str,
    wanted: Options,
    labels: list[int | None],
    precision: str,
    stream: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    from seqcli.machine.device import keep_freed_memory

    kind = writer.kind
    context, unknown = kind.context(prompt)
    if unknown:
        shown = ", ".join(repr(word) for word in dict.fromkeys(unknown))
        say(f"unknown in the prompt: {shown}")
    if wanted.seed is None:
        wanted = replace(wanted, seed=_drawn_seed(quiet or wanted.greedy))
    keep_freed_memory()
    told = _Told(kind, prompt) if stream else None
    tell = None if told is None else told.tell
    texts = writer.write(context, wanted, labels, precision=precision, tell=tell)
    before, cut = "", []
    for number, (place, drawn) in enumerate(texts, 1):
        label = None if place is None else writer.label(place)
        if drawn.stopped == "length":
            cut.append(number)
        if told is not None:
            told.finish()
            answer("")
        elif as_json:
            answer_json(_record(kind, prompt, label, drawn))
        else:
            text = printable(_whole(kind, prompt, drawn))
            if label is not None and len(labels) > 1:
                text = f"{safe(label)}\t{text}"
            parted = number > 1 and "\n" in before + text  # else one text a line says enough
            answer(("\n" if parted else "") + text)
            before = text
    # without an end mark no text can end by itself
    if cut and kind.vocab.end is not None and not quiet and not as_json:
        say(_cut_line(cut, wanted.count * len(labels), wanted.max_tokens))


def _cut_line(numbers: list[int], count: int, most: int) -> str:
    """Which of the texts do not end by themselves."""
    if count == 1:
        return f"the text is cut at --max-tokens {most}"
    if len(numbers) == count:
        return f"all {count:,} texts are cut at --max-tokens {most}"
    shown = ", ".join(map(str, numbers[:SHOWN])) + ", …" * (len(numbers) > SHOWN)
    return f"{len(numbers):,} of {count:,} texts cut at --max-tokens {most}: {shown}"


def _drawn_seed(quiet: bool) -> int:
    """A seed, said aloud so that the texts can be had again."""
    import secrets

    seed = secrets.randbelow(2**31)
    if not quiet:
        say(f"seed {seed}")
    return seed


def _record(kind: Writes, prompt: str, label: str | None, drawn: Drawn) -> dict[str, object]:
    return {
        "prompt": prompt,
        **({} if label is None else {"label": label}),
        "text": kind.text(drawn.ids, prompt),
        "tokens": len(drawn.ids),
        "logprob": drawn.logprob,
        "stopped": drawn.stopped,
    }


def _whole(kind: Writes, prompt: str, drawn: Drawn) -> str:
    """Prompt and text."""
    text = kind.text(drawn.ids, prompt)
    return prompt + _space(kind, prompt, text) + text


def _space(kind: Writes, before: str, after: str) -> str:
    """What parts two pieces of text: a space between words, unless there is white space."""
    if kind.unit != "words" or not before or not after:
        return ""
    return "" if before[-1].isspace() or after[0].isspace() else " "


class _Told:
    """Prints the prompt, and each token as soon as it is drawn and its characters are whole."""

    def __init__(self, kind: Writes, prompt: str) -> None:
        self._kind, self._before = kind, prompt
        self._waiting: list[int] = []
        self._write(prompt)

    def tell(self, token: int) -> None:
        """One token more."""
        self._waiting.append(token)
        text = self._kind.text(self._waiting, self._before)
        half = text.endswith("\ufffd") and len(self._waiting) < MOST_WAITING
        if text and not half:
            self._say(text)

    def finish(self) -> None:
        """What was waiting for more, as it stands."""
        self._say(self._kind.text(self._waiting, self._before))

    def _say(self, text: str) -> None:
        self._write(_space(self._kind, self._before, text) + text)
        self._before = text or self._before
        self._waiting.clear()

    def _write(self, text: str) -> None:
        sys.stdout.buffer.write(printable(text).encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()


def printable(text: str) -> str:
    """Text with its line breaks and tabs, all other control characters as escapes."""
    return "\n".join("\t".join(map(safe, line.split("\t"))) for line in text.split("\n"))
