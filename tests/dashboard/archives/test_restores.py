"""A starter database is restored from its page: two people, progress, history, the API."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.test import Client

from dashboard.panels import draw
from dashboard.permissions import Role
from dashboard.screen import Screen
from recovery.backups.models import ArchiveSight
from recovery.core import clock
from recovery.core.wire.backups import RestoreFact
from recovery.inventory.actions import retire_replica
from recovery.inventory.models import Database, Host, Replica, WriteProbe
from recovery.restores import actions
from recovery.restores.facts import Act, Phase, Step
from recovery.restores.models import Restore
from tests.dashboard import bases, fleet
from tests.dashboard.archives import seed_backups
from tests.dashboard.archives.restoring import Restoring
from tests.dashboard.conftest import SignIn
from tests.dashboard.fleet import BY

PATH = "/databases/wiki-pg/restore/"


@pytest.fixture
def lost(hosts: dict[str, Host]) -> datetime:
    """wiki-pg, on the starter plan, waits: its host is lost."""
    now = clock.system.now()
    seeded = bases.seed_bases(hosts, now)
    seed_backups(seeded, now)
    fleet.lose_host(hosts["mrs1-r1-h01"], now)
    bases.wait(seeded["wiki-pg"], "Its host mrs1-r1-h01 is lost.", now)
    return now


def page(client: Client, path: str = "/databases/wiki-pg/") -> str:
    html = client.get(path).content.decode()
    return re.sub(r'<span class="name">([^<]*)</span>', r"\1", html)


def chosen(html: str, field: str) -> str:
    """The first option of a choice."""
    select = html[html.index(f'name="{field}"') :]
    found = re.search(r'<option value="([^"]+)"', select)
    assert found is not None
    return found.group(1)


def ask(client: Client, **changes: str) -> Restore:
    html = page(client, PATH)
    form = {
        "source": chosen(html, "source"),
        "host": chosen(html, "host"),
        "typed": "wiki-pg",
        "reason": "Its board is dead.",
        "to": "",
    }
    client.post(PATH, form | changes)
    return Restore.objects.get()


@pytest.mark.usefixtures("lost")
def test_the_dialog_says_what_is_lost_from_where_and_where_to(sign_in: SignIn) -> None:
    client = sign_in("responder")
    queue = page(client, "/databases/")
    assert f'href="{PATH}"' in queue
    assert "Restore wiki-pg on another host…" in page(client)
    risk = page(client).split("Data at risk")[1]
    assert "from replica 1 in MRS1, if its disk is lost too" in risk.split("</dl>")[0]
    html = page(client, PATH)
    assert "Everything that wiki-pg acknowledged after" in html
    assert "Replica 1 in MRS1 goes furthest" in html
    assert "mrs1-r1-h01" not in html[html.index('name="host"') : html.index("</select>")]
    assert "A second person has to say so too" in html


def test_what_is_at_risk_is_what_came_between_the_backup_and_the_last_write(
    lost: datetime, sign_in: SignIn
) -> None:
    """The database was hurt before, and its backup is older than its last write."""
    client = sign_in("responder")
    sights = ArchiveSight.objects.filter(replica__database__name="wiki-pg", moment__isnull=False)
    sights.update(moment=lost - timedelta(minutes=20.5))
    probes = WriteProbe.objects.filter(database__name="wiki-pg")
    early = lost - timedelta(minutes=30)
    probes.update(failing_since=early, last_ack_at=lost - timedelta(minutes=8))
    assert "20&nbsp;min" in risk_of(client), "its host lived until it was lost"
    probes.update(last_ack_at=lost + timedelta(minutes=2))
    assert "22&nbsp;min" in risk_of(client), "its users saw it acknowledge later"
    probes.update(last_ack_at=early)
    sights.update(moment=lost)
    assert "nothing acknowledged" in risk_of(client)
    sights.update(moment=lost - timedelta(minutes=20.5), error="s3: no answer in 5 s.")
    sights.update(read_at=lost - timedelta(minutes=2))
    assert "at most 20" in risk_of(client)
    assert f"not read since {lost - timedelta(minutes=2):%H:%M:%S}" in risk_of(client)


def risk_of(client: Client) -> str:
    risk = page(client).split("Data at risk")[1].split("</dl>")[0]
    return risk.replace("\u00a0", "&nbsp;").replace("at most&nbsp;", "at most ")


@pytest.mark.usefixtures("lost")
def test_two_people_restore_it_and_the_second_one_confirms_what_the_first_one_chose(
    sign_in: SignIn,
) -> None:
    first, second = sign_in("responder"), sign_in("approver")
    row = ask(first)
    assert (row.phase, row.vouch.requested_by) == ("asked", "responder")
    shown = page(second)
    assert f"Confirm {row}…" in shown
    assert "responder asked for it" in shown
    word = {"typed": "wiki-pg", "reason": "I saw it.", "first": str(row.pk)}
    barred = page(first, PATH)
    assert "You gave the first word; the second one is somebody else’s." in barred
    assert 'name="typed"' not in barred
    first.post(PATH, word)
    assert Restore.objects.get().phase == "asked", "nobody confirms their own word"
    html = page(second, PATH)
    assert "It is restored from replica 1 (s3-mrs1) to " in html
    assert "responder says so already." in html
    assert 'name="source"' not in html
    unseen = second.post(PATH, word | {"first": ""})
    assert unseen.status_code == 422, "nobody confirms what they did not see"
    assert second.post(PATH, word | {"typed": "wiki"}).status_code == 422
    second.post(PATH, word)
    row.refresh_from_db()
    assert (row.phase, row.vouch.given_by) == ("choose", "approver")


@pytest.mark.usefixtures("lost")
def test_the_first_word_is_about_the_loss_that_was_shown(sign_in: SignIn) -> None:
    client = sign_in("responder")
    html = page(client, PATH)
    found = re.search(r'name="quoted" value="([^"]+)"', html)
    assert found is not None
    form = {
        "source": chosen(html, "source"),
        "host": chosen(html, "host"),
        "typed": "wiki-pg",
        "reason": "Its board is dead.",
        "quoted": found.group(1),
    }
    sight = ArchiveSight.objects.get(replica=UUID(form["source"]))
    assert sight.moment is not None
    ArchiveSight.objects.filter(pk=sight.pk).update(moment=sight.moment - timedelta(hours=3))
    refused = client.post(PATH, form)
    assert refused.status_code == 422
    again = refused.content.decode()
    assert "more by now than this page showed" in again
    assert not Restore.objects.exists()
    shown = re.search(r'name="quoted" value="([^"]+)"', again)
    assert shown is not None
    client.post(PATH, form | {"quoted": shown.group(1)})
    assert Restore.objects.get().phase == "asked", "it was read again"


@pytest.mark.usefixtures("lost")
def test_a_moment_that_is_no_moment_or_too_late_is_said(sign_in: SignIn) -> None:
    client = sign_in("responder")
    html = page(client, PATH)
    form = {
        "source": chosen(html, "source"),
        "host": chosen(html, "host"),
        "typed": "wiki-pg",
        "reason": "Its board is dead.",
    }
    wrong = client.post(PATH, form | {"to": "yesterday"})
    assert b"Write it like 2026-11-28 18:00:00, in UTC" in wrong.content
    late = client.post(PATH, form | {"to": "2099-01-01 00:00:00"})
    assert late.status_code == 422
    assert b"and no further" in late.content
    for refused in (wrong, late):
        assert b"Show what is lost with that moment" in refused.content
        assert b"btn grave" not in refused.content
    assert not Restore.objects.exists()


def test_what_runs_shows_its_step_its_bar_its_speed_and_the_time_left(
    sign_in: SignIn, lost: datetime
) -> None:
    restoring = Restoring(Database.objects.get(name="wiki-pg"), lost)
    restoring.ask()
    restoring.run()
    row = restoring.row
    for topic in ("restores", "database-restores:wiki-pg"):
        shown = draw(topic, Screen(Role.RESPONDER)).replace("\u00a0", " ")
        assert "step 3 of 7: restore" in shown
        assert "Its agent’s last word on it:" in shown
        assert 'aria-label="25.0 % fetched"' in shown
        assert 'width="25.0%"' in shown
        assert "48.5&nbsp;MB/s, about 2&nbsp;s until it is proven" in shown
        assert f"Call {row} off…" in shown
    assert "off…" not in draw("restores", Screen(Role.VIEWER))
    assert "Restores" in page(sign_in("viewer"), "/backups/")
    (told,) = sign_in("viewer").get("/api/restores").json()
    assert told["progress"]["percent"] == 25.0
    assert [one["phase"] for one in told["steps"]] == ["asked", "choose", "place", "restore"]
    assert told["is_running"]
    listed = sign_in("viewer").get("/api/databases").json()
    assert "wiki-pg" in {one["name"] for one in listed}


def test_it_is_called_off_from_its_page_and_by_the_api_and_history_says_so(
    sign_in: SignIn, lost: datetime
) -> None:
    restoring = Restoring(Database.objects.get(name="wiki-pg"), lost)
    restoring.ask()
    restoring.run()
    row = restoring.row
    path, why = "/api/restores/wiki-pg/call-off", {"reason": "Found its disk."}
    refused = sign_in("viewer").post(path, why, content_type="application/json")
    assert refused.status_code == 403
    client = sign_in("responder")
    client.post("/databases/wiki-pg/restore/call-off/", why)
    row.refresh_from_db()
    assert row.called_off == "responder"
    twice = client.post(path, why, content_type="application/json")
    assert twice.status_code == 409
    restoring.carry(Step(Act.END, Phase.ABANDONED, "responder called it off."))
    ended = draw("restores", Screen(Role.VIEWER))
    assert "ended without it" in ended
    assert "responder called it off." in ended
    assert "none runs" in ended
    none = client.post(path, why, content_type="application/json")
    assert "No restore of wiki-pg is under way" in none.json()["detail"]


def test_without_any_restore_there_is_no_band(hosts: dict[str, Host]) -> None:
    bases.seed_bases(hosts, clock.system.now())
    assert "hidden" in draw("restores", Screen(Role.VIEWER))


def test_what_may_not_be_restored_says_why(sign_in: SignIn, hosts: dict[str, Host]) -> None:
    now = clock.system.now()
    seed_backups(bases.seed_bases(hosts, now), now)
    html = page(sign_in("responder"), "/databases/orders-pg/restore/")
    assert "orders-pg-1 on par1-r1-h01 is alive, and runs: while one of its copies may live" in html
    assert "Nothing is changed." in html


def test_two_of_a_kind_are_two_entries_for_the_api(
    sign_in: SignIn, lost: datetime, hosts: dict[str, Host]
) -> None:
    """A pair is a status and a body to the library that answers."""
    for _ in range(2):
        restoring = Restoring(Database.objects.get(name="wiki-pg"), lost)
        restoring.ask()
        row = Restore.objects.latest("number")
        said = "Nobody gave the second word in time."
        actions.carry(
            restore=row.pk,
            step=Step(Act.END, Phase.EXPIRED, said),
            actor=fleet.CONTROLLER,
            now=lost,
        )
    answer = sign_in("viewer").get("/api/restores")
    assert (answer.status_code, len(answer.json())) == (200, 2)


@pytest.mark.usefixtures("lost")
def test_a_business_database_that_lost_every_copy_is_offered_its_backup(
    hosts: dict[str, Host], sign_in: SignIn
) -> None:
    client, now = sign_in("responder"), clock.system.now()
    offer = 'href="/databases/orders-pg/restore/"'
    fleet.lose_host(hosts["par1-r1-h01"], now)
    assert offer not in page(client, "/databases/orders-pg/"), "its standby lives"
    assert "while one of its copies may live" in page(client, "/databases/orders-pg/restore/")
    fleet.lose_host(hosts["par1-r2-h01"], now)
    html = page(client, "/databases/orders-pg/")
    assert offer in html
    assert "/databases/orders-pg/move/" not in html, "a standby has no disk that counts alone"
    assert "every copy is lost" in html
    assert "what came after its newest backup" in html
    assert offer in page(client, "/databases/"), "it waits for a person, and stands in the queue"
    dialog = page(client, "/databases/orders-pg/restore/")
    assert "also where par1-r1-h01 and par1-r2-h01 come back" in dialog
    assert "It has no standby afterwards" in dialog


def test_one_that_leads_alone_is_given_a_standby_by_one_person(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    now, path = clock.system.now(), "/databases/orders-pg/standby/"
    seeded = bases.seed_bases(hosts, now)
    client = sign_in("responder")
    assert path not in page(client, "/databases/orders-pg/"), "it has one"
    assert "does not lead alone" in page(client, path)
    retire_replica(replica=seeded["orders-pg"].replicas[1], actor=BY, reason="It burnt.", now=now)
    assert f'href="{path}"' in page(client, "/databases/orders-pg/")
    html = page(client, path)
    assert "goes on serving" in html
    host = chosen(html, "host")
    client.post(path, {"host": host, "reason": "It leads alone."})
    made = Replica.objects.get(database__name="orders-pg", number=3)
    assert (made.role, made.host.name) == ("standby", host)
    assert path not in page(client, "/databases/orders-pg/")


@pytest.mark.usefixtures("lost")
def test_what_a_host_holds_of_a_restore_that_nobody_asks_for_is_shown(sign_in: SignIn) -> None:
    client = sign_in("viewer")
    assert "nobody asks for any more" not in page(client)
    replica = Replica.objects.get(database__name="wiki-pg")
    host = Host.objects.get(name="par1-r1-h01")
    facts = [
        RestoreFact(restore=str(UUID(int=7)), replica=str(replica.pk), state="staged", done=5 << 20)
    ]
    actions.hear_restores(host=host.pk, facts=facts, now=clock.system.now())
    shown = " ".join(page(client).split())
    assert "<b>par1-r1-h01</b> holds 5.0 MB of a restore that nobody asks for any more" in shown
    assert "1 host’s leftover" in shown
