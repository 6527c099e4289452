"""`manage.py up`: start Tocsin and stay."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from recovery.engines.up import up


class Command(BaseCommand):
    help = "Start Tocsin with everything it needs; Ctrl-C stops it."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        sys.exit(up())
