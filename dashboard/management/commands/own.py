"""`manage.py own …`: where Tocsin's own state is backed up, and how it comes back."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from recovery.agent.backups.restore import sentence
from recovery.audit.facts import Actor
from recovery.backups import actions, specs
from recovery.backups.facts import StoreKind
from recovery.backups.models import Store
from recovery.core.clock import system
from recovery.core.errors import TocsinError
from recovery.core.moments import BadMoment, read_moment
from recovery.engines.state import State, write_private
from recovery.own import bundle, restoring
from recovery.own.folder import OwnFolder

ACTOR = Actor("command", "own")
REASON = "Asked for on the command line."


class Command(BaseCommand):
    help = "Back up Tocsin's own state, and bring it back."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        store = verbs.add_parser("store", help="say where a replica of Tocsin lies")
        store.add_argument("name", help="of a store that manage.py store described")
        store.add_argument("--number", type=int, required=True, help="1, 2 or 3")
        store.add_argument(
            "--credentials", type=Path, help="to write there: access_key, secret_key"
        )
        key = verbs.add_parser("recovery-key", help="make the key that opens Tocsin's keys")
        key.add_argument("--into", type=Path, help="a file for the private half; else it is shown")
        back = verbs.add_parser("restore", help="bring it back; Tocsin must be stopped")
        back.add_argument("--replica", type=int, default=2, help="as this machine knows them")
        back.add_argument("--store", default="", help="a folder, or http://HOST:PORT/BUCKET")
        back.add_argument("--credentials", type=Path, help="of that bucket: access_key, secret_key")
        back.add_argument("--to", help="a moment: YYYY-MM-DD HH:MM:SS, in UTC or with its offset")
        back.add_argument("--recovery-key", type=Path, help="where this machine lost its keys")

    def handle(self, *args: object, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb'].replace('-', '_')}")(options)
        except TocsinError as error:
            raise CommandError(str(error)) from error
        except OperationalError as error:
            raise CommandError("Tocsin's database does not answer. Start it: make up.") from error

    def _store(self, options: dict[str, Any]) -> None:
        row = Store.objects.filter(name=options["name"]).first()
        if row is None:
            raise CommandError(
                f"There is no store {options['name']}: manage.py store describes one."
            )
        actions.assign_replica(
            database=None,
            number=options["number"],
            store=row,
            actor=ACTOR,
            reason=REASON,
            now=system.now(),
        )
        if row.kind != StoreKind.SNAPSHOT:
            pair = _pair(options["credentials"]) or _own_pair(row)
            OwnFolder(settings.VAR).put_store(options["number"], specs.store_spec(row), pair)
        self.stdout.write(f"Replica {options['number']} of Tocsin itself lies in {row.name}.")

    def _recovery_key(self, options: dict[str, Any]) -> None:
        private, public = bundle.make_recovery_key()
        folder = OwnFolder(settings.VAR)
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if options["into"]:
            write_private(options["into"], f"{private}\n")
        write_private(folder.recovery, f"{public}\n")
        self.stdout.write(
            f"It is in {options['into']}: keep it elsewhere, and not on this machine."
            if options["into"]
            else f"Keep this line elsewhere; it is not shown again:\n{private}"
        )

    def _restore(self, options: dict[str, Any]) -> None:
        state = State(settings.VAR)
        wish = restoring.Wish(_moment(options["to"]), _text(options["recovery_key"]))
        store = (
            restoring.store_named(options["store"], _pair(options["credentials"]))
            if options["store"]
            else restoring.store_of(state, options["replica"])
        )
        done = restoring.restore(state, store, wish, self.stdout.write)
        self.stdout.write(
            f"{sentence(done)} What was there before is in postgres/kept. Start with make up: "
            "Tocsin then decides nothing until a person says on the page Held what holds."
        )


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return read_moment(text)
    except BadMoment as error:
        raise CommandError(str(error)) from error


def _text(path: Path | None) -> str:
    return _content(path) if path else ""


def _content(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error


def _pair(path: Path | None) -> tuple[str, str] | None:
    if path is None:
        return None
    try:
        found = json.loads(_content(path))
        return str(found["access_key"]), str(found["secret_key"])
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} is no JSON with access_key and secret_key.") from error


def _own_pair(row: Store) -> tuple[str, str] | None:
    known = row.credentials
    return (known["access_key"], known["secret_key"]) if "access_key" in known else None
