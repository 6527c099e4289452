"""Everything that Apprise speaks: Slack, Matrix, Teams, SMS gateways, webhooks, and more.

Apprise tells yes or no and nothing else, so its receipt is only that it said yes.
"""

from __future__ import annotations

from dataclasses import dataclass

import apprise

from recovery.core.ports import NotAccepted


@dataclass(frozen=True, slots=True)
class Chat:
    """One Apprise address."""

    address: str

    def send(self, *, subject: str, text: str, key: str) -> str:
        channel = apprise.Apprise()
        if not channel.add(self.address):
            raise NotAccepted("Apprise does not know this kind of address.", field="address")
        if not channel.notify(title=subject, body=f"{text}\n\n{key}"):
            raise NotAccepted("The channel did not take the message.", field="address")
        return f"accepted by {channel[0].service_name}"
