"""`seqcli sample`: new text from a language model."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Annotated, cast

import typer

from seqcli.cli import options
from seqcli.cli.console import answer, answer_json, safe, say
from seqcli.errors import ConfigError, SeqcliError
from seqcli.interrupts import interrupts

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqcli.answers.drawing import Options
    from seqcli.answers.loading import Loaded
    from seqcli.answers.sampling import Drawn
    from seqcli.kinds.language_model import LanguageModel

MOST = 1 << 24  # texts, and tokens of one

Prompt = Annotated[
    str, typer.Option(metavar="TEXT|-", help="Text to go on with, - = stdin.  [default: none]")
]
Temperature = Annotated[
    float, typer.Option(help="Below 1 likelier, above 1 wilder text; 0 = --greedy.")
]
Greedy = Annotated[
    bool, typer.Option("--greedy", help="Always the likeliest token.  [default: no]")
]
TopK = Annotated[int, typer.Option(help="Draw from the K likeliest; 0 = all.")]
TopP = Annotated[float, typer.Option(help="Draw from the fewest that hold probability P.")]
Count = Annotated[int, typer.Option(help="Texts.")]
MaxTokens = Annotated[int, typer.Option(help="Longest text.")]
Lines = Annotated[int, typer.Option(help="Go on past N - 1 end marks.")]
Penalty = Annotated[
    float, typer.Option(help="Above 1, tokens already seen become less likely (CTRL).")
]
Seed = Annotated[int | None, typer.Option(help="Of the draws.  [default: drawn, and said]")]
Precision = Annotated[
    str, typer.Option(help="Of matrix products: fp32, bf16, or auto, the faster of them here.")
]
Stream = Annotated[
    bool, typer.Option("--stream", help="Print tokens as they are drawn.  [default: no]")
]


def sample(
    model: options.Model = "",
    prompt: Prompt = "",
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
    precision: Precision = "auto",
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON Lines, one a text.  [default: text]")
    ] = False,
) -> None:
    """Write new text with a language model; it never writes the unknown word.

    \b
    Examples:
      seqcli sample --model char.pt --max-tokens 300 --seed 1
      seqcli sample --model char.pt --prompt "The old" --temperature 0.7 --count 3
    """
    path = options.model_path(model)
    _check(temperature, top_k, top_p, count, max_tokens, lines, repetition_penalty, seed)
    if precision not in ("auto", "fp32", "bf16"):
        raise ConfigError(f"unknown precision {precision!r}", "one of: auto, fp32, bf16")
    if stream and (count > 1 or as_json):
        raise ConfigError(
            "--stream prints one text as it grows: not with --count or --json",
            "leave out --stream",
        )
    options.described(path)  # refused, if at all, before torch is imported
    with interrupts.at_once():
        from seqcli.answers.drawing import Options
        from seqcli.answers.loading import load_model
        from seqcli.kinds.language_model import LanguageModel

    loaded = load_model(path, device=device, threads=threads)
    kind = loaded.kind
    if not isinstance(kind, LanguageModel):
        raise SeqcliError(
            f"{path}: a classifier, `sample` needs a language model",
            f'seqcli classify --model {path} "a text" asks it for labels',
        )
    wanted = Options(
        temperature=temperature or 1.0,
        greedy=greedy or temperature == 0,
        top_k=top_k,
        top_p=top_p,
        repetition_penalty=repetition_penalty,
        max_tokens=max_tokens,
        lines=lines,
    )
    _sample(loaded, kind, _prompt(prompt), wanted, seed, count, precision, stream, quiet, as_json)


def _check(
    temperature: float,
    top_k: int,
    top_p: float,
    count: int,
    max_tokens: int,
    lines: int,
    penalty: float,
    seed: int | None,
) -> None:
    """Refuse values without a meaning; NaN fails every comparison."""
    rules = {
        "--temperature: 0 or more expected": temperature >= 0 and math.isfinite(temperature),
        "--top-k: 0 or more expected": top_k >= 0,
        "--top-p: more than 0, at most 1 expected": 0 < top_p <= 1,
        f"--count: 1 to {MOST} expected": 1 <= count <= MOST,
        f"--max-tokens: 1 to {MOST} expected": 1 <= max_tokens <= MOST,
        f"--lines: 1 to {MOST} expected": 1 <= lines <= MOST,
        "--repetition-penalty: more than 0 expected": penalty > 0 and math.isfinite(penalty),
        "--seed: 0 or more expected": seed is None or 0 <= seed < 2**63,
    }
    for rule, kept in rules.items():
        if not kept:
            raise ConfigError(rule, "seqcli sample --help lists the options")


def _prompt(text: str) -> str:
    if text != "-":
        return text
    from seqcli.readers.lines import lines

    return "\n".join(lines("-"))


def _sample(
    loaded: Loaded,
    kind: LanguageModel,
    prompt: str,
    wanted: Options,
    seed: int | None,
    count: int,
    precision: str,
    stream: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    from seqcli.answers.sampling import TOGETHER, Specials, generate
    from seqcli.machine.device import choose_precision, keep_freed_memory
    from seqcli.nn.models import LanguageModel as Network
    from seqcli.nn.stepping import bfloat16_pays

    context, unknown = kind.context(prompt)
    if unknown:
        shown = ", ".join(repr(word) for word in dict.fromkeys(unknown))
        say(f"unknown in the prompt: {shown}")
    if seed is None:
        seed = _drawn_seed(quiet or wanted.greedy)
    keep_freed_memory()
    network, device = cast(Network, loaded.model), loaded.runtime.device
    pays = device.type == "cpu" and bfloat16_pays(network, min(count, TOGETHER))
    texts = generate(
        network,
        context,
        Specials(kind.vocab.unknown, kind.vocab.end),
        wanted,
        seed=seed,
        count=count,
        half=choose_precision(precision, device, pays) == "bf16",
        poll=interrupts.poll,
        tell=_teller(kind, prompt) if stream else None,
    )
    for number, drawn in enumerate(texts):
        if stream:
            answer("")
        elif as_json:
            answer_json(_record(kind, prompt, drawn))
        else:
            parted = number and kind.unit == "characters"
            answer(("\n" if parted else "") + printable(_whole(kind, prompt, drawn)))


def _drawn_seed(quiet: bool) -> int:
    """A seed, said aloud so that the texts can be had again."""
    import secrets

    seed = secrets.randbelow(2**31)
    if not quiet:
        say(f"seed {seed}")
    return seed


def _record(kind: LanguageModel, prompt: str, drawn: Drawn) -> dict[str, object]:
    return {
        "prompt": prompt,
        "text": kind.text(drawn.ids),
        "tokens": len(drawn.ids),
        "logprob": drawn.logprob,
        "stopped": drawn.stopped,
    }


def _whole(kind: LanguageModel, prompt: str, drawn: Drawn) -> str:
    """Prompt and text."""
    text = kind.text(drawn.ids)
    return prompt + _space(kind, prompt, text) + text


def _space(kind: LanguageModel, before: str, after: str) -> str:
    """What parts two pieces of text: a space between words, unless there is white space."""
    if kind.unit != "words" or not before or not after:
        return ""
    return "" if before[-1].isspace() or after[0].isspace() else " "


def _teller(kind: LanguageModel, prompt: str) -> Callable[[int], None]:
    """Prints the prompt now, and each token when it is drawn."""
    before = prompt

    def write(text: str) -> None:
        sys.stdout.buffer.write(printable(text).encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()

    def tell(token: int) -> None:
        nonlocal before
        text = kind.between if token == kind.vocab.end else kind.text([token])
        write(_space(kind, before, text) + text)
        before = text

    write(prompt)
    return tell


def printable(text: str) -> str:
    """Text with its line breaks and tabs, all other control characters as escapes."""
    return "\n".join("\t".join(map(safe, line.split("\t"))) for line in text.split("\n"))
