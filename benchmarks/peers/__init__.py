"""The programs seqcli is compared with, in a virtual environment of their own.

Every package is installed by itself; what does not install is left out with a line.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = Path(os.environ.get("SEQCLI_PEERS", HERE.parents[1] / ".venv-peers"))
PYTHON = FOLDER / "bin" / "python"
PACKAGES = {
    "keras": ["keras==3.15.1", "tensorflow-cpu==2.21.0"],
    "fasttext": ["fasttext-wheel==0.9.2"],
    "sklearn": ["scikit-learn==1.9.1"],
    "pycrfsuite": ["python-crfsuite==0.9.12"],
    "aeon": ["aeon==1.6.0"],
    "datasets": ["datasets==5.2.0"],
    "gensim": ["gensim==4.4.0"],
}


def install(*modules: str) -> None:
    """Make the environment, and put into it what it lacks: of these alone, if any are named."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
    for module in modules or PACKAGES:
        wanted = PACKAGES[module]
        if has(module):
            continue
        command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, *wanted], stdin=subprocess.DEVNULL, check=False)
        has.cache_clear()
        if not has(module):
            print(f"skipped: {module}: {' '.join(wanted)} did not install", file=sys.stderr)


@functools.cache
def has(module: str) -> bool:
    """Whether a peer is there."""
    if not PYTHON.exists():
        return False
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec('{module}') is None)"
    return not subprocess.run([PYTHON, "-c", code], check=False).returncode


def script(name: str, *arguments: object) -> list[str]:
    """The command that runs a file of this folder in that environment."""
    return [str(PYTHON), str(HERE / name), *map(str, arguments)]


def versions() -> list[str]:
    """Names and versions of the peers that are there."""
    if not PYTHON.exists():
        return []
    command = [str(PYTHON), "-m", "pip", "list", "--format", "freeze"]
    command += ["--disable-pip-version-check"]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    wanted = {package.split("==")[0] for packages in PACKAGES.values() for package in packages}
    known = [line.split("==") for line in found if "==" in line]
    return [f"{name} {version}" for name, version in known if name.replace("_", "-") in wanted]
