"""Generated bad input: sound documents with a few edits, each from a number alone."""

from __future__ import annotations

import copy
import datetime
import json
import math
from random import Random
from typing import Any

# What people and programs leave in files.
PIECES = (
    *(
        "",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "\0",
        ",",
        ";",
        '"',
        "'",
        "#",
        "\ufeff",
        "\u200b",
        "é",
        "𝄞",
    ),
    *(
        "nan",
        "inf",
        "-1",
        "0",
        "1e400",
        "1e-400",
        "0x1F",
        "1_000",
        "NULL",
        "None",
        "#N/A",
        "-",
        ".",
    ),
    *("2024-02-30", "!!int ''", "&a [*a]", "{}", "[]", "[", "{", ": ", "\\", "%s", "{0}", "../"),
    *("9" * 30, "a" * 5000, "=1+1", "<script>", "[bold red]", "/dev/null"),
)
THINGS: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1,
        10**9,
        10**30,
        0.5,
        -0.5,
        math.nan,
        math.inf,
        "",
        " ",
        "x",
        "1",
        "none",
    ),
    *(
        [],
        [None],
        [[]],
        {},
        {"": None},
        {"x": {}},
        datetime.date(2024, 2, 29),
        "a" * 300,
        ["a"] * 3,
    ),
)


def edited(content: bytes, random: Random) -> bytes:
    """A text with one to four edits: a part is lost, doubled, moved or replaced."""
    for _ in range(random.choice((1, 1, 2, 4))):
        start = random.randint(0, len(content))
        end = min(len(content), start + random.choice((0, 1, 3, 20, 200)))
        piece = random.choice(PIECES).encode("utf-8")
        part = content[start:end]
        match random.randrange(7):
            case 0:
                content = content[:start] + content[end:]
            case 1:
                content = content[:start] + part + content[start:]
            case 2:
                content = content[:start] + piece + content[end:]
            case 3:
                content = content[:start] + piece + content[start:]
            case 4:
                content = content[:start]
            case 5:
                content = content[:start] + random.randbytes(len(part)) + content[end:]
            case 6:
                lines = content.splitlines(keepends=True)
                random.shuffle(lines)
                content = b"".join(lines) if random.random() < 0.3 else content[end:] + part
    return content


def changed(document: Any, random: Random) -> Any:
    """A document with one to three nodes replaced, lost, doubled or moved."""
    document = copy.deepcopy(document)
    for _ in range(random.choice((1, 1, 2, 3))):
        places = list(_places(document))
        if not places:
            return random.choice(THINGS)
        holder, key = random.choice(places)
        match random.randrange(5):
            case 0 if isinstance(holder, dict):
                holder[random.choice(("x", "", " ", str(key) + "s", str(key).upper()))] = holder[
                    key
                ]
            case 1:
                del holder[key]
            case 2:
                other, place = random.choice(places)
                holder[key] = copy.deepcopy(other[place])
            case _:
                holder[key] = copy.deepcopy(random.choice(THINGS))
    return document


def _places(node: Any) -> list[tuple[Any, Any]]:
    if not isinstance(node, dict | list):
        return []
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    found: list[tuple[Any, Any]] = []
    for key, value in list(pairs):
        found += [(node, key), *_places(value)]
    return found


def as_json(document: Any) -> bytes:
    return json.dumps(document, default=str).encode("utf-8")
