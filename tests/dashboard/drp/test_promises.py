"""What a run's page says of its promises and of time, before a script counts anything."""

from __future__ import annotations

from datetime import timedelta

from recovery.core import transitions
from recovery.drp.facts import Mode
from recovery.drp.press import Press
from recovery.inventory.facts import Role as Copy
from recovery.inventory.models import Database, Host, WriteGap
from tests.actions.drp.ground import Ground
from tests.actions.drp.test_carrying import active, prepare
from tests.actions.drp.test_serving import hear
from tests.actions.failover.fleet import copy
from tests.dashboard.drp.test_owners import STEPS
from tests.dashboard.drp.test_runs import panel
from tests.decisions.drp.books import raw
from tests.support.fleet import BY


def test_a_promise_of_what_serves_again_is_kept_while_the_run_goes_on(ground: Ground) -> None:
    ground.begin()
    row = ground.run
    assert "data-until" in panel(ground, "promises")
    began = row.started_at
    assert began is not None
    for database in Database.objects.filter(
        primary__host__datacenter__name="PAR1", plan="business"
    ):
        database.primary = database.replicas.filter(host__datacenter__name="OSU2").first() or (
            copy(database, Host.objects.filter(datacenter__name="OSU2")[0], 9, Copy.STANDBY)
        )
        changes = {"primary": database.primary}
        database.refresh_from_db()
        transitions.amend(database, changes, action="led", actor=BY, reason="test", now=ground.now)
        hear(database)
        WriteGap.objects.create(
            database=database,
            last_before=began - timedelta(seconds=1),
            first_after=began + timedelta(seconds=435),
            seconds=436.0,
            after_number=1,
        )
    (line,) = [one for one in panel(ground, "promises").split("<tr") if "Business databases" in one]
    assert "kept, after 7\u00a0min 15\u00a0s" in line
    assert "data-until" not in line
    WriteGap.objects.all().delete()
    (line,) = [one for one in panel(ground, "promises").split("<tr") if "Business databases" in one]
    assert "all of it serves; nobody measured since when" in line


def test_before_a_script_counts_no_time_of_day_stands_where_a_span_does(ground: Ground) -> None:
    ground.begin()
    voice = panel(ground, "voice")
    assert "data-digits>–</time>" in voice
    assert f"since {ground.run.started_at:%H:%M:%S}" in voice


def test_what_people_move_serves_meanwhile_and_no_clock_of_a_promise_runs(ground: Ground) -> None:
    prepare(active(raw("evacuation").split("steps:\n")[0] + "steps:\n" + STEPS), Mode.PLANNED)
    ground.press(Press.START)
    shown = panel(ground, "promises")
    assert "what people move serves meanwhile" in shown
    assert "data-until" not in shown
    assert "not started" not in shown
