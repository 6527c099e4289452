"""What the lint looks at, from rows and the file of keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from django.conf import settings
from django.db.models import Sum

from recovery.access.actions import ROLES
from recovery.backups.queries import database_facts
from recovery.drp.approvals.proofs import pins
from recovery.drp.facts import Mode, RunState
from recovery.drp.models import Run, RunbookVersion
from recovery.drp.queries.people import database_now, people_of
from recovery.drp.queries.world import hosts_now
from recovery.drp.runbooks.lint import PROVEN_DUE, Finding, LintFacts, lint
from recovery.drp.runbooks.reading import reread_runbook
from recovery.inventory.facts import SEATED
from recovery.inventory.models import Datacenter, Placement

SIGNS = frozenset({"approver", "admin"})
"""Roles that are asked for signatures: who has no pinned key cannot be counted on."""


def findings_of(row: RunbookVersion) -> tuple[Finding, ...]:
    """What would stop this runbook now."""
    runbook = reread_runbook(row.raw.encode(), f"{row.name}.yaml")
    return lint(runbook, lint_facts(row))


def lint_facts(row: RunbookVersion) -> LintFacts:
    """As of today, by the database's clock. `changed`: when this version came into force."""
    now = database_now()
    roles = {name: frozenset(rights) for name, rights in people_of().roles.items()}
    signing = frozenset(pin.person for pin in pins())
    people, everyone = _people(roles, signing), _people(roles, frozenset(roles))
    return LintFacts(
        today=now.date(),
        people=people,
        unsigned={role: everyone[role] - people[role] for role in ROLES},
        drilled=_drilled(row.name),
        changed=row.activated_at.date() if row.activated_at else None,
        room=_room(),
        unproven=_unproven(now),
        secrets=_secrets(),
    )


def _secrets() -> frozenset[str]:
    """Names of the keys that webhooks are signed with: files that no row and no plan holds."""
    folder = Path(settings.TOCSIN_WEBHOOK_KEYS)
    return frozenset(path.name for path in folder.glob("*") if path.is_file())


def _people(
    roles: Mapping[str, frozenset[str]], signing: frozenset[str]
) -> dict[str, frozenset[str]]:
    return {
        role: frozenset(
            name
            for name, rights in roles.items()
            if role in rights and (role not in SIGNS or name in signing)
        )
        for role in ROLES
    }


def _drilled(name: str) -> date | None:
    done = Run.objects.filter(runbook__name=name, mode=Mode.DRILL, state=RunState.DONE)
    at = done.order_by("-ended_at").values_list("ended_at", flat=True).first()
    return at.date() if at else None


def _room() -> dict[str, float]:
    """Of each datacenter, which share of what it holds would fit into all the others together."""
    seats = Placement.objects.filter(state__in=sorted(SEATED), application__copies__gt=0)
    held = seats.order_by().values_list("host__datacenter__name").annotate(Sum("memory_mib"))
    needs, hosts, found = dict(held), hosts_now(), {}
    for site in Datacenter.objects.order_by("name").values_list("name", flat=True):
        free = sum(one.free for one in hosts if one.site != site and one.is_heard)
        found[site] = min(1.0, free / needs[site]) if needs.get(site) else 1.0
    return found


def _unproven(now: datetime) -> tuple[str, ...]:
    return tuple(
        facts.name
        for facts in database_facts()
        if facts.copies
        and not any(
            copy.proven_at is not None and now - copy.proven_at <= PROVEN_DUE
            for copy in facts.copies
        )
    )
