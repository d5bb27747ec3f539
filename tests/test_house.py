"""The house's one rule: a folder imports only what stands above it, and there are no cycles."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))
import generate_house  # noqa: E402

LAZY = {("seqcli", "seqcli.api")}  # `seqcli.load`, reached when it is asked for
ORDER = [
    place
    for folder, names in generate_house.FOLDERS
    for place in ([folder] if folder else ["seqcli" if n == "__init__" else n for n in names])
]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.glob("seqcli/**/*.py"))}


def place(module: str) -> str:
    """`seqcli.nn.cells` -> `nn`; the package itself is `seqcli`."""
    return module.split(".")[1] if "." in module else "seqcli"


def imports(module: str) -> set[str]:
    """What of the house a file imports: at its head, in a function, for the type checker alone."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & MODULES.keys() or {str(node.module)}
    found &= MODULES.keys() - {module}
    return {other for other in found if (module, other) not in LAZY}


@pytest.mark.parametrize("module", MODULES)
def test_a_file_imports_only_what_stands_above_it(module: str) -> None:
    assert place(module) in ORDER, f"{module} has no place in the listing"
    above = ORDER[: ORDER.index(place(module)) + 1]
    below = [other for other in sorted(imports(module)) if place(other) not in above]
    assert not below, f"{module} imports {', '.join(below)} from below"


def test_there_are_no_cycles() -> None:
    graph = {module: imports(module) for module in MODULES}
    assert list(TopologicalSorter(graph).static_order())  # raises CycleError, which names one


def test_every_file_is_in_the_listing() -> None:
    assert set(map(place, MODULES)) == set(ORDER)


def test_the_page_shows_the_house_as_it_is() -> None:
    assert generate_house.page() == generate_house.PAGE.read_text(encoding="utf-8"), "make docs"
