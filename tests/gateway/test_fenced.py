"""What agents of a fenced datacenter are told: nothing that starts anything, until it is lifted."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from recovery.alarms import actions as alarms
from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.core.wire import DatabaseOrder
from recovery.failover.actions.fences import (
    Cause,
    close_gate,
    lift_fence,
    note_proofs,
    raise_fence,
    standing_fence,
    tell_standby,
)
from recovery.failover.actions.leases import Renewed, grant_lease, renew_leases
from recovery.failover.actions.orders import Giving, give_promises_again, order
from recovery.failover.models import Fence
from recovery.gateway.actions import release_quarantine
from recovery.gateway.databases import stamps_of
from recovery.gateway.queries import desired_of, errands
from recovery.inventory.facts import DatabaseState
from recovery.inventory.models import Database, Datacenter, Host
from recovery.operations.actions import (
    admit_operations,
    doubt_operations,
    hand_operations,
    request_acts,
)
from recovery.operations.facts import UNFINISHED, Act, Verb
from recovery.operations.models import Operation
from tests.actions.failover.fleet import Pair, make_pair
from tests.support.fleet import BY, NOW

pytestmark = pytest.mark.django_db
PERSON = Actor("person", "chloe")


@pytest.fixture
def pair() -> Pair:
    made = make_pair()
    transitions.move(made.database, DatabaseState.SERVING, actor=BY, reason="test", now=NOW)
    made.database.refresh_from_db()
    return made


def fence(site: str = "PAR1") -> Fence:
    row = Datacenter.objects.get(name=site)
    cause = Cause(f"r/fence/{site}/1", uuid4(), "DRP-0001", "fence", "amelie")
    return raise_fence(datacenter=row.pk, cause=cause, actor=BY, reason="It burns.", now=NOW)


def renewed(pair: Pair, sequence: int) -> bool:
    primary = pair.primary
    asked = Renewed(primary.pk, primary.host_id, pair.database.epoch, 1, sequence, 0, 0)
    return bool(renew_leases(renewals=[asked]))


def test_no_server_runs_for_clients_there_and_no_container_is_wanted(pair: Pair) -> None:
    host, other = pair.primary.host_id, pair.hosts["osu2-r1-h1"].pk
    before = stamps_of([host, other])
    assert desired_of([host], epoch=1)[host].databases[0].role == "primary"
    row = fence()
    assert fence() == row, "the same act fences once"
    assert Alarm.objects.filter(key=f"fenced:{row.datacenter_id}").count() == 1
    after = stamps_of([host, other])
    assert after[host] != before[host], "it is told again"
    assert after[other] == before[other]
    told = desired_of([host, other], epoch=1)
    assert told[host].quarantined
    assert told[host].containers == ()
    assert [(one.role, one.lease) for one in told[host].databases] == [("out", None)]
    assert not told[other].quarantined
    assert {host.quarantine_reason for host in Host.objects.filter(datacenter__name="PAR1")} == {
        "PAR1 is fenced by DRP-0001."
    }


def test_a_host_that_comes_back_is_not_trusted_before_the_fence_is_lifted(pair: Pair) -> None:
    host = pair.primary.host_id
    fence()
    assert not release_quarantine(host=host, now=NOW)
    assert Host.objects.get(pk=host).quarantined_at is not None
    with pytest.raises(Refused, match="Say why"):
        lift_fence(datacenter="PAR1", actor=PERSON, reason=" ", now=NOW)
    (row,) = lift_fence(datacenter="PAR1", actor=PERSON, reason="It is back.", now=NOW)
    assert (row.state, row.lifted_by) == ("lifted", "chloe")
    assert release_quarantine(host=host, now=NOW)
    assert Host.objects.get(pk=host).quarantined_at is None
    with pytest.raises(Refused, match="is not fenced"):
        lift_fence(datacenter="PAR1", actor=PERSON, reason="Twice.", now=NOW)


def test_only_what_starts_nothing_is_handed_to_it(pair: Pair) -> None:
    primary = pair.primary
    verbs = [Verb.PROMOTE, Verb.RESTART, Verb.REJOIN, Verb.FENCE, Verb.ASK]
    acts = [Act(verb, primary.pk, primary.host_id, 1) for verb in verbs]
    rows = request_acts(acts=acts, actor=BY, reason="test", now=NOW)
    admit_operations(operations=[row.pk for row in rows], actor=BY, reason="test", now=NOW)
    asked = {"epoch": 1, "resend_before": NOW}
    assert len(errands([primary.host_id], **asked)) == len(verbs)  # type: ignore[arg-type]
    fence()
    found = {one.order.verb for one in errands([primary.host_id], **asked)}  # type: ignore[arg-type]
    assert found == {"fence", "ask"}


def test_no_lease_of_it_is_renewed_from_that_commit_on(pair: Pair) -> None:
    row = pair.database
    grant_lease(database=row, replica=pair.primary, actor=BY, reason="test", now=NOW)
    assert renewed(pair, 1)
    fence("OSU2")
    assert renewed(pair, 2), "another datacenter's is none of it"
    fence()
    assert not renewed(pair, 3)
    lift_fence(datacenter="PAR1", actor=PERSON, reason="A mistake.", now=NOW)
    assert renewed(pair, 4)


def close(pair: Pair, row: Fence, state: str) -> Operation:
    """An order of this fence to close the primary's gate, and what became of it."""
    database = Database.objects.get(pk=pair.database.pk)
    plan = {"run": str(row.run), "step": "fence", "act": row.key}
    close_gate(
        replica=pair.primary, epoch=database.epoch, plan=plan, actor=BY, reason="test", now=NOW
    )
    op = Operation.objects.get(verb=Verb.FENCE, params__plan__act=row.key)
    admit_operations(operations=[op.pk], actor=BY, reason="test", now=NOW)
    for move in MOVES[state]:
        op.refresh_from_db()
        transitions.move(op, move, actor=BY, reason="test", now=NOW)
    return op


MOVES = {"intended": [], "handed": ["handed"], "done": ["handed", "done"],
         "unknown": ["handed", "unknown"], "failed": ["handed", "failed"]}  # fmt: skip


@pytest.mark.parametrize("state", MOVES)
def test_what_a_fence_closed_or_may_yet_close_leads_again_above_that_epoch(
    pair: Pair, state: str
) -> None:
    """A gate that was closed opens; an order that comes later is late."""
    row, database = fence(), pair.database
    op, before = close(pair, row, state), database.epoch
    lift_fence(datacenter="PAR1", actor=PERSON, reason="A mistake.", now=NOW)
    database.refresh_from_db()
    op.refresh_from_db()
    assert database.primary == pair.primary
    if state == "intended":
        assert (database.epoch, op.state) == (before, "withdrawn"), "it never left"
        return
    assert database.epoch == before + 1
    assert op.database_epoch == before


def test_a_lift_is_whole_or_nothing_and_once_is_enough(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before its commit, it has done nothing; the next one does all of it."""
    row, database = fence(), pair.database
    close(pair, row, "done")
    mate = pair.replicas[1]
    told = {"replica": mate.pk, "epoch": database.epoch, "by": row.key}
    tell_standby(**told, actor=BY, reason="test", now=NOW)  # type: ignore[arg-type]

    def killed(**_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(alarms, "end_alarms", killed)
        with pytest.raises(RuntimeError, match="killed"):
            lift_fence(datacenter="PAR1", actor=PERSON, reason="A mistake.", now=NOW)
    row.refresh_from_db()
    epoch = Database.objects.get(pk=database.pk).epoch
    assert (row.state, epoch) == ("standing", database.epoch)
    assert not Operation.objects.filter(params__has_key="give_again").exists()
    lift_fence(datacenter="PAR1", actor=PERSON, reason="A mistake.", now=NOW)
    assert Database.objects.get(pk=database.pk).epoch == database.epoch + 1
    op = Operation.objects.get(params__has_key="give_again")
    assert (op.replica, op.params["give_again"]) == (mate, [row.key])
    with pytest.raises(Refused, match="is not fenced"):
        lift_fence(datacenter="PAR1", actor=PERSON, reason="Twice.", now=NOW)
    assert Operation.objects.filter(params__has_key="give_again").count() == 1


def test_a_fence_that_was_lifted_orders_nothing_more(pair: Pair) -> None:
    row = fence()
    assert standing_fence(row.pk)
    lift_fence(datacenter="PAR1", actor=PERSON, reason="A mistake.", now=NOW)
    assert not standing_fence(row.pk)


def test_what_gives_promises_again_is_not_lost_to_a_later_question(pair: Pair) -> None:
    row, mate = fence(), pair.replicas[1]
    epoch = pair.database.epoch
    tell_standby(replica=mate.pk, epoch=epoch, by=row.key, actor=BY, reason="test", now=NOW)
    lift_fence(datacenter="PAR1", actor=PERSON, reason="A mistake.", now=NOW)
    order(verb=Verb.ASK, replica=mate, epoch=epoch, urgency=1, actor=BY, reason="test", now=NOW)
    (op,) = Operation.objects.filter(verb=Verb.ASK).exclude(state="withdrawn")
    assert op.params["give_again"] == [row.key]
    admit_operations(operations=[op.pk], actor=BY, reason="test", now=NOW)
    (errand,) = errands([mate.host_id], epoch=1, resend_before=NOW)
    assert isinstance(errand.order, DatabaseOrder)
    assert errand.order.give_again == (row.key,), "its agent is told"


@pytest.mark.parametrize("state", ["handed", "unknown"])
def test_what_took_promises_over_is_not_sent_again_after_what_gives_them_again(
    pair: Pair, state: str
) -> None:
    """It is of a higher epoch, and would be sent after the other: for good."""
    row, mate = fence(), pair.replicas[1]
    epoch = pair.database.epoch
    tell_standby(replica=mate.pk, epoch=epoch, by=row.key, actor=BY, reason="test", now=NOW)
    op = Operation.objects.get()
    admit_operations(operations=[op.pk], actor=BY, reason="test", now=NOW)
    hand_operations(operations=[op.pk], actor=BY, now=NOW)
    if state == "unknown":
        doubt_operations(operations=[op.pk], actor=BY, reason="test", now=NOW)
    later = NOW + timedelta(seconds=9)
    assert len(errands([mate.host_id], epoch=1, resend_before=later)) == 1, "it is sent again"
    lift_fence(datacenter="PAR1", actor=PERSON, reason="A mistake.", now=NOW)
    op.refresh_from_db()
    assert (op.state, op.ended_at) == ("failed", NOW)
    again = Operation.objects.get(params__has_key="give_again")
    admit_operations(operations=[again.pk], actor=BY, reason="test", now=NOW)
    (errand,) = errands([mate.host_id], epoch=1, resend_before=later)
    assert errand.operation == again.pk


def test_whoever_gives_again_passes_on_what_its_own_order_was_to_give_again(pair: Pair) -> None:
    """That order ends with it, and is where the other's name stood."""
    mate, epoch = pair.replicas[1], pair.database.epoch
    for giving in (Giving(again=("x",)), Giving(is_taken=True, takes="y")):
        order(
            verb=Verb.ASK, replica=mate, epoch=epoch + 1, urgency=1, giving=giving, actor=BY,
            reason="test", now=NOW,
        )  # fmt: skip
    give_promises_again(by="y", actor=BY, reason="test", now=NOW)
    (op,) = Operation.objects.filter(state__in=UNFINISHED)
    assert (op.database_epoch, op.params) == (epoch, {"give_again": ["x", "y"]})


def test_proofs_are_written_once(pair: Pair) -> None:
    row = fence()
    noted = {"proofs": [], "told": "All.", "is_over": True, "actor": BY, "now": NOW}
    row = note_proofs(fence=row, **noted)  # type: ignore[arg-type]
    assert row.proven_at == NOW
    assert note_proofs(fence=row, **noted).version == row.version, "nothing new"  # type: ignore[arg-type]
