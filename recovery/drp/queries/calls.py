"""What a webhook that is due says, and where to: from the plan that people approved, never from the
row that says that it is due."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from recovery.core.errors import Refused
from recovery.drp.facts import ActState, Kind, Mode
from recovery.drp.journal import Call
from recovery.drp.models import Act
from recovery.drp.queries.approvals import plan_of, refuse_authority


@dataclass(frozen=True, slots=True)
class Letter:
    """`secret`: the name of the key that signs it."""

    url: str
    secret: str
    body: bytes


def letter_of(call: Call) -> Letter:
    """`Refused` where no step that goes on asks for it."""
    act = Act.objects.select_related("step__run__runbook").filter(key=call.key).first()
    if act is None or act.state not in {ActState.INTENDED, ActState.UNKNOWN}:
        raise Refused("No step of a run asks for it any more.")
    run = act.step.run
    plan = plan_of(run)
    step = plan.step(act.step.name)
    if step.kind is not Kind.WEBHOOK or plan.mode not in {Mode.PLANNED, Mode.DISASTER}:
        raise Refused(f"{step.title} of a {plan.mode} sends no webhook.")
    if why := refuse_authority(run, act.step):
        raise Refused(why)
    told = {
        "type": step.params["event"],
        "timestamp": _instant(call.asked_at),
        "data": {
            "run": str(run),
            "mode": str(plan.mode),
            "lost": plan.lost.name,
            "into": plan.into.name,
            "step": step.id,
            "title": step.title,
            "plan": run.digest,
        },
    }
    body = json.dumps(told, separators=(",", ":"), sort_keys=True).encode()
    return Letter(str(step.params["url"]), str(step.params["secret"]), body)


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
