"""Two of three datacenters burn: two people say so, Tocsin sees by what is left, and judges."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.audit.models import AuditEntry
from recovery.core import transitions
from recovery.core.errors import Conflict, Forbidden, Missing, Refused, TocsinError
from recovery.detection import actions, queries
from recovery.detection.cycle import Watch
from recovery.detection.models import LossVouch
from recovery.detection.screens import silent_sites
from recovery.incidents.models import TimelineEntry
from recovery.inventory.models import HostMemory
from tests.actions.detection.fleet import PERSON, Stage, build_fleet

pytestmark = pytest.mark.django_db
OTHER = Actor("person", "bob")
PAR1, PAR2 = (
    tuple(f"par{place}-{rack}{at}" for rack in (0, 1) for at in (0, 1)) for place in (1, 2)
)


@pytest.fixture
def stage() -> Stage:
    """Of three datacenters two have just fallen silent at once."""
    started = Stage(build_fleet())
    started.run(32.0)
    started.kill(*PAR1, *PAR2)
    started.run(5.0)
    hear(started)
    assert queries.blind_reason()
    return started


def hear(stage: Stage, *more: str) -> None:
    """The gateway's rows: who lives spoke just now."""
    for host in stage.hosts:
        if host.name not in stage.silent or host.name in more:
            HostMemory.objects.update_or_create(host=host, defaults={"at": stage.clock.now()})


def ask(stage: Stage, site: str = "PAR1", by: Actor = PERSON, typed: str = "") -> LossVouch:
    return actions.ask_vouch(
        datacenter=site,
        typed=typed or site,
        actor=by,
        reason="The fire brigade is there.",
        now=stage.clock.now(),
    )


def give(stage: Stage, row: LossVouch, by: Actor = OTHER, typed: str = "") -> LossVouch:
    site = row.datacenter.name
    return actions.give_vouch(
        pk=row.pk,
        datacenter=site,
        typed=typed or site,
        actor=by,
        reason="I am on the phone with them.",
        now=stage.clock.now(),
    )


def vouch(stage: Stage, *sites: str) -> None:
    for site in sites:
        give(stage, ask(stage, site))


def test_one_persons_word_changes_nothing_and_rings_for_a_second_one(stage: Stage) -> None:
    row = ask(stage)
    assert stage.run(3.0).blind
    assert Alarm.objects.get(key=f"vouch:{row.pk}").severity == "page"
    assert stage.verdicts() == {}


def test_two_words_for_each_and_it_sees_judges_and_holds_for_people(stage: Stage) -> None:
    vouch(stage, "PAR1")
    assert stage.run(3.0).blind, "PAR2 is expected still"
    vouch(stage, "PAR2")
    assert not stage.run(12.0).blind
    assert stage.verdicts() == {name: ("lost", "held") for name in (*PAR1, *PAR2)}
    assert queries.blind_since() is None
    entry = AuditEntry.objects.filter(object_type="brake").latest("object_version")
    assert entry.body["reason"] == "By two people’s word PAR1 and PAR2 are lost; others are heard."
    told = TimelineEntry.objects.filter(kind="vouched").values_list("said", flat=True)
    assert "ada and bob vouch that PAR2 is lost" in told


def test_a_new_leader_keeps_to_it(stage: Stage) -> None:
    vouch(stage, "PAR1", "PAR2")
    stage.run(12.0)
    stage.watch = Watch.begin(stage.clock.monotonic())
    stage.run(7.0)
    assert queries.blind_since() is None


def test_what_was_given_up_long_ago_is_expected_by_no_later_leader(stage: Stage) -> None:
    """Nobody's word stands any more, a host is back, and the lead goes round."""
    vouch(stage, "PAR1", "PAR2")
    stage.run(140.0)
    for site in ("PAR1", "PAR2"):
        actions.withdraw_vouch(
            datacenter=site, actor=PERSON, reason="It is settled.", now=stage.clock.now()
        )
    assert not stage.run(2.0).blind
    stage.watch = Watch.begin(stage.clock.monotonic())
    stage.revive("par2-00")
    stage.run(20.0)
    assert queries.blind_since() is None
    assert "par2-00" not in stage.verdicts(), "it is believed again"
    stage.kill("par2-00")
    stage.run(20.0)
    found = queries.standing_hosts()
    assert {found[host.pk.hex][2] for host in stage.hosts if host.name in PAR1} == {True}
    assert not found[stage.named("par2-00").pk.hex][2], "that was another loss"


def test_the_first_host_that_is_heard_ends_it(stage: Stage) -> None:
    vouch(stage, "PAR1", "PAR2")
    stage.revive("par1-01")
    stage.run(1.2)
    row = LossVouch.objects.get(datacenter__name="PAR1")
    assert (row.state, row.end_reason) == ("over", "par1-01 is heard.")
    assert Alarm.objects.get(key=f"vouched:{row.pk}").state == "ended"
    assert LossVouch.objects.get(datacenter__name="PAR2").state == "standing"


def test_of_a_datacenter_that_peers_see_alive_no_word_is_taken_while_they_do(stage: Stage) -> None:
    stage.cut = set(PAR1)
    stage.run(6.0)
    par1, par2 = silent_sites(stage.clock.now())
    assert par1.alive.startswith("par0-")
    assert par1.alive.endswith("alive.")
    assert par2.alive == ""
    assert queries.blind_reason().endswith("Nobody of PAR1 is heard, yet others see it alive.")
    told = TimelineEntry.objects.filter(kind="blind still").count()
    with pytest.raises(Refused, match="PAR1 lives, and is only not heard: par0-"):
        ask(stage)
    ask(stage, "PAR2")
    stage.run(20.0)
    assert TimelineEntry.objects.filter(kind="blind still").count() == told
    stage.cut.clear()
    stage.run(12.0)
    assert [one.alive for one in silent_sites(stage.clock.now())] == ["", ""]
    vouch(stage, "PAR1")


def test_one_person_takes_it_back_and_its_hosts_are_expected_again(stage: Stage) -> None:
    vouch(stage, "PAR1", "PAR2")
    assert not stage.run(3.0).blind
    actions.withdraw_vouch(
        datacenter="PAR2", actor=PERSON, reason="It was the wrong one.", now=stage.clock.now()
    )
    assert LossVouch.objects.get(datacenter__name="PAR2").state == "over"
    with pytest.raises(Conflict, match="Nobody vouches"):
        actions.withdraw_vouch(
            datacenter="PAR2", actor=PERSON, reason="twice", now=stage.clock.now()
        )


def test_a_first_word_that_nobody_confirms_runs_out_and_its_alarm_with_it(stage: Stage) -> None:
    row = ask(stage)
    stage.clock.advance(1801.0)
    hear(stage)
    with pytest.raises(Conflict, match="run out"):
        give(stage, row)
    stage.run(1.2)
    row.refresh_from_db()
    assert (row.state, row.end_reason) == ("over", "Nobody confirmed it in time.")
    assert Alarm.objects.get(key=f"vouch:{row.pk}").state == "ended"


def _heard(stage: Stage) -> None:
    hear(stage, "par1-00")


def _alone(stage: Stage) -> None:
    HostMemory.objects.all().delete()


def _seeing(stage: Stage) -> None:
    stage.revive(*PAR1, *PAR2)
    stage.run(8.0)


@pytest.mark.parametrize(
    ("before", "act", "error", "said"),
    [
        (None, lambda s, row: give(s, row, by=PERSON), Forbidden, "somebody else’s"),
        (None, lambda s, row: give(s, row, typed="par1"), Refused, "This is not PAR1"),
        (None, lambda s, row: ask(s, by=OTHER), Conflict, "Give the second word"),
        (None, lambda s, row: ask(s, "PAR7"), Missing, "no datacenter PAR7"),
        (None, lambda s, row: ask(s, "PAR0"), Refused, "4 of 4 hosts of PAR0 are heard"),
        (_heard, give, Refused, "1 of 4 hosts of PAR1 are heard"),
        (_alone, give, Refused, "that is us"),
        (_seeing, give, Refused, "Tocsin sees"),
        (None, lambda s, row: (give(s, row), give(s, row)), Conflict, "standing already"),
        (None, lambda s, row: (give(s, row), ask(s)), Conflict, "ada and bob vouch"),
    ],
)
def test_what_is_not_so_is_refused_and_nothing_is_written(
    stage: Stage,
    before: Callable[[Stage], None] | None,
    act: Callable[[Stage, LossVouch], object],
    error: type[TocsinError],
    said: str,
) -> None:
    row = ask(stage)
    if before is not None:
        before(stage)
    with pytest.raises(error, match=said.replace("(", r"\(")):
        act(stage, row)
    assert LossVouch.objects.count() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "standing"},
        {"state": "standing", "given_by": "ada", "given_at": "2026-03-01T03:00:00Z"},
        {"state": "standing", "given_by": "", "given_at": "2026-03-01T03:00:00Z"},
    ],
    ids=["no second word", "the same person", "nobody"],
)
def test_the_tables_themselves_want_two_people(stage: Stage, changes: dict[str, str]) -> None:
    row = ask(stage)
    with pytest.raises(IntegrityError), transaction.atomic():
        transitions.amend(
            row, changes, action="forged", actor=PERSON, reason="no", now=stage.clock.now()
        )
    with pytest.raises(DatabaseError, match="audit"), transaction.atomic():
        LossVouch.objects.filter(pk=row.pk).update(requested_by="eve")


def test_a_word_that_ran_out_makes_room_for_another(stage: Stage) -> None:
    old = ask(stage)
    later = stage.clock.now() + timedelta(minutes=31)
    hear(stage)
    HostMemory.objects.update(at=later)
    row = actions.ask_vouch(
        datacenter="PAR1", typed="PAR1", actor=OTHER, reason="It burns.", now=later
    )
    old.refresh_from_db()
    assert (old.state, row.state) == ("over", "asked")
