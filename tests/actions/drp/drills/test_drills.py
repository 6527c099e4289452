"""A drill really restores and starts on its own hosts, and proves that nothing of it is left."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from django.db import IntegrityError, transaction

from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Refused
from recovery.core.wire.drills import DrillList, DrillReport
from recovery.core.wire.plans import unpack_mandate
from recovery.drp.actions.reports import write_due_reports
from recovery.drp.drills import actions as drills
from recovery.drp.drills.cycle import clean_up
from recovery.drp.drills.facts import ThingKind, ThingState, twin
from recovery.drp.drills.models import DrillHost, DrillThing
from recovery.drp.facts import Mode
from recovery.drp.hands import DRILL_MAKERS, MAKERS
from recovery.drp.hands.bench import Bench
from recovery.drp.hands.drilling import DrillWatching, Staging, Would, refuse_real
from recovery.drp.models import Run, RunbookVersion
from recovery.drp.plan import Target
from recovery.drp.press import Press
from recovery.drp.queries.approvals import plan_of
from recovery.drp.queries.drilled import drill_facts
from recovery.drp.queries.inventory import production_keys
from recovery.drp.queries.world import world
from recovery.drp.reports.document import read_report
from recovery.drp.reports.drilled import drilled, proof, section
from recovery.inventory.models import Application, Database
from tests.actions.drp.drills.ground import (
    Drill,
    drill_host,
    hosted,
    make_drill,
    proven,
    things,
    untouched,
)
from tests.actions.drp.ground import Ground
from tests.actions.drp.test_carrying import prepare
from tests.support.fleet import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def drill(pinned: Path) -> Drill:
    return hosted(pinned)


def test_it_restores_and_starts_on_its_own_host_and_touches_nothing_else(drill: Drill) -> None:
    assert drill.play().state == "done", drill.ground.run.state_reason
    assert drill.said("freeze").startswith("Drill: would freeze failover until a person lifts it.")
    assert drill.said("fence").startswith("Drill: would fence PAR1, proven by leases ended")
    assert "notes was restored as drp-" in drill.said("restore")
    assert "48.0 MB in 2.0 s, 34.6 MB/s; recoverable to" in drill.said("restore")
    assert "shop was started as drp-" in drill.said("place")
    assert "nobody is led to it" in drill.said("place")
    assert drill.said("traffic").startswith("Drill: would lead the users of shop to OSU2")
    assert drill.said("verify") == (
        "Drill: PAR1 is taken as lost. 1 of 1 databases accept writes."
        " 1 of 1 applications answer outside PAR1."
    )
    assert drill.said("tell").startswith("Drill: would tell customers: “It is over.”")
    assert things() == [("notes", "stands"), ("shop", "stands")]
    untouched()


def test_its_host_is_told_no_secret_and_no_id_of_production(drill: Drill) -> None:
    drill.play()
    assert drill.agent is not None
    told = msgspec.json.encode(drill.agent.told).decode()
    for row in (Database.objects.get(), Application.objects.get()):
        assert str(row.pk) not in told
        assert twin(str(row.pk)) in told
    assert Database.objects.get().secret not in told
    assert {word.step for word in drill.agent.told.words} == {"restore", "place"}
    plan = unpack_mandate(drill.agent.told.words[0].mandate).plan
    assert all(str(key).split(":")[1] not in plan for key in production_keys())


def test_it_is_over_when_its_host_has_seen_everything_gone(drill: Drill) -> None:
    drill.play()
    clean_up(actor=drill.ground.actor, now=drill.ground.now)
    assert {state for _, state in things()} == {"removing"}
    assert drill.agent is not None
    drill.agent.turn(1)
    assert {state for _, state in things()} == {"removing"}, "that report was made before its list"
    drill.agent.turn(1)
    assert {state for _, state in things()} == {"gone"}
    said = [row.gone_said for row in DrillThing.objects.all()]
    assert all(one.startswith("drill-1 looked at its disk and its processes") for one in said)
    facts = drill_facts(drill.ground.run)
    told = drilled(facts)
    assert told is not None
    assert (told.begun, told.removed, told.gone) == (2, 2, 2)
    assert proof(told).startswith("Begun 2, removed 2, seen gone 2 at ")


def test_what_its_host_still_has_is_not_gone_and_rings_until_it_is(drill: Drill) -> None:
    drill.play()
    agent = drill.agent
    assert agent is not None
    agent.is_stuck = True
    clean_up(actor=drill.ground.actor, now=drill.ground.now)
    agent.turn(4)
    assert {state for _, state in things()} == {"removing"}
    clean_up(actor=drill.ground.actor, now=drill.ground.now, patience=0.0)
    alarm = Alarm.objects.get(key__startswith="drill-unproven:")
    assert alarm.title == "What a drill began on drill-1 is not proven to be gone: 2"
    assert "Its host still has of it: folder x." in alarm.body
    agent.has = set()
    agent.turn(1)
    clean_up(actor=drill.ground.actor, now=drill.ground.now, patience=0.0)
    alarm.refresh_from_db()
    assert alarm.state == "ended"
    assert {state for _, state in things()} == {"gone"}


def test_the_report_waits_for_the_proof_and_tells_it(drill: Drill) -> None:
    drill.play()
    later = drill.ground.now
    clean_up(actor=drill.ground.actor, now=later)
    assert drill.agent is not None
    run = drill.ground.run
    assert write_due_reports(now=run.state_at) == 0
    drill.agent.turn(3)
    assert write_due_reports(now=run.state_at + timedelta(seconds=61)) == 1
    report = read_report(run.reports.get().raw.encode())
    assert report.watermark == "DRILL"
    assert report.drill is not None
    assert report.drill.gone == 2
    part = section(report.drill)
    assert part is not None
    assert "Begun 2, removed 2, seen gone 2" in part.note
    by_name = {one.name: one for one in report.targets}
    assert by_name["notes"].rto.said == "From the drill's start until it stood on drill-1."
    assert by_name["notes"].service, "it is held against the promise of its kind"


@pytest.mark.parametrize(
    ("memory", "is_heard", "said"),
    [
        (None, False, "There is no host for drills"),
        (1024, False, "No drill host is heard (drill-1, within 10 s)"),
        (100, True, "The drill hosts are full: 160 MiB are needed, at most 100 MiB are free"),
    ],
)
def test_without_room_of_its_own_it_says_so_and_takes_no_other(
    pinned: Path, memory: int | None, is_heard: bool, said: str
) -> None:
    drill = make_drill(pinned)
    if memory is not None:
        agent = drill_host(memory=memory)
        if is_heard:
            drill.agent = agent
            agent.turn()
    run = drill.play("paused")
    assert run.state == "paused"
    assert said in drill.said("restore")
    assert not DrillThing.objects.exists()
    untouched()


def test_what_its_host_cannot_do_fails_with_its_words_and_is_removed(drill: Drill) -> None:
    assert drill.agent is not None
    drill.agent.failing = "archive: a chunk is missing"
    run = drill.play("paused")
    assert run.state == "paused"
    assert "a chunk is missing" in drill.said("restore")
    drill.agent.failing = ""
    drill.round()
    drill.round()
    assert things() == [("notes", "gone")], "it is not kept until the run is over"


def test_figures_that_cannot_be_are_said_and_none_of_them_is_kept(drill: Drill) -> None:
    assert drill.agent is not None
    drill.agent.figures = msgspec.structs.replace(proven(), moment=10**18)
    assert drill.play().state == "done", drill.ground.run.state_reason
    row = DrillThing.objects.get(kind=ThingKind.DATABASE)
    assert row.result == {}
    assert row.said == f"Its host told figures that cannot be: moment {10**18}."
    assert drill.said("restore").endswith(row.said)
    assert drill_facts(drill.ground.run) is not None


def test_a_host_s_words_are_cut_before_they_are_kept(drill: Drill) -> None:
    assert drill.agent is not None
    drill.agent.failing = "x" * 100_000
    drill.play("paused")
    row = DrillThing.objects.get()
    assert row.said == "x" * 500
    assert {len(one["said"]) for one in row.host.sight.facts.values()} <= {500}


def test_a_drill_keeps_no_recovery_of_the_same_datacenter_from_starting(drill: Drill) -> None:
    ground = drill.ground
    prepare(RunbookVersion.objects.get(), Mode.DISASTER)
    assert ground.press(Press.START).state == "running"
    states = set(Run.objects.values_list("mode", "state"))
    assert states == {("drill", "running"), ("disaster", "running")}


# ------------------------------------------------------------------ I-DR-4


def test_a_thousand_production_ids_injected_into_a_drill_begin_nothing(drill: Drill) -> None:
    """Plans, acts and rows that name production's own: the hands refuse each, and so does the
    host's list."""
    ground, base, app = drill.ground, Database.objects.get(), Application.objects.get()
    run = ground.run
    real = [f"database:{base.pk}", f"application:{app.pk}"]
    assert set(real) <= production_keys()
    plan = plan_of(run)
    bench = Bench(run, plan, lambda _: world("PAR1", "OSU2"), ground.actor, NOW, lambda: 0.0)
    for n in range(1000):
        kind, _, id = real[n % 2].partition(":")
        realm = "production" if n % 4 < 2 else "drill"
        target = Target(kind, id, f"injected-{n}", 1, realm)  # type: ignore[arg-type]
        with pytest.raises(Refused, match=r"only a drill’s own|never touches it"):
            refuse_real(bench, target)
    assert not DrillThing.objects.exists()
    untouched()


def test_only_a_drill_begins_something_on_its_hosts_whoever_writes_the_row(pinned: Path) -> None:
    """The second lock, in PostgreSQL."""
    disaster = make_drill(pinned, mode=Mode.DISASTER)
    drill_host()
    forged = DrillThing(
        run=disaster.ground.run, key="k", step="restore", kind=ThingKind.DATABASE, name="x",
        target="t", target_name="notes", source=UUID(int=1), host=DrillHost.objects.get(),
        memory_mib=1, port=1, begun_at=NOW,
    )  # fmt: skip
    with pytest.raises(IntegrityError, match="only a drill begins"), transaction.atomic():
        transitions.create([forged], actor=Actor("person", "m"), reason="forged", now=NOW)


def test_a_disaster_never_makes_a_hand_of_a_drill_and_a_drill_none_of_production() -> None:
    assert set(DRILL_MAKERS) == set(MAKERS)
    ours = {Staging, Would, DrillWatching}
    assert not ours & {maker for maker in MAKERS.values() if isinstance(maker, type)}
    assert {maker for maker in DRILL_MAKERS.values() if isinstance(maker, type)} == ours


def test_a_token_of_nobody_opens_nothing_and_a_replaced_one_neither(drill: Drill) -> None:
    assert drill.agent is not None
    host = DrillHost.objects.get()
    drills.issue_drill_token(host=host, actor=Actor("person", "dora"), reason="Lost.", now=NOW)
    for token in ("", "x", drill.agent.token):
        with pytest.raises(Refused, match="of no drill host"):
            drills.know_drill_host(token)


# ------------------------------------------------------------------ killed


def test_a_report_of_an_older_list_proves_nothing(drill: Drill) -> None:
    """One that was late: it was made before the list that has it no more."""
    drill.play()
    clean_up(actor=drill.ground.actor, now=drill.ground.now)
    assert drill.agent is not None
    old = drill.agent.told
    late = DrillReport(boot="b", incarnation=old.incarnation, revision=old.revision)
    host = DrillHost.objects.get()
    drills.hear_drill_host(host=host.pk, report=late, now=NOW)
    assert {state for _, state in things()} == {ThingState.REMOVING}
    blind = DrillReport(
        boot="b", incarnation=old.incarnation, revision=host.revision, trouble="it could not look"
    )
    drills.hear_drill_host(host=host.pk, report=blind, now=NOW)
    assert {state for _, state in things()} == {ThingState.REMOVING}


def test_rows_that_know_less_than_their_host_go_above_what_it_has_taken(drill: Drill) -> None:
    """They were restored, or are a new Tocsin's: it would take no lower list for ever."""
    assert drill.agent is not None
    drill.agent.told = DrillList(incarnation=7, revision=90)
    drill.agent.turn(2)
    assert (drill.agent.told.incarnation, drill.agent.told.revision) == (7, 91)
    mad = DrillReport(boot="b", incarnation=7, revision=2**63 - 1)
    drills.hear_drill_host(host=DrillHost.objects.get().pk, report=mad, now=NOW)
    assert DrillHost.objects.get().revision == 91


def test_the_ground_s_other_runs_are_none_of_a_drill(ground: Ground) -> None:
    ground.prepare()
    assert drill_facts(ground.run) is None
