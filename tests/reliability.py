"""The README's table of what studies survive, written from the results of the tests.

A test that disturbs a study names the fault and the outcome with the marker `survives`. `make
reliability` runs these tests. A test whose cases all passed gets a row; a test with a case that
failed or was skipped loses its row. Rows of tests that did not run, or not in all cases, stay.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

START, END = "<!-- written by make reliability -->\n", "<!-- until here -->\n"
_HEAD = "| what | then | seen in | took (s) |\n|---|---|---|---|\n"


class Row(NamedTuple):
    """The fault, the outcome, the test's file, and the duration of its longest case in seconds."""

    what: str
    then: str
    test: str
    seconds: int


def read_table(readme: Path) -> list[Row]:
    """The rows that the README has."""
    inside = readme.read_text().partition(START)[2].partition(END)[0]
    found = re.findall(r"^\| (.+?) \| (.+?) \| `(.+?)` \| (\d+) \|$", inside, re.M)
    return [Row(what, then, test, int(seconds)) for what, then, test, seconds in found]


def write_table(readme: Path, rows: list[Row]) -> None:
    """Replace the rows that the README has."""
    before, start, rest = readme.read_text().partition(START)
    _, end, after = rest.partition(END)
    assert start, f"{readme} has no {START.strip()}"
    assert end, f"{readme} has no {END.strip()}"
    lines = [
        f"| {row.what} | {row.then} | `{row.test}` | {row.seconds} |\n" for row in sorted(rows)
    ]
    readme.write_text(before + start + _HEAD + "".join(lines) + end + after)


class Results:
    """Pytest plugin: collects the outcomes, and writes the table at the end of the session."""

    def __init__(self, readme: Path) -> None:
        self.readme = readme
        self.rows: dict[str, list[Row]] = {}  # by pytest's name of the case
        self.left_out: set[str] = set()  # of what some case was deselected
        self.passed: set[str] = set()
        self.seconds: dict[str, float] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            test = item.path.relative_to(session.config.rootpath).as_posix()
            self.rows[item.nodeid] = [
                Row(*marker.args, test, 0) for marker in item.iter_markers("survives")
            ]

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.left_out |= {one.args[0] for item in items for one in item.iter_markers("survives")}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        case = report.nodeid
        self.seconds[case] = self.seconds.get(case, 0.0) + report.duration
        if report.when == "call" and report.passed:
            self.passed.add(case)
        elif not report.passed:
            self.passed.discard(case)

    def pytest_sessionfinish(self) -> None:
        took: dict[Row, float] = {}
        lost = set()
        for case, rows in self.rows.items():
            for row in rows:
                took[row] = max(took.get(row, 0.0), self.seconds.get(case, 0.0))
                if case not in self.passed:
                    lost.add(row)
        whole = {row for row in took if row.what not in self.left_out}
        gone = {row.what for row in whole | lost}
        kept = [row for row in read_table(self.readme) if row.what not in gone]
        new = [row._replace(seconds=round(took[row])) for row in whole - lost]
        write_table(self.readme, kept + new)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of `make reliability`."""
    parser.addoption("--reliability", type=Path, help="write the table of survived faults there")


def pytest_configure(config: pytest.Config) -> None:
    """Collect outcomes only if the option is given."""
    if readme := config.getoption("--reliability"):
        config.pluginmanager.register(Results(readme), "reliability")
