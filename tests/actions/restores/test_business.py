"""A business database that lost every copy is restored elsewhere, wherever its failover stood."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.core.leases import LeaseRow
from recovery.failover.actions import failovers, leases, standing
from recovery.failover.facts import Election, Proof, ProofKind
from recovery.failover.models import Failover, Lease
from recovery.failover.phases import FailoverKind
from recovery.failover.terms import FAST
from recovery.failover.watch import LeaseWatch
from recovery.gateway.databases import databases_of
from recovery.gateway.queries import errands
from recovery.inventory.facts import DatabaseState, Plan, ReplicaState, Role, Verdict
from recovery.inventory.models import Database, Epoch, Host, Replica
from recovery.operations.actions import request_acts
from recovery.operations.cycle import run_governor
from recovery.operations.facts import Act, OperationState, Verb
from recovery.operations.models import Operation
from recovery.restores.lost import LeaseSight
from recovery.restores.queries import Leases
from tests.actions.failover.fleet import copy, describe
from tests.actions.restores.ground import POINT, Ground, keep, make_rest, see
from tests.support.fleet import BY, NOW, lose, make_fleet

pytestmark = pytest.mark.django_db
STAGES = ("storm", "analyse", "fence", "elect", "promote")
SEEN = 7
LATER = FAST.span + 1.0


@dataclass
class Pair(Ground):
    """`notes` on par1-r1-h1 with its standby on par1-r2-h1, and a lease; nobody else in PAR1."""

    def see_lease(self, *, sequence: int = SEEN, after: float = LATER) -> None:
        """The leader has watched this number for so long; whose agent spoke speaks on."""
        row = Lease.objects.get()
        seen = LeaseRow(str(row.replica_id), row.epoch, 1, sequence, 0, 0, row.revoked)
        watch = LeaseWatch.begin(seen, FAST, 0.0)
        words = {key: replace(word, at=after) for key, word in self.leases.words.items()}
        self.leases = Leases({str(row.database_id): watch}, after, words)

    @property
    def failover(self) -> Failover:
        return Failover.objects.select_related("source", "target", "database").get()


@pytest.fixture
def pair() -> Pair:
    return make_pair()


def make_pair() -> Pair:
    hosts = make_fleet().hosts
    database = describe("notes")
    primary = copy(database, hosts["par1-r1-h1"], 1, Role.PRIMARY)
    copy(database, hosts["par1-r2-h1"], 2, Role.STANDBY)
    database.refresh_from_db()
    standing.resume_database(database=database, actor=BY, reason="It serves.", now=NOW)
    database.refresh_from_db()
    leases.grant_lease(database=database, replica=primary, actor=BY, reason="test", now=NOW)
    renew(SEEN)
    for number, site in enumerate(("PAR1", "OSU2"), start=1):
        keep(database, number, site)
    see({1: POINT, 2: POINT})
    found = Pair(hosts, primary)
    make_rest(found)
    return found


def renew(sequence: int) -> None:
    row = Lease.objects.select_related("replica").get()
    told = leases.Renewed(row.replica_id, row.replica.host_id, row.epoch, 1, sequence, 0, 0)
    assert leases.renew_leases(renewals=[told])


def bring(pair: Pair, stage: str) -> None:
    """Both hosts are lost, and the failover stands where nobody can help it."""
    for host in ("par1-r1-h1", "par1-r2-h1"):
        lose(pair.hosts[host])
    words = {"actor": BY, "reason": "test", "now": NOW}
    if stage == "storm":
        standing.await_host(database=pair.database, **words)  # type: ignore[arg-type]
        return
    failovers.begin_failover(
        database=pair.database,
        kind=FailoverKind.FAILOVER,
        source=pair.replica,
        incident=None,
        happened_at=NOW,
        **words,  # type: ignore[arg-type]
    )
    epoch = pair.database.epoch
    proof = Proof(ProofKind.LEASE_ENDED, str(pair.replica.pk), epoch, "ended", sequence=SEEN)
    if stage != "analyse":
        seen = (epoch, 1, SEEN)
        failovers.revoke_primary(failover=pair.failover, proof=None, seen=seen, **words)  # type: ignore[arg-type]
    if stage in ("elect", "promote"):
        failovers.prove_fenced(failover=pair.failover, proof=proof, **words)  # type: ignore[arg-type]
    if stage == "promote":
        failovers.choose_target(
            failover=pair.failover,
            election=Election("x", ()),
            target=Replica.objects.get(number=2),
            degraded=True,
            **words,  # type: ignore[arg-type]
        )
        failovers.order_promotion(failover=pair.failover, urgency=1, **words)  # type: ignore[arg-type]


def switch(pair: Pair) -> Database:
    """Both words, a proven result, the switch."""
    pair.begin()
    assert pair.carry_on() == "restore"
    pair.prove()
    assert pair.carry_on() == "switch"
    return pair.database


@pytest.mark.parametrize("stage", STAGES)
def test_it_leads_alone_elsewhere_wherever_its_failover_stood(pair: Pair, stage: str) -> None:
    bring(pair, stage)
    pair.see_lease()
    before = pair.database.epoch
    asked = pair.ask()
    assert "par1-r1-h1 and par1-r2-h1 come back" in asked.vouch.risk
    assert "only cut off" in asked.vouch.risk
    assert asked.host.datacenter.name != "PAR1"
    pair.give()
    assert pair.carry_on() == "restore"
    assert pair.database.epoch == before, "nothing is revoked before the switch"
    pair.prove()
    assert pair.carry_on() == "switch"
    moved = pair.database
    assert moved.primary is not None
    assert (moved.primary.host, moved.epoch, moved.state) == (asked.host, before + 1, "waiting")
    assert moved.primary.role == Role.PRIMARY
    assert Epoch.objects.get(number=before + 1).replica == moved.primary
    assert Replica.objects.get(number=2).state == ReplicaState.RETIRED
    assert Lease.objects.get().revoked
    assert moved.degraded_at is not None
    assert "has no standby yet" in moved.degraded_reason
    assert not Failover.objects.exclude(phase="abandoned").exists()
    pair.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    assert pair.carry_on() == "route"
    pair.serve()
    assert pair.carry_on() == "done"


@pytest.mark.parametrize("stage", ["storm", "promote"])
def test_an_old_copy_is_told_of_it_no_more_and_the_new_one_needs_nobody(
    pair: Pair, stage: str
) -> None:
    bring(pair, stage)
    pair.see_lease()
    moved = switch(pair)
    assert moved.primary is not None
    told = databases_of([host.pk for host in Host.objects.all()])
    assert told.keys() == {moved.primary.host_id}
    ((spec,),) = told.values()
    assert (spec.role, spec.epoch, len(spec.members)) == ("primary", moved.epoch, 1)
    assert spec.lease is None, "nobody could take over, so it goes on without us (I-DB-7)"
    assert spec.degraded, "its writes wait for no standby"
    assert not leases.renew_leases(
        renewals=[leases.Renewed(pair.replica.pk, moved.primary.host_id, spec.epoch, 2, 9, 0, 0)]
    )


@pytest.mark.parametrize(("stage", "number"), [("storm", 1), ("analyse", 2), ("promote", 2)])
def test_a_copy_that_is_back_before_the_switch_ends_it(pair: Pair, stage: str, number: int) -> None:
    bring(pair, stage)
    pair.see_lease()
    pair.begin()
    pair.carry_on()
    pair.prove()
    back = Replica.objects.get(number=number).host
    before = pair.database.epoch
    transitions.move(back, Verdict.ALIVE, actor=BY, reason="back", now=NOW)
    assert pair.carry_on() == "abandoned"
    assert f"notes-{number} on {back.name} is alive" in pair.restore.end_reason
    assert pair.database.epoch == before
    assert Replica.objects.get(number=2).state == ReplicaState.MEMBER
    assert pair.order(Verb.DISCARD).host == pair.restore.host


def test_it_is_refused_while_any_of_its_copies_may_live(pair: Pair) -> None:
    bring(pair, "analyse")
    other = Host.objects.get(name="par1-r2-h1")
    for verdict in sorted(set(Verdict) - {Verdict.LOST, Verdict.HUNG, Verdict.ENROLLING}):
        other = transitions.move(other, verdict, actor=BY, reason="test", now=NOW)
        with pytest.raises(Refused, match=f"notes-2 on par1-r2-h1 is {verdict}"):
            pair.ask()


def test_it_switches_only_after_the_lease_has_ended_on_our_own_clock(pair: Pair) -> None:
    bring(pair, "storm")
    pair.begin()
    pair.carry_on()
    pair.prove()
    assert pair.carry_on() == "verify", "this leader has not looked at the lease yet"
    pair.see_lease(after=FAST.span - 0.5)
    assert pair.carry_on() == "verify"
    pair.see_lease(sequence=SEEN - 1)
    assert pair.carry_on() == "verify", "it was renewed since"
    pair.see_lease()
    assert pair.carry_on() == "switch"


def test_a_renewal_between_the_look_and_the_switch_stops_it(pair: Pair) -> None:
    """Also one that reaches the row in the very moment: it is compared and swapped."""
    bring(pair, "storm")
    pair.see_lease()
    pair.begin()
    pair.carry_on()
    pair.prove()
    row = Lease.objects.get()

    class Late(Leases):
        def sight(self, database: Database) -> LeaseSight | None:
            seen = super().sight(database)
            if row.sequence == SEEN:
                row.sequence = SEEN + 1
                renew(SEEN + 1)
            return seen

    pair.leases = Late(pair.leases.watches, pair.leases.now)
    assert pair.carry_on() == "verify"
    assert not Lease.objects.get().revoked
    assert pair.database.epoch == pair.restore.old_epoch


def test_a_lease_that_was_granted_since_the_look_stops_it(pair: Pair) -> None:
    bring(pair, "storm")
    pair.begin()
    pair.see_lease()

    class Before(Leases):
        def sight(self, database: Database) -> LeaseSight | None:
            return None

    pair.leases = Before()
    pair.carry_on()
    pair.prove()
    assert pair.carry_on() == "verify"
    assert not Lease.objects.get().revoked


def test_without_a_lease_two_words_stand_for_its_old_hosts(pair: Pair) -> None:
    standing.degrade_database(database=pair.database, actor=BY, reason="alone", now=NOW)
    bring(pair, "storm")
    assert switch(pair).degraded_at is not None


def test_what_was_ordered_of_an_old_copy_is_never_carried_out(pair: Pair) -> None:
    """A restart that nobody heard of would start the copy that was left behind."""
    bring(pair, "storm")
    old = pair.replica.host_id
    act = Act(Verb.RESTART, pair.replica.pk, old, database_epoch=pair.database.epoch)
    request_acts(acts=[act], actor=pair.actor, reason="test", now=NOW)
    run_governor(actor=pair.actor, now=NOW)
    assert len(errands([old], epoch=pair.epoch, resend_before=NOW)) == 1
    pair.see_lease()
    switch(pair)
    assert Operation.objects.filter(host=old, state="intended").exists()
    assert errands([old], epoch=pair.epoch, resend_before=NOW) == []


def test_a_lost_new_host_is_another_loss_and_can_be_restored_again(pair: Pair) -> None:
    bring(pair, "elect")
    pair.see_lease()
    moved = switch(pair)
    assert moved.primary is not None
    lose(moved.primary.host)
    assert pair.carry_on() == "abandoned"
    again = pair.ask()
    assert again.old_epoch == moved.epoch


def test_a_database_that_never_served_has_nothing_to_bring_back(pair: Pair) -> None:
    new = describe("drafts", plan=Plan.BUSINESS, port=15433, site="OSU2")
    copy(new, pair.hosts["osu2-r1-h1"], 1, Role.PRIMARY)
    new.refresh_from_db()
    assert new.state == DatabaseState.MAKING
    lose(pair.hosts["osu2-r1-h1"])
    with pytest.raises(Refused, match="drafts never served"):
        pair.ask(database=new, typed="drafts")
