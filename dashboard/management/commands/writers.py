"""`manage.py writers`: writes to every database through the edge, as its users do."""

import asyncio
import signal
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand

from recovery.core.clock import system
from recovery.lab.databases.run import run_writers


class Command(BaseCommand):
    help = "Write to every database through the edge; keep gaps and lost writes."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        folder = Path(settings.VAR) / "lab" / "writers"
        await run_writers(folder=folder, host="127.0.0.1", clock=system, stop=stop)
