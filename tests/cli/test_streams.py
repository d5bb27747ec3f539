"""Closed and full streams, hostile strings, wrong files: words, never a traceback."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_models import write_model


def run(
    script: str, folder: Path, shell: dict[str, str], **variables: str
) -> subprocess.CompletedProcess[str]:
    """A line of shell with `seqcli` on the path."""
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**shell, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    assert "internal" not in done.stderr
    return done


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "m.pt")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("seqcli params lstm --input 3 >&-", 0),
        ("seqcli params lstm 2>&-", 2),
        ("seqcli params lstm --input 3 > /dev/full", 1),
        ("seqcli train --list | true; exit ${PIPESTATUS[0]}", 0),
        ("seqcli --help | true; exit ${PIPESTATUS[0]}", 0),
        ("seqcli classify --model m.pt - <&-", 0),
        ("seqcli classify --model m.pt hi >&-", 0),
        ("mkfifo f; seqcli params --model f", 1),
        ("seqcli params --model /dev/zero", 1),
        ("ln -s /dev/zero z.toml; seqcli train --task z.toml", 1),
        ("ln -s l l; seqcli train --task text --data l", 1),
        (f"seqcli eval --model {'n' * 300}", 1),
        ("mkdir g; cd g; rmdir ../g; seqcli params lstm --input 3", 1),
        ("seqcli train --task spam --out ''", 2),
        ("seqcli train --task spam --data -", 2),
    ],
)
def test_streams_and_odd_files(script: str, code: int, model: Path, shell: dict[str, str]) -> None:
    done = run(script, model.parent, shell)
    assert done.returncode == code, done.stderr
    if code and "2>&-" not in script:
        assert "\nerror: " in f"\n{done.stderr}"


def test_output_is_utf8_whatever_the_locale(model: Path, shell: dict[str, str]) -> None:
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = run("seqcli params lstm --input 3", model.parent, shell, **plain)
    assert done.returncode == 0


def test_json_carries_nothing_that_steers_a_terminal(model: Path, shell: dict[str, str]) -> None:
    text = "\x1b[31m\u009b31m\x7f\u202e"
    done = run('seqcli classify --model m.pt --json "$TEXT"', model.parent, shell, TEXT=text)
    line = done.stdout.rstrip("\n")
    assert line.isprintable()
    assert json.loads(line)["text"] == text


@pytest.mark.parametrize("option", ["--data", "--task", "--init-from", "--vectors"])
def test_out_is_never_an_input(option: str, model: Path, shell: dict[str, str]) -> None:
    (model.parent / "in.toml").write_text('kind = "classifier"\n', encoding="utf-8")
    before = (model.parent / "in.toml").read_bytes()
    rest = "--data ." if option == "--task" else "--task spam"
    script = f"seqcli train {rest} {option} in.toml --out in.toml --force"
    done = run(script, model.parent, shell)
    assert done.returncode == 2
    assert "--out" in done.stderr
    assert (model.parent / "in.toml").read_bytes() == before


def test_resume_overwrites_nothing_it_did_not_write(model: Path, shell: dict[str, str]) -> None:
    before = model.read_bytes()
    done = run("seqcli train --task spam --out m.pt --resume", model.parent, shell)
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert model.read_bytes() == before


@pytest.mark.parametrize("section", ["preset", "about", "expected"])
def test_a_task_file_s_tables_are_tables(
    section: str, tmp_path: Path, shell: dict[str, str]
) -> None:
    text = f'{section} = 3\nkind = "classifier"\n'
    (tmp_path / "t.toml").write_text(text, encoding="utf-8")
    done = run("seqcli train --task t.toml", tmp_path, shell)
    assert done.returncode == 2
    assert section in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("wait", [0.05, 0.2, 0.6])
def test_a_signal_while_starting(
    number: signal.Signals, wait: float, model: Path, shell: dict[str, str]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "seqcli", "classify", "--model", "m.pt", "-"],
        cwd=model.parent,
        env=shell,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(wait)
    os.kill(process.pid, number)
    _, told = process.communicate(timeout=30)
    # Before Python has started the system's own way of ending counts.
    assert process.returncode in (128 + number, -number, 1 if wait < 0.1 else 128 + number)
    assert wait < 0.1 or "Traceback" not in told


@pytest.mark.parametrize("options", ["--allow-changed-data", "--data a.tsv --set data.path=b.tsv"])
def test_options_that_mean_nothing_together(
    options: str, tmp_path: Path, shell: dict[str, str]
) -> None:
    done = run(f"seqcli train --task spam {options}", tmp_path, shell)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


def test_one_of_several_ranks_leaves_the_interpreter_standing(
    tmp_path: Path, shell: dict[str, str]
) -> None:
    """Gloo's threads still want it; they would abort the process while it is taken down."""
    script = (
        "import atexit, sys; atexit.register(print, 'taken down'); "
        "from seqcli.cli.app import app; sys.argv = ['seqcli', 'params', 'lstm', '--input', '3']; "
        "app()"
    )
    line = f'{sys.executable} -c "{script}"'
    alone = run(line, tmp_path, shell)
    shared = run(line, tmp_path, shell, WORLD_SIZE="2", RANK="0")
    assert (alone.returncode, shared.returncode) == (0, 0)
    assert alone.stdout == f"{shared.stdout}taken down\n"
    assert "total" in shared.stdout
