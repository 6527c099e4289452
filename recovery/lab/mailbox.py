"""The lab's mail server: takes every message and keeps it as a file, so that mail can be seen."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from pathlib import Path

from aiosmtpd.handlers import AsyncMessage
from aiosmtpd.smtp import SMTP

from recovery.lab.settings import from_environment


class Mailbox(AsyncMessage):
    """Each message becomes `NNNNN.eml` in a folder; the newest has the highest number."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True)
        kept = [int(path.stem) for path in folder.glob("*.eml") if path.stem.isdigit()]
        self._numbers = itertools.count(max(kept, default=0) + 1)
        self._folder = folder

    async def handle_message(self, message: object) -> None:
        path = self._folder / f"{next(self._numbers):05}.eml"
        partial = path.with_suffix(".part")
        partial.write_text(str(message))
        partial.rename(path)


async def serve_mailbox(folder: Path, port: int) -> None:
    """Take mail on loopback until cancelled."""
    mailbox = Mailbox(folder)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(mailbox, hostname="localhost", enable_SMTPUTF8=True), "127.0.0.1", port
    )
    async with server:
        await server.serve_forever()


def main() -> None:
    """`python -m recovery.lab.mailbox`: without Django, which mail does not need."""
    port = int(os.environ["TOCSIN_MAIL_PORT"])
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve_mailbox(from_environment().folder.parent / "mail", port))


if __name__ == "__main__":
    main()
