"""`make bench-failover`: from SIGKILL of a primary's host to the first acknowledged write.

Measured by the users of the lab's databases (`manage.py writers`): a client through the edge
writes ten times a second and notes each acknowledgement; the gap that the kill tears begins with
the last acknowledged write before it. *served* counts from the kill itself to the end of that
gap. Five pairs on hosts of their own (`failover.yaml`); one is killed while others recover. Kills
of hosts are at least `SPACING` seconds apart, so that the guard (two losses in 120 s) need not
ask a person; a person's word that the next failover within the hour may go on by itself (I-DB-8)
is given through the API, and counted.

*receipt*: not the host falls but its server, which would take longer to recover than a standby to
be promoted; its agent lives and signs that the gate is closed.

Each kill is one JSON line, durable before the next: an interrupted run goes on where it stopped.
A kill that goes wrong is a line with its reason. Patroni is killed beside all this, by a process
of its own (`patroni.py`).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg

from recovery.core.clock import system
from recovery.core.errors import TocsinError
from recovery.failover.policy import Policy
from recovery.lab import processes
from tests.bench.failover_report import KINDS, report, said
from tests.chaos_failover.person import Person, unblock
from tests.chaos_failover.rounds import NOT_WHOLE, RESTED
from tests.chaos_failover.strikes import watched
from tests.support.running import ROOT
from tests.support.stack import Stack, whole_stack

LAB_FILE = Path(__file__).with_name("failover.yaml")
AT_MOST, READY_SECONDS = 120.0, 300.0
WELL_MS = (Policy().healthy_for + 1.0) * 1000
"""What `tests.chaos_failover` shortens by a setting stays as it is shipped here."""
MOST_STACKS = 6
"""So often Tocsin is started anew when it does not get whole again between two kills."""
PRIMARY = (
    "SELECT d.name, h.name, d.epoch FROM inventory_database d"
    " JOIN inventory_replica r ON r.id = d.primary_id JOIN inventory_host h ON h.id = r.host_id"
    " WHERE {kind} ORDER BY 1"
)
GAP = (
    "SELECT g.seconds, g.lost, g.first_after FROM inventory_writegap g"
    " JOIN inventory_database d ON d.id = g.database_id"
    " WHERE d.name = %s AND g.first_after > %s ORDER BY g.first_after"
)
PHASES = (
    "SELECT f.began_at, f.fenced_at, f.elected_at, f.promoted_at, f.redirected_at, f.loss, f.kind,"
    " f.proof->>'kind' FROM failover_failover f JOIN inventory_database d ON d.id = f.database_id"
    " WHERE d.name = %s AND f.began_at > %s ORDER BY f.number"
)


@dataclass(slots=True)
class Kill:
    """One kill. `phases`: seconds from the kill to the end of each; `by`: what brought it back."""

    kind: str
    database: str
    host: str
    served: float | None = None
    gap: float | None = None
    lost: int = 0
    quoted: dict[str, object] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)
    by: str = ""
    person: dict[str, int] = field(default_factory=dict)
    failed: str = ""


def main(given: Mapping[str, str]) -> bool:
    """Whatever is still missing of the wanted kills; True when each was served and none lost."""
    folder = Path(os.environ.get("TOCSIN_BENCH", ROOT / "var" / "bench"))
    folder.mkdir(parents=True, exist_ok=True)
    kept, others = folder / "failover.jsonl", folder / "failover-patroni.jsonl"
    patroni = _patroni(int(given.get("KILLS", "10")), others, folder)
    try:
        for _ in range(MOST_STACKS):
            if not _missing(given, kept):
                break
            try:
                _on_one_stack(given, kept)
            except (AssertionError, TocsinError, psycopg.Error, OSError) as error:
                print(f"  Tocsin is started anew: {error}"[:600], flush=True)
        patroni.wait()
    finally:
        patroni.terminate()
        patroni.wait()
    return report(_read(kept), _read(others))


def _patroni(count: int, out: Path, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "patroni.log").open("ab") as log:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "tests.bench.patroni",
             str(count), str(out)], cwd=ROOT, stdout=log, stderr=log,
        )  # fmt: skip


def _read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _missing(given: Mapping[str, str], kept: Path) -> list[str]:
    """One kill of each kind after another, so that an interrupted run has some of each."""
    wanted = Counter({kind.name: int(given.get("KILLS", kind.wanted)) for kind in KINDS})
    missing = wanted - Counter(str(line["kind"]) for line in _read(kept))
    order: list[str] = []
    while missing:
        order += sorted(missing)
        missing -= Counter(dict.fromkeys(missing, 1))
    return order


def _on_one_stack(given: Mapping[str, str], kept: Path) -> None:
    """Until all are done, or something does not get whole again."""
    spacing = float(given.get("SPACING", "61"))
    more = {"TOCSIN_LAB_DATABASES": "1", "TOCSIN_LAB_FILE": str(LAB_FILE)}
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-bench-") as home,
        whole_stack(Path(home) / "var", **more) as stack,
    ):
        began = float("-inf")
        for turn, kind in enumerate(_missing(given, kept)):
            time.sleep(max(0.0, began + spacing - system.monotonic()))
            result = kill(stack, kind, turn)
            began = system.monotonic()
            with kept.open("a") as out:
                out.write(json.dumps(asdict(result), default=str) + "\n")
                out.flush()
                os.fsync(out.fileno())
            print(f"  {turn + 1:3} {said(asdict(result))}", flush=True)


def kill(stack: Stack, kind: str, turn: int) -> Kill:
    """The primary of one database of the kind, until its users are served again; its host is
    back at the end."""
    which = next(each for each in KINDS if each.name == kind)
    name = stack.rows(PRIMARY.format(kind=which.where))[turn % which.pairs][0]
    _until_ready(stack, name)
    found = {row[0]: row[1:] for row in stack.rows(PRIMARY.format(kind=which.where))}
    host, epoch = found[name]
    result = Kill(kind, name, host)
    with Person(stack) as person:
        person.unblocked += unblock(stack, name)
        instant = system.now()
        try:
            (_kill_server if which.is_receipt else _kill_host)(stack, host)
            _measure(stack, result, instant)
            assert stack.rows(PRIMARY.format(kind=which.where)), "no primary"
        except (AssertionError, TocsinError, psycopg.Error, OSError) as error:
            result.failed = (str(error) or type(error).__name__)[:500]
        result.person = person.told()
    with suppress(TocsinError, psycopg.Error):
        _add_phases(stack, result, instant)
    if not result.failed and not result.by:
        result.failed = f"served without a failover, epoch {epoch}"
    for each, seen in stack.lab_hosts().items():
        if seen["state"] == "down":
            stack.lab("restart", host=each)
    return result


def _kill_host(stack: Stack, host: str) -> None:
    stack.lab("kill", host=host)


def _kill_server(stack: Stack, host: str) -> None:
    """SIGKILL of the server's whole tree; its agent and its watchdog live."""
    for pid in watched(int(stack.lab_hosts()[host]["pid"]), itself=False):
        processes.send(pid, signal.SIGKILL)


def _measure(stack: Stack, result: Kill, since: datetime) -> None:
    """The gap of its users that the kill tore."""
    deadline = system.monotonic() + AT_MOST
    while system.monotonic() < deadline:
        with suppress(psycopg.OperationalError):
            if gaps := stack.rows(GAP, result.database, since):
                seconds, lost, after = gaps[0]
                result.gap, result.lost = round(float(seconds), 3), int(lost)
                result.served = round((after - since).total_seconds(), 3)
                return
        time.sleep(0.2)
    raise AssertionError(f"not served within {AT_MOST:.0f} s: {_why(stack, result.database)}")


def _add_phases(stack: Stack, result: Kill, since: datetime) -> None:
    names = ("began", "fenced", "elected", "promoted", "redirected")
    for *instants, loss, kind, proof in stack.rows(PHASES, result.database, since):
        result.quoted, result.by = dict(loss), f"{kind}, {proof or 'no proof'}"
        result.phases = {
            name: round((at - since).total_seconds(), 3)
            for name, at in zip(names, instants, strict=True)
            if at is not None
        }


def _until_ready(stack: Stack, name: str) -> None:
    """Every host is up and no incident is open; this database's standby could take over."""
    deadline = system.monotonic() + READY_SECONDS
    while True:
        with suppress(psycopg.OperationalError):
            waiting = {row[0] for row in (*stack.rows(NOT_WHOLE), *stack.rows(RESTED, WELL_MS))}
            if stack.is_calm() and name not in waiting:
                return
        assert system.monotonic() < deadline, (
            f"{name} is not ready: {_why(stack, name)} {stack.open_incidents()}"
        )
        time.sleep(0.5)


def _why(stack: Stack, name: str) -> str:
    return str(dict(stack.rows(NOT_WHOLE)).get(name, "it is whole"))
