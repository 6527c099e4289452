"""Runs on the fleet of the screens' tests, with databases of every fate, for pictures and axe."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from recovery.access.actions import register_person
from recovery.audit.facts import Actor
from recovery.core import control
from recovery.core.consent import write_pins
from recovery.drp import actions
from recovery.drp.actions import looks
from recovery.drp.facts import Mode
from recovery.drp.press import Press
from recovery.inventory.models import Database, Host, WriteGap, WriteProbe
from tests.actions.drp.ground import PEOPLE, Ground, short_runbook
from tests.dashboard import bases
from tests.dashboard.fleet import BY
from tests.support.passkeys import Passkey

AMELIE = Actor("person", "amelie")


def seed_ground(hosts: Mapping[str, Host], now: datetime, pins: Path) -> Ground:
    """People with passkeys, two databases in PAR1; whoever leads there leads on."""
    for name, role in PEOPLE.items():
        register_person(username=name, role=role, password="x", actor=BY, reason="test", now=now)
    keys = {name: Passkey(name) for name in PEOPLE}
    pins.write_bytes(write_pins([key.pin for key in keys.values()]))
    for at, name in enumerate(("ledger-pg", "ident-pg")):
        on = [hosts[f"par1-r2-h0{at + 1}"], hosts[f"osu2-r2-h0{at + 1}"]]
        bases.serve(bases.seed_database(name, on, now, port=15490 + at), now)
    ground = Ground(keys, pins, now=now)
    ground.epoch = control.read_beat()[0]
    return ground


def seed_run(ground: Ground, now: datetime) -> int:
    """Done, with a no, a pause and a skip; one database came back in time, one has not. Reported,
    with a finding that is overdue and one that is closed. The run's number."""
    ground.begin()
    ground.until("fence")
    ground.say("fence", "chloe", yes=False)
    ground.look()
    ground.press(Press.RESUME, reason="The site says that it stays dark until tomorrow.")
    for step, people in (("fence", ["bruno", "chloe"]), ("promote", ["bruno"])):
        ground.look()
        for who in people:
            ground.say(step, who)
        ground.look()
    for _ in range(4):
        ground.look()
    _measure(now)
    run, owner = ground.run, "bruno"
    for said, due in (("Buy room in OSU2.", now), ("Write down who holds the keys.", now)):
        row = actions.add_finding(
            run=run, said=said, owner=owner, due=due.date(), actor=AMELIE, now=now
        )
    actions.close_finding(finding=row, proof="TICKET-7", actor=AMELIE, now=now)
    actions.write_report(run=run, actor=AMELIE, reason="It is over.", now=now)
    return run.number


def _measure(now: datetime) -> None:
    WriteProbe.objects.filter(database__name="ident-pg").delete()
    databases = {one.name: one for one in Database.objects.all()}
    WriteGap.objects.create(
        database=databases["ledger-pg"],
        last_before=now - timedelta(seconds=1),
        first_after=now + timedelta(seconds=94),
        seconds=95.0,
        after_number=7,
    )
    since = now - timedelta(hours=2)
    WriteProbe.objects.create(
        database=databases["ident-pg"], at=now, last_ack_at=since, failing_since=since
    )


def seed_simulation(ground: Ground) -> int:
    """Aborted at once; its report is marked."""
    ground.prepare(Mode.SIMULATION)
    ground.press(Press.START)
    ground.press(Press.ABORT, reason="It was read aloud, and that was enough.")
    ground.look()
    actions.write_report(run=ground.run, actor=AMELIE, reason="Over.", now=ground.now)
    return ground.run.number


def seed_proposal(ground: Ground) -> None:
    """What the hourly lint says of the version in force, and a second one on top of it."""
    looks.look_at_runbooks(now=ground.now)
    raw = short_runbook().decode().replace("version: 1", "version: 2")
    actions.write_runbook(
        raw=raw.replace("undo: Thaw.", "undo: Lift the freeze on the overview.").encode(),
        actor=AMELIE,
        reason="Say where.",
        now=ground.now,
        base=1,
    )
