"""A starter database is restored elsewhere: two words, each step a row, killed anywhere."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from recovery.audit.facts import Actor
from recovery.backups.models import ArchiveSight, BackupRun
from recovery.brief.bases import load_bases
from recovery.brief.past import load_samples
from recovery.core import control
from recovery.core.errors import Conflict, NotLeader, Refused
from recovery.core.wire import DatabaseOrder
from recovery.core.wire.backups import RestoreFact
from recovery.failover.actions import moves
from recovery.failover.models import Vouch
from recovery.gateway.databases import databases_of
from recovery.gateway.queries import errands
from recovery.inventory.facts import DatabaseState, Verdict
from recovery.inventory.models import Database, Epoch, Host
from recovery.operations.facts import OperationState, Verb
from recovery.operations.models import Operation
from recovery.restores import actions, cycle
from recovery.restores.models import Restore, RestoreSight
from tests.actions.restores.ground import FIRST, POINT, Ground, make_ground, see
from tests.support.fleet import NOW, lose

pytestmark = pytest.mark.django_db
ALL = ["asked", "choose", "place", "restore", "verify", "switch", "route", "done"]


@pytest.fixture
def ground() -> Ground:
    return make_ground()


def steps(row: Restore) -> list[str]:
    return list(row.steps.values_list("phase", flat=True))


def test_two_people_restore_it_elsewhere_and_users_follow(ground: Ground) -> None:
    asked = ground.ask()
    assert "Replica 2 in OSU2 goes furthest, to 23 Nov 03:06:20 UTC." in asked.why
    assert "Replica 1 (s3-par1) ends 20 s earlier." in asked.why
    assert "par1-r2-h1 in PAR1: at home." in asked.why
    assert "acknowledged after 23 Nov 03:06:20 UTC is lost" in asked.vouch.risk
    assert ground.carry_on() == "asked", "one word does nothing"
    assert not Operation.objects.exists()
    ground.give()
    assert ground.carry_on() == "restore"
    assert ground.carry_on() == "restore"
    assert Operation.objects.count() == 1
    assert ground.database.primary.host.name == "par1-r1-h1", "nothing moved yet"  # type: ignore[union-attr]
    ground.prove()
    assert ground.carry_on() == "switch"
    moved = ground.database
    assert moved.primary is not None
    assert (moved.primary.host, moved.epoch, moved.state) == (ground.other, 2, "waiting")
    ground.answer(Verb.ADOPT, OperationState.DONE, "its data are in place")
    assert ground.carry_on() == "route"
    ground.serve()
    assert ground.carry_on() == "done"
    row = ground.restore
    assert (row.recovered_to, row.new_epoch, row.bytes) == (POINT, 2, 12_000_000)
    assert steps(row) == ALL
    assert all(row.steps.values_list("said", flat=True))
    assert ground.database.state == DatabaseState.SERVING
    assert [at for at, _ in load_samples().besides] == [row.phase_at], "a plan counts on it"
    BackupRun.objects.create(
        replica=row.source, backup="b", begun_at=NOW, ended_at=NOW, bytes=1_000_000
    )
    assert load_bases(NOW).sizes[row.source_id] == 12_000_000, "packed, it is a twelfth"


def test_the_agent_is_told_where_and_what_by_reference(ground: Ground) -> None:
    ground.begin()
    ground.carry_on()
    (errand,) = errands([ground.other.pk], epoch=ground.epoch, resend_before=NOW)
    order = errand.order
    assert isinstance(order, DatabaseOrder)
    assert order.verb == "restore"
    told = order.restore
    assert told is not None
    assert (told.restore, told.key, told.to) == (str(ground.restore.pk), "k1", 0)
    assert told.store is not None
    assert (told.store.endpoint, told.store.credentials) == ("http://osu2:8333", "s3-osu2")
    assert "'b'" not in repr(told)


def test_the_old_host_is_told_of_it_no_more(ground: Ground) -> None:
    ground.begin()
    ground.carry_on()
    ground.prove()
    ground.carry_on()
    old = Host.objects.get(name="par1-r1-h1")
    told = databases_of([old.pk, ground.other.pk])
    assert old.pk not in told, "when it returns its agent stops the server and keeps the data"
    (spec,) = told[ground.other.pk]
    assert (spec.role, spec.epoch, len(spec.members)) == ("primary", 2, 1)
    assert Epoch.objects.get(number=2).replica == ground.replica


def test_its_hosts_return_ends_it_and_drops_what_was_staged(ground: Ground) -> None:
    ground.begin()
    ground.carry_on()
    ground.serve()
    ground.prove()
    assert ground.carry_on() == "abandoned"
    assert "its host is back. Nothing was replaced" in ground.restore.end_reason
    assert ground.database.epoch == 1
    order = ground.order(Verb.DISCARD)
    assert (order.host, order.params) == (ground.other, {"restore": str(ground.restore.pk)})


def test_what_is_called_off_ends_and_later_it_is_too_late(ground: Ground) -> None:
    ground.begin()
    ground.carry_on()
    actions.call_off(restore=ground.restore, actor=FIRST, reason="Found its disk.", now=NOW)
    with pytest.raises(Conflict, match="amelie called RS-"):
        actions.call_off(restore=ground.restore, actor=FIRST, reason="Again.", now=NOW)
    assert ground.carry_on() == "abandoned"
    assert ground.restore.end_reason == "amelie called it off."
    ground.begin()
    ground.carry_on()
    ground.prove()
    ground.carry_on()
    with pytest.raises(Refused, match="too late to call it off"):
        actions.call_off(restore=ground.restore, actor=FIRST, reason="Oh.", now=NOW)


def test_two_restores_at_once_are_refused(ground: Ground) -> None:
    ground.ask()
    with pytest.raises(Conflict, match=r"restores notes already, in asked"):
        ground.ask()
    ground.give()
    with pytest.raises(Conflict, match=r"restores notes already, in choose"):
        ground.ask()
    twin = _again(ground.restore)
    with pytest.raises(DatabaseError), transaction.atomic():
        Restore.objects.bulk_create([twin])


def _again(row: Restore) -> Restore:
    fields = {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields}
    return Restore(**(fields | {"id": None, "number": row.number + 1, "vouch_id": None}))


def test_the_second_word_is_somebody_elses_and_typed_and_in_time(ground: Ground) -> None:
    ground.ask()
    with pytest.raises(Refused, match="the second one is somebody else's"):
        ground.give(FIRST)
    with pytest.raises(Refused, match="This is not notes"):
        ground.give(typed="other")
    ground.now += timedelta(minutes=31)
    with pytest.raises(Refused, match="run out"):
        ground.give()
    assert ground.carry_on() == "expired"
    assert Vouch.objects.get().state == "expired"
    ground.ask()


def test_a_word_about_a_restore_is_no_word_about_its_disk(ground: Ground) -> None:
    vouch = ground.ask().vouch
    with pytest.raises(Refused, match="That word is asked"):
        moves.give_move(
            vouch=vouch, typed="notes", actor=Actor("person", "bruno"), reason="x", now=NOW
        )
    with pytest.raises(Conflict, match="vouches for notes already"):
        moves.ask_move(
            database=ground.database,
            host=ground.other,
            typed="notes",
            actor=FIRST,
            reason="x",
            now=NOW,
        )


def test_what_serves_is_not_replaced(ground: Ground) -> None:
    ground.serve()
    with pytest.raises(Refused, match="does not wait: what serves is not replaced"):
        ground.ask()


def test_a_replica_that_lost_what_was_agreed_to_ends_it(ground: Ground) -> None:
    ground.begin()
    see({1: POINT - timedelta(seconds=20), 2: POINT - timedelta(hours=3)})
    assert ground.carry_on() == "abandoned"
    assert "replica 2 goes less far now" in ground.restore.end_reason
    assert not Operation.objects.filter(verb=Verb.RESTORE).exists()


def test_a_replica_in_a_lost_datacenter_is_not_chosen_and_home_is_elsewhere(
    ground: Ground,
) -> None:
    lose(ground.other)
    asked = ground.ask()
    assert asked.source.number == 2
    assert "Replica 1 (s3-par1) is in PAR1, which is lost." in asked.why
    assert asked.host.name in {"osu2-r1-h1", "osu2-r2-h1", "mrs1-r1-h1", "mrs1-r2-h1"}
    with pytest.raises(Conflict):
        ground.ask()


def test_what_cannot_be_chosen_is_refused_with_every_reason(ground: Ground) -> None:
    with pytest.raises(Refused, match=r"goes to 23 Nov 03:06:20 UTC and no further"):
        ground.ask(to=NOW)
    with pytest.raises(Refused, match=r"No living host can take it\. par1-r1-h1 is the host"):
        ground.ask(host=str(ground.replica.host_id))
    see({1: None, 2: None})
    with pytest.raises(Refused, match=r"Replica 1 \(s3-par1\) holds nothing"):
        ground.ask()
    assert not Restore.objects.exists()


def test_an_agents_refusal_is_told_word_for_word(ground: Ground) -> None:
    ground.begin()
    ground.carry_on()
    said = "wal/00000001/x is gone. The newest moment that can be restored is 03:01:00.000 UTC."
    ground.answer(Verb.RESTORE, OperationState.REFUSED, said)
    assert ground.carry_on() == "abandoned"
    assert ground.restore.end_reason == f"It cannot be restored: {said}"
    assert ground.database.epoch == 1


def test_a_result_that_cannot_be_read_or_loses_more_is_not_switched_to(ground: Ground) -> None:
    ground.begin()
    ground.carry_on()
    ground.answer(Verb.RESTORE, OperationState.DONE, "{}")
    assert ground.carry_on() == "abandoned"
    ground.begin()
    ground.carry_on()
    ground.prove(POINT - timedelta(minutes=5))
    assert ground.carry_on() == "abandoned"
    assert "ends 300 s before" in ground.restore.end_reason or "5 min" in ground.restore.end_reason
    assert ground.database.epoch == 1


def test_its_new_hosts_loss_ends_it_before_and_after_the_switch(ground: Ground) -> None:
    ground.begin()
    ground.carry_on()
    lose(ground.other)
    assert ground.carry_on() == "abandoned"
    again = ground.begin()
    ground.carry_on()
    ground.prove()
    assert ground.carry_on() == "switch"
    lose(Host.objects.get(pk=again.host_id))
    assert ground.carry_on() == "abandoned"
    assert "Ask anew: notes waits" in ground.restore.end_reason
    third = ground.ask()
    assert third.old_epoch == 2


def test_a_blink_of_its_new_host_throws_nothing_away(ground: Ground) -> None:
    ground.begin()
    ground.carry_on()
    ground.prove()
    lose(ground.other, Verdict.SUSPECT)
    assert ground.carry_on() == "verify"
    assert ground.carry_on(60) == "verify"
    lose(ground.other, Verdict.ALIVE)
    assert ground.carry_on() == "switch"
    assert Operation.objects.filter(verb=Verb.RESTORE).count() == 1


def test_who_chooses_is_told_that_a_replica_could_not_be_read(ground: Ground) -> None:
    ArchiveSight.objects.filter(replica__number=2).update(error="s3-osu2: it is down.")
    asked = ground.ask()
    assert asked.source.number == 1, "2 loses least, and 1 keeps the promise and can be read"
    assert "cannot be read now (not read since" in asked.why
    assert "s3-osu2: it is down" in asked.why


def test_a_pause_holds_it_and_says_so_and_nothing_is_begun(ground: Ground) -> None:
    ground.begin()
    assert ground.carry_on(paused="the fleet was released too fast") == "choose"
    assert not Operation.objects.exists()
    assert ground.carry_on() == "restore"


def test_an_earlier_leader_takes_no_step(ground: Ground) -> None:
    ground.begin()
    control.take_lead("next", seen_epoch=ground.epoch, now=NOW)
    with pytest.raises(NotLeader):
        ground.carry_on()
    assert ground.restore.phase == "choose"


def test_a_worker_killed_at_each_step_resumes_and_nothing_comes_twice(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step first dies with its transaction, then is taken by the next leader."""
    real = actions.carry

    class Killed(Exception):
        """The process is gone."""

    deaths = 0

    def killed(**fields: object) -> Restore:
        nonlocal deaths
        real(**fields)  # type: ignore[arg-type]
        deaths += 1
        raise Killed

    def lived(phase: str) -> None:
        for _ in range(8):
            if ground.restore.phase == phase:
                return
            before = (ground.restore.phase, Operation.objects.count(), ground.database.epoch)
            monkeypatch.setattr(actions, "carry", killed)
            with pytest.raises(Killed), transaction.atomic():
                cycle.carry_on(actor=ground.actor, now=ground.now)
            after = (ground.restore.phase, Operation.objects.count(), ground.database.epoch)
            assert after == before, "nothing of it is left"
            monkeypatch.setattr(actions, "carry", real)
            seen = ground.epoch
            ground.epoch = control.take_lead("next", seen_epoch=seen, now=ground.now) or 0
            monkeypatch.setattr(cycle, "MOST_STEPS", 1)
            ground.carry_on()
        raise AssertionError(ground.restore.phase)

    ground.begin()
    lived("restore")
    ground.prove()
    lived("switch")
    ground.answer(Verb.ADOPT, OperationState.DONE)
    lived("route")
    ground.serve()
    lived("done")
    assert deaths >= 6
    assert steps(ground.restore) == ALL
    assert Operation.objects.filter(verb=Verb.RESTORE).count() == 1
    assert Operation.objects.filter(verb=Verb.ADOPT).count() == 1
    assert Database.objects.get().epoch == 2


def test_an_unknown_outcome_is_asked_for_again_under_the_same_name(ground: Ground) -> None:
    ground.begin()
    ground.carry_on()
    ground.answer(Verb.RESTORE, OperationState.UNKNOWN, "the host started anew")
    assert ground.carry_on() == "restore"
    assert Operation.objects.filter(verb=Verb.RESTORE).count() == 1
    ground.carry_on(seconds=6)
    first, second = Operation.objects.filter(verb=Verb.RESTORE).order_by("requested_at")
    assert (first.state, second.state) == ("failed", "intended")
    assert first.params == second.params
    ground.prove()
    assert ground.carry_on() == "switch"


def test_progress_is_heard_from_its_own_host_alone(ground: Ground) -> None:

    ground.begin()
    ground.carry_on()
    fact = RestoreFact(
        restore=str(ground.restore.pk), replica="r", state="running", phase="fetching", done=5,
        total=10, speed=2.0, left_ms=2500,
    )  # fmt: skip
    stranger = Host.objects.get(name="mrs1-r1-h1")
    actions.hear_restores(host=stranger.pk, facts=[fact], now=NOW)
    assert not RestoreSight.objects.exists()
    actions.hear_restores(host=ground.other.pk, facts=[fact], now=NOW)
    sight = RestoreSight.objects.get()
    assert (sight.phase, sight.done, sight.total, sight.left_ms) == ("fetching", 5, 10, 2500)
