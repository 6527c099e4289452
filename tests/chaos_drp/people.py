"""Those who start, answer and do what a run asks for, as far as the web process is there."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx
from fido2.utils import websafe_decode

from recovery.drp.approvals.proofs import write_assertion
from tests.chaos_drp.book import NAME
from tests.chaos_drp.ground import APPROVERS, PEOPLE, Ground

LOOKS_EVERY = 0.5
NEVER_RIGHT = (httpx.codes.FORBIDDEN, httpx.codes.UNPROCESSABLE_ENTITY)
"""What is too late or too early is a conflict; these mean that the wrong person or word came."""
SEEN = re.compile(r'name="seen" value="([^"]*)"')
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]*)"')
OPTIONS = re.compile(r'data-options="([^"]*)"')


@dataclass(slots=True)
class People:
    """Inside, they look twice a second. `taken`: (approver, question) of each yes that the page
    said it took; `sent`: of each that left the passkey."""

    ground: Ground
    number: int = 0
    sent: set[tuple[str, str]] = field(default_factory=set)
    taken: set[tuple[str, str]] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, name="people", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def ends_seconds(self) -> float:
        """After the last strike; a run of the book takes half a minute where nothing dies."""
        return 180.0

    def begin(self) -> None:
        """amelie prepares and starts it, in fair weather."""
        sites = [name for (name,) in self.ground.stack.rows(SITES)]
        self.prepare(NAME, "planned", sites[0], sites[1])
        runs = self.api("GET", "/drp/runs").raise_for_status().json()
        self.number = max(int(run["number"]) for run in runs)
        self.start(self.number, sites[0])

    def prepare(self, book: str, mode: str, lost: str, into: str) -> None:
        """What she was shown."""
        which = {"runbook": book, "mode": mode, "lost": lost, "into": into}
        plan = self.api("POST", "/drp/plan", **which).raise_for_status().json()
        why = {"reason": "It has to be.", "override": "It is the test of it."}
        told = {"digest": plan["seen"], "leaves": plan["leaves"]}
        self.api("POST", "/drp/runs", **which, **why, **told).raise_for_status()

    def start(self, number: int, lost: str) -> None:
        press = {"reason": "It begins.", "typed": lost}
        self.api("POST", f"/drp/runs/{number}/start", **press).raise_for_status()

    def more_faults(self) -> list[str]:
        """What only this book can do wrong."""
        return []

    def api(self, method: str, path: str, who: str = "amelie", **body: object) -> httpx.Response:
        if who not in self.tokens:
            self.tokens[who] = self.ground.stack.manage("token", who)
        return httpx.request(
            method,
            f"{self.ground.stack.door}/api{path}",
            headers={"Authorization": f"Bearer {self.tokens[who]}"},
            json=body or None,
            timeout=10,
            verify=self.ground.stack.trust,
        )

    def _watch(self) -> None:
        while not self._stop.wait(LOOKS_EVERY):
            try:
                self.look()
            except (httpx.HTTPError, json.JSONDecodeError):
                continue  # away: asked again

    def look(self) -> None:
        """One look at the run, and whatever it asks people for."""
        answer = self.api("GET", f"/drp/runs/{self.number}")
        if answer.status_code != httpx.codes.OK:
            return
        run = answer.json()
        if run["state"] == "paused":
            self._press("resume")
        planned = {step["id"]: step for step in run["plan"]["steps"]}
        for step in run["steps"]:
            self._do(step, planned[step["id"]])

    def _do(self, step: Mapping[str, Any], planned: Mapping[str, Any]) -> None:
        if step["state"] == "failed":
            self._press("retry", step=step["id"])
        if step["ask"]:
            for who in APPROVERS:
                self._approve(who, step["ask"])
        if planned["kind"] == "manual":
            for item in step["items"]:
                if item["state"] == "intended":
                    who = next(name for name, role in PEOPLE.items() if role == planned["owner"])
                    self._press("report", who, step=step["id"], key=item["key"])

    def _press(self, verb: str, who: str = "amelie", **more: object) -> None:
        told = {"reason": "The duty desk, at 03:12.", **more}
        answer = self.api("POST", f"/drp/runs/{self.number}/{verb}", who, **told)
        if answer.status_code in NEVER_RIGHT:
            self.refused.append(f"{verb} by {who}: {answer.text}")

    def _approve(self, who: str, ask: str) -> None:
        """They open the question's page, and their passkey signs what it asks for."""
        if (who, ask) in self.taken:
            return
        stack, path = self.ground.stack, f"/recovery/approve/{ask}/"
        cookies = {self.ground.cookie: self.ground.sessions[who]}
        with httpx.Client(
            base_url=stack.door, cookies=cookies, timeout=10, verify=stack.trust
        ) as browser:
            page = browser.get(path)
            form = _form(page.text)
            if page.status_code != httpx.codes.OK or form is None:
                return
            seen, token, asked = form
            party = self.ground.party
            signed = self.ground.keys[who].answer(
                asked, party=party.name, origin=next(iter(party.origins))
            )
            told = {"seen": seen, "answer": write_assertion(signed), "csrfmiddlewaretoken": token}
            self.sent.add((who, ask))
            done = browser.post(path, data=told, headers={"Referer": f"{stack.url}{path}"})
        if done.status_code == httpx.codes.FOUND:
            self.taken.add((who, ask))
        elif done.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
            self.refused.append(f"{who}: {done.status_code}")


SITES = "SELECT name FROM inventory_datacenter ORDER BY name"


def _form(page: str) -> tuple[str, str, bytes] | None:
    """(seen, token, challenge) of the form that a passkey answers; None where it is not there."""
    options, seen, token = (each.search(page) for each in (OPTIONS, SEEN, TOKEN))
    if options is None or seen is None or token is None:
        return None
    asked = json.loads(html.unescape(options[1]))["challenge"]
    return html.unescape(seen[1]), token[1], websafe_decode(asked)
