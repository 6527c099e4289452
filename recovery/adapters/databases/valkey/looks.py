"""What a server says of itself, in the port's words. Pure.

Source: the manual of INFO, section replication. An offset means something only beside its
replication id: a server that starts anew as a primary has another id, and counts from another
number. Only a server's word that the link is up, and no copy under way, makes it a whole copy.
"""

from __future__ import annotations

from typing import Any

from recovery.core.ports import Place, ServerFacts
from recovery.core.wire import DatabaseSpec, StandbyFact

TOLD = (
    "repl-timeout",
    "repl-ping-replica-period",
    "repl-backlog-size",
    "min-replicas-to-write",
    "min-replicas-max-lag",
    "appendonly",
    "appendfsync",
    "maxmemory",
    "maxclients",
)
_WORDS = {"yes": 1.0, "no": 0.0, "always": 1.0, "everysec": 0.5}


def timeline(replication_id: str) -> int:
    """A number for a replication id: 48 bits of it."""
    return int(replication_id[:12], 16)


def is_whole(info: dict[str, Any]) -> bool:
    """True for a primary, and for a standby whose copy is complete and streams on."""
    if info["role"] == "master":
        return True
    return info["master_link_status"] == "up" and not info["master_sync_in_progress"]


def is_kept(info: dict[str, Any]) -> bool:
    """True when what is whole is also on the disk: after a full copy the append-only file is
    written anew, and until that is done a start would find the former one."""
    pending = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")
    return is_whole(info) and not any(info.get(name) for name in pending)


def facts(
    spec: DatabaseSpec,
    place: Place,
    info: dict[str, Any],
    settings: dict[str, str],
    *,
    may_write: bool,
    is_kept: bool,
) -> ServerFacts:
    """The answers in the port's words."""
    is_primary = info["role"] == "master"
    streams = not is_primary and is_whole(info) and is_kept
    return ServerFacts(
        role="primary" if is_primary else "standby",
        is_writable=is_primary and may_write,
        version=str(info.get("valkey_version") or info["redis_version"]),
        system=spec.database,
        timeline=timeline(info["master_replid"]),
        position=int(info["master_repl_offset"] if is_primary else info["slave_repl_offset"]),
        lag_ms=_lag(info),
        follows=_followed(spec, place, info) if streams else "",
        is_streaming=streams,
        unheard_ms=max(0, _lag(info)),
        standbys=_standbys(spec, info) if is_primary else (),
        settings={name: _number(settings[name]) for name in TOLD if name in settings},
        detail=_trouble(info),
    )


def _lag(info: dict[str, Any]) -> int:
    """A standby's silence since its primary's last word; unknown while the link is down."""
    if info["role"] == "master":
        return 0
    seconds = int(info.get("master_last_io_seconds_ago", -1))
    return seconds * 1000 if seconds >= 0 else -1


def _followed(spec: DatabaseSpec, place: Place, info: dict[str, Any]) -> str:
    sender = (str(info["master_host"]), int(info["master_port"]))
    return next((each.replica for each in spec.members if place.reach(each) == sender), "")


def _standbys(spec: DatabaseSpec, info: dict[str, Any]) -> tuple[StandbyFact, ...]:
    """By the address and port that each announces. None is synchronous: no engine of this kind
    makes a client wait."""
    names = {(each.address, each.port): each.replica for each in spec.members}
    found = []
    for number in range(int(info["connected_slaves"])):
        row = info[f"slave{number}"]
        name = names.get((str(row["ip"]), int(row["port"])))
        if name is not None:
            is_online = row["state"] == "online"
            found.append(
                StandbyFact(
                    replica=name,
                    position=int(row["offset"]) if is_online else 0,
                    is_streaming=is_online,
                    is_synchronous=False,
                )
            )
    return tuple(found)


def _number(text: str) -> float:
    return _WORDS[text] if text in _WORDS else float(text)


def _trouble(info: dict[str, Any]) -> str:
    bad = [
        f"{name} is {info[name]}"
        for name in ("aof_last_write_status", "aof_last_bgrewrite_status")
        if info.get(name) not in (None, "ok")
    ]
    return "; ".join(bad)
