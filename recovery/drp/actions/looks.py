"""The hourly look at every runbook in force: what it saw is kept, and people are told.

Invariants: a runbook that cannot be read, or would not be started without an override, rings until
it can; each overdue finding rings until it is closed. What is the same as an hour ago rings no
second time; another reason does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from recovery.alarms.actions import end_alarms, raise_alarm
from recovery.alarms.facts import AlarmState, Severity
from recovery.alarms.models import Alarm
from recovery.audit.facts import Actor
from recovery.drp.models import RunbookVersion
from recovery.drp.queries.books import active_rows, look_now, open_findings
from recovery.drp.queries.people import database_now
from recovery.drp.reports.models import RunbookLook
from recovery.drp.runbooks.lint import Finding

log = structlog.get_logger()
EVERY = timedelta(hours=1)
LINT = Actor("worker", "runbooks")
BROKEN, STALE, DUE, OVERDUE = "runbook-broken", "runbook-stale", "runbook-due", "finding-overdue"


def look_at_runbooks(*, now: datetime) -> int:
    """Those that were not looked at for an hour, or are in another version since; how many."""
    looks = {look.name: look for look in RunbookLook.objects.all()}
    rows, seen = active_rows(), 0
    for row in rows:
        last = looks.get(row.name)
        if last is not None and last.number == row.number and now - last.at < EVERY:
            continue
        look_at(row, last, now=now)
        seen += 1
    _forget(set(looks) - {row.name for row in rows}, now=now)
    watch_findings(now=now)
    return seen


def look_at(row: RunbookVersion, last: RunbookLook | None, *, now: datetime) -> None:
    """One runbook: kept and told in one transaction."""
    found = look_now(row)
    findings = [asdict(one) for one in found or ()]
    with transaction.atomic():
        RunbookLook.objects.update_or_create(
            name=row.name,
            defaults={
                "number": row.number,
                "at": now,
                "findings": findings,
                "is_readable": found is not None,
            },
        )
        before = {one["rule"] for one in last.findings} if last is not None else set()
        _tell_broken(row, is_readable=found is not None, now=now)
        stale = [one for one in found or () if one.is_stale]
        rest = [one for one in found or () if not one.is_stale]
        _tell(f"{STALE}:{row.name}", f"Runbook {row.name} is stale", stale, before, now=now)
        _tell(f"{DUE}:{row.name}", f"Runbook {row.name}: something is due", rest, before, now=now)


def _tell_broken(row: RunbookVersion, *, is_readable: bool, now: datetime) -> None:
    key = f"{BROKEN}:{row.name}"
    if is_readable:
        end_alarms(keys=[key], actor=LINT, reason="It can be read.", now=now)
        return
    raise_alarm(
        key=key,
        severity=Severity.PAGE,
        title=f"Runbook {row.name} is in force and cannot be read",
        body=f"{row} cannot be run. Its page says what is wrong, line by line.",
        incident=None,
        actor=LINT,
        reason="It was taken once and is refused now.",
        now=now,
    )


def _tell(
    key: str, title: str, found: Sequence[Finding], before: set[str], *, now: datetime
) -> None:
    """Rings anew where a rule is among the findings that was not before."""
    if not found:
        end_alarms(keys=[key], actor=LINT, reason="Nothing of it is found any more.", now=now)
        return
    if before and {one.rule for one in found} - before:
        end_alarms(keys=[key], actor=LINT, reason="More was found.", now=now)
    raise_alarm(
        key=key,
        severity=Severity.NOTICE,
        title=title,
        body="\n".join(f"{one.said} {one.todo}" for one in found),
        incident=None,
        actor=LINT,
        reason=found[0].said,
        now=now,
    )


def _forget(names: set[str], *, now: datetime) -> None:
    """Of what is in force no more nobody is told."""
    if not names:
        return
    RunbookLook.objects.filter(name__in=names).delete()
    keys = [f"{kind}:{name}" for kind in (BROKEN, STALE, DUE) for name in names]
    end_alarms(keys=keys, actor=LINT, reason="It is in force no more.", now=now)


def watch_findings(*, now: datetime) -> None:
    """What was to be done by a day that is over."""
    today, overdue = database_now().date(), {}
    for row in open_findings():
        if row.due < today:
            overdue[f"{OVERDUE}:{row.pk}"] = row
    rings = Alarm.objects.filter(key__startswith=f"{OVERDUE}:").exclude(state=AlarmState.ENDED)
    over = [key for key in rings.values_list("key", flat=True) if key not in overdue]
    if over:
        end_alarms(keys=over, actor=LINT, reason="It is closed.", now=now)
    for key, row in overdue.items():
        raise_alarm(
            key=key,
            severity=Severity.NOTICE,
            title=f"{row.run}: finding {row.number} was due on {row.due}",
            body=f"{row.said} It is {row.owner}’s.",
            incident=None,
            actor=LINT,
            reason="Its day is over.",
            now=now,
        )
