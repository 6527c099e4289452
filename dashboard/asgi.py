"""The web process: `uvicorn dashboard.asgi:application`."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

from channels.routing import ProtocolTypeRouter
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

pages = ASGIStaticFilesHandler(get_asgi_application())

from django.db import connections  # noqa: E402 - Django must be set up before

from dashboard.routing import websockets  # noqa: E402 - Django must be set up before

# Each request runs in a thread of its own here: a connection that outlived it would be nobody's.
for connection in connections.settings.values():
    connection["CONN_MAX_AGE"] = 0

application = ProtocolTypeRouter({"http": pages, "websocket": websockets})
