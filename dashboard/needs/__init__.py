"""What waits for a person: who does what, and where. Pure.

Invariant: "Tocsin does the rest by itself" is said only where `needs` is empty, and each thing that
Tocsin leaves to people has its need here, with the page where it is done. What a need is about
tells on whose pages it is shown; one about nothing by name stops everything, and is shown on all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dashboard.needs.databases import known_conditions, of_databases, of_the_alone
from dashboard.needs.need import KEEPER, Need, who_may
from dashboard.needs.scene import Question, Scene, Silent
from dashboard.permissions import May

__all__ = ["KEEPER", "Need", "known_conditions", "needs", "needs_about", "who_may"]

DRILL = "drill"


def needs(scene: Scene) -> tuple[Need, ...]:
    """A yes that is waited for, then the gravest first; each place once. A drill waits until the
    end: it may look like the worst, and nothing hangs on it."""
    asked = [(one, _of_question(one)) for one in scene.questions]
    every = [
        *(need for one, need in asked if one.mode != DRILL),
        *_of_tocsin(scene),
        *_of_sites(scene),
        *_of_fences(scene),
        *_of_restores(scene),
        *of_databases(scene),
        *of_the_alone(scene),
        *_of_containers(scene),
        *(need for one, need in asked if one.mode == DRILL),
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


def _joined(one: Need, other: Need) -> Need:
    return replace(one, about=one.about | other.about)


def _of_tocsin(scene: Scene) -> Iterable[Need]:
    if scene.doubt:
        why = f"Tocsin’s own rows are in doubt, so nothing is decided: {scene.doubt}"
        yield Need(who_may(May.SETTLE), "Settle Tocsin’s own rows", "/held/", why, May.SETTLE)
    if scene.unwatched:
        yield Need(KEEPER, "Look at Tocsin’s processes", "/processes/", scene.unwatched)
    for silent in scene.silent:
        yield _of_silent(silent)
    for site, how in scene.cut:
        said = f"Look at the network between Tocsin and {site}"
        why = f"{site} lives, and is only not heard: {how} Nothing of it is moved meanwhile."
        yield Need(KEEPER, said, f"/recovery/{site}/", why)
    if scene.blind:
        why = f"Tocsin sees nothing and moves nothing. {scene.blind}"
        yield Need(KEEPER, "Look at Tocsin’s processes", "/processes/", why)
    if scene.paused_by:
        why = f"Nothing moves: {scene.paused_by} paused automation."
        yield Need(who_may(May.PAUSE), "Look at what is held", "/held/", why, May.PAUSE)
    for run in scene.frozen:
        if run in scene.owners:
            why = f"{run} froze automation, and is not over: it stays frozen until then."
            said, href = f"Go on with {run}", f"/recovery/runs/{scene.owners[run]}/"
            yield Need("whoever its page names", said, href, why)
    if left := [run for run in scene.frozen if run not in scene.owners]:
        why = f"{', '.join(left)} froze automation, and it stays so until it is lifted."
        yield Need(who_may(May.PAUSE), "Look at what is frozen", "/#p-frozen", why, May.PAUSE)


def _of_silent(site: Silent) -> Need:
    """Whether it burns or only the way to it is cut, people see and Tocsin does not."""
    who, href = who_may(May.VOUCH_DATACENTER, 1 if site.by else 2), f"/recovery/{site.name}/vouch/"
    said = f"Vouch that {site.name} is lost"
    hosts = "its one host" if site.hosts == 1 else f"all its {site.hosts} hosts"
    why = f"Nothing is heard of {hosts}, and Tocsin cannot tell a loss from a cut. If you know"
    why += " that it is lost, say so; if not, wait."
    if site.by:
        said = f"Vouch, too, that {site.name} is lost"
        why = f"{site.by} vouches that it is; nothing follows before a second person does."
    return Need(who, said, href, why, May.VOUCH_DATACENTER)


def _of_question(ask: Question) -> Need:
    who = " or ".join(ask.people[:4]) or f"somebody of role {ask.role}, and nobody there is one"
    href = f"/recovery/approve/{ask.id}/"
    about = frozenset({f"ask:{ask.id}"})
    drill = "drill, " if ask.mode == DRILL else ""
    said = f"{'Read and answer' if ask.may_answer else 'Answer'}: {drill}{ask.title}"
    which = f"{ask.run}, a {ask.mode} run of {ask.lost}," if ask.lost else ask.run
    return Need(
        who, said, href, f"A step of {which} waits for a yes.", May.ANSWER, about, ask.people
    )


def _of_sites(scene: Scene) -> Iterable[Need]:
    for site in scene.sites:
        about = frozenset({f"site:{site.name}"})
        if site.run:
            href, said = f"/recovery/runs/{site.run}/", f"Go on with {site.run_name}"
            why = f"{site.name} is lost, and {site.run_name} recovers it elsewhere."
            who, number = "whoever its page names", site.incident
            yield Need(who, said, href, why, about=about, incident=number)
            continue
        if site.is_done:
            continue  # what is left of it is its hosts', and stands at the incident
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
