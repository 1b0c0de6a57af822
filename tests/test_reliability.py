"""No row of the README's table is there without a test that passed, and no test without its row."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.reliability import END, START, Row, read_table, write_table

ROOT = Path(__file__).resolve().parents[1]
pytest_plugins = "pytester"


def marked_tests() -> list[tuple[str, str, str]]:
    """Arguments of the marker `survives` and the file, of every test that has it."""
    found = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for decorator in getattr(node, "decorator_list", ()):
                if ast.unparse(decorator).startswith("pytest.mark.survives("):
                    what, then = (ast.literal_eval(one) for one in decorator.args)
                    found.append((what, then, path.relative_to(ROOT).as_posix()))
    return found


def test_the_table_has_a_row_for_every_test_that_passed_and_no_other() -> None:
    rows = read_table(ROOT / "README.md")
    marked = marked_tests()
    assert len({what for what, _, _ in marked}) == len(marked), "a row belongs to one test"
    if not rows:
        pytest.skip("no `make reliability` has written the table yet")
    assert sorted(row[:3] for row in rows) == sorted(marked), "run `make reliability`"


TESTS = """
import pytest

@pytest.mark.survives("a good one", "all goes on")
def test_good(): pass

@pytest.mark.survives("a half one", "nothing")
@pytest.mark.parametrize("case", [0, 1])
def test_half(case): assert case

@pytest.mark.survives("one in part", "never run whole")
@pytest.mark.parametrize("case", ["this", "left out"])
def test_part(case): pass

@pytest.mark.survives("a skipped one", "nobody knows")
def test_skipped(): pytest.skip("not here")

@pytest.mark.survives("a broken one", "nobody knows")
def test_broken(nowhere): pass
"""


def test_only_what_passed_gets_a_row_and_what_fails_loses_it(pytester: pytest.Pytester) -> None:
    readme = pytester.path / "README.md"
    readme.write_text(f"before\n{START}{END}after\n")
    other = Row("another", "of a test that is not run", "tests/test_other.py", 7)
    write_table(readme, [other, Row("a half one", "nothing", "test_some.py", 3)])
    pytester.makepyfile(test_some=TESTS)
    pytester.makeini("[pytest]\nmarkers = survives")
    plugin = ("-p", "tests.reliability", f"--reliability={readme}")
    pytester.runpytest_inprocess(*plugin, "-k", "not out")
    assert read_table(readme) == [Row("a good one", "all goes on", "test_some.py", 0), other]
    assert readme.read_text().startswith("before\n")
    assert readme.read_text().endswith("after\n")
