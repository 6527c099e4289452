"""The 10 Hz checker: never two seats of one application on one host (H4, I-CT-2).

It looks at the rows, and at what the hosts really run: the process table, which no partition of
the lab hides and no stopped host delays.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psycopg

from recovery.core.clock import system
from recovery.inventory.facts import SEATED
from recovery.lab.layout import SERVICE

PERIOD = 0.1
Seat = tuple[str, str]
"""Host and application."""
TWICE = (
    "SELECT h.name, a.name FROM inventory_placement p JOIN inventory_host h ON h.id = p.host_id"
    " JOIN inventory_application a ON a.id = p.application_id WHERE p.state = ANY(%s)"
    " GROUP BY 1, 2 HAVING count(*) > 1"
)


@dataclass(slots=True)
class Checker:
    """What it saw. `longest_gap` says whether it really looked ten times a second."""

    url: str
    addresses: frozenset[str]
    looks: int = 0
    longest_gap: float = 0.0
    most: int = 0
    found: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until told to stop."""
        last = system.monotonic()
        connection: psycopg.Connection[tuple[str, str]] | None = None
        while not self._stop.wait(max(0.0, last + PERIOD - system.monotonic())):
            self.longest_gap = max(self.longest_gap, system.monotonic() - last)
            last = system.monotonic()
            self._note("processes", _twice_running(self.addresses, self))
            connection = self._look_at_rows(connection)
            self.looks += 1
        if connection is not None:
            connection.close()

    def _look_at_rows(
        self, connection: psycopg.Connection[tuple[str, str]] | None
    ) -> psycopg.Connection[tuple[str, str]] | None:
        """A database that is away for a moment is looked at again."""
        try:
            if connection is None or connection.closed:
                connection = psycopg.connect(self.url, autocommit=True)
            self._note("rows", connection.execute(TWICE, [sorted(SEATED)]).fetchall())
        except psycopg.OperationalError:
            if connection is not None:
                connection.close()
            return None
        return connection

    def _note(self, where: str, twice: list[Seat]) -> None:
        self.found += [f"{where}: two of {application} on {host}" for host, application in twice]


def _twice_running(addresses: frozenset[str], checker: Checker) -> list[Seat]:
    first = running_seats(addresses)
    checker.most = max(checker.most, sum(first.values()))
    if max(first.values(), default=0) < 2:
        return []
    again = running_seats(addresses)  # the table is not read in one instant: look twice
    return [seat for seat, count in first.items() if count > 1 and again[seat] > 1]


def running_seats(addresses: frozenset[str]) -> Counter[Seat]:
    """How many containers of each application each host runs, by the process table."""
    return Counter((one["host"], one["application"]) for one in containers(addresses))


def containers(addresses: frozenset[str]) -> list[dict[str, str]]:
    """What each container process on these hosts was started as."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if str(SERVICE) in words:
            told = {k.lstrip("-"): v for k, v in pairwise(words)}
            if told.get("address") in addresses:
                found.append(told | {"pid": entry.name})
    return found


@contextmanager
def checking_seats(url: str, addresses: frozenset[str]) -> Iterator[Checker]:
    """Inside, it looks ten times a second."""
    checker = Checker(url, addresses)
    thread = threading.Thread(target=checker.run, name="seats")
    thread.start()
    try:
        yield checker
    finally:
        checker._stop.set()
        thread.join(10)
