"""What holds while a restore is in a phase, and who has to do what. Pure."""

from __future__ import annotations

from datetime import datetime

from recovery.backups.words import brief, instant, spoken
from recovery.inventory.facts import Verdict
from recovery.restores.facts import BEFORE_SWITCH, ENDED, Phase
from recovery.restores.in_place import STARTS_WITHIN

NOBODY = "Nobody has to do anything"
MARKS = ("archive: ", "store: ", "host: ", "quarantine: ", "epoch: ")
"""How an agent says first whose trouble it was: for programs."""


def plain(said: str) -> str:
    """An agent's words for people."""
    mark = next((mark for mark in MARKS if said.startswith(mark)), None)
    return plain(said.removeprefix(mark)) if mark else said


def deaf(since: datetime) -> str:
    """Of a host that is heard, and takes no orders."""
    return f"takes no orders: its agent's session has told nothing since {instant(since)}."


def holds(phase: Phase, database: str, host: str, *, in_place: bool) -> str:
    """For a person who looks at it now; empty once it is over."""
    if phase in ENDED:
        return ""
    if phase in BEFORE_SWITCH:
        if in_place:
            return f"What {host} has stays in its place until what is restored is proven."
        return f"{database} waits, and nothing of it has been changed."
    kept = f"What was there before is kept on {host} until the restored data serve"
    if in_place and phase is Phase.SWITCH:
        return f"{database} is down while {host} puts the restored data in its place. {kept}."
    if in_place:
        return f"The restored data are in their place, and {host} starts them. {kept}."
    return f"{database} belongs on {host} from now on, which starts it with the restored data."


def follows(phase: Phase, host: str, *, in_place: bool, called_off: str = "") -> str:
    """Who has to do what next, and what happens by itself."""
    if phase in ENDED:
        return ""
    if called_off:
        back = " what was there before serves again" if in_place and _is_after(phase) else ""
        return f"{called_off} called it off: at the next look{back or ' it ends'}."
    if phase is Phase.ASKED:
        return "A second person confirms it, or it runs out after 30 minutes."
    if not _is_after(phase):
        return f"{NOBODY}: {host} restores and proves it, then it is switched to."
    if not in_place:
        return (
            f"{NOBODY}: users follow as soon as it accepts writes. What does not start within"
            f" {spoken(STARTS_WITHIN)} ends the restore; then two people ask anew."
        )
    return (
        f"{NOBODY}: users follow as soon as it accepts writes. What does not start within"
        f" {spoken(STARTS_WITHIN)} is taken out again, and what was there before serves; a person"
        " who calls it off gets that at once."
    )


def hindered(
    phase: Phase, host: str, verdict: Verdict, store: str, unread: str, *, paused: str = ""
) -> str:
    """What keeps it from going on, as far as it is known, and what a person may do; empty: nothing
    is known to. `paused`: why everything is."""
    if phase in ENDED or phase is Phase.ASKED:
        return ""
    if paused and phase is not Phase.ROUTE:
        return (
            f"Everything is paused: {paused.rstrip('. ')}. Nothing more of it is begun until"
            " somebody lets automation go on, on the page Held."
        )
    if verdict is not Verdict.ALIVE:
        return (
            f"It cannot go on now: {host} is {verdict}. It goes on once {host} is heard; who does"
            " not want to wait calls it off and asks anew, with another host."
        )
    if unread and phase in BEFORE_SWITCH:
        return (
            f"It may not go on now: {store} cannot be read ({brief(unread)}). It goes on once"
            " it can; who does not want to wait calls it off and asks anew, from another replica."
        )
    return ""


def _is_after(phase: Phase) -> bool:
    return phase not in BEFORE_SWITCH
