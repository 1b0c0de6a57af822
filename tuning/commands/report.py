"""`mmatune report`: a study as one HTML file to read, keep and send."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.errors import InputError
from tuning.commands.tune import DataDirOption
from tuning.console import JsonOption, console, print_json


def report(
    study: Annotated[str, typer.Argument(help="Name of the study, see `mmatune study list`.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write; report.html if neither is given.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Folder of the study's data, if it is your own.")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a study's report: one self-contained HTML file that opens without internet.

    With `--json` its data go to stdout, and the file is written only where `--out` names it.

    Example: `mmatune report dataset2-20260101-120000 --out report.html`
    """
    target = out or (None if as_json else Path("report.html"))
    if target is not None and (target.is_dir() or not target.absolute().parent.is_dir()):
        problem = "is a folder" if target.is_dir() else "is in a folder that does not exist"
        raise InputError(f"{target} {problem}", where="--out", hint="name a file to write")
    with console.status("reading the study ..."):
        from tuning.home import data_folder
        from tuning.report.reading import read_report

        found = read_report(study, data, data_dir or data_folder())
    if target is not None:
        with console.status("drawing ..."):
            from tuning.report.page import write_page

            write_page(found, target)
        console.print(f"Report: {target}", markup=False, soft_wrap=True)
    if as_json:
        print_json(found)
