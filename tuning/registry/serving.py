"""What `mmatune serve` adds to MLflow's scoring application; it knows nothing of the model."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from typing import Any

PARAMETERS = ("top",)
_Application = Callable[[Any, Any, Any], Awaitable[None]]


def served(app: _Application, about: Mapping[str, Any]) -> _Application:
    """The application, stricter and more helpful.

    - ``GET /`` says what it is; MLflow answers 404.
    - A misspelt parameter is refused with 400; MLflow leaves it out, and the default would answer.
    - A request that names no type is JSON; MLflow's fails with 500.

    Args:
        about: what ``GET /`` answers.
    """

    async def ask(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        if scope["path"] == "/" and scope["method"] == "GET":
            await _answer(send, 200, about)
            return
        headers = scope.get("headers", [])
        if b"content-type" not in dict(headers):
            scope = {**scope, "headers": [*headers, (b"content-type", b"application/json")]}
        if scope["path"] == "/invocations":
            body = await _body(receive)
            if said := unknown_parameters(body):
                await _answer(send, 400, {"error_code": "BAD_REQUEST", "message": said})
                return
            receive = _again(body, receive)
        await app(scope, receive, send)

    return ask


def unknown_parameters(body: bytes) -> str:
    """What is wrong with the names in a request's ``params``; empty where nothing is."""
    try:
        document = json.loads(body)
    except ValueError:
        return ""  # MLflow says what is wrong with it
    given = document.get("params") if isinstance(document, dict) else None
    wrong = [name for name in given if name not in PARAMETERS] if isinstance(given, dict) else []
    if not wrong:
        return ""
    close = get_close_matches(wrong[0], PARAMETERS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(PARAMETERS)}"
    return f"there is no parameter {wrong[0]!r} - {hint}"


async def _body(receive: Any) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break  # the client went away
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: Any) -> Any:
    """A ``receive`` that gives the body that was read already, then what comes after it."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def given() -> Any:
        return left.pop() if left else await receive()

    return given


async def _answer(send: Any, status: int, document: Mapping[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(document).encode() + b"\n"})
