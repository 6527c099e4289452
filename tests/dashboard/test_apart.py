"""Copies that a way back left set apart: who may let them go, and what is said of it."""

from __future__ import annotations

import pytest

from recovery.audit.facts import Actor
from recovery.core import clock
from recovery.failover.actions.apart import set_apart
from recovery.inventory.facts import ReplicaState, Role
from recovery.inventory.models import Host, Replica
from tests.dashboard import bases, fleet
from tests.dashboard.bases import Base
from tests.dashboard.conftest import SignIn

PATH = "/databases/orders-pg/let-follow/"
BY = Actor("person", "tests")


@pytest.fixture
def apart(hosts: dict[str, Host]) -> Replica:
    """The standby of orders-pg."""
    now = clock.system.now()
    seeded: dict[str, Base] = bases.seed_bases(hosts, now)
    row = Replica.objects.get(database=seeded["orders-pg"].row, role=Role.STANDBY)
    set_apart(replicas=[row.pk], actor=BY, reason="It came back.", now=now)
    row.refresh_from_db()
    assert (row.role, row.state) == (Role.OUT, ReplicaState.QUARANTINED)
    return row


def page(sign_in: SignIn, path: str, role: str) -> str:
    return fleet.plain(sign_in(role).get(path).content.decode())


def test_an_approver_lets_them_go_with_a_reason(sign_in: SignIn, apart: Replica) -> None:
    said = "Let the copies of orders-pg that are set apart follow…"
    assert said not in page(sign_in, "/databases/orders-pg/", "responder")
    assert said in page(sign_in, "/databases/orders-pg/", "approver")
    assert f"{apart.host}: rewound or cloned anew" in page(sign_in, PATH, "approver")
    assert sign_in("responder").post(PATH, {"reason": "Me."}).status_code == 403
    assert sign_in("approver").post(PATH, {"reason": ""}).status_code == 422
    sign_in("approver").post(PATH, {"reason": "Looked at: it may go."})
    apart.refresh_from_db()
    assert (apart.role, apart.state) == (Role.OUT, ReplicaState.MEMBER), "failover takes it back"
    assert "there is nothing to let go" in page(sign_in, PATH, "approver")
    assert said not in page(sign_in, "/databases/orders-pg/", "approver")


@pytest.mark.parametrize(("role", "status"), [("responder", 403), ("approver", 200)])
def test_the_api_lets_them_go_for_whoever_may(
    sign_in: SignIn, apart: Replica, role: str, status: int
) -> None:
    path = "/api/databases/orders-pg/let-follow"
    answer = sign_in(role).post(path, {"reason": "Seen."}, content_type="application/json")
    assert answer.status_code == status
    apart.refresh_from_db()
    assert (apart.state == ReplicaState.MEMBER) is (status == 200)
