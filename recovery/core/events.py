"""Doorbells: "something changed", rung after commit, at most once, never needed.

Whoever hears one reads the rows; whoever hears none reads them anyway a moment later.
A Redis that is away costs the ringer nothing: after a failure it is left alone for a while.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import redis
from django.conf import settings
from django.db import transaction

from recovery.core import clock

CHANNEL = "tocsin:changed"
QUIET_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Changed:
    """Objects of one type that a committed transaction changed, up to `upto` in the log."""

    object_type: str
    ids: tuple[str, ...]
    action: str
    upto: int

    def message(self) -> str:
        return json.dumps(
            {"type": self.object_type, "ids": self.ids, "action": self.action, "upto": self.upto}
        )


class Doorbell:
    """One Redis connection with short timeouts and a fuse."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=0.2, socket_connect_timeout=0.2)
        self._quiet_until = 0.0

    def ring(self, channel: str, message: str) -> bool:
        """Publish; False when Redis was away or is being left alone."""
        now = clock.system.monotonic()
        if now < self._quiet_until:
            return False
        try:
            self._redis.publish(channel, message)
        except (redis.RedisError, OSError):
            self._quiet_until = now + QUIET_SECONDS
            return False
        return True


_bells: dict[str, Doorbell] = {}


def bell() -> Doorbell:
    """This process's doorbell."""
    url: str = settings.TOCSIN_REDIS_URL
    if url not in _bells:
        _bells[url] = Doorbell(url)
    return _bells[url]


def announce(object_type: str, ids: Sequence[str], action: str, upto: int) -> None:
    """Ring once the running transaction has committed."""
    changed = Changed(object_type, tuple(ids[:50]), action, upto)
    transaction.on_commit(lambda: bell().ring(CHANNEL, changed.message()), robust=True)
