"""`manage.py people`: the people of the demonstration and their passwords."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from recovery.access.actions import welcome_people
from recovery.audit.facts import Actor
from recovery.core.clock import system


class Command(BaseCommand):
    help = "Make viewer, responder, approver and admin with new passwords, shown once."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="only where nobody exists yet")
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *_args: Any, **options: Any) -> None:
        passwords = welcome_people(
            actor=Actor("command", "people"),
            reason="demonstration",
            now=system.now(),
            once=options["once"],
        )
        if options["json"]:
            self.stdout.write(json.dumps(passwords))
            return
        for name, password in passwords.items():
            self.stdout.write(f"{name:10} {password}")
