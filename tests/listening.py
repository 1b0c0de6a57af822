"""Where a command and the processes that it started listen."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from psutil import Process


def listens_on_loopback_alone(pid: int) -> bool:
    """Of all TCP sockets of a process and its descendants, which must have one."""
    process = Process(pid)
    addresses = [
        ip_address(socket.laddr.ip)
        for one in (process, *process.children(recursive=True))
        for socket in one.net_connections(kind="tcp")
        if socket.status == "LISTEN"
    ]
    assert addresses, "it does not listen at all"
    return all(_is_loopback(address) for address in addresses)


def _is_loopback(address: object) -> bool:
    # Before Python 3.13 ::ffff:127.0.0.1 is no loopback address by itself.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
