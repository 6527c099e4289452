"""What people decide about a lost datacenter: bound to what they saw, kept, never changed."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.audit.models import AuditEntry
from recovery.brief import actions
from recovery.brief.actions import Changed
from recovery.brief.canon import canonical, digest, glance, seal
from recovery.brief.cycle import watch_reviews
from recovery.brief.facts import Cause, Choice
from recovery.brief.models import Decision, ProviderWord
from recovery.brief.queries import fleet_at
from recovery.core import control, transitions
from recovery.core.errors import Conflict, Refused
from recovery.drp.queries.world import world
from recovery.failover.phases import Phase
from recovery.incidents.models import Incident, Member, TimelineEntry
from recovery.inventory.facts import Verdict
from recovery.inventory.models import Host, ReplicaSight, WriteProbe
from tests.actions.brief.conftest import Town
from tests.dashboard import bases, fleet

AMELIE = Actor("person", "amelie")
WHY = "The provider says two hours."


def wait(town: Town, *, seen: str = "", minutes: float = 30, **more: object) -> Decision:
    told: dict[str, object] = {
        "datacenter": "PAR1",
        "choice": Choice.WAIT,
        "seen": seen or town.seen(),
        "until": town.later(60 * minutes),
        "actor": AMELIE,
        "reason": WHY,
        "now": town.later(6),
    }
    return actions.decide_on(**{**told, **more})  # type: ignore[arg-type]  # as the tests vary it


def test_a_decision_keeps_the_bytes_that_were_shown_with_their_digest(lost: Town) -> None:
    seen = lost.seen()
    made = wait(lost, seen=seen)
    made.refresh_from_db()
    assert made.shown == seen
    assert made.digest == hashlib.sha256(seen.encode()).hexdigest()
    assert str(made) == f"DEC-{made.number:04d}"
    assert made.incident == Incident.objects.get()
    told = TimelineEntry.objects.get(kind="decided")
    assert "amelie decided to wait for PAR1 until" in told.said
    entry = AuditEntry.objects.get(object_type="decision", object_id=str(made.pk))
    assert entry.body["actor"]["id"] == "amelie"
    assert entry.body["reason"] == WHY
    assert entry.body["after"]["digest"] == made.digest
    assert json.loads(seen)["site"] == "PAR1"


def test_who_decides_has_the_incident_and_whoever_had_it_keeps_it(lost: Town) -> None:
    wait(lost)
    incident = Incident.objects.get()
    assert (incident.state, incident.acknowledged_by) == ("acknowledged", "amelie")
    assert not Alarm.objects.filter(incident=incident, state="raised").exists(), "it rings no more"
    wait(lost, actor=Actor("person", "ben"), minutes=45)
    incident.refresh_from_db()
    assert incident.acknowledged_by == "amelie"


def test_the_digest_alone_names_what_was_seen(lost: Town) -> None:
    seen = lost.seen()
    made = wait(lost, seen=digest(seen), choice=Choice.ACTIVATE, until=None)
    assert made.choice == "activate"
    assert made.shown == seen
    assert "decided to recover PAR1" in TimelineEntry.objects.get(kind="decided").said


def test_one_decision_to_recover_is_enough_and_one_may_still_wait_after_it(lost: Town) -> None:
    first = wait(lost, choice=Choice.ACTIVATE, until=None)
    with pytest.raises(Conflict, match=f"amelie decided so already: {first}"):
        wait(lost, choice=Choice.ACTIVATE, until=None)
    assert wait(lost).choice == "wait"


def test_what_changed_between_reading_and_pressing_is_refused_and_named(lost: Town) -> None:
    seen = lost.seen()
    fleet.hold_host(lost.hosts["osu2-r1-h01"], "Something else.", lost.now)
    assert lost.seen() == seen, "what is not shown does not matter"
    gone = Host.objects.get(name="osu2-r1-h03")
    with transaction.atomic():
        transitions.move(
            gone, Verdict.LOST, actor=fleet.CONTROLLER, reason="Lost too.", now=lost.later(5)
        )
    with pytest.raises(Changed) as refused:
        wait(lost, seen=seen)
    said = " ".join(refused.value.differences)
    assert "far-pg" in said, "its standby was there"
    assert "promote → " in said
    assert not Decision.objects.exists()
    with pytest.raises(Changed, match="losses: another one now") as short:
        wait(lost, seen=seal(glance(seen)))
    assert "verdict" not in str(short.value), "only what differs is named"
    assert wait(lost, seen=lost.seen()).by == "amelie"


def test_what_grows_while_somebody_reads_keeps_nobody_from_deciding(lost: Town) -> None:
    told = json.loads(lost.seen())
    told["wait"]["breaches"], told["hypotheses"] = [], []
    told["activate"]["seconds"] = 7
    told["activate"]["losses"].reverse()
    stood = lost.seen()
    assert wait(lost, seen=canonical(told)).shown == stood
    assert wait(lost, seen=seal(glance(lost.seen()))).choice == "wait"


def test_the_second_to_press_is_shown_what_the_first_decided(lost: Town) -> None:
    seen = lost.seen()
    wait(lost, seen=seen)
    with pytest.raises(Changed, match="decided: none → "):
        wait(lost, seen=seen, choice=Choice.ACTIVATE, until=None)
    assert Decision.objects.count() == 1


BAD: tuple[tuple[dict[str, object], str], ...] = (
    ({"reason": "  "}, "Say why"),
    ({"until": None}, "Say until when"),
    ({"minutes": -1}, "is past"),
    ({"minutes": 8 * 24 * 60}, "longer than a week"),
    ({"datacenter": "XYZ9"}, "There is no datacenter XYZ9"),
    ({"datacenter": "OSU2"}, "nothing to decide about OSU2. OSU2 answers"),
    ({"choice": Choice.ACTIVATE}, "does not wait"),
)


def test_bad_input_is_refused_by_name(lost: Town) -> None:
    for change, said in BAD:
        with pytest.raises(Refused, match=said):
            wait(lost, **change)  # type: ignore[arg-type]  # as this test varies it
    assert not Decision.objects.exists()


def test_a_datacenter_that_lost_half_of_its_hosts_is_not_decided_about(town: Town) -> None:
    for name in ("par1-r1-h01", "par1-r1-h02", "par1-r1-h03"):
        fleet.lose_host(town.hosts[name], town.now)
    with pytest.raises(Refused, match="PAR1 is hurt: 3 of its 6 hosts are gone"):
        wait(town)
    fleet.lose_host(town.hosts["par1-r2-h01"], town.now)
    assert wait(town).number > 0


STATEMENTS = (
    "UPDATE brief_decision SET shown = 'x', digest = encode(sha256('x'), 'hex')",
    "UPDATE brief_decision SET reason = 'another', version = version + 1",
    "UPDATE brief_decision SET choice = 'activate', until = NULL",
    "DELETE FROM brief_decision",
    "TRUNCATE brief_decision",
    "UPDATE brief_providerword SET said = 'never'",
    "DELETE FROM brief_providerword",
)


def test_the_application_can_neither_change_nor_remove_a_row(lost: Town) -> None:
    made = wait(lost)
    note(lost)
    for statement in STATEMENTS:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        transitions.amend(made, {"reason": "b"}, action="x", actor=AMELIE, reason="x", now=lost.now)
    made.refresh_from_db()
    assert made.reason == WHY


def test_a_digest_of_something_else_is_refused_by_the_database(lost: Town) -> None:
    made = wait(lost)
    other = Decision(
        number=9, datacenter=made.datacenter, choice="activate", reason="x", by="x", at=lost.now,
        shown="{}", digest=made.digest,
    )  # fmt: skip
    with pytest.raises(DatabaseError, match="is_about_what_was_shown"), transaction.atomic():
        transitions.create([other], actor=AMELIE, reason="x", now=lost.now)


def note(town: Town, **more: object) -> ProviderWord:
    told: dict[str, object] = {
        "datacenter": "PAR1",
        "said": "Both feeds are down.",
        "source": "status page",
        "said_at": town.now,
        "until": town.later(7200),
        "cause": Cause.GONE,
        "actor": AMELIE,
        "now": town.later(1),
    }
    return actions.note_word(**{**told, **more})  # type: ignore[arg-type]  # as the tests vary it


def test_the_providers_word_is_part_of_what_is_shown_and_of_the_evidence(lost: Town) -> None:
    before = lost.brief()
    assert before.wait.word is None
    assert before.hypotheses[0].score < 60
    note(lost)
    after = lost.brief()
    assert after.wait.word is not None
    assert after.wait.word.until == lost.later(7200)
    assert after.hypotheses[0].suspicion == "gone"
    assert after.hypotheses[0].score > 80
    assert "status page said so" in " ".join(after.hypotheses[0].supporting)
    note(lost, cause=Cause.CUT, said="A digger.", now=lost.later(2))
    assert lost.brief().hypotheses[0].suspicion == "cut", "the newest counts"


def test_a_word_of_an_older_loss_is_not_taken_for_one_of_this(town: Town) -> None:
    note(town, now=town.later(-60), said_at=town.later(-90))
    town.lose()
    assert town.brief().wait.word is None


BAD_WORDS: tuple[tuple[dict[str, object], str], ...] = (
    ({"said": " "}, "Write what was said"),
    ({"source": ""}, "Say who said so"),
    ({"datacenter": "XYZ9"}, "There is no datacenter"),
    ({"said_at": 60}, "yet to come"),
    ({"until": -60}, "lies before"),
)


def test_a_word_without_its_source_or_out_of_time_is_refused(lost: Town) -> None:
    for change, said in BAD_WORDS:
        told = {k: lost.later(v) if isinstance(v, int) else v for k, v in change.items()}
        with pytest.raises(Refused, match=said):
            note(lost, **told)


def leader(town: Town) -> Actor:
    epoch = control.take_lead("c1", seen_epoch=control.read_beat()[0], now=town.now)
    assert epoch is not None
    return Actor("controller", "c1", epoch)


def test_a_wait_rings_once_when_its_time_is_over_and_ends_with_the_next_decision(
    lost: Town,
) -> None:
    lead = leader(lost)
    made = wait(lost, minutes=10)
    assert watch_reviews(actor=lead, now=lost.later(599)) == 0
    assert watch_reviews(actor=lead, now=lost.later(600)) == 1
    alarm = Alarm.objects.get(key=f"brief-review:{made.pk}")
    assert (alarm.severity, alarm.state) == ("page", "raised")
    assert "amelie decided to wait" in alarm.body
    assert watch_reviews(actor=lead, now=lost.later(601)) == 0
    wait(lost, minutes=60, seen=lost.seen(after=700), now=lost.later(701))
    watch_reviews(actor=lead, now=lost.later(702))
    alarm.refresh_from_db()
    assert alarm.state == "ended"
    assert watch_reviews(actor=lead, now=lost.later(703)) == 0


def test_a_wait_for_a_datacenter_that_is_back_does_not_ring(lost: Town) -> None:
    lead = leader(lost)
    wait(lost, minutes=10)
    back = list(Host.objects.filter(datacenter__name="PAR1").values_list("pk", flat=True))
    with transaction.atomic():
        transitions.move_many(
            Host, back, Verdict.ALIVE, actor=fleet.CONTROLLER, reason="Back.", now=lost.now
        )
    assert watch_reviews(actor=lead, now=lost.later(700)) == 0
    assert lost.brief().decided is None


def test_the_same_is_shown_however_late_one_looks(lost: Town) -> None:
    seen = lost.seen(after=5)
    WriteProbe.objects.update(at=lost.later(54))  # its users go on asking, and agents tell
    told = ReplicaSight.objects.exclude(replica__host__datacenter__name="PAR1")
    told.update(at=lost.later(54))
    assert seen == lost.seen(after=55)


def test_what_is_lost_is_said_of_each_database_from_what_is_left(lost: Town) -> None:
    brief = lost.brief()
    losses = {one.database: one for one in brief.activate.losses}
    assert set(losses) == {"orders-pg", "crm-pg", "far-pg"}
    far, orders, crm = losses["far-pg"], losses["orders-pg"], losses["crm-pg"]
    assert (far.way, far.source) == ("promote", "standby osu2-r1-h03 in OSU2")
    assert far.lost is not None
    assert far.lost < timedelta(seconds=1)
    assert (orders.way, orders.source) == ("restore", "replica 2 in OSU2")
    assert orders.lost == timedelta(seconds=7), "9 s old when its users fell silent 2 s ago"
    assert orders.bytes == 4 * 10**9, "of its newest backup, not of all that is kept"
    assert crm.lost == timedelta(minutes=45) - timedelta(seconds=2)
    assert brief.worst is crm
    assert crm.is_over
    assert sum(one.count for one in brief.activate.bins) == len(losses)
    assert brief.activate.untouched == 3


def test_before_anything_happens_each_datacenter_says_what_its_loss_would_mean(
    town: Town,
) -> None:
    brief = town.brief("MRS1")
    assert brief.sentence == "MRS1 answers: all its 6 hosts."
    ways = {one.database: str(one.way) for one in brief.activate.losses}
    assert ways == {"wiki-pg": "none", "fresh-pg": "none"}
    assert "2 can’t be restored" in brief.after
    assert brief.hypotheses == ()
    fit = brief.activate.fit
    assert fit is not None
    assert (fit.containers, fit.moved, fit.misfits) == (2, 2, ())
    with pytest.raises(Refused, match="nothing to decide"):
        wait(town, datacenter="MRS1", seen=town.seen("MRS1"))


def test_a_brief_costs_the_same_statements_whatever_the_fleet(
    lost: Town, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(12):
        hosts = [lost.hosts["par1-r1-h01"], lost.hosts["osu2-r1-h02"]]
        bases.seed_database(f"more-{n}", hosts, lost.now, port=17000 + n)
        fleet.seed_application(f"app-{n}", [lost.hosts["mrs1-r2-h02"]], lost.now, port=22000 + n)
    with django_assert_max_num_queries(40):
        fleet_now = fleet_at(lost.later(5))
        for site in fleet_now.sites:
            fleet_now.brief(site)


def test_one_host_that_was_lost_long_before_does_not_date_the_loss_of_its_datacenter(
    town: Town,
) -> None:
    old = town.later(-3 * 86_400)
    fleet.lose_host(town.hosts["par1-r1-h03"], old)
    note(town, now=town.later(-7200), said_at=town.later(-7200), until=None)
    town.lose()
    WriteProbe.objects.all().delete()  # no user writes: nothing else tells until when it lived
    brief = town.brief()
    assert brief.lost_at == town.later(-2)
    assert brief.incident == Incident.objects.order_by("-number")[0].number
    assert brief.wait.word is None, "it was said of the one host"
    crm = next(one for one in brief.activate.losses if one.database == "crm-pg")
    assert crm.lost == timedelta(minutes=45) - timedelta(seconds=2)


def test_a_database_was_written_no_longer_than_its_primarys_host_was_heard(town: Town) -> None:
    lost_before = town.later(-600)
    fleet.lose_host(town.hosts["par1-r2-h02"], lost_before)
    fleet.lose_host(town.hosts["par1-r2-h01"], lost_before)
    for name in ("par1-r1-h01", "par1-r1-h02", "par1-r1-h03"):
        fleet.lose_host(town.hosts[name], town.now)
    WriteProbe.objects.all().delete()
    losses = {one.database: one for one in town.brief().activate.losses}
    found = town.brief()
    assert found.is_lost
    silent = Member.objects.get(object_id=str(town.hosts["par1-r2-h02"].pk), is_cause=True).since
    crm = losses["crm-pg"]
    assert crm.lost is not None
    assert crm.at is not None
    assert crm.at + crm.lost == silent
    assert found.lost_at is not None
    assert silent < found.lost_at


def test_a_host_that_is_whole_without_its_containers_is_silent_since_it_fell_silent(
    town: Town,
) -> None:
    """What ran there runs elsewhere: its verdict, some seconds later, dates nothing."""
    town.lose()
    WriteProbe.objects.all().delete()
    before = town.brief()
    members = Member.objects.filter(is_cause=True)
    judged = Host.objects.get(pk=members[0].object_id).verdict_at
    members.update(whole_at=judged)
    assert town.brief().lost_at == before.lost_at
    assert before.lost_at is not None
    assert judged is not None
    assert before.lost_at < judged
    members.update(whole_at=judged - timedelta(milliseconds=1))
    assert town.brief().lost_at == judged, "it had come back, and this is another loss"


def test_an_old_word_of_who_writes_there_says_nothing(lost: Town) -> None:
    assert lost.brief(after=1).wait.unseen == 0
    assert lost.brief(after=3600).wait.unseen == 3


def test_only_a_proof_fences_a_database_of_the_lost_datacenter(town: Town) -> None:
    bases.wait(town.bases["orders-pg"], "PAR1 is lost.", town.now)
    bases.fail_over(town.bases["crm-pg"], town.now, upto=Phase.ANALYSE)
    bases.fail_over(town.bases["far-pg"], town.now)
    fenced = {one.name for one in world("PAR1", "OSU2").services if one.is_fenced}
    assert fenced == {"far-pg"}
