"""A run whose rows are damaged costs its own page, and no other."""

from __future__ import annotations

import hashlib

from django.db import transaction

from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.drp.models import Ask, Run, RunStep
from tests.actions.drp.ground import Ground
from tests.dashboard.drp.conftest import Enter, text
from tests.support.fleet import BY

NO_PLAN = (
    '{"lost": {"name": "PAR1"}, "mode": "disaster", "requester": "amelie", "last_editor": "emil"}'
)


def damaged(ground: Ground) -> tuple[Run, Ask]:
    """Running, with a question, and with a plan that nobody can read."""
    book, now = ground.write(), ground.now
    run = Run(
        number=901,
        runbook=book,
        mode="disaster",
        lost="PAR1",
        into="OSU2",
        plan=NO_PLAN,
        digest=hashlib.sha256(NO_PLAN.encode()).hexdigest(),
        state_at=now,
        requested_by="amelie",
        requested_at=now,
        request_reason="x",
        last_editor=book.written_by,
        incarnation=0,
    )
    with transaction.atomic():
        transitions.create([run], actor=BY, reason="x", now=now)
        step = RunStep(run=run, name="tell", position=1, state_at=now)
        transitions.create([step], actor=BY, reason="x", now=now)
        transitions.move(run, "running", actor=Actor("person", "amelie"), reason="x", now=now)
        ask = Ask(step=step, round=1, nonce="0" * 64, asked_at=now, pulse=0.0)
        transitions.create([ask], actor=BY, reason="x", now=now)
    return run, ask


def test_a_run_that_cannot_be_read_says_so_on_its_own_page_alone(
    ground: Ground, enter: Enter
) -> None:
    run, ask = damaged(ground)
    client = enter("bruno")
    for fine in ("/", "/recovery/", "/recovery/runs/", "/recovery/approve/"):
        assert client.get(fine).status_code == 200, fine
    assert f">{run}</a>" in text(client.get("/recovery/runs/"))
    for its in (f"/recovery/runs/{run.number}/", f"/recovery/approve/{ask.pk}/"):
        page = client.get(its)
        assert page.status_code == 409, its
        assert "This is no plan" in text(page)
    assert client.get(f"/api/drp/runs/{run.number}").status_code == 409


def test_a_run_that_cannot_be_read_is_aborted_from_its_page(ground: Ground, enter: Enter) -> None:
    run, _ = damaged(ground)
    client, at = enter("amelie"), f"/recovery/runs/{run.number}/abort/"
    assert f"Abort {run}, a disaster" in text(client.get(at))
    assert client.post(at, {"reason": ""}).status_code == 422
    assert client.post(at, {"reason": "Nobody can read it."}).status_code == 302
    run.refresh_from_db()
    assert run.state == "aborting"
    assert client.get("/recovery/runs/902/abort/").status_code == 404
