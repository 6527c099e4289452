"""What a recovery plan froze, on the overview."""

from __future__ import annotations

from html import unescape
from uuid import uuid4

from django.test import Client

from recovery.core import clock
from recovery.detection.facts import Part
from recovery.failover.actions.fences import Cause, note_proofs, raise_fence
from recovery.inventory.models import Host
from tests.dashboard import fleet
from tests.dashboard.conftest import SignIn
from tests.support.freezes import freeze


def test_a_plans_freeze_is_shown_as_what_it_is_and_lifted_with_a_reason(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    row = freeze([Part.FAILOVER, Part.RESTORE_TESTS], clock.system.now())
    client, viewer = sign_in("responder"), sign_in("viewer")
    html = client.get("/").content.decode()
    assert "utomation frozen by DRP-0007" in html
    assert "DRP-0007 froze failover, restore tests for amelie at" in html
    assert "Lift the freeze" in html
    held = page(client, "/held/")
    assert "Automation moves what is not frozen: DRP-0007 froze failover, restore tests." in held
    assert "Lift the freeze" not in viewer.get("/").content.decode()
    assert viewer.post(f"/held/freezes/{row.pk}/lift/").status_code == 403
    path = f"/held/freezes/{row.pk}/lift/"
    assert "restore tests begin again by themselves. DRP-0007 is over." in page(client, path)
    assert client.post(path, {"reason": ""}).status_code == 422
    assert client.post(path, {"reason": "Done."}).status_code in {302, 303}
    row.refresh_from_db()
    assert (row.state, row.lifted_by) == ("lifted", "responder")
    assert "frozen by" not in page(client, "/")
    assert client.get(path).status_code in {302, 303}, "there is nothing to ask any more"


def test_a_reason_without_an_end_is_ended_before_the_next_sentence(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    freeze([Part.FAILOVER], clock.system.now(), reason="Works on the power")
    assert "Works on the power. It stands until a person lifts it." in page(
        sign_in("responder"), "/"
    )


def page(client: Client, path: str) -> str:
    return unescape(client.get(path).content.decode())


def test_a_fence_is_shown_with_what_is_proven_and_lifted_by_an_approver_with_a_reason(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    now = clock.system.now()
    site = hosts["par1-r1-h02"].datacenter
    cause = Cause("r/fence/x/1", uuid4(), "DRP-0007", "fence", "amelie")
    row = raise_fence(
        datacenter=site.pk, cause=cause, actor=fleet.CONTROLLER, reason="It burns.", now=now
    )
    told = {"proofs": [], "told": "Not proven: orders.", "is_over": True}
    note_proofs(fence=row, actor=fleet.CONTROLLER, now=now, **told)  # type: ignore[arg-type]
    approver, responder = sign_in("approver"), sign_in("responder")
    html = approver.get("/").content.decode()
    assert "DRP-0007 fenced PAR1 for amelie at" in html
    assert "Not proven: orders." in html
    path = "/held/fences/PAR1/lift/"
    assert path in html
    assert path not in responder.get("/").content.decode()
    assert responder.post(path, {"reason": "x"}).status_code == 403
    assert "old primaries come back as copies" in approver.get(path).content.decode()
    assert approver.post(path, {"reason": ""}).status_code == 422
    assert approver.post(path, {"reason": "It is back."}).status_code in {302, 303}
    row.refresh_from_db()
    assert (row.state, row.lifted_by, row.lift_reason) == ("lifted", "approver", "It is back.")
