"""`manage.py token NAME`: a token for the API that acts as this person for a day."""

from argparse import ArgumentParser
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from recovery.access.actions import issue_token
from recovery.audit.facts import Actor
from recovery.core.clock import system


class Command(BaseCommand):
    help = "Make a token for the API that acts as this person; it is shown once."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: object, **options: object) -> None:
        owner = User.objects.filter(username=str(options["username"]), is_active=True).first()
        if owner is None:
            raise CommandError(f"Nobody is called {options['username']}.")
        token = issue_token(
            owner=owner,
            name="command line",
            life=timedelta(days=1),
            actor=Actor("command", "token"),
            reason="Asked for on the command line.",
            now=system.now(),
        )
        self.stdout.write(token)
