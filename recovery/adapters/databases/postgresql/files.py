"""The files that a server reads, as text. Pure.

They lie beside the data, never in them: a clone or a rewind copies the primary's data with
whatever is in them. Nobody but the administrator may come without a password, and only he comes
through the socket; members come for replication and for a rewind alone (safety.md B4: from a
member's host an application must not reach past the gate).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from recovery.adapters.databases.members import (
    are_on_loopback,
    confirming,
    networks,
    primary_of,
)
from recovery.core.ports import Login, Place
from recovery.core.wire import DatabaseSpec, Member

BASE = {
    "max_connections": "100",
    "shared_buffers": "32MB",
    "wal_level": "replica",
    "wal_log_hints": "on",
    "hot_standby": "on",
    "max_wal_senders": "10",
    "max_wal_size": "512MB",
    "wal_keep_size": "256MB",  # a standby that was away a few minutes catches up
    "max_standby_streaming_delay": "5s",  # a promotion waits for the replay of what was received
    "wal_receiver_status_interval": "1s",
    "wal_receiver_timeout": "10s",
    "wal_sender_timeout": "10s",
    "wal_retrieve_retry_interval": "500ms",
    "recovery_target_timeline": "latest",
    "log_line_prefix": "%m [%p] %a ",
    "log_checkpoints": "off",
    "logging_collector": "off",
    "lc_messages": "C",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_BACKED_UP = {"max_slot_wal_keep_size": "4GB"}
"""An archiver that is away so long costs a new base, never the primary's disk."""


def server_conf(spec: DatabaseSpec, place: Place, *, socket: Path, hba: Path) -> str:
    """The settings: ours, then the database's own wishes, then what nobody may override."""
    names = ", ".join(f'"{each}"' for each in confirming(spec))
    settings = (
        BASE
        | (_BACKED_UP if spec.backup else {})
        | spec.settings
        | {
            "listen_addresses": ",".join((place.listen, *place.also)),
            "port": str(spec.port),
            "unix_socket_directories": str(socket),
            "unix_socket_permissions": "0700",
            "hba_file": str(hba),
            "cluster_name": spec.replica,
            "synchronous_standby_names": f"ANY 1 ({names})" if names else "",
            "primary_conninfo": _followed(spec, place),
        }
    )
    return "".join(f"{name} = {quoted(value)}\n" for name, value in settings.items())


def _followed(spec: DatabaseSpec, place: Place) -> str:
    """Whom a standby follows; a primary, and whoever is out, nobody."""
    if spec.role != "standby":
        return ""
    password = {"password": Login.REPLICATION.password(spec.secret)}
    return keywords(upstream(primary_of(spec), spec, place) | password)


def upstream(member: Member, spec: DatabaseSpec, place: Place) -> dict[str, str]:
    """How this replica reaches that one's server as the replication role, but for the password."""
    host, port = place.reach(member)
    return {
        "host": host,
        "port": str(port),
        "user": Login.REPLICATION.value,
        "application_name": spec.replica,
        "connect_timeout": "5",
        "keepalives_idle": "5",
        "keepalives_interval": "2",
        "keepalives_count": "3",
        "tcp_user_timeout": "10000",
    }


def keywords(words: Mapping[str, str]) -> str:
    """A libpq connection string."""
    return " ".join(f"{name}='{_escaped(value)}'" for name, value in words.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def quoted(value: str) -> str:
    """A value in a settings file."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def hba_conf(spec: DatabaseSpec) -> str:
    """Who may come from where. The first line that fits decides."""
    members, clients = networks(spec), f"{Login.CLIENT},{Login.PROBE}"
    lines = [f"local all,replication {Login.ADMIN} trust", "local all,replication all reject"]
    for network in members:
        lines.append(f"host replication {Login.REPLICATION} {network} scram-sha-256")
        lines.append(f"host all {Login.REPLICATION} {network} scram-sha-256")
    if not are_on_loopback(spec):
        lines += [f"host all all {network} reject" for network in members]
    for network in ("0.0.0.0/0", "::/0"):
        lines.append(f"host all {clients} {network} scram-sha-256")
    return "\n".join(lines) + "\n"


_FOR_A_REWIND = (
    "pg_ls_dir(text, boolean, boolean)",
    "pg_stat_file(text, boolean)",
    "pg_read_binary_file(text)",
    "pg_read_binary_file(text, bigint, bigint, boolean)",
)


def first_statements(spec: DatabaseSpec) -> str:
    """What a new primary is made with, one statement a line, in the database `postgres`.

    The functions are those that pg_rewind's manual asks for; pg_checkpoint lets whoever rejoins
    see the new timeline in the primary's control file.
    """
    lines = [
        f"CREATE ROLE {Login.REPLICATION} LOGIN REPLICATION PASSWORD "
        f"'{Login.REPLICATION.password(spec.secret)}'",
        f"CREATE ROLE {Login.CLIENT} LOGIN PASSWORD '{Login.CLIENT.password(spec.secret)}'",
        f"CREATE ROLE {Login.PROBE} LOGIN PASSWORD '{Login.PROBE.password(spec.secret)}'",
        f"GRANT pg_checkpoint TO {Login.REPLICATION}",
    ]
    lines += [
        f"GRANT EXECUTE ON FUNCTION pg_catalog.{function} TO {Login.REPLICATION}"
        for function in _FOR_A_REWIND
    ]
    lines += [
        "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE postgres TO {Login.REPLICATION}",
        f"CREATE DATABASE app OWNER {Login.CLIENT}",
    ]
    return "\n".join(lines) + "\n"


def second_statements() -> str:
    """In the clients' database: the probe has a place of its own in it."""
    return f"CREATE SCHEMA {Login.PROBE} AUTHORIZATION {Login.PROBE}\n"
