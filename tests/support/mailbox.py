"""A mail server of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from recovery.core.clock import system


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that arrived, and when."""

    at: datetime
    to: tuple[str, ...]
    subject: str
    text: str


@dataclass  # no slots: aiosmtpd reads every member, which Python 3.11.2 cannot do with them
class Mailbox:
    """Everything that arrived."""

    letters: list[Letter] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        text = message.get_content()
        letter = Letter(system.now(), tuple(envelope.rcpt_tos), message["Subject"], text)
        self.letters.append(letter)
        return "250 taken"


@contextmanager
def mail_server(port: int) -> Iterator[Mailbox]:
    """Inside, mail arrives at 127.0.0.1:port."""
    mailbox = Mailbox()
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield mailbox
    finally:
        server.stop()
