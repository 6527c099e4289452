"""The server's settings file, as text. Pure.

Nobody comes without a password, the administrator neither: an access list cannot tell the socket
from the network. Options have the names that Redis 7 and Valkey 9 both understand.
"""

from __future__ import annotations

from pathlib import Path

from recovery.adapters.databases.members import confirming, primary_of
from recovery.core.ports import Login, Place
from recovery.core.wire import DatabaseSpec

NOBODY = ("127.0.0.1", 1)
"""Followed by whoever may follow nobody yet must not accept writes: nothing listens there."""

BASE = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "repl-backlog-size": "16mb",  # a standby that was away a few minutes catches up
    "repl-diskless-sync-delay": "0",
    "repl-diskless-load": "disabled",  # a copy is complete on the disk before it replaces anything
    "repl-ping-replica-period": "1",
    "repl-timeout": "10",
    "replica-read-only": "yes",
    "protected-mode": "no",
    "daemonize": "no",
    "databases": "16",
}
_RIGHTS = {
    Login.ADMIN: "~* &* +@all",
    Login.CLIENT: "~* &* +@all -@admin -@dangerous +info +role +keys +sort +flushdb +flushall",
    Login.PROBE: f"~{Login.PROBE}:* &* +@all -@admin -@dangerous +info +role",
    Login.REPLICATION: "~* +psync +sync +replconf +ping +info +scan +dump +select",
}


def server_conf(spec: DatabaseSpec, place: Place, *, socket: Path, data: Path) -> str:
    """The settings: ours, then the database's own wishes, then what nobody may override."""
    own = {member.replica: member for member in spec.members}.get(spec.replica)
    settings = BASE | spec.settings | durability(spec)
    bound = " ".join((place.listen, *(f"-{each}" for each in place.also)))
    settings |= {"bind": bound, "port": str(spec.port), "dir": str(data)}
    settings |= {"unixsocket": str(socket), "unixsocketperm": "700"}
    if place.listen not in ("0.0.0.0", "*", "::"):  # noqa: S104 - compared, not bound
        settings["bind-source-addr"] = place.listen
    if own is not None:
        settings |= {"replica-announce-ip": own.address, "replica-announce-port": str(own.port)}
    settings |= {
        "masteruser": Login.REPLICATION.value,
        "masterauth": Login.REPLICATION.password(spec.secret),
    }
    lines = [f"{name} {_quoted(value)}" for name, value in settings.items()]
    lines.append("user default off")
    lines += [f"user {login} on >{login.password(spec.secret)} {_RIGHTS[login]}" for login in Login]
    return "\n".join(lines) + "\n"


def following(spec: DatabaseSpec, place: Place) -> str:
    """The line that makes a starting server a standby: of the primary, or of nobody."""
    host, port = upstream(spec, place)
    return f"replicaof {host} {port}\n"


def upstream(spec: DatabaseSpec, place: Place) -> tuple[str, int]:
    """Whom a standby follows. A primary that was a standby waits for its promotion."""
    return place.reach(primary_of(spec)) if spec.role == "standby" else NOBODY


def durability(spec: DatabaseSpec) -> dict[str, str]:
    """Refuse writes while no standby confirms: it bounds a loss, it does not exclude one."""
    return {
        "min-replicas-to-write": "1" if confirming(spec) else "0",
        "min-replicas-max-lag": "5",
    }


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
