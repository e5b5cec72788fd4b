"""The shape of the house: import direction, no cycles, the line budget, light import."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "microgd"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TOP_LEVEL = {"pyproject.toml", "README.md", "microgd", "tests", "notebooks", "benchmarks", "LICENSE", "CHANGELOG.md"}

# Which parts of the package each part may import when it is itself imported.
MAY_IMPORT = {
    "autograd": {"autograd"},
    "compiler": {"autograd", "compiler"},
    "nn": {"autograd", "compiler", "data", "nn"},
    "data": {"autograd", "data"},
    "viz": {"autograd", "nn", "viz"},
    "distributed": {"autograd", "compiler", "nn", "data", "distributed"},
}
BUDGET = {"autograd": 4_000, "": 12_500}


def part_of(module: str) -> str:
    return module.split(".")[1] if module.count(".") else ""


def imports_of(module: str, *, inside_functions: bool) -> set[str]:
    """Return what a module imports, as absolute names of modules."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    guarded = {
        node
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and "TYPE_CHECKING" in ast.unparse(test.test)
        for node in ast.walk(test)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if node in guarded or (node in inside) != inside_functions:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - (node.level - 1)] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            found |= {f"{base}.{a.name}" if f"{base}.{a.name}" in MODULES else base for a in node.names}
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module: str) -> None:
    part = part_of(module)
    if part not in MAY_IMPORT:
        return
    parts = {part_of(name) for name in imports_of(module, inside_functions=False) if name.startswith("microgd.")}
    assert parts <= MAY_IMPORT[part], f"{module} imports {parts - MAY_IMPORT[part]}"


def test_there_are_no_import_cycles() -> None:
    graph = {m: {n for n in imports_of(m, inside_functions=False) if n in MODULES and n != m} for m in MODULES}
    done: set[str] = set()
    while remaining := {m: needs - done for m, needs in graph.items() if m not in done}:
        free = {m for m, needs in remaining.items() if not needs}
        assert free, f"these import one another in a circle: {sorted(remaining)}"
        done |= free


def code_lines(path: Path) -> int:
    """Count lines of code: no blank lines, comments or docstrings."""
    text = path.read_text(encoding="utf-8")
    ignored = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in ignored:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            docstring = node.body[0]
            lines -= set(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
    return len(lines)


@pytest.mark.parametrize("part", BUDGET)
def test_the_line_budget_is_kept(part: str) -> None:
    count = sum(code_lines(path) for path in (PACKAGE / part).rglob("*.py"))
    assert count <= BUDGET[part], f"{count} lines of code in microgd/{part}"


def test_counting_lines_counts_code_only(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text('"""Doc."""\n\n# comment\nx = 1\n\n\ndef f() -> str:\n    """Doc."""\n    return """a\nb"""\n')
    assert code_lines(file) == 4


def test_importing_microgd_loads_numpy_and_nothing_else_that_is_heavy() -> None:
    program = "import numpy, sys; before = set(sys.modules); import microgd; print(*(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    packages = {name.split(".")[0] for name in loaded} - {"microgd"}
    assert not packages & {
        "tqdm",
        "graphviz",
        "pygraphviz",
        "matplotlib",
        "scipy",
        "pandas",
        "sklearn",
        "IPython",
        "dask",
    }
    assert not [name for name in loaded if name.startswith(("microgd.viz", "microgd.distributed"))]


def test_the_top_level_is_as_agreed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    names = {line.split("/")[0] for line in listed if line}
    if not names:
        pytest.skip("not a git checkout")
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL
