"""Looked at before anything is started: are the ports free?"""

from __future__ import annotations

import socket

from recovery.core.errors import Refused
from recovery.engines.ports import holder, is_free
from recovery.engines.wishes import Addresses

NOTHING_YET = "Nothing was started or changed."


def check_ports(addresses: Addresses, *, kept: str = NOTHING_YET) -> None:
    """Refuse with the port's number, its holder and the command that avoids it."""
    wanted = (
        ("the pages", addresses.web, "PORT", addresses.web_host, socket.SOCK_STREAM),
        ("the applications", addresses.edge, "EDGE_PORT", addresses.web_host, socket.SOCK_STREAM),
        ("the agents", addresses.gateway, "GATEWAY_PORT", "127.0.0.1", socket.SOCK_STREAM),
        ("heartbeats", addresses.gateway, "GATEWAY_PORT", "127.0.0.1", socket.SOCK_DGRAM),
        *(
            ("agents elsewhere", port, "GATEWAY_TLS_PORT", addresses.web_host, socket.SOCK_STREAM)
            for port in [addresses.agents]
            if port
        ),
        *(
            ("databases", port, "DATABASE_PORTS", addresses.web_host, socket.SOCK_STREAM)
            for port in addresses.databases
        ),
    )
    for purpose, port, variable, host, kind in wanted:
        if not is_free(port, host, kind):
            by = holder(port)
            raise Refused(
                f"port {port} (for {purpose}) is taken{f' by {by}' if by else ''}.",
                kept=kept,
                todo=f"Choose another: make up {variable}={_suggest(variable, port, host, kind)}",
            )


def _suggest(variable: str, port: int, host: str, kind: int) -> str:
    if variable == "DATABASE_PORTS":
        return "first-last"
    free = (n for n in range(port + 1, port + 200) if is_free(n, host, kind))
    return str(next(free, port + 1))
