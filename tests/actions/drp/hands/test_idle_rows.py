"""A step with nothing to do it to is done in the rows without anybody's yes; no other step is."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from recovery.core.clock import ManualClock
from recovery.drp.carrying import make_cycle
from recovery.drp.facts import Mode
from recovery.drp.models import Approval, Ask
from recovery.drp.press import Press
from recovery.drp.queries.runs import plan_of
from recovery.drp.views.runs import view_run
from tests.actions.drp.ground import Ground
from tests.actions.drp.test_carrying import active, looks, prepare
from tests.decisions.drp.books import raw

pytestmark = pytest.mark.django_db
STEPS = """\
  - id: export
    title: Export
    stage: activation
    owner: approver
    timeout: 1h
    undo: Nothing changes.
    approval: {role: approver, count: 2}
    do: {kind: export_copies, select: {of: lost}}
  - id: agree
    title: Agree
    stage: activation
    owner: responder
    timeout: 1h
    undo: Nothing.
    needs: [export]
    approval: {role: approver, count: 1}
    do: {kind: approval, question: Does it go on}
"""


def test_nobody_is_asked_about_nothing_and_everybody_about_the_rest(ground: Ground) -> None:
    clock = ManualClock(ground.now)
    prepare(active(raw("return").split("steps:\n")[0] + "steps:\n" + STEPS), Mode.PLANNED)
    assert plan_of(ground.run).step("export").is_idle
    ground.press(Press.START)
    ground.cycle = make_cycle(clock)
    looks(ground, clock, 4)
    export = ground.step("export")
    assert (export.state, export.asks.exists()) == ("done", False)
    assert export.said.startswith("There is nothing to export")
    view = view_run(ground.run.number)
    assert view is not None
    assert [step.word for step in view.steps] == ["done", "waits for a yes"]
    assert Ask.objects.get().step.name == "agree"
    assert not Approval.objects.exists()
    with pytest.raises(IntegrityError, match="0 approvals where agree takes 1"):
        begin_by_sql(str(ground.step("agree").pk))


def begin_by_sql(step: str) -> None:
    """As whoever writes past us would."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE drp_runstep SET state = 'begun' WHERE id = %s", [step])
