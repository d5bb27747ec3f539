"""The wheel holds what it should and works away from the checkout."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


def run(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and the wheel that was built out of it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("seqcli-*-py3-none-any.whl")
    return found


@pytest.fixture(scope="module")
def seqcli(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh environment: the wheel, and this environment's packages below it."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    run(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index"),
        wheel,
        cwd=folder,
    )
    packages = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder
    )
    # A path in a .pth file is only searched: an editable seqcli down there stays out of sight.
    link = Path(packages.strip()) / "dependencies.pth"
    link.write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    where = run(python, "-c", "import seqcli; print(seqcli.__file__)", cwd=folder)
    assert where.startswith(str(folder))
    return folder / "bin" / "seqcli"


def test_what_the_wheel_holds(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    samples = {"spam.tsv", "reviews.tsv", "tale.txt", "README.md", "words/words.train.txt"}
    assert names >= {f"seqcli/sample_data/{name}" for name in samples}
    tasks = {path.name for path in (ROOT / "seqcli" / "tasks").glob("*.toml")}
    assert names >= {f"seqcli/tasks/{name}" for name in tasks}
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "seqcli").rglob("*.py")}
    assert names >= code | {"seqcli/py.typed"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"seqcli"}
    strange = ("generate.py", "grammar", "__pycache__", "cache", ".pt")
    assert not [name for name in names if any(part in name for part in strange)]


def test_what_the_source_archive_holds(built: Path) -> None:
    (archive,) = built.glob("seqcli-*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    wanted = "Makefile constraints.txt LICENSE README.md sample_data/generate.py tests/conftest.py"
    assert names >= set(wanted.split())
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pt")]


def test_it_counts_away_from_the_checkout(seqcli: Path, tmp_path: Path) -> None:
    stdout = run(seqcli, "params", "lstm", "--hidden", "12", "--input", "30", cwd=tmp_path)
    assert "2,064" in stdout


def test_it_trains_away_from_the_checkout(seqcli: Path, tmp_path: Path) -> None:
    run(seqcli, "train", "--task", "spam", "--epochs", "1", cwd=tmp_path)
    assert (tmp_path / "spam.pt").is_file()
    assert "accuracy" in run(seqcli, "eval", "--model", "spam.pt", cwd=tmp_path)
    answers = run(seqcli, "classify", "--model", "spam.pt", "WIN a prize", "hello", cwd=tmp_path)
    assert len(answers.splitlines()) == 2
