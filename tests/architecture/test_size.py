"""Files and functions stay short enough to be read in one go."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 300  # lines
LONGEST_FUNCTION = 40  # lines of code, its docstring not counted
FILES = sorted((ROOT / "src/lingula").rglob("*.py"))
LISTS = "records/migrations/versions"  # a migration lists columns; cutting the list would not make it clearer
READ = [path for path in FILES if LISTS not in path.as_posix()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_a_file_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", READ, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_functions_are_short(path: Path) -> None:
    long = [f"{name}: {lines}" for name, lines in functions(ast.parse(path.read_text())) if lines > LONGEST_FUNCTION]
    assert long == []


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Give each function's name and its lines without the docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node) is not None and first.end_lineno is not None:
                lines -= first.end_lineno - first.lineno + 1
            yield node.name, lines


def test_a_long_function_is_seen_and_its_docstring_is_not_counted() -> None:
    code = "def short():\n" + '    """' + "\n" * 50 + '    """\n' + "def long():\n" + "    pass\n" * 41
    assert dict(functions(ast.parse(code))) == {"short": 1, "long": 42}
