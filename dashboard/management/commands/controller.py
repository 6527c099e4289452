"""`manage.py controller`: the eyes and the judgement. Any number run; one leads."""

import asyncio
import os
import socket

from django.conf import settings
from django.core.management.base import BaseCommand

from recovery.controller.run import run_controller
from recovery.core.clock import system


class Command(BaseCommand):
    help = "Detect, decide, request operations."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        asyncio.run(
            run_controller(
                holder=f"{socket.gethostname()}:{os.getpid()}",
                gateways=settings.TOCSIN_GATEWAYS,
                secret=settings.TOCSIN_LINK_SECRET,
                clock=system,
            )
        )
