"""`manage.py sealer`: audit entries under signed checkpoints."""

import os
import signal
import threading
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand

from recovery.core.clock import system
from recovery.sealer.copies import Aside, Copies
from recovery.sealer.run import run_sealer
from recovery.sealer.stores import copy_stores


class Command(BaseCommand):
    help = "Seal audit entries into the Merkle log and sign checkpoints over them."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        run_sealer(
            name=f"sealer-{os.getpid()}",
            key_file=Path(settings.TOCSIN_AUDIT_KEY_FILE),
            host=settings.TOCSIN_HOST,
            copies=Aside(Copies(copy_stores, system)),
            clock=system,
            stop=stop,
        )
