"""`manage.py drillhost NAME …`: a host for drills, and how its program is let in."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from recovery.audit.facts import Actor
from recovery.core.clock import system
from recovery.core.errors import TocsinError
from recovery.drp.drills.actions import add_drill_host, issue_drill_token

ACTOR = Actor("command", "drillhost")
REASON = "Asked for on the command line."


class Command(BaseCommand):
    help = "Add a host for drills, or give it another token, and print its configuration."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--cpu-millis", type=int, required=True)
        parser.add_argument("--memory-mib", type=int, required=True)

    def handle(self, *args: object, **options: object) -> None:
        now, name = system.now(), str(options["name"])
        try:
            host = add_drill_host(
                name=name,
                cpu_millis=int(str(options["cpu_millis"])),
                memory_mib=int(str(options["memory_mib"])),
                actor=ACTOR,
                reason=REASON,
                now=now,
            )
            token = issue_drill_token(host=host, actor=ACTOR, reason=REASON, now=now)
        except TocsinError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{name} is there for drills; a token that it had opens nothing any more.\n"
            "Put it where no way leads to production but to the stores of backups. On it, put the"
            " token into /etc/tocsin/token and this into /etc/tocsin/agent.toml, as of a host"
            f' (manage.py host), with:\n\nname = "{name}"\nrealm = "drill"\n'
            'token_file = "/etc/tocsin/token"\n\n'
            "and the file of the approvers' keys (pins, party, origins): no data come there"
            f" without it.\nthe token: {token}"
        )
