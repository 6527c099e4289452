"""What a run follows and what a passkey is never change, whoever writes."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from recovery.audit.facts import Actor
from recovery.brief.actions import decide_on
from recovery.brief.canon import canonical, document
from recovery.brief.facts import Choice
from recovery.brief.models import Decision
from recovery.brief.queries import fleet_at
from recovery.core import transitions
from recovery.core.errors import Conflict, Refused
from recovery.drp import actions
from recovery.drp.actions.passkeys import MOST_PASSKEYS, show_passkey
from recovery.drp.actions.runs import Override
from recovery.drp.facts import Mode
from recovery.drp.models import Passkey, Run
from recovery.drp.planning.inventory import Wish
from recovery.inventory.models import Host
from tests.actions.drp.ground import Ground
from tests.actions.drp.leaving import named
from tests.dashboard.losing import lose_datacenter
from tests.support.fleet import BY

AMELIE = Actor("person", "amelie")


def decide(ground: Ground, site: str) -> Decision:
    """This datacenter is lost, and somebody decided to recover it."""
    hosts = Host.objects.select_related("datacenter").filter(datacenter__name=site)
    lose_datacenter(site, hosts, ground.now)
    return decide_on(
        datacenter=site,
        choice=Choice.ACTIVATE,
        seen=canonical(document(fleet_at(ground.now).brief(site))),
        actor=AMELIE,
        reason="It burns.",
        now=ground.now,
    )


def prepare(ground: Ground, decision: Decision, who: str = "amelie") -> Run:
    row, wish = ground.write(), Wish(Mode.DISASTER, "PAR1", "OSU2", "PAR1 is dark.")
    return actions.prepare_run(
        runbook=row,
        wish=wish,
        override=Override("It burns.", named(row, wish)),
        refuse=lambda plan: "",
        decision=decision,
        actor=Actor("person", who),
        reason="It burns.",
        now=ground.now,
    )


def test_a_run_follows_a_decision_about_its_own_datacenter_for_good(ground: Ground) -> None:
    other, own = decide(ground, "MRS1"), decide(ground, "PAR1")
    with (
        pytest.raises(IntegrityError, match="not to recover this datacenter"),
        transaction.atomic(),
    ):
        prepare(ground, other)
    run = prepare(ground, own)
    assert prepare(ground, own, "bruno") == run, "the same plan is prepared once, whoever asks"
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        transitions.amend(run, {"decision": None}, action="x", actor=BY, reason="x", now=ground.now)


def test_a_passkey_is_never_another_one(ground: Ground) -> None:
    row = show_passkey(
        label="phone", handle="h", public="k", actor=AMELIE, reason="x", now=ground.now
    )
    for column in ("person", "handle", "public", "label"):
        with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
            transitions.amend(
                row, {column: "other"}, action="x", actor=BY, reason="x", now=ground.now
            )
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE drp_passkey SET pinned_by = 'amelie'")  # without its entry
    with pytest.raises(Conflict, match="shown already"):
        show_passkey(label="x", handle="h", public="k", actor=AMELIE, reason="x", now=ground.now)


def test_a_person_shows_so_many_and_no_more(ground: Ground) -> None:
    for number in range(MOST_PASSKEYS):
        show_passkey(
            label="x", handle=f"h{number}", public="k", actor=AMELIE, reason="x", now=ground.now
        )
    with pytest.raises(Refused, match="already"):
        show_passkey(label="x", handle="h9", public="k", actor=AMELIE, reason="x", now=ground.now)
    assert Passkey.objects.count() == MOST_PASSKEYS
