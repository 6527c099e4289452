"""The hub of this process: its source is PostgreSQL, its doorbell Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import redis.asyncio
from django.conf import settings
from django.db import close_old_connections, connection
from redis.exceptions import RedisError

from dashboard.build import build
from dashboard.hub import Draw, Hub
from dashboard.panels import draw
from dashboard.permissions import Role, strongest
from dashboard.screen import Screen
from recovery.access import queries as access
from recovery.core import clock, events
from recovery.core.ending import end
from recovery.engines.state import State

BELL_AWAY_SECONDS = 1.0

MARKER = """
SELECT (SELECT max(id) FROM audit_entry),
       (SELECT max(id) FROM incidents_timelineentry),
       (SELECT count(*) FROM incidents_member WHERE whole_at IS NULL),
       (SELECT max(looked_at) FROM backups_archivesight),
       (SELECT max(followed_at) FROM backups_archivesight),
       (SELECT max(next_at) FROM alarms_delivery WHERE state IN ('waiting', 'taken'))
"""


class Rows:
    """The rows themselves, read in the hub's own thread."""

    def marker(self) -> object:
        close_old_connections()
        with connection.cursor() as cursor:
            cursor.execute(MARKER)
            return cursor.fetchone(), Screen(Role.VIEWER).is_watched, _status_written()

    def look(self) -> Draw:
        seen: list[Screen] = []

        def drawn(role: Role, topics: Iterable[str]) -> Mapping[str, str]:
            screen = seen.pop().seen_by(role) if seen else Screen(role)
            seen.append(screen)
            return {topic: str(draw(topic, screen)) for topic in topics}

        return drawn

    def roles(self, who: Mapping[str, int]) -> Mapping[str, Role]:
        living = access.living_sessions(who, clock.system.now())
        groups = access.groups_of_active(set(who.values()))
        found = {key: strongest(groups.get(who[key], ())) for key in living if key in who}
        return {key: role for key, role in found.items() if role is not None}

    def stamp(self) -> Mapping[str, object]:
        return {"tick": clock.system.now().isoformat(timespec="milliseconds"), "build": build()}

    def close(self) -> None:
        connection.close()


def _status_written() -> int:
    """When the supervisor last wrote which processes run; 0: it never did here."""
    try:
        return State(Path(settings.VAR)).status_file.stat().st_mtime_ns
    except OSError:
        return 0


@dataclass
class Live:
    """The hub and the tasks that keep it going, one set an event loop."""

    hub: Hub
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


_lives: dict[asyncio.AbstractEventLoop, Live] = {}


def hub() -> Hub:
    """This loop's hub, started with its first connection."""
    loop = asyncio.get_running_loop()
    if loop not in _lives:
        made = Hub(Rows())
        tasks = [loop.create_task(made.run()), loop.create_task(listen(made.bell))]
        _lives[loop] = Live(made, tasks)
    return _lives[loop].hub


async def stop() -> None:
    """End this loop's hub; everybody is told to come back."""
    live = _lives.pop(asyncio.get_running_loop(), None)
    if live is None:
        return
    await end(live.tasks)
    await live.hub.close()


async def listen(bell: asyncio.Event) -> None:
    """Ring on every change that Redis tells of; without Redis the poll of each second does."""
    client = redis.asyncio.Redis.from_url(
        settings.TOCSIN_REDIS_URL, socket_timeout=None, socket_connect_timeout=1.0
    )
    while True:
        try:
            async with client.pubsub() as pubsub:
                await pubsub.subscribe(events.CHANNEL)
                bell.set()
                async for _ in pubsub.listen():
                    bell.set()
        except (RedisError, OSError):
            await asyncio.sleep(BELL_AWAY_SECONDS)
