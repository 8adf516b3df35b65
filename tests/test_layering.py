"""Structure of the code: no import cycles, packages in order, short files."""

import ast
import graphlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("pgan_tf", "configs", "metrics")
LONGEST = 440  # lines of a file of code; files of TABLES may be longer
TABLES = {"emoji_groups.py", "options.py"}

# Packages in order: each may import only earlier ones.
ORDER = ("layers", "networks", "losses", "training")


def _modules():
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    names = {}
    for path in [*files, ROOT / "dataset_tool.py"]:
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


MODULES = _modules()


def _imports(name):
    """Returns our modules that a module imports, in functions and for type hints too."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in MODULES else node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return {module for module in found if module in MODULES and module != name}


GRAPH = {name: _imports(name) for name in MODULES}


def test_modules_import_each_other_without_cycles():
    # `from pgan_tf import x` does not run the imports that pgan_tf/__init__.py makes lazily.
    graph = {name: needs - {"pgan_tf"} for name, needs in GRAPH.items()}
    try:
        list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("early", range(len(ORDER) - 1))
def test_packages_import_only_earlier_packages(early):
    for name, needs in GRAPH.items():
        if name.startswith(f"pgan_tf.{ORDER[early]}"):
            later = tuple(f"pgan_tf.{package}" for package in ORDER[early + 1 :])
            assert not [n for n in needs if n.startswith(later)], name


def test_the_library_needs_neither_metrics_nor_command_lines():
    programs = {f"pgan_tf.{name}" for name in ("train", "generate", "demo", "project")}
    programs.add("metrics.run")
    for name, needs in GRAPH.items():
        if name.startswith("pgan_tf") and name not in programs:
            assert not [n for n in needs if n.startswith("metrics")], name
            assert not needs & programs, name
        if name.startswith("pgan_tf.data"):
            assert not [n for n in needs if n.startswith(("pgan_tf.net", "pgan_tf.train"))], name


def test_files_are_short():
    long = {
        str(path.relative_to(ROOT)): count
        for path in MODULES.values()
        if path.name not in TABLES
        and (count := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert not long
