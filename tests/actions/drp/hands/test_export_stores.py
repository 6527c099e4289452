"""An export goes where people signed, and is taken away through the API as on its page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.test import Client

from recovery.agent.databases.approved import Approvals
from recovery.audit.models import AuditEntry
from recovery.backups.exports import Export
from recovery.backups.models import ArchiveSight
from recovery.drp.approvals.proofs import party
from recovery.drp.models import Act
from recovery.drp.queries.runs import plan_of
from recovery.gateway.databases import order_of, specs_of
from recovery.gateway.plans import plan_words
from recovery.inventory.models import Database
from recovery.operations.facts import Verb
from recovery.operations.models import Operation
from tests.actions.drp.hands import test_exporting, test_returning
from tests.actions.drp.hands.test_exporting import STORE, exported, person, read, written
from tests.actions.drp.losing import Loss
from tests.actions.drp.test_promoting import approve
from tests.dashboard.drp.conftest import text

pytestmark = pytest.mark.django_db
loss, store, back = test_returning.loss, test_exporting.store, test_exporting.back
WHERE = (
    "Into osu2-store in OSU2: it is not in PAR1, it is heard, and it takes what is written."
    " Not par1-store: it is in PAR1, which has just come back."
)


def api(client: Client, path: str, **told: object) -> Any:
    at = f"/api/databases/orders/exports{path}"
    return client.post(at, json.dumps(told), "application/json") if told else client.get(at)


def gives_it_by_the_api(back: Loss, row: Export) -> None:
    """Listed for everybody; taken by who may, and says why."""
    bruno = person("bruno")
    listed = api(person("vera"), "").json()
    assert sorted((one["replica"], one["store"], one["is_there"]) for one in listed) == [
        ("orders-1", STORE, True),
        ("orders-2", STORE, True),
    ]
    take = f"/{row.pk}/take"
    assert api(person("amelie"), take, reason="The lost orders.").status_code == 403
    assert api(bruno, take, reason="").status_code == 422
    assert api(bruno, f"/{back.ground.run.pk}/take", reason="It.").json()["field"] == "export"
    assert bruno.get("/api/databases/nothing/exports").json()["field"] == "name"
    answer = api(bruno, take, reason="The lost orders.")
    assert answer["Content-Disposition"].endswith('.export.tar"')
    assert len(read(answer)) > 1024
    (entry,) = AuditEntry.objects.filter(object_type="export", body__action="taken away")
    assert (entry.body["actor"]["id"], entry.body["reason"]) == ("bruno", "The lost orders.")


def test_it_goes_elsewhere_than_what_came_back_and_the_approval_says_where_and_why(
    back: Loss, pinned: Path
) -> None:
    plan = plan_of(back.ground.run)
    (move,) = [one for one in plan.moves if one.held]
    assert (move.stores, move.where) == ((STORE,), WHERE)
    back.until(lambda: bool(back.ground.step("export").state == "asking"))
    asked = person("chloe").get(f"/recovery/approve/{back.ground.ask('export').pk}/")
    assert WHERE in text(asked)
    ArchiveSight.objects.update(error="timed out")  # that flickers, and voids nothing
    row = exported(back)[0]
    orders = list(Operation.objects.filter(verb=Verb.EXPORT))
    assert [op.params["plan"]["stores"] for op in orders] == [[STORE], [STORE]]
    specs, words = specs_of({Database.objects.get().pk}), plan_words(orders)
    host = Approvals(pinned, party())
    for op in orders:
        assert op.replica_id is not None
        sent = order_of(op, specs[op.replica_id], 1, words[op.pk])
        assert (sent.stores, host.refuse(sent)) == ((STORE,), "")
        for other in ((), ("par1-store",), (STORE, "par1-store")):
            lying = msgspec.structs.replace(sent, stores=other)
            assert "is exported into osu2-store, as people signed" in host.refuse(lying)
    gives_it_by_the_api(back, row)


def test_what_an_agent_wrote_elsewhere_than_was_approved_is_no_export(
    back: Loss, store: Path
) -> None:
    other = store.with_name("par1-store")
    back.play.exports = lambda op: written(other, str(op.pk), "par1-store")
    approve(back, "export")
    back.until(lambda: bool(back.ground.run.state == "paused"))
    said = Act.objects.get(step__name="export").said
    assert "it says that it is in par1-store, into which nobody approved it." in said
    assert not Export.objects.exists()
