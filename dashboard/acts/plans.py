"""What pages do about runbooks and reports: call the room's action, say what came of it."""

from __future__ import annotations

from datetime import date

from recovery.audit.facts import Actor
from recovery.core import clock
from recovery.core.errors import Conflict
from recovery.drp import actions
from recovery.drp.models import Run
from recovery.drp.reports.models import Report, ReportFinding


def sign_anew(run: Run, actor: Actor, reason: str) -> str:
    """Another version, as the rows are now."""
    row = actions.write_report(run=run, actor=actor, reason=reason, now=clock.system.now())
    return f"{row} is signed, sha256 {row.digest[:16]}. The versions before it stay as they were."


def add_finding(run: Run, said: str, owner: str, due: date, actor: Actor) -> str:
    row = actions.add_finding(
        run=run, said=said, owner=owner, due=due, actor=actor, now=clock.system.now()
    )
    return f"{row} is {owner}’s, due {due:%d %b %Y}."


def close_finding(run: Run, number: int, proof: str, actor: Actor) -> str:
    row = ReportFinding.objects.filter(run=run, number=number).first()
    if row is None:
        raise Conflict(f"{run} has no finding {number}.")
    actions.close_finding(finding=row, proof=proof, actor=actor, now=clock.system.now())
    return f"{row} is closed: {proof}"


def versions(run: Run) -> list[Report]:
    """The newest first."""
    return list(run.reports.order_by("-number"))
