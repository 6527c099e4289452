"""What a change of verdict is in words. Pure.

Invariant: a line names the host, says what is believed of it now and on what that rests.
"""

from __future__ import annotations

from dataclasses import dataclass

from recovery.detection.facts import DOWN, VerdictChange
from recovery.inventory.facts import Replace, Verdict

_SAID = {
    Verdict.LOST: "{} is lost",
    Verdict.HUNG: "{} hangs",
    Verdict.UNKNOWN: "Nobody can tell whether {} lives",
    Verdict.ISOLATED: "{} is cut off from us",
    Verdict.AGENT_DOWN: "{} lives, its agent does not",
    Verdict.ALIVE: "{} answers again",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the story: what is said, what it rests on, and its tone."""

    said: str
    why: str
    tone: str = ""


def tell_verdict(name: str, change: VerdictChange) -> Line | None:
    """The line for a new verdict; None where it is not worth one."""
    if change.after not in _SAID:
        return None
    said = _SAID[change.after].format(name)
    first, _, rest = change.reason.partition(". ")
    if change.after is not Verdict.ALIVE and first:
        said = f"{said}: {_lowered(first).rstrip('.')}"
    else:
        rest = change.reason
    return Line(
        said=said,
        why=" ".join(part for part in (rest, _witnesses(change)) if part),
        tone="down" if change.after in DOWN else "",
    )


def tell_grant(name: str, change: VerdictChange) -> Line | None:
    """The line for what may happen to its containers: told where a person or the brake stops it."""
    if change.after not in DOWN:
        return None
    if change.replace is Replace.HELD:
        return Line(f"The containers of {name} wait for a person", change.replace_reason, "risk")
    if change.replace is Replace.PACED:
        return Line(f"The containers of {name} are replaced, paced", change.replace_reason)
    return None


def tell_silence(name: str) -> str:
    """The line for when it fell silent."""
    return f"Last heartbeat of {name}"


def _witnesses(change: VerdictChange) -> str:
    if change.after not in DOWN or not change.evidence.supporting:
        return ""
    return f"{'; '.join(change.evidence.supporting)}."


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
