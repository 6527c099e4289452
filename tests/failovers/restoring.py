"""What the stories of restores do: wait for archives, lose what holds a database, two people's
words, and what was lost by the writers' own ledgers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from recovery.core.ports import DATABASE, Login
from tests.failovers.telling import Bases, now
from tests.stories.telling import diary
from tests.support.running import wait_for

RESTORE = """
SELECT r.phase, r.end_reason, r.recovered_to, r.bytes, r.speed, h.name, s.name, r.id::text,
       b.number, r.quoted
FROM restores_restore r JOIN inventory_database d ON d.id = r.database_id
JOIN inventory_host h ON h.id = r.host_id JOIN backups_backupreplica b ON b.id = r.source_id
JOIN backups_store s ON s.id = b.store_id WHERE d.name = %s ORDER BY r.number DESC LIMIT 1
"""
POINT = """
SELECT s.moment FROM backups_archivesight s JOIN backups_backupreplica b ON b.id = s.replica_id
JOIN inventory_database d ON d.id = b.database_id WHERE d.name = %s AND b.number = %s
"""
SIGHT = """
SELECT s.* FROM backups_archivesight s JOIN backups_backupreplica b ON b.id = s.replica_id
JOIN inventory_database d ON d.id = b.database_id WHERE d.name = %s AND b.number = %s
"""
MEMBERS = """
SELECT h.name FROM inventory_replica r JOIN inventory_host h ON h.id = r.host_id
JOIN inventory_database d ON d.id = r.database_id
WHERE d.name = %s AND r.state <> 'retired' ORDER BY r.number
"""


@dataclass(frozen=True, slots=True)
class Restored:
    """The newest restore of a database, as its row has it."""

    phase: str
    end_reason: str
    upto: datetime
    size: int
    speed: float
    host: str
    store: str
    key: str
    replica: int
    quoted: datetime


@dataclass(frozen=True, slots=True)
class Loss:
    """What one database lost. `down`: seconds for its user; `seconds`: of acknowledged writes."""

    down: float
    numbers: frozenset[int]
    seconds: float


def newest(bases: Bases, name: str) -> Restored:
    return Restored(*bases.stack.rows(RESTORE, name)[0])


def point(bases: Bases, name: str, replica: int) -> datetime | None:
    """The newest moment that could be restored from there."""
    rows = bases.stack.rows(POINT, name, replica)
    return rows[0][0] if rows else None


def under_way(bases: Bases) -> list[str]:
    """Databases that are being restored just now."""
    sql = (
        "SELECT d.name FROM restores_restore r JOIN inventory_database d ON d.id = r.database_id"
        " WHERE r.phase NOT IN ('done', 'abandoned', 'expired')"
    )
    return [str(name) for (name,) in bases.stack.rows(sql)]


def covered(bases: Bases, name: str, *replicas: int) -> None:
    """These hold what is written by now."""
    written = now()

    def all_hold_it() -> bool:
        found = [point(bases, name, replica) for replica in replicas]
        return all(at is not None and at > written for at in found)

    wait_for(all_hold_it, 300)


def has_points(bases: Bases, names: Iterable[str], *replicas: int) -> None:
    """Something could be restored from each."""
    wanted = [(name, replica) for name in names for replica in replicas]

    def missing() -> list[str]:
        none = [one for one in wanted if point(bases, *one) is None]
        return [
            f"{name} {replica}: {bases.stack.rows(SIGHT, name, replica)}" for name, replica in none
        ]

    try:
        wait_for(lambda: not missing(), 300)
    except AssertionError as error:
        error.add_note(f"nothing to restore of {missing()}")
        raise


def restore(bases: Bases, name: str, *, replica: int = 0, site: str = "") -> Restored:
    """The first person takes what is offered first, or this backup replica and a host of that
    site; the second one confirms it."""
    path = f"/databases/{name}/restore/"
    html = bases.read(path, "responder")
    source = option(html, "source", f"replica {replica} " if replica else "")
    host = option(html, "host", f", {site.upper()}" if site else "")
    words = {"typed": name, "reason": "It burnt down."}
    said = bases.press(path, "responder", **words, source=source, host=host, first="", to="")
    assert "your word stands in the log" in said, words_of(said)
    said = bases.press(path, "approver", **words, first=newest(bases, name).key)
    assert f"{name} is restored on" in re.sub(r"<[^>]+>", "", said), words_of(said)
    wait_for(lambda: newest(bases, name).phase in {"done", "abandoned"}, 240)
    done = newest(bases, name)
    assert done.phase == "done", done.end_reason
    diary(
        f"{name}: {done.size / 1e6:.0f} MB from {done.store} to {done.host},"
        f" {done.speed / 1e6:.0f} MB/s, everything up to {done.upto:%H:%M:%S}"
    )
    return done


def words_of(html: str) -> str:
    """What a page says, from its heading on."""
    main = html[html.find("<main") :]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())[:2000]


def go_back(bases: Bases, name: str, moment: datetime | None = None) -> Restored:
    """In its own place: the first person writes the moment, is shown what is lost with it, and
    confirms that; the second one confirms it. Without a moment: to its last backup."""
    path = f"/databases/{name}/restore-in-place/"
    html = bases.read(path, "responder")
    words = {"typed": name, "reason": "Somebody dropped a table.", "first": ""}
    to = f"{moment:%Y-%m-%d %H:%M:%S.%f}" if moment else ""
    words |= {"source": option(html, "source"), "to": to}
    said = bases.press(path, "responder", **words, shown="")
    if moment:
        assert "Nothing was done yet" in said, words_of(said)
        shown = re.search(r'name="shown" value="([^"]+)"', said)
        assert shown is not None, words_of(said)
        said = bases.press(path, "responder", **words, shown=shown[1])
    assert "your word stands in the log" in said, words_of(said)
    words = {"typed": name, "reason": "I saw it.", "first": newest(bases, name).key}
    said = bases.press(path, "approver", **words)
    assert f"{name} is restored in its place" in re.sub(r"<[^>]+>", "", said), words_of(said)
    wait_for(lambda: newest(bases, name).phase in {"done", "abandoned"}, 240)
    done = newest(bases, name)
    assert done.phase == "done", done.end_reason
    return done


def drop_table(bases: Bases, name: str) -> None:
    """As somebody does who took it for another one."""
    words = {
        "host": "127.0.0.1",
        "port": bases.one(name, "edge_port"),
        "user": Login.CLIENT.value,
        "password": Login.CLIENT.password(bases.stack.secret_of(name)),
        "dbname": DATABASE,
    }
    with psycopg.connect(**words, autocommit=True) as connection:
        connection.execute("DROP TABLE acknowledged")


def used(bases: Bases, name: str) -> float:
    """Seconds of this month's service level that are gone."""
    found = bases.stack.api("GET", "/databases").json()
    return float(next(one["service"]["used"] for one in found if one["name"] == name))


def option(html: str, field: str, text: str = "") -> str:
    """The first option of this choice whose words hold the text."""
    choice = html[html.index(f'name="{field}"') :]
    choice = choice[: choice.index("</select>")]
    for key, words in re.findall(r'<option value="([^"]+)"[^>]*>([^<]*)', choice):
        if text in words:
            return str(key)
    raise AssertionError(f"no option with {text!r}: {choice}")


def quoted(bases: Bases, site: str) -> dict[str, float]:
    """Seconds that each database would lose if the site vanished now."""
    quotes = bases.stack.api("GET", "/backups").json()["quotes"]
    (quote,) = [one for one in quotes if one["datacenter"] == site.upper()]
    return {line["database"]: line["seconds"] for line in quote["databases"]}


def lose(bases: Bases, *hosts: str) -> datetime:
    """These machines at once, and until everybody knows."""
    at = now()
    for host in hosts:
        bases.stack.lab("kill", host=host)
    told = set(hosts) & set(bases.stack.verdicts())
    wait_for(lambda: {bases.stack.verdict(host) for host in told} <= {"lost", "hung"}, 60)
    return at


def lose_site(bases: Bases, site: str) -> datetime:
    """SIGKILL of a whole datacenter with its stores."""
    at = now()
    bases.stack.lab("kill-datacenter", datacenter=site.upper())
    here = {name for name in bases.stack.verdicts() if name.startswith(f"{site}-")}
    wait_for(lambda: {bases.stack.verdict(host) for host in here} <= {"lost", "hung"}, 60)
    return at


def revive(bases: Bases, site: str) -> None:
    """Every machine of it is switched on again."""
    bases.stack.lab("restart-datacenter", datacenter=site.upper())


def members(bases: Bases, name: str) -> list[str]:
    return [str(host) for (host,) in bases.stack.rows(MEMBERS, name)]


def serves(bases: Bases, name: str) -> bool:
    return bases.one(name, "state") == "serving" and not bases.is_failing(name)


def loss(bases: Bases, name: str, since: datetime, before: set[int]) -> Loss:
    """By the writer's ledger, which is read before anything else is written over."""
    wait_for(lambda: bases.waited(name, since) is not None, 60)
    waited = bases.waited(name, since)
    assert waited is not None
    seconds = (waited.last_before - newest(bases, name).upto).total_seconds()
    return Loss(waited.seconds, frozenset(bases.missing(name) - before), seconds)


def may_be_written_to(bases: Bases, name: str, host: str) -> bool:
    """Whether a client that goes past the edge could write to a server on this host: a standby
    that its agent starts before its list comes lets it in, and takes nothing from it."""
    login = Login.CLIENT
    words = {
        "host": bases.address_of(host),
        "port": bases.one(name, "port"),
        "user": login.value,
        "password": login.password(bases.stack.secret_of(name)),
        "dbname": DATABASE,
        "connect_timeout": 2,
    }
    try:
        with psycopg.connect(**words) as connection:
            found = connection.execute("SELECT NOT pg_is_in_recovery()").fetchone()
    except psycopg.OperationalError:
        return False
    return bool(found and found[0])


def data_left(bases: Bases, host: str, replica: str) -> bool:
    """Whether the data of this replica are on that host's disk as they were left."""
    lab = Path(bases.stack.env["TOCSIN_VAR"]) / "lab" / "hosts" / host / "state" / "databases"
    return any((lab / replica).rglob("PG_VERSION"))
