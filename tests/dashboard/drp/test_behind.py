"""What is back behind the fence that a plan raised: every page leads to its return."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recovery.core import transitions
from recovery.failover.models import Fence
from recovery.inventory.facts import Verdict
from recovery.inventory.models import Host
from tests.actions.drp import conftest as drp
from tests.actions.drp.hands import test_returning as returning
from tests.actions.drp.losing import Loss
from tests.actions.drp.test_carrying import active
from tests.dashboard.fleet import plain
from tests.decisions.drp.books import raw
from tests.support.fleet import BY

pytestmark = pytest.mark.django_db
loss, pinned = returning.loss, drp.pinned
WAY = "/recovery/start/?runbook=return&mode=planned&lost=OSU2&into=PAR1&origin="
PAGES = ("/", "/recovery/PAR1/", "/databases/orders/")
ANSWERS = "all its 2 hosts answer; nothing there leads or serves, and 2 copies are set apart."


def page(who: str, path: str) -> str:
    client = Client()
    client.force_login(User.objects.get(username=who))
    return plain(unescape(client.get(path).content.decode()))


def next_of(html: str) -> str:
    found = re.search(r'<section class="next".*?</section>', html, re.S)
    return found[0] if found else ""


@pytest.fixture
def book(loss: Loss) -> Any:
    return active(raw("return"))


def test_it_waits_for_a_person_and_every_page_leads_to_the_runbook(loss: Loss, book: Any) -> None:
    run = loss.ground.run
    way = f"{WAY}{run.number}"
    for path in PAGES:
        found = next_of(page("amelie", path))
        assert f'href="{way}">Plan the return of PAR1 from OSU2</a>' in found, path
        assert f"PAR1 is back, behind the fence of {run}: {ANSWERS}" in found, path
        assert "Nothing to decide" not in found, path
    assert "A responder:</b> Plan the return" in next_of(page("vera", "/"))
    assert WAY not in next_of(page("vera", "/"))
    told = page("amelie", "/recovery/PAR1/")
    assert re.search(rf"It is fenced since <b>.*?</b> by {run} for .*?: {ANSWERS}", told)
    start = page("amelie", way)
    assert "Choose" not in start
    assert "What goes back" in start


def test_where_no_runbook_takes_it_back_one_is_put_in_force_first(loss: Loss) -> None:
    assert 'href="/recovery/runbooks/#shipped"' in next_of(page("amelie", "/"))


def test_where_nothing_can_be_taken_back_the_fence_is_lifted(
    loss: Loss, book: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recovery.drp.views.behind.returns", tuple)
    found = next_of(page("bruno", "/"))
    assert 'href="/held/fences/PAR1/lift/">Lift the fence of PAR1</a>' in found


def test_a_return_that_is_prepared_is_gone_on_with(loss: Loss) -> None:
    returning.go_back(loss)
    run = loss.ground.run
    for path in PAGES:
        found = next_of(page("amelie", path))
        assert f'href="/recovery/runs/{run.number}/">Go on with {run}</a>' in found, path
        assert "Plan the return" not in found, path


def test_what_was_known_of_a_silent_datacenter_is_not_said_of_one_that_answers(
    loss: Loss, book: Any
) -> None:
    told = {"told": "Not proven: crm: it lives by no lease, and nobody there answered."}
    fence, now = Fence.objects.get(), loss.play.now
    transitions.amend(fence, told, action="proven", actor=BY, reason="test", now=now)
    frozen = page("amelie", "/").split('id="p-frozen"')[1].split("</section>")[0]
    assert f"PAR1 is back, behind the fence of {loss.ground.run}: {ANSWERS}" in frozen
    assert "What was known when it was fenced: Not proven: crm" in frozen
    assert f"{WAY}{loss.ground.run.number}" in frozen
    for host in Host.objects.filter(datacenter__name="PAR1"):
        transitions.move(host, Verdict.SUSPECT, actor=BY, reason="silent", now=loss.play.now)
        transitions.move(host, Verdict.LOST, actor=BY, reason="silent", now=loss.play.now)
    html = page("amelie", "/")
    frozen = html.split('id="p-frozen"')[1].split("</section>")[0]
    assert "is back" not in html
    assert "What was known" not in frozen
