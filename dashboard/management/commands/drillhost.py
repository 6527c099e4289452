"""`manage.py drillhost NAME …`: a host for drills, and how its program is let in."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from dashboard.management.words import words
from recovery.audit.facts import Actor
from recovery.core.clock import system
from recovery.core.errors import TocsinError
from recovery.drp.drills.actions import add_drill_host, issue_drill_token, retire_drill_host
from recovery.drp.drills.models import DrillHost

ACTOR = Actor("command", "drillhost")
REASON = "Asked for on the command line."


class Command(BaseCommand):
    help = "Add a host for drills, or give it another token, and print its configuration."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--cpu-millis", type=int)
        parser.add_argument("--memory-mib", type=int)
        parser.add_argument("--retire", type=words, metavar="WHY", help="it is lost for good")
        parser.add_argument("--by", type=words, default="the command line", help="who says so")

    def handle(self, *args: object, **options: object) -> None:
        now, name = system.now(), str(options["name"])
        try:
            if options["retire"] is not None:
                self._retire(name, str(options["retire"]), str(options["by"]))
                return
            if options["cpu_millis"] is None or options["memory_mib"] is None:
                raise CommandError("Say --cpu-millis and --memory-mib, or --retire WHY.")
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

    def _retire(self, name: str, why: str, by: str) -> None:
        host = DrillHost.objects.filter(name=name).first()
        if host is None:
            raise CommandError(f"There is no drill host {name}.")
        row = retire_drill_host(host=host, by=by, actor=ACTOR, reason=why, now=system.now())
        left = row.things.filter(state="removing").count()
        self.stdout.write(
            f"{row} is retired: nothing is begun there any more, and its token opens nothing. Of"
            f" {left} things of drills it stays {row.unproven}."
        )
