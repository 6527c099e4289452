"""`manage.py notifier`: alarms leave the house."""

import signal
import threading

from django.core.management.base import BaseCommand

from recovery.core.clock import system
from recovery.notifier.run import run_notifier


class Command(BaseCommand):
    help = "Deliver the outbox to the channels, with retries and receipts."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        run_notifier(clock=system, stop=stop)
