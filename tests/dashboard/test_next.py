"""*Next* says which person does what: on the overview, in the incident, on each thing's page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from recovery.alarms import actions as alarms
from recovery.alarms.facts import Severity
from recovery.core import clock, transitions
from recovery.failover.models import Failover, Vouch
from recovery.failover.phases import Phase
from recovery.incidents.models import Incident
from recovery.inventory import actions
from recovery.inventory.models import Host, ReplicaSight
from tests.dashboard import bases, fleet
from tests.dashboard.bases import Base
from tests.dashboard.conftest import SignIn
from tests.dashboard.fleet import CONTROLLER

PATH = "/databases/orders-pg/promote/"
WHY = "No safe candidate. orders-pg-2: it has been well for 5 s, not for 60 s."


@pytest.fixture
def seeded(hosts: dict[str, Host]) -> dict[str, Base]:
    return bases.seed_bases(hosts, clock.system.now())


def offered(base: Base, **changes: Any) -> dict[str, Any]:
    plain = {
        "digest": "d" * 64,
        "replica": str(base.replicas[1].pk),
        "name": "orders-pg-2",
        "rules": ["well"],
        "reason": "it has been well for 5 s, not for 60 s.",
        "quote": "nothing that was acknowledged is lost.",
        "position": "50331704",
        "held": "50331648",
        "behind": "0",
        "seconds": 0.0,
        "bound": 0.0,
        "may": True,
        "people": 1,
    }
    return plain | changes


def get_stuck(base: Base, host: Host, **changes: Any) -> tuple[Failover, Incident]:
    """Its primary is lost, nobody is safe, and the controller rings for it."""
    now = clock.system.now()
    incident = fleet.lose_host(host, now)
    row = bases.fail_over(base, now, upto=Phase.ANALYSE)
    told = {"waiting_for": WHY, "candidates": [offered(base, **changes)]}
    row = transitions.amend(row, told, action="waits", actor=CONTROLLER, reason=WHY, now=now)
    ring(base, "no-candidate", incident)
    return row, incident


def ring(base: Base, condition: str, incident: Incident | None = None) -> None:
    alarms.raise_alarm(
        key=f"database:{base.row.pk}:{condition}",
        severity=Severity.PAGE,
        title=f"orders-pg: {condition}",
        body=WHY,
        incident=incident,
        actor=CONTROLLER,
        reason=WHY,
        now=clock.system.now(),
    )


def silence(base: Base) -> None:
    """Its primary's agent said its last word a minute ago."""
    rows = ReplicaSight.objects.filter(replica=base.replicas[0])
    rows.update(at=clock.system.now() - timedelta(minutes=1))


def page(sign_in: SignIn, path: str, role: str = "responder") -> str:
    return fleet.plain(sign_in(role).get(path).content.decode())


def test_nobody_is_safe_and_every_page_says_that_a_person_chooses(
    sign_in: SignIn, seeded: dict[str, Base], hosts: dict[str, Host]
) -> None:
    host = hosts["par1-r1-h01"]
    _, incident = get_stuck(seeded["orders-pg"], host)
    for path in ("/", "/databases/orders-pg/", f"/hosts/{host.name}/"):
        html = page(sign_in, path)
        assert "Choose who leads orders-pg" in html, path
        assert f'href="{PATH}"' in html, path
        assert "by itself. The page rings" not in html, path
    sign_in("responder").post(f"/incidents/{incident.number}/acknowledge/")
    assert "Nothing to decide" not in page(sign_in, "/")
    read_only = page(sign_in, "/databases/orders-pg/", "viewer")
    assert "<b>A responder:</b> Choose who leads orders-pg." in read_only
    assert f'href="{PATH}"' not in read_only


def test_the_page_shows_what_each_copy_would_lose_and_takes_a_word(
    sign_in: SignIn, seeded: dict[str, Base], hosts: dict[str, Host]
) -> None:
    row, _ = get_stuck(seeded["orders-pg"], hosts["par1-r1-h01"])
    client = sign_in("responder")
    html = fleet.plain(client.get(PATH).content.decode())
    assert "it has been well for 5 s, not for 60 s." in html
    assert "nothing that was acknowledged is lost." in html
    assert "one person" in html
    word = {"reason": "Its disk is gone.", "typed": "orders-pg", "digest": "d" * 64}
    assert b"This is not orders-pg" in client.post(PATH, word | {"typed": "x"}).content
    old = client.post(PATH, word | {"digest": "e" * 64}).content
    assert b"has changed since you read it" in old
    row.refresh_from_db()
    assert row.act == ""
    bases.see(seeded["orders-pg"], clock.system.now())
    answer = client.post(PATH, word, headers={"HX-Request": "true"})
    assert b"goes on to orders-pg-2 on par1-r2-h01" in answer.content
    row.refresh_from_db()
    assert row.authority["people"] == ["responder"]
    again = fleet.plain(client.post(PATH, word).content.decode())
    assert "responder promotes par1-r2-h01 already" in again, "pressed twice"


def test_two_people_agree_where_writes_may_be_lost(
    sign_in: SignIn, seeded: dict[str, Base], hosts: dict[str, Host]
) -> None:
    row, _ = get_stuck(
        seeded["orders-pg"],
        hosts["par1-r1-h01"],
        rules=["loss"],
        people=2,
        behind="900",
        seconds=None,
    )
    base, now = seeded["orders-pg"], clock.system.now()
    bases.see(base, now)
    silence(base)
    first = sign_in("responder")
    assert "A second person has to say so too" in fleet.plain(first.get(PATH).content.decode())
    word = {"reason": "Its disk is gone.", "typed": "orders-pg", "digest": "d" * 64}
    bases.see(base, clock.system.now())
    silence(base)
    first.post(PATH, word)
    vouch = Vouch.objects.get()
    assert (vouch.purpose, vouch.state) == ("choose", "asked")
    second = sign_in("approver")
    html = fleet.plain(second.get(PATH).content.decode())
    assert f"{vouch.requested_by} promotes par1-r2-h01: Its disk is gone." in html
    bases.see(base, clock.system.now())
    silence(base)
    second.post(PATH, word | {"first": str(vouch.pk)})
    row.refresh_from_db()
    vouch.refresh_from_db()
    assert vouch.state == "used"
    assert row.authority["people"] == [vouch.requested_by, vouch.given_by]
    shown = page(sign_in, "/databases/orders-pg/")
    assert f"{vouch.requested_by} and {vouch.given_by}" in shown


def test_the_interface_takes_the_same_word(
    sign_in: SignIn, seeded: dict[str, Base], hosts: dict[str, Host]
) -> None:
    base = seeded["orders-pg"]
    row, _ = get_stuck(base, hosts["par1-r1-h01"])
    client = sign_in("responder")
    found = next(o for o in client.get("/api/databases").json() if o["name"] == "orders-pg")
    (offer,) = found["running"]["may_choose"]
    assert (offer["host"], offer["digest"], offer["people"]) == ("par1-r2-h01", "d" * 64, 1)
    now = clock.system.now()
    bases.see(base, now)
    silence(base)
    said = client.post(
        "/api/databases/orders-pg/promote",
        {"reason": "Gone.", "typed": "orders-pg", "digest": "d" * 64},
        content_type="application/json",
    )
    assert said.status_code == 200, said.content
    row.refresh_from_db()
    assert row.act.startswith("word/")
    viewer = sign_in("viewer").post(
        "/api/databases/orders-pg/promote",
        {"reason": "Gone.", "typed": "orders-pg", "digest": "d" * 64},
        content_type="application/json",
    )
    assert viewer.status_code == 403


def test_where_nothing_is_to_be_chosen_nothing_is_asked(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    html = page(sign_in, PATH)
    assert "there is nothing to choose" in html
    assert "Type orders-pg" not in html


@pytest.mark.parametrize(
    "path", ["call-off", "unblock", "vouch", "let-follow", "standby", "restore", "move"]
)
def test_a_dialog_whose_word_would_be_refused_asks_for_none(
    sign_in: SignIn, seeded: dict[str, Base], path: str
) -> None:
    html = page(sign_in, f"/databases/orders-pg/{path}/", "approver")
    assert '<form class="note"' not in html
    assert 'href="/databases/orders-pg/">Back</a>' in html


def test_what_cannot_be_restored_elsewhere_leads_to_where_it_can(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    html = page(sign_in, "/databases/orders-pg/restore/")
    assert '<form class="note"' not in html
    assert 'href="/databases/orders-pg/restore-in-place/"' in html


def test_a_business_database_that_leads_alone_waits_for_a_person_to_give_it_a_standby(
    sign_in: SignIn, seeded: dict[str, Base]
) -> None:
    base, now = seeded["orders-pg"], clock.system.now()
    actions.retire_replica(
        replica=base.replicas[1], actor=CONTROLLER, reason="Restored elsewhere.", now=now
    )
    for path in ("/", "/databases/orders-pg/"):
        html = page(sign_in, path)
        assert 'href="/databases/orders-pg/standby/">Give orders-pg a standby</a>' in html, path
    form = page(sign_in, "/databases/orders-pg/standby/")
    assert "Make it orders-pg" not in form
