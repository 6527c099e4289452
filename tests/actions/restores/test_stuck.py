"""A restore that gets nowhere rings while it does, and says which try it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.alarms.actions import register_channel
from recovery.alarms.models import Alarm, Delivery
from recovery.core.wire.backups import RestoreFact
from recovery.inventory.models import Host
from recovery.operations.facts import OperationState, Verb
from recovery.restores import actions, screens
from recovery.restores.decide import MOST_ORDERS
from recovery.restores.models import RestoreSight
from recovery.restores.ringing import key_of, watch_restores
from recovery.restores.stuck import MANY, RINGS_AT_LEAST, STILL, WAITED_FOR
from tests.actions.restores.ground import Ground, make_ground
from tests.support.fleet import BY, NOW

pytestmark = pytest.mark.django_db
LONG = 3600.0


@pytest.fixture
def ground() -> Ground:
    """`notes` is restored on another host."""
    made = make_ground()
    made.begin()
    made.carry_on()
    return made


def watch(
    ground: Ground, seconds: float = 0.0, looked_for: float = LONG, paused: str = ""
) -> list[Alarm]:
    """The alarms of restores that ring, after a look so much later."""
    ground.now += timedelta(seconds=seconds)
    watch_restores(
        actor=ground.actor,
        now=ground.now,
        looked_for=looked_for,
        paused=paused,
        leases=ground.leases,
    )
    return list(Alarm.objects.filter(key__startswith="restore:").exclude(state="ended"))


def view() -> screens.RestoreView:
    found = screens.unfinished("notes")
    assert found is not None
    return found


def hear(ground: Ground, done: int, still: float = 0.0, phase: str = "fetching the base") -> None:
    row = ground.restore
    fact = RestoreFact(
        restore=str(row.pk),
        replica="r",
        state="running",
        phase=phase,
        done=done,
        total=10,
        still_ms=int(still * 1000),
    )
    actions.hear_restores(host=row.host_id, facts=[fact], now=ground.now)


def test_it_rings_once_while_no_byte_comes_and_ends_when_one_does(ground: Ground) -> None:
    hear(ground, 5)
    assert watch(ground, STILL - 1) == []
    hear(ground, 5, still=STILL - 1)
    (alarm,) = watch(ground, 1)
    assert alarm.severity == "page", "it does not serve"
    assert (alarm.key, alarm.title) == (
        key_of(ground.restore.pk),
        f"notes: its restore {ground.restore} does not get on",
    )
    shown = view()
    assert shown.stuck_since == alarm.raised_at
    assert shown.follows.startswith("Next: call it off and ask anew")
    assert shown.progress
    assert (shown.progress.is_still, shown.progress.left) == (True, None)
    hear(ground, 6)
    assert watch(ground, 1) == [alarm], "it would ring at the next halt anew"
    shown = view()
    assert shown.moves
    assert "call it off" not in shown.follows
    hear(ground, 7)
    assert watch(ground, RINGS_AT_LEAST - STILL) == [alarm]
    hear(ground, 8)
    assert watch(ground, STILL - 1) == []


def test_what_was_noted_in_a_pause_wakes_people_once_nobody_pauses_it(ground: Ground) -> None:
    register_channel(
        name="ops", kind="mail", address="o@example.invalid", actor=BY, reason="test", now=NOW
    )
    hear(ground, 5)
    (noted,) = watch(ground, STILL, paused="a storm (ada)")
    assert noted.severity == "notice"
    assert watch(ground, 60, paused="a storm (ada)") == [noted]
    hold = screens.Hold("a storm (ada)")
    (shown,) = (one for one in screens.restores("notes", hold) if one.is_running)
    assert shown.follows.startswith("Everything is paused: a storm (ada).")
    (row,) = watch(ground)
    assert (row.severity, row.body == noted.body) == ("page", False)
    assert watch(ground, 60, paused="another (ada)") == [row], "who was woken is not woken twice"
    told = Delivery.objects.values_list("subject", flat=True)
    assert sorted(told) == [f"ALARM {row.title}"] * 2, "and it is over for nobody"


def test_one_whose_agent_dies_in_the_middle_of_it_again_and_again_rings_and_ends(
    ground: Ground,
) -> None:
    for number in range(1, MOST_ORDERS + 1):
        ground.now += timedelta(seconds=60)
        hear(ground, 8)
        assert (len(watch(ground)), view().tries) == (int(number >= MANY), number)
        assert ground.carry_on() == "restore"
        hear(ground, 0, phase="planning")
    assert "its agent ended in the middle of it" in view().tried
    assert ground.carry_on() == "abandoned"


def test_its_next_step_is_motion_whatever_rang_before(ground: Ground) -> None:
    hear(ground, 5)
    assert len(watch(ground, STILL)) == 1
    ground.now += timedelta(seconds=1)
    ground.prove()
    ground.carry_on()
    assert watch(ground) == []
    assert "call it off" not in view().follows


def test_a_leader_that_has_just_begun_to_look_calls_nothing_still(ground: Ground) -> None:
    assert watch(ground, LONG, looked_for=STILL - 1) == []
    assert watch(ground, looked_for=STILL)


def test_one_that_fails_again_and_again_rings_and_says_why_the_last_one_ended(
    ground: Ground,
) -> None:
    for number in range(1, MANY):
        assert watch(ground) == []
        ground.answer(Verb.RESTORE, OperationState.FAILED, "store: s3-osu2: no answer in 60 s.")
        ground.carry_on(seconds=6)
        hear(ground, number)
    assert len(watch(ground)) == 1
    shown = view()
    assert shown.tries == MANY
    assert shown.tried.endswith("ended with: s3-osu2: no answer in 60 s.")
    ground.prove()
    ground.carry_on()
    assert watch(ground) == []


def test_what_ended_without_its_database_rings_until_it_is_asked_for_again(ground: Ground) -> None:
    ground.answer(Verb.RESTORE, OperationState.FAILED, "archive: a chunk of it is torn")
    assert ground.carry_on() == "abandoned"
    assert watch(ground) == [], "its host may be back"
    (alarm,) = watch(ground, WAITED_FOR)
    assert "a chunk of it is torn" in alarm.body
    assert alarm.body.endswith("/databases/notes/restore/")
    asked = ground.ask()
    assert watch(ground) == []
    ground.now = asked.vouch.expires_at
    assert ground.carry_on() == "expired"
    assert len(watch(ground)) == 1, "nobody gave the second word, and it is down"
    ground.begin()
    assert watch(ground) == []
    actions.call_off(restore=ground.restore, actor=BY, reason="Another host.", now=ground.now)
    assert ground.carry_on() == "abandoned"
    assert len(watch(ground)) == 1


def test_what_a_person_called_off_rings_nobody(ground: Ground) -> None:
    actions.call_off(restore=ground.restore, actor=BY, reason="Its disk is found.", now=ground.now)
    assert ground.carry_on() == "abandoned"
    assert watch(ground, LONG) == []


def test_when_it_went_on_last_is_known_by_our_own_clock(ground: Ground) -> None:
    """Whatever an agent claims: an older word than the last one, or one of before its own host."""
    hear(ground, 5)
    began = ground.now
    ground.now = began + timedelta(seconds=10)
    hear(ground, 5, still=4)
    assert RestoreSight.objects.get().moved_at == began + timedelta(seconds=6)
    stranger = Host.objects.get(name="mrs1-r1-h1")
    row = ground.restore
    fact = RestoreFact(restore=str(row.pk), replica="r", state="running", done=9)
    actions.hear_restores(host=stranger.pk, facts=[fact], now=ground.now)
    assert RestoreSight.objects.get().done == 5
