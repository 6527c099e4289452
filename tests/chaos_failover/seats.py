"""Where every server of every database is, and the clients that go to each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from recovery.core.ports import DATABASE, Login
from recovery.lab import layout
from recovery.lab.databases.clients import Door
from tests.chaos_failover.writing import Client
from tests.support.stack import Stack

LAB_FILE = Path(__file__).with_name("lab.yaml")
SERVERS = (
    "SELECT d.name, h.name, d.engine, r.port FROM inventory_replica r"
    " JOIN inventory_host h ON h.id = r.host_id JOIN inventory_database d ON d.id = r.database_id"
    " WHERE r.state = 'member' ORDER BY d.name, r.number"
)
ESTABLISHED, FRESH, SELDOM = 0.016, 0.25, 1.0
"""Seconds between two writes of a client: more than 50 a second on an established connection."""


class Server(NamedTuple):
    """One replica's server, by the address on which it really listens."""

    database: str
    host: str
    engine: str
    port: int
    secret: str
    address: str


def servers(stack: Stack) -> list[Server]:
    """All of them. Nothing of the lab's weather is between their addresses and this machine in
    mode relay; in mode netns the same holds inside a host's own network."""
    network = stack.env["TOCSIN_LAB_NETWORK"]
    inner = {host.name: host.inner for host in layout.load(LAB_FILE).hosts(network)}
    return [
        Server(name, host, engine, port, stack.secret_of(name), inner[host])
        for name, host, engine, port in stack.rows(SERVERS)
    ]


def clients_on_loopback(all_servers: Iterable[Server]) -> list[Client]:
    """Mode relay: every server from this machine, and from its peer's address."""
    found, known = [], list(all_servers)
    for one in known:
        peer = next(o for o in known if o.database == one.database and o.host != one.host)
        found += [
            _client(one, "established IPv4", ESTABLISHED),
            _client(one, "fresh IPv4", FRESH, is_fresh=True),
            _client(one, "established from a peer", 10 * ESTABLISHED, source=peer.address),
            _client(one, "fresh from a peer", SELDOM, is_fresh=True, source=peer.address),
            _client(one, "fresh IPv6", SELDOM, is_fresh=True, address="::1"),
        ]
    return found


def clients_of_the_machine(all_servers: Iterable[Server]) -> list[Client]:
    """Mode netns: every server from this machine's own network, through the switch's weather."""
    found = []
    for one in all_servers:
        found += [
            _client(one, "established through the switch", 5 * ESTABLISHED),
            _client(one, "fresh through the switch", SELDOM, is_fresh=True),
        ]
    return found


def clients_inside(host: str, all_servers: Iterable[Server]) -> list[Client]:
    """Mode netns, from inside a host's network, whatever the weather: its own server by both
    families, and its peer's server with this host's address, which passes the gate. A client that
    comes from a member's own address is refused by the server: these come from loopback."""
    known = list(all_servers)
    found = []
    for one in known:
        if one.host == host:
            found += [
                _client(one, "established IPv4", ESTABLISHED, source="127.0.0.1"),
                _client(one, "established IPv6", 5 * ESTABLISHED, address="::1"),
                _client(one, "fresh IPv4", FRESH, is_fresh=True, source="127.0.0.1"),
                _client(one, "fresh IPv6", 2 * FRESH, is_fresh=True, address="::1"),
            ]
        elif any(mine.host == host and mine.database == one.database for mine in known):
            found.append(_client(one, "fresh from a peer", SELDOM, is_fresh=True))
    return found


def _client(
    one: Server,
    way: str,
    every: float,
    *,
    is_fresh: bool = False,
    source: str = "",
    address: str = "",
) -> Client:
    return Client(
        one.database,
        one.host,
        one.engine,
        address or one.address,
        one.port,
        one.secret,
        way,
        every,
        is_fresh,
        source,
    )


def edge_door(stack: Stack, database: str) -> Door:
    """Where its users go."""
    sql = "SELECT engine, edge_port FROM inventory_database WHERE name = %s"
    engine, port = stack.rows(sql, database)[0]
    secret, login = stack.secret_of(database), Login.CLIENT
    return Door(engine, "127.0.0.1", port, login, login.password(secret), DATABASE)
