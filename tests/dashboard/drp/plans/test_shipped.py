"""The worst day does not end in a manual: what is missing is said before, and offered."""

from __future__ import annotations

from recovery.core import clock
from recovery.drp.models import RunbookVersion
from recovery.inventory.models import Host
from tests.actions.drp.ground import Ground
from tests.dashboard.drp.plans.conftest import Enter, text
from tests.dashboard.losing import lose_datacenter

MISSING = "No runbook for a disaster is in force"
PRESS = "Propose datacenter-lost as shipped"


def test_what_is_missing_is_said_before_anybody_decides(ground: Ground, enter: Enter) -> None:
    amelie = enter("amelie")
    assert MISSING in text(amelie.get("/recovery/"))
    lose_datacenter("PAR1", Host.objects.all(), clock.system.now(), [])
    for page in ("/recovery/PAR1/", "/recovery/PAR1/activate/"):
        assert MISSING in text(amelie.get(page)), page
    assert PRESS in text(amelie.get("/recovery/start/?lost=PAR1"))
    ground.write()
    for page in ("/recovery/", "/recovery/PAR1/", "/recovery/PAR1/activate/", "/recovery/start/"):
        assert MISSING not in text(amelie.get(page)), page


def test_one_proposes_what_is_shipped_and_another_makes_it_active(
    ground: Ground, enter: Enter
) -> None:
    amelie, bruno = enter("amelie"), enter("bruno")
    assert PRESS in text(amelie.get("/recovery/runbooks/"))
    assert PRESS not in text(enter("vera").get("/recovery/runbooks/"))
    assert enter("vera").post("/recovery/runbooks/datacenter-lost/adopt/").status_code == 403
    there = amelie.post("/recovery/runbooks/datacenter-lost/adopt/")["Location"]
    row = RunbookVersion.objects.get()
    assert (row.name, row.written_by, row.state) == ("datacenter-lost", "amelie", "draft")
    assert there == f"/recovery/runbooks/datacenter-lost/{row.number}/review/"
    assert "You wrote it: somebody else makes it active." in text(amelie.get(there))
    assert f"Review version {row.number}, written by amelie" in text(bruno.get("/recovery/start/"))
    told = {"seen": row.digest, "over": 0, "reason": "I read it."}
    assert amelie.post(there, told).status_code == 403
    assert bruno.post(there, told).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.activated_by) == ("active", "bruno")
    assert MISSING not in text(amelie.get("/recovery/start/"))
    again = amelie.post("/recovery/runbooks/datacenter-lost/adopt/", follow=True)
    assert "datacenter-lost is not shipped, or is in force already." in text(again)
    assert RunbookVersion.objects.count() == 1
