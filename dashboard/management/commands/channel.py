"""`manage.py channel NAME mail|apprise ADDRESS`: a way to reach the team, or another audience."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand

from recovery.alarms.actions import register_channel
from recovery.alarms.facts import Audience
from recovery.audit.facts import Actor
from recovery.core.clock import system


class Command(BaseCommand):
    help = "Alarms go to this mail address or Apprise address from now on."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what people call it")
        parser.add_argument("kind", choices=("mail", "apprise"))
        parser.add_argument("address", help="it is secret, and never shown again")
        parser.add_argument(
            "--audience",
            choices=tuple(Audience),
            default=Audience.TEAM,
            help="others than the team get what a recovery plan tells them, and no alarm",
        )

    def handle(self, *args: object, **options: object) -> None:
        audience = Audience(str(options["audience"]))
        channel = register_channel(
            name=str(options["name"]),
            kind=str(options["kind"]),
            address=str(options["address"]),
            audience=audience,
            actor=Actor("command", "channel"),
            reason="Asked for on the command line.",
            now=system.now(),
        )
        what = "Alarms go" if audience is Audience.TEAM else f"What plans tell {audience} goes"
        self.stdout.write(f"{what} to {channel.name} from now on.")
