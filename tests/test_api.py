"""docs/api.md names what there is, and what it names says what it takes and gives."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "api.md"
NAME = re.compile(r"`((?:model|search_spaces|tuning)(?:\.\w+)+)`")


def found(name: str) -> object:
    """The module, class, function or method of that dotted name."""
    module, attributes = name, []
    while True:
        try:
            value: object = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            attributes.insert(0, last)
    for attribute in attributes:
        value = getattr(value, attribute)
    return value


def test_the_page_names_the_api() -> None:
    names = NAME.findall(PAGE.read_text(encoding="utf-8"))
    assert len(names) == len(re.findall(r"`(?:model|search_spaces|tuning)\.", PAGE.read_text()))
    assert {name.split(".")[0] for name in names} == {"model", "search_spaces", "tuning"}


@pytest.mark.parametrize("name", sorted(set(NAME.findall(PAGE.read_text(encoding="utf-8")))))
def test_what_it_names_is_there_documented_and_typed(name: str) -> None:
    thing = found(name)
    assert inspect.getdoc(thing)
    if inspect.isfunction(thing):
        signature = inspect.signature(thing)
        assert signature.return_annotation is not inspect.Signature.empty
        for parameter in signature.parameters.values():
            assert parameter.name == "self" or parameter.annotation is not inspect.Parameter.empty
