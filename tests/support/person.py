"""A person on call, through the API: acknowledges what rings and releases what is held."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx

from tests.support.stack import Stack

LOOKS_EVERY = 1.0
WHY = "Seen in the test run."


@dataclass(slots=True)
class Person:
    """Inside, somebody looks once a second. A web process that is away is asked again later."""

    stack: Stack
    acknowledged: int = 0
    released: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, name="person", daemon=True)
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

    def _watch(self) -> None:
        while not self._stop.wait(LOOKS_EVERY):
            try:
                self.look()
            except httpx.HTTPError:
                continue

    def look(self) -> None:
        """One look at the overview, and the presses that it asks for."""
        answer = self.stack.api("GET", "/state")
        if answer.status_code != httpx.codes.OK:
            return
        seen = answer.json()
        for incident in seen["incidents"]:
            if incident["acknowledged_at"] is None and incident["state"] == "open":
                path = f"/incidents/{incident['number']}/acknowledge"
                self.acknowledged += self._press(path)
        if seen["held"]:
            self.released += self._press("/held/release")

    def _press(self, path: str) -> int:
        return int(self.stack.api("POST", path, reason=WHY).status_code == httpx.codes.OK)
