"""The main job, as a person lives it: press "lose this host" on the real lab, and watch.

From a started Tocsin: the page rings and names what is lost, everything of the host answers
elsewhere, the incident ends by itself, the story can be read, the host comes back. Nobody
reloads a page in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.onlab import Person, person
from tests.needs import needs
from tests.support.running import wait_for
from tests.support.stack import Stack, stopwatch, whole_stack

pytestmark = [pytest.mark.xdist_group("lab"), pytest.mark.timeout(300)]
WIDE = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
RINGS_WITHIN = 30.0
"""Seconds from the press to the bell on the busiest machine; the bench measures the figure."""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    needs("chromium")
    with whole_stack(tmp_path / "var") as made:
        yield made


def test_a_host_lost_from_the_page_rings_is_replaced_and_comes_back(
    stack: Stack, chromium: Browser
) -> None:
    with (
        person(stack, chromium, "responder", **WIDE) as responder,
        person(stack, chromium, "viewer", **PHONE) as sleeper,
    ):
        victim = _a_host_without_a_singleton(stack)
        containers = _containers_on(stack, victim)
        overview, phone = responder.open("/"), sleeper.open("/")
        assert overview.title().startswith("All 12 hosts answer.")
        _arm_the_bell(overview)
        host = responder.open(f"/hosts/{victim}/")

        pressed = stopwatch()
        host.click(f"text='Lose {victim}'")
        _rings(overview, victim)
        assert stopwatch() - pressed < RINGS_WITHIN
        _tells(phone, victim)

        overview.click("text=/^Acknowledge INC-/")
        expect(overview.locator("#arm")).to_have_text("Bell armed", timeout=5000)
        expect(phone.locator("#p-voice")).to_contain_text("responder has it")

        incident = responder.open(_incident_path(overview))
        wait_for(lambda: set(containers) <= set(_running_elsewhere(stack, victim)), 60)
        for container in containers:
            wait_for(partial(_answers_elsewhere, stack, container, victim), 30)

        expect(incident.locator("#p-incident-voice")).to_contain_text("resolved", timeout=60_000)
        _tells_the_story(incident, victim)
        _log_tells_who_did_what(responder, victim)

        expect(host.locator(f"text='Restart {victim}'")).to_be_visible()
        host.click(f"text='Restart {victim}'")
        wait_for(stack.is_calm, 60)
        expect(overview.locator("h1")).to_have_text(re.compile("^All 12 hosts answer"))
        expect(phone).to_have_title(re.compile("^All 12 hosts answer"))
        _everything_shown_is_what_a_reload_shows(responder, sleeper)


def _a_host_without_a_singleton(stack: Stack) -> str:
    rows = stack.rows(
        "SELECT h.name, bool_or(a.kind = 'singleton') FROM inventory_placement p"
        " JOIN inventory_host h ON h.id = p.host_id"
        " JOIN inventory_application a ON a.id = p.application_id"
        " WHERE p.state = 'running' GROUP BY h.name ORDER BY count(*) DESC, h.name"
    )
    return next(str(name) for name, has_singleton in rows if not has_singleton)


_CONTAINERS = (
    "SELECT a.name || '-' || c.ordinal, h.name FROM inventory_placement p"
    " JOIN inventory_container c ON c.id = p.container_id"
    " JOIN inventory_application a ON a.id = p.application_id"
    " JOIN inventory_host h ON h.id = p.host_id WHERE p.state = 'running'"
)


def _containers_on(stack: Stack, host: str) -> list[str]:
    return [str(name) for name, where in stack.rows(_CONTAINERS) if where == host]


def _running_elsewhere(stack: Stack, host: str) -> dict[str, str]:
    alive = {name for name, verdict in stack.verdicts().items() if verdict == "alive"}
    return {str(n): str(at) for n, at in stack.rows(_CONTAINERS) if at in alive - {host}}


def _answers_from(stack: Stack, container: str) -> str:
    """The host from which this container answers a user of the edge; empty: another answered."""
    application = container.rpartition("-")[0]
    answer = httpx.get(f"{stack.edge}/app/{application}/", timeout=3)
    told = answer.json() if answer.status_code == 200 else {}
    return str(told["host"]) if told.get("container") == container else ""


def _answers_elsewhere(stack: Stack, container: str, gone: str) -> bool:
    return _answers_from(stack, container) not in {"", gone}


def _is_fresh(who: Person) -> bool:
    return not who.stale_panels()


def _arm_the_bell(page: Page) -> None:
    page.click("#arm")
    expect(page.locator("#arm")).to_have_text("Bell armed")


def _rings(page: Page, victim: str) -> None:
    """Bell, sentence, title and tab icon, with no touch of the page."""
    expect(page.locator("#arm")).to_have_text("Ringing", timeout=RINGS_WITHIN * 1000)
    _tells(page, victim)
    assert "down.svg" in (page.get_attribute("#favicon", "href") or "")


def _tells(page: Page, victim: str) -> None:
    expect(page).to_have_title(re.compile("^▲ .*lost"), timeout=RINGS_WITHIN * 1000)
    site = victim.partition("-")[0].upper()
    expect(page.locator("main [role=status]")).to_contain_text(f"1 host lost in {site}")
    expect(page.locator("main [role=status]")).to_contain_text(victim)


def _incident_path(page: Page) -> str:
    return page.get_attribute("#p-voice .voice-sign a", "href") or ""


def _tells_the_story(page: Page, victim: str) -> None:
    """Silent, declared, alarmed, taken, placed, answering, over: each a line."""
    story = " ".join(page.locator("#p-incident-lines").inner_text().split())
    for line in (
        f"Last heartbeat of {victim}",
        f"{victim} is lost: no heartbeat for",
        "took the message: ALARM",
        "responder acknowledged",
        r"containers? (placed|begun while it was only suspected): ",
        "answers again, ",
        "everything that it hurt is whole again",
        "Resolved",
    ):
        assert re.search(line, story), f"{line!r} is not in {story}"


def _log_tells_who_did_what(responder: Person, victim: str) -> None:
    log = responder.open("/log/?actor=responder").locator("main").inner_text()
    assert "lab: host lost" in log
    assert victim in log
    assert "acknowledged" in log


def _everything_shown_is_what_a_reload_shows(*people: Person) -> None:
    for each in people:
        wait_for(partial(_is_fresh, each), 20)
        assert not each.has_reloaded()
