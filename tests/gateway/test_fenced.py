"""What agents of a fenced datacenter are told: nothing that starts anything, until it is lifted."""

from __future__ import annotations

from uuid import uuid4

import pytest

from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.failover.actions.fences import Cause, lift_fence, note_proofs, raise_fence
from recovery.failover.actions.leases import Renewed, grant_lease, renew_leases
from recovery.failover.models import Fence
from recovery.gateway.actions import release_quarantine
from recovery.gateway.databases import stamps_of
from recovery.gateway.queries import desired_of, errands
from recovery.inventory.facts import DatabaseState
from recovery.inventory.models import Datacenter, Host
from recovery.operations.actions import admit_operations, request_acts
from recovery.operations.facts import Act, Verb
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


def test_who_closed_its_gate_for_us_leads_again_above_that_epoch(pair: Pair) -> None:
    row, database = fence(), pair.database
    told = {
        "database": str(database.pk),
        "replica": str(pair.primary.pk),
        "epoch": database.epoch,
        "number": None,
        "kind": "gate-closed",
        "said": "It signed.",
    }
    noted = {"proofs": [told], "told": "All.", "is_over": True, "actor": BY, "now": NOW}
    row = note_proofs(fence=row, **noted)  # type: ignore[arg-type]
    assert row.proven_at == NOW
    assert note_proofs(fence=row, **noted).version == row.version, "nothing new"  # type: ignore[arg-type]
    before = database.epoch
    lift_fence(datacenter="PAR1", actor=PERSON, reason="A mistake.", now=NOW)
    database.refresh_from_db()
    assert (database.epoch, database.primary) == (before + 1, pair.primary)
