"""Where sockets go."""

from __future__ import annotations

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.urls import path

from dashboard.consumers import LiveConsumer, SameOrigin

websockets = SameOrigin(AuthMiddlewareStack(URLRouter([path("live/", LiveConsumer.as_asgi())])))
