"""`manage.py host NAME …`: expect a host, and print how its agent joins."""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from recovery.audit.facts import Actor
from recovery.core.clock import system
from recovery.core.errors import TocsinError
from recovery.inventory import actions
from recovery.inventory.facts import DomainKind
from recovery.inventory.models import Datacenter, Host

ACTOR = Actor("command", "host")
REASON = "Asked for on the command line."


class Command(BaseCommand):
    help = "Expect a host and print its one-time join token with the agent's configuration."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--datacenter", required=True, help="its name; made with --at if new")
        parser.add_argument("--at", help="latitude,longitude of a new datacenter")
        parser.add_argument("--rack", required=True)
        parser.add_argument("--cpu-millis", type=int, required=True)
        parser.add_argument("--memory-mib", type=int, required=True)
        parser.add_argument("--address", required=True, help="where others reach it")

    def handle(self, *args: object, **options: object) -> None:
        try:
            host, token = self._expect({k: str(v) for k, v in options.items() if v is not None})
        except TocsinError as error:
            raise CommandError(str(error)) from error
        gateways, more = _control()
        self.stdout.write(
            f"{host.name} may join within {actions.TOKEN_LIFE.seconds // 60} minutes, once.\n"
            f"On it, put the token into /etc/tocsin/token and this into /etc/tocsin/agent.toml:\n\n"
            f'name = "{host.name}"\ncontrol = [{gateways}]\nstate = "/var/lib/tocsin-agent"\n'
            f'address = "{options["address"]}"\ntoken_file = "/etc/tocsin/token"\n'
            f'adapter = "docker"\n{more}\nthe token: {token}\n'
            "then: systemctl start tocsin-agent   (deploy/tocsin-agent.service)"
        )

    def _expect(self, options: dict[str, str]) -> tuple[Host, str]:
        now = system.now()
        site = self._site(options, now)
        rack = actions.register_domain(
            datacenter=site,
            kind=DomainKind.RACK,
            name=options["rack"],
            actor=ACTOR,
            reason=REASON,
            now=now,
        )
        host = actions.register_host(
            name=options["name"],
            rack=rack,
            cpu_millis=int(options["cpu_millis"]),
            memory_mib=int(options["memory_mib"]),
            labels={},
            actor=ACTOR,
            reason=REASON,
            now=now,
        )
        if host.public_key:
            raise CommandError(f"{host.name} has joined already; its key is pinned.")
        return host, actions.issue_join_token(host=host, actor=ACTOR, reason=REASON, now=now)

    def _site(self, options: dict[str, str], now: datetime) -> Datacenter:
        known = Datacenter.objects.filter(name=options["datacenter"]).first()
        if known is not None:
            return known
        try:
            latitude, longitude = (float(part) for part in options.get("at", "").split(","))
        except ValueError as error:
            raise CommandError(
                f"{options['datacenter']} is new: give --at latitude,longitude; distances are"
                " computed, never assumed."
            ) from error
        return actions.register_datacenter(
            name=options["datacenter"],
            city="",
            region="",
            latitude=latitude,
            longitude=longitude,
            actor=ACTOR,
            reason=REASON,
            now=now,
        )


def _control() -> tuple[str, str]:
    """How an agent reaches the control plane, and what else its configuration needs for that."""
    if settings.TOCSIN_GATEWAY_TLS_PORT:
        url = f'"wss://{settings.TOCSIN_HOST}:{settings.TOCSIN_GATEWAY_TLS_PORT}/agent"'
        authority = Path(settings.TOCSIN_GATEWAY_CERTIFICATE).with_name("ca.crt")
        note = f"# a copy of {authority} of the control plane's machine"
        return url, f'heartbeats = "socket"\nca_file = "/etc/tocsin/ca.crt"  {note}\n'
    return ", ".join(f'"ws://{each}/agent"' for each in settings.TOCSIN_GATEWAYS), ""
