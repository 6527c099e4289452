"""Who acts, and what one entry of the audit log says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

ActorType = Literal["person", "controller", "gateway", "agent", "worker", "command"]

SECRET_WORDS = (
    *("password", "passphrase", "secret", "token", "credential", "cookie", "authorization"),
    *("private_key", "heartbeat_key", "api_key", "apikey", "access_key", "vault_key"),
)
"""A field whose name holds one of these is written as "redacted" (I-AU-4)."""
_IN_TEXT = (
    (re.compile(r"(?<=://)[^/\s@]+@"), "redacted@"),
    (re.compile(r"(?i)\bbearer\s+(?=\S*\d)[\w.~+/=-]{16,}"), "Bearer redacted"),
    (
        re.compile(r"(?i)\b(passwor[dt]|secret|token|api_?key)(\s*[=:]\s*)(\S+)"),
        r"\1\2redacted",
    ),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(-----END [^-]*-----)?"), "redacted"),
    (re.compile(r"PRIVATE\+KEY\+\S+"), "redacted"),
)
_MAY_HOLD_ONE = re.compile(r"[=:+@]|earer ")
"""What a person or a program may put into a sentence: who it opens to is not written."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who caused it. `epoch`: of the controller that decided, else 0."""

    type: ActorType
    id: str
    epoch: int = 0
    session: str = ""
    auth: str = ""

    def __str__(self) -> str:
        return f"{self.type}:{self.id}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of one object. `before` and `after` hold the changed fields only."""

    action: str
    object_type: str
    object_id: str
    object_version: int
    actor: Actor
    reason: str
    at: datetime
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)
    evidence: Mapping[str, object] = field(default_factory=dict)

    def body(self) -> dict[str, object]:
        """The JSON that is kept: secrets are replaced before anything is written."""
        return {
            "v": 1,
            "action": self.action,
            "object": {
                "type": self.object_type,
                "id": self.object_id,
                "version": self.object_version,
            },
            "actor": {
                name: value
                for name, value in (
                    ("type", self.actor.type),
                    ("id", self.actor.id),
                    ("epoch", self.actor.epoch),
                    ("session", self.actor.session),
                    ("auth", self.actor.auth),
                )
                if value
            },
            "reason": redact_text(self.reason),
            "ts_claim": self.at.isoformat(),
            "before": redact(self.before),
            "after": redact(self.after),
            "evidence": redact(self.evidence),
        }


def redact(fields: Mapping[str, object]) -> dict[str, object]:
    """The same mapping with the values of secret-looking names replaced, at any depth."""
    return {
        name: "redacted" if any(word in name.lower() for word in SECRET_WORDS) else _inner(value)
        for name, value in fields.items()
    }


def _inner(value: object) -> object:
    if isinstance(value, Mapping):
        return redact(value)
    if isinstance(value, list | tuple):
        return [_inner(item) for item in value]
    return redact_text(value) if type(value) is str else value


def redact_text(text: str) -> str:
    """The same sentence without passwords in addresses, keys, and words like `token=…`."""
    if not _MAY_HOLD_ONE.search(text):
        return text
    for pattern, instead in _IN_TEXT:
        text = pattern.sub(instead, text)
    return text
