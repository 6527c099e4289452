"""Lost containers find new seats, in rows, on real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from recovery.audit.models import AuditEntry
from recovery.core import transitions
from recovery.core.errors import Conflict, NotLeader, Refused
from recovery.inventory import actions as inventory
from recovery.inventory.facts import ApplicationKind, PlacementState, Replace, Verdict
from recovery.inventory.models import Placement
from recovery.operations import actions as operations
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.scheduling import actions, cycle, queries
from recovery.scheduling.cycle import reschedule
from recovery.scheduling.models import Hold, HoldState
from tests.actions.scheduling.fleet import (
    NOW,
    SAID,
    application,
    hosts,
    judge,
    lead,
    obey,
    seats,
)

pytestmark = pytest.mark.django_db


def test_a_new_application_is_started_on_different_hosts_and_then_all_is_quiet() -> None:
    hosts("a", "b", "c")
    application("shop", 2)
    me = lead()
    reschedule(actor=me, now=NOW)
    assert len({host for _, _, host, _, _ in seats()}) == 2
    assert Operation.objects.filter(verb=Verb.START, state=OperationState.WAITING).count() == 2
    assert Placement.objects.values("host", "port").distinct().count() == 2
    assert reschedule(actor=me, now=NOW).orders == ()
    obey()
    assert reschedule(actor=me, now=NOW).orders == ()


def test_the_containers_of_a_lost_host_are_replaced_by_the_next_generation() -> None:
    fleet = hosts("a", "b")
    application("shop")
    me = lead()
    reschedule(actor=me, now=NOW)
    obey()
    old = Placement.objects.get()
    judge(old.host, Verdict.LOST, Replace.ALLOWED)
    reschedule(actor=me, now=NOW)
    other = next(name for name in fleet if name != old.host.name)
    assert seats() == [
        ("shop-1", 1, old.host.name, "lost", False),
        ("shop-1", 2, other, "planned", False),
    ]
    new = Placement.objects.get(generation=2)
    assert new.replaces == old
    assert new.container.generation == 2
    start = Operation.objects.get(placement=new)
    assert (start.verb, start.state, start.epoch) == ("start", "waiting", me.epoch)
    assert start.urgency > 1000


def test_a_provisional_seat_is_withdrawn_when_the_host_returns_in_time() -> None:
    hosts("a", "b")
    application("shop")
    me = lead()
    reschedule(actor=me, now=NOW)
    obey()
    home = Placement.objects.get().host
    judge(home, Verdict.SUSPECT, Replace.PROVISIONAL)
    reschedule(actor=me, now=NOW)
    assert seats(generation=2)[0][3:] == ("planned", True)
    judge(home, Verdict.ALIVE)
    reschedule(actor=me, now=NOW)
    assert seats(generation=2)[0][3] == "stopped", "nobody had been told of it"
    assert Operation.objects.get(placement__generation=2).state == OperationState.WITHDRAWN
    assert reschedule(actor=me, now=NOW).orders == ()


def test_a_provisional_seat_that_runs_is_stopped_by_its_agent() -> None:
    hosts("a", "b")
    application("shop")
    me = lead()
    reschedule(actor=me, now=NOW)
    obey()
    home = Placement.objects.get().host
    judge(home, Verdict.SUSPECT, Replace.PROVISIONAL)
    reschedule(actor=me, now=NOW)
    obey()
    judge(home, Verdict.ALIVE)
    reschedule(actor=me, now=NOW)
    assert seats(generation=2)[0][3] == "stopping"
    obey()
    assert seats(state="running") == [("shop-1", 1, home.name, "running", False)]


def test_a_provisional_seat_is_confirmed_and_the_returning_generation_is_stopped() -> None:
    hosts("a", "b")
    application("shop")
    me = lead()
    reschedule(actor=me, now=NOW)
    obey()
    home = Placement.objects.get().host
    judge(home, Verdict.SUSPECT, Replace.PROVISIONAL)
    reschedule(actor=me, now=NOW)
    obey()
    judge(home, Verdict.LOST, Replace.ALLOWED)
    reschedule(actor=me, now=NOW)
    assert [(s[1], s[3], s[4]) for s in seats()] == [(1, "lost", False), (2, "running", False)]
    judge(home, Verdict.ALIVE)
    reschedule(actor=me, now=NOW)
    assert [(s[1], s[3]) for s in seats()] == [(1, "stopping"), (2, "running")]
    obey()
    assert reschedule(actor=me, now=NOW).orders == ()


def test_a_singleton_waits_as_a_hold_until_a_person_vouches() -> None:
    hosts("a", "b")
    application("ledger", kind=ApplicationKind.SINGLETON)
    me = lead()
    reschedule(actor=me, now=NOW)
    obey()
    home = Placement.objects.get().host
    judge(home, Verdict.LOST, Replace.ALLOWED)
    reschedule(actor=me, now=NOW)
    hold = Hold.objects.get()
    assert (hold.state, hold.cause) == (HoldState.OPEN, "fencing")
    assert "a person's word" in hold.reason
    actions.release_placement(placement=Placement.objects.get(), proof="power cut seen", **SAID)
    reschedule(actor=me, now=NOW + timedelta(seconds=1))
    assert [s[3] for s in seats()] == ["lost", "planned"]
    hold.refresh_from_db()
    assert hold.state == HoldState.ENDED


def test_a_persons_word_is_about_one_loss_and_given_once() -> None:
    hosts("a", "b")
    application("ledger", kind=ApplicationKind.SINGLETON)
    me = lead()
    reschedule(actor=me, now=NOW)
    obey()
    judge(Placement.objects.get().host, Verdict.LOST, Replace.ALLOWED)
    reschedule(actor=me, now=NOW)
    hold = Hold.objects.get()
    lost = Placement.objects.get()
    assert queries.releasable_seats([hold.container_id]) == {
        hold.container_id: (str(lost.pk), lost.host.name)
    }
    actions.release_placement(placement=lost, proof="power cut seen", **SAID)
    assert queries.releasable_seats([hold.container_id]) == {}
    with pytest.raises(Conflict, match="already"):
        actions.release_placement(placement=lost, proof="again", **SAID)
    judge(lost.host, Verdict.ALIVE)
    reschedule(actor=me, now=NOW)
    obey()
    judge(lost.host, Verdict.LOST, Replace.ALLOWED)
    reschedule(actor=me, now=NOW)
    reschedule(actor=me, now=NOW)
    assert [s[3] for s in seats()] == ["lost"]
    assert Hold.objects.filter(state=HoldState.OPEN, cause="fencing").exists()


def test_a_running_singleton_cannot_be_released() -> None:
    hosts("a", "b")
    application("ledger", kind=ApplicationKind.SINGLETON)
    reschedule(actor=lead(), now=NOW)
    obey()
    with pytest.raises(Refused, match="running"):
        actions.release_placement(placement=Placement.objects.get(), proof="hearsay", **SAID)


def test_what_fits_nowhere_is_held_with_its_binding_constraint() -> None:
    hosts("a", "b", memory_mib=300)
    application("shop", 2, memory_mib=256)
    application("blog", 1, memory_mib=512)
    me = lead()
    reschedule(actor=me, now=NOW)
    (hold,) = queries.open_holds()
    assert (hold.cause, hold.binding) == ("no room", "memory_mib")
    assert hold.reason == "2 hosts: not enough memory (short by 468 MiB at best)"
    entries = AuditEntry.objects.count()
    reschedule(actor=me, now=NOW)
    assert AuditEntry.objects.count() == entries, "the same no is not written twice"


def test_a_drained_host_is_emptied_start_first() -> None:
    hosts("a", "b")
    application("shop")
    me = lead()
    reschedule(actor=me, now=NOW)
    obey()
    home = Placement.objects.get().host
    inventory.drain_host(host=home, **SAID)
    for _ in range(3):
        reschedule(actor=me, now=NOW)
        assert Placement.objects.filter(state="running").exists()
        obey()
    assert [(s[1], s[3], s[4]) for s in seats()] == [(1, "stopped", False), (2, "running", False)]


def test_a_drained_singleton_stops_first_and_starts_after_it() -> None:
    hosts("a", "b")
    application("ledger", kind=ApplicationKind.SINGLETON)
    me = lead()
    reschedule(actor=me, now=NOW)
    obey()
    inventory.drain_host(host=Placement.objects.get().host, **SAID)
    reschedule(actor=me, now=NOW)
    assert [(s[1], s[3], s[4]) for s in seats()] == [(1, "stopping", False), (2, "planned", True)]
    assert not Operation.objects.filter(placement__generation=2).exists()
    obey()
    reschedule(actor=me, now=NOW)
    obey()
    assert [(s[1], s[3]) for s in seats()] == [(1, "stopped"), (2, "running")]


def test_a_failed_start_is_tried_on_another_host_after_a_pause() -> None:
    hosts("a", "b", "c")
    application("shop")
    me = lead()
    reschedule(actor=me, now=NOW)
    start = Operation.objects.get()
    operations.admit_operations(operations=[start.pk], **SAID)
    operations.record_outcome(
        operation=start.pk, state=OperationState.FAILED, detail="no such file", actor=me, now=NOW
    )
    assert reschedule(actor=me, now=NOW).orders == ()
    reschedule(actor=me, now=NOW + timedelta(seconds=6))
    first, second = Placement.objects.order_by("generation")
    assert (first.state, second.state) == ("failed", "planned")
    assert first.host_id != second.host_id


def test_orders_handed_to_a_host_that_dies_become_unknown_and_free_their_token() -> None:
    hosts("a", "b")
    application("shop")
    me = lead()
    reschedule(actor=me, now=NOW)
    start = Operation.objects.get()
    operations.admit_operations(operations=[start.pk], **SAID)
    operations.hand_operations(operations=[start.pk], actor=me, now=NOW)
    judge(Placement.objects.get().host, Verdict.LOST, Replace.ALLOWED)
    reschedule(actor=me, now=NOW)
    start.refresh_from_db()
    assert start.state == OperationState.UNKNOWN


def test_a_start_that_was_withdrawn_while_its_host_was_away_is_asked_for_again() -> None:
    hosts("a", "b")
    application("shop")
    me = lead()
    reschedule(actor=me, now=NOW)
    first = Operation.objects.get()
    operations.withdraw_operations(operations=[first.pk], **SAID)
    reschedule(actor=me, now=NOW)
    reschedule(actor=me, now=NOW)
    assert Operation.objects.filter(state=OperationState.WAITING).count() == 1
    assert Placement.objects.count() == 1


def test_a_stop_lost_with_its_host_is_not_asked_for_twice() -> None:
    fleet = hosts("a", "b")
    shop = application("shop")
    me = lead()
    reschedule(actor=me, now=NOW)
    obey()
    home = Placement.objects.get().host
    transitions.amend(shop, {"copies": 0}, action="described", **SAID)
    transitions.amend(shop.containers.get(), {"wanted": False}, action="wanted", **SAID)
    reschedule(actor=me, now=NOW)
    stop = Operation.objects.get(verb=Verb.STOP)
    operations.admit_operations(operations=[stop.pk], **SAID)
    operations.hand_operations(operations=[stop.pk], actor=me, now=NOW)
    judge(fleet[home.name], Verdict.LOST, Replace.ALLOWED)
    reschedule(actor=me, now=NOW)
    judge(fleet[home.name], Verdict.ALIVE)
    reschedule(actor=me, now=NOW)
    assert [s[3] for s in seats()] == ["stopping"]
    assert Operation.objects.filter(verb=Verb.STOP).count() == 1


def test_a_controller_that_lost_the_lead_writes_nothing() -> None:
    hosts("a", "b")
    application("shop")
    old = lead("c1")
    lead("c2")
    with pytest.raises(NotLeader):
        reschedule(actor=old, now=NOW)
    assert seats() == []


def test_a_decision_on_facts_that_grew_too_old_is_thrown_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hosts("a", "b")
    application("shop")
    me = lead()
    with monkeypatch.context() as patch:
        patch.setattr(cycle, "STALE_SECONDS", -1.0)
        with pytest.raises(Conflict, match="grew too old"):
            reschedule(actor=me, now=NOW)
    assert (Placement.objects.count(), Operation.objects.count()) == (0, 0)
    reschedule(actor=me, now=NOW)
    assert (Placement.objects.count(), Operation.objects.count()) == (1, 1)


def test_a_crash_between_seat_and_operation_leaves_neither(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hosts("a", "b")
    application("shop")
    me = lead()

    def crash(**_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(operations, "request_operations", crash)
        with pytest.raises(KeyboardInterrupt):
            reschedule(actor=me, now=NOW)
    assert (Placement.objects.count(), Operation.objects.count()) == (0, 0)
    reschedule(actor=me, now=NOW)
    assert (Placement.objects.count(), Operation.objects.count()) == (1, 1)


def test_the_database_refuses_a_second_seat_of_one_application_on_one_host() -> None:
    hosts("a")
    application("shop", 2)
    reschedule(actor=lead(), now=NOW)
    one = Placement.objects.get()
    other = one.application.containers.get(ordinal=2)
    twin = Placement(
        container=other, application=one.application, host=one.host, generation=1,
        port=one.port + 1, cpu_millis=1, memory_mib=1, planned_at=NOW, provisional=True,
    )  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        transitions.create([twin], **SAID)


def test_the_number_of_statements_does_not_grow_with_the_loss() -> None:
    hosts(*(f"h{n}" for n in range(4)))
    me = lead()
    counts = []
    for size in (2, 10):
        for n in range(size):
            application(f"app{size}-{n}", 3)
        with CaptureQueriesContext(connection) as captured:
            reschedule(actor=me, now=NOW)
        counts.append(len(captured))
        obey()
    assert counts[0] == counts[1]


def test_a_sick_container_is_moved_only_after_its_patience() -> None:
    hosts("a", "b")
    application("shop")
    me = lead()
    reschedule(actor=me, now=NOW)
    obey()
    transitions.move(Placement.objects.get(), PlacementState.SICK, **SAID)
    since = AuditEntry.objects.filter(body__action="sick").get().recorded_at
    assert reschedule(actor=me, now=since + timedelta(seconds=50)).orders == ()
    assert len(reschedule(actor=me, now=since + timedelta(seconds=70)).places) == 1


def test_labels_that_any_application_asks_for_are_known_whichever_are_looked_at() -> None:
    application("shop")
    fast = application("search")
    change: dict[str, object] = {"required_labels": {"disk": "ssd"}}
    transitions.amend(fast, change, action="labelled", **SAID)
    for looked_at in ([], [fast.pk]):
        assert queries.snapshot_of(looked_at, NOW).asked == {"disk=ssd"}


def test_the_forecast_reads_the_rows() -> None:
    hosts("a", "b")
    application("shop", 2)
    application("solo")
    reschedule(actor=lead(), now=NOW)
    obey()
    outlooks = {o.name: o for o in queries.forecast(NOW)}
    assert {"A", "B", "a", "b"} <= set(outlooks)
    assert any(o.stops == ("solo",) for o in outlooks.values())
    assert all(len(o.unplaced) >= 1 for name, o in outlooks.items() if name in {"a", "b"})
