"""A datacenter to lose, people with pinned passkeys, a runbook, clients that are signed in."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from recovery.core.consent import Assertion
from recovery.drp.approvals.proofs import write_assertion
from recovery.drp.models import BreakGlass
from recovery.drp.queries.approvals import glass_word
from recovery.drp.queries.runs import plan_of, question_of, word_of
from tests.actions.conftest import unhurried
from tests.actions.drp.ground import Ground, make_ground
from tests.dashboard.fleet import plain

Enter = Callable[[str], Client]
__all__ = ["unhurried"]


@pytest.fixture
def ground(db: None, tmp_path: Path) -> Iterator[Ground]:
    path = tmp_path / "approvers.json"
    with override_settings(TOCSIN_PINS=str(path), TOCSIN_URL="https://tocsin.example"):
        yield make_ground(path)


@pytest.fixture
def enter(ground: Ground) -> Enter:
    def entered(who: str) -> Client:
        client = Client()
        client.force_login(User.objects.get(username=who))
        return client

    return entered


def text(answer: Any) -> str:
    return plain(html.unescape(answer.content.decode()))


@dataclass
class Desk:
    """Somebody before the page of one step's question."""

    ground: Ground
    client: Client
    who: str
    step: str

    @property
    def path(self) -> str:
        return f"/recovery/approve/{self.ground.ask(self.step).pk}/"

    def read(self) -> str:
        """The page; what it is bound to is kept for the answer."""
        page = self.client.get(self.path).content.decode()
        self.seen = seen_of(page)
        return plain(html.unescape(page))

    def sign(self, **how: object) -> Assertion:
        ask = self.ground.ask(self.step)
        question = question_of(self.ground.run, plan_of(self.ground.run), ask.step, ask)
        return self.ground.keys[self.who].sign(word_of(question, ask, self.who), **how)  # type: ignore[arg-type]

    def approve(self, **how: object) -> Any:
        told = {"seen": self.seen, "answer": write_assertion(self.sign(**how))}
        return self.client.post(self.path, told)

    def deny(self, reason: str = "It comes back.") -> Any:
        return self.client.post(f"{self.path}deny/", {"seen": self.seen, "reason": reason})

    def break_glass(
        self, *rules: str, reason: str = "Nobody else answers.", signs: bool = True
    ) -> Any:
        """Named, then signed as the second page asks."""
        path = f"{self.path}break-glass/"
        told = {"seen": self.seen, "rules": list(rules), "reason": reason}
        asked = self.client.post(path, told)
        if not signs or "data-passkey-said" not in asked.content.decode():
            return asked
        ask = self.ground.ask(self.step)
        broken = BreakGlass(ask=ask, by=self.who, rules=sorted(rules), reason=reason)
        signed = self.ground.keys[self.who].sign(glass_word(self.ground.run, ask.step, ask, broken))
        return self.client.post(path, told | {"answer": write_assertion(signed)})


def seen_of(page: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', page)
    return html.unescape(found[1]) if found else ""
