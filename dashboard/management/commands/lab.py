"""`manage.py lab`: the local cluster, run and tormented."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping

from django.conf import settings as django
from django.core.management.base import BaseCommand, CommandError

from recovery.agent.disk import private_folder, write_atomic
from recovery.audit.facts import Actor
from recovery.core.clock import system
from recovery.core.errors import TocsinError
from recovery.lab import client, layout
from recovery.lab.databases.rows import register_databases
from recovery.lab.load import load_lab
from recovery.lab.networks import choose_network
from recovery.lab.settings import from_environment
from recovery.lab.stores.rows import register_stores
from recovery.lab.stores.secrets import Secrets

HOST_VERBS = {
    "kill": "lose the host: SIGKILL of everything on it",
    "kill-agent": "SIGKILL of its agent alone",
    "stop-agent": "SIGSTOP of its agent alone",
    "hang": "SIGSTOP of everything on it",
    "step-clock": "step its agent's time of day by so many seconds (TOCSIN_LAB_CLOCKS)",
    "isolate": "cut it from the control plane",
    "partition": "cut it from everybody",
    "sever": "cut it from peers and users",
    "part": "cut it from one other host",
    "slow": "delay and lose what it sends and gets (netns: delay to the control plane alone)",
    "heal": "fair weather again; what was stopped continues",
    "restart": "boot it (again): same disk",
}
DATACENTER_VERBS = {
    "kill-datacenter": "lose all hosts of a datacenter, and its stores",
    "restart-datacenter": "boot what of it is down",
}
_SLOW = ("delay_ms", "jitter_ms", "loss")


class Command(BaseCommand):
    help = "Run the lab, load its file into the inventory, do things to its hosts."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        run = verbs.add_parser("run", help="load the file, start all hosts, stay")
        run.add_argument("--no-load", action="store_true", help="leave the inventory as it is")
        verbs.add_parser("load", help="put the file's hosts and applications into the inventory")
        verbs.add_parser("status", help="hosts, addresses, pids, weather")
        for verb, text in DATACENTER_VERBS.items():
            verbs.add_parser(verb, help=text).add_argument("datacenter")
        for verb, text in HOST_VERBS.items():
            host = verbs.add_parser(verb, help=text)
            host.add_argument("host", help="a host or a store")
            if verb in ("isolate", "partition", "sever"):
                host.add_argument("--way", choices=("in", "out", "both"), default="both")
            if verb == "step-clock":
                host.add_argument("seconds", type=float)
            if verb == "part":
                host.add_argument("other")
            if verb == "slow":
                host.add_argument("--delay-ms", type=float, default=0.0)
                host.add_argument("--jitter-ms", type=float, default=0.0)
                host.add_argument("--loss", type=float, default=0.0)

    def handle(self, *args: object, **options: object) -> None:
        try:
            self._do(str(options["verb"]), options)
        except TocsinError as error:
            raise CommandError(str(error)) from error

    def _do(self, verb: str, options: dict[str, object]) -> None:
        if verb == "run":
            self._take_network()
        if verb == "load" or (verb == "run" and not options["no_load"]):
            self._load()
        if verb == "run":
            # A process without Django: it forks hosts and must stay small.
            os.execv(sys.executable, [sys.executable, "-m", "recovery.lab.daemon"])  # noqa: S606
        elif verb == "status":
            self._show()
        elif verb != "load":
            names = (
                "host",
                "other",
                "datacenter",
                "way",
                "seconds",
                "delay_ms",
                "jitter_ms",
                "loss",
            )
            answer = client.ask(verb, {n: options[n] for n in names if n in options})
            self.stdout.write(told(answer))

    def _take_network(self) -> None:
        settings = from_environment()
        chosen = choose_network(layout.load(settings.file), settings)
        private_folder(settings.folder)
        write_atomic(settings.network_file, chosen.encode())
        self.stdout.write(f"The lab's hosts are in {chosen}.")

    def _load(self) -> None:
        settings = from_environment()
        file, actor, now = layout.load(settings.file), Actor("command", "lab"), system.now()
        tokens = load_lab(file, settings, actor=actor, now=now)
        self.stdout.write(f"The lab is in the inventory; {tokens} hosts got a join token.")
        if settings.has_databases:
            ports = django.TOCSIN_DATABASE_PORTS
            count = register_databases(file.databases, ports, actor=actor, now=now)
            self.stdout.write(f"{count} databases are in the inventory; they form by themselves.")
        if settings.has_stores:
            secrets = Secrets(settings.secrets)
            count = register_stores(file, settings, secrets, actor=actor, now=now)
            self.stdout.write(f"{count} backup replicas have their stores.")

    def _show(self) -> None:
        status = client.ask("status")
        for machines in (status["hosts"], status["stores"]):
            assert isinstance(machines, list)
            for host in machines:
                line = "{host:10} {address:12} {state:5} pid {pid:<7} agent {agent:<7} {weather}"
                self.stdout.write(line.format(**host))


def told(answer: Mapping[str, object]) -> str:
    """What the lab answered, in words: of a list its names."""
    parts = [
        f"{name} {', '.join(map(str, value)) or 'none'}"
        if isinstance(value, (list, tuple))
        else str(value)
        for name, value in answer.items()
    ]
    return "; ".join(parts) or "done"
