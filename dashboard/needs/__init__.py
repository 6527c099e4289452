"""What waits for a person: who does what, and where. Pure.

Invariant: "Tocsin does the rest by itself" is said only where `needs` is empty, and each thing that
Tocsin leaves to people has its need here, with the page where it is done. What a need is about
tells on whose pages it is shown; one about nothing by name stops everything, and is shown on all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from dashboard.needs.scene import Scene, Stuck
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


def needs(scene: Scene) -> tuple[Need, ...]:
    """A yes that is waited for, then the gravest first; each place once."""
    every = [
        *_of_questions(scene),
        *_of_tocsin(scene),
        *_of_sites(scene),
        *_of_fences(scene),
        *_of_restores(scene),
        *_of_databases(scene),
        *_of_the_alone(scene),
        *_of_containers(scene),
    ]
    found: dict[str, Need] = {}
    for one in every:
        before = found.setdefault(one.href, one)
        if before is one:
            continue
        if one.incident and not before.incident:
            found[one.href] = replace(before, why=one.why, incident=one.incident)
        elif before.about and one.about:
            found[one.href] = _joined(before, one)
    return tuple(found.values())


def needs_about(every: Iterable[Need], *names: str) -> tuple[Need, ...]:
    """Those that are about one of these, and those that stop everything."""
    return tuple(one for one in every if not one.about or one.about & set(names))


def who_may(act: May, people: int = 1) -> str:
    """The least role that may, in words."""
    role = next(role for role in Role if act in TABLE[role])
    article = "an" if role[0] in "aeiou" else "a"
    return f"{article} {role}" if people == 1 else f"two {role}s"


def _joined(one: Need, other: Need) -> Need:
    return replace(one, about=one.about | other.about)


def _of_tocsin(scene: Scene) -> Iterable[Need]:
    if scene.doubt:
        why = f"Tocsin’s own rows are in doubt, so nothing is decided: {scene.doubt}"
        yield Need(who_may(May.SETTLE), "Settle Tocsin’s own rows", "/held/", why, May.SETTLE)
    if scene.unwatched:
        yield Need(KEEPER, "Look at Tocsin’s processes", "/processes/", scene.unwatched)
    if scene.blind:
        why = f"Tocsin sees nothing and moves nothing. {scene.blind}"
        yield Need(KEEPER, "Look at Tocsin’s processes", "/processes/", why)
    if scene.paused_by:
        why = f"Nothing moves: {scene.paused_by} paused automation."
        yield Need(who_may(May.PAUSE), "Look at what is held", "/held/", why, May.PAUSE)
    for run in scene.frozen:
        if run in scene.owners:
            why = f"{run} froze automation, and goes on."
            said, href = f"Go on with {run}", f"/recovery/runs/{scene.owners[run]}/"
            yield Need("whoever its page names", said, href, why)
    if left := [run for run in scene.frozen if run not in scene.owners]:
        why = f"{', '.join(left)} froze automation, and it stays so until it is lifted."
        yield Need(who_may(May.PAUSE), "Look at what is frozen", "/#p-frozen", why, May.PAUSE)


def _of_questions(scene: Scene) -> Iterable[Need]:
    for ask in scene.questions:
        who = " or ".join(ask.people[:4]) or f"somebody of role {ask.role}, and nobody there is one"
        href = f"/recovery/approve/{ask.id}/"
        about = frozenset({f"ask:{ask.id}"})
        said = f"{'Read and answer' if ask.may_answer else 'Answer'}: {ask.title}"
        why = "A step of a plan waits for a yes."
        yield Need(who, said, href, why, May.ANSWER, about, ask.people)


def _of_sites(scene: Scene) -> Iterable[Need]:
    for site in scene.sites:
        about = frozenset({f"site:{site.name}"})
        if site.run:
            href, said = f"/recovery/runs/{site.run}/", f"Go on with {site.run_name}"
            why = f"{site.name} is lost, and {site.run_name} recovers it elsewhere."
            who, number = "whoever its page names", site.incident
            yield Need(who, said, href, why, about=about, incident=number)
            continue
        if site.decided and site.is_activated:
            said, href = f"Start the runbook for {site.name}", f"/recovery/start/?lost={site.name}"
            yield Need(who_may(May.RUN), said, href, site.decided, May.RUN, about)
            continue
        if site.decided:
            said = f"Look at what {site.name} waits for"
            yield Need(
                "whoever decides", said, f"/recovery/{site.name}/", site.decided, None, about
            )
            continue
        why = f"{site.name} looks lost, and nothing of it moves by itself."
        said = f"Activate or wait? {site.name}"
        yield Need(who_may(May.DECIDE), said, f"/recovery/{site.name}/", why, May.DECIDE, about)


def _of_fences(scene: Scene) -> Iterable[Need]:
    """What came back stays behind its fence until people plan its return, or lift the fence."""
    for one in scene.fenced:
        about = frozenset({f"site:{one.site}", *(f"database:{name}" for name in one.databases)})
        back = one.said
        if one.goes_on:
            number, name = one.goes_on
            said, href = f"Go on with {name}", f"/recovery/runs/{number}/"
            yield Need("whoever its page names", said, href, back, about=about)
        elif one.no_book:
            why, said = (
                f"{back} No runbook “return” is in force.",
                "Put the runbook return in force",
            )
            href, may = "/recovery/runbooks/#shipped", May.WRITE_RUNBOOK
            yield Need(who_may(may), said, href, why, may, about)
        elif one.ways:
            for run, out_of, href in one.ways:
                why = f"{back} What {run} moved is in {out_of}, until a run takes it back."
                said = f"Plan the return of {one.site} from {out_of}"
                yield Need(who_may(May.RUN), said, href, why, May.RUN, about)
        else:
            why = f"{back} No run moved anything that could be taken back."
            said, href = f"Lift the fence of {one.site}", f"/held/fences/{one.site}/lift/"
            yield Need(who_may(May.SETTLE), said, href, why, May.SETTLE, about)


def _of_restores(scene: Scene) -> Iterable[Need]:
    """One that a pause holds goes on with it, and that has its own need."""
    for one in scene.stalled:
        about = frozenset({f"database:{one.database}", f"host:{one.host}"})
        page = f"/databases/{one.database}"
        if one.is_over:
            way = "restore-in-place" if one.in_place else "restore"
            who, said = who_may(May.RESTORE, 2), f"Restore {one.database} anew"
            yield Need(who, said, f"{page}/{way}/", one.why, May.RESTORE, about)
        elif scene.paused_by:
            continue
        elif one.may_call_off:
            who, said = who_may(May.RESTORE), f"Call {one.name} off, and ask anew"
            yield Need(who, said, f"{page}/restore/call-off/", one.why, May.RESTORE, about)
        else:
            said = f"Look at {one.host}"
            yield Need("whoever is on site", said, f"/hosts/{one.host}/", one.why, about=about)


def _of_databases(scene: Scene) -> Iterable[Need]:
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


def _of_the_alone(scene: Scene) -> Iterable[Need]:
    """None is made by itself: where to is a choice. Where automation stands, that comes first."""
    if scene.frozen or scene.paused_by:
        return
    for name in scene.alone:
        why = f"{name} has no standby, and gets none by itself: nobody could take over from it."
        said, href = f"Give {name} a standby", f"/databases/{name}/standby/"
        about, may = frozenset({f"database:{name}"}), May.SWITCH_OVER
        yield Need(who_may(may), said, href, why, may, about)


def _of_containers(scene: Scene) -> Iterable[Need]:
    for seat, container, host in scene.words:
        why = f"Two of {container} must never run. Nobody can see whether it still runs on {host}."
        said = f"Say that {container} does not run on {host} any more"
        about = frozenset({f"host:{host}", f"container:{container}"})
        yield Need(who_may(May.VOUCH), said, f"/placements/{seat}/release/", why, May.VOUCH, about)
    if scene.held:
        hosts = "1 held host" if len(scene.held) == 1 else f"{len(scene.held)} held hosts"
        about = frozenset(f"host:{name}" for name in scene.held)
        why = f"{scene.held_why} Their containers wait for a person.".strip()
        yield Need(who_may(May.RELEASE), f"Look at {hosts}", "/held/", why, May.RELEASE, about)
    if scene.unseated and not any(site.is_undone for site in scene.sites):
        count = len(scene.unseated)
        many = "1 container waits" if count == 1 else f"{count} containers wait"
        about = frozenset(f"container:{name}" for name in scene.unseated)
        why = f"{many} for a seat: room is made, or the wish is changed."
        yield Need(who_may(May.CORDON), "Look at what has no seat", "/held/", why, about=about)
