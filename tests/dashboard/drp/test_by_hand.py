"""What no step moves is named where people agree to a plan, and where they see to it."""

from __future__ import annotations

from recovery.core import transitions
from recovery.drp.facts import Mode
from recovery.drp.press import Press
from recovery.inventory.models import Database
from tests.actions.drp.ground import Ground
from tests.actions.drp.test_carrying import active, prepare
from tests.dashboard.drp.conftest import Enter, text
from tests.dashboard.drp.test_runs import panel
from tests.decisions.drp.books import raw
from tests.support.fleet import BY

WHERE = "/recovery/start/?runbook=evacuation&mode={}&lost=PAR1&into=OSU2"


def test_an_evacuation_names_the_databases_that_it_leaves_to_people(
    ground: Ground, enter: Enter
) -> None:
    row = Database.objects.get(name="ident")
    changes = {"plan": "starter"}
    transitions.amend(row, changes, action="t", actor=BY, reason="test", now=ground.now)
    prepare(active(raw("evacuation")), Mode.PLANNED)
    client = enter("amelie")
    for mode in ("planned", "simulation"):
        page = text(client.get(WHERE.format(mode)))
        assert 'No step moves 1 database: <a class="id" href="/databases/ident/">' in page, mode
        assert "Nobody looked" not in page
    ground.press(Press.START)
    assert 'It is about 1 database: <a class="id" href="/databases/ident/">' in panel(
        ground, "steps"
    )
