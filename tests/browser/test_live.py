"""What a person sees happen: the page follows the rows, rings, and knows when it is old."""

from __future__ import annotations

import re
import signal

import pytest
from playwright.sync_api import Route, expect

from recovery.backups import actions as backups
from recovery.backups.models import BackupReplica
from recovery.backups.reading import Look
from recovery.core import clock
from recovery.incidents.models import Incident
from tests.browser.conftest import Open, Site
from tests.browser.silent import silent_door
from tests.dashboard import bases, fleet
from tests.dashboard.archives import seed_backups


def test_a_lost_host_rings_on_the_open_page_and_stops_when_somebody_has_it(
    site: Site, open_page: Open
) -> None:
    page = open_page("/")
    page.mouse.click(5, 400)
    expect(page).to_have_title(re.compile("^All 18 hosts answer"), timeout=60_000)
    incident = fleet.lose_host(site.hosts["par1-r1-h02"], clock.system.now())
    page.wait_for_selector("[data-alarm=open]", timeout=40_000)
    expect(page).to_have_title(re.compile("^▲ 1 host lost in PAR1"))
    assert "down.svg" in (page.get_attribute("#favicon", "href") or "")
    page.wait_for_selector("#arm:has-text('Ringing')")
    page.click(f"text=Acknowledge {incident}")
    page.wait_for_selector("[data-alarm=taken]", timeout=40_000)
    page.wait_for_selector("#arm:has-text('Bell armed')")
    assert f"{incident} is yours now" in (page.text_content("#said") or "")
    assert Incident.objects.get().acknowledged_by == "responder"


def test_a_silent_server_makes_the_page_say_so_and_lock_and_come_back(
    site: Site, open_page: Open
) -> None:
    fleet.lose_host(site.hosts["par1-r1-h02"], clock.system.now())
    page = open_page("/")
    page.wait_for_selector("text=Acknowledge")
    site.pause_web(signal.SIGSTOP)
    page.wait_for_selector("body[data-stale]", timeout=40_000)
    assert "No news from the server" in (page.text_content("#stale-note") or "")
    page.focus(".btn.main")
    page.keyboard.press("Enter")
    site.pause_web(signal.SIGCONT)
    page.wait_for_selector("body:not([data-stale])", timeout=40_000)
    page.wait_for_timeout(500)
    assert Incident.objects.get().acknowledged_at is None


@pytest.mark.parametrize("when", ["while it connects", "while it is open"])
def test_a_socket_that_hangs_is_dialled_again(site: Site, open_page: Open, when: str) -> None:
    """What a browser takes for an open or a coming socket, and nobody is at its other end."""
    with silent_door(site.port) as (door, port):
        page = open_page("/", through=port)
        if when == "while it connects":
            door.silent = 1
            page.reload()
        else:
            door.fall_silent()
        fleet.lose_host(site.hosts["par1-r1-h02"], clock.system.now())
        page.wait_for_selector("[data-alarm=open]", timeout=40_000)
        page.wait_for_selector("body:not([data-stale])")
        page.goto("about:blank")
    assert door.swallowed == 1


def test_parts_of_a_page_that_arrive_late_make_it_live_all_the_same(
    site: Site, open_page: Open
) -> None:
    """htmx begins by itself; an extension that came later was never asked for a socket."""
    page = open_page("/")
    for part in ("hx-ws", "live"):
        page.route(re.compile(rf"/{part}[^/]*\.js"), held_back)
    page.reload()
    page.wait_for_function("() => performance.now() > 3000 && tocsin.heard.steady > 3000")


def test_a_page_without_a_part_of_it_says_so(open_page: Open) -> None:
    page = open_page("/")
    page.route(re.compile(r"/hx-ws[^/]*\.js"), lambda route: route.abort())
    page.reload()
    expect(page.locator("#stale-note")).to_contain_text("Reload this page", timeout=40_000)
    page.unroute_all()
    page.route(re.compile(r"/live[^/]*\.js"), lambda route: route.abort())
    page.reload()
    expect(page.locator("#live-word")).to_have_text("not live", timeout=40_000)


def test_a_page_that_slept_with_its_machine_is_old_at_once(open_page: Open) -> None:
    """Its steady clock stood still meanwhile; what it shows is an hour old all the same."""
    page = open_page("/")
    page.evaluate("() => { window.first = tocsin.heard; }")
    page.wait_for_function("() => tocsin.heard !== window.first")
    page.evaluate(
        """() => {
          const slept = Date.now() + 3.6e6, woke = performance.now();
          Date.now = () => slept + performance.now() - woke;
          const body = document.body;
          const seen = () => { if (body.hasAttribute("data-stale")) body.dataset.old = ""; };
          new MutationObserver(seen).observe(body, { attributeFilter: ["data-stale"] });
        }"""
    )
    page.wait_for_selector("body[data-old]:not([data-stale])")


def test_a_page_that_the_browser_kept_is_read_anew(open_page: Open) -> None:
    page = open_page("/")
    with page.expect_navigation():
        page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    page.wait_for_selector("#live-word:has-text('live, 0')")


def held_back(route: Route) -> None:
    """Come a second later than the rest."""
    route.request.frame.page.wait_for_timeout(1000)
    route.continue_()


def test_a_restarted_web_process_is_followed_and_shows_what_happened_meanwhile(
    site: Site, open_page: Open
) -> None:
    page = open_page("/")
    site.stop()
    fleet.lose_host(site.hosts["par1-r1-h02"], clock.system.now())
    site.processes.clear()
    site.start()
    page.wait_for_selector("[data-alarm=open]", timeout=40_000)


def test_signing_out_elsewhere_ends_this_page(open_page: Open) -> None:
    page = open_page("/")
    other = page.context.new_page()
    other.goto(page.url + "account/logout/")
    other.click("main button[type=submit]")
    page.wait_for_url("**/account/login/**", timeout=40_000)


def test_the_palette_finds_a_host_by_keyboard_alone(open_page: Open) -> None:
    page = open_page("/")
    page.keyboard.press("Control+k")
    page.wait_for_selector("#palette[open] input")
    page.keyboard.type("host mrs1-r1-h02")
    page.keyboard.press("Enter")
    page.wait_for_url("**/hosts/mrs1-r1-h02/")


def test_pages_and_acts_work_without_a_script(site: Site, chromium: object) -> None:
    incident = fleet.lose_host(site.hosts["par1-r1-h02"], clock.system.now())
    context = chromium.new_context(java_script_enabled=False)  # type: ignore[attr-defined]
    page = context.new_page()
    page.goto(f"{site.url}/account/login/?next=/")
    page.fill("#id_login", "responder")
    page.fill("#id_password", fleet.PASSWORD)
    page.click("main button[type=submit]")
    assert "1 host lost in PAR1" in (page.text_content("h1") or "")
    page.click(f"text=Acknowledge {incident}")
    assert "is yours now" in (page.text_content("#said") or "")
    context.close()


def test_what_the_worker_read_is_pushed_to_the_backups_page(site: Site, open_page: Open) -> None:
    """A store that stops answering is seen without a reload, and so is a point that rises."""
    now = clock.system.now()
    seed_backups(bases.seed_bases(site.hosts, now), now)
    page = open_page("/backups/")
    expect(page.locator("#p-backups-stores")).to_contain_text("connection refused")
    rows = list(BackupReplica.objects.filter(store__name="s3-osu2"))
    later = clock.system.now()
    backups.see_archives([Look(row.pk, later, None, "s3-osu2: no route.") for row in rows])
    expect(page.locator("#p-backups-stores")).to_contain_text("no route", timeout=40_000)
