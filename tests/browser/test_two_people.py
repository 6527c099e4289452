"""The worst day, as two people live it: a datacenter is killed with its stores; one starts the plan
at a desk, another approves each dangerous step on a phone, by passkey over HTTPS, until its end.

On the same lab before: runs of another plan, while Tocsin's own processes die.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Error as PlaywrightError

from recovery.core import clock
from recovery.drp.reports.document import Report, read_report
from tests.browser.onlab import Person, person, press_until_taken
from tests.browser.passkeys import put_authenticator
from tests.chaos_drp.before import rounds_before
from tests.chaos_drp.rounds import Result
from tests.failovers.briefing import WITHIN
from tests.failovers.ledgers import Ledgers, watching
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
PICTURES = os.environ.get("TOCSIN_PICTURES", "")
"""A folder: what the two see is kept there, for a person to look at."""
RUN = "SELECT state, state_reason FROM drp_run ORDER BY number DESC LIMIT 1"
STEPS = """
SELECT s.name, s.state FROM drp_runstep s JOIN drp_run r ON r.id = s.run_id
WHERE r.number = (SELECT max(number) FROM drp_run)
"""
SIGNED = """
SELECT DISTINCT a.approver, a.factor FROM drp_approval a JOIN drp_ask q ON q.id = a.ask_id
JOIN drp_runstep s ON s.id = q.step_id JOIN drp_run r ON r.id = s.run_id
WHERE r.number = (SELECT max(number) FROM drp_run)
"""
REPORT = """
SELECT p.raw, p.signature FROM drp_report p JOIN drp_run r ON r.id = p.run_id
WHERE r.number = (SELECT max(number) FROM drp_run)
"""
WORST = 900.0
"""Seconds for the whole plan on the busiest machine."""
APART = 2.0
"""Seconds by which a report may differ from this test's own stopwatch and the writers' ledger."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    needs("chromium")
    folder = tmp_path_factory.mktemp("worst") / "var"
    more = {"TOCSIN_LAB_DATABASES": "1", "TOCSIN_LAB_STORES": "1", "TOCSIN_HOST": HOST}
    with whole_stack(folder, TOCSIN_LAB_FILE=str(LAB), **more) as made:
        yield made


@pytest.fixture(scope="module")
def ledgers(stack: Stack) -> Iterator[Ledgers]:
    """Since before the archives get their first points: what is lost reaches back to one."""
    bases = Bases(stack)
    bases.settle()
    with watching(bases.writers) as watched:
        yield watched


@pytest.fixture(scope="module")
def struck(stack: Stack, ledgers: Ledgers) -> list[Result]:
    """While the archives get their first points."""
    return rounds_before(stack)


@dataclass
class Two:
    """Who starts it, at a desk, and who approves it, on a phone. `given_up`: nobody goes on."""

    stack: Stack
    desk: Page
    phone: Page
    given_up: Event = field(default_factory=Event)

    def state(self) -> str:
        return str(self.stack.rows(RUN)[0][0])

    def steps(self) -> dict[str, str]:
        return dict(self.stack.rows(STEPS))

    def asked(self) -> list[str]:
        rows = self.stack.rows("SELECT id FROM drp_ask WHERE state = 'open' ORDER BY asked_at")
        said = {str(ask) for (ask,) in self.stack.rows("SELECT ask_id FROM drp_approval")}
        return [str(ask) for (ask,) in rows if str(ask) not in said]


def test_runs_under_kill_nine_end_right_do_nothing_twice_and_lose_no_word(
    struck: list[Result],
) -> None:
    for result in struck:
        diary(f"{result.plan}: over after {result.ran} s, {result.approvals} approvals")
    assert [result for result in struck if not result.ok] == []


def test_a_lost_datacenter_is_recovered_by_two_people(
    stack: Stack, ledgers: Ledgers, struck: list[Result], chromium: Browser, tmp_path: Path
) -> None:
    assert all(result.seconds for result in struck), struck
    bases = Bases(stack)
    bases.settle()
    stack.calm(180)
    with (
        person(stack, chromium, "responder", **DESK) as responder,
        person(stack, chromium, "approver", **PHONE) as approver,
        ThreadPoolExecutor(1) as apart,
    ):
        _is_ready(bases)
        two = Two(stack, responder.open("/"), _with_a_passkey(stack, approver))
        gone = {name: bases.missing(name) for name in ALL}
        killed = stopwatch()
        stack.lab("kill-datacenter", datacenter=LOST)
        _is_briefed(two, killed)
        _decided(two)
        assert len(stack.open_incidents()) == 1
        _started(two)
        done = apart.submit(partial(_done_at, two))
        try:
            while not done.done():
                _goes_on(two)
        finally:
            two.given_up.set()
        took = done.result() - killed
        diary(f"{LOST} into {INTO}: {took:.0f} s from the kill to the plan's end")
        _is_recovered(two, bases)
        report = _signed_report(two, tmp_path)
        _agrees(report, bases, ledgers, gone)
        assert report.run.ended_at
        assert report.run.lost_at
        told = (report.run.ended_at - report.run.lost_at).total_seconds()
        assert abs(told - took) <= APART, (told, took)


def _is_ready(bases: Bases) -> None:
    """Every database could be recovered, and two others put the runbook in force."""
    bases.prove("orders-pg")
    has_points(bases, ALL, 1, 2)
    covered(bases, "notes-pg", 1, 2)
    bases.stack.manage("runbooks", "--write", "admin")
    bases.stack.manage("shell", "-c", ACTIVATE)
    assert _looks(bases.stack) == "fine"


def _looks(stack: Stack) -> str:
    """The first time takes a token, which is made by a process of its own: seconds."""
    return str(stack.api("GET", f"/recovery/{LOST}").json()["brief"]["look"])


def _is_briefed(two: Two, killed: float) -> None:
    wait_for(lambda: _looks(two.stack) == "lost", 20)
    took = stopwatch() - killed
    diary(f"{LOST}: its brief is there {took:.1f} s after the kill")
    assert took < WITHIN


def _done_at(two: Two) -> float:
    """By the stopwatch, in a thread beside the browsers."""

    def is_over() -> bool:
        state = two.state()
        assert state in {"running", "done"}, (state, two.steps(), _reason(two.stack))
        return state == "done" or two.given_up.is_set()

    wait_for(is_over, WORST)
    return stopwatch()


def _reason(stack: Stack) -> str:
    return str(stack.rows(RUN)[0][1])


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


def _takes_what_rings(desk: Page) -> None:
    """A host's incident that was taken may become a part of the datacenter's, which rings anew."""
    _presses_on(desk, f"text='Activate or wait? {LOST}'")


def _presses_on(desk: Page, way: str) -> None:
    """Takes what rings until the way is there: what grew into more is nobody's yet."""
    leads = desk.locator(way).first
    rings = desk.locator("text=/^Acknowledge INC-/").first

    def is_led_on() -> bool:
        if rings.is_visible():
            with suppress(PlaywrightError):
                rings.click(timeout=1_000)
        desk.wait_for_timeout(300)
        return leads.is_visible()

    wait_for(is_led_on, 60)


def _decided(two: Two) -> None:
    """From the bell to the word "recover it elsewhere", in the order in which the pages lead."""
    desk = two.desk
    _takes_what_rings(desk)
    desk.click(f"text='Activate or wait? {LOST}'", timeout=60_000)
    expect(desk.locator("#p-recovery-voice")).to_contain_text("looks lost", timeout=10_000)
    _shoot(desk, "brief")
    _presses_on(desk, f"text='Recover {LOST} elsewhere…'")
    desk.click(f"text='Recover {LOST} elsewhere…'")
    _shoot(desk, "decide")
    desk.fill("#id_typed", LOST)
    desk.fill("#id_reason", "The fire brigade says that it is over.")
    desk.click("form button[type=submit] >> text=/^Decide/")
    desk.wait_for_url(f"**/recovery/{LOST}/")


def _started(two: Two) -> None:
    desk = two.desk
    desk.click("text='Start its runbook…'", timeout=20_000)
    desk.select_option("#id_mode", "disaster")
    desk.select_option("#id_into", INTO)
    desk.click("text='Show what it would do'")
    _shoot(desk, "prepare")
    desk.fill("#id_override", "It was never drilled, and it burns.")
    desk.fill("#id_reason", "AAA1 is lost for good.")
    desk.click(f"text='Prepare the disaster run of {LOST}'")
    desk.wait_for_url("**/recovery/runs/*/")
    desk.click("text=/^Start DRP-/")
    _shoot(desk, "start")
    desk.fill("#id_typed", LOST)
    desk.fill("#id_reason", "AAA1 is lost for good.")
    desk.click("main button[type=submit]")
    wait_for(lambda: two.state() == "running", 20)


def _goes_on(two: Two) -> None:
    """One thing that a person does, where somebody is asked; else a moment."""
    if asked := two.asked():
        _approves(two, asked[0])
    elif two.steps().get("thaw") == "begun":
        _lifts_the_freeze(two)
    elif two.steps().get("word") == "begun":
        _writes_down(two.desk, two, "word")
    else:
        two.desk.wait_for_timeout(500)


def _approves(two: Two, ask: str) -> None:
    """Led there by the overview."""
    phone = two.phone
    phone.goto(f"{two.stack.url}/")
    _shoot(phone, f"led-{ask[:4]}")
    phone.click("text=/^Read and answer: /", timeout=15_000)
    phone.wait_for_url("**/recovery/approve/*/")
    _shoot(phone, f"approve-{ask[:4]}")
    _shoot(two.desk, f"run-{ask[:4]}")
    press_until_taken(phone)
    said = "SELECT count(*) FROM drp_approval WHERE ask_id = %s AND is_yes"
    assert two.stack.rows(said, ask) == [(1,)]


def _writes_down(page: Page, two: Two, step: str) -> None:
    page.click(f"#step-{step} >> text=Write down what you did…", timeout=15_000)
    page.fill("#id_reason", f"Done, at {clock.system.now():%H:%M:%S}.")
    page.click("main button[type=submit]")
    page.wait_for_url("**/recovery/runs/*/")
    wait_for(lambda: two.steps()[step] == "done", 20)


def _lifts_the_freeze(two: Two) -> None:
    """The approver is asked to, and is still at the phone, on the run's page."""
    phone, run = two.phone, two.desk.url
    phone.goto(f"{two.stack.url}/")
    _shoot(phone, "frozen")
    phone.click("#p-frozen >> text=Lift the freeze")
    _shoot(phone, "thaw")
    phone.fill("[name=reason]", "Everything of the plan is led from elsewhere.")
    phone.click("button:has-text('Lift the freeze')")
    expect(phone.locator("#p-frozen >> text=Lift the freeze")).to_have_count(0)
    phone.goto(run)
    expect(phone.locator("#p-run-next")).to_contain_text("do “Lift the freeze”")
    _writes_down(phone, two, "thaw")


def _is_recovered(two: Two, bases: Bases) -> None:
    """Every database serves outside what was lost, each act was done once, and all is signed."""
    assert set(two.steps().values()) <= {"done", "skipped", "failed"}
    assert two.steps()["verify"] == "done"
    for name in ALL:
        wait_for(partial(_serves_elsewhere, bases, name), 60)
    twice = "SELECT target, count(*) FROM drp_act WHERE state = 'done' GROUP BY step_id, target"
    assert {n for _, n in two.stack.rows(twice)} == {1}
    assert two.stack.rows(SIGNED) == [("approver", "passkey")]
    expect(two.desk.locator("#p-run-voice")).to_contain_text(f"{LOST} into {INTO} is done.")
    _shoot(two.desk, "done")


def _signed_report(two: Two, folder: Path) -> Report:
    """Found by the person at the desk, and checked as an auditor does, by the public key alone."""
    wait_for(lambda: two.stack.rows(REPORT), 90)
    two.desk.goto(two.desk.url + "report/")
    expect(two.desk.locator("main")).to_contain_text("16 of 16 steps done")
    _shoot(two.desk, "report")
    raw, line = two.stack.rows(REPORT)[0]
    (file, signature) = folder / "report.json", folder / "report.sig"
    file.write_text(raw)
    signature.write_text(line)
    key = two.stack.manage("reports", "key")
    words = ("--signature", str(signature), "--key", key)
    two.stack.manage("reports", "verify", str(file), *words)
    return read_report(raw.encode())


def _agrees(report: Report, bases: Bases, ledgers: Ledgers, gone: dict[str, set[int]]) -> None:
    """RTO with the time for which the ledger did not grow, RPO with what it has beyond the
    database."""
    for one in (one for one in report.targets if one.type == "database"):
        out = ledgers.longest()[one.name]
        missing = bases.missing(one.name) - gone[one.name]
        lost = ledgers.known[one.name].lost(missing)
        diary(
            f"{one.name}: out {out:.1f} s, {len(missing)} acknowledged writes or {lost:.1f} s lost;"
            f" its report says {one.rto.seconds} s, {one.rpo.seconds} s"
        )
        assert one.rto.seconds is not None
        assert one.rpo.seconds is not None
        assert abs(one.rto.seconds - out) <= APART
        assert lost <= one.rpo.seconds + APART
        assert one.rpo.is_bound or one.rpo.seconds - lost <= APART


def _shoot(page: Page, name: str) -> None:
    """By day and by night."""
    for scheme in ("light", "dark") if PICTURES else ():
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=Path(PICTURES) / f"{name}-{scheme}.png", full_page=True)


def _serves_elsewhere(bases: Bases, name: str) -> bool:
    return bases.one(name, "state") == "serving" and not bases.host_of(name).startswith("aaa1")
