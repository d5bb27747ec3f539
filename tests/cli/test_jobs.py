"""Everyday jobs as somebody types them. `…` stands for whatever; `# Ctrl-C` for a hand on it."""

from __future__ import annotations

import random
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seqcli.cli.app import app
from seqcli.interrupts import interrupts
from seqcli.runs import run as runs
from seqcli.training.loop import Stepped

pytestmark = pytest.mark.usefixtures("no_pictures")
TASK = """\
kind = "classifier"

[model]
embed = 8
hidden = [8]
read_out = ["max"]

[train]
epochs = 8
batch_size = 8
lr = 0.05
select = "loss"

[preset.quick.train]
epochs = 1
"""
TEAMS = {
    "billing": ["card", "charged", "refund", "fee", "bill", "payment"],
    "delivery": ["parcel", "courier", "late", "delivery", "lamp", "arrived"],
    "technical": ["app", "crashes", "login", "error", "screen", "update"],
}
PLAIN = ["my", "the", "is", "when", "I", "please", "again", "was", "it", "and"]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with mine.toml, tickets.csv, names.txt."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    draw = random.Random(4)
    rows = ["id,what,team"]
    for number in range(90):
        team = list(TEAMS)[number % 3]
        words = [*draw.choices(PLAIN, k=4), *draw.choices(TEAMS[team], k=2)]
        draw.shuffle(words)
        rows.append(f'{number},"{" ".join(words)}, {number}",{team}')
    (tmp_path / "tickets.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "mine.toml").write_text(TASK)
    names = ("Anna", "Hanna", "Nina", "Ina", "Tina", "Jana", "Jonna", "Ninja")
    (tmp_path / "names.txt").write_text("".join(f"{draw.choice(names)}\n" for _ in range(200)))
    return tmp_path


def transcript(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Type every line behind a `$`; what stands below must be what comes, stderr and stdout."""
    for block in re.split(r"^\$ ", text.strip(), flags=re.M)[1:]:
        command, _, expected = block.partition("\n")
        shown = typed(command, monkeypatch).strip()
        pattern = re.escape(expected.strip()).replace("…", ".*")
        assert re.fullmatch(pattern, shown, re.S), f"$ {command}\n{shown}"


def typed(command: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a command shows: seqcli's in this process, as torch need not be loaded again."""
    command, stop, step = command.partition("  # Ctrl-C after step ")
    before, _, last = command.rpartition(" | ")
    words = shlex.split(last)
    if words[0] != "seqcli":
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
        return done.stdout
    stdin = subprocess.run(before, shell=True, capture_output=True, check=True).stdout
    if words[1] in ("train", "eval") and "--list" not in words:
        words += ["--threads", "1"]
    with monkeypatch.context() as patched:
        if stop:
            whole = runs.run
            patched.setattr(runs, "run", lambda job: until(whole(job), int(step)))
        result = CliRunner().invoke(app, words[1:], input=stdin)
    interrupts.requested = 0
    assert not isinstance(result.exception, AssertionError)
    assert "Traceback" not in result.output
    return result.output


def until(events: Iterator[runs.RunEvent], step: int) -> Iterator[runs.RunEvent]:
    for event in events:
        step -= isinstance(event, Stepped)
        if step == 0:
            interrupts.requested = signal.SIGINT
        yield event


COLUMNS = "--text-column what --label-column team"


def test_a_ticket_router(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript(
        f"""
$ seqcli train --task mine.toml --data tickets.csv {COLUMNS} --quiet
valid: loss … accuracy …% macro-F1 … (majority …%)
test: loss … accuracy …% macro-F1 … (majority …%)
worst label: … (F1 …, 6 examples in test)
model: mine.pt
$ seqcli classify --model mine.pt "the parcel was late" "my card was charged"
delivery\t…
billing\t…
$ seqcli classify --model mine.pt --input tickets.csv --output answers.csv
answers.csv: 90 rows
$ head -2 answers.csv
id,what,team,label,prob
0,"…",billing,billing,0.…
$ head -2 tickets.csv | seqcli classify --model mine.pt -
stdin: read as csv, the text is in 'what' (--format lines: as it is)
billing\t0.…
$ mkdir mails && echo "the parcel was late" > mails/2.txt && echo "my card" > mails/1.txt
$ seqcli classify --model mine.pt mails/1.txt
'mails/1.txt' is the name of a file: it is read as a text itself; --input FOLDER reads …
…\t0.…\tunknown …
$ seqcli classify --model mine.pt --input mails
billing\t0.…
delivery\t0.…
$ echo '90,"late, late again",delivery' >> tickets.csv
$ seqcli eval --model mine.pt --data tickets.csv --exclude-trained --json
mine.pt on tickets.csv: all of it, 91 texts
66 of 91 texts are some that it was trained on: left out
{{"split": "all", "trained": 66, "kind": "classifier", "count": 25, …
""",
        monkeypatch,
    )


def test_a_stream_of_lines(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript(
        f"""
$ seqcli train --task mine.toml --data tickets.csv {COLUMNS} --out log.pt --quiet
…model: log.pt
$ printf 'refund my bill\\nthe app crashes\\n' | seqcli classify --model log.pt -
billing\t0.…
technical\t0.…
$ printf '{{"what": "refund my bill"}}\\n{{"what": "qqq"}}\\n' | seqcli classify --model log.pt -
stdin: read as JSON, the text is in 'what' (--format lines: as it is)
billing\t0.…
…\t0.…\tunknown …
$ printf 'refund my bill\\nqqq\\n' | seqcli classify --model log.pt - --max-unknown 0.5
billing\t0.…
\t0.…\tunknown 1.00
""",
        monkeypatch,
    )


NAMES = "--task char --data names.txt --set data.document=line --hidden 32 --layers 1 --embed 8"


def test_a_generator_of_names(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = f"seqcli train {NAMES} --batch-size 4 --max-steps 60 --lr 0.02 --quiet"
    assert typed(quick, monkeypatch).splitlines()[-1] == "model: char.pt"
    shown = typed("seqcli sample --model char.pt --count 6 --max-tokens 9 --seed 3", monkeypatch)
    names = [line for line in shown.splitlines() if "cut at --max-tokens" not in line]
    assert len(names) == 6  # one a line, nothing between
    assert max(map(len, names)) <= 9


def test_interrupt_and_resume(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript(
        f"""
$ seqcli train --task mine.toml --data tickets.csv {COLUMNS} --quiet  # Ctrl-C after step 3
interrupted in epoch 1 of 8, step 3, loss …; all is saved
to go on: seqcli train --resume mine.run
to try it: seqcli classify --model mine.run/last.pt "your text"
$ seqcli classify --model mine.run/last.pt "your text"
mine.run/last.pt: the state of a run; its model at step 3, not evaluated yet
…\t0.…
$ seqcli train --resume mine.run
…resumed at epoch 1, step 3
epoch 1/8 …
done in … s, 8 epochs: kept best epoch …, by loss
valid: …
test: …
worst label: …
model: mine.pt
run:   mine.run (log, settings, pictures)
state: mine.run/last.pt (…
$ seqcli train --resume mine.run --quiet
valid: …
test: …
worst label: …
model: mine.pt
$ seqcli train --resume mine.run --hidden 9
error: --resume with other settings: model.hidden was [8], is [9]
hint: …
""",
        monkeypatch,
    )


def test_a_budget(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript(
        f"""
$ seqcli params lstm --input 30 --budget 2100
The largest hidden size within the budget is 12.
…
output: B sequences in a batch, T steps
formula: [directions *] [gates *] (units*(inputs + units) + biases of a gate)
total 2,064 parameters; …
$ seqcli train --task mine.toml --data tickets.csv {COLUMNS} --max-time 0.000001 --quiet
…model: mine.pt
$ seqcli train --task mine.toml --data tickets.csv {COLUMNS} --epochs 1 --out b.pt
…
only 9 updates in all (1 epoch of 9): a smaller --batch-size gives more
epoch 1/1 …
""",
        monkeypatch,
    )


def test_a_task_file_of_one_s_own(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript(
        f"""
$ sed -i 's/preset.quick.train/preset.quick/; s/batch_size/batchsize/' mine.toml
$ seqcli train --task mine.toml --data tickets.csv {COLUMNS}
error: mine.toml, line 10: unknown setting in [train] 'batchsize'
hint: did you mean 'batch_size'?
$ sed -i 's/batchsize/batch_size/' mine.toml
$ seqcli train --task mine.toml --data tickets.csv {COLUMNS}
error: mine.toml, line 15: preset quick: epochs stands in no section
hint: write [preset.quick.train] above it
$ sed -i 's/preset.quick/preset.quick.train/' mine.toml
$ ls
mine.toml
names.txt
tickets.csv
$ seqcli train --task mine.toml --preset quick --data tickets.csv {COLUMNS} --quiet
…model: mine-quick.pt
$ seqcli train --list mine.toml
mine
  kind      classifier

mine, preset quick
  kind      classifier
""",
        monkeypatch,
    )


def test_from_python(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas

    import seqcli

    train = f"seqcli train --task mine.toml --data tickets.csv {COLUMNS} --quiet"
    assert typed(train, monkeypatch)
    model = seqcli.load("mine.pt", threads=1)
    tickets = pandas.read_csv("tickets.csv")
    late = tickets[tickets["what"].str.contains("late")]
    tickets["label"] = model.classify(late["what"])["label"]
    assert tickets["label"].notna().sum() == len(late)
    assert (tickets["label"].dropna() == tickets["team"][late.index]).mean() > 0.7
    with pytest.raises(TypeError, match="a list of texts expected"):
        model.classify("one text")
    with pytest.raises(seqcli.SeqcliError, match="cannot be read"):
        seqcli.load("nine.pt")


def test_a_model_that_moved(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript(
        f"""
$ seqcli train --task mine.toml --data tickets.csv {COLUMNS} --epochs 1 --quiet
…model: mine.pt
$ mkdir archive && mv mine.pt mine.run archive && mv tickets.csv old.csv
$ seqcli eval --model archive/mine.pt
error: …tickets.csv: the data this model was trained on is not there
hint: --data PATH names the data to score
$ seqcli eval --model archive/mine.pt --data old.csv --json
archive/mine.pt on old.csv: test split, 18 texts
old.csv is the training data: the recorded split is used
{{"split": "test", …
$ seqcli train --resume archive/mine.run --data old.csv --epochs 2 --quiet
…model: archive/mine.pt
""",
        monkeypatch,
    )


def test_a_published_figure(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript(
        f"""
$ seqcli train --list ptb
…
ptb, preset small
  what      Zaremba et al. 2014, small: 2 x 200 LSTM without dropout
  kind      language-model
…
  figure    test perplexity 114.8, valid 118.2 (seed 1)
  published test perplexity 116.7 (valid 122.3, train 36.9)
  time      …
  command   seqcli train --task ptb --preset small --data ptb/
…
$ seqcli train --task mine.toml --data tickets.csv {COLUMNS} --quiet --out a.pt
…
$ seqcli train --task mine.toml --data tickets.csv {COLUMNS} --quiet --out b.pt --cell gru
…
$ seqcli eval --model a.pt --model b.pt
a.pt on …tickets.csv: test split, 18 texts
b.pt on …tickets.csv: test split, 18 texts
model …
a.pt …
b.pt …

b.pt less a.pt, 18 rows
  loss      … 95 % interval … to …
  accuracy  … 95 % interval … to …
  right where the other is wrong: …, the other way round: …
  McNemar's p …
""",
        monkeypatch,
    )


def test_cleaning_up(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript(
        f"""
$ seqcli train --task mine.toml --data nowhere.csv
error: nowhere.csv: …
$ seqcli train --task mine.toml --data tickets.csv {COLUMNS} --keep-state no --quiet
…model: mine.pt
$ ls mine.run
config.toml
confusion.png
curves.png
lock
log.jsonl
$ rm -r mine.run
$ seqcli classify --model mine.pt "the parcel"
delivery\t0.…
$ ls
mine.pt
mine.toml
names.txt
tickets.csv
""",
        monkeypatch,
    )
