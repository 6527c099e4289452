"""A restore in rows, for tests of the screens: asked for, running, over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from recovery.audit.facts import Actor
from recovery.core.wire.backups import RestoreFact
from recovery.inventory.models import Database
from recovery.restores import actions
from recovery.restores.facts import Act, Phase, Step
from recovery.restores.models import Restore
from tests.dashboard import fleet


@dataclass
class Restoring:
    """The one of this database."""

    database: Database
    now: datetime

    @property
    def row(self) -> Restore:
        return Restore.objects.get(database=self.database)

    def ask(self) -> None:
        actions.ask_restore(
            database=self.database,
            typed=self.database.name,
            actor=Actor("person", "amelie"),
            reason="Its board is dead, and so are both disks.",
            now=self.now,
        )

    def run(self) -> None:
        """Both words are given, and its host is a quarter through."""
        actions.give_restore(
            restore=self.row,
            typed=self.database.name,
            actor=Actor("person", "bruno"),
            reason="I saw it.",
            now=self.now + timedelta(seconds=1),
        )
        self.carry(Step(Act.ADVANCE, Phase.PLACE, "The replica still goes as far."))
        self.carry(Step(Act.ORDER, Phase.RESTORE, "Its host can take it."))
        self.hear(30_000_000)

    def hear(self, done: int) -> None:
        """Its agent's newest word."""
        fact = RestoreFact(
            restore=str(self.row.pk),
            replica="x",
            state="running",
            phase="fetching the base",
            done=done,
            total=120_000_000,
            speed=48.5e6,
            left_ms=1900,
        )
        actions.hear_restores(host=self.row.host_id, facts=[fact], now=self.now)

    def end(self) -> None:
        self.carry(Step(Act.END, Phase.ABANDONED, "bruno called it off."))

    def carry(self, step: Step) -> None:
        with transaction.atomic():
            actions.carry(restore=self.row.pk, step=step, actor=fleet.CONTROLLER, now=self.now)
