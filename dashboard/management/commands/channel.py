"""`manage.py channel NAME mail|apprise ADDRESS`: a way to reach the team."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand

from recovery.alarms.actions import register_channel
from recovery.audit.facts import Actor
from recovery.core.clock import system


class Command(BaseCommand):
    help = "Alarms go to this mail address or Apprise address from now on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what people call it")
        parser.add_argument("kind", choices=("mail", "apprise"))
        parser.add_argument("address", help="it is secret, and never shown again")

    def handle(self, *args: object, **options: object) -> None:
        channel = register_channel(
            name=str(options["name"]),
            kind=str(options["kind"]),
            address=str(options["address"]),
            actor=Actor("command", "channel"),
            reason="Asked for on the command line.",
            now=system.now(),
        )
        self.stdout.write(f"Alarms go to {channel.name} from now on.")
