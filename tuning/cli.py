"""`mmatune`: the command line. Each command is a file in `tuning/commands/`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from typing import Annotated

import typer

from model.errors import InputError
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

# Each command, in the order of `--help`, and its file in `tuning/commands/`.
_COMMANDS = {
    "data": "data",
    "folds": "folds",
    "baselines": "baselines",
    "train": "train",
    "tune": "tune",
    "confirm": "confirm",
    "study": "study",
    "model": "models",
    "report": "report",
    "promote": "promote",
    "predict": "predict",
    "pull": "pull",
    "serve": "serve",
    "reproduce": "reproduce",
    "bench": "bench",
    "server": "server",
    "cluster": "cluster",
}


def command_line(named: Sequence[str] = tuple(_COMMANDS)) -> typer.Typer:
    """`mmatune` with some of its commands; only their files are imported."""
    app = typer.Typer(
        name="mmatune",
        help="Search, train and use masked graph autoencoders that predict associations.",
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_options)
    for name in named:
        file = import_module(f"tuning.commands.{_COMMANDS[name]}")
        if hasattr(file, "app"):
            app.add_typer(file.app, name=name)
        else:
            app.command()(getattr(file, name))
    return app


def _print_versions(asked: bool) -> None:
    if asked:
        lines = [f"mmatune {versions()['mmatune']}", *map(str, libraries())]
        typer.echo("\n".join(lines))
        raise typer.Exit


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


def main() -> None:
    """Run the command line; exit code 2 and one clear line for anything the user can mend.

    A fault of our own ends in one line too, with exit code 1; the traceback is in a file.
    """
    arguments = [one for one in sys.argv[1:] if one != _DEBUG] or ["--help"]
    # Imports make half a million objects that stay: with Python's own threshold a seventh of a
    # command's start is looking through them for garbage.
    gc.set_threshold(50_000)
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
            named = arguments[:1] if arguments[0] in _COMMANDS else tuple(_COMMANDS)
            app = command_line(named)
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
