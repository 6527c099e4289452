"""`manage.py status`: which processes run, since when, how often they were restarted."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from recovery.engines.state import State
from recovery.engines.stopping import describe, stop


class Command(BaseCommand):
    help = "Show the running processes, or stop them all."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")
        parser.add_argument("--stop", action="store_true", help="stop everything and wait")

    def handle(self, *_args: Any, **options: Any) -> None:
        state = State(Path(settings.VAR).resolve())
        if options["stop"]:
            sys.exit(0 if stop(state, say=self.stdout.write) else 1)
        found = state.read_status() if state.running_pid() else {}
        self.stdout.write(json.dumps(found) if options["json"] else describe(found))
        sys.exit(0 if found else 3)
