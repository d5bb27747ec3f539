"""seqcli beside what its users would take instead: `make bench`, `make bench ROWS=ptb,startup`.

Sets the peers up in .venv-peers, runs the files of rows one after another, merges what they found
into results.json, and writes results.md, its picture and the README's table; what was found on
other kinds of processor stays. Real data from the folder that SEQCLI_DATA names, the bundled
samples otherwise.
"""

from __future__ import annotations

import argparse
import ast
import datetime
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import peers
import report
from rows import REAL

from seqcli.machine.processor import kind

HERE = Path(__file__).parent
GROUPS = (
    *(
        "ptb",
        "imdb",
        "trained",
        "texts",
        "classify",
        "tagging",
        "signals",
        "translating",
        "sampling",
        "reading",
        "startup",
    ),
    *("display", "crowded", "scaling", "growth", "floors"),
)


def machine() -> str:
    """Processor, cores, Python and the versions of what is compared."""
    try:
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    name = found[1] if found else platform.processor() or platform.machine()
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = [f"torch {importlib.metadata.version('torch')}", *peers.versions()]
    python = platform.python_version()
    return f"{count} cores of {name}, Python {python}, {', '.join(versions)}"


def measure(group: str) -> dict[str, Any] | None:
    """What a file of rows found; None where it failed, which is said."""
    print(f"== {group}", file=sys.stderr, flush=True)
    file = HERE / f"{group}.py"
    done = subprocess.run([sys.executable, file, "--json"], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        print(f"failed: {group}: exit {done.returncode}", file=sys.stderr)
        return None
    about = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    return {
        "about": about,
        "when": datetime.date.today().isoformat(),
        "data": "real data" if REAL else "bundled samples",
        "machine": machine(),
        "rows": [json.loads(line) for line in done.stdout.splitlines()],
    }


def added(
    results: dict[str, Any], processor: str, group: str, found: dict[str, Any]
) -> dict[str, Any]:
    """The results with what a file of rows found on a processor; what others found stays."""
    known = {**results.get(processor, {}), group: found}
    return {**results, processor: {name: known[name] for name in GROUPS if name in known}}


def main() -> int:
    """Exit 1 where a file of rows failed."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("rows", nargs="*", help=f"of {', '.join(GROUPS)}; all without a name")
    wanted = [name for text in asked.parse_args().rows for name in text.split(",") if name]
    if unknown := sorted(set(wanted) - set(GROUPS)):
        asked.error(f"no rows {', '.join(unknown)}; there are: {', '.join(GROUPS)}")
    peers.install()
    results = json.loads(report.RESULTS.read_text("utf-8")) if report.RESULTS.exists() else {}
    failed = 0
    for group in wanted or GROUPS:
        if found := measure(group):
            results = added(results, kind(), group, found)
            report.RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            report.write()
        else:
            failed += 1
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
