"""What a recovery plan froze, on the overview."""

from __future__ import annotations

from recovery.core import clock
from recovery.detection.facts import Part
from recovery.inventory.models import Host
from tests.dashboard.conftest import SignIn
from tests.support.freezes import freeze


def test_a_plans_freeze_is_shown_as_what_it_is_and_lifted_with_one_press(
    sign_in: SignIn, hosts: dict[str, Host]
) -> None:
    row = freeze([Part.FAILOVER, Part.RESTORE_TESTS], clock.system.now())
    client, viewer = sign_in("responder"), sign_in("viewer")
    html = client.get("/").content.decode()
    assert "utomation frozen by DRP-0007" in html
    assert "DRP-0007 froze failover, restore tests for amelie at" in html
    assert "Lift the freeze" in html
    assert "Lift the freeze" not in viewer.get("/").content.decode()
    assert viewer.post(f"/held/freezes/{row.pk}/lift/").status_code == 403
    assert client.post(f"/held/freezes/{row.pk}/lift/").status_code in {302, 303}
    row.refresh_from_db()
    assert (row.state, row.lifted_by) == ("lifted", "responder")
    assert "frozen by" not in client.get("/").content.decode()
