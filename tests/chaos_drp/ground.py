"""People with pinned passkeys and sessions in a running Tocsin, and the runbook in force."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from recovery.core.consent import Party, Pin, write_pins
from tests.support.passkeys import Passkey
from tests.support.stack import Stack

PEOPLE = {
    "amelie": "responder",
    "bruno": "approver",
    "chloe": "approver",
    "dora": "admin",
    "emil": "admin",
}
"""amelie asks, emil wrote the runbook, dora made it active; bruno and chloe approve."""
APPROVERS = ("bruno", "chloe")
SETTLE = """
import json, sys
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from importlib import import_module
from recovery.access.actions import register_person
from recovery.audit.facts import Actor
from recovery.core.clock import system
from recovery.drp.actions import activate_runbook, write_runbook
told = json.loads({told!r})
by, now, keys = Actor("command", "chaos"), system.now(), {{}}
for name, role in told["people"].items():
    why = {{"actor": by, "reason": "x", "now": now}}
    user = register_person(username=name, role=role, password="x" * 20, **why)
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    keys[name] = session.session_key
row = write_runbook(raw=told["book"].encode(), actor=Actor("person", "emil"), reason="x", now=now)
activate_runbook(runbook=row, actor=Actor("person", "dora"), reason="I read it.", now=now)
print("SESSIONS " + json.dumps([settings.SESSION_COOKIE_NAME, keys]))
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """`sessions`: by name, what the cookie of that name holds."""

    stack: Stack
    keys: dict[str, Passkey]
    cookie: str
    sessions: dict[str, str]

    @property
    def pins(self) -> tuple[Pin, ...]:
        return tuple(key.pin for key in self.keys.values())

    @property
    def party(self) -> Party:
        url = urlsplit(self.stack.url)
        return Party(url.hostname or "", frozenset({f"{url.scheme}://{url.netloc}"}))


def settle(stack: Stack, raw: str) -> Ground:
    """Once, before anything is away; with this runbook in force."""
    keys = {name: Passkey(name) for name in PEOPLE}
    pins = write_pins([key.pin for key in keys.values()])
    path = stack.running.state.folder / "secrets" / "approvers.json"
    path.write_bytes(pins)
    told = json.dumps({"people": PEOPLE, "book": raw})
    said = stack.manage("shell", "--no-imports", "-c", SETTLE.format(told=told))
    found = next(line for line in said.splitlines() if line.startswith("SESSIONS "))
    cookie, sessions = json.loads(found.removeprefix("SESSIONS "))
    return Ground(stack, keys, cookie, sessions)
