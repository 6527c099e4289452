"""Reports are signed once a run has ended; what is to be done afterwards is written and closed.

Invariants: a report is never changed, what is known later is another version; a finding is closed
with its proof.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Max

from recovery.alarms.actions import end_alarms, raise_alarm
from recovery.alarms.facts import Severity
from recovery.audit.facts import Actor
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.drp.models import Run
from recovery.drp.queries.drilled import outdated_reports
from recovery.drp.queries.people import rights_of
from recovery.drp.queries.reports import report_facts, unreported_runs
from recovery.drp.reports.awaiting import holds_back
from recovery.drp.reports.compose import compose, refuse_report
from recovery.drp.reports.document import canonical, digest_of
from recovery.drp.reports.facts import FindingState
from recovery.drp.reports.late import late_of, missing_key
from recovery.drp.reports.models import Report, ReportFinding
from recovery.drp.reports.signing import report_key, sign

log = structlog.get_logger()
WORKER = Actor("worker", "reports")


def write_report(*, run: Run, actor: Actor, reason: str, now: datetime) -> Report:
    """The next version, signed. `Refused` while the run goes on."""
    if why := refuse_report(run.state):
        raise Refused(why, kept="Nothing was signed.")
    key = report_key(Path(settings.TOCSIN_REPORT_KEY_FILE), settings.TOCSIN_HOST)
    found = compose(report_facts(run))
    raw = canonical(found)
    row = Report(
        run=run,
        number=found.version,
        raw=raw.decode(),
        digest=digest_of(raw),
        signature=sign(key, raw),
        key=str(key.verifier),
        made_by=actor.id,
        made_at=found.made_at,
    )
    try:
        with transaction.atomic():
            return transitions.create([row], actor=actor, reason=reason, now=now)[0]
    except IntegrityError as error:
        if "drp_report_version_once" not in str(error):
            raise
        raise Conflict(
            "Somebody signed a version at the same moment.", todo="Look at it."
        ) from error


def write_due_reports(*, now: datetime) -> int:
    """Of every run that has ended and has none, once the sealed log covers its end, or a minute
    later. One that cannot be written keeps no other from being written."""
    written = 0
    for run in unreported_runs():
        if holds_back(late_of(run, now)):
            continue
        written += _written(run, f"{run} has ended.", now)
    for run in outdated_reports():
        written += _written(run, "Since then all was seen gone, or its host retired.", now)
    return written


def _written(run: Run, reason: str, now: datetime) -> bool:
    key = missing_key(run)
    try:
        write_report(run=run, actor=WORKER, reason=reason, now=now)
    except DatabaseError:
        raise
    except Exception as error:  # whatever is wrong with one run, the next one has its report
        log.exception("no report", run=str(run))
        raise_alarm(
            key=key,
            severity=Severity.NOTICE,
            title=f"{run} has ended and its report cannot be written",
            body=f"{type(error).__name__}: {error}",
            incident=None,
            actor=WORKER,
            reason="It is tried again all the time.",
            now=now,
        )
        return False
    end_alarms(keys=[key], actor=WORKER, reason="It is written.", now=now)
    return True


# ------------------------------------------------------------------ findings


def add_finding(
    *, run: Run, said: str, owner: str, due: date, actor: Actor, now: datetime
) -> ReportFinding:
    """For an owner who is let in, by a day that is not over."""
    no = (
        (refuse_report(run.state) != "", refuse_report(run.state)),
        (not said.strip(), "Say what is to be done."),
        (not rights_of(owner), f"{owner} is nobody who is let in: an owner can be asked."),
        (due < now.date(), f"{due} is over: name a day on which it can be done."),
    )
    if why := next((reason for holds, reason in no if holds), ""):
        raise Refused(why, kept="Nothing was written down.")
    with transaction.atomic():
        Run.objects.select_for_update().get(pk=run.pk)
        last = ReportFinding.objects.filter(run=run).aggregate(n=Max("number"))["n"] or 0
        row = ReportFinding(
            run=run,
            number=last + 1,
            said=said,
            owner=owner,
            due=due,
            added_by=actor.id,
            added_at=now,
        )
        return transitions.create([row], actor=actor, reason=said, now=now)[0]


def close_finding(
    *, finding: ReportFinding, proof: str, actor: Actor, now: datetime
) -> ReportFinding:
    """With what shows that it is done: a link, a ticket, a sentence that somebody can check."""
    if not proof.strip():
        raise Refused("Say what shows that it is done.", kept="It stays open.")
    changes = {"closed_by": actor.id, "closed_at": now, "proof": proof}
    return transitions.move(
        finding, FindingState.CLOSED, actor=actor, reason=proof, now=now, changes=changes
    )
