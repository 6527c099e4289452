"""Every route of the API says by its code why it did nothing: 403 is about who asks, 404 about what
is not there, 422 about a field that was sent, 409 about the state of what is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import uuid4

import pytest

from dashboard import lab
from dashboard.api import api, status_of
from recovery.core import clock
from recovery.core.errors import BadConfiguration, Conflict, Forbidden, Missing, Refused, Unsure
from recovery.inventory.models import Host
from tests.dashboard import bases, fleet
from tests.dashboard.conftest import SignIn

WHY = {"reason": "As a test."}
SHA = "0" * 64
PLAN = {"runbook": "none", "mode": "simulation", "lost": "NONE", "into": "PAR1"}
BODIES: Mapping[str, Mapping[str, object]] = {
    "/incidents/{number}/notes": {"text": "As a test."},
    "/held/settle": WHY | {"number": 1},
    "/databases/{name}/switchover": WHY | {"target": "none"},
    "/databases/{name}/promote": WHY | {"digest": SHA, "typed": "none"},
    "/recovery/{datacenter}/decide": WHY | {"choice": "activate", "digest": SHA, "typed": "none"},
    "/recovery/{datacenter}/vouch": WHY | {"typed": "none"},
    "/recovery/{datacenter}/provider": {"said": "Down.", "source": "Its page"},
    "/plans/runbooks": WHY | {"text": "runbook: x\n", "base": 0},
    "/plans/runbooks/{name}/{number}/review": WHY | {"seen": SHA, "over": 0},
    "/drp/plan": PLAN,
    "/drp/runs": PLAN | WHY | {"digest": SHA},
    "/drp/questions/{ask}/deny": WHY | {"digest": SHA},
    "/drp/lent": WHY | {"taker": "none", "role": "admin", "until": "2026-11-30 07:00:00"},
}
"""What is sent where a reason is not enough, or too much."""
INSTEAD = {
    "/held/release": 409,
    "/held/pause": 200,
    "/held/go-on": 409,
    "/held/settle": 409,
    "/plans/runbooks": 422,
}
"""What names nothing that could be missing."""
PARTS = {
    "number": "999",
    "verb": "kill",
    "pk": str(uuid4()),
    "export": str(uuid4()),
    "ask": str(uuid4()),
    "leaf": "999999",
}
"""Every other part of an address is the name `none`."""


def _routes(method: str) -> list[str]:
    paths: dict[str, dict[str, object]] = api.get_openapi_schema()["paths"]
    return [path.removeprefix("/api") for path, has in paths.items() if method in has]


def _filled(path: str) -> str:
    known = PARTS | ({"verb": "pause"} if path.startswith("/drp/") else {})
    parts = [part[1:-1] if part.startswith("{") else "" for part in path.split("/")]
    for name in filter(None, parts):
        path = path.replace(f"{{{name}}}", known.get(name, "none"))
    return f"/api{path}"


def _send(sign_in: SignIn, role: str, path: str, **more: object) -> tuple[int, str]:
    body = json.dumps({**BODIES.get(path, WHY), **more})
    answer = sign_in(role).post(_filled(path), body, content_type="application/json")
    return answer.status_code, answer.content.decode()


@pytest.fixture(autouse=True)
def with_a_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "is_running", lambda: True)


@pytest.mark.parametrize("path", _routes("post"))
def test_each_act_is_403_for_who_may_not_and_404_for_what_is_not_there(
    sign_in: SignIn, path: str
) -> None:
    status, said = _send(sign_in, "viewer", path)
    assert (status, "As viewer you may not" in said) == (403, True)
    status, said = _send(sign_in, "admin", path)
    assert status == INSTEAD.get(path, 404), said


@pytest.mark.parametrize("path", _routes("post"))
def test_a_field_that_nobody_reads_is_422_and_named(sign_in: SignIn, path: str) -> None:
    status, said = _send(sign_in, "admin", path, seconds=34920)
    assert (status, '"seconds"' in said) == (422, True)


@pytest.mark.parametrize("path", [path for path in _routes("get") if "{" in path])
def test_what_is_read_and_is_not_there_is_404(sign_in: SignIn, path: str) -> None:
    assert sign_in("admin").get(_filled(path)).status_code == 404


def test_an_unknown_database_or_export_is_404(sign_in: SignIn, hosts: dict[str, Host]) -> None:
    now = clock.system.now()
    bases.serve(bases.seed_database("orders-pg", [hosts["par1-r1-h01"]], now, port=15500), now)
    client = sign_in("admin")
    assert client.get("/api/databases/orders-pg/exports").json() == []
    answer = client.get("/api/databases/none/exports")
    assert (answer.status_code, answer.json()["field"]) == (404, "name")
    take = f"/api/databases/orders-pg/exports/{uuid4()}/take"
    answer = client.post(take, WHY, content_type="application/json")
    assert (answer.status_code, answer.json()["field"]) == (404, "export")


def test_a_field_at_fault_is_422_and_a_state_409(sign_in: SignIn, hosts: dict[str, Host]) -> None:
    now = clock.system.now()
    members = [hosts["par1-r1-h01"], hosts["par1-r2-h01"]]
    bases.serve(bases.seed_database("orders-pg", members, now, port=15500), now)
    seat = fleet.seed_singleton("archive", hosts["par1-r1-h03"], now)
    client = sign_in("admin")
    soon = {"choice": "wait", "digest": SHA, **WHY}
    told: list[tuple[str, Mapping[str, object], int, str]] = [
        ("databases/orders-pg/switchover", WHY | {"target": "par1-r1-h01"}, 422, "target"),
        ("databases/orders-pg/switchover", WHY | {"target": "osu2-r1-h01"}, 404, "target"),
        ("databases/orders-pg/call-off", WHY, 409, ""),
        ("databases/orders-pg/unblock", WHY, 409, ""),
        ("databases/orders-pg/let-follow", WHY, 409, ""),
        ("restores/orders-pg/call-off", WHY, 409, ""),
        (f"placements/{seat.pk}/release", WHY, 409, ""),
        ("held/fences/PAR1/lift", WHY, 409, ""),
        ("recovery/PAR1/decide", soon, 422, "until"),
        ("recovery/PAR1/decide", soon | {"until": "2001-01-01T00:00:00Z"}, 422, "until"),
        ("recovery/PAR1/decide", soon | {"choice": "activate"}, 422, "typed"),
        ("recovery/PAR1/decide", soon | {"choice": "activate", "typed": "PAR1"}, 409, ""),
        ("lab/hosts/par1-r1-h01/explode", WHY, 404, "verb"),
    ]
    for path, body, status, field in told:
        answer = client.post(f"/api/{path}", json.dumps(body), content_type="application/json")
        assert (path, answer.status_code) == (path, status), answer.json()
        assert answer.json()["field"] == field, path


def test_what_is_too_long_to_be_read_is_413_and_says_how_long_it_may_be(sign_in: SignIn) -> None:
    told = json.dumps({"raw": "x" * 3_000_000})
    answer = sign_in("admin").post("/api/plans/runbooks", told, content_type="application/json")
    assert answer.status_code == 413
    assert "2621440 bytes" in answer.json()["detail"]


def test_each_kind_of_error_has_its_code() -> None:
    told = [
        (Forbidden("x", field="y"), 403),
        (Missing("x", field="y"), 404),
        (Refused("x", field="y"), 422),
        (Refused("x"), 409),
        (Conflict("x", field="y"), 409),
        (Unsure("x"), 504),
        (BadConfiguration("x"), 503),
    ]
    assert [status_of(error) for error, _ in told] == [code for _, code in told]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/incidents/", "INC"), ("/recovery/decisions/", "DEC"), ("/drp/runs/", "DRP")],
)
@pytest.mark.parametrize("number", [-1, 0, 7, 10**30])
def test_a_number_that_nothing_has_is_told_as_it_was_written(
    sign_in: SignIn, path: str, kind: str, number: int
) -> None:
    answer = sign_in("responder").get(f"/api{path}{number}")
    assert answer.status_code == 404
    begins = f"Numbers begin at 1: there is no {kind} that has {number}."
    says = f"There is no {kind}-{number:04d}." if number > 0 else begins
    assert (answer.json()["detail"], answer.json()["field"]) == (says, "number")


def test_a_report_of_a_run_that_can_be_none_says_so(sign_in: SignIn) -> None:
    for number, says in ((-1, "there is no DRP that has -1"), (7, "no such report of DRP-0007")):
        answer = sign_in("viewer").get(f"/api/plans/runs/{number}/report")
        assert answer.status_code == 404
        assert says in answer.json()["detail"]
