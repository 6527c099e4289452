"""Tocsin's own rows in doubt (B11): what people see, and who may settle them."""

from __future__ import annotations

import pytest

from recovery.alarms.models import Alarm
from recovery.core import clock, incarnations
from recovery.failover.actions.incarnations import recognise_incarnation
from recovery.inventory.actions import remember_host
from recovery.inventory.models import Host
from tests.dashboard import bases, fleet
from tests.dashboard.bases import Base
from tests.dashboard.conftest import SignIn
from tests.dashboard.fleet import CONTROLLER


@pytest.fixture
def doubted(hosts: dict[str, Host]) -> dict[str, Base]:
    now = clock.system.now()
    seeded = bases.seed_bases(hosts, now)
    recognise_incarnation(actor=CONTROLLER, now=now)
    remember_host(host=hosts["mrs1-r1-h01"].pk, leader_epoch=900, now=now)
    recognise_incarnation(actor=CONTROLLER, now=now)
    return seeded


def page(sign_in: SignIn, path: str, role: str = "approver") -> str:
    return fleet.plain(sign_in(role).get(path).content.decode())


def heard(doubted: dict[str, Base]) -> None:
    for base in doubted.values():
        bases.see(base, clock.system.now())


def test_every_page_says_that_nothing_is_decided_and_why(
    sign_in: SignIn, doubted: dict[str, Base]
) -> None:
    html = page(sign_in, "/")
    assert "Tocsin’s own rows are in doubt" in html
    assert "Nothing is decided until a person settles them" in html
    assert "An agent has met a leader of epoch 900" in html
    assert Alarm.objects.filter(key="rows-in-doubt", severity="page").exists()


def test_the_page_shows_what_the_rows_do_not_know_and_who_is_silent(
    sign_in: SignIn, doubted: dict[str, Base]
) -> None:
    html = page(sign_in, "/held/")
    assert "Not heard since:" in html
    assert "Automation moves nothing until these rows are settled." in html
    heard(doubted)
    html = page(sign_in, "/held/")
    assert "Not heard since:" not in html
    assert "So far no agent knows anything of a database that the rows do not." in html
    assert "Settle these rows…" in html
    assert "An approver settles them." in page(sign_in, "/held/", "responder")


def test_a_responder_may_not_settle_them_and_nothing_changes(
    sign_in: SignIn, doubted: dict[str, Base]
) -> None:
    heard(doubted)
    client = sign_in("responder")
    sent = {"reason": "I looked.", "number": 2}
    assert client.post("/held/settle/", sent).status_code == 403
    answer = client.post("/api/held/settle", sent, content_type="application/json")
    assert answer.status_code == 403
    assert incarnations.quarantine_reason()


def test_hosts_that_were_not_heard_have_to_be_named(
    sign_in: SignIn, doubted: dict[str, Base]
) -> None:
    client = sign_in("approver")
    answer = client.post("/held/settle/", {"reason": "I looked.", "number": 2})
    assert answer.status_code == 422
    assert "Name each that was not heard" in answer.content.decode()
    api = {"reason": "I looked.", "number": 2}
    refused = client.post("/api/held/settle", api, content_type="application/json")
    assert refused.status_code == 422
    assert refused.json()["field"] == "without"
    assert incarnations.quarantine_reason()
    silent = client.get("/api/held").json()["doubt"]["silent"]
    answer = client.post("/held/settle/", {"reason": "I looked.", "number": 2, "without": silent})
    assert answer.status_code == 302
    assert not incarnations.quarantine_reason()


def test_settled_on_the_page_everything_goes_on_and_the_alarm_ends(
    sign_in: SignIn, doubted: dict[str, Base]
) -> None:
    heard(doubted)
    client = sign_in("approver")
    form = client.get("/held/settle/").content.decode()
    assert "It cannot be taken back." in form
    answer = client.post("/held/settle/", {"reason": "I looked.", "number": 2}, follow=True)
    assert "The rows are settled" in answer.content.decode()
    assert not incarnations.quarantine_reason()
    assert Alarm.objects.get(key="rows-in-doubt").state == "ended"
    assert client.get("/api/held").json()["doubt"] is None
    assert client.get("/held/settle/").status_code == 404
