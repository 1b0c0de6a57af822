"""The site: `make docs` builds it without a warning, and its reference has every module."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_api import NAME, PAGE
from tests.test_layout import PACKAGES, ROOT, module_name, source_files

pytestmark = pytest.mark.heavy

# What `make docs` runs, from the Makefile.
COMMAND = re.search(
    r"^\t\$\(BIN\)/python (-m sphinx .*) build/docs$", (ROOT / "Makefile").read_text(), re.M
)
COMMAND_LINE = ("tuning.cli", "tuning.commands")  # `mmatune --help` documents it


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    assert COMMAND
    assert "--fail-on-warning" in COMMAND[1]
    done = subprocess.run(
        [sys.executable, *COMMAND[1].split(), str(folder)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


def anchors(page: Path) -> set[str]:
    return set(re.findall(r'\bid="([^"]+)"', page.read_text(encoding="utf-8")))


def test_the_reference_has_every_module(site: Path) -> None:
    modules = {
        module_name(ROOT, file)
        for package in PACKAGES
        for file in source_files(ROOT, package)
        if not module_name(ROOT, file).startswith(COMMAND_LINE)
    }
    pages = (site / "docs" / "reference").rglob("*.html")
    named = {anchor.removeprefix("module-") for page in pages for anchor in anchors(page)}
    assert len(modules) > 100
    assert modules - named == set()
    # Functions and classes too, with what their docstrings say.
    evaluation = site / "docs" / "reference" / "model" / "model.evaluation.html"
    assert "model.evaluation.protocols.protocol" in anchors(evaluation)
    assert "there is no such protocol" in evaluation.read_text(encoding="utf-8")


def test_the_guide_leads_to_the_reference(site: Path) -> None:
    page = (site / "docs" / "api.html").read_text(encoding="utf-8")
    linked = set(re.findall(r'href="reference/[^"]+#(?:module-)?([\w.]+)"', page))
    names = set(NAME.findall(PAGE.read_text(encoding="utf-8")))
    assert names
    assert names - linked == set()


def test_the_address_of_the_site_leads_to_its_first_page(site: Path) -> None:
    target = re.search(r'url=([^"]+)"', (site / "index.html").read_text(encoding="utf-8"))
    assert target
    assert (site / target[1]).is_file()
