"""What a running server says of itself, in one statement for each question.

Sources: PostgreSQL's manual, "Recovery Information Functions" and "pg_stat_wal_receiver". After a
restart a standby's received position begins at a segment's start again, so the larger of received
and replayed is what is safe on its disk. While it receives nothing, the newest timeline of its
segments tells whose history it has: it asks only for one that goes on from its own, and its control
file names the older one until the next checkpoint.
"""

from __future__ import annotations

from typing import Any

from recovery.core.ports import Place, ServerFacts
from recovery.core.wire import DatabaseSpec, StandbyFact

ITSELF = """
SELECT pg_is_in_recovery() AS is_standby,
       current_setting('server_version') AS version,
       (SELECT system_identifier::text FROM pg_control_system()) AS system,
       current_setting('default_transaction_read_only') = 'on' AS is_read_only,
       (CASE WHEN pg_is_in_recovery()
             THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
             ELSE pg_current_wal_flush_lsn() END - '0/0')::bigint AS position,
       CASE WHEN pg_is_in_recovery()
            THEN greatest((SELECT received_tli FROM pg_stat_wal_receiver),
                          (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
                          (SELECT max(('x' || left(name, 8))::bit(32)::int) FROM pg_ls_waldir()
                            WHERE name ~ '^[0-9A-F]{24}$'),
                          (SELECT timeline_id FROM pg_control_checkpoint()))
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
            END AS timeline,
       (SELECT status = 'streaming' FROM pg_stat_wal_receiver) AS is_streaming,
       (SELECT extract(epoch FROM clock_timestamp() - last_msg_receipt_time) * 1000
          FROM pg_stat_wal_receiver)::bigint AS unheard_ms,
       (SELECT sender_host FROM pg_stat_wal_receiver) AS sender_host,
       (SELECT sender_port FROM pg_stat_wal_receiver) AS sender_port,
       CASE WHEN NOT pg_is_in_recovery() THEN 0
            WHEN (SELECT pg_last_wal_replay_lsn() >= latest_end_lsn FROM pg_stat_wal_receiver
                  WHERE status = 'streaming') THEN 0
            ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000
            END::bigint AS lag_ms
"""
STANDBYS = """
SELECT application_name, state, sync_state, (coalesce(flush_lsn, '0/0') - '0/0')::bigint AS position
  FROM pg_stat_replication WHERE application_name = ANY(%s)
"""
SETTINGS = """
SELECT name, setting, unit, vartype, pending_restart FROM pg_settings
 WHERE name = ANY(%s) OR pending_restart
"""
TOLD = (
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "wal_log_hints",
    "data_checksums",
    "max_standby_streaming_delay",
    "recovery_min_apply_delay",
    "wal_receiver_timeout",
    "wal_sender_timeout",
    "wal_retrieve_retry_interval",
    "checkpoint_timeout",
    "max_wal_size",
    "wal_keep_size",
    "max_connections",
)
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "B": 1.0, "kB": 1024.0, "8kB": 8192.0, "MB": 2.0**20}
_YES = {"on", "remote_apply", "remote_write", "true"}
"""Values of synchronous_commit that wait for a standby; `local` and `off` do not."""

Row = dict[str, Any]


def facts(
    spec: DatabaseSpec,
    place: Place,
    itself: Row,
    standbys: list[Row],
    settings: list[Row],
    *,
    cancelled: int,
) -> ServerFacts:
    """The answers in the port's words. Pure."""
    is_standby = bool(itself["is_standby"])
    return ServerFacts(
        role="standby" if is_standby else "primary",
        is_writable=not is_standby and not itself["is_read_only"],
        version=str(itself["version"]).split()[0],
        system=str(itself["system"]),
        timeline=int(itself["timeline"] or 0),
        position=int(itself["position"] or 0),
        lag_ms=-1 if itself["lag_ms"] is None else max(0, int(itself["lag_ms"])),
        follows=_followed(spec, place, itself),
        is_streaming=bool(itself["is_streaming"]),
        unheard_ms=max(0, int(itself["unheard_ms"] or 0)),
        standbys=tuple(_standby(row) for row in standbys),
        settings={row["name"]: _number(row) for row in settings if row["name"] in TOLD},
        cancelled_waits=cancelled,
        needs_restart=any(row["pending_restart"] for row in settings),
    )


def _followed(spec: DatabaseSpec, place: Place, itself: Row) -> str:
    """The member that really sends, by the address that the receiver is connected to."""
    if not itself["is_streaming"]:
        return ""
    sender = (itself["sender_host"], itself["sender_port"])
    return next((each.replica for each in spec.members if place.reach(each) == sender), "")


def _standby(row: Row) -> StandbyFact:
    return StandbyFact(
        replica=row["application_name"],
        position=int(row["position"]),
        is_streaming=row["state"] == "streaming",
        is_synchronous=row["sync_state"] in ("sync", "quorum"),
    )


def _number(row: Row) -> float:
    if row["vartype"] in ("bool", "enum"):
        return 1.0 if row["setting"] in _YES else 0.0
    return float(row["setting"]) * _UNITS.get(row["unit"] or "", 1.0)
