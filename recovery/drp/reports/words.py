"""How a report says spans, counts and rules. Pure."""

from __future__ import annotations

from datetime import datetime

NOT_KNOWN = "not known"


def span(began: datetime | None, ended: datetime | None) -> float | None:
    """Seconds between the two. None where one is missing, or where the clocks that wrote them
    disagree about which came first: no negative time, and no 0 for what nobody knows."""
    if began is None or ended is None or ended < began:
        return None
    return round((ended - began).total_seconds(), 3)


def spoken(seconds: float | None) -> str:
    """Under 0.1 s, 0.4 s, 41 s, 14 min 2 s, 3 h 36 min, 2 days 4 h; "not known" for None."""
    if seconds is None:
        return NOT_KNOWN
    if 0 < seconds < 0.1:
        return "under 0.1 s"
    if 0 < seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "day" if days == 1 else "days"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next((at for at, (n, _) in enumerate(parts) if n), len(parts) - 1)
    said = [f"{n} {unit}" for n, unit in parts[first : first + 2] if n]
    return " ".join(said) or "0 s"


def lasting(seconds: float | None) -> str:
    """The same, in one piece on every screen and paper."""
    return spoken(seconds).replace(" ", "\u00a0") if seconds is not None else NOT_KNOWN


def clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def counted(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"
