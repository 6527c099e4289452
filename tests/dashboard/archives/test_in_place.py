"""A database goes back in time from its page: the window, the loss with a moment, two words."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from django.test import Client

from recovery.audit.models import AuditEntry
from recovery.backups.models import ArchiveSight
from recovery.backups.words import instant
from recovery.core import clock
from recovery.core.archive.names import milliseconds
from recovery.inventory.models import Database, Host
from recovery.restores.models import Restore
from tests.dashboard import bases
from tests.dashboard.archives import seed_backups
from tests.dashboard.archives.test_restores import chosen, page
from tests.dashboard.conftest import SignIn

PATH = "/databases/orders-pg/restore-in-place/"


@pytest.fixture
def now(hosts: dict[str, Host]) -> datetime:
    """Everything serves, and is archived."""
    now = clock.system.now()
    seed_backups(bases.seed_bases(hosts, now), now)
    return now


def shown(html: str) -> str:
    found = re.search(r'name="shown" value="([^"]*)"', html)
    return found.group(1) if found else ""


def form(html: str, to: datetime | None, **changes: str) -> dict[str, str]:
    words = {
        "source": chosen(html, "source"),
        "to": f"{to:%Y-%m-%d %H:%M:%S}" if to else "",
        "typed": "orders-pg",
        "reason": "Somebody dropped a table.",
        "shown": shown(html),
    }
    return words | changes


def ask(client: Client, to: datetime) -> Restore:
    html = page(client, PATH)
    said = client.post(PATH, form(html, to))
    assert said.status_code == 422, "nobody agrees to a loss that they were not shown"
    client.post(PATH, form(html, to, shown=shown(said.content.decode())))
    return Restore.objects.get()


def test_the_dialog_shows_the_window_and_then_the_loss_of_the_moment(
    now: datetime, sign_in: SignIn
) -> None:
    client = sign_in("responder")
    assert "Take orders-pg back in time…" in page(client, "/databases/orders-pg/")
    html = page(client, PATH)
    assert re.search(r"has every moment from .* UTC to .* UTC\. Choose the last one", html)
    assert "In its own place, on par1-" in html
    assert "Show what is lost with that moment" in html
    assert "Restore orders-pg in place" not in html
    to = now - timedelta(minutes=20)
    said = client.post(PATH, form(html, to)).content.decode()
    assert "Nothing was done yet" in said
    assert "Restore orders-pg in place" in said
    assert f"acknowledged after {to:%d %b %H:%M:%S} UTC, and all" in said
    assert re.search(r"Age of that moment: <time [^>]*data-since", said), "it goes on counting"
    assert "Its standbys are given up" in said
    assert not Restore.objects.exists()
    other = client.post(PATH, form(html, to + timedelta(minutes=5), shown=shown(said)))
    assert "Nothing was done yet" in other.content.decode(), "it was shown of another moment"
    assert not Restore.objects.exists()


@pytest.mark.parametrize(
    ("hours", "words"), [(-40, "begins at"), (1, "and no further"), (None, "Say which moment")]
)
def test_a_moment_that_cannot_be_had_is_refused_with_the_newest(
    now: datetime, sign_in: SignIn, hours: int | None, words: str
) -> None:
    client = sign_in("responder")
    to = None if hours is None else now + timedelta(hours=hours)
    said = client.post(PATH, form(page(client, PATH), to))
    assert said.status_code == 422
    html = said.content.decode()
    assert words in html
    assert hours is None or "newest moment that can be restored" in html
    assert not Restore.objects.exists()


def test_a_moment_of_which_nothing_tells_what_was_served_is_refused_with_both_neighbours(
    now: datetime, sign_in: SignIn
) -> None:
    client, first = sign_in("responder"), now.replace(microsecond=0) - timedelta(minutes=20)
    last = first - timedelta(minutes=10)
    ArchiveSight.objects.update(cuts=[[milliseconds(last), milliseconds(first)]])
    html = page(client, PATH)
    assert f", but for those between {instant(last)} and {instant(first)}. Choose the last" in html
    said = client.post(PATH, form(html, last + timedelta(minutes=5)))
    assert said.status_code == 422
    words = f"newest moment before is {instant(last)}, the first after it is {instant(first)}."
    assert words in said.content.decode()
    wanted = last - timedelta(milliseconds=877)
    text = f"{wanted:%Y-%m-%d %H:%M:%S}.123"
    shown = client.post(PATH, form(html, None) | {"to": text}).content.decode()
    assert f"acknowledged after {instant(wanted, exact=True)}, and all" in shown
    assert ".123 UTC" in shown, "as the person wrote it"


def test_the_first_moment_that_is_offered_is_taken_and_another_replica_is_named(
    now: datetime, sign_in: SignIn
) -> None:
    client = sign_in("responder")
    opens = now.replace(microsecond=0) - timedelta(hours=2)
    ArchiveSight.objects.update(opens=opens + timedelta(milliseconds=270))
    html = page(client, PATH)
    first = opens + timedelta(seconds=1)
    assert f"has every moment from {instant(first)} to" in html
    assert "Nothing was done yet" in client.post(PATH, form(html, first)).content.decode()
    refused = client.post(PATH, form(html, opens)).content.decode()
    assert f"begins at {instant(first)}; the newest" in refused
    other = ArchiveSight.objects.exclude(replica__pk=chosen(html, "source"))
    other.exclude(moment=None).update(opens=opens - timedelta(hours=1), error="")
    refused = client.post(PATH, form(html, opens)).content.decode()
    assert re.search(r"begins at [^.]* UTC\. Replica \d \([a-z0-9-]+\) has it\.", refused)


@pytest.mark.parametrize(
    "text", ["2099-01-01 00:00:00", "9999-12-31 00:00:00", "0001-01-01 00:00:00", "1" * 5000]
)
def test_a_moment_that_cannot_be_had_is_not_described_and_arms_no_button(
    now: datetime, sign_in: SignIn, text: str
) -> None:
    """Whatever else is wrong with the form."""
    client = sign_in("responder")
    words = form(page(client, PATH), None, typed="") | {"to": text}
    said = client.post(PATH, words).content.decode()
    assert "Choose the last one at which all was well" in said, "what stood there before"
    assert "btn grave" not in said
    assert f'value="{text}"' in said, "it can be mended where it was written"
    assert "2099 00:00:00" not in said.split("<form")[1].split("wrong")[0]


def test_a_moment_with_an_offset_is_one_moment_in_every_sentence(
    now: datetime, sign_in: SignIn
) -> None:
    first, second = sign_in("responder"), sign_in("approver")
    to = (now - timedelta(minutes=20)).replace(microsecond=0)
    there = to.astimezone(timezone(timedelta(hours=1)))
    words = form(page(first, PATH), None) | {"to": there.isoformat()}
    said = first.post(PATH, words).content.decode()
    assert f"acknowledged after {to:%d %b %H:%M:%S} UTC" in said
    first.post(PATH, words | {"shown": shown(said)})
    row = Restore.objects.get()
    assert row.to == to
    html = page(second, PATH)
    assert f"acknowledged after {to:%d %b %H:%M:%S} UTC" in html
    assert f"It goes back to {to:%d %b %H:%M:%S} UTC" in html
    asked = AuditEntry.objects.filter(object_type="restore", object_id=str(row.pk)).earliest("id")
    assert asked.body["after"]["to"] == f"{to:%Y-%m-%dT%H:%M:%S}Z"


def test_two_people_agree_to_one_moment(now: datetime, sign_in: SignIn) -> None:
    first, second = sign_in("responder"), sign_in("approver")
    to = (now - timedelta(minutes=20)).replace(microsecond=0)
    row = ask(first, to)
    assert (row.phase, row.in_place, row.to) == ("asked", True, to)
    database = Database.objects.get(name="orders-pg")
    assert database.primary is not None
    assert row.host == database.primary.host
    assert f'href="{PATH}">Confirm {row}…' in page(second, "/databases/orders-pg/")
    assert second.get("/databases/orders-pg/restore/").headers["location"] == PATH
    html = page(second, PATH)
    assert f"It goes back to {to:%d %b %H:%M:%S} UTC, from replica" in html
    assert "responder says so already." in html
    assert 'name="to"' not in html
    word = {"typed": "orders-pg", "reason": "I saw it.", "first": str(row.pk)}
    barred = page(first, PATH)
    assert "You gave the first word; the second one is somebody else’s." in barred
    assert 'name="typed"' not in barred
    assert f">Call {row} off…</a>" in barred
    first.post(PATH, word)
    assert Restore.objects.get().phase == "asked", "nobody confirms their own word"
    second.post(PATH, word)
    row.refresh_from_db()
    assert (row.phase, row.vouch.given_by) == ("choose", "approver")
    html = page(second, PATH)
    assert "restores it already" in html
    assert 'name="typed"' not in html
    assert second.get("/api/restores").json()[0]["in_place"] is True


def test_what_is_backed_up_daily_goes_back_to_its_last_backup_alone(
    now: datetime, sign_in: SignIn
) -> None:
    client = sign_in("responder")
    row = Database.objects.exclude(engine="postgresql").filter(plan="starter").first()
    row = row or Database.objects.exclude(engine="postgresql").earliest("name")
    path = f"/databases/{row.name}/restore-in-place/"
    html = page(client, path)
    assert "Back to its last backup: leave this empty" in html
    words = form(html, now - timedelta(days=2), typed=row.name)
    said = client.post(path, words).content.decode()
    assert "has its backups&#x27; own moments alone: leave it empty" in said
    client.post(path, words | {"to": ""})
    assert Restore.objects.get().to is None
