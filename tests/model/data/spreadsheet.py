"""The smallest .xlsx that holds some rows, so that tests need no library that writes one."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def write_sheets(path: Path, sheets: Mapping[str, Sequence[Sequence[object]]]) -> Path:
    """Write sheets of rows under their names; cells are text or numbers, up to 26 columns."""
    listed, related = [], []
    with zipfile.ZipFile(path, "w") as archive:
        for number, (name, rows) in enumerate(sheets.items(), start=1):
            listed.append(f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="r{number}"/>')
            related.append(_related(f"r{number}", "worksheet", f"worksheets/sheet{number}.xml"))
            archive.writestr(f"xl/worksheets/sheet{number}.xml", _sheet(rows))
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{"".join(listed)}</sheets>'
            "</workbook>",
        )
        for at, relations in (
            ("_rels/.rels", [_related("r1", "officeDocument", "xl/workbook.xml")]),
            ("xl/_rels/workbook.xml.rels", related),
        ):
            archive.writestr(
                at, f'<Relationships xmlns="{PACKAGE}">{"".join(relations)}</Relationships>'
            )
    return path


def _related(id_: str, kind: str, target: str) -> str:
    return f'<Relationship Id="{id_}" Type="{OFFICE}/{kind}" Target="{target}"/>'


def _sheet(rows: Sequence[Sequence[object]]) -> str:
    lines = []
    for number, cells in enumerate(rows, start=1):
        parts = []
        for letter, cell in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", cells, strict=False):
            at = f"{letter}{number}"
            if isinstance(cell, str):
                parts.append(f'<c r="{at}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>')
            else:
                parts.append(f'<c r="{at}"><v>{cell}</v></c>')
        lines.append(f'<row r="{number}">{"".join(parts)}</row>')
    return f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'
