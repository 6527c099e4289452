"""Databases whose hosts are gone for good are restored from the page, by two people: one host, a
whole datacenter from replica 2, and another one from the provider's snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from recovery.lab.databases.gauge import NOTABLE
from tests.failovers.briefing import briefed
from tests.failovers.restoring import (
    Loss,
    covered,
    data_left,
    drop_table,
    go_back,
    has_points,
    lose,
    lose_site,
    loss,
    may_be_written_to,
    members,
    newest,
    option,
    point,
    quoted,
    restore,
    revive,
    serves,
    under_way,
    used,
)
from tests.failovers.telling import Bases, now
from tests.stories.telling import diary
from tests.support.running import wait_for
from tests.support.stack import whole_stack

pytestmark = pytest.mark.timeout(900)
POSTGRES = ("notes-pg", "orders-pg")
ALL = (*POSTGRES, "baskets-valkey")
SITES = ("aaa1", "bbb1", "ccc1")
LAB_FILE = Path(__file__).with_name("restores.yaml")
MINUTE = 60.0
SLACK = 5.0
"""A quote is so near to what is lost."""


@pytest.fixture(scope="module")
def formed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bases]:
    """All serve at home, and are archived in three places."""
    folder = tmp_path_factory.mktemp("restores") / "var"
    more = {"TOCSIN_LAB_DATABASES": "1", "TOCSIN_LAB_STORES": "1"}
    with whole_stack(folder, TOCSIN_LAB_FILE=str(LAB_FILE), **more) as stack:
        bases = Bases(stack)
        bases.settle()
        yield bases


@pytest.fixture
def bases(formed: Bases) -> Bases:
    """A story begins at rest. One that failed gave nothing back: its datacenters are switched on
    with their stores, and what leads alone gets a standby, or its incident would never end."""
    for site in SITES:
        revive(formed, site)
    wait_for(lambda: set(formed.stack.verdicts().values()) == {"alive"}, 120)
    wait_for(lambda: not under_way(formed), 240)
    wait_for(lambda: {formed.one(name, "state") for name in ALL} == {"serving"}, 120)
    if len(members(formed, "orders-pg")) == 1:
        get_standby(formed)
    formed.stack.calm(remembered=1)
    return formed


def at_rest(bases: Bases) -> None:
    """Every incident is over, so that the next story's are its own."""
    wait_for(lambda: not bases.stack.open_incidents(), 120)


@pytest.mark.parametrize("name", POSTGRES)
def test_a_dropped_table_is_back_at_the_moment_before_and_its_database_never_left_its_host(
    bases: Bases, name: str
) -> None:
    """One has a synchronous standby, and one has none."""
    bases.settle(name)
    at_rest(bases)
    lead, spent = bases.host_of(name), used(bases, name)
    covered(bases, name, 1)
    before, gone, moment = bases.ledger(name), bases.missing(name), now()
    drop_table(bases, name)
    at_once = bases.ledger(name)
    wait_for(lambda: len(bases.ledger(name)) > len(at_once) + 20, 60)
    covered(bases, name, 1, 2)
    later, since = bases.ledger(name) - at_once, now()
    done = go_back(bases, name, moment)
    wait_for(lambda: serves(bases, name), 60)
    missing = bases.missing(name) - gone
    assert not missing & before, "every row that was acknowledged by then is there"
    assert later <= missing, "and none of after it"
    assert done.upto == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert members(bases, name) == [lead]
    assert not bases.stack.open_incidents(), "two people chose it: nobody is rung"
    again = len(bases.ledger(name))
    wait_for(lambda: len(bases.ledger(name)) > again + 10, 60)
    waited = bases.waited(name, since)
    down = waited.seconds if waited else NOTABLE
    diary(f"{name}: {done.size / 1e6:.0f} MB back in place, at most {down:.1f} s without a write")
    assert down < MINUTE
    assert used(bases, name) - spent >= down - NOTABLE, "the seconds of the service level add up"
    if name == "orders-pg":
        assert bases.one(name, "degraded_at") is not None, "it has no standby, and says so"
        get_standby(bases)
    covered(bases, name, 1, 2)
    at_rest(bases)


def test_a_cache_goes_back_to_its_last_backup_where_it_is(bases: Bases) -> None:
    name = "baskets-valkey"
    bases.settle(name)
    at_rest(bases)
    has_points(bases, [name], 1)
    lead, upto = bases.host_of(name), point(bases, name, 1)
    before, gone = bases.ledger(name), bases.missing(name)
    done = go_back(bases, name)
    wait_for(lambda: serves(bases, name), 60)
    assert bases.host_of(name) == lead
    assert upto is not None
    assert done.upto >= upto
    missing = bases.missing(name) - gone
    assert missing, "what came after its backup"
    assert max(missing) >= max(before), "and nothing in between: it is one history"
    assert not bases.stack.open_incidents()
    at_rest(bases)


def test_a_lost_starter_database_is_restored_and_its_old_copy_never_leads_again(
    bases: Bases,
) -> None:
    name = "notes-pg"
    old = bases.host_of(name)
    left = bases.replica_on(name, old)
    beside = [other for other in ALL if other != name and old in members(bases, other)]
    covered(bases, name, 1, 2)
    gone = bases.missing(name)
    since = lose(bases, old)
    wait_for(lambda: bases.one(name, "state") == "waiting", 60)
    done = restore(bases, name)
    assert done.host != old
    wait_for(lambda: serves(bases, name), 60)
    told = loss(bases, name, since, gone)
    diary(f"{name}: down {told.down:.1f} s, {len(told.numbers)} writes lost: {told.seconds:.1f} s")
    assert told.seconds < MINUTE
    if not beside:  # another story may have brought one there, which waits for its host
        at_rest(bases)
    (seen,) = [o for o in bases.stack.api("GET", "/databases").json() if o["name"] == name]
    assert seen["service"]["used"] >= told.down - 1, "the seconds of the service level add up"
    bases.stack.lab("restart", host=old)
    wait_for(lambda: bases.stack.verdict(old) == "alive", 60)
    wait_for(lambda: not may_be_written_to(bases, name, old), 60)
    assert data_left(bases, old, left), "what it had is set aside, not gone"
    assert bases.host_of(name) == done.host
    assert serves(bases, name)
    assert bases.missing(name) - gone == told.numbers, "nothing more is lost"
    covered(bases, name, 1, 2)
    at_rest(bases)


def test_what_is_in_a_lost_datacenter_comes_back_from_replica_2_then_from_replica_3(
    bases: Bases,
) -> None:
    """Its stores go with it. Then the datacenter that took them in is lost as well."""
    has_points(bases, ALL, 1, 2, 3)
    for name in POSTGRES:
        covered(bases, name, 1, 2)
    bases.prove("orders-pg")
    old = members(bases, "orders-pg")
    assert {host[:4] for host in old} == {"aaa1"}
    for name, told, promised in lost_with(bases, "aaa1", replica=2, to="bbb1"):
        assert told.seconds < (MINUTE if name in POSTGRES else 86400)
        if name in POSTGRES:
            assert abs(told.seconds - promised) <= SLACK, "as it was quoted before"
    assert bases.one("orders-pg", "degraded_at") is not None, "it has no standby, and says so"
    back_again(bases, "aaa1", old)
    get_standby(bases)
    at_rest(bases)
    for name in POSTGRES:
        covered(bases, name, 1)
    for name, told, promised in lost_with(bases, "bbb1", replica=3, to=""):
        at = newest(bases, name).upto
        assert abs(told.seconds - promised) < 86400, "what came after the provider's snapshot"
        assert at >= newest(bases, name).quoted - timedelta(seconds=SLACK), "as was agreed to"
    revive(bases, "bbb1")
    get_standby(bases)
    for name in POSTGRES:
        covered(bases, name, 1, 2)
    at_rest(bases)


def lost_with(bases: Bases, site: str, *, replica: int, to: str) -> list[tuple[str, Loss, float]]:
    """Kill the site, restore each database that was there from this replica, and measure: what
    each lost, and what its loss was quoted at in the moment before."""
    here = [name for name in ALL if bases.host_of(name).startswith(site)]
    before = {name: bases.missing(name) for name in here}
    promised = quoted(bases, site)
    since = lose_site(bases, site)
    brief = briefed(bases, site.upper(), here, since)
    for name in here:
        done = restore(bases, name, replica=replica, site=to)
        assert done.replica == replica
        assert not done.host.startswith(site)
        wait_for(partial(serves, bases, name), 60)
    lost = {name: measured(bases, name, since, before[name], promised[name]) for name in here}
    if to:
        close = {name: abs(told.seconds - brief[name]) <= SLACK for name, told in lost.items()}
        assert all(close.values()), f"a decision rests on what is lost: {brief}"
    return [(name, told, promised[name]) for name, told in lost.items()]


def measured(bases: Bases, name: str, since: datetime, before: set[int], promised: float) -> Loss:
    told = loss(bases, name, since, before)
    diary(
        f"{name}: down {told.down:.1f} s, {len(told.numbers)} writes lost: {told.seconds:.1f} s,"
        f" quoted {promised:.1f} s"
    )
    return told


def back_again(bases: Bases, site: str, old: list[str]) -> None:
    """The lost site is switched on again: no old copy is written to for a moment, and none is a
    copy any more."""
    revive(bases, site)
    opened: set[str] = set()

    def all_alive() -> bool:
        opened.update(host for host in old if may_be_written_to(bases, "orders-pg", host))
        return {bases.stack.verdict(host) for host in old} == {"alive"}

    wait_for(all_alive, 90)
    wait_for(lambda: all_alive() and point(bases, "orders-pg", 1) is not None, 60)
    assert not opened, "what was left behind never leads again"
    assert not set(members(bases, "orders-pg")) & set(old)


def get_standby(bases: Bases) -> None:
    """A person says where; then it could be failed over again, and is not degraded any more."""
    path = "/databases/orders-pg/standby/"
    host = option(bases.read(path, "responder"), "host")
    said = bases.press(path, "responder", host=host, reason="It leads alone.")
    assert "its agent clones the primary" in said, said[-2000:]
    bases.prove("orders-pg")
