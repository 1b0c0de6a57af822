"""`mmatune cluster`: what belongs to `ray up`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tuning.console import JsonOption, console, print_json

if TYPE_CHECKING:
    from tuning.cluster.check.findings import Finding

app = typer.Typer(help="Check a cluster file before `ray up`.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Check a cluster file before `ray up`."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="cluster.yaml, or one of your own.")],
    as_json: JsonOption = False,
) -> None:
    """Find the mistakes of a cluster file before it costs money.

    The exit code is 0 if it is ready for `ray up`, 2 for a mistake, and 1 where something is left
    to do: values marked FILL IN are no mistakes, but are listed. Once they are filled in, machines
    of your own and the bucket are asked too.

    **Example:** `mmatune cluster check cluster.yaml`
    """
    from tuning.cluster.check.rules import check_cluster_file

    findings = check_cluster_file(file)
    if as_json:
        print_json({"file": str(file), **findings.document()})
    _list("[bold red]mistake:[/] ", findings.mistakes)
    _list("[yellow]to do:[/] ", findings.to_do)
    _list("[dim]not checked:[/] ", findings.not_checked)
    if findings.mistakes:
        raise typer.Exit(2)
    left = len(findings.to_do)
    console.print(
        f"{file}: ready for `ray up`"
        if findings.ready
        else f"{file}: no mistake; {left} thing{'s' * (left != 1)} to do before `ray up`",
        markup=False,
    )
    if not findings.ready:
        raise typer.Exit(1)


def _list(title: str, findings: list[Finding]) -> None:
    from rich.markup import escape

    for finding in findings:
        hint = f" ({finding.hint})" if finding.hint else ""
        text = escape(f"{finding.where}: {finding.message}{hint}")
        console.print(title + text, soft_wrap=True)
