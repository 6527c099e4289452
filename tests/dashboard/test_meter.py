"""What nobody measures is unknown; what its head says of a database's users, hosts and data."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.alarms.models import Alarm
from recovery.core import clock
from recovery.failover.rounds.meter import SILENT, STARTS_WITHIN, watch_meter
from recovery.inventory.models import WriteProbe
from tests.dashboard import bases
from tests.dashboard.bases import Base
from tests.dashboard.conftest import SignIn
from tests.dashboard.test_databases import page
from tests.dashboard.test_databases import seeded as seeded  # noqa: PLC0414 - a fixture


@pytest.mark.usefixtures("seeded")
def test_a_silent_meter_is_unknown_and_rings_and_no_second_is_told_as_fine(
    sign_in: SignIn,
) -> None:
    now, up = clock.system.now(), timedelta(hours=1)
    watch_meter(now=now, looked_for=up)
    assert not Alarm.objects.filter(key=SILENT).exists()
    WriteProbe.objects.update(at=now - timedelta(seconds=40))
    html = page(sign_in, "/databases/orders-pg/")
    assert "orders-pg:</span> nobody measures whether it serves." in html
    assert "Its users were last asked at" in html
    assert "not measured since" in html
    watch_meter(now=now, looked_for=STARTS_WITHIN)
    assert not Alarm.objects.filter(key=SILENT).exists(), "everything may just have started"
    watch_meter(now=now, looked_for=up)
    alarm = Alarm.objects.get(key=SILENT)
    assert "make status" in alarm.body
    WriteProbe.objects.update(at=now, since=now)
    watch_meter(now=now, looked_for=up)
    alarm.refresh_from_db()
    assert alarm.state == "ended"
    html = page(sign_in, "/databases/orders-pg/")
    assert "orders-pg:</span> serves." in html
    assert "not every second was measured" in html, "its meter began anew"


def test_who_may_move_it_reads_as_whom_its_users_connect(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    said = "as <code>tocsin_app</code>"
    assert said in page(sign_in, "/databases/orders-pg/")
    assert said not in page(sign_in, "/databases/orders-pg/", "viewer")


def test_a_host_that_is_seen_is_never_told_as_unseen(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    bases.wait(seeded["wiki-pg"], "Nobody is served.", clock.system.now())
    html = page(sign_in, "/databases/wiki-pg/")
    assert "is not seen" not in html
    assert "and no write is acknowledged" in html or "once its server starts on" in html
