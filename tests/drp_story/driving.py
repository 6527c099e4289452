"""Two people lead a run on a whole Tocsin, by its rows, with passkeys in Python.

`python -m tests.drp_story.driving LOST INTO SECONDS [MODE [ORIGIN]]`: they sign what the product
asks. With `ORIGIN`, the number of a run: they lift what it froze, and take it back.

Prints the run's end as one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import django

ASKED_BY, APPROVES, WROTE = "responder", "approver", "admin"


def lead(
    lost: str, into: str, seconds: float, mode: str = "disaster", origin: int = 0
) -> dict[str, Any]:
    """To its end, or until that many seconds went by."""
    from django.conf import settings

    from recovery.core.clock import system
    from recovery.core.consent import Party, write_pins
    from recovery.core.errors import TocsinError
    from recovery.drp.approvals.proofs import party
    from recovery.drp.models import Run
    from tests.support.passkeys import Passkey

    pins = Path(settings.TOCSIN_PINS)
    pins.parent.mkdir(parents=True, exist_ok=True)
    key, who = Passkey(APPROVES), party()
    assert isinstance(who, Party)
    pins.write_bytes(write_pins([key.pin]))
    run = _begin_back(lost, into, origin) if origin else _begin(lost, into, mode)
    until = system.monotonic() + seconds
    while system.monotonic() < until:
        row = Run.objects.get(pk=run)
        if row.state in {"done", "aborted", "paused"}:
            break
        with suppress(TocsinError):
            _help(row, key, who)
        _sleep(0.5)
    return _told(run)


def _sleep(seconds: float) -> None:
    import threading

    threading.Event().wait(seconds)


def _begin(lost: str, into: str, mode: str) -> Any:
    from recovery.audit.facts import Actor
    from recovery.core.clock import system
    from recovery.drp import actions
    from recovery.drp.actions.runs import Override
    from recovery.drp.facts import Mode
    from recovery.drp.planning.inventory import Wish
    from recovery.drp.planning.refusing import refuse_plan
    from recovery.drp.press import Press

    now, writer = system.now(), Actor("person", WROTE)
    raw = Path("deploy/runbooks/datacenter-lost.yaml").read_bytes()
    row = actions.write_runbook(raw=raw, actor=writer, reason="The story's.", now=now)
    second = Actor("person", APPROVES)
    if row.state == "draft":
        row = actions.activate_runbook(runbook=row, actor=second, reason="I read it.", now=now)
    by = Actor("person", ASKED_BY)
    run = actions.prepare_run(
        runbook=row,
        wish=Wish(Mode(mode), lost, into, f"{lost} is dark."),
        override=Override("The story drills it now."),
        refuse=refuse_plan,
        actor=by,
        reason=f"{lost} burns.",
        now=now,
    )
    actions.press(run=run.pk, press=Press.START, actor=by, reason="Now.", now=now)
    return run.pk


def _begin_back(lost: str, into: str, origin: int) -> Any:
    """The shipped way back, with less time to watch; what came back is exported first."""
    from recovery.audit.facts import Actor
    from recovery.core.clock import system
    from recovery.detection.freezes import lift_freeze
    from recovery.detection.models import Freeze
    from recovery.drp import actions
    from recovery.drp.actions.runs import Override
    from recovery.drp.facts import Mode
    from recovery.drp.planning.inventory import Wish
    from recovery.drp.planning.refusing import refuse_plan
    from recovery.drp.press import Press
    from recovery.drp.queries.failback import back_of

    now, second = system.now(), Actor("person", APPROVES)
    for freeze in Freeze.objects.filter(lifted_at=None):
        lift_freeze(freeze=freeze.pk, actor=second, reason="It is over.", now=now)
    raw = Path("deploy/runbooks/return.yaml").read_text()
    raw = raw.replace("holds_for: 30m", "holds_for: 5s").replace("holds_for: 5m", "holds_for: 65s")
    writer = Actor("person", WROTE)
    row = actions.write_runbook(raw=raw.encode(), actor=writer, reason="The story's.", now=now)
    row = actions.activate_runbook(runbook=row, actor=second, reason="I read it.", now=now)
    by = Actor("person", ASKED_BY)
    every = back_of(origin, out_of=lost, into=into).moves
    exports = frozenset(move.target.id for move in every if move.held)
    back = back_of(origin, out_of=lost, into=into, export=exports)
    run = actions.prepare_run(
        runbook=row,
        wish=Wish(Mode.PLANNED, lost, into, f"{into} is back.", back=back),
        override=Override("The story drills it now."),
        refuse=refuse_plan,
        actor=by,
        reason=f"Back to {into}.",
        now=now,
    )
    actions.press(run=run.pk, press=Press.START, actor=by, reason="Now.", now=now)
    return run.pk


def _help(run: Any, key: Any, who: Any) -> None:
    """Whatever waits for one of the two."""
    from recovery.audit.facts import Actor
    from recovery.core.clock import system
    from recovery.drp import actions
    from recovery.drp.actions.answers import Answer
    from recovery.drp.models import Act, Ask
    from recovery.drp.press import Press
    from recovery.drp.queries.approvals import plan_of, question_of, word_of

    plan = plan_of(run)
    for ask in Ask.objects.filter(step__run=run, state="open").select_related("step__run"):
        word = word_of(question_of(run, plan, ask.step, ask), ask, APPROVES)
        signed = key.sign(word, party=who.name, origin=next(iter(who.origins)))
        said = Answer(is_yes=True, assertion=signed)
        by = Actor("person", APPROVES)
        actions.answer(ask=ask.pk, answer=said, actor=by, reason="Yes.", now=system.now())
    acts = Act.objects.filter(step__run=run, state="intended").select_related("step")
    for act in acts:
        if plan.step(act.step.name).kind == "manual" and not _is_held(act.step.name):
            actions.press(
                run=run.pk,
                press=Press.REPORT,
                step=act.step.name,
                key=act.key,
                actor=Actor("person", _reports(plan.step(act.step.name).owner)),
                reason="The duty desk, a minute ago.",
                now=system.now(),
            )


def _reports(owner: str) -> str:
    """Somebody of the role that owns the step."""
    return ASKED_BY if owner == "responder" else APPROVES


def _is_held(step: str) -> bool:
    """Whether the story keeps them from this step while a file is there."""
    held, _, path = os.environ.get("STORY_HOLDS", "").partition("=")
    return step == held and Path(path).exists()


def _told(run: Any) -> dict[str, Any]:
    from recovery.drp.models import Act, Run

    row = Run.objects.get(pk=run)
    acts = Act.objects.filter(step__run=row).order_by("intended_at")
    return {
        "name": str(row),
        "number": row.number,
        "state": row.state,
        "reason": row.state_reason,
        "steps": {step.name: [step.state, step.said] for step in row.steps.all()},
        "acts": [[act.step.name, act.target_name, act.state, act.said] for act in acts],
    }


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    django.setup()
    lost, into, seconds, *more = sys.argv[1:]
    mode, number = [*more, *["disaster", "0"][len(more) :]]
    print(json.dumps(lead(lost, into, float(seconds), mode, int(number))))  # noqa: T201
