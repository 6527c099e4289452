"""What databases that nobody serves wait for: per condition that rings, who does what. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from dashboard.needs.need import KEEPER, Need, who_may
from dashboard.needs.scene import Scene, Stuck
from dashboard.permissions import May


def of_databases(scene: Scene) -> Iterable[Need]:
    lost = {site.name for site in scene.sites}
    for one in scene.stuck:
        for condition in sorted(one.conditions, key=_rank):
            make = _BY_CONDITION.get(condition)
            if make is None or (condition in _OF_THE_SITE and one.site in lost):
                continue  # the datacenter's own need says it
            said = make(one)
            if said is not None:
                yield said


def _need(one: Stuck, path: str, button: str, why: str, *, may: May, people: int = 1) -> Need:
    about = frozenset({f"database:{one.name}", f"host:{one.on}", f"host:{one.to}"}) - {"host:"}
    return Need(who_may(may, people), button, f"/databases/{one.name}/{path}", why, may, about)


def _candidate(one: Stuck) -> Need:
    """Nobody is safe by our rules: a copy on a person's word, else a backup, else its host."""
    if one.offers:
        why = f"{one.name}: no standby is safe by Tocsin’s own rules. {one.why}"
        said = f"Choose who leads {one.name}"
        return _need(one, "promote/", said, why, may=May.PROMOTE, people=one.people)
    return _otherwise(one, f"{one.name}: nobody can lead, and nobody’s word may change that.")


def _otherwise(one: Stuck, what: str) -> Need:
    why = f"{what} {one.why}"
    if one.may_restore:
        return _need(
            one, "restore/", f"Restore {one.name} elsewhere", why, may=May.RESTORE, people=2
        )
    if one.may_go_back:
        said = f"Take {one.name} back in time"
        return _need(one, "restore-in-place/", said, why, may=May.RESTORE, people=2)
    about = frozenset({f"database:{one.name}", f"host:{one.on}"}) - {"host:"}
    if not one.on:
        return Need(KEEPER, f"Look at {one.name}", f"/databases/{one.name}/", why, about=about)
    back = f"{why} It goes on when {one.on} is back."
    return Need("whoever is on site", f"Look at {one.on}", f"/hosts/{one.on}/", back, about=about)


def _proof(one: Stuck) -> Need:
    where = one.on or "its old host"
    why = f"{one.name}: nothing proves that {where} is closed, so nobody else may lead."
    if one.may_vouch:
        said = f"Vouch that {where} is off"
        return _need(one, "vouch/", said, why, may=May.VOUCH_DATABASE, people=2)
    return _otherwise(one, why)


def _waiting(one: Stuck) -> Need:
    if one.may_move:
        said = f"Move {one.name} with its disk"
        why = f"{one.name} is down and waits for its host or a person. {one.why}"
        return _need(one, "move/", said, why, may=May.VOUCH_DATABASE, people=2)
    return _otherwise(one, f"{one.name} is down and waits for its host or a person.")


def _blocked(one: Stuck) -> Need:
    said, why = f"Allow a failover of {one.name}", f"{one.name}: {one.why}"
    return _need(one, "unblock/", said, why, may=May.SWITCH_OVER)


def _storm(one: Stuck) -> Need:
    why = f"{one.name}: too much was lost at once, so its failover is a person’s. {one.why}"
    about = frozenset({f"database:{one.name}", f"host:{one.on}"}) - {"host:"}
    return Need(who_may(May.RELEASE), "Look at what is held", "/held/", why, May.RELEASE, about)


def _look(text: str, who: str) -> Callable[[Stuck], Need]:
    def make(one: Stuck) -> Need:
        about = frozenset({f"database:{one.name}", f"host:{one.on}", f"host:{one.to}"}) - {"host:"}
        why = f"{one.name}{text} {one.why}"
        return Need(who, f"Look at {one.name}", f"/databases/{one.name}/", why, about=about)

    return make


def _unjudged(one: Stuck) -> Need:
    why = f"{one.name} cannot be judged, and would not be failed over: {one.why}"
    about = frozenset({f"database:{one.name}"})
    return Need(KEEPER, "Look at Tocsin’s processes", "/processes/", why, about=about)


_BY_CONDITION: Mapping[str, Callable[[Stuck], Need | None]] = {
    "unjudged": _unjudged,
    "promotion-unknown": _look(
        ": it is not known whether its standby was promoted.", "whoever is on site"
    ),
    "no-proof": _proof,
    "no-candidate": _candidate,
    "no-primary": lambda one: _otherwise(one, f"{one.name} has no primary."),
    "blocked": _blocked,
    "storm": _storm,
    "unprotected": _look(": no standby, its writes wait.", who_may(May.SWITCH_OVER)),
    "waiting": _waiting,
    "not-verified": _look(
        ": no write of a user was acknowledged since its failover.", who_may(May.SWITCH_OVER)
    ),
    "cp-blind": _look(
        ": Tocsin does not see its primary, its standby does.", "whoever looks after the network"
    ),
    "not-rejoined": _look(": its old primary could not rejoin.", "whoever is on site"),
    "held": lambda one: None,
}
"""Each condition that is rung for. "held": a pause or a freeze says it once for all, or others go
first, which ends by itself."""


def known_conditions() -> set[str]:
    """What is said something about; a test holds it against what is rung for."""
    return set(_BY_CONDITION)


_OF_THE_SITE = frozenset({"storm", "no-candidate", "waiting"})
"""Where its whole datacenter is lost, what becomes of it is decided with that."""


def _rank(condition: str) -> int:
    order = list(_BY_CONDITION)
    return order.index(condition) if condition in order else len(order)


def of_the_alone(scene: Scene) -> Iterable[Need]:
    """None is made by itself: where to is a choice. Where automation stands, that comes first."""
    if scene.frozen or scene.paused_by:
        return
    for name in scene.alone:
        why = f"{name} has no standby, and gets none by itself: nobody could take over from it."
        said, href = f"Give {name} a standby", f"/databases/{name}/standby/"
        about, may = frozenset({f"database:{name}"}), May.SWITCH_OVER
        yield Need(who_may(may), said, href, why, may, about)
