"""Several people press at once: one of them decides, the others are shown what."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from recovery.audit.facts import Actor
from recovery.brief import actions
from recovery.brief.actions import Changed
from recovery.brief.canon import canonical, document
from recovery.brief.facts import Choice
from recovery.brief.models import Decision
from recovery.brief.queries import fleet_at
from recovery.core import clock
from recovery.inventory.models import Datacenter
from tests.dashboard import fleet
from tests.dashboard.losing import lose_datacenter
from tests.support.running import wait_for


@pytest.mark.django_db(transaction=True)
def test_of_several_who_press_at_once_one_decides_and_the_others_see_what() -> None:
    now = clock.system.now()
    lose_datacenter("PAR1", fleet.seed_demo(now).values(), now)
    seen = canonical(document(fleet_at(now).brief("PAR1")))

    def press(who: str) -> str:
        try:
            actions.decide_on(
                datacenter="PAR1",
                choice=Choice.ACTIVATE,
                seen=seen,
                actor=Actor("person", who),
                reason="It burns.",
                now=now + timedelta(seconds=1),
            )
        except Changed as error:
            return str(error)
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(6) as pool:
        with transaction.atomic():
            assert Datacenter.objects.select_for_update(no_key=True).get(name="PAR1")
            presses = [pool.submit(press, f"p{n}") for n in range(6)]
            wait_for(lambda: _waiting() == len(presses))
        told = [one.result() for one in presses]
    assert sorted(map(bool, told)) == [False] + 5 * [True]
    assert all("decided: none → " in one for one in told if one)
    assert Decision.objects.count() == 1


def _waiting() -> int:
    """Transactions here that wait for another one's lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # a transaction keeps what it saw first
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        (number,) = cursor.fetchone()
    return int(number)
