"""Names of protocols: today's say no kind of thing, earlier ones did and are still understood."""

from __future__ import annotations

_EARLIER = {"cold-rows": "cold-mirna", "cold-columns": "cold-small-molecule"}
_TODAY = {earlier: today for today, earlier in _EARLIER.items()}


def todays_name(name: str) -> str:
    """Of a protocol, with what stands behind it: ``cold-mirna+groups-1a2b3c4d``."""
    return _renamed(name, _TODAY)


def earlier_name(name: str) -> str:
    """What a protocol was called first: splits follow from it, so that they stay what they were."""
    return _renamed(name, _EARLIER)


def is_same_protocol(one: str | None, other: str | None) -> bool:
    """Whether two recorded names are of one protocol."""
    return one == other or (one and todays_name(one)) == (other and todays_name(other))


def _renamed(name: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        if name == old or name.startswith((f"{old}+", f"{old},")):
            return new + name.removeprefix(old)
    return name
