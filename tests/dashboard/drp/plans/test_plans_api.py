"""The same acts and the same noes through the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from recovery.access.actions import issue_token
from recovery.core import clock
from recovery.core.tlog.notes import VerifierKey
from recovery.drp.models import RunbookVersion
from recovery.drp.reports.signing import signer_of
from tests.actions.drp.ground import Ground, short_runbook
from tests.dashboard.drp.plans.test_reports import ended
from tests.support.fleet import BY


def call(who: str, path: str, told: Mapping[str, object] | None = None) -> Any:
    """By a token of theirs."""
    token = issue_token(
        name=f"{who} {path}",
        owner=User.objects.get(username=who),
        life=timedelta(hours=1),
        actor=BY,
        reason="test",
        now=clock.system.now(),
    )
    headers, client = {"Authorization": f"Bearer {token}"}, Client()
    if told is None:
        return client.get(f"/api/plans/{path}", headers=headers)
    return client.post(f"/api/plans/{path}", told, content_type="application/json", headers=headers)


def test_a_runbook_is_proposed_and_made_active_by_another_person(ground: Ground) -> None:
    told = {"text": short_runbook().decode(), "base": 0, "reason": "New."}
    assert call("vera", "runbooks", told).status_code == 403
    bad = call("bruno", "runbooks", told | {"text": "runbook: x\n"})
    assert bad.status_code == 422
    assert "line 1, column 1" in bad.json()["detail"]
    made = call("bruno", "runbooks", told).json()
    assert made["state"] == "draft"
    word = {"seen": made["digest"], "over": 0, "reason": "I read it."}
    review = "runbooks/datacenter-lost/1/review"
    assert call("bruno", review, word).status_code == 403, "who wrote it"
    assert call("amelie", review, word).status_code == 403, "no approver"
    assert call("chloe", review, word | {"over": 7}).status_code == 409
    assert call("chloe", "runbooks/none/1/review", word).status_code == 404
    (listed,) = call("chloe", "runbooks").json()
    assert [one["digest"] for one in listed["proposals"]] == [word["seen"]], "what it takes to say"
    assert call("chloe", review, word).status_code == 200
    assert RunbookVersion.objects.get().activated_by == "chloe"
    listed = call("vera", "runbooks").json()
    assert [(one["name"], one["state"], one["looked_at"]) for one in listed] == [
        ("datacenter-lost", "active", None)
    ]


def test_a_report_comes_as_the_bytes_that_were_signed(ground: Ground) -> None:
    row = ended(ground)
    answer = call("vera", f"runs/{ground.run.number}/report")
    line = f"— {answer['X-Tocsin-Signature']}\n"
    keys = [VerifierKey.parse(answer["X-Tocsin-Key"])]
    assert signer_of(answer.content, line, keys).name in row.key
    assert call("vera", f"runs/{ground.run.number}/report?version=2").status_code == 404
    assert call("vera", "runs/9999/report").status_code == 404
