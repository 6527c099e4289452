"""The API: same permissions, same actions, by session or by token."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recovery.access import actions as access
from recovery.access.models import ApiToken
from recovery.core import clock
from recovery.incidents.models import Incident
from recovery.inventory.models import Host
from recovery.scheduling.models import Release
from tests.dashboard import fleet
from tests.dashboard.conftest import SignIn

WHY = {"reason": "I have it."}


def _token(role: str, life: timedelta = timedelta(hours=1)) -> dict[str, str]:
    token = access.issue_token(
        name="bench",
        owner=User.objects.get(username=role),
        life=life,
        actor=fleet.BY,
        reason="Test.",
        now=clock.system.now(),
    )
    return {"Authorization": f"Bearer {token}"}


def test_the_state_says_what_the_page_says(sign_in: SignIn, hosts: dict[str, Host]) -> None:
    fleet.lose_host(hosts["par1-r1-h02"], clock.system.now())
    state = sign_in("viewer").get("/api/state").json()
    assert state["sentence"]["text"].startswith("1 host lost in PAR1")
    assert len(state["hosts"]) == 18
    assert state["alarms"][0]["rings"]


def test_nobody_reads_without_a_session_or_a_token(db: None) -> None:
    assert Client().get("/api/state").status_code == 401


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("responder", 200)])
def test_a_token_may_do_what_its_owner_may(hosts: dict[str, Host], role: str, status: int) -> None:
    incident = fleet.lose_host(hosts["par1-r1-h02"], clock.system.now())
    path = f"/api/incidents/{incident.number}/acknowledge"
    client = Client(enforce_csrf_checks=True)
    answer = client.post(path, WHY, content_type="application/json", headers=_token(role))
    assert answer.status_code == status
    assert (Incident.objects.get().acknowledged_by == role) is (status == 200)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer tocsin_nonsense"}])
def test_who_is_nobody_is_told_so_whatever_they_send(
    hosts: dict[str, Host], headers: dict[str, str]
) -> None:
    client = Client(enforce_csrf_checks=True)
    for path in ("/api/held/pause", "/api/incidents/1/acknowledge"):
        answer = client.post(path, WHY, content_type="application/json", headers=headers)
        assert answer.status_code == 401, path


def test_a_session_needs_its_csrf_token_here_too(hosts: dict[str, Host]) -> None:
    incident = fleet.lose_host(hosts["par1-r1-h02"], clock.system.now())
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="responder"))
    path = f"/api/incidents/{incident.number}/acknowledge"
    assert client.post(path, WHY, content_type="application/json").status_code == 403
    assert Incident.objects.get().acknowledged_at is None


def test_a_revoked_or_expired_token_opens_nothing(hosts: dict[str, Host]) -> None:
    headers = _token("admin")
    assert Client().get("/api/hosts", headers=headers).status_code == 200
    row = ApiToken.objects.get()
    access.revoke_token(token=row, actor=fleet.BY, reason="Lost.", now=clock.system.now())
    assert Client().get("/api/hosts", headers=headers).status_code == 401
    old = _token("admin", life=timedelta(seconds=-1))
    assert Client().get("/api/hosts", headers=old).status_code == 401


def test_a_second_acknowledgement_is_a_conflict_that_says_who(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    incident = fleet.lose_host(hosts["par1-r1-h02"], clock.system.now())
    path = f"/api/incidents/{incident.number}/acknowledge"
    client = sign_in("responder")
    assert client.post(path, WHY, content_type="application/json").status_code == 200
    answer = client.post(path, WHY, content_type="application/json")
    assert answer.status_code == 409
    assert "already acknowledged by responder" in answer.json()["detail"]


def test_a_missing_reason_names_its_field(sign_in: SignIn) -> None:
    answer = sign_in("responder").post(
        "/api/hosts/par1-r1-h01/cordon", {}, content_type="application/json"
    )
    assert answer.status_code == 422
    assert "reason" in answer.content.decode()


def test_every_route_is_described(sign_in: SignIn) -> None:
    paths = sign_in("viewer").get("/api/openapi.json").json()["paths"]
    assert "/api/incidents/{number}/acknowledge" in paths
    assert "/api/held/release" in paths


def test_metrics_are_for_this_machine(db: None) -> None:
    assert Client().get("/metrics").status_code == 200
    assert Client().get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 403


def test_healthz_reads_the_database(db: None) -> None:
    assert Client().get("/healthz").json()["ok"] is True


def test_a_lost_singleton_is_released_by_a_persons_word(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    now = clock.system.now()
    seat = fleet.seed_singleton("archive", hosts["par1-r1-h03"], now)
    path = f"/api/placements/{seat.pk}/release"
    assert sign_in("viewer").post(path, WHY, content_type="application/json").status_code == 403
    client = sign_in("responder")
    early = client.post(path, WHY, content_type="application/json")
    assert (early.status_code, "running" in early.json()["detail"]) == (409, True)
    fleet.lose_host(hosts["par1-r1-h03"], now)
    said = client.post(path, WHY, content_type="application/json")
    assert said.status_code == 200
    assert "archive-1 may run elsewhere" in said.json()["said"]
    release = Release.objects.get()
    assert (release.placement_id, release.released_by) == (seat.pk, "responder")


@pytest.mark.parametrize(
    ("reason", "status", "said"), [("   ", 422, "reason"), ("I have\x00 it.", 400, "NUL")]
)
def test_a_reason_that_says_nothing_or_fits_no_row_is_refused(
    sign_in: SignIn, reason: str, status: int, said: str
) -> None:
    answer = sign_in("responder").post(
        "/api/held/pause", {"reason": reason}, content_type="application/json"
    )
    assert answer.status_code == status
    assert said in answer.content.decode()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/exports/none"),
        ("post", "/api/drp/runbooks"),
        ("get", "/api/databases/a/b/c/d"),
        ("get", "/api/none"),
    ],
)
def test_an_address_that_is_not_there_answers_as_the_api_does(
    sign_in: SignIn, method: str, path: str
) -> None:
    answer = getattr(sign_in("viewer"), method)(path)
    assert answer.status_code == 404
    assert answer.json() == {"detail": f"There is nothing at {path}."}
