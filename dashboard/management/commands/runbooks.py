"""`manage.py runbooks`: what is wrong with each file, how one reads, and drafts of them."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from recovery.audit.facts import Actor
from recovery.core.clock import system
from recovery.core.errors import TocsinError
from recovery.drp import actions
from recovery.drp.runbooks.folder import Written, read_folder
from recovery.drp.runbooks.schema import empty_fields
from recovery.drp.runbooks.shown import step_lines

REASON = "Read from the folder of runbooks by manage.py runbooks --write, which takes no reason."


class Command(BaseCommand):
    help = "Check the files of runbooks; show one; write drafts, which somebody else makes active."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--folder", type=Path, default=settings.ROOT / "deploy" / "runbooks")
        parser.add_argument("--show", metavar="FILE", help="print its steps as people read them")
        parser.add_argument(
            "--write", metavar="PERSON", help="keep each as a draft that this person wrote"
        )

    def handle(self, *args: object, **options: Any) -> None:
        found = read_folder(options["folder"])
        if not found:
            raise CommandError(f"There is no *.yaml in {options['folder']}.")
        if name := options["show"]:
            self._show(found.get(name), name)
            return
        for written in found.values():
            self._tell(written)
            if options["write"] and written.runbook is not None:
                self._write(written, options["write"])
        if bad := [name for name, written in found.items() if written.wrong is not None]:
            raise CommandError(f"Not taken: {', '.join(bad)}.")

    def _tell(self, written: Written) -> None:
        if written.runbook is None:
            self.stdout.write(str(written.wrong))
            return
        empty = empty_fields(written.runbook)
        state = f"a draft: {', '.join(empty)} empty" if empty else "can be made active"
        book = written.runbook
        self.stdout.write(
            f"{written.path.name}: version {book.version}, {len(book.steps)} steps, {state}."
        )

    def _show(self, written: Written | None, name: str) -> None:
        if written is None:
            raise CommandError(f"There is no {name}.")
        if written.runbook is None:
            raise CommandError(str(written.wrong))
        for line in step_lines(written.runbook):
            brink = "POINT OF NO RETURN" if line.is_brink else "undo"
            self.stdout.write(f"{line.number:2}. {line.title} [{line.gate}, {line.within}]")
            self.stdout.write(f"    {line.does}")
            self.stdout.write(f"    {brink}: {line.back}")

    def _write(self, written: Written, person: str) -> None:
        actor = Actor("person", person, auth="command line")
        try:
            row = actions.write_runbook(
                raw=written.raw, actor=actor, reason=REASON, now=system.now()
            )
        except TocsinError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{row} is kept as {row.state}.")
