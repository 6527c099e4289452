"""A restore that gets nowhere, on every page that shows it."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from dashboard.panels import draw
from dashboard.permissions import Role
from dashboard.screen import Screen
from recovery.audit.facts import Actor
from recovery.core import clock, control
from recovery.inventory.models import Database, Host
from recovery.restores.ringing import watch_restores
from recovery.restores.stuck import STILL
from tests.dashboard import bases, fleet
from tests.dashboard.archives import seed_backups
from tests.dashboard.archives.restoring import Restoring
from tests.dashboard.conftest import SignIn


def test_one_that_gets_nowhere_says_so_with_its_try_and_the_next_act_on_every_page(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    lost = clock.system.now()
    seeded = bases.seed_bases(hosts, lost)
    seed_backups(seeded, lost)
    fleet.lose_host(hosts["mrs1-r1-h01"], lost)
    bases.wait(seeded["wiki-pg"], "Its host mrs1-r1-h01 is lost.", lost)
    restoring = Restoring(Database.objects.get(name="wiki-pg"), lost)
    restoring.ask()
    restoring.run()
    row = restoring.row
    later = lost + timedelta(seconds=STILL + 10)
    with transaction.atomic():
        actor = Actor("controller", "test", control.take_lead("test", seen_epoch=0, now=lost) or 0)
    watch_restores(actor=actor, now=later, looked_for=3600.0)
    shown = draw("restores", Screen(Role.RESPONDER))
    assert "It does not get on" in shown
    assert "Next: call it off and ask anew, from another replica or with another host." in shown
    assert "it went on last: <time" in shown
    (told,) = sign_in("viewer").get("/api/restores").json()
    assert told["stuck_since"]
    for path in ("/", "/databases/wiki-pg/"):
        html = sign_in("responder").get(path).content.decode()
        assert f"Call {row} off, and ask anew" in html
        assert 'href="/databases/wiki-pg/restore/call-off/"' in html
    restoring.now = later + timedelta(seconds=1)
    restoring.hear(31_000_000)
    shown = draw("restores", Screen(Role.RESPONDER))
    assert "It goes on again" in shown
    assert "It does not get on" not in shown
    assert "off, and ask anew" not in sign_in("responder").get("/").content.decode()
