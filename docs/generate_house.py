"""Write the listing of docs/architecture.md: every folder and file with its docstring's first line.

python docs/generate_house.py
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- house -->", "<!-- /house -->"
# A folder imports only what stands before it. What has no folder comes first, or last.
FOLDERS = (
    ("", ("errors", "__init__", "interrupts", "files")),
    ("settings", ()),
    ("modelfile", ()),
    ("text", ()),
    ("readers", ()),
    ("machine", ()),
    ("nn", ()),
    ("data", ()),
    ("kinds", ()),
    ("tasks", ()),
    ("training", ()),
    ("runs", ()),
    ("answers", ()),
    ("", ("api",)),
    ("cli", ()),
    ("", ("__main__",)),
)


def listing() -> str:
    """The house as text, a line a folder or file."""
    lines = []
    for folder, names in FOLDERS:
        base = ROOT / "seqcli" / folder
        if folder:
            lines.append(_line(0, f"{folder}/", _summary(base / "__init__.py")))
            files = sorted(path for path in base.rglob("*.py") if path.name != "__init__.py")
        else:
            files = [base / f"{name}.py" for name in names]
        for path in files:
            inside = path.relative_to(base).with_suffix("").as_posix()
            lines.append(_line(1 if folder else 0, inside, _summary(path)))
    return "\n".join(lines)


def page() -> str:
    """The whole page with the listing as it is now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n```text\n{listing()}\n```\n{END}{after}"


def _line(depth: int, name: str, summary: str) -> str:
    return f"{'  ' * depth}{name:<{24 - 2 * depth}} {summary}".rstrip()


def _summary(path: Path) -> str:
    words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return words.split("\n")[0].removesuffix(".")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
