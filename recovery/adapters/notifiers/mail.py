"""Mail by SMTP. The receipt is the server's answer to the message."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage

from recovery.core.ports import NotAccepted

SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Mail:
    """One recipient behind one server."""

    recipient: str
    sender: str
    host: str
    port: int
    user: str = ""
    password: str = ""
    use_tls: bool = False

    def send(self, *, subject: str, text: str, key: str) -> str:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, self.recipient, subject
        message["Message-ID"] = f"<{key}@tocsin.invalid>"
        message["X-Tocsin-Key"] = key
        message.set_content(text)
        try:
            return self._deliver(message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotAccepted(f"{self.host}:{self.port}: {error}", field="mail") from error

    def _deliver(self, message: EmailMessage) -> str:
        with smtplib.SMTP(self.host, self.port, timeout=SECONDS) as server:
            if self.use_tls:
                server.starttls(context=ssl.create_default_context())
            server.ehlo_or_helo_if_needed()
            if self.user:
                server.login(self.user, self.password)
            server.mail(self.sender)
            code, said = server.rcpt(self.recipient)
            if code >= 400:
                raise smtplib.SMTPRecipientsRefused({self.recipient: (code, said)})
            code, said = server.data(message.as_bytes())
            if code >= 400:
                raise smtplib.SMTPDataError(code, said)
        return f"{code} {said.decode(errors='replace')}"
