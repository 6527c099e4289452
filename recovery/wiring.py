"""Which adapter stands behind which port."""

from __future__ import annotations

from django.conf import settings

from recovery.adapters.notifiers.chat import Chat
from recovery.adapters.notifiers.mail import Mail
from recovery.core.ports import Notifier


def notifier_for(kind: str, address: str) -> Notifier:
    """The adapter for a channel's kind ("mail" or "apprise") and address."""
    if kind == "mail":
        return Mail(
            recipient=address,
            sender=settings.TOCSIN_MAIL_FROM,
            host=settings.TOCSIN_MAIL_HOST,
            port=settings.TOCSIN_MAIL_PORT,
            user=settings.TOCSIN_MAIL_USER,
            password=settings.TOCSIN_MAIL_PASSWORD,
            use_tls=settings.TOCSIN_MAIL_TLS,
        )
    return Chat(address)
