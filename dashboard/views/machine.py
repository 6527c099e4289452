"""Doors for machines: is it up, and how does it do."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from recovery.core import control, incarnations
from recovery.traffic import queries as traffic


def healthz(request: HttpRequest) -> HttpResponse:
    """200 while this process reads its database; says nothing about the fleet."""
    try:
        epoch, _ = control.read_beat()
    except DatabaseError:
        return JsonResponse({"ok": False, "said": "The database does not answer."}, status=503)
    return JsonResponse({"ok": True, "epoch": epoch})


def edge_routes(request: HttpRequest) -> HttpResponse:
    """What the edge polls twice a second. Without its secret nobody learns the routes; an
    error here leaves the edge with the routes it has."""
    secret: str = settings.TOCSIN_EDGE_SECRET
    told = request.headers.get("X-Tocsin-Edge", "")
    if not secret or not hmac.compare_digest(told.encode(), secret.encode()):
        return HttpResponse("Only for the edge.\n", status=403)
    try:
        if not incarnations.speaks():  # users stay where the rows of before led them (B11)
            return JsonResponse({"said": "The rows are in doubt."}, status=503)
        return JsonResponse(traffic.edge_configuration())
    except DatabaseError:
        return JsonResponse({"said": "The database does not answer."}, status=503)


def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus: from this machine, or with the secret as a bearer token."""
    if not may_scrape(
        request.META.get("REMOTE_ADDR", ""), request.headers.get("Authorization", "")
    ):
        return HttpResponse("Only from this machine or with the metrics secret.\n", status=403)
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def may_scrape(address: str, authorization: str) -> bool:
    """A loopback caller needs nothing where no secret is set; otherwise the secret decides."""
    secret: str = settings.TOCSIN_METRICS_SECRET
    if secret:
        return hmac.compare_digest(authorization.encode(), f"Bearer {secret}".encode())
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
