"""What `serve` adds to MLflow's application, over a stand-in for it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tuning.registry.serving import served, unknown_parameters

ABOUT = {"model": "toy", "version": 1}


def ask(method: str, path: str, *parts: bytes) -> tuple[int | None, Any, list[Any]]:
    """Status and body of the answer, and the (type, body) that reached the application."""
    sent, reached = [], []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        reached.append((dict(scope["headers"]).get(b"content-type"), (await receive())["body"]))

    messages = [
        {"type": "http.request", "body": part, "more_body": place < len(parts)}
        for place, part in enumerate(parts, start=1)
    ]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": []}
    asyncio.run(served(application, ABOUT)(scope, receive, send))
    status = sent[0]["status"] if sent else None
    return status, json.loads(sent[1]["body"]) if sent else None, reached


def test_the_root_says_what_it_is() -> None:
    assert ask("GET", "/") == (200, ABOUT, [])


def test_a_misspelt_parameter_is_refused() -> None:
    status, answer, reached = ask("POST", "/invocations", b'{"params": {"tpo": 5}}')
    assert (status, reached) == (400, [])
    assert answer["message"] == "there is no parameter 'tpo' - did you mean top?"


@pytest.mark.parametrize("body", [b'{"params": {"top": 5}}', b'{"a": 1}', b"a,b", b"[1]"])
def test_anything_else_reaches_the_application_whole(body: bytes) -> None:
    assert unknown_parameters(body) == ""
    assert ask("POST", "/invocations", body[:3], body[3:])[2] == [(b"application/json", body)]
