"""Wanted against given: what each application needs done, with a reason for each yes and no.

Pure. Nothing is placed here: a `Want` still has to find its host (`decide.py`).

Invariants: of a singleton no second seat is wanted while the first may run (I-CT-1); a
provisional seat is wanted for stateless containers only (I-CT-2); a slot has at most one active
seat of record and one provisional seat.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime

from recovery.inventory.facts import Replace, Verdict
from recovery.scheduling.facts import (
    ACTIVE,
    ApplicationFact,
    Cause,
    Confirm,
    HostFact,
    Kind,
    Lose,
    Order,
    Policy,
    Readopt,
    SeatFact,
    SeatState,
    SlotFact,
    Snapshot,
    Start,
    Stop,
    Waiting,
    Want,
)

GONE = frozenset({Verdict.LOST, Verdict.HUNG})
"""Verdicts under which a host's containers do not answer, and are said not to."""
ANSWERING = frozenset({Verdict.ALIVE, Verdict.ISOLATED, Verdict.AGENT_DOWN})
"""Verdicts under which a host's containers answer users."""


@dataclass(slots=True)
class Plan:
    """What reconciling found. `serving`: per application, seats that answer or will soon."""

    orders: list[Order] = field(default_factory=list)
    wants: list[Want] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    serving: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Slot:
    """One copy with its seats, and what the rules need to look at."""

    app: ApplicationFact
    fact: SlotFact
    hosts: dict[str, HostFact]
    policy: Policy
    now: datetime
    plan: Plan
    current: SeatFact | None = None
    following: SeatFact | None = None
    lost: list[SeatFact] = field(default_factory=list)
    stopping: list[SeatFact] = field(default_factory=list)

    @property
    def wanted(self) -> bool:
        return self.fact.ordinal <= self.app.wanted

    def host_of(self, seat: SeatFact) -> HostFact:
        return self.hosts[seat.host]

    def wait(self, cause: Cause, reason: str, seat: SeatFact | None = None) -> None:
        self.plan.waiting.append(
            Waiting(self.app.id, self.fact.ordinal, cause, reason, seat.id if seat else "")
        )


def reconcile(snapshot: Snapshot, now: datetime) -> Plan:
    """Compare each application's wanted copies with its seats."""
    plan = Plan()
    hosts = {host.id: host for host in snapshot.hosts}
    seats: dict[str, dict[int, list[SeatFact]]] = defaultdict(lambda: defaultdict(list))
    for seat in snapshot.seats:
        seats[seat.application][seat.ordinal].append(seat)
    for app in sorted(snapshot.applications, key=lambda app: (app.name, app.id)):
        mine = seats.get(app.id, {})
        facts = {slot.ordinal: slot for slot in app.slots}
        for ordinal in sorted({*range(1, app.wanted + 1), *facts, *mine}):
            fact = facts.get(ordinal, SlotFact(ordinal))
            slot = _Slot(app, fact, hosts, snapshot.policy, now, plan)
            _sort_seats(slot, mine.get(ordinal, []))
            _reconcile_slot(slot)
        plan.serving[app.id] = _serving(mine, hosts)
    return plan


def _serving(mine: dict[int, list[SeatFact]], hosts: dict[str, HostFact]) -> int:
    """Copies that answer, or are being started on a host that does."""
    return sum(
        1
        for seats in mine.values()
        if any(
            s.state in ACTIVE - {SeatState.SICK} and hosts[s.host].verdict in ANSWERING
            for s in seats
        )
    )


def _sort_seats(slot: _Slot, seats: list[SeatFact]) -> None:
    """Which seat is of record, which follows it, which were lost; those on a host that is gone
    are lost from here on, whatever their row said."""
    for seat in sorted(seats, key=lambda seat: (seat.generation, seat.id)):
        if seat.state is not SeatState.LOST and slot.host_of(seat).verdict in GONE:
            host = slot.host_of(seat)
            slot.plan.orders.append(Lose(seat.id, f"{host.name} is {host.verdict}"))
            slot.lost.append(replace(seat, state=SeatState.LOST))
        elif seat.state is SeatState.LOST:
            slot.lost.append(seat)
        elif seat.state not in ACTIVE:
            slot.stopping.append(seat)
        elif seat.provisional:
            slot.following = _newest(slot, slot.following, seat)
        else:
            slot.current = _newest(slot, slot.current, seat)


def _newest(slot: _Slot, older: SeatFact | None, newer: SeatFact) -> SeatFact:
    if older is not None:
        _stop(slot, older, f"generation {newer.generation} holds its place")
    return newer


def _stop(slot: _Slot, seat: SeatFact, reason: str, *, withdrawal: bool = False) -> None:
    """Order a stop where the host can carry it out; say why not where it cannot."""
    host = slot.host_of(seat)
    if host.verdict is Verdict.ALIVE:
        slot.plan.orders.append(Stop(seat.id, reason, withdrawal))
    else:
        told = f"stop of generation {seat.generation} waits: {host.name} is {host.verdict}"
        slot.wait(Cause.UNREACHABLE, told, seat)


def _reconcile_slot(slot: _Slot) -> None:
    if not slot.wanted:
        _stop_surplus(slot)
        return
    if slot.current is None:
        _fill_place(slot)
    else:
        _review_current(slot, slot.current)
    _clear_lost(slot)
    _ask_again(slot)


def _ask_again(slot: _Slot) -> None:
    """A planned seat that nobody starts: its operation was withdrawn while its host was away."""
    for seat in (slot.current, slot.following):
        if seat is None or seat.asked or seat.state is not SeatState.PLANNED:
            continue
        if slot.host_of(seat).verdict is not Verdict.ALIVE:
            continue
        reserved = seat.provisional and slot.app.kind is not Kind.STATELESS
        touched = any(getattr(order, "seat", "") == seat.id for order in slot.plan.orders)
        if not reserved and not touched:
            slot.plan.orders.append(Start(seat.id, "its start was withdrawn, its host is back"))


def _stop_surplus(slot: _Slot) -> None:
    """More copies than wanted: the highest ordinals go."""
    for seat in (slot.following, slot.current, *slot.lost):
        if seat is None:
            continue
        if seat.state is not SeatState.LOST or slot.host_of(seat).verdict is Verdict.ALIVE:
            _stop(slot, seat, "more copies than are wanted")


def _clear_lost(slot: _Slot) -> None:
    """A lost seat whose host came back: stopped if its place is taken (I-CT-2)."""
    for seat in slot.lost:
        if slot.current is not None and slot.host_of(seat).verdict is Verdict.ALIVE:
            told = f"returned after it was lost: generation {slot.current.generation} took over"
            slot.plan.orders.append(Stop(seat.id, told))


# ------------------------------------------------------------------ no seat of record


def _fill_place(slot: _Slot) -> None:
    """The slot has no active seat of record: confirm, take back, wait, or want one."""
    if slot.following is not None:
        _confirm_following(slot, slot.following)
        return
    back = [s for s in slot.lost if slot.host_of(s).verdict is Verdict.ALIVE]
    if back:
        host = slot.host_of(back[-1])
        slot.current = back[-1]
        slot.lost.remove(back[-1])
        slot.plan.orders.append(
            Readopt(slot.current.id, f"{host.name} is back and nobody took the place")
        )
        return
    if _may_replace_lost(slot) and _may_follow_stopping(slot) and _may_retry(slot):
        _want_missing(slot)


def _confirm_following(slot: _Slot, following: SeatFact) -> None:
    """The old seat is gone. Of a container of which only one may run, that has to be proven."""
    single = slot.app.kind is not Kind.STATELESS
    if single and not (_may_replace_lost(slot) and _may_follow_stopping(slot)):
        return
    told = "the old seat is gone: this one takes over"
    start = following.state is SeatState.PLANNED and not following.asked
    is_move = start or not slot.lost
    slot.plan.orders.append(Confirm(following.id, told, start, is_move))
    slot.current, slot.following = following, None


def _may_replace_lost(slot: _Slot) -> bool:
    """Each lost seat must permit a new generation: its host's word, and for a container of
    which only one may run the proof that the old one does not."""
    for seat in slot.lost:
        host = slot.host_of(seat)
        if slot.app.kind is not Kind.STATELESS and not seat.released:
            told = f"only one may run: waits for a fencing proof of {host.name} or a person's word"
            slot.wait(Cause.FENCE, told, seat)
            return False
        if seat.generation < slot.fact.generation:
            continue  # it was replaced before: that permission stands
        if seat.released or host.replace in (Replace.ALLOWED, Replace.PACED):
            continue
        cause = Cause.HELD if host.replace is Replace.HELD else Cause.VERDICT
        slot.wait(cause, _held_reason(host), seat)
        return False
    return True


def _held_reason(host: HostFact) -> str:
    if host.replace is Replace.HELD:
        told = "the brake holds its replacement, a person may release it"
    else:
        told = "detection does not permit a replacement"
    return f"{host.name} is {host.verdict}; {told}"


def _may_follow_stopping(slot: _Slot) -> bool:
    """A copy of which only one may run starts after the last one was seen to stop."""
    if slot.app.kind is Kind.STATELESS or not slot.stopping:
        return True
    host = slot.host_of(slot.stopping[-1])
    slot.wait(Cause.FENCE, f"waits until {host.name} has stopped the old one", slot.stopping[-1])
    return False


def _may_retry(slot: _Slot) -> bool:
    """After failures the next attempt waits, twice as long each time."""
    if not slot.fact.failures or slot.fact.failed_at is None:
        return True
    factor = 2 ** min(slot.fact.failures - 1, 16)
    pause = min(slot.policy.retry_first * factor, slot.policy.retry_most)
    left = slot.fact.failed_at + pause - slot.now
    if left.total_seconds() <= 0:
        return True
    times = "once" if slot.fact.failures == 1 else f"{slot.fact.failures} times"
    slot.wait(Cause.BACKOFF, f"failed {times}, next attempt in {left.total_seconds():.0f} s")
    return False


def _want_missing(slot: _Slot) -> None:
    if slot.lost:
        host = slot.host_of(slot.lost[-1])
        cause = Cause.HUNG if host.verdict is Verdict.HUNG else Cause.LOST
        reason = f"{host.name} is {host.verdict}"
    elif slot.fact.failures:
        cause, reason = Cause.FAILED, "its last start failed"
    else:
        cause, reason = Cause.NEW, "a copy is wanted and there is none"
    _want(slot, cause, reason, slot.lost[-1] if slot.lost else None)


def _want(
    slot: _Slot,
    cause: Cause,
    reason: str,
    old: SeatFact | None,
    *,
    provisional: bool = False,
    stop_first: bool = False,
) -> None:
    highest = max(
        (s.generation for s in (slot.current, slot.following, *slot.lost, *slot.stopping) if s),
        default=0,
    )
    slot.plan.wants.append(
        Want(
            application=slot.app.id,
            ordinal=slot.fact.ordinal,
            generation=max(slot.fact.generation, highest) + 1,
            cause=cause,
            reason=reason,
            provisional=provisional,
            replaces=old.id if old else "",
            paced=old is not None and slot.host_of(old).replace is Replace.PACED,
            stop_first=stop_first,
            avoid=slot.fact.failed_on,
        )
    )


# ------------------------------------------------------------------ a seat of record


def _review_current(slot: _Slot, seat: SeatFact) -> None:
    """The slot has its seat: move it, back it up, end a backup that is not needed, or leave it."""
    host = slot.host_of(seat)
    cause = _reason_to_move(slot, seat, host)
    if cause is not None:
        _move(slot, seat, cause)
    elif slot.following is not None and host.verdict is Verdict.ALIVE:
        _end_backup(slot, seat, slot.following)
    elif host.verdict is Verdict.SUSPECT and slot.following is None:
        _back_up(slot, seat, host)


def _reason_to_move(slot: _Slot, seat: SeatFact, host: HostFact) -> Cause | None:
    """Why a seat on a living host should go elsewhere, if it should."""
    if host.verdict is not Verdict.ALIVE:
        return None
    if host.draining:
        return Cause.DRAIN
    if seat.state is SeatState.SICK and slot.now - seat.since >= slot.policy.sick_patience:
        return Cause.SICK
    return None


def _move(slot: _Slot, seat: SeatFact, cause: Cause) -> None:
    """Stateless: the new one runs first, then the old one stops. Others: the other way round."""
    host = slot.host_of(seat)
    reason = f"{host.name} is drained" if cause is Cause.DRAIN else f"sick on {host.name}"
    if slot.following is not None:
        if slot.app.kind is not Kind.STATELESS:
            slot.plan.orders.append(Stop(seat.id, reason))
        elif _serves(slot, slot.following):
            told = f"{reason}, and it runs"
            slot.plan.orders.append(Confirm(slot.following.id, told, is_move=True))
            slot.plan.orders.append(Stop(seat.id, reason))
            slot.current, slot.following = slot.following, None
    elif slot.app.kind is Kind.STATELESS:
        if _may_retry(slot):
            _want(slot, cause, reason, seat, provisional=True)
    elif cause is Cause.DRAIN:
        _want(slot, cause, reason, seat, provisional=True, stop_first=True)
    else:
        told = f"{reason}; only one may run, so moving it is a person's decision"
        slot.wait(Cause.FENCE, told, seat)


def _serves(slot: _Slot, seat: SeatFact) -> bool:
    return seat.state is SeatState.RUNNING and slot.host_of(seat).verdict in ANSWERING


def _end_backup(slot: _Slot, seat: SeatFact, backup: SeatFact) -> None:
    """The host is back before it was lost: g stays, g+1 is stopped, once g answers again."""
    host = slot.host_of(seat)
    if _serves(slot, seat):
        _stop(slot, backup, f"{host.name} is back and its container answers", withdrawal=True)


def _back_up(slot: _Slot, seat: SeatFact, host: HostFact) -> None:
    """A suspect host: stateless containers may get a provisional replacement (I-CT-2)."""
    if slot.app.kind is not Kind.STATELESS:
        told = f"only one may run: waits until {host.name} answers, or for a fencing proof"
        slot.wait(Cause.SUSPECT, told, seat)  # it ends by itself, with the verdict: rings nowhere
    elif host.replace in (Replace.PROVISIONAL, Replace.ALLOWED, Replace.PACED):
        if slot.policy.trusts_suspicion and _may_retry(slot):
            _want(slot, Cause.SUSPECT, f"{host.name} is suspect", seat, provisional=True)
    elif host.replace is Replace.HELD:
        slot.wait(Cause.HELD, _held_reason(host), seat)
