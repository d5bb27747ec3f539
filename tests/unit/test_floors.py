"""The house's one rule: a file imports only what stands above it in the listing, and no cycles."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Top floor first, as in docs/architecture.md; a folder's files may import each other.
LISTING = """
F0 seqcli errors interrupts settings config files formulas table
F1 counting taskfile tokens growing sequences vocab splits metrics ngrams readers vectors
F1 labeled corpus idcache outline filecheck
F2 distributed device nn batching optim
F3 kinds
F4 evaluation pace training checkpoint modelfile transfer drawing sampling plots
F5 runfolder record resume run loading mistakes prediction explanation output_tables api
F6 cli __main__
"""
ORDER = [name for floor in LISTING.strip().splitlines() for name in floor.split()[1:]]
LAZY = {("seqcli", "seqcli.api")}  # `seqcli.load`, reached when it is asked for


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.glob("seqcli/**/*.py"))}


def place(module: str) -> str:
    """`seqcli.nn.cells` -> `nn`; the package itself is `seqcli`."""
    return module.split(".")[1] if "." in module else "seqcli"


class Imports(ast.NodeVisitor):
    """The modules of the house that a file imports, at its head or inside a function."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test).endswith("TYPE_CHECKING"):
            node.body = []
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found |= {alias.name for alias in node.names} & MODULES.keys()

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            self.found |= {inner if inner in MODULES else str(node.module)} & MODULES.keys()


def imports(module: str) -> set[str]:
    visitor = Imports()
    visitor.visit(ast.parse(MODULES[module].read_text(encoding="utf-8")))
    return {other for other in visitor.found - {module} if (module, other) not in LAZY}


@pytest.mark.parametrize("module", MODULES)
def test_a_file_imports_only_what_stands_above_it(module: str) -> None:
    assert place(module) in ORDER, f"{module} has no place in the listing"
    above = ORDER[: ORDER.index(place(module)) + 1]
    below = [other for other in sorted(imports(module)) if place(other) not in above]
    assert not below, f"{module} imports {', '.join(below)} from below"


def test_there_are_no_cycles() -> None:
    graph = {module: imports(module) for module in MODULES}
    assert list(TopologicalSorter(graph).static_order())  # raises CycleError, which names one


def test_the_listing_on_paper_is_the_listing_here() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    written = re.findall(r"^  (\w+)(?:\.py|/)? +F(\d)  ", page, re.M)
    floors = [line.split() for line in LISTING.strip().splitlines()]
    listed = [(name, floor[1:]) for floor, *names in floors for name in names]
    assert written == [pair for pair in listed if pair[0] in map(place, MODULES)]
