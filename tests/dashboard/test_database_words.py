"""What the pages of databases say, and never say: words that are so, ages that are their own."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recovery.core import clock, transitions
from recovery.failover import screens
from recovery.inventory.models import Database, Host
from tests.dashboard import bases, fleet
from tests.dashboard.bases import Base
from tests.dashboard.conftest import SignIn
from tests.dashboard.fleet import CONTROLLER


@pytest.fixture
def seeded(hosts: dict[str, Host]) -> dict[str, Base]:
    return bases.seed_bases(hosts, clock.system.now())


def page(sign_in: SignIn, path: str, role: str = "responder") -> str:
    return fleet.plain(sign_in(role).get(path).content.decode())


def test_the_quote_of_an_asynchronous_database_is_told_short_and_whole(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    bases.fail_over(seeded["crm-pg"], clock.system.now())
    html = page(sign_in, "/databases/crm-pg/")
    assert "at most 8.5 s</dd>" in html
    assert "at most the writes of the last 8.5 s, if its primary wrote on unseen." in html


def test_a_new_standby_is_no_trouble_of_the_overview(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    """After each start and each failover standbys are not yet well for long enough."""
    bases.see(seeded["crm-pg"], clock.system.now(), healthy_ms=15_000)
    overview = page(sign_in, "/")
    assert "at risk" not in overview
    assert "1 has a standby too new to take over" in overview
    assert "Databases hurt" not in overview
    assert "no standby could take over" in page(sign_in, "/databases/")
    one = page(sign_in, "/databases/crm-pg/")
    assert "No standby follows." not in one
    assert one.count("Nobody could take over now: par1-r1-h03: follows, not yet for 60 s.") >= 2


def test_what_users_get_is_said_before_what_is_recorded(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    now = clock.system.now()
    bases.write(seeded["crm-pg"], now, failing_since=now - timedelta(minutes=2))
    for path in ("/", "/databases/crm-pg/"):
        assert "Its users get: no answer within 2 s. Recorded of it: " in page(sign_in, path)


def test_a_waiting_database_is_the_next_thing_to_look_at(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    bases.wait(seeded["wiki-pg"], "Its host mrs1-r1-h01 is lost.", clock.system.now())
    html = page(sign_in, "/")
    assert 'href="/databases/wiki-pg/move/">Move wiki-pg with its disk</a>' in html
    assert "waits for its host or a person. Its host mrs1-r1-h01 is lost." in html


def _amend(row: Database | Host, **changes: object) -> None:
    now = clock.system.now()
    transitions.amend(row, changes, action="aged", actor=CONTROLLER, reason="Test.", now=now)


def test_a_word_about_its_users_counts_since_they_were_served_last(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    """Not since the row last changed, which may be days."""
    now = clock.system.now()
    base, failing = seeded["orders-pg"], now - timedelta(seconds=7)
    bases.write(base, now, failing_since=failing)
    _amend(base.row, state_at=now - timedelta(days=3))
    found = screens.view_database("orders-pg", now)
    assert found is not None
    assert (found.word, found.since) == ("no write is acknowledged", failing)
    for path in ("/databases/", "/"):
        assert failing.isoformat()[:19] in page(sign_in, path)


def test_a_failover_counts_from_the_loss_wherever_it_is_listed(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    now = clock.system.now()
    bases.fail_over(seeded["orders-pg"], now)
    _amend(Database.objects.get(name="orders-pg"), state_at=now - timedelta(days=3))
    found = screens.view_database("orders-pg", now)
    assert found is not None
    assert found.running is not None
    assert found.since == found.running.happened_at
    html = page(sign_in, "/databases/orders-pg/switchover/")
    assert "is under way in phase promote: another one has to wait for its end" in html
    assert "stops taking writes" not in html


def test_the_gate_of_a_lost_host_is_not_said_to_be_open(
    sign_in: SignIn, seeded: dict[str, Base], hosts: dict[str, Host]
) -> None:
    """Its last word is older than the proof that it is closed."""
    before = page(sign_in, "/databases/orders-pg/").count('class="one">open')
    fleet.lose_host(hosts["par1-r1-h01"], clock.system.now())
    html = page(sign_in, "/databases/orders-pg/")
    assert (before, html.count('class="one">open')) == (1, 0)
    assert 'class="one">not seen' in html


def test_a_host_that_hangs_is_not_said_to_be_lost(
    sign_in: SignIn, seeded: dict[str, Base], hosts: dict[str, Host]
) -> None:
    fleet.lose_host(hosts["par1-r1-h01"], clock.system.now())
    _amend(Host.objects.get(name="par1-r1-h01"), verdict="hung")
    html = page(sign_in, "/databases/orders-pg/")
    assert "orders-pg:</span> its host is hung." in html


def test_a_dialog_says_when_there_is_nothing_to_call_off_or_to_allow(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    assert "Nothing of orders-pg is under way" in page(sign_in, "/databases/orders-pg/call-off/")
    html = page(sign_in, "/databases/orders-pg/unblock/")
    assert "Nothing blocks a failover of orders-pg" in html
    assert "failed over within the last hour" not in html


def test_what_waits_for_its_disk_on_a_living_host_does_not_wait_for_that_host(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    """After a move: two people named the host, its disk is on its way."""
    base, now = seeded["wiki-pg"], clock.system.now()
    host = base.replicas[0].host
    bases.wait(base, "It waits for the disk of mrs1-r2-h01.", now)
    _amend(Database.objects.get(name="wiki-pg"), epoch=2)
    html = page(sign_in, "/databases/")
    assert f"Its disk on {host.name}" in html
    assert f"The return of {host.name}" not in html


def test_a_target_that_is_no_text_is_refused_by_the_api(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    client = sign_in("responder")
    client.raise_request_exception = False
    for target in ('"\\ud800"', '"' + "x" * 5000 + '"'):
        answer = client.post(
            "/api/databases/orders-pg/switchover",
            f'{{"target": {target}, "reason": "New power supply."}}',
            content_type="application/json",
        )
        assert answer.status_code == 422
