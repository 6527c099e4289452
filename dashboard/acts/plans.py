"""What pages do about runbooks and reports: call the room's action, say what came of it."""

from __future__ import annotations

from datetime import date

from recovery.audit.facts import Actor
from recovery.core import clock
from recovery.core.errors import Conflict, Refused
from recovery.drp import actions
from recovery.drp.models import Run, RunbookVersion
from recovery.drp.queries.shipped import shipped
from recovery.drp.reports.models import Report, ReportFinding
from recovery.drp.runbooks.reading import read_runbook
from recovery.drp.runbooks.states import RunbookState


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


# ------------------------------------------------------------------ runbooks


def propose(name: str, text: str, *, base: int, actor: Actor, reason: str) -> RunbookVersion:
    """A draft on top of the version that its writer saw. `name`: whose; empty: a new one."""
    book = read_runbook(text.encode(), "runbook")
    if name and book.runbook != name:
        raise Refused(
            f"This is {book.runbook}, and you edit {name}.",
            field="runbook",
            todo=f"Leave runbook: {name}, or write it as one of its own.",
        )
    return actions.write_runbook(
        raw=text.encode(), actor=actor, reason=reason, now=clock.system.now(), base=base
    )


def adopt(name: str, actor: Actor) -> RunbookVersion:
    """A shipped runbook, byte for byte, as a draft that this person wrote."""
    found = next((one for one in shipped() if one.name == name), None)
    if found is None:
        raise Conflict(f"{name} is not shipped, or is in force already.", kept="Nothing was kept.")
    said = "Taken over as it is shipped."
    row = actions.write_runbook(raw=found.raw, actor=actor, reason=said, now=clock.system.now())
    if row.state != RunbookState.DRAFT:
        raise Conflict(
            f"{row} is {row.state}: as it is shipped it is proposed no more.",
            todo="Write a newer version of it.",
        )
    return row


def refuse_review(row: RunbookVersion, actor: Actor, may_review: bool) -> str:
    """Why this person cannot make it active; empty where they can."""
    no = (
        (row.state != RunbookState.DRAFT, f"It is {row.state} already."),
        (row.written_by == actor.id, "You wrote it: somebody else makes it active."),
        (not may_review, "That takes the role approver."),
    )
    return next((said for holds, said in no if holds), "")


def make_active(row: RunbookVersion, *, seen: str, over: int, actor: Actor, reason: str) -> str:
    """What was read is what comes into force, in place of what it was compared with."""
    if seen != row.digest:
        raise Conflict("What you read is another text than this.", todo="Read it again.")
    made = actions.activate_runbook(
        runbook=row, actor=actor, reason=reason, now=clock.system.now(), over=over
    )
    return f"{made} is in force. A drill shows whether it works."


def withdraw(row: RunbookVersion, actor: Actor, reason: str) -> str:
    made = actions.withdraw_runbook(runbook=row, actor=actor, reason=reason, now=clock.system.now())
    return f"{made} is withdrawn; its text is kept."
