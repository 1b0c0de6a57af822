"""This machine's own address: requests to it go past proxies; who listens elsewhere is warned."""

from __future__ import annotations

import os
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_HOSTS = ("localhost", "127.0.0.1", "::1")


def bypass_proxies_on_loopback() -> None:
    """Name this machine's loopback in ``NO_PROXY``, for this process and those it starts."""
    for name in ("NO_PROXY", "no_proxy"):  # of two libraries each reads another one
        known = [one for one in os.environ.get(name, "").split(",") if one]
        if "*" not in known:
            os.environ[name] = ",".join([*known, *(one for one in _HOSTS if one not in known)])


def is_loopback(host: str) -> bool:
    """Whether a server that listens there is reached from this machine alone."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def proxy_of(address: str) -> str:
    """The proxy that requests to an address go through; empty for none."""
    parts = urlsplit(address)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return ""
    found = getproxies()
    return found.get(parts.scheme) or found.get("all") or ""
