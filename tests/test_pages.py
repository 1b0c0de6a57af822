"""The Markdown pages lead and point to what there is, and CITATION.cff can be read."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "mlflow").glob("*.md")]
)

FENCED = re.compile(r"^( *)```.*?^\1```", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]*)`")
FOLDERS = ("model/", "search_spaces/", "tuning/", "tests/", "docs/", "mlflow/")


def anchors(page: Path) -> set[str]:
    """Those that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(page: Path) -> list[str]:
    dead = []
    for link in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if re.match(r"\w+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    return dead


def missing_files(page: Path, root: Path) -> list[str]:
    """Paths in backticks, from the root of the repository, at which there is nothing."""
    named = FILE.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    return [name for name in named if name.startswith(FOLDERS) and not (root / name).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_paths_of_a_page_lead_somewhere(page: Path) -> None:
    assert dead_links(page) == []
    assert missing_files(page, ROOT) == []


def test_dead_links_and_missing_files_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One heading, `code`\n[a](page.md#one-heading-code) [b](#two) [c](none.md)\n"
        "[d](https://example.org/none.md) `model/none.py` `page.md`\n```\n[e](no.md)\n```\n"
    )
    assert dead_links(page) == ["#two", "none.md"]
    assert missing_files(page, tmp_path) == ["model/none.py"]


def test_the_citation_is_of_this_software_and_of_the_article() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["cff-version"] == "1.2.0"
    assert citation["message"]
    assert (citation["title"], citation["type"]) == (project["name"], "software")
    for field in ("version", "license", "keywords", "authors"):
        assert citation[field] == project[field]
    (article,) = citation["references"]
    assert article["type"] == "article"
    assert all(author["given-names"] and author["family-names"] for author in article["authors"])
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"https://doi.org/{article['doi']}" in readme
    words = {*article["title"].lower().split(), *article["journal"].lower().split()}
    assert words - {*re.sub(r"[,*]", "", readme.lower()).split()} == set()


def test_the_changelog_begins_with_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (.*)$", changes, re.M)
    assert newest
    assert project["version"] in newest[1]
