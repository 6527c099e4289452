"""Whether a runbook that is active could be run now, and where not. Pure; looked at every hour.

Invariant: a stale runbook is not started without a named override that says why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from recovery.backups.words import joined
from recovery.drp.facts import Kind
from recovery.drp.runbooks.schema import Runbook, empty_fields

DRILL_DUE = timedelta(days=365)
CONTACT_DUE = timedelta(days=90)
PROVEN_DUE = timedelta(days=30)
FEWEST_APPROVERS = 2


@dataclass(frozen=True, slots=True)
class LintFacts:
    """What is looked at. `people`: role → names that can be reached and have a passkey;
    `unsigned`: role → those who have it and no pinned passkey;
    `drilled`: the newest drill that ended well; `changed`: the newest change of the inventory that
    the plan depends on; `room`: share of what would be moved that fits, per datacenter;
    `unproven`: databases whose newest proven restore is older than its due date."""

    today: date
    people: Mapping[str, frozenset[str]]
    drilled: date | None
    changed: date | None
    room: Mapping[str, float]
    unproven: tuple[str, ...] = ()
    secrets: frozenset[str] = frozenset()
    unsigned: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """`is_stale`: it keeps the runbook from being started without an override."""

    rule: str
    said: str
    todo: str
    is_stale: bool = False


def lint(runbook: Runbook, facts: LintFacts) -> tuple[Finding, ...]:
    """Nothing found: it could be run now."""
    return (
        *_fields(runbook),
        *_age(runbook, facts),
        *_people(runbook, facts),
        *_world(runbook, facts),
    )


def _fields(runbook: Runbook) -> Iterator[Finding]:
    if empty := empty_fields(runbook):
        said = f"Empty: {', '.join(empty)}."
        yield Finding("empty_fields", said, "Write them; an auditor asks for each.", is_stale=True)


def _age(runbook: Runbook, facts: LintFacts) -> Iterator[Finding]:
    due, drilled = runbook.plan.review_due, _newest(runbook, facts)
    if due is not None and due < facts.today:
        yield Finding("review_due", f"Its review was due on {due}.", "Review it.", is_stale=True)
    if drilled is None:
        yield Finding("never_drilled", "It was never drilled.", "Plan a drill.", is_stale=True)
    elif facts.today - drilled > DRILL_DUE:
        said = f"The last drill was on {drilled}, more than a year ago."
        yield Finding("drill_due", said, "Plan a drill.", is_stale=True)
    elif facts.changed is not None and facts.changed > drilled:
        said = f"What it depends on changed on {facts.changed}, after the drill of {drilled}."
        yield Finding("changed_since", said, "Drill it again, or simulate it and look.")
    for contact in runbook.plan.contacts:
        if facts.today - contact.last_verified > CONTACT_DUE:
            said = f"{contact.name} was last called on {contact.last_verified}."
            yield Finding("contact_due", said, "Call, and write the day down.")


def _newest(runbook: Runbook, facts: LintFacts) -> date | None:
    written = runbook.plan.tested_on
    days = [day for day in (facts.drilled, written) if isinstance(day, date)]
    return max(days, default=None)


def _people(runbook: Runbook, facts: LintFacts) -> Iterator[Finding]:
    for step in runbook.steps:
        if step.approval is None:
            if not facts.people.get(step.owner):
                said = f"{step.id}: nobody of role {step.owner} can be reached."
                yield Finding("nobody", said, "Give somebody the role.", is_stale=True)
            continue
        pool = facts.people.get(step.approval.role, frozenset())
        if step.approval.of:
            pool = pool & frozenset(step.approval.of)
        wanted = max(step.approval.count + 1, FEWEST_APPROVERS)  # the requester never counts
        if len(pool) < wanted:
            said = (
                f"{step.id}: {len(pool)} who may approve can be reached, and {wanted} are wanted:"
                " one of them may be who asked for the run, or who wrote it."
            )
            todo = more_people(
                step.approval.of, facts.unsigned.get(step.approval.role, frozenset())
            )
            yield Finding("too_few_approvers", said, todo, is_stale=True)


def more_people(of: Collection[str] | None, unsigned: frozenset[str]) -> str:
    """Whoever has the role already needs a passkey alone."""
    able = sorted(unsigned & frozenset(of) if of else unsigned)
    if not able:
        return "Give more people the role, and let them register a passkey."
    names = " and ".join(able[:3])
    has = "has" if len(able) == 1 else "have"
    pin = f"manage.py passkeys pin {able[0]}"
    return f"{names} {has} the role and no pinned passkey: show one, then {pin}."


def _world(runbook: Runbook, facts: LintFacts) -> Iterator[Finding]:
    for site, share in sorted(facts.room.items()):
        if share < 1.0:
            said = f"If {site} were lost now, {share:.0%} of what it holds would fit elsewhere."
            yield Finding("no_room", said, "Add room, or say what is shed.")
    if facts.unproven and any(step.kind is Kind.RESTORE_DATABASES for step in runbook.steps):
        names = joined(tuple(facts.unproven))
        said = f"No restore of {names} was proven in {PROVEN_DUE.days} days."
        yield Finding("unproven", said, "Look at the restore tests.")
    for step in runbook.steps:
        secret = getattr(step.do, "secret", None)
        if secret is not None and secret not in facts.secrets:
            said = f"{step.id}: nobody keeps a key named {secret}."
            todo = f"Put its whsec_… into a file {secret} in TOCSIN_WEBHOOK_KEYS."
            yield Finding("no_secret", said, todo, is_stale=True)
