"""One thing that waits for a person."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.permissions import TABLE, May, Role

KEEPER = "whoever looks after Tocsin"


@dataclass(frozen=True, slots=True)
class Need:
    """`who` does it at `href`; `button`: what stands on the link; `why`: what it is about, a
    sentence. `may`: the right that it takes, None: any. `about`: "host:NAME", "database:NAME"."""

    who: str
    button: str
    href: str
    why: str
    may: May | None = None
    about: frozenset[str] = frozenset()
    people: tuple[str, ...] = ()
    """Of a question: who may answer it and has not, by name."""
    incident: int = 0
    """Of the loss that a run recovers: its number. Whoever follows the run does what it asks."""


def who_may(act: May, people: int = 1) -> str:
    """The least role that may, in words."""
    role = next(role for role in Role if act in TABLE[role])
    article = "an" if role[0] in "aeiou" else "a"
    return f"{article} {role}" if people == 1 else f"two {role}s"
