"""How things of a data set are shown to people: a name beside an identifier, a link to a database.

Neither is data: no score and no content hash sees them.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from model.data.description import read_description
from model.data.kinds import MIRNA, SMALL_MOLECULE, Kinds
from model.data.readers import read_text
from model.errors import InputError

LABELS_FILE = "labels.csv"  # beside dataset.yaml: `identifier,name`, things of both sides
_HEADER = ["identifier", "name"]
_OF_KINDS = {
    MIRNA.key: "https://www.mirbase.org/results/?query={name}",
    SMALL_MOLECULE.key: "https://pubchem.ncbi.nlm.nih.gov/#query={name}",
}
_COMPOUND = re.compile(r"CID:?\s*(\d+)", re.IGNORECASE)  # PubChem's own identifier


@dataclass(frozen=True)
class Labels:
    """Names by identifier, and of each side the pattern of its links, None where it has none."""

    names: dict[str, str]
    links: tuple[str | None, str | None]

    def name(self, identifier: str) -> str:
        """What people call it; the identifier where nobody said."""
        return self.names.get(identifier, identifier)

    def link(self, side: int, identifier: str) -> str:
        """Its page in a database; empty where its kind has none."""
        pattern = self.links[side]
        compound = _COMPOUND.fullmatch(identifier)
        if compound and pattern == _OF_KINDS[SMALL_MOLECULE.key]:
            return f"https://pubchem.ncbi.nlm.nih.gov/compound/{compound[1]}"
        return "" if pattern is None else pattern.replace("{name}", quote(identifier, safe=""))


def labels_of(folder: Path | None, kinds: Kinds) -> Labels:
    """The labels of a folder of data; without one, the links of the kinds that are known here.

    Raises:
        InputError: `dataset.yaml` or `labels.csv` is not what it should be.
    """
    links, names = None, {}
    if folder is not None and folder.is_dir():
        links = read_description(folder).links
        if (file := folder / LABELS_FILE).exists():
            names = _names(file)
    first, second = kinds
    return Labels(names, links or (_OF_KINDS.get(first.key), _OF_KINDS.get(second.key)))


def _names(file: Path) -> dict[str, str]:
    rows = [row for row in csv.reader(read_text(file).splitlines()) if row]
    hint = f"its first line is `{','.join(_HEADER)}`, then a line each"
    if not rows or rows[0] != _HEADER:
        raise InputError("has another first line", where=str(file), hint=hint)
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(_HEADER):
            raise InputError(f"line {number} has {len(row)} cells", where=str(file), hint=hint)
    return {identifier: name for identifier, name in rows[1:]}
