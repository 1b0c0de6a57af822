"""`mmatune`: the command line. Each command is a file in `tuning/commands/`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import Annotated

import typer

from model.errors import InputError
from tuning.commands import bench, cluster, data, folds, models, study
from tuning.commands.baselines import baselines
from tuning.commands.confirm import confirm
from tuning.commands.predict import predict
from tuning.commands.promote import promote
from tuning.commands.pull import pull
from tuning.commands.report import report
from tuning.commands.reproduce import reproduce
from tuning.commands.serve import serve
from tuning.commands.server import server
from tuning.commands.train import train
from tuning.commands.tune import tune
from tuning.console import (
    console,
    data_warnings_shown,
    print_error,
    print_json,
    stdout_for_documents,
)
from tuning.disk import refusals_named
from tuning.foreign_errors import explain, fault, keep_traceback
from tuning.interrupt import ending_as_interrupted
from tuning.libraries.versions import libraries, versions
from tuning.loopback import bypass_proxies_on_loopback

_DEBUG = "--debug"  # taken out of the line before it is parsed, so it may stand anywhere

app = typer.Typer(
    name="mmatune",
    help="Search, train and use masked graph autoencoders that predict associations.",
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _print_versions(asked: bool) -> None:
    if asked:
        lines = [f"mmatune {versions()['mmatune']}", *map(str, libraries())]
        typer.echo("\n".join(lines))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=_print_versions,
            help="Print the version of mmatune, and of libraries the installed versions and those"
            " that it is tested with; takes `--json`.",
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            _DEBUG, help="Anywhere on the line: show the whole traceback of an error at once."
        ),
    ] = False,
) -> None:
    pass


app.add_typer(data.app, name="data")
app.add_typer(folds.app, name="folds")
app.command()(baselines)
app.command()(train)
app.command()(tune)
app.command()(confirm)
app.add_typer(study.app, name="study")
app.add_typer(models.app, name="model")
app.command()(report)
app.command()(promote)
app.command()(predict)
app.command()(pull)
app.command()(serve)
app.command()(reproduce)
app.add_typer(bench.app, name="bench")
app.command()(server)
app.add_typer(cluster.app, name="cluster")


def main() -> None:
    """Run the command line; exit code 2 and one clear line for anything the user can mend.

    A fault of our own ends in one line too, with exit code 1; the traceback is in a file.
    """
    arguments = [one for one in sys.argv[1:] if one != _DEBUG] or ["--help"]
    bypass_proxies_on_loopback()
    as_json = "--json" in arguments
    if sorted(arguments) == ["--json", "--version"]:
        print_json(versions())
        sys.exit(0)
    if not {"--help", "--version"} & set(arguments):
        _warn_of_untested_versions()
    with (
        stdout_for_documents() if as_json else nullcontext(),
        data_warnings_shown(),
        ending_as_interrupted(),
    ):
        _run(arguments, as_json=as_json)


def _warn_of_untested_versions() -> None:
    if untested := [str(one) for one in libraries() if not one.is_tested]:
        console.print(
            f"warning: not tested with {', '.join(untested)}",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )


def _run(arguments: list[str], *, as_json: bool) -> None:
    try:
        with refusals_named("disk", "make room, or set MMATUNE_HOME to a folder on another disk"):
            code = app(args=arguments, prog_name="mmatune", standalone_mode=False)
        sys.exit(code)
    except InputError as error:
        print_error(error, as_json=as_json)
        sys.exit(2)
    except typer.TyperException as error:
        # A misspelt option or a missing argument: shown the way every other input error is.
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "mmatune"
        message = error.format_message() or "name one of its commands"
        mended = InputError(message, where=command, hint=f"see `{command} --help`")
        print_error(mended, as_json=as_json)
        sys.exit(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        console.print("interrupted")
        sys.exit(130)
    except Exception as error:
        if _DEBUG in sys.argv:
            raise
        explained = explain(error)
        print_error(explained or fault(error), as_json=as_json)
        console.print(f"the whole traceback: {keep_traceback(error)}", markup=False, soft_wrap=True)
        sys.exit(2 if explained else 1)
