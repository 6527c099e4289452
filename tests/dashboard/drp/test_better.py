"""A copy that came back after the plan was made is offered to who approves, and moves no plan."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client, override_settings

from recovery.drp.models import Approval
from recovery.drp.press import Press
from recovery.drp.views.losses import LossLine
from recovery.failover.actions import standing
from recovery.inventory.facts import Durability, Plan, Profile, Role
from tests.actions.drp.ground import make_people, pin
from tests.actions.drp.hands.ground import FENCE, Product
from tests.actions.drp.hands.test_restoring import TAIL
from tests.actions.failover.fleet import copy, describe
from tests.actions.restores.ground import POINT, keep, see
from tests.dashboard.drp.conftest import Desk
from tests.dashboard.fleet import plain
from tests.scenes import scene
from tests.support.fleet import BY, NOW, lose, make_fleet
from tests.support.passkeys import Passkey

SAID = "A better copy is back: replica 2 would lose 40 s of notes instead of 40 min."


@scene
def lost() -> dict[str, Passkey]:
    """A starter database of PAR1, of which only the provider's daily copy can be read."""
    hosts = make_fleet().hosts
    database = describe(
        "notes", plan=Plan.STARTER, durability=Durability.ASYNCHRONOUS, profile=Profile.STANDARD
    )
    copy(database, hosts["par1-r1-h1"], 1, Role.PRIMARY)
    database.refresh_from_db()
    standing.resume_database(database=database, actor=BY, reason="It serves.", now=NOW)
    for number, site in enumerate(("PAR1", "OSU2", "MRS1"), start=1):
        keep(database, number, site)
    see({3: POINT - timedelta(minutes=40)})
    for name in ("par1-r1-h1", "par1-r2-h1"):
        lose(hosts[name])
    database.refresh_from_db()
    standing.await_host(database=database, actor=BY, reason="Its host is lost.", now=NOW)
    return make_people()


@pytest.fixture
def product(db: None, tmp_path: Path) -> Iterator[Product]:
    path = tmp_path / "approvers.json"
    with override_settings(TOCSIN_PINS=str(path), TOCSIN_URL="https://tocsin.example"):
        product = Product(pin(lost(), path), path, tail=FENCE + TAIL)
        product.begin()
        product.look(6.0)
        product.say("fence", "bruno")
        product.look(6.0)
        assert product.step("restore").state == "asking"
        yield product


def client(who: str) -> Client:
    found = Client()
    found.force_login(User.objects.get(username=who))
    return found


def come_back() -> None:
    """The store of the second replica is read again."""
    see({2: POINT})


def pages(product: Product, who: str) -> dict[str, str]:
    run = f"/recovery/runs/{product.run.number}/"
    found = [f"/recovery/approve/{product.ask('restore').pk}/", run, "/recovery/approve/"]
    texts = {path: client(who).get(path).content.decode() for path in found}
    return {
        path: unescape(re.sub(r"</?span[^>]*>|</?a[^>]*>", "", text))
        for path, text in texts.items()
    }


def told(product: Product) -> Any:
    return client("bruno").get(f"/api/drp/runs/{product.run.number}").json()


def test_it_stands_on_every_page_of_who_approves_and_in_what_machines_read(
    product: Product,
) -> None:
    assert not any("better copy" in text for text in pages(product, "bruno").values())
    assert told(product)["better"] == []
    digest = product.run.digest
    come_back()
    for path, text in pages(product, "bruno").items():
        assert SAID in text, path
        assert "Plan it anew…" in text, path
    assert told(product)["better"] == [SAID]
    out = StringIO()
    call_command("drp", "show", str(product.run.number), stdout=out)
    assert f"{SAID} Plan it anew." in out.getvalue()
    product.look(6.0)
    assert (product.run.state, product.run.digest) == ("running", digest), "nothing drifted"
    assert told(product)["drift"] == []


def test_the_link_plans_the_same_anew_by_what_is_so_now(product: Product) -> None:
    come_back()
    page = client("bruno").get(f"/recovery/runs/{product.run.number}/").content.decode()
    (href,) = re.findall(r'<a href="([^"]+)">Plan it anew…', page)
    query = parse_qs(urlsplit(unescape(href)).query)
    assert (query["lost"], query["into"], query["mode"]) == (["PAR1"], ["OSU2"], ["disaster"])
    product.press(Press.ABORT, reason="A better copy is back.")
    product.look(6.0)
    assert SAID not in pages(product, "bruno")[f"/recovery/runs/{product.run.number}/"]
    again = client("amelie").get(unescape(href))
    assert again.status_code == 200
    assert "replica 2" in again.content.decode()


def test_who_only_looks_is_told_who_plans(product: Product) -> None:
    come_back()
    for path, text in pages(product, "vera").items():
        assert SAID in text, path
        assert "A responder plans it anew." in text, path


def test_a_yes_over_a_page_that_did_not_name_it_is_not_taken(product: Product) -> None:
    bruno = Desk(product, client("bruno"), "bruno", "restore")
    bruno.read()
    come_back()
    before = Approval.objects.count()
    refused = bruno.approve()
    assert refused.status_code == 409
    assert SAID in unescape(re.sub(r"</?span[^>]*>", "", refused.content.decode()))
    assert Approval.objects.count() == before
    bruno.read()
    assert json.loads(bruno.seen)["better"] == ["replica 2 of notes"]
    assert bruno.approve().status_code == 302, "who has read it may want the older copy"
    bruno.seen = json.dumps(json.loads(bruno.seen) | {"better": []})
    assert bruno.approve().status_code == 409


def test_the_head_of_a_run_has_its_plans_figure_and_says_what_was_decided_on(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = f"/recovery/runs/{product.run.number}/"
    text = plain(client("bruno").get(where).content.decode())
    assert 'worst is <span class="id">notes</span>, as its plan quotes it</dd>' in text
    line = LossLine("notes", timedelta(minutes=26), is_all=False, at=None, source="replica 1")
    monkeypatch.setattr("recovery.drp.views.runs.losses_of", lambda row: (line,))
    text = plain(client("bruno").get(where).content.decode()).replace("\N{NO-BREAK SPACE}", " ")
    head = text.split("Data at risk")[1]
    assert head.split("</dd>")[0].endswith("40 min")
    assert "decided on</a> as 26 min</dd>" in head
