"""How commands talk: people read tables on stderr, machines read one JSON document on stdout."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console

from model.errors import DataWarning, InputError

# Progress, tables and errors go to stderr, so that stdout stays one JSON document under --json.
# In a notebook too: there rich asks for widgets that nobody has installed.
console = Console(stderr=True, highlight=False, force_jupyter=False)

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")
]


_documents: TextIO | None = None  # stdout, where it is kept for documents


@contextmanager
def stdout_for_documents() -> Iterator[None]:
    """Keep stdout for `print_json`; whatever else is printed there goes to stderr.

    Ray prints a notice of each machine that died, whenever it gets to know.
    """
    global _documents
    _documents = sys.stdout
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _documents = None


def print_json(document: Any) -> None:
    """Write one JSON document to stdout; NaN is refused, for it is not JSON."""
    (_documents or sys.stdout).write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def print_error(error: InputError, *, as_json: bool) -> None:
    """Show an input error on stderr, a line a problem, or for machines as a document on stdout."""
    if as_json:
        document: dict[str, Any] = {"error": _parts(error)}
        if error.others:
            document["others"] = [_parts(other) for other in error.others]
            document["untold"] = error.untold
        print_json(document)
        return
    for line in error.lines():
        console.print(f"[bold red]error:[/] {_escape(line)}", soft_wrap=True)


def _parts(error: InputError) -> dict[str, str]:
    return {"message": error.message, "where": error.where, "hint": error.hint}


@contextmanager
def data_warnings_shown() -> Iterator[None]:
    """Show every `DataWarning` of the block as one line on stderr; other warnings as ever."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        show = warnings.showwarning

        def show_line(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, DataWarning):
                text = f"[yellow]warning:[/] {_escape(str(message))}"
                console.print(text, soft_wrap=True)
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = show_line
        yield


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
