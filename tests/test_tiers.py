"""Which tests are fast, and that those start no process."""

from __future__ import annotations

import pytest

pytest_plugins = "pytester"

TESTS = """
import os, subprocess, sys
import pytest

def test_plain(): pass

@pytest.mark.heavy
def test_heavy(): subprocess.run([sys.executable, "-c", ""], check=True)

def test_subprocess(): subprocess.run([sys.executable, "-c", ""])

def test_fork():
    if not os.fork(): os._exit(0)

@pytest.fixture
def started(): subprocess.run([sys.executable, "-c", ""])

def test_fixture(started): pass

@pytest.mark.ray
def test_ray(): pass
"""


@pytest.mark.heavy
def test_a_fast_test_that_starts_a_process_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    pytester.makeini("[pytest]\nmarkers =\n fast\n heavy\n ray")
    plugin = ("-p", "tests.tiers")
    found = pytester.runpytest_inprocess(*plugin)
    found.assert_outcomes(passed=3, failed=2, errors=1)
    assert found.stdout.str().count("mark it `heavy`") >= 3
    listed = pytester.runpytest_inprocess(*plugin, "-m", "fast", "--collect-only", "-q")
    names = [line.partition("::")[2] for line in listed.outlines if "::" in line]
    assert names == ["test_plain", "test_subprocess", "test_fork", "test_fixture"]


def test_files_with_the_longest_tests_come_first(pytester: pytest.Pytester) -> None:
    test = "import pytest\n{}\ndef test_it(): pass"
    for name, mark in (("a", ""), ("b", "heavy"), ("c", "ray"), ("d", "cluster"), ("e", "")):
        line = f"@pytest.mark.{mark}" if mark else ""
        pytester.makepyfile(**{f"test_{name}": test.format(line)})
    pytester.makeini("[pytest]\nmarkers =\n cluster\n fast\n heavy\n ray")
    listed = pytester.runpytest_inprocess("-p", "tests.tiers", "--collect-only", "-q")
    files = [line.partition("::")[0] for line in listed.outlines if "::" in line]
    assert files == [f"test_{name}.py" for name in "dcbae"]
