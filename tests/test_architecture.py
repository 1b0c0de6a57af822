"""ARCHITECTURE.md: two pages, and a picture that shows every wing and every way of importing."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter

from tests.test_layout import PACKAGES, ROOT, WINGS, imported_names, module_name, source_files
from tests.test_layout import wing_of as place_of

PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
PICTURE = re.search(r"^```mermaid\n(.*?)^```", PAGE, re.M | re.S)

# Two boxes of the picture that stand for several lines of WINGS: the modules beside the wings of
# `model`, and those beside the wings of `tuning` that the picture does not show one by one.
TOGETHER = {"ground": "model", "hall": "tuning"}


def arrows(picture: str) -> list[tuple[str, str]]:
    """Pairs (from, to): ``a[label] & b --> c`` is (a, c) and (b, c)."""
    lines = [re.sub(r"\[.*?\]", "", line) for line in picture.splitlines() if "-->" in line]
    sides = [[side.split("&") for side in line.split("-->")] for line in lines]
    return [(a.strip(), b.strip()) for left, right in sides for a in left for b in right]


def boxes(picture: str) -> dict[str, set[int]]:
    """The places in `WINGS` that each box of the picture stands for."""
    names = {name for arrow in arrows(picture) for name in arrow}
    labels = dict(re.findall(r"(\w+)\[(.*?)\]", picture))
    shown = {
        name: {
            place
            for place, wing in enumerate(WINGS)
            if wing.split(".")[-1] in re.split(r",\s*", labels.get(name, name))
        }
        for name in names
    }
    alone = set().union(*shown.values())
    for name, package in TOGETHER.items():
        shown[name] = {
            place
            for place, wing in enumerate(WINGS)
            if place not in alone and (ROOT / package / f"{wing.split('.')[-1]}.py").is_file()
            if wing.startswith(f"{package}.")
        }
    return shown


def upward_arrows(picture: str) -> list[tuple[str, str]]:
    shown = boxes(picture)
    return [(a, b) for a, b in arrows(picture) if min(shown[a]) < max(shown[b])]


def ways(picture: str) -> set[tuple[str, str]]:
    """Pairs of boxes of which the first leads to the second along arrows."""
    below: dict[str, set[str]] = {}
    for a, b in arrows(picture):
        below.setdefault(a, set()).add(b)
    reached: dict[str, set[str]] = {}
    for box in TopologicalSorter(below).static_order():
        direct = below.get(box, set())
        reached[box] = direct.union(*(reached[other] for other in direct))
    return {(a, b) for a, others in reached.items() for b in others}


def imports() -> dict[tuple[str, str], str]:
    """An example of each import from one box of the picture to another."""
    box_of = {place: box for box, places in boxes(PICTURE[1]).items() for place in places}
    files = {
        module_name(ROOT, file): file
        for package in PACKAGES
        for file in source_files(ROOT, package)
        if module_name(ROOT, file) not in PACKAGES
    }
    found = {}
    for module, file in files.items():
        for name in {*imported_names(ROOT, file)} & files.keys():
            a, b = box_of[place_of(module)], box_of[place_of(name)]
            if a != b:
                found[a, b] = f"{module} imports {name}"
    return found


def test_it_is_two_pages() -> None:
    lines = PAGE.splitlines()
    assert len(lines) <= 125
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


def test_the_picture_shows_every_wing_once() -> None:
    places = sorted(place for places in boxes(PICTURE[1]).values() for place in places)
    assert [WINGS[place] for place in places] == list(WINGS)


def test_no_arrow_of_the_picture_runs_upward() -> None:
    assert len(arrows(PICTURE[1])) > 20
    assert upward_arrows(PICTURE[1]) == []
    planted = f"{PICTURE[1]}\n  record --> search\n"
    assert upward_arrows(planted) == [("record", "search")]


def test_the_picture_shows_the_imports_that_there_are() -> None:
    found = imports()
    leads = ways(PICTURE[1])
    assert {example for pair, example in found.items() if pair not in leads} == set()
    assert [arrow for arrow in arrows(PICTURE[1]) if arrow not in found] == []


def test_every_wing_has_its_job_and_decisions_beside_it() -> None:
    text = PAGE.replace(PICTURE[0], "")
    folders = [wing.replace(".", "/") for wing in WINGS if (ROOT / wing.replace(".", "/")).is_dir()]
    assert len(folders) > 10
    assert [folder for folder in folders if f"**{folder}**" not in text] == []
