"""A switchover by page and API: what it shows, wants and refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine

from recovery.core import clock
from recovery.failover.models import Failover
from recovery.inventory.models import Host
from tests.dashboard import bases
from tests.dashboard.bases import Base
from tests.dashboard.conftest import SignIn


@pytest.fixture
def seeded(hosts: dict[str, Host]) -> dict[str, Base]:
    return bases.seed_bases(hosts, clock.system.now())


@pytest.fixture
def heard(seeded: dict[str, Base]) -> Iterator[Base]:
    """What its agents said is of this moment, however long this machine takes for a page."""
    with time_machine.travel(clock.system.now(), tick=False):
        bases.see(seeded["orders-pg"], clock.system.now())
        yield seeded["orders-pg"]


def test_a_switchover_shows_its_preview_and_wants_target_and_reason(
    sign_in: SignIn, heard: Base
) -> None:
    client = sign_in("responder")
    path = "/databases/orders-pg/switchover/"
    html = client.get(path).content.decode()
    assert "par1-r1-h01 stops taking writes" in html
    assert '<option value="par1-r2-h01">' in html
    wrong = client.post(path, {"target": "mrs1-r1-h01", "reason": "x"})
    assert wrong.status_code == 422
    assert b"No standby that could lead is on mrs1-r1-h01." in wrong.content
    assert b"Say why" in client.post(path, {"target": "par1-r2-h01"}).content
    assert not Failover.objects.exists()
    client.post(path, {"target": "par1-r2-h01", "reason": "New power supply."})
    begun = Failover.objects.get()
    assert (begun.kind, begun.wanted) == ("switchover", heard.replicas[1])


def test_a_switchover_that_would_be_given_up_at_once_is_refused_by_page_and_api(
    sign_in: SignIn, heard: Base
) -> None:
    bases.see(heard, clock.system.now(), healthy_ms=12_000)
    client, body = sign_in("responder"), {"target": "par1-r2-h01", "reason": "New power supply."}
    shown = client.post("/databases/orders-pg/switchover/", body, headers={"HX-Request": "true"})
    told = client.post("/api/databases/orders-pg/switchover", body, content_type="application/json")
    assert (shown.status_code, told.status_code) == (409, 409)
    why = "it has been well for 12 s, not for 60 s."
    assert why in told.json()["detail"]
    assert told.json()["kept"] == "Nothing was begun."
    assert not Failover.objects.exists()


def test_a_switchover_in_the_middle_of_a_failover_is_refused(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    bases.fail_over(seeded["orders-pg"], clock.system.now())
    answer = sign_in("responder").post(
        "/databases/orders-pg/switchover/",
        {"target": "par1-r2-h01", "reason": "Twice."},
        headers={"HX-Request": "true"},
    )
    assert answer.status_code == 409
    assert b"is under way in phase promote" in answer.content
    assert Failover.objects.count() == 1
