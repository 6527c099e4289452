"""`manage.py mailbox`: the lab's mail server."""

import asyncio

from django.conf import settings
from django.core.management.base import BaseCommand

from recovery.lab.mailbox import serve_mailbox


class Command(BaseCommand):
    help = "Take the lab's mail and keep it as files in the state folder."

    def handle(self, *args: object, **options: object) -> None:
        folder = settings.VAR / "mail"
        asyncio.run(serve_mailbox(folder, settings.TOCSIN_MAIL_PORT))
