"""`manage.py prober`: asks every application through the edge, as its users do."""

import asyncio
import signal

from django.conf import settings
from django.core.management.base import BaseCommand

from recovery.core.clock import system
from recovery.traffic.prober_run import run_prober


class Command(BaseCommand):
    help = "Probe every application through the edge; keep outages and answer rates."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        edge = f"http://127.0.0.1:{settings.TOCSIN_EDGE_PORT}"
        await run_prober(edge=edge, clock=system, stop=stop)
