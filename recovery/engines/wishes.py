"""What a start is asked for: ports, host name, folder, external stores. All by environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recovery.core.errors import BadConfiguration
from recovery.engines.edge.doors import FIELD, choose_block
from recovery.engines.ports import free_port, is_free
from recovery.engines.urls import check_host, check_store_url, read_database_url

WEB, EDGE, GATEWAY, AGENTS = 8000, 8080, 8010, 8443
MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where each process listens. Inner ports (store, edge's metrics) are free ones.

    `mail`: the lab's own mail server; 0 where TOCSIN_MAIL_HOST names another one.
    `databases`: where users reach databases, one port each. `agents`: where agents on other
    machines find the gateway by TLS; 0 without a host name.
    """

    web: int
    edge: int
    gateway: int
    store: int
    edge_admin: int
    mail: int
    host: str
    run_folder: Path
    databases: tuple[int, ...] = ()
    agents: int = 0

    @property
    def web_host(self) -> str:
        """Loopback alone, unless a host name asks for TLS to the outside."""
        return "0.0.0.0" if self.host else "127.0.0.1"  # noqa: S104 - asked for by HOST=name

    @property
    def url(self) -> str:
        """What a person opens. WebAuthn refuses an address as relying party: always a name."""
        return f"https://{self.host}:{self.web}" if self.host else f"http://localhost:{self.web}"


@dataclass(frozen=True, slots=True)
class Wishes:
    """One start's wishes, read and checked."""

    folder: Path
    addresses: Addresses
    database_url: str
    migrator_url: str
    redis_url: str
    without: frozenset[str]
    sealer_url: str = ""

    @property
    def brings_database(self) -> bool:
        return not self.database_url

    @property
    def brings_store(self) -> bool:
        return not self.redis_url


def read_wishes(environ: Mapping[str, str] | None = None) -> Wishes:
    """The wishes in the environment; `BadConfiguration` names the variable at fault."""
    env = os.environ if environ is None else environ
    folder = Path(env.get("TOCSIN_VAR") or "var").resolve()
    database, migrator = (
        env.get("TOCSIN_DATABASE_URL", ""),
        env.get("TOCSIN_MIGRATOR_DATABASE_URL", ""),
    )
    if bool(database) != bool(migrator):
        raise BadConfiguration(
            "an external PostgreSQL needs both URLs: the application's and the migrator's.",
            field="TOCSIN_DATABASE_URL, TOCSIN_MIGRATOR_DATABASE_URL",
            todo="docs/operations.md shows the roles.",
        )
    if database:
        read_database_url(database, "TOCSIN_DATABASE_URL")
        read_database_url(migrator, "TOCSIN_MIGRATOR_DATABASE_URL")
    sealer = env.get("TOCSIN_SEALER_DATABASE_URL", "") if database else ""
    if sealer:
        read_database_url(sealer, "TOCSIN_SEALER_DATABASE_URL")
    without = frozenset(env.get("TOCSIN_WITHOUT", "").replace(",", " ").split())
    redis_url = env.get("TOCSIN_REDIS_URL", "")
    if redis_url:
        check_store_url(redis_url, "TOCSIN_REDIS_URL")
    addresses = _addresses(env, folder)
    return Wishes(folder, addresses, database, migrator, redis_url, without, sealer)


def _addresses(env: Mapping[str, str], folder: Path) -> Addresses:
    host = check_host(env.get("TOCSIN_HOST", "").strip(), "TOCSIN_HOST")
    defaults = {
        "TOCSIN_PORT": WEB,
        "TOCSIN_EDGE_PORT": EDGE,
        "TOCSIN_GATEWAY_PORT": GATEWAY,
        "TOCSIN_GATEWAY_TLS_PORT": AGENTS if host else 0,
        "TOCSIN_VALKEY_PORT": 0,
        "TOCSIN_EDGE_ADMIN_PORT": 0,
    }
    asked = {name: _port(env, name, default) for name, default in defaults.items()}
    taken = _by_port(asked)
    block = choose_block(
        env.get(FIELD, ""), folder, lambda port: port not in taken and is_free(port)
    )
    for port in block:
        if port in taken:
            raise _clash(port, taken[port], FIELD)
    used = {*taken, *block}
    return Addresses(
        web=asked["TOCSIN_PORT"],
        edge=asked["TOCSIN_EDGE_PORT"],
        gateway=asked["TOCSIN_GATEWAY_PORT"],
        store=asked["TOCSIN_VALKEY_PORT"] or _another(used),
        edge_admin=asked["TOCSIN_EDGE_ADMIN_PORT"] or _another(used),
        mail=0 if env.get("TOCSIN_MAIL_HOST") else _another(used),
        host=host,
        run_folder=folder / "run",
        databases=block,
        agents=asked["TOCSIN_GATEWAY_TLS_PORT"] if host else 0,
    )


def _by_port(asked: Mapping[str, int]) -> dict[int, str]:
    """Which variable has which port; two never have the same one."""
    taken: dict[int, str] = {}
    for name, port in asked.items():
        if port in taken:
            raise _clash(port, taken[port], name)
        if port:
            taken[port] = name
    return taken


def _clash(port: int, first: str, second: str) -> BadConfiguration:
    return BadConfiguration(
        f"port {port} is asked for twice.",
        field=f"{first}, {second}",
        kept="Nothing was started or changed.",
        todo="Choose another number for one of the two.",
    )


def _another(used: set[int]) -> int:
    """A free port that nothing else of this start will take."""
    while (port := free_port()) in used:
        pass
    used.add(port)
    return port


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or not 0 < int(text) <= MAX_PORT:
        raise BadConfiguration(f"{text!r} is not a port (1 to {MAX_PORT}).", field=name)
    return int(text)
