"""The mail in the lab's mailbox, as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

AT_MOST = 12
TEXT_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Letter:
    """One message. `name`: its file."""

    name: str
    subject: str
    to: str
    date: str
    text: str


def newest_letters(folder: Path, at_most: int = AT_MOST) -> tuple[Letter, ...]:
    """The newest first; an unreadable file is left out."""
    paths = sorted(folder.glob("*.eml"), reverse=True)[:at_most]
    return tuple(letter for path in paths if (letter := _read(path)) is not None)


def _read(path: Path) -> Letter | None:
    try:
        message = message_from_bytes(path.read_bytes(), EmailMessage, policy=policy.default)
        body = message.get_body(("plain",))
        text = str(body.get_content()) if body is not None else ""
    except (OSError, LookupError, ValueError):
        return None
    return Letter(
        name=path.name,
        subject=str(message.get("Subject", "")),
        to=str(message.get("To", "")),
        date=str(message.get("Date", "")),
        text=text.strip()[:TEXT_CHARACTERS],
    )
