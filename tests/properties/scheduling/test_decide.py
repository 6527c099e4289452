"""What holds for every fleet: thousands of small worlds, most of them badly hurt."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recovery.inventory.facts import Replace, Verdict
from recovery.scheduling.decide import decide
from recovery.scheduling.facts import (
    ACTIVE,
    OCCUPYING,
    ApplicationFact,
    Cause,
    Decision,
    HostFact,
    Kind,
    SeatFact,
    SeatState,
    SlotFact,
    Snapshot,
    Unplaced,
)
from tests.decisions.scheduling.build import NOW, app, carry_out, host, observe, seat, world

many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

RIGHTS = {
    Verdict.ALIVE: [Replace.NONE],
    Verdict.SUSPECT: [Replace.NONE, Replace.PROVISIONAL, Replace.HELD],
    Verdict.LOST: [Replace.ALLOWED, Replace.PACED, Replace.HELD, Replace.NONE],
    Verdict.HUNG: [Replace.ALLOWED, Replace.HELD],
}


@st.composite
def hosts(draw: st.DrawFn, name: str) -> HostFact:
    weights = [Verdict.ALIVE] * 6 + [v for v in Verdict if v is not Verdict.ALIVE]
    verdict = draw(st.sampled_from(weights))
    return host(
        name,
        draw(st.sampled_from("AB")),
        draw(st.sampled_from(["r1", "r2"])),
        (draw(st.integers(0, 8)), draw(st.integers(0, 8))),
        verdict,
        replace=draw(st.sampled_from(RIGHTS.get(verdict, [Replace.NONE]))),
        labels=draw(st.sampled_from([(), ("ssd",)])),
        cordoned=draw(st.booleans()) and draw(st.booleans()),
        draining=draw(st.booleans()) and draw(st.booleans()),
        quarantined=draw(st.booleans()) and draw(st.booleans()),
        deaf=draw(st.booleans()) and draw(st.booleans()),
    )


@st.composite
def applications(draw: st.DrawFn, name: str) -> ApplicationFact:
    failed = SlotFact(1, 1, failures=1, failed_at=NOW - timedelta(seconds=draw(st.integers(0, 9))))
    kind = draw(st.sampled_from([Kind.STATELESS, Kind.STATELESS, Kind.SINGLETON]))
    return app(
        name,
        draw(st.integers(0, 1 if kind is Kind.SINGLETON else 4)),
        (draw(st.integers(1, 4)), draw(st.integers(1, 4))),
        draw(st.integers(0, 2)),
        kind,
        labels=draw(st.sampled_from([(), (), ("ssd",)])),
        slots=draw(st.sampled_from([(), (), (failed,)])),
    )


@st.composite
def worlds(draw: st.DrawFn) -> Snapshot:
    """Hosts and applications whose seats keep the rules so far (capacity apart: it may have
    been lowered under the seats)."""
    fleet = [draw(hosts(f"h{n}")) for n in range(draw(st.integers(0, 7)))]
    apps = [draw(applications(f"app{n}")) for n in range(draw(st.integers(0, 5)))]
    seats: list[SeatFact] = []
    for one in apps:
        free = draw(st.permutations([h.id for h in fleet]))
        most = 1 if one.kind is Kind.SINGLETON else 4
        for ordinal in range(1, draw(st.integers(0, most)) + 1):
            for generation, provisional in draw(
                st.sampled_from([[], [(1, False)], [(1, False)], [(1, False), (2, True)]])
            ):
                if not free or (provisional and one.kind is not Kind.STATELESS):
                    continue
                state = draw(st.sampled_from(sorted(OCCUPYING)))
                since = NOW - timedelta(seconds=draw(st.sampled_from([1, 100])))
                seats.append(
                    seat(
                        one.id, free.pop(), ordinal, generation, state,
                        since=since, provisional=provisional, released=draw(st.booleans()),
                        asked=draw(st.booleans()),
                    )
                )  # fmt: skip
    return world(fleet, apps, seats)


def crowded(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Hosts that hold two seats of one application."""
    held: dict[tuple[str, str], int] = defaultdict(int)
    for one in snapshot.seats:
        held[(one.application, one.host)] += 1
    return [key for key, count in held.items() if count > 1]


@many
@given(worlds())
def test_never_two_seats_of_one_application_on_one_host(snapshot: Snapshot) -> None:
    assert crowded(carry_out(snapshot, decide(snapshot, NOW))) == []


@many
@given(worlds())
def test_no_receiver_is_taken_above_its_capacity(snapshot: Snapshot) -> None:
    decision = decide(snapshot, NOW)
    receivers = {place.host for place in decision.places}
    for one in carry_out(snapshot, decision).hosts:
        if one.id in receivers:
            assert all(u <= c for u, c in zip(one.used, one.capacity, strict=True))


@many
@given(worlds())
def test_a_seat_goes_only_to_a_living_open_host_with_its_labels(snapshot: Snapshot) -> None:
    fleet = {h.id: h for h in snapshot.hosts}
    apps = {a.id: a for a in snapshot.applications}
    for place in decide(snapshot, NOW).places:
        at = fleet[place.host]
        assert at.verdict is Verdict.ALIVE
        assert not any((at.cordoned, at.draining, at.quarantined, at.deaf))
        assert apps[place.application].labels <= at.labels


@many
@given(worlds())
def test_deciding_again_after_the_orders_orders_nothing(snapshot: Snapshot) -> None:
    after = carry_out(snapshot, decide(snapshot, NOW))
    assert decide(after, NOW).orders == ()


@many
@given(worlds(), st.randoms())
def test_the_order_of_the_facts_does_not_matter(snapshot: Snapshot, random: Random) -> None:
    mixed = replace(
        snapshot,
        hosts=tuple(random.sample(snapshot.hosts, len(snapshot.hosts))),
        applications=tuple(random.sample(snapshot.applications, len(snapshot.applications))),
        seats=tuple(random.sample(snapshot.seats, len(snapshot.seats))),
    )
    assert decide(mixed, NOW) == decide(snapshot, NOW)


@many
@given(worlds())
def test_of_a_singleton_no_second_generation_starts_while_the_first_may_run(
    snapshot: Snapshot,
) -> None:
    fleet = {h.id: h for h in snapshot.hosts}
    single = {a.id for a in snapshot.applications if a.kind is not Kind.STATELESS}
    for place in decide(snapshot, NOW).places:
        if place.application not in single or not place.start:
            continue
        assert not place.provisional
        for old in snapshot.seats:
            if (old.application, old.ordinal) == (place.application, place.ordinal):
                gone = fleet[old.host].verdict in (Verdict.LOST, Verdict.HUNG)
                assert old.state is SeatState.LOST or gone
                assert old.released


@many
@given(worlds())
def test_no_seat_is_replaced_without_detections_permission(snapshot: Snapshot) -> None:
    fleet = {h.id: h for h in snapshot.hosts}
    seats = {s.id: s for s in snapshot.seats}
    for place in decide(snapshot, NOW).places:
        if place.cause in (Cause.LOST, Cause.HUNG):
            old = seats[place.replaces]
            allowed = fleet[old.host].replace in (Replace.ALLOWED, Replace.PACED)
            assert allowed or old.released
        if place.cause is Cause.SUSPECT:
            assert place.provisional
            assert fleet[seats[place.replaces].host].replace is Replace.PROVISIONAL


@many
@given(worlds())
def test_every_unplaced_seat_has_a_true_binding_constraint(snapshot: Snapshot) -> None:
    decision = decide(snapshot, NOW)
    after = carry_out(snapshot, decision)
    apps = {a.id: a for a in snapshot.applications}
    for missing in decision.unplaced:
        one = apps[missing.want.application]
        broken = [_broken(after, h, one) for h in after.hosts]
        assert all(broken), "a host would have taken it"
        assert sum(count for _, count in missing.rejected) == len(after.hosts)
        alone = [next(iter(b)) for b in broken if len(b) == 1]
        assert (missing.binding in alone) if alone else missing.binding == ""


def _broken(after: Snapshot, at: HostFact, one: ApplicationFact) -> set[str]:
    """All constraints that this host breaks for one more seat: the slow and plain way."""
    checks = {
        "not alive": at.verdict is not Verdict.ALIVE,
        "in quarantine": at.quarantined,
        "taking no orders": at.deaf,
        "draining": at.draining,
        "cordoned": at.cordoned,
        "labels": not one.labels <= at.labels,
        "seat": any((s.application, s.host) == (one.id, at.id) for s in after.seats),
        "cpu_millis": at.used[0] + one.need[0] > at.capacity[0],
        "memory_mib": at.used[1] + one.need[1] > at.capacity[1],
    }
    return {name for name, breaks in checks.items() if breaks}


@many
@given(worlds())
def test_nobody_waits_for_room_that_a_lower_priority_took(snapshot: Snapshot) -> None:
    """Without the later and lesser ones the unplaced seat would still not have fitted."""
    decision = decide(snapshot, NOW)
    apps = {a.id: a for a in snapshot.applications}
    first = _first_copies(snapshot, decision)
    for missing in decision.unplaced:
        mine = apps[missing.want.application]
        lesser = {
            (p.application, p.ordinal)
            for p in decision.places
            if apps[p.application].priority < mine.priority and p not in first
        }
        kept = replace(
            decision,
            orders=tuple(
                o for o in decision.orders
                if (getattr(o, "application", ""), getattr(o, "ordinal", 0)) not in lesser
            ),
        )  # fmt: skip
        after = carry_out(snapshot, kept)
        assert all(_broken(after, h, mine) for h in after.hosts)


def _first_copies(snapshot: Snapshot, decision: Decision) -> set[object]:
    """The one place per dead application that precedes priority."""
    fleet = {h.id: h for h in snapshot.hosts}
    answering = (Verdict.ALIVE, Verdict.ISOLATED, Verdict.AGENT_DOWN)
    alive = {
        s.application
        for s in snapshot.seats
        if s.state in ACTIVE - {SeatState.SICK} and fleet[s.host].verdict in answering
    }
    first: dict[str, object] = {}
    for place in decision.places:
        if place.application not in alive:
            first.setdefault(place.application, place)
    return set(first.values())


def _recovered(snapshot: Snapshot) -> Snapshot:
    seats = (
        replace(s, state=SeatState.RUNNING) if s.state is SeatState.SICK else s
        for s in snapshot.seats
    )
    return replace(snapshot, seats=tuple(seats))


def _lacks(missing: Unplaced, one: ApplicationFact) -> bool:
    """A copy is missing: not one that is only to be moved."""
    return missing.want.application == one.id and not missing.want.provisional


@many
@given(worlds())
def test_a_healed_fleet_comes_to_rest_with_what_was_wanted(snapshot: Snapshot) -> None:
    """All hosts return and report: after a few rounds actual equals desired (I-CT-3)."""
    healed = replace(
        snapshot,
        hosts=tuple(
            replace(h, verdict=Verdict.ALIVE, replace=Replace.NONE, draining=False)
            for h in snapshot.hosts
        ),
    )
    now = NOW
    for _ in range(8):
        now += timedelta(minutes=10)
        healed = _recovered(healed)
        healed = observe(carry_out(healed, decide(healed, now), now), now)
    last = decide(healed, now)
    assert last.orders == ()
    for one in healed.applications:
        mine = [s for s in healed.seats if s.application == one.id]
        missing = [u for u in last.unplaced if _lacks(u, one)]
        assert len(mine) + len(missing) == one.wanted
