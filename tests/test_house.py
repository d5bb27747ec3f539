"""The house's one rule: a folder imports only what stands above it, and there are no cycles."""

import ast
import re
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))
import generate_house  # noqa: E402

from seqcli.kinds import KINDS  # noqa: E402

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


KIND_FOLDERS = sorted(path.parent.name for path in ROOT.glob("seqcli/kinds/*/__init__.py"))
SPELLED = {spec.name for spec in KINDS.values()} | {*KIND_FOLDERS}
OWN = ("seqcli.kinds.", "seqcli.nn.")


def strings(module: str) -> set[str]:
    """The string constants of a file, without its docstrings."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    said = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return {
        str(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
    }


@pytest.mark.parametrize("module", [name for name in MODULES if not f"{name}.".startswith(OWN)])
def test_nothing_outside_its_folder_names_a_kind(module: str) -> None:
    named = {text for text in strings(module) if text in SPELLED}
    folders = tuple(f"seqcli.kinds.{name}" for name in KIND_FOLDERS)
    named |= {other for other in imports(module) if other.startswith(folders)}
    assert not named


@pytest.mark.parametrize("name", KIND_FOLDERS)
def test_a_kind_knows_no_other(name: str) -> None:
    own = f"seqcli.kinds.{name}"
    others = {f"seqcli.kinds.{other}" for other in KIND_FOLDERS} - {own}
    inside = [module for module in MODULES if module.startswith(own)]
    assert inside
    for module in inside:
        for other in imports(module):
            assert not other.startswith(tuple(others)), f"{module} imports {other}"


def test_what_is_drawn_in_training_is_drawn_by_chance_alone() -> None:
    """Threads share batches: of one generator they would take numbers in the order they come."""
    drawing = re.compile(r"torch\.rand|F\.dropout|nn\.Dropout|\.bernoulli_|torch\.multinomial")
    own = {"chance.py", "dropout.py"}
    for folder in ("nn", "kinds"):
        for path in (ROOT / "seqcli" / folder).rglob("*.py"):
            if path.name not in own:
                assert not drawing.search(path.read_text(encoding="utf-8")), path
