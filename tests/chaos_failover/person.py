"""A person on call who also answers for databases: what waits within the hour goes on (I-DB-8)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

import httpx
import psycopg

from tests.support import person
from tests.support.stack import Stack

BLOCKED = (
    "SELECT d.name FROM inventory_database d JOIN inventory_writeprobe p ON p.database_id = d.id"
    " WHERE d.blocked_until > now() AND p.failing_since < now() - interval '3 s'"
)
"""It failed over within the hour, and its users wait again."""


@dataclass(slots=True)
class Person(person.Person):
    """Looks once a second, with a connection of its own to the rows."""

    unblocked: int = 0

    def __post_init__(self) -> None:
        self.stack = Stack(self.stack.running, self.stack.env, self.stack.tokens)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        person.Person.__exit__(self, kind, error, at)
        self.stack.close()

    def look(self) -> None:
        person.Person.look(self)
        with suppress(psycopg.Error):
            for (name,) in self.stack.rows(BLOCKED):
                self.unblocked += unblock(self.stack, name)

    def told(self) -> dict[str, int]:
        return {
            "acknowledged": self.acknowledged,
            "released": self.released,
            "unblocked": self.unblocked,
        }


def unblock(stack: Stack, database: str) -> int:
    """1 when something was blocked."""
    path = f"/databases/{database}/unblock"
    answer = stack.api("POST", path, reason="The run will harm it again.")
    return int(answer.status_code == httpx.codes.OK)
