"""Routes as Traefik's dynamic configuration (its HTTP provider reads JSON). Pure.

Tried with Traefik 3.7: a network error before the request was written is retried for every
method; a backend that took the request and stays silent ends as 504 after the response
header timeout, which `status` retries for idempotent methods only, so no POST is sent twice.
A single container gets no health check: taking the last server out helps nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from recovery.traffic.facts import Door, EdgePolicy, Route

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""Names that may stand in a rule and in a path; others get no route."""
TRANSPORT = "impatient"
RETRY = "ask-another"

Json = dict[str, object]


def configuration(routes: Iterable[Route], policy: EdgePolicy, doors: Iterable[Door] = ()) -> Json:
    """The whole dynamic configuration; the same routes always give the same text.

    Traefik passes over a configuration that is empty, and keeps what it has: where there are
    databases the text is never empty, so that the last door can be closed.
    """
    named = [r for r in routes if NAME.fullmatch(r.application) and r.servers]
    known = [d for d in doors if NAME.fullmatch(d.database)]
    if not named and not known:
        return {}
    told: Json = {"http": _http(named, policy)}
    if known:
        told["tcp"] = _tcp(known, policy)
    return told


def _tcp(doors: list[Door], policy: EdgePolicy) -> Json:
    """One router a door and one server behind it: of a database nobody is a second choice. Where
    users may be led to nobody the router stays without a server, and they are sent away at once: an
    entry point without a router takes them for browsers, and waits a minute for their request. A
    server whose host takes no connection is given up soon: by itself the edge dials for 30 s, long
    after another one may serve."""
    return {
        "routers": {
            f"database-{door.database}": {
                "entryPoints": [door.entry_point],
                "rule": "HostSNI(`*`)",
                "service": f"database-{door.database}",
            }
            for door in doors
        },
        "services": {
            f"database-{door.database}": {
                "loadBalancer": {
                    "servers": [{"address": door.server}] if door.server else [],
                    "serversTransport": TRANSPORT,
                }
            }
            for door in doors
        },
        "serversTransports": {TRANSPORT: {"dialTimeout": _ms(policy.dial_server_ms)}},
    }


def _http(named: list[Route], policy: EdgePolicy) -> Json:
    if not named:
        return {"middlewares": {RETRY: _retry(policy)}}
    routers: Json = {}
    middlewares: Json = {RETRY: _retry(policy)}
    services: Json = {}
    for route in named:
        name = route.application
        services[name] = {"loadBalancer": _balancer(route, policy)}
        middlewares[f"{name}-path"] = {"stripPrefix": {"prefixes": [f"/app/{name}"]}}
        rule = f"Path(`/app/{name}`) || PathPrefix(`/app/{name}/`)"
        routers[f"{name}-path"] = _router(name, rule, [f"{name}-path", RETRY])
        if policy.domain:
            rule = f"Host(`{name}.{policy.domain}`)"
            routers[f"{name}-host"] = _router(name, rule, [RETRY])
    return {
        "routers": routers,
        "middlewares": middlewares,
        "services": services,
        "serversTransports": {TRANSPORT: _transport(policy)},
    }


def _router(service: str, rule: str, middlewares: list[str]) -> Json:
    return {"rule": rule, "service": service, "middlewares": middlewares, "entryPoints": ["apps"]}


def _balancer(route: Route, policy: EdgePolicy) -> Json:
    balancer: Json = {
        "servers": [{"url": url} for url in route.servers],
        "serversTransport": TRANSPORT,
        "passHostHeader": True,
    }
    if len(route.servers) > 1 and not route.kept:
        balancer["healthCheck"] = {
            "path": route.health_path,
            "interval": _ms(policy.check_every_ms),
            "unhealthyInterval": _ms(policy.check_every_ms),
            "timeout": _ms(policy.check_within_ms),
        }
    return balancer


def _retry(policy: EdgePolicy) -> Json:
    return {
        "retry": {
            "attempts": policy.attempts,
            "initialInterval": _ms(policy.pause_ms),
            "status": ["502", "504"],
        }
    }


def _transport(policy: EdgePolicy) -> Json:
    return {
        # Unsaid it is two in Go, and a burst would dial anew for every request beyond them.
        "maxIdleConnsPerHost": policy.kept_connections,
        "forwardingTimeouts": {
            "dialTimeout": _ms(policy.dial_ms),
            "responseHeaderTimeout": _ms(policy.answer_ms),
            "idleConnTimeout": "30s",
        },
    }


def _ms(milliseconds: int) -> str:
    return f"{milliseconds}ms"
