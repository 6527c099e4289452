"""`manage.py store NAME …`: say where backups lie, and which replica of which database is there."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recovery.audit.facts import Actor
from recovery.backups import actions
from recovery.backups.facts import StoreKind
from recovery.backups.models import Store
from recovery.core.clock import system
from recovery.core.errors import TocsinError
from recovery.inventory.models import Database, Datacenter

ACTOR = Actor("command", "store")
REASON = "Asked for on the command line."


class Command(BaseCommand):
    help = "Describe a store of backups, and put backup replicas of databases into it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--kind", choices=[str(kind) for kind in StoreKind])
        parser.add_argument("--place", help="the datacenter that it is in")
        parser.add_argument("--address", help="a folder, or the URL of the service")
        parser.add_argument("--bucket", default="")
        parser.add_argument("--credentials", type=Path, help="a JSON file; sealed into its row")
        parser.add_argument(
            "--replica", action="append", default=[], help="DATABASE:1, 2 or 3; may be repeated"
        )

    def handle(self, *args: object, **options: Any) -> None:
        now = system.now()
        try:
            store = self._store(options, now)
            for word in options["replica"]:
                self._assign(store, word, now)
        except TocsinError as error:
            raise CommandError(str(error)) from error

    def _store(self, options: dict[str, Any], now: datetime) -> Store:
        known = Store.objects.filter(name=options["name"]).first()
        if options["kind"] is None and known is not None:
            return known
        if not options["kind"] or not options["address"]:
            raise CommandError(f"{options['name']} is new: give --kind, --place and --address.")
        store = actions.register_store(
            name=options["name"],
            kind=StoreKind(options["kind"]),
            place=_place(options["place"]),
            address=options["address"],
            bucket=options["bucket"],
            credentials=_credentials(options["credentials"]),
            actor=ACTOR,
            reason=REASON,
            now=now,
        )
        self.stdout.write(f"{store.name}: {store.kind} in {store.place or 'an unknown place'}.")
        return store

    def _assign(self, store: Store, word: str, now: datetime) -> None:
        name, _, number = word.partition(":")
        database = Database.objects.filter(name=name).first()
        if database is None:
            raise CommandError(f"There is no database {name}.")
        if not number.isdecimal():
            raise CommandError(f"{word!r}: write DATABASE:1, DATABASE:2 or DATABASE:3.")
        actions.assign_replica(
            database=database,
            number=int(number),
            store=store,
            actor=ACTOR,
            reason=REASON,
            now=now,
        )
        self.stdout.write(f"Replica {number} of {name} lies in {store.name}.")


def _place(name: str | None) -> Datacenter | None:
    if not name:
        return None
    found = Datacenter.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f"There is no datacenter {name}.")
    return found


def _credentials(path: Path | None) -> dict[str, str] | None:
    if path is None:
        return None
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} is not a readable JSON file: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise CommandError(f"{path} is not an object of names and texts.")
    return found
