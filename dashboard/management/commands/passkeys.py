"""`manage.py passkeys`: an administrator at the machine says whose key signs approvals."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.management.words import words
from recovery.access.actions import ROLES
from recovery.audit.facts import Actor
from recovery.core.clock import system
from recovery.core.errors import TocsinError
from recovery.drp.actions.passkeys import pin_passkey, unpin_person
from recovery.drp.approvals.pinning import fingerprint
from recovery.drp.approvals.proofs import refuse_pins
from recovery.drp.models import Passkey
from recovery.drp.queries import rights_of
from recovery.drp.views.passkeys import all_passkeys, find_unpinned


class Command(BaseCommand):
    help = "Passkeys that people showed: list them, pin or unpin them in the file of approvers."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        does = parser.add_subparsers(dest="does", required=True)
        does.add_parser("list", help="who showed which key, and which of them are pinned")
        for name, said in (
            ("pin", "compare the fingerprint with the person, then pin their key"),
            ("unpin", "none of this person’s keys signs anything any more"),
        ):
            one = does.add_parser(name, help=said)
            one.add_argument("name", help="the person")
            one.add_argument("--reason", type=words, default="At the machine.")
            if name == "pin":
                one.add_argument(
                    "--up-to", choices=ROLES, default="", metavar="ROLE",
                    help="pin it for this role, too, which nobody has by that: so that a right"
                    " that is lent to them counts",
                )  # fmt: skip

    def handle(self, *args: object, **options: Any) -> None:
        try:
            if options["does"] == "list":
                self._list()
            elif options["does"] == "pin":
                self._pin(options["name"], options["up_to"], options["reason"])
            else:
                self._unpin(options["name"], options["reason"])
        except TocsinError as error:
            raise CommandError(str(error)) from error

    def _list(self) -> None:
        if why := refuse_pins():
            self.stdout.write(why)
        rows, loose = all_passkeys()
        for one in rows:
            state = "pinned" if one.is_pinned else "not pinned"
            self.stdout.write(f"{one.person:16} {state:11} {one.fingerprint}  {one.label}")
        for pin in loose:
            seen = fingerprint(pin.person, pin.credential, pin.key)
            self.stdout.write(f"{pin.person:16} {'pinned':11} {seen}  (shown on no page)")
        if not rows and not loose:
            self.stdout.write("Nobody has shown a passkey: each does so at /passkey/.")

    def _pin(self, name: str, up_to: str, reason: str) -> None:
        own = rights_of(name)
        if not own:
            raise CommandError(f"{name} is nobody who is let in.")
        roles = own.union(ROLES[: ROLES.index(up_to) + 1] if up_to else ())
        found = find_unpinned(name)
        if not found:
            raise CommandError(f"{name} has shown no passkey that is not pinned already.")
        pinned = [row for row in found if self._agrees(row, roles)]
        for row in pinned:
            pin_passkey(
                passkey=row, roles=roles, actor=self._actor(), reason=reason, now=system.now()
            )
            self.stdout.write(f"{row} is pinned.")
        if not pinned:
            raise CommandError("Nothing was pinned.")

    def _agrees(self, row: Passkey, roles: frozenset[str]) -> bool:
        """The person reads theirs out from their own page, on their own device."""
        seen = fingerprint(row.person, row.handle, row.public)
        self.stdout.write(f"{row.person} ({', '.join(sorted(roles))}), {row.label}")
        self.stdout.write(f"  {seen}")
        said = self._ask(f"Does {row.person} read exactly this from their page? Type yes: ")
        return said.strip() == "yes"

    def _ask(self, question: str) -> str:
        try:
            return input(question)
        except EOFError:
            return ""

    def _unpin(self, name: str, reason: str) -> None:
        if self._ask(f"No key of {name} shall sign anything any more? Type yes: ") != "yes":
            raise CommandError("Nothing was unpinned.")
        count = unpin_person(person=name, actor=self._actor(), reason=reason, now=system.now())
        if not count:
            raise CommandError(f"No key of {name} is pinned.")
        self.stdout.write(f"{count} of {name} unpinned.")

    def _actor(self) -> Actor:
        return Actor("command", f"passkeys by {getpass.getuser()}")
