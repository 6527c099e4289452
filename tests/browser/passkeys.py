"""A virtual authenticator in Chromium: a phone's passkey, without the phone."""

from __future__ import annotations

from playwright.sync_api import Page


def put_authenticator(page: Page) -> None:
    """From now on this page's browser has one whose person is there and verified."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
