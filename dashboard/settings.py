"""Settings. Everything that differs between two installations comes from the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("TOCSIN_VAR") or ROOT / "var").resolve()


def _environment() -> Mapping[str, str]:
    """The environment; below it what the running supervisor says, so that a command typed in
    another shell (`manage.py lab kill …`) reaches the same servers."""
    try:
        running = json.loads((VAR / "run" / "environment.json").read_text())
    except FileNotFoundError:
        running = {}
    return running | dict(os.environ)


ENVIRONMENT = _environment()

SECRET_KEY = ENVIRONMENT.get("TOCSIN_SECRET_KEY", "")
DEBUG = False
TOCSIN_HOST = ENVIRONMENT.get("TOCSIN_HOST", "")
"""The name that `make up HOST=name` serves TLS for; empty: loopback, plain HTTP."""
TOCSIN_URL = ENVIRONMENT.get("TOCSIN_URL", "http://localhost:8000")
ALLOWED_HOSTS = [name for name in ("localhost", "127.0.0.1", TOCSIN_HOST) if name]
ALLOWED_HOSTS += [name for name in ENVIRONMENT.get("TOCSIN_HOSTS", "").split(",") if name]
CSRF_TRUSTED_ORIGINS = [TOCSIN_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = TOCSIN_URL.startswith("https://")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "dashboard",
    "recovery.core",
    "recovery.audit",
    "recovery.inventory",
    "recovery.incidents",
    "recovery.operations",
    "recovery.alarms",
    "recovery.gateway",
    "recovery.detection",
    "recovery.scheduling",
]


def database_from_url(url: str) -> dict[str, object]:
    """`postgresql://user:password@host:port/name`; a folder as `?host=` means its socket."""
    parts = urlsplit(url)
    query = dict(item.split("=", 1) for item in parts.query.split("&") if item)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(query.get("host", parts.hostname or "")),
        "PORT": str(parts.port or query.get("port", "")),
        "OPTIONS": {"options": unquote(query["options"])} if "options" in query else {},
    }


def _own_database() -> dict[str, object]:
    """The application's database, or, for `manage.py migrate`, the migrator's acting as owner."""
    if os.environ.get("TOCSIN_ACTS_AS") == "migrator":
        found = database_from_url(_migrator_url())
        found["OPTIONS"] = {"options": "-c role=tocsin_owner"}
        return found
    return database_from_url(ENVIRONMENT.get("TOCSIN_DATABASE_URL", "postgresql:///tocsin"))


def _migrator_url() -> str:
    """Only migrations read it; no long-running process has it in its environment."""
    given = os.environ.get("TOCSIN_MIGRATOR_DATABASE_URL")
    return given or (VAR / "secrets" / "migrator_url").read_text().strip()


DATABASES = {"default": _own_database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TOCSIN_APPLICATION_ROLE = ENVIRONMENT.get("TOCSIN_APPLICATION_ROLE", "tocsin_app")

USE_TZ = True
TIME_ZONE = "UTC"
TOCSIN_REDIS_URL = ENVIRONMENT.get("TOCSIN_REDIS_URL", "redis://127.0.0.1:6379/0")

# Mail: alarms leave by this server.
TOCSIN_MAIL_HOST = ENVIRONMENT.get("TOCSIN_MAIL_HOST", "127.0.0.1")
TOCSIN_MAIL_PORT = int(ENVIRONMENT.get("TOCSIN_MAIL_PORT", "25"))
TOCSIN_MAIL_FROM = ENVIRONMENT.get("TOCSIN_MAIL_FROM", "tocsin@localhost")
TOCSIN_MAIL_USER = ENVIRONMENT.get("TOCSIN_MAIL_USER", "")
TOCSIN_MAIL_PASSWORD = ENVIRONMENT.get("TOCSIN_MAIL_PASSWORD", "")
TOCSIN_MAIL_TLS = ENVIRONMENT.get("TOCSIN_MAIL_TLS", "") == "1"

# Gateways: where this one listens, and where the controllers find all of them.
TOCSIN_GATEWAY_HOST = ENVIRONMENT.get("TOCSIN_GATEWAY_HOST", "127.0.0.1")
TOCSIN_GATEWAY_PORT = int(ENVIRONMENT.get("TOCSIN_GATEWAY_PORT", "8010"))
TOCSIN_GATEWAY_PUBLIC = ENVIRONMENT.get("TOCSIN_GATEWAY_PUBLIC", TOCSIN_GATEWAY_HOST)
TOCSIN_GATEWAYS = ENVIRONMENT.get(
    "TOCSIN_GATEWAYS", f"{TOCSIN_GATEWAY_HOST}:{TOCSIN_GATEWAY_PORT}"
).split(",")
TOCSIN_LINK_SECRET = ENVIRONMENT.get("TOCSIN_LINK_SECRET", "")

# The edge: it asks for its routes and says who it is.
TOCSIN_EDGE_PORT = int(ENVIRONMENT.get("TOCSIN_EDGE_PORT", "8080"))
TOCSIN_EDGE_ADMIN_PORT = int(ENVIRONMENT.get("TOCSIN_EDGE_ADMIN_PORT", "0"))
TOCSIN_EDGE_SECRET = ENVIRONMENT.get("TOCSIN_EDGE_SECRET", "")
"""Sent by the edge in `X-Tocsin-Edge` when it asks for its routes."""
