"""`mmatune serve`: a registered model behind HTTP, by MLflow's own scoring server."""

from __future__ import annotations

import json
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from model.errors import InputError
from tuning.console import JsonOption, console, print_json
from tuning.loopback import is_loopback

if TYPE_CHECKING:
    from uvicorn import Server


def serve(
    model: Annotated[
        str, typer.Argument(help="Registered model: `name` (its champion), `name@alias`, `name/3`.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5001,
    as_json: JsonOption = False,
) -> None:
    """Answer over HTTP: pairs in, probabilities and ranks out; Ctrl-C stops it.

    POST to `/invocations`, as for every MLflow model; `/` says what it is, `/ping` that it is
    there. A row that names one thing alone is ranked: its best unknown pairs, `params.top` of
    them; a parameter of another name is refused. There is no password. With `--json`, one document
    with the `url` is printed once it answers.

    Example: `mmatune serve dataset2 --port 5001`
    """
    listener = _listener(host, port)
    try:
        with console.status("loading the model"):
            import uvicorn
            from mlflow.pyfunc import scoring_server

            from tuning.registry.model_card import trained_on
            from tuning.registry.ranking import network_of
            from tuning.registry.serving import served
            from tuning.registry.versions import load, resolve

            found = resolve(model)
            loaded = load(found)
            app = scoring_server.init(loaded)
            kinds, names = network_of(loaded, found)
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        example = _example(url, kinds[1].key, names[1][0])
        about = {"model": found.name, "version": int(found.version), "try": example}
        server = uvicorn.Server(uvicorn.Config(served(app, about), log_level="warning"))

        # The socket listens already: what is asked before uvicorn is ready waits in its queue.
        if as_json:
            print_json({"url": url, **about})
            sys.stdout.flush()  # whoever reads it is waiting for it
        console.print(f"{found.name} version {found.version} at {url}   (Ctrl-C stops it)")
        if said := trained_on(found.tags):
            console.print(said, markup=False)
        console.print(example, markup=False, soft_wrap=True)
        if not is_loopback(host):
            console.print(
                "[yellow]Anyone who can reach this address can ask the model: it asks for no"
                " password.",
                soft_wrap=True,
            )
        _run(server, listener)
    finally:
        listener.close()


def _run(server: Server, listener: socket.socket) -> None:
    with suppress(KeyboardInterrupt):  # uvicorn has stopped in order and says so this way
        server.run(sockets=[listener])
    console.print("stopped")


def _listener(host: str, port: int) -> socket.socket:
    """A socket that listens, taken before the model is loaded: a port in use is said at once."""
    listener = None
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise InputError(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            where="mmatune serve",
            hint="choose another --host or --port",
        ) from None
    return listener


def _example(url: str, column: str, name: str) -> str:
    """A command line that ranks the partners of one thing."""
    import shlex

    body = json.dumps({"dataframe_records": [{column: name}], "params": {"top": 5}})
    return f"curl {url}/invocations -H 'Content-Type: application/json' -d {shlex.quote(body)}"
