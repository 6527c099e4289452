"""Two people and a run: a passkey is made and pinned, a step is approved with it on a phone."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings
from playwright.sync_api import Page, expect

from recovery.audit.facts import Actor
from recovery.core import clock, control
from recovery.core.consent import read_pins
from recovery.drp import actions
from recovery.drp.actions.runs import Override
from recovery.drp.carrying import make_cycle
from recovery.drp.cycle import Cycle
from recovery.drp.facts import Mode
from recovery.drp.models import Approval, Run
from recovery.drp.planning.inventory import Wish
from recovery.drp.press import Press
from tests.actions.drp.leaving import named
from tests.browser.conftest import Open, Site
from tests.browser.passkeys import put_authenticator
from tests.browser.test_looks import AXE
from tests.decisions.drp.books import raw

PHONE = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "color_scheme": "dark",
}
WORD = "W" * 200
"""Whatever people write is taken: a word without a break, too."""
DESK = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}
STEPS = """\
  - id: agree
    title: Give PAR1 up
    stage: activation
    owner: responder
    timeout: 5m
    point_of_no_return: From here on the other datacenter holds the truth.
    approval: {role: approver, count: 1}
    do: {kind: approval, question: Is PAR1 given up for good}
  - id: call
    title: Call the site
    stage: activation
    owner: responder
    timeout: 10m
    undo: Nothing is changed by it.
    needs: [agree]
    do: {kind: manual, instructions: Call the duty desk., evidence: Who said what.}
"""


@pytest.fixture
def pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Before the site: its process reads the same file."""
    path = tmp_path / "approvers.json"
    monkeypatch.setenv("TOCSIN_PINS", str(path))
    return path


@dataclass
class Lead:
    """The leader's rounds, one at a time, beside the site's own processes."""

    site: Site
    cycle: Cycle = field(default_factory=lambda: make_cycle(clock.system))

    def look(self) -> None:
        """Until nothing follows: on a busy machine a round has time for fewer orders."""
        actor = Actor("controller", "test", control.read_beat()[0])
        quiet = 0
        with override_settings(TOCSIN_URL=self.site.url):
            while quiet < 3:
                now, mono = clock.system.now(), clock.system.monotonic()
                taken = self.cycle.carry_on(actor=actor, now=now, monotonic=mono)
                quiet = 0 if taken else quiet + 1


def prepare(who: str = "responder") -> Run:
    """The runbook was written and made active by two others."""
    now = clock.system.now()
    row = actions.write_runbook(
        raw=(raw().split("steps:\n")[0] + "steps:\n" + STEPS).encode(),
        actor=Actor("person", "emil"),
        reason="New.",
        now=now,
    )
    dora = Actor("person", "dora")
    actions.activate_runbook(runbook=row, actor=dora, reason="I read it.", now=now)
    said = "PAR1 looks lost: all its 6 hosts are silent."
    wish = Wish(Mode.DISASTER, "PAR1", "OSU2", said)
    return actions.prepare_run(
        runbook=row,
        wish=wish,
        override=Override("It was never drilled, and it burns.", named(row, wish)),
        refuse=lambda plan: "",
        actor=Actor("person", who),
        reason=f"The fire brigade says it is over. {WORD}",
        now=now,
    )


def look_at(page: Page) -> None:
    """It is accessible, and it fits."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    violations = [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found["violations"]]
    assert not violations, page.url
    element = "document.documentElement"
    assert page.evaluate(f"{element}.scrollWidth <= {element}.clientWidth"), page.url


def go(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector("#live-word:has-text('live')")
    look_at(page)


def test_a_step_is_approved_on_a_phone_with_a_passkey_that_was_made_and_pinned(
    pins: Path, site: Site, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, lead = prepare(), Lead(site)
    desk = open_page(f"/recovery/runs/{run.number}/", "responder", **DESK)
    look_at(desk)
    phone = open_page("/passkey/", "approver", **PHONE)
    put_authenticator(phone)
    look_at(phone)
    _enrol(phone)
    assert not pins.exists(), "no browser writes it"
    monkeypatch.setattr("builtins.input", lambda question: "yes")
    with override_settings(TOCSIN_PINS=str(pins), TOCSIN_URL=site.url):
        call_command("passkeys", "pin", "approver")
        assert [pin.person for pin in read_pins(pins.read_bytes())] == ["approver"]

        desk.click(f"text=Start {run}…")
        desk.fill("#id_typed", "PAR1")
        desk.fill("#id_reason", "It burns.")
        look_at(desk)
        desk.click("main button[type=submit]")
        lead.look()
        expect(desk.locator("#p-run-next")).to_contain_text("approver or admin: approve “Give")
        look_at(desk)

        go(phone, f"{site.url}/")
        phone.click("#p-next .btn.main:has-text('Read and answer: Give PAR1 up')")
        expect(phone.locator("#p-ask-state")).to_contain_text("Waits for one more person")
        look_at(phone)
        phone.click("text=Approve: Give PAR1 up")
        phone.wait_for_url(f"**/recovery/runs/{run.number}/")
        assert Approval.objects.get().approver == "approver"
        lead.look()
    _write_down(desk, lead)
    expect(phone.locator("#p-run-voice")).to_contain_text("PAR1 into OSU2 is done.", timeout=40_000)
    look_at(phone)


def _enrol(phone: Page) -> None:
    phone.fill("#id_label", "my phone")
    phone.click("text=Make a passkey on this device")
    expect(phone.locator("main")).to_contain_text("not pinned: approves nothing")
    look_at(phone)


def _write_down(desk: Page, lead: Lead) -> None:
    desk.click("text=Write down what you did…", timeout=40_000)
    desk.fill("#id_reason", f"The duty officer, at 04:20: it is over. {WORD}")
    desk.click("main button[type=submit]")
    lead.look()


def test_the_pages_of_a_run_are_accessible_and_fit(pins: Path, site: Site, open_page: Open) -> None:
    run, lead = prepare("admin"), Lead(site)
    start = "/recovery/start/?runbook=datacenter-lost&mode=disaster&lost=PAR1&into=OSU2"
    at = f"/recovery/runs/{run.number}/"
    person = Actor("person", "responder")
    page = open_page("/recovery/runs/", "admin", viewport={"width": 320, "height": 800})
    for path in ("/recovery/start/", start, start.replace("disaster", "simulation"), at):
        go(page, site.url + path)
    press = {"run": run.pk, "actor": person, "now": clock.system.now(), "reason": "It burns."}
    actions.press(press=Press.START, **press)  # type: ignore[arg-type]
    lead.look()
    for path in ("/recovery/approve/", f"{at}abort/", at):
        go(page, site.url + path)
    page.click("text=Read and answer it")
    page.wait_for_selector("text=Break glass")
    page.click("summary:has-text('Break glass')")
    look_at(page)
