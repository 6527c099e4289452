"""What is wrong with an archive is told: a lab with stores, and hands that reach into them."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.browser.onlab import passwords
from tests.failovers.restoring import POINT, covered, has_points, point, quoted
from tests.failovers.shelves import flip_in_snapshot, frozen, shelf
from tests.failovers.telling import Bases, now
from tests.failovers.test_own_rows import NEWEST, knows
from tests.stories.telling import diary
from tests.support.running import ROOT, environment, started, wait_for
from tests.support.stack import Stack, lab_of_its_own

pytestmark = pytest.mark.timeout(900)
NAME, OWN = "notes-pg", "Tocsin"
LAB_FILE = Path(__file__).with_name("restores.yaml")
WISHES = {
    "TOCSIN_WITHOUT": "lab",
    "TOCSIN_GATEWAY_BACK_DOOR": "1",
    "TOCSIN_LAB_FILE": str(LAB_FILE),
    "TOCSIN_LAB_DATABASES": "1",
    "TOCSIN_LAB_STORES": "1",
    "TOCSIN_RPO_MINUTES": "4 1 2 0.5",
    "TOCSIN_PROVEN_WITHIN_DAYS": "0.001",
    "TOCSIN_PROOF_PAUSE": "5",
}
GRACE, LOOK = timedelta(seconds=30), 20.0
ALARM = "SELECT raised_at, title FROM alarms_alarm WHERE key LIKE %s AND state <> 'ended'"
PROOFS = """
SELECT p.state, p.said, p.begun_at FROM backups_proof p
JOIN backups_backupreplica b ON b.id = p.replica_id
JOIN inventory_database d ON d.id = b.database_id
WHERE d.name = %s AND b.number = %s AND p.ended_at > %s ORDER BY p.ended_at DESC
"""
SETTLED = "SELECT count(*) FROM audit_entry WHERE recorded_at < %s"


@dataclass(slots=True)
class Lives:
    """One state folder: the lab goes on beside it, whichever Tocsin runs on it."""

    folder: Path
    env: dict[str, str]
    here: ExitStack
    stack: Stack
    passwords: str = ""

    def stop(self) -> None:
        self.here.close()

    def start(self) -> Stack:
        running = self.here.enter_context(started(self.folder, self.env))
        self.stack = Stack(running, self.env)
        if passwords(self.stack):  # anew, as long as nobody has signed in
            self.passwords = running.said
        with running.output.open("a") as out:
            out.write(self.passwords)
        self.here.callback(self.stack.close)
        return self.stack


@contextmanager
def beside(env: dict[str, str], *words: str) -> Iterator[None]:
    """A command of ours that no supervisor knows."""
    log = Path(env["TOCSIN_VAR"]) / "log" / f"beside-{words[0]}.log"
    with log.open("a") as out:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=env,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    folder = tmp_path_factory.mktemp("archives") / "var"
    env = environment(folder, **(WISHES | lab_of_its_own()))
    running = ExitStack()
    with ExitStack() as all_of_it:
        lives = Lives(folder, env, running, None)  # type: ignore[arg-type]
        all_of_it.callback(lives.stop)
        stack = lives.start()
        all_of_it.enter_context(beside(env, "lab", "run"))
        all_of_it.enter_context(beside(env, "writers"))
        wait_for(lambda: stack.rows("SELECT 1 FROM inventory_database LIMIT 1"), 60)
        wait_for(stack.is_calm, 180)
        Bases(stack).settle()
        yield lives


@pytest.fixture
def bases(lives: Lives) -> Bases:
    return Bases(lives.stack)


def rings(bases: Bases, key: str) -> list[tuple[Any, ...]]:
    return bases.stack.rows(ALARM, key)


def test_a_piece_that_is_gone_takes_the_quote_to_before_it_at_the_next_look(bases: Bases) -> None:
    covered(bases, NAME, 1, 2)
    there = shelf(bases.stack, NAME, 2)
    base, chunks = there.newest_base(), there.chunks()
    after = [n for n, one in enumerate(chunks) if one.start >= base.stop and one.moment]
    place = after[len(after) // 2]
    gone, before = chunks[place], chunks[place - 1].moment
    at = now()
    content = there.take(str(gone))
    wait_for(lambda: _is_before(point(bases, NAME, 2), gone.moment), LOOK + 10)
    seconds = (now() - at).total_seconds()
    assert before is None or point(bases, NAME, 2) == before
    loses = quoted(bases, "AAA1")[NAME]
    diary(
        f"a piece of {gone.moment:%H:%M:%S} gone: told after {seconds:.1f} s, loses {loses:.0f} s"
    )
    assert gone.moment is not None
    assert loses >= (now() - gone.moment).total_seconds() - 1
    wait_for(lambda: rings(bases, "backup:%:2:gap"), 90)
    there.put(str(gone), content)
    wait_for(lambda: not rings(bases, "backup:%:2:gap"), 60)
    covered(bases, NAME, 1, 2)


def _is_before(found: datetime | None, moment: datetime | None) -> bool:
    return found is None or (moment is not None and found < moment)


def test_a_frozen_catalogue_rings_within_a_minute_of_its_threshold_while_its_job_says_ok(
    bases: Bases,
) -> None:
    covered(bases, NAME, 1, 2)
    key = "backup:%:2:frozen"
    with frozen(shelf(bases.stack, NAME, 2)) as held:
        wait_for(lambda: rings(bases, key), GRACE.total_seconds() + 90)
        ((raised, title),) = rings(bases, key)
        after = raised - held.last - GRACE
        diary(f"{title}: {after.total_seconds():.1f} s after its threshold")
        assert after < timedelta(minutes=1)
        assert held.lost, "the agent went on"
    wait_for(lambda: not rings(bases, key), 90)


@pytest.mark.timeout(2400)
def test_the_lottery_proves_each_replica_and_finds_a_flipped_byte_in_any(bases: Bases) -> None:
    since = now()
    has_points(bases, [NAME], 1, 2, 3)
    for number in (1, 2, 3):
        wait_for(partial(_proofs, bases, number, "passed", since), 600)
    seen = bases.stack.api("GET", "/backups").json()["points"]
    ages = [one["proven_at"] for one in seen if one["database"] == NAME]
    assert all(ages), "the board shows how long ago each was proven"
    diary(f"all three proven {(now() - since).total_seconds():.0f} s after they could be")
    for number in (1, 2):
        there = shelf(bases.stack, NAME, number)
        part = str(there.newest_base().part(0))
        at, content = now(), there.flip(part)
        found = wait_for_proof(bases, number, "failed", at)
        assert "altered" in found
        wait_for(partial(rings, bases, f"backup:%:{number}:disproved"), 60)
        said = restored_by_hand(bases, number)
        assert f"{part} is altered: at least one byte is not what was sealed" in said, said
        there.put(part, content)
        diary(f"replica {number}: found after {(now() - at).total_seconds():.0f} s: {found}")
    at = now()
    part = flip_in_snapshot(bases.stack, NAME)
    found = wait_for_proof(bases, 3, "failed", at)
    assert f"{part} is altered" in found
    wait_for(partial(rings, bases, "backup:%:3:disproved"), 60)
    diary(f"replica 3: found after {(now() - at).total_seconds():.0f} s: {found}")


def _proofs(bases: Bases, number: int, state: str, since: datetime) -> list[str]:
    rows = bases.stack.rows(PROOFS, NAME, number, since)
    return [str(said) for found, said, begun in rows if found == state and begun >= since]


def wait_for_proof(bases: Bases, number: int, state: str, since: datetime) -> str:
    wait_for(partial(_proofs, bases, number, state, since), 600)
    return _proofs(bases, number, state, since)[0]


def restored_by_hand(bases: Bases, number: int) -> str:
    """As an operator does on any host that has the keys; what it says."""
    folder = bases.stack.running.state.folder
    bucket = shelf(bases.stack, NAME, number).bucket
    words = ["--credentials", folder / "lab/backups/credentials", "--id", bucket.access_key[:10]]
    into = folder.parent / f"by-hand-{number}"
    words += ["--database", NAME, "--into", into, "--keys", folder / "lab/backups/keys"]
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "recovery.agent.backups", "restore"),
            f"{bucket.endpoint}/{bucket.bucket}",
            *(str(each) for each in words),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert not list(into.rglob("PG_VERSION")), "nothing half-restored is left"
    return done.stdout


def test_tocsins_own_lost_data_come_back_from_replica_2_and_wait_for_a_person(
    bases: Bases, lives: Lives
) -> None:
    """Its hosts and databases go on meanwhile, and nothing is told to them before a person has."""
    stack = lives.stack
    written = now()
    wait_for(lambda: all(own_point(stack, n) > written for n in (1, 2)), 120)
    quotes = stack.api("GET", "/backups").json()["quotes"]
    (own,) = [one["own"] for one in quotes if one["own"]]
    assert own["replica"] == 2, "its own site's store is lost with it"
    entries = int(stack.rows(SETTLED, written)[0][0])
    gone, seen = bases.missing(NAME), len(bases.ledger(NAME))
    lives.stop()
    shutil.rmtree(lives.folder / "postgres")
    refused = manage(lives, "up")
    assert "Tocsin's own data are not in" in refused, "no empty cluster is made in their place"
    at = now()
    said = manage(lives, "own", "restore", "--replica", "2")
    assert "Restored backup" in said, said
    diary(f"{(now() - at).total_seconds():.1f} s: {said.splitlines()[-1][:140]}")
    stack = lives.start()
    bases = Bases(stack)
    wait_for(lambda: stack.rows(NEWEST) == [(2, "quarantined")], 60)
    wait_for(lambda: knows(stack)["silent"] == [], 90)
    assert int(stack.rows(SETTLED, written)[0][0]) >= entries, "the audit log is whole"
    said = bases.press("/held/settle/", "approver", reason="From replica 2.", number="2")
    assert "The rows are settled" in said, said[-1500:]
    wait_for(lambda: stack.rows(NEWEST) == [(2, "settled")], 30)
    wait_for(lambda: not bases.is_failing(NAME), 60)
    wait_for(lambda: len(bases.ledger(NAME)) > seen + 20, 60)
    assert bases.missing(NAME) <= gone, "no acknowledged write is lost"
    after = now()
    wait_for(lambda: all(own_point(stack, n) > after for n in (1, 2)), 180)


def own_point(stack: Stack, number: int) -> datetime:
    """Up to where Tocsin's own rows could be brought back."""
    sql = POINT.replace("JOIN inventory_database d ON d.id = b.database_id WHERE d.name = %s", "")
    sql = sql.replace("AND b.number", "WHERE b.database_id IS NULL AND b.number")
    rows = stack.rows(sql, number)
    return rows[0][0] if rows and rows[0][0] else datetime.min.replace(tzinfo=now().tzinfo)


def manage(lives: Lives, *words: str) -> str:
    """Everything that it said."""
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=lives.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.stdout + done.stderr
