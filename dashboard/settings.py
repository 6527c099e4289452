"""Settings. Everything that differs between two installations comes from the environment."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("TOCSIN_VAR", ROOT / "var"))

SECRET_KEY = os.environ.get("TOCSIN_SECRET_KEY", "")
DEBUG = False
ALLOWED_HOSTS = os.environ.get("TOCSIN_HOSTS", "localhost,127.0.0.1").split(",")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "recovery.core",
    "recovery.audit",
    "recovery.inventory",
    "recovery.incidents",
    "recovery.operations",
    "recovery.alarms",
    "recovery.gateway",
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
    """The application's database; `manage.py migrate` reaches it as the migrator, acting as owner."""
    if os.environ.get("TOCSIN_ACTS_AS") == "migrator":
        found = database_from_url(os.environ["TOCSIN_MIGRATOR_DATABASE_URL"])
        found["OPTIONS"] = {"options": "-c role=tocsin_owner"}
        return found
    return database_from_url(os.environ.get("TOCSIN_DATABASE_URL", "postgresql:///tocsin"))


DATABASES = {"default": _own_database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TOCSIN_APPLICATION_ROLE = os.environ.get("TOCSIN_APPLICATION_ROLE", "tocsin_app")

USE_TZ = True
TIME_ZONE = "UTC"
TOCSIN_REDIS_URL = os.environ.get("TOCSIN_REDIS_URL", "redis://127.0.0.1:6379/0")
