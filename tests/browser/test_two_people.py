"""The worst day, as two people live it: a datacenter is killed with its stores; one starts the plan
at a desk, another approves each dangerous step on a phone, by passkey over HTTPS, until its end.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from recovery.core import clock
from tests.browser.onlab import Person, person
from tests.browser.passkeys import put_authenticator
from tests.failovers.restoring import covered, has_points
from tests.failovers.telling import Bases
from tests.needs import needs
from tests.stories.telling import diary
from tests.support.running import ROOT, wait_for
from tests.support.stack import Stack, stopwatch, whole_stack

pytestmark = [pytest.mark.xdist_group("lab"), pytest.mark.timeout(1500)]
HOST = "tocsin.localhost"
"""A name that browsers take to this machine; passkeys are bound to it."""
DESK = {"viewport": {"width": 1440, "height": 900}, "ignore_https_errors": True}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "ignore_https_errors": True,
}
LAB = Path(__file__).with_name("two_people.yaml")
LOST, INTO = "AAA1", "BBB1"
ALL = ("orders-pg", "notes-pg", "baskets-valkey")
ACTIVATE = """
from recovery.audit.facts import Actor
from recovery.core.clock import system as clock
from recovery.drp.actions import activate_runbook
from recovery.drp.models import RunbookVersion
row = RunbookVersion.objects.get(name="datacenter-lost")
who = Actor("person", "viewer")
activate_runbook(runbook=row, actor=who, reason="I read it.", now=clock.now())
"""
WORST = 900.0
"""Seconds for the whole plan on the busiest machine."""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    needs("chromium")
    more = {"TOCSIN_LAB_DATABASES": "1", "TOCSIN_LAB_STORES": "1", "TOCSIN_HOST": HOST}
    with whole_stack(tmp_path / "var", TOCSIN_LAB_FILE=str(LAB), **more) as made:
        yield made


@dataclass
class Two:
    """Who starts it, at a desk, and who approves it, on a phone."""

    stack: Stack
    desk: Page
    phone: Page

    def state(self) -> str:
        return str(self.stack.rows("SELECT state FROM drp_run ORDER BY number DESC LIMIT 1")[0][0])

    def steps(self) -> dict[str, str]:
        return dict(self.stack.rows("SELECT name, state FROM drp_runstep"))

    def asked(self) -> list[str]:
        rows = self.stack.rows("SELECT id FROM drp_ask WHERE state = 'open' ORDER BY asked_at")
        said = {str(ask) for (ask,) in self.stack.rows("SELECT ask_id FROM drp_approval")}
        return [str(ask) for (ask,) in rows if str(ask) not in said]


def test_a_lost_datacenter_is_recovered_by_two_people(stack: Stack, chromium: Browser) -> None:
    bases = Bases(stack)
    bases.prove("orders-pg")
    has_points(bases, ALL, 1, 2)
    covered(bases, "notes-pg", 1, 2)
    stack.manage("runbooks", "--write", "admin")
    stack.manage("shell", "-c", ACTIVATE)
    with (
        person(stack, chromium, "responder", **DESK) as responder,
        person(stack, chromium, "approver", **PHONE) as approver,
    ):
        two = Two(stack, responder.open("/"), _with_a_passkey(stack, approver))
        killed = stopwatch()
        stack.lab("kill-datacenter", datacenter=LOST)
        _decided(two)
        decided = stopwatch()
        _started(two)
        while two.state() != "done":
            assert two.state() == "running", (two.state(), two.steps(), _reason(stack))
            assert stopwatch() - decided < WORST, two.steps()
            _goes_on(two)
        diary(f"{LOST} into {INTO}: {stopwatch() - killed:.0f} s from the kill to the plan's end")
        _is_recovered(two, bases)


def _reason(stack: Stack) -> str:
    return str(stack.rows("SELECT state_reason FROM drp_run ORDER BY number DESC LIMIT 1")[0][0])


def _with_a_passkey(stack: Stack, approver: Person) -> Page:
    """Shown on the phone, compared and pinned at the machine."""
    phone = approver.open("/passkey/")
    put_authenticator(phone)
    phone.fill("#id_label", "my phone")
    phone.click("text=Make a passkey on this device")
    expect(phone.locator("main")).to_contain_text("not pinned: approves nothing")
    fingerprint = (phone.text_content("main table code") or "").strip()
    done = subprocess.run(
        [sys.executable, "manage.py", "passkeys", "pin", "approver"],
        cwd=ROOT,
        env=dict(stack.env),
        input="yes\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert fingerprint
    assert fingerprint in done.stdout
    return phone


def _decided(two: Two) -> None:
    """From the bell to the word "recover it elsewhere", in the order in which the pages lead."""
    desk = two.desk
    desk.click("text=/^Acknowledge INC-/", timeout=60_000)
    desk.click(f"text='Activate or wait? {LOST}'", timeout=60_000)
    expect(desk.locator("#p-recovery-voice")).to_contain_text("looks lost", timeout=10_000)
    desk.click(f"text='Recover {LOST} elsewhere…'")
    desk.fill("#id_typed", LOST)
    desk.fill("#id_reason", "The fire brigade says that it is over.")
    for _ in range(5):
        desk.click("form button[type=submit] >> text=/^Decide/")
        if desk.locator(".changed").count() == 0:
            break
        desk.fill("#id_typed", LOST)
        desk.fill("#id_reason", "The fire brigade says that it is over.")
    desk.wait_for_url(f"**/recovery/{LOST}/")


def _started(two: Two) -> None:
    desk = two.desk
    desk.click("text='Start its runbook…'", timeout=20_000)
    desk.select_option("#id_mode", "disaster")
    desk.select_option("#id_into", INTO)
    desk.click("text='Show what it would do'")
    for _ in range(5):
        desk.fill("#id_override", "It was never drilled, and it burns.")
        desk.fill("#id_reason", "AAA1 is lost for good.")
        desk.click(f"text='Prepare the disaster of {LOST}'")
        if "/recovery/runs/" in desk.url:
            break
    desk.wait_for_url("**/recovery/runs/*/")
    desk.click("text=/^Start DRP-/")
    desk.fill("#id_typed", LOST)
    desk.fill("#id_reason", "AAA1 is lost for good.")
    desk.click("main button[type=submit]")
    wait_for(lambda: two.state() == "running", 20)


def _goes_on(two: Two) -> None:
    """One thing that a person does, where somebody is asked; else a moment."""
    if asked := two.asked():
        _approves(two, asked[0])
    elif two.desk.locator("text=Write down what you did…").count():
        _writes_down(two)
    else:
        two.desk.wait_for_timeout(500)


def _approves(two: Two, ask: str) -> None:
    """Led there by the overview."""
    phone = two.phone
    phone.goto(f"{two.stack.url}/")
    phone.click("text=/^Read and answer: /", timeout=15_000)
    phone.wait_for_url("**/recovery/approve/*/")
    phone.click(".seal >> text=/^Approve: /")
    phone.wait_for_url("**/recovery/runs/*/", timeout=20_000)
    said = "SELECT count(*) FROM drp_approval WHERE ask_id = %s AND is_yes"
    assert two.stack.rows(said, ask) == [(1,)]


def _writes_down(two: Two) -> None:
    desk = two.desk
    if two.steps().get("thaw") == "begun":
        _lifts_the_freeze(two)
    desk.click("text=Write down what you did… >> nth=0")
    desk.fill("#id_reason", f"Done, at {clock.system.now():%H:%M:%S}.")
    desk.click("main button[type=submit]")
    desk.wait_for_url("**/recovery/runs/*/")
    desk.wait_for_timeout(1500)


def _lifts_the_freeze(two: Two) -> None:
    run = two.desk.url
    two.desk.goto(f"{two.stack.url}/")
    two.desk.click("#p-frozen a.btn, #p-frozen button")
    if two.desk.locator("#id_reason").count():
        two.desk.fill("#id_reason", "Everything serves.")
        two.desk.click("main button[type=submit]")
    two.desk.goto(run)


def _is_recovered(two: Two, bases: Bases) -> None:
    """Every database serves outside what was lost, each act was done once, and all is signed."""
    assert set(two.steps().values()) <= {"done", "skipped", "failed"}
    assert two.steps()["verify"] == "done"
    for name in ALL:
        wait_for(partial(_serves_elsewhere, bases, name), 60)
    twice = "SELECT target, count(*) FROM drp_act WHERE state = 'done' GROUP BY step_id, target"
    assert {n for _, n in two.stack.rows(twice)} == {1}
    signed = two.stack.rows("SELECT DISTINCT approver, factor FROM drp_approval")
    assert signed == [("approver", "passkey")]
    expect(two.desk.locator("#p-run-voice")).to_contain_text(f"{LOST} into {INTO} is done.")
    two.desk.goto(two.desk.url + "report/")
    expect(two.desk.locator("main")).to_contain_text("approver")


def _serves_elsewhere(bases: Bases, name: str) -> bool:
    return bases.one(name, "state") == "serving" and not bases.host_of(name).startswith("aaa1")
