"""What several connections do to one row at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from recovery.audit.facts import Actor
from recovery.audit.models import AuditEntry
from recovery.core import control, transitions
from recovery.core.errors import Conflict, NotLeader, Refused
from recovery.detection import actions as detection
from recovery.inventory.facts import Verdict
from recovery.inventory.models import Host
from tests.support.fleet import NOW, make_fleet


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_exactly_one_wins() -> None:
    host = make_fleet().hosts["par1-r1-h1"]

    def try_once(n: int) -> bool:
        try:
            transitions.move(
                Host.objects.get(pk=host.pk),
                Verdict.LOST,
                actor=Actor("controller", str(n)),
                reason="race",
                now=NOW,
            )
        except (Conflict, Refused):
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        wins = list(pool.map(try_once, range(16)))
    assert sum(wins) == 1
    assert (
        AuditEntry.objects.filter(object_id=str(host.pk)).count()
        == Host.objects.get(pk=host.pk).version
    )


@pytest.mark.django_db(transaction=True)
def test_of_two_who_pause_at_once_the_second_is_told_who_was_first() -> None:
    """Also where nobody ever used the brake: its row is made by both."""

    def pause(who: str) -> str:
        try:
            detection.set_pause(actor=Actor("person", who), reason="Stop it.", now=NOW)
        except Conflict as error:
            return str(error)
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(pause, [f"p{n}" for n in range(8)]))
    assert sorted(map(bool, told)) == [False] + 7 * [True]
    assert all("Already paused by p" in one for one in told if one)


@pytest.mark.django_db(transaction=True)
def test_a_takeover_waits_for_a_decision_and_then_stops_the_next() -> None:
    make_fleet()
    control.take_lead("a", seen_epoch=0, now=NOW)

    def take() -> int | None:
        try:
            return control.take_lead("b", seen_epoch=1, now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with control.deciding(1):
            taking = pool.submit(take)
            with pytest.raises(TimeoutError):
                taking.result(timeout=0.3)
        assert taking.result(timeout=5) == 2
    with pytest.raises(NotLeader), control.deciding(1):
        pass
