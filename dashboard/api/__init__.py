"""The API: the same permissions and the same actions as the pages; OpenAPI from its types.

What is refused is 422 where a field that was sent is at fault, 403 where this person may not, 404
where what is named is not there, and 409 where it is as it is: in a state that allows it not.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from dashboard import VERSION
from dashboard.api.audit import router as audit
from dashboard.api.auth import by_session, by_token
from dashboard.api.backups import router as backups
from dashboard.api.databases import router as databases
from dashboard.api.lent import router as lent
from dashboard.api.plans import router as plans
from dashboard.api.recovery import router as recovery
from dashboard.api.restores import router as restores
from dashboard.api.routes import router
from dashboard.api.runs import router as runs
from recovery.core.errors import (
    Conflict,
    Forbidden,
    Incomplete,
    Missing,
    Refused,
    TocsinError,
    Unsure,
)
from recovery.drp.runbooks.faults import BadRunbook

api = NinjaAPI(
    title="Tocsin",
    version=VERSION,
    auth=[by_token, by_session],  # a session asks for its CSRF token, which a machine has not
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="api",
)
api.add_router("", router)
api.add_router("/databases", databases)
api.add_router("/backups", backups)
api.add_router("/audit", audit)
api.add_router("/restores", restores)
api.add_router("/recovery", recovery)
api.add_router("/plans", plans)
api.add_router("/drp", runs)
api.add_router("/drp/lent", lent)


@api.exception_handler(TocsinError)
def refused(request: HttpRequest, error: TocsinError) -> HttpResponse:
    """What was wrong, where, what was kept and what to do."""
    body = {
        "detail": error.message,
        "field": error.field,
        "kept": error.kept,
        "todo": error.todo,
    }
    return api.create_response(request, body, status=status_of(error))


def status_of(error: TocsinError) -> int:
    """The first kind of these that it is. Whatever else failed is no fault of who called."""
    known = (
        (Forbidden, 403),
        (Missing, 404),
        (Incomplete, 400),
        (Refused, 422 if error.field else 409),
        (Conflict, 409),
        (BadRunbook, 422),
        (Unsure, 504),
    )
    return next((code for kind, code in known if isinstance(error, kind)), 503)
