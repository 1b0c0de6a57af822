"""`dataset.yaml`, which says of a folder of data what its files cannot."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from model.config import Config
from model.data.kinds import Kinds, key_of, kind_of
from model.data.readers import read_text
from model.errors import InputError, Problems

FILE_NAME = "dataset.yaml"
_MOST = 1_000_000  # characters of a file that a person or an import wrote

Word = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\W_]([^\r\n\t]*[^\W_])?$")]

# Only what a browser may open from a page that a colleague sent.
Link = Annotated[str, Field(max_length=300, pattern=r"^https?://[^\s\"'<>]*\{name\}[^\s\"'<>]*$")]


class Source(Config):
    """A file that the data were made from."""

    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of its content, in hexadecimal")


class Description(Config):
    """What `dataset.yaml` says; every part may be left out.

    Args:
        words: "kinds" in the file: of the rows and of the columns, each in the singular.
        plurals: of both; made by a small rule where they are left out.
        source: what the data were made from.
        changes: what was changed on the way, a plain line each.
        links: of rows and of columns, the address of a thing's page in a database, with `{name}` in
            the place of its name; null for a side without one.
    """

    words: tuple[Word, Word] | None = Field(None, alias="kinds")
    plurals: tuple[Word, Word] | None = None
    source: tuple[Source, ...] = ()
    changes: tuple[str, ...] = ()
    links: tuple[Link | None, Link | None] | None = None

    @model_validator(mode="after")
    def _are_two(self) -> Self:
        if self.plurals is not None and self.words is None:
            raise ValueError("plurals are of kinds, which are not given")
        if self.words is not None and key_of(self.words[0]) == key_of(self.words[1]):
            raise ValueError("the two kinds need two names, such as `host protein` and `protein`")
        return self

    @property
    def kinds(self) -> Kinds | None:
        """Of the rows and of the columns, if it says them."""
        if self.words is None:
            return None
        plurals = self.plurals or (None, None)
        first, second = (kind_of(*both) for both in zip(self.words, plurals, strict=True))
        return first, second

    @classmethod
    def of(
        cls, kinds: Kinds, source: tuple[Source, ...] = (), changes: tuple[str, ...] = ()
    ) -> Self:
        """What is said of data of these kinds; a plural that the rule makes is left out."""
        words = [kind.name for kind in kinds]
        plurals = None
        if any(kind != kind_of(kind.name) for kind in kinds):
            plurals = [kind.plural for kind in kinds]
        values = {"kinds": words, "plurals": plurals, "source": source, "changes": changes}
        return cls.model_validate(values)

    def write(self, folder: Path) -> None:
        """Write it into a folder, without what is left out."""
        values = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=1000)
        (folder / FILE_NAME).write_text(text, encoding="utf-8")


def read_description(folder: Path) -> Description:
    """What a folder's `dataset.yaml` says; nothing where there is none.

    Raises:
        InputError: it is no YAML, or says something else; the error names the key.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return Description()
    text = read_text(path)
    try:
        # Refused by length and without aliases, which can make a short file endless.
        if len(text) > _MOST or any(
            isinstance(token, yaml.AliasToken) for token in yaml.scan(text)
        ):
            raise InputError("is too long, or has an alias (`*name`)", where=str(path))
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(f"is not YAML: {said}", where=str(path)) from error
    if document is None:
        return Description()
    try:
        return Description.model_validate(document)
    except ValidationError as error:
        raise _refusal(error, path) from None


def _refusal(error: ValidationError, path: Path) -> InputError:
    problems = Problems()
    for one in error.errors():
        key = ".".join(str(part) for part in one["loc"])
        where = f"{path}, {key}" if key else str(path)
        if one["type"] == "extra_forbidden":
            fields = Source if key.startswith("source.") else Description
            names = [field.alias or name for name, field in fields.model_fields.items()]
            close = get_close_matches(str(one["loc"][-1]), names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
            problems.add("there is no such key", where=where, hint=hint)
        else:
            said = one["msg"].removeprefix("Value error, ")
            problems.add(
                f"{said[0].lower()}{said[1:]}",
                where=where,
                hint="for example `kinds: [gene, drug]`" if key.startswith("kinds") else "",
            )
    return problems.error()
