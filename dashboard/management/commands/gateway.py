"""`manage.py gateway`: the agents' side."""

import asyncio
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand

from recovery.gateway.outside import Outside
from recovery.gateway.serve import Settings, run_gateway


class Command(BaseCommand):
    help = "Hear heartbeats, keep the agents' sockets, hand out orders."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        asyncio.run(
            run_gateway(
                Settings(
                    name=f"gateway-{settings.TOCSIN_GATEWAY_PORT}",
                    host=settings.TOCSIN_GATEWAY_HOST,
                    port=settings.TOCSIN_GATEWAY_PORT,
                    public=settings.TOCSIN_GATEWAY_PUBLIC,
                    secret=settings.TOCSIN_LINK_SECRET,
                    back_door=settings.TOCSIN_GATEWAY_BACK_DOOR,
                    outside=_outside(),
                )
            )
        )


def _outside() -> Outside | None:
    """The door for agents on other machines, where somebody asked for one."""
    if not settings.TOCSIN_GATEWAY_TLS_PORT:
        return None
    return Outside(
        "0.0.0.0",  # noqa: S104 - asked for
        settings.TOCSIN_GATEWAY_TLS_PORT,
        Path(settings.TOCSIN_GATEWAY_CERTIFICATE),
        Path(settings.TOCSIN_GATEWAY_KEY),
    )
