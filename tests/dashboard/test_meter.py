"""What nobody measures is unknown; what its head says of a database's users, hosts and data."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.alarms.models import Alarm
from recovery.core import clock
from recovery.failover.rounds.meter import SILENT, STARTS_WITHIN, watch_meter
from recovery.failover.views.month import month_of_database
from recovery.inventory.models import WriteProbe
from recovery.traffic.month import month_of_application
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


@pytest.mark.usefixtures("seeded")
def test_what_of_the_month_nobody_measured_stands_beside_what_was(sign_in: SignIn) -> None:
    now = clock.system.now().replace(day=20, hour=12)
    WriteProbe.objects.update(at=now, since=now - timedelta(days=2), failing_since=None)
    html = page(sign_in, "/databases/orders-pg/")
    month = html[html.index('id="p-database-month"') :]
    month = month[: month.index("</section>")]
    assert month.count("<tr data-state") + month.count("measured all the time") >= 2
    assert "its writing user has asked without a break only since then" in month
    found = month_of_database("orders-pg", now)
    assert [one.is_measured for one in found] == [False, True]
    stopped = month_of_database("orders-pg", now + timedelta(seconds=11))
    assert [one.is_measured for one in stopped] == [False, True, False]
    assert "Nobody asks it as a user does" in page(sign_in, "/databases/fresh-pg/")
    (app,) = month_of_application("newsletter", now)
    assert not app.is_measured
    assert "Nobody asks it as a user does" in page(sign_in, "/applications/newsletter/")


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
