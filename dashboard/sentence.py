"""The sentence at the top: what is wrong, in words, from facts alone.

Invariant: it says that all is well only when somebody watches, every host was seen, every wanted
container answers and nothing is held. No data is never told as fine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

UNWATCHED = "no controller is watching the fleet."


@dataclass(frozen=True, slots=True)
class Databases:
    """How the databases stand, by name where somebody has to act.

    `moving`: another primary is on its way · `waiting`: for a host or a person · `down`: nobody's
    writes are acknowledged, and nothing is on its way yet · `settling`: they serve, and their
    standbys are too new to be promoted."""

    all: int = 0
    moving: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    at_risk: int = 0
    settling: int = 0
    forming: int = 0
    unseen: int = 0

    @property
    def out(self) -> int:
        return len(self.moving) + len(self.waiting) + len(self.down)

    def wrong(self) -> list[str]:
        """Parts of the sentence."""
        parts = []
        if self.moving:
            parts.append(f"{count(len(self.moving), 'database')} failing over")
        if self.down:
            parts.append(f"{count(len(self.down), 'database')} down")
        if self.waiting:
            verb = "waits" if len(self.waiting) == 1 else "wait"
            parts.append(f"{count(len(self.waiting), 'database')} {verb} for a host or a person")
        if self.unseen:
            parts.append(f"{count(self.unseen, 'database')} not seen")
        if self.at_risk:
            parts.append(f"{count(self.at_risk, 'database')} at risk")
        return parts

    def after(self) -> str:
        """Which they are."""
        said = []
        for names, words in (
            (self.moving, ("fails over", "fail over")),
            (self.down, ("is down", "are down")),
            (self.waiting, ("waits", "wait")),
        ):
            if names:
                said.append(f"{named(names)} {words[len(names) > 1]}")
        if self.settling:
            said.append(self.settled())
        return f"{', '.join(said)}." if said else ""

    def settled(self) -> str:
        """How many serve with standbys that could not take over yet."""
        verb, whose = ("has", "a standby") if self.settling == 1 else ("have", "standbys")
        return f"{self.settling} {verb} {whose} too new to take over"


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand. `blind`: why Tocsin sees nothing, else empty; `silent`: datacenters that it
    hears nothing of meanwhile.

    `lost`: hosts gone per datacenter; `sizes`: hosts there are per datacenter; `gone`: the names
    of the gone ones, and `near`: what of a single one's surroundings answers as a whole.
    `word`: what is wrong with the gone ones, where it is one thing. `promises`: of backups, those
    for which people are rung."""

    hosts: int
    lost: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    word: str = "lost"
    services: int = 0
    at_risk: int = 0
    unseen: int = 0
    wanted: int = 0
    answering: int = 0
    arriving: int = 0
    unseen_containers: int = 0
    down: tuple[str, ...] = ()
    databases: Databases = field(default_factory=Databases)
    promises: int = 0
    held: int = 0
    paused: str = ""
    frozen: tuple[str, ...] = ()
    doubt: bool = False
    blind: str = ""
    silent: tuple[str, ...] = ()
    is_watched: bool | None = True


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said, what follows in a second sentence, and its tone."""

    text: str
    after: str
    tone: str


def count(n: int, one: str, many: str = "") -> str:
    """1 host, 2 hosts."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def say(now: Standing) -> Sentence:
    """The sentence for this standing."""
    if now.blind:
        return Sentence(f"Tocsin is blind: {_clause(now.blind)}", _blind_after(now), "down")
    if now.is_watched is False:
        return Sentence(f"Tocsin is blind: {UNWATCHED}", _blind_after(now), "down")
    if not now.hosts:
        return Sentence("No hosts yet.", "Issue a join token and start an agent on a host.", "")
    wrong = _wrong(now)
    if wrong:
        return Sentence(_sentence(wrong), _after(now), _tone(now))
    if now.is_watched is None:
        said = f"{count(now.hosts, 'host')} answered when last recorded."
        return Sentence(said, "Tocsin is looking whether somebody watches them.", "unknown")
    hosts = f"All {now.hosts} hosts answer." if now.hosts > 1 else "The one host answers."
    runs = f"{count(now.answering, 'container')} run{'s' if now.answering == 1 else ''}."
    return Sentence(f"{hosts} {runs}{_bases(now.databases)}", "", "")


def _bases(databases: Databases) -> str:
    """What is said of databases where nothing is wrong with any."""
    if not databases.all:
        return ""
    new = f", {databases.settled()}" if databases.settling else ""
    if databases.forming:
        verb = "is" if databases.forming == 1 else "are"
        return f" {count(databases.forming, 'database')} {verb} being made{new}."
    return f" {count(databases.all, 'database')} serve{'s' if databases.all == 1 else ''}{new}."


def _clause(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _blind_after(now: Standing) -> str:
    if not now.hosts:
        return "Nothing is moved while it is blind."
    silent = f"Nothing is heard of {named(now.silent)}. " if now.silent else ""
    return (
        f"{silent}{count(now.hosts, 'host')} as last recorded. Nothing is moved while it is blind; "
        "what runs keeps running."
    )


def _wrong(now: Standing) -> list[str]:
    parts = ["Tocsin’s own rows are in doubt"] if now.doubt else []
    parts += [_lost(site, n, now) for site, n in now.lost.items() if n]
    if now.unseen:
        parts.append(f"{count(now.unseen, 'host')} not seen")
    if now.arriving and now.answering < now.wanted:
        parts.append(f"{count(now.arriving, 'container')} restarting")
    missing = now.wanted - now.answering - now.arriving - now.unseen_containers
    if missing > 0:
        parts.append(f"{count(missing, 'container')} without a place")
    if now.unseen_containers:
        parts.append(f"{count(now.unseen_containers, 'container')} not seen")
    parts += now.databases.wrong()
    if now.promises:
        parts.append(f"{count(now.promises, 'backup promise')} not kept")
    if now.held:
        parts.append(f"{count(now.held, 'host')} held for a person")
    if now.paused:
        parts.append(f"automation paused by {now.paused}")
    if now.frozen:
        parts.append(f"automation frozen by {named(now.frozen)}")
    return parts


def _sentence(parts: list[str]) -> str:
    said = ", ".join(parts)
    return f"{said[0].upper()}{said[1:]}."


def _lost(site: str, n: int, now: Standing) -> str:
    if n > 1 and n == now.sizes.get(site):
        return f"{site} is {now.word}: all its {n} hosts"
    return f"{count(n, 'host')} {now.word} in {site}"


def _after(now: Standing) -> str:
    """Who is silent and what answers around it, who is hurt and how many are not, what follows."""
    whole = f"{now.answering} of {count(now.wanted, 'container')} answer."
    said = (_gone(now), _services(now), now.databases.after(), whole, _follows(now))
    return " ".join(part for part in said if part)


def _gone(now: Standing) -> str:
    if not now.gone:
        return ""
    verb = "is" if len(now.gone) == 1 else "are"
    said = f"{named(now.gone)} {verb} {'silent' if now.word == 'lost' else now.word}"
    if not now.near:
        return f"{said}."
    return f"{said}; {' and '.join(now.near)} answer{'s' if len(now.near) == 1 else ''}."


def _services(now: Standing) -> str:
    said = []
    if now.down:
        said.append(f"{named(now.down)} {'is' if len(now.down) == 1 else 'are'} down")
    if now.at_risk:
        said.append(f"{count(now.at_risk, 'application')} {_be(now.at_risk)} at risk")
    spared = now.services - len(now.down) - now.at_risk
    if not said:
        return "No application is hurt." if now.services and now.gone else ""
    if spared > 0:
        said.append(f"{spared} {_be(spared)} not touched")
    return f"{', '.join(said)}."


def _follows(now: Standing) -> str:
    """What happens next, where a person might wonder."""
    if now.doubt:
        return "Nothing is decided until a person settles them; agents go on by themselves."
    if now.paused:
        return "Nothing moves while automation is paused."
    if now.frozen:
        return f"What {named(now.frozen)} froze stands still until a person lifts it."
    if now.held:
        return "What is held moves when a person releases it."
    return ""


def _be(n: int) -> str:
    return "is" if n == 1 else "are"


def named(names: tuple[str, ...], at_most: int = 3) -> str:
    """a, b, c and 4 more."""
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    if more or len(names) < 2:
        return f"{', '.join(names[:at_most])}{more}"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _tone(now: Standing) -> str:
    if now.down or any(now.lost.values()) or now.databases.out:
        return "down"
    missing = now.wanted - now.answering - now.unseen_containers
    stopped = now.doubt or now.held or now.paused or now.frozen
    at_risk = missing > 0 or stopped or now.databases.at_risk or now.promises
    return "risk" if at_risk else "unknown"
