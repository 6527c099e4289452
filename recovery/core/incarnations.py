"""Which life of Tocsin's own rows this is, and whether it may speak (B11).

Invariant: from the moment at which the rows stand on another line of PostgreSQL's log than their
newest settled incarnation (restored, or failed over), nothing in them is told to an agent: no
list, no order, no renewed lease. Agents go on by themselves, as without a control plane, until a
person has settled what the rows do not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.models import Incarnation

SYSTEM = "(SELECT system_identifier::text FROM pg_control_system())"
TIMELINE = "('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint"
SPEAKS = f"""
(NOT EXISTS (SELECT 1 FROM core_incarnation)
 OR EXISTS (SELECT 1 FROM core_incarnation i
   WHERE i.number = (SELECT max(number) FROM core_incarnation) AND i.state = 'settled'
     AND i.system = {SYSTEM} AND i.timeline = {TIMELINE}))
"""  # noqa: S608 - our own constants
"""For statements that must be true of the very rows that they read. No incarnation at all: rows
that nobody has led yet."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Where the rows stand: PostgreSQL's system identifier and the timeline of its log."""

    system: str
    timeline: int


def identity() -> Identity:
    """Of the server that answers now."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SYSTEM}, {TIMELINE}")
        system, timeline = cursor.fetchone() or ("", 0)
    return Identity(str(system), int(timeline))


def speaks() -> bool:
    """Whether agents may be told what these rows say."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SPEAKS}")
        (answer,) = cursor.fetchone() or (False,)
    return bool(answer)


def newest() -> Incarnation | None:
    return Incarnation.objects.first()


def desired_floor() -> int:
    """Above this every list for an agent is numbered."""
    return Incarnation.objects.values_list("desired_floor", flat=True).first() or 0


def quarantine_reason() -> str:
    """Why nothing may be decided on these rows, or nothing: for every decider."""
    row = newest()
    if row is None or row.state == "settled":
        return ""
    return f"Tocsin's own rows are not known to be the newest. {row.cause}"


def recognise(*, ahead: str, actor: Actor, now: datetime) -> Incarnation:
    """The incarnation of these rows; a new one where they are not what they were.

    `ahead`: what agents know and the rows do not, if anything. The first of all is settled: nobody
    was told anything before it.
    """
    there, stands = newest(), identity()
    if there is None:
        return _begin(1, stands, "The first.", "settled", actor=actor, now=now)
    cause = _cause(there, stands) or (ahead if there.state == "settled" else "")
    if not cause:
        return there
    return _begin(there.number + 1, stands, cause, "quarantined", actor=actor, now=now)


def _cause(there: Incarnation, stands: Identity) -> str:
    if there.system != stands.system:
        return "They were loaded into another PostgreSQL cluster."
    if there.timeline != stands.timeline:
        return (
            f"PostgreSQL writes timeline {stands.timeline} and wrote {there.timeline}: a copy was"
            " restored, or a standby was promoted."
        )
    return ""


def _begin(
    number: int, stands: Identity, cause: str, state: str, *, actor: Actor, now: datetime
) -> Incarnation:
    row = Incarnation(
        number=number,
        state=state,
        system=stands.system,
        timeline=stands.timeline,
        cause=cause,
        began_at=now,
        desired_floor=desired_floor(),
    )
    with transaction.atomic():
        return transitions.create([row], actor=actor, reason=cause, now=now)[0]
