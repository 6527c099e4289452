"""The pages that only show."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import Resolver404
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard import lab as lab_controls
from dashboard.adapter import too_many
from dashboard.names import name_objects
from dashboard.people import for_people
from dashboard.permissions import May, Role, may
from dashboard.views.page import THEMES, days_of, frame, show
from recovery.audit import screens as audit
from recovery.core.moments import BadMoment, read_moment
from recovery.failover import screens as failover
from recovery.incidents import screens as incident_rows
from recovery.inventory import screens as inventory

OVERVIEW = (
    *("voice", "next", "frozen", "asked", "hurt", "hurting", "promises"),
    *("fleet", "lines", "forecast"),
)


@for_people(May.VIEW)
def overview(request: HttpRequest, role: Role) -> HttpResponse:
    return show(
        request,
        role,
        "overview",
        area="overview",
        topics=[f"next:{request.user.get_username()}" if t == "next" else t for t in OVERVIEW],
    )


@for_people(May.VIEW)
def incidents(request: HttpRequest, role: Role) -> HttpResponse:
    return show(request, role, "list", area="incidents", topics=("incidents",), heading="Incidents")


@for_people(May.VIEW)
def incident(request: HttpRequest, role: Role, number: int) -> HttpResponse:
    found = incident_rows.view_incident(number)
    if found is None:
        raise Http404(f"There is no INC-{number:04d}.")
    parts = ("voice", "next", "phases", "suspects", "members", "lines", "told")
    return show(
        request,
        role,
        "incident",
        area="incidents",
        topics=[f"incident-{part}:{number}" for part in parts],
        heading=f"{found.name}: {found.title}",
        incident=found,
        can_note=may(role, May.NOTE),
    )


@for_people(May.VIEW)
def applications(request: HttpRequest, role: Role) -> HttpResponse:
    return show(
        request,
        role,
        "list",
        area="applications",
        topics=("applications",),
        heading="Applications",
    )


@for_people(May.VIEW)
def application(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    if inventory.find_application(name) is None:
        raise Http404(f"There is no application {name}.")
    topics = [f"application-{part}:{name}" for part in ("voice", "next", "month", "seats")]
    return show(request, role, "application", area="applications", topics=topics, heading=name)


@for_people(May.VIEW)
def hosts(request: HttpRequest, role: Role) -> HttpResponse:
    site = request.GET.get("site", "")[:40]
    heading = f"Hosts of {site}" if site else "Hosts"
    return show(request, role, "list", area="hosts", topics=(f"hosts:{site}",), heading=heading)


HOST = ("voice", "next", "acts", "copies", "seats", "operations")


@for_people(May.VIEW)
def host(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    if inventory.find_host(name) is None:
        raise Http404(f"There is no host {name}.")
    topics = [f"host-{part}:{name}" for part in HOST]
    return show(request, role, "host", area="hosts", topics=topics, heading=name)


@for_people(May.VIEW)
def databases(request: HttpRequest, role: Role) -> HttpResponse:
    topics = ("queue", "databases")
    return show(request, role, "list", area="databases", topics=topics, heading="Databases")


@for_people(May.VIEW)
def backups(request: HttpRequest, role: Role) -> HttpResponse:
    name = request.GET.get("database", "")
    if name and failover.find_database(name) is None:
        raise Http404(f"There is no database {name}.")
    parts = ("voice", "loss", f"ages:{name}{days_of(request)}", "proofs", "stores")
    topics = ("backups", "restores", *(f"backups-{part}" for part in parts))
    return show(request, role, "backups", area="backups", topics=topics, heading="Backups")


PARTS = (
    "voice",
    "next",
    "failover",
    "restores",
    "copies",
    "users",
    "month",
    "backups",
    "ages",
    "worst",
    "history",
    "acts",
)


@for_people(May.VIEW)
def database(request: HttpRequest, role: Role, name: str) -> HttpResponse:
    if failover.find_database(name) is None:
        raise Http404(f"There is no database {name}.")
    days = days_of(request)
    topics = [f"database-{part}:{name}{days if part == 'ages' else ''}" for part in PARTS]
    return show(request, role, "database", area="databases", topics=topics, heading=name)


@for_people(May.VIEW)
def held(request: HttpRequest, role: Role) -> HttpResponse:
    return show(request, role, "list", area="held", topics=("held",), heading="Held")


@for_people(May.LAB)
def lab(request: HttpRequest, role: Role) -> HttpResponse:
    if not lab_controls.is_running():
        raise Http404("No lab runs here.")
    return show(request, role, "lab", area="lab", topics=("lab", "mail"), heading="Lab")


@for_people(May.VIEW)
def machine(request: HttpRequest, role: Role) -> HttpResponse:
    heading = "Tocsin's own processes"
    return show(request, role, "list", area="machine", topics=("processes",), heading=heading)


@for_people(May.READ_AUDIT)
def log(request: HttpRequest, role: Role) -> HttpResponse:
    names = ("object_type", "object_id", "actor", "action")
    filters = {name: request.GET.get(name, "")[:120] for name in (*names, "since", "until")}
    before = request.GET.get("before", "")[:18]
    rows = audit.entries(
        **{name: filters[name] for name in names},
        since=_instant(filters["since"]),
        until=_instant(filters["until"]),
        before=int(before) if before.isdecimal() else None,
    )
    return show(
        request,
        role,
        "log",
        area="log",
        heading="Log",
        rows=_named(rows),
        seal=audit.seal(),
        filters=filters,
        is_filtered=any(filters.values()),
        older=rows[-1].id if len(rows) == audit.PAGE else None,
    )


def _instant(text: str) -> datetime | None:
    """A day, a minute or a moment, in UTC unless it says so; what is none filters nothing."""
    for written in (text, f"{text}:00", f"{text} 00:00:00"):
        with suppress(BadMoment):
            return read_moment(written)
    return None


def _named(rows: Sequence[audit.EntryView]) -> list[tuple[audit.EntryView, str, str]]:
    """Each entry with the name of its object and of its actor."""
    names = name_objects(rows)
    return [
        (
            row,
            names[row.object_type, row.object_id],
            names["host", row.actor] if row.actor_type == "agent" else row.actor,
        )
        for row in rows
    ]


@for_people(May.READ_AUDIT)
def entry(request: HttpRequest, role: Role, pk: int) -> HttpResponse:
    found = audit.find_entry(pk)
    if found is None:
        raise Http404(f"There is no entry {pk}.")
    return show(
        request,
        role,
        "entry",
        area="log",
        heading=f"Entry {pk}",
        entry=found,
        seal=audit.seal(),
        named=_named([found])[0],
    )


@for_people(May.VIEW)
def find(request: HttpRequest, role: Role) -> HttpResponse:
    """Everything that can be gone to or done, each a link; filtered by `q`."""
    query = request.GET.get("q", "").strip().lower()[:80]
    links = [link for link in _links(role) if query in link[0].lower()][:80]
    if request.GET.get("part") == "1":
        return render(request, "panels/find.html", {"links": links})
    return show(request, role, "find", area="find", heading="Find or do", links=links, query=query)


def _links(role: Role) -> list[tuple[str, str]]:
    pages = ["Overview|/", "Incidents|/incidents/", "Applications|/applications/"]
    pages += [
        "Databases|/databases/",
        "Backups|/backups/",
        "Recovery|/recovery/",
        "Runbooks and reports|/recovery/runbooks/",
        "Recovery runs|/recovery/runs/",
        "Waits for a yes|/recovery/approve/",
        "Lent rights|/recovery/lent/",
        "Hosts|/hosts/",
        "Held|/held/",
        "Log|/log/",
        "Wall screen|/?wall=1",
    ]
    pages += [
        "Light or dark|/theme/",
        "Keys and help|/help/",
        "Processes of Tocsin|/processes/",
        "Two-factor sign-in|/account/2fa/",
        "Your passkey|/passkey/",
    ]
    pages += ["Sign out|/account/logout/"]
    links = [(said, where) for said, _, where in (page.partition("|") for page in pages)]
    if lab_controls.is_running():
        links.append(("Lab", "/lab/"))
    links += [
        (f"{one.name}: {one.title}", f"/incidents/{one.number}/")
        for one in incident_rows.unresolved_incidents()
    ]
    links += [
        (f"Application {app.name}", f"/applications/{app.name}/")
        for app in inventory.applications()
    ]
    links += [(f"Database {name}", f"/databases/{name}/") for name in failover.database_names()]
    for site in inventory.fleet():
        links.append((f"Activate or wait? {site.name}", f"/recovery/{site.name}/"))
        links += [(f"Host {h.name}", f"/hosts/{h.name}/") for h in site.hosts]
        links += [(f"Cordon {h.name}…", f"/hosts/{h.name}/cordon/") for h in site.hosts]
    return links


@for_people(May.VIEW)
def guide(request: HttpRequest, role: Role) -> HttpResponse:
    return show(request, role, "help", area="help", heading="Keys and help")


def theme(request: HttpRequest) -> HttpResponse:
    """Light, dark, or as the system has it, in turn; kept in a cookie of this browser."""
    order = ("", *THEMES)
    current = request.COOKIES.get("tocsin_theme", "")
    index = order.index(current) if current in order else 0
    back = request.GET.get("back", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = "/"
    answer = HttpResponseRedirect(back)
    following = order[(index + 1) % len(order)]
    answer.set_cookie("tocsin_theme", following, max_age=31_536_000, samesite="Lax", httponly=True)
    return answer


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": f"There is nothing at {request.path}."}, status=404)
    # Django's own, for an address that is no page of ours, lists every pattern that it tried
    context = {**frame(request, None), "said": "" if type(exception) is Resolver404 else exception}
    return render(request, "pages/missing.html", context, status=404)


def too_often(request: HttpRequest) -> HttpResponse:
    """Who is asked again who they are, and tries too often; allauth's own page says no more."""
    said = too_many("reauthenticate")
    context = {**frame(request, None), "head": "Not now", "said": said}
    return render(request, "pages/missing.html", context, status=429)


NOT_FROM_HERE = (
    "What was sent carries no token of a page of this session: that page was too old, the browser"
    " keeps no cookies, or another site sent it. Load the page again, and send it anew."
)


def not_from_here(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's own page for it, without its token, is bare and tells of a debug mode."""
    if request.headers.get("HX-Request"):
        messages.error(request, f"Nothing was done. {NOT_FROM_HERE}")
        return render(request, "said.html", status=403)
    context = {**frame(request, None), "head": "Nothing was done", "said": NOT_FROM_HERE}
    return render(request, "pages/missing.html", context, status=403)
