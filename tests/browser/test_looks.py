"""Every page passes axe-core and fits, wide and narrow, light and dark."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page

from recovery.audit.facts import Actor
from recovery.brief import actions
from recovery.brief.canon import canonical, document
from recovery.brief.facts import Cause, Choice
from recovery.brief.queries import fleet_at
from recovery.core import clock
from recovery.failover import screens
from recovery.failover.actions import moves, people
from recovery.failover.phases import Phase
from recovery.incidents import actions as incidents
from recovery.inventory.models import Placement
from tests.browser.conftest import Open, Site
from tests.dashboard import bases, fleet
from tests.dashboard.archives import seed_backups
from tests.dashboard.archives.restoring import Restoring
from tests.dashboard.losing import lose_datacenter

pytestmark = pytest.mark.timeout(400)
"""Some open forty pages in four ways each: 110 s beside other work on two cores."""
AXE = Path(__file__).resolve().parent.parent / "vendor" / "axe-4.14.1.min.js"
PAGES = (
    "/",
    "/incidents/",
    "/incidents/{incident}/",
    "/applications/",
    "/applications/mairie-lyon-web/",
    "/hosts/",
    "/hosts/par1-r1-h02/",
    "/hosts/par1-r1-h01/cordon/",
    "/held/",
    "/held/pause/",
    "/hosts/par1-r1-h01/drain/",
    "/processes/",
    "/account/logout/",
    "/log/",
    "/log/5/",
    "/account/2fa/",
    "/find/",
    "/help/",
)
DATABASE_PAGES = (
    "/databases/",
    "/databases/orders-pg/",
    "/databases/orders-pg/restore-in-place/",
    "/databases/crm-pg/",
    "/databases/wiki-pg/",
    "/databases/sessions-valkey/",
    "/databases/fresh-pg/",
    "/databases/sessions-valkey/call-off/",
    "/databases/sessions-valkey/vouch/",
    "/databases/billing-pg/switchover/",
    "/databases/wiki-pg/move/",
    "/backups/",
    "/recovery/",
    "/recovery/OSU2/",
)


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
Looks = tuple[tuple[int, Literal["light", "dark"]], ...]
LOOKS: Looks = tuple((width, scheme) for width in (1440, 390, 320) for scheme in SCHEMES)
FEW: Looks = ((1440, "light"), (390, "dark"), (320, "light"))
"""For pages that are looked at again and again while something goes on."""
ALL_RULES = "axe.run(document, {resultTypes: ['violations']})"
COLOURS = (
    "axe.run(document, {resultTypes: ['violations'],"
    " runOnly: {type: 'rule', values: ['color-contrast', 'link-in-text-block']}})"
)
"""What can tell dark from light: dark is the other half of every `light-dark()` pair, no more."""


@pytest.mark.parametrize("pages", [PAGES, DATABASE_PAGES], ids=["fleet", "databases"])
def test_every_page_is_accessible_and_fits(
    site: Site, open_page: Open, pages: tuple[str, ...]
) -> None:
    now = clock.system.now()
    incident = fleet.lose_host(site.hosts["par1-r1-h02"], now)
    word = {"actor": Actor("person", "amelie"), "now": now}
    incidents.add_note(incident=incident, text="W" * 200, **word)  # type: ignore[arg-type]
    fleet.lose_host(site.hosts["osu2-r1-h02"], now)
    fleet.hold_host(site.hosts["osu2-r1-h02"], "A storm asks a person.", now)
    lost = Placement.objects.filter(state="lost").select_related("container")[0]
    fleet.replace_seat(lost, site.hosts["mrs1-r2-h02"], now)
    _hurt_databases(site, now)
    page = open_page("/")
    for path in pages:
        _look(page, site.url + path.format(incident=incident.number))


BROKEN_WORDS = """() => {
  const texts = document.createTreeWalker(document.querySelector(".mast"), NodeFilter.SHOW_TEXT)
  const broken = []
  while (texts.nextNode()) {
    const word = texts.currentNode.data.trim(), range = document.createRange()
    range.selectNodeContents(texts.currentNode)
    if (word && !/\\s/.test(word) && range.getClientRects().length > 1) broken.push(word)
  }
  return broken
}"""
"""What stands in the menu as one word and takes two lines."""
LOST_PAGES = (
    "/recovery/MRS1/",
    "/recovery/MRS1/activate/",
    "/recovery/MRS1/wait/",
    "/recovery/decisions/{decision}/",
)
RESTORE_PAGES = (
    "/databases/wiki-pg/",
    "/databases/wiki-pg/restore/",
    "/databases/wiki-pg/restore/call-off/",
    "/backups/",
)


def test_restores_and_a_lost_datacenter_are_accessible_and_fit(site: Site, open_page: Open) -> None:
    """A restore asked for, running and over; then its whole datacenter lost and decided about."""
    now = clock.system.now()
    seeded = bases.seed_bases(site.hosts, now)
    seed_backups(seeded, now)
    fleet.lose_host(site.hosts["mrs1-r1-h01"], now)
    bases.wait(seeded["wiki-pg"], "Its host mrs1-r1-h01 is lost.", now)
    page = open_page("/")
    restoring = Restoring(seeded["wiki-pg"].row, now)
    for step in (None, restoring.ask, restoring.run, restoring.end):
        if step is not None:
            step()
        for path in RESTORE_PAGES:
            _look(page, site.url + path, FEW)
    decision = _decide_about_mrs1(site, now)
    for path in LOST_PAGES:
        _look(page, site.url + path.format(decision=decision))


def _look(page: Page, url: str, looks: Looks = LOOKS) -> None:
    """One page as everybody may see it: loaded once, looked at in each width and scheme."""
    page.goto(url)
    if "/account/" not in url:
        page.wait_for_selector("#live-word:has-text('live')")
    page.evaluate(AXE.read_text())
    for width, scheme in looks:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)
        is_twin = scheme == "dark" and (width, "light") in looks
        found = page.evaluate(COLOURS if is_twin else ALL_RULES)
        violations = [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found["violations"]]
        assert not violations, (url, width, scheme)
        element = "document.documentElement"
        assert page.evaluate(f"{element}.scrollWidth <= {element}.clientWidth"), (url, width)
        assert page.evaluate(BROKEN_WORDS) == [], (url, width)


def _decide_about_mrs1(site: Site, now: datetime) -> int:
    """It is lost, its provider spoke, and somebody waits: the decision's number."""
    lose_datacenter("MRS1", site.hosts.values(), now)
    who = Actor("person", "amelie")
    actions.note_word(
        datacenter="MRS1",
        said="Both feeds of the building are down; power is expected within two hours.",
        source="status page",
        said_at=now,
        until=now + timedelta(hours=2),
        cause=Cause.GONE,
        actor=who,
        now=now,
    )
    seen = canonical(document(fleet_at(now).brief("MRS1")))
    made = actions.decide_on(
        datacenter="MRS1",
        choice=Choice.WAIT,
        seen=seen,
        until=now + timedelta(minutes=30),
        actor=who,
        reason="Two hours are less than coming back would take.",
        now=now,
    )
    return made.number


def _hurt_databases(site: Site, now: datetime) -> None:
    """One of each trouble: failing over, over with its loss, about to, waiting with a word."""
    seeded = bases.seed_bases(site.hosts, now)
    bases.fail_over(seeded["orders-pg"], now)
    bases.fail_over(seeded["crm-pg"], now, upto=Phase.DONE)
    begun = bases.fail_over(seeded["sessions-valkey"], now, upto=Phase.ANALYSE)
    calm = [site.hosts["osu2-r1-h01"], site.hosts["osu2-r2-h02"]]
    bases.serve(bases.seed_database("billing-pg", calm, now, port=15450), now)
    seed_backups(seeded, now)
    starter = seeded["wiki-pg"]
    fleet.lose_host(site.hosts["mrs1-r1-h01"], now)
    bases.wait(starter, "Its host mrs1-r1-h01 is lost. On the starter plan it waits.", now)
    bases.write(starter, now, failing_since=now - timedelta(minutes=7))
    who = Actor("person", "amelie")
    moves.ask_move(
        database=starter.row,
        host=site.hosts[screens.hosts_for("wiki-pg")[0]],
        typed="wiki-pg",
        actor=who,
        reason="Its mainboard is dead; the disk is on its way to the second rack.",
        now=now,
    )
    people.ask_vouch(
        database=seeded["sessions-valkey"].row,
        risk="Two primaries.",
        typed="sessions-valkey",
        actor=who,
        reason="I pulled its plug.",
        now=now,
    )
    people.call_off(failover=begun, actor=who, reason="Wrong rack.", now=now)


def test_forced_colours_and_reduced_motion_lose_nothing(site: Site, open_page: Open) -> None:
    """With the system's own colours shapes and words still tell states apart; nothing moves."""
    fleet.lose_host(site.hosts["par1-r1-h02"], clock.system.now())
    page = open_page("/", forced_colors="active", reduced_motion="reduce")
    lost = page.locator(".host[data-state=down]").first
    assert lost.locator("svg.sig").is_visible()
    assert "lost" in (lost.get_attribute("aria-label") or "")
    drawn = "getComputedStyle(document.querySelector('.host[data-state=down] svg.sig')).fill"
    ground = "getComputedStyle(document.querySelector('.host[data-state=down]')).backgroundColor"
    assert page.evaluate(drawn) != page.evaluate(ground)
    moving = "document.getAnimations().filter((one) => one.playState === 'running').length"
    assert page.evaluate(moving) == 0
    assert page.locator("#p-voice .voice-sign svg").is_visible()


def test_the_wall_shows_the_sentence_large_and_goes_to_the_incident(
    site: Site, open_page: Open
) -> None:
    page = open_page("/?wall=1", viewport={"width": 1920, "height": 1080})
    size = "parseFloat(getComputedStyle(document.querySelector('.after, .sentence')).fontSize)"
    assert page.evaluate(size) >= 24
    incident = fleet.lose_host(site.hosts["par1-r1-h02"], clock.system.now())
    page.wait_for_url(f"**/incidents/{incident.number}/?wall=1", timeout=40_000)
    assert page.locator("main .btn:visible").count() == 0
    element = "document.documentElement"
    assert page.evaluate(f"{element}.scrollWidth <= {element}.clientWidth")
