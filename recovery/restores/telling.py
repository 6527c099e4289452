"""What is said of a restore: where it is, what it waits for, what follows; and of one elsewhere
that is done, what the database left on its old hosts: whole data folders, of which rows know no
copy any more (I-DB-5).

Invariant: only what rows say. No agent tells of such a folder: that it is there still, a person
sees.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from recovery.alarms.facts import AlarmState
from recovery.alarms.models import Alarm
from recovery.backups.models import ArchiveSight
from recovery.backups.words import counted, instant, spoken
from recovery.inventory.facts import ReplicaState, Verdict
from recovery.inventory.models import Epoch, Replica, WriteGap
from recovery.operations.facts import Verb
from recovery.restores import queries
from recovery.restores.closing import unclosed
from recovery.restores.decide import unlent
from recovery.restores.facts import BEFORE_SWITCH, ENDED, Phase
from recovery.restores.models import Restore
from recovery.restores.ordered import left, newest, sight_of
from recovery.restores.ringing import goes_on, key_of
from recovery.restores.stuck import Tries, act_of, otherwise
from recovery.restores.words import follows, hindered

SAYS = {
    Phase.ASKED: "waits for a second person",
    Phase.CHOOSE: "begins",
    Phase.PLACE: "begins",
    Phase.RESTORE: "restoring",
    Phase.VERIFY: "checking",
    Phase.SWITCH: "moving there",
    Phase.ROUTE: "starting there",
    Phase.DONE: "done",
    Phase.ABANDONED: "ended without it",
    Phase.EXPIRED: "no second word",
}
AND = " and "
"""Between names in a row."""


def alarm_of(row: Restore) -> Alarm | None:
    """Because it does not get on where it is now."""
    if row.phase in ENDED:
        return None
    rows = Alarm.objects.filter(key=key_of(row.pk), raised_at__gte=row.phase_at)
    return rows.exclude(state=AlarmState.ENDED).first()


def measured_of(row: Restore) -> str:
    """What its users saw, as the writing user told afterwards: the outage that it ended, with the
    writes that were acknowledged before and are not there. Nothing before that is known."""
    switched = next((step.at for step in row.steps.all() if step.phase == Phase.SWITCH), None)
    if row.phase != Phase.DONE or switched is None:
        return ""
    gaps = list(
        WriteGap.objects.filter(
            database=row.database_id, first_after__gte=switched, last_before__lte=row.ended_at
        )
    )
    if not gaps:
        return ""
    lost = sum(gap.lost for gap in gaps)
    span = max(gap.first_after for gap in gaps) - min(gap.last_before for gap in gaps)
    writes = f"{counted(lost, 'acknowledged write')} lost" if lost else "no acknowledged write lost"
    return f"Nobody could write for {spoken(span)}; {writes}."


def moves_of(row: Restore, tries: Tries, alarm: Alarm | None) -> bool:
    """Whether it went on just before its agent's newest word; of one that rings since, before
    that."""
    sight = sight_of(row)
    if sight is None:
        return False
    return goes_on(row, tries, max(sight.at, alarm.raised_at) if alarm else sight.at)


def follows_of(row: Restore, tries: Tries, *, is_stuck: bool, moves: bool, paused: str) -> str:
    """`paused`: why it is held. What moves can be read, whatever the last look said."""
    phase, host, in_place = Phase(row.phase), row.host.name, row.in_place
    if not row.called_off and (hinders := _hindered(row, paused, moves=moves)):
        return hinders
    if not is_stuck or row.called_off:
        return follows(phase, host, in_place=in_place, called_off=row.called_off)
    words = act_of(phase, host, in_place=in_place)
    if phase in BEFORE_SWITCH:
        words += otherwise(tries, is_hosts=False, in_place=in_place)
    return f"Next: {words}."


def _hindered(row: Restore, paused: str, *, moves: bool) -> str:
    seen = ArchiveSight.objects.filter(replica=row.source_id).values_list("error", flat=True)
    unread = next(iter(seen), "") if row.phase not in ENDED and not moves else ""
    verdict, store = Verdict(row.host.verdict), row.source.store.name
    return hindered(Phase(row.phase), row.host.name, verdict, store, unread, paused=paused)


def waits_for(row: Restore) -> str:
    if row.phase == Phase.PLACE:
        return unlent(queries.loan_of(row.pk))
    if row.phase != Phase.SWITCH:
        return ""
    orders = list(queries.orders_of(row, [Verb.FENCE, Verb.ADOPT]))
    is_adopting = any(op.verb == Verb.ADOPT for op in orders)
    return "" if is_adopting else unclosed(newest(orders, Verb.FENCE), left(orders))


def word_of(row: Restore) -> str:
    """Where it goes nowhere else, nothing moves."""
    there = {Phase.SWITCH: "put in its place", Phase.ROUTE: "starting"} if row.in_place else {}
    return there.get(Phase(row.phase), SAYS[Phase(row.phase)])


# ------------------------------------------------------------------ what it left


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What `database` had on `host` when `restore` moved it, at `at`, by the word of `people`.
    `replica`: whose folder it is; `upto`: what the restore brought back; `measured`: what its users
    saw, and what was lost."""

    database: str
    host: str
    replica: str
    restore: str
    at: datetime
    people: str
    upto: datetime
    measured: str

    @property
    def said(self) -> str:
        lost = f"Brought back up to {instant(self.upto)}. {self.measured}".strip()
        return (
            f"What {self.host} had of {self.database} was left there when {self.restore} moved it"
            f" ({instant(self.at)}, by {self.people}): in databases/{self.replica} of its agent’s"
            f" state folder, which no agent reads or deletes. {lost} Whoever needs more exports it"
            " there before anybody deletes it."
        )


def left_by(restores: Collection[UUID]) -> Mapping[UUID, tuple[LeftBehind, ...]]:
    """By restore, in the order of hosts."""
    rows = Restore.objects.filter(pk__in=restores, phase=Phase.DONE, in_place=False)
    found: dict[UUID, tuple[LeftBehind, ...]] = {}
    for row in rows.select_related("database", "vouch").prefetch_related("steps"):
        found[row.pk] = tuple(_of(row))
    return found


def left_on(host: str) -> tuple[LeftBehind, ...]:
    """On the host of this name, the newest first."""
    rows = Restore.objects.filter(old_host__contains=host).order_by("-number")
    by_restore = left_by(list(rows.values_list("pk", flat=True)))
    return tuple(one for row in by_restore.values() for one in row if one.host == host)


def _of(row: Restore) -> Iterator[LeftBehind]:
    """Its copies of then: who led it, whose row moved along, and those that were given up. Whoever
    led and is on that host again has set aside there what it had (`kept/`), or rewound it."""
    moved = next((step.at for step in row.steps.all() if step.phase == Phase.SWITCH), row.asked_at)
    copies = list(Replica.objects.filter(database=row.database_id).select_related("host"))
    led = Epoch.objects.filter(database=row.database_id, number=row.new_epoch or 0).first()
    leads = next((one for one in copies if led and one.pk == led.replica_id), None)
    gone = {one.host.name: one for one in copies if one.state == ReplicaState.RETIRED}
    for host in row.old_host.split(AND):
        copy = gone.get(host, leads)
        if copy is None or row.recovered_to is None:
            continue
        if copy.host.name == host and copy.state != ReplicaState.RETIRED:
            continue
        people = AND.join(dict.fromkeys([row.vouch.requested_by, row.vouch.given_by]))
        yield LeftBehind(
            row.database.name, host, str(copy.pk), str(row), moved, people, row.recovered_to,
            measured_of(row),
        )  # fmt: skip
