"""The shipped lab loses a datacenter: do those find a host that need what few hosts have?"""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import permutations

import pytest

from recovery.lab.layout import Layout, load
from recovery.scheduling.decide import decide
from recovery.scheduling.facts import ApplicationFact, HostFact, Snapshot
from recovery.scheduling.queries import labels_of
from recovery.scheduling.what_if import after_loss, what_if
from tests.decisions.scheduling.build import NOW, app, carry_out, host, world

ORDERS = 60
TIGHT = (2600, 2560)
"""CPU and memory of a host where the rest of the lab barely takes what one datacenter ran."""


@pytest.fixture(scope="module")
def lab() -> Layout:
    return load()


def hosts_of(lab: Layout, capacity: tuple[int, int] | None = None) -> list[HostFact]:
    return [
        host(
            one.name,
            site.name,
            rack.name,
            capacity=capacity or (one.cpu_millis, one.memory_mib),
            labels=labels_of(dict(one.labels)),
        )
        for site in lab.datacenters
        for rack in site.racks
        for one in rack.hosts
    ]


def applications_of(lab: Layout) -> list[ApplicationFact]:
    return [
        app(
            one.name,
            one.containers,
            (one.cpu_millis, one.memory_mib),
            one.priority,
            labels=labels_of(dict(one.labels)),
        )
        for one in lab.applications
    ]


def filled(given: Snapshot, orderly: list[ApplicationFact]) -> Snapshot:
    """Each application placed as it came."""
    now = replace(given, applications=())
    for one in orderly:
        now = replace(now, applications=(*now.applications, one))
        now = carry_out(now, decide(now, NOW))
    return now


def without_host(given: Snapshot) -> list[str]:
    """Datacenters of which the loss leaves something without a host."""
    sites = sorted({one.datacenter for one in given.hosts})
    return [
        site
        for site in sites
        if what_if(given, [h.id for h in given.hosts if h.datacenter == site], NOW).unplaced
    ]


def test_what_needs_a_label_finds_a_host_after_nearly_every_history(lab: Layout) -> None:
    chance = random.Random(3)
    applications = applications_of(lab)
    asked = frozenset[str]().union(*(one.labels for one in applications))
    assert asked
    hurt = {frozenset[str](): 0, asked: 0}
    for _ in range(ORDERS):
        orderly = chance.sample(applications, len(applications))
        for kept in hurt:
            given = replace(world(hosts_of(lab, TIGHT), ()), asked=kept)
            hurt[kept] += bool(without_host(filled(given, orderly)))
    assert hurt[frozenset()] >= ORDERS // 10, "by load alone, it is a common fault"
    assert hurt[asked] <= ORDERS // 30, hurt


def moved_into(given: Snapshot, left: str, into: str) -> list[str]:
    """What of an evacuation finds no host: nothing goes to a third datacenter."""
    gone = frozenset(one.id for one in given.hosts if one.datacenter == left)
    hit = {seat.application for seat in given.seats if seat.host in gone}
    after = after_loss(given, gone, hit)
    hosts = tuple(replace(one, outside=one.datacenter != into) for one in after.hosts)
    return [one.want.application for one in decide(replace(after, hosts=hosts), NOW).unplaced]


def test_as_it_is_shipped_each_of_its_datacenters_may_be_lost_and_emptied(lab: Layout) -> None:
    applications = applications_of(lab)
    asked = frozenset[str]().union(*(one.labels for one in applications))
    given = replace(world(hosts_of(lab), applications), asked=asked)
    full = carry_out(given, decide(given, NOW))
    assert without_host(full) == []
    sites = sorted({one.datacenter for one in full.hosts})
    for left, into in permutations(sites, 2):
        assert moved_into(full, left, into) == [], (left, into)
