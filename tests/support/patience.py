"""How long a test waits for the machine: longer in a run that has only the time that others leave.

Why: by Linux's idle policy a server may get nothing for as long as a whole Tocsin starts beside it.
What tests look at rows alone, with a clock of their own, then need is patience and nothing else.
"""

from __future__ import annotations

import os
from urllib.parse import quote

IDLE = "TOCSIN_TEST_IDLE"
"""Set by `tests.beside` for whom it runs by the idle policy."""
TIMES = 10
_LONG = 600


def is_idle() -> bool:
    return os.environ.get(IDLE) == "1"


def patient(seconds: float) -> float:
    return seconds * TIMES if is_idle() else seconds


def unhurried(url: str) -> str:
    """A database's address (it has a `?` already): in an idle run nothing of it ends a connection or
    a statement before the test's own time is over."""
    if not is_idle():
        return url
    limits = ("statement_timeout", "idle_in_transaction_session_timeout")
    options = quote(" ".join(f"-c {name}={_LONG}s" for name in limits), safe="")
    return f"{url}&connect_timeout={_LONG}&options={options}"
