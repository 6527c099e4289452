"""Settings. Everything that differs between two installations comes from the environment."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import structlog

from recovery.core.errors import BadConfiguration
from recovery.engines.edge.doors import read_block
from recovery.engines.urls import check_host, read_database_url

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("TOCSIN_VAR") or ROOT / "var").resolve()


def _environment() -> Mapping[str, str]:
    """The environment; below it what the running supervisor says, so that a command typed in
    another shell (`manage.py lab kill …`) reaches the same servers."""
    path = VAR / "run" / "environment.json"
    try:
        running: dict[str, str] = json.loads(path.read_text())
    except FileNotFoundError:
        running = {}
    except ValueError:
        running = {"": ""}
    if not isinstance(running, dict) or not all(
        name and isinstance(value, str) for name, value in running.items()
    ):
        raise BadConfiguration(
            f"{path} is damaged: it is not what a start wrote.",
            todo="Remove that file, and stop and start Tocsin: every start writes it anew.",
        )
    return running | dict(os.environ)


ENVIRONMENT = _environment()


def _number(name: str, default: int) -> int:
    text = ENVIRONMENT.get(name, "").strip() or str(default)
    if not text.isdecimal():
        raise BadConfiguration(f"{text!r} is not a number.", field=name)
    return int(text)


def _numbers(name: str, default: str) -> tuple[float, ...]:
    """As many as the default has."""
    words = (ENVIRONMENT.get(name, "").strip() or default).split()
    try:
        found = tuple(float(word) for word in words)
    except ValueError:
        found = ()
    if len(found) != len(default.split()) or any(not 0 <= each < math.inf for each in found):
        raise BadConfiguration(f"{' '.join(words)!r} is not like {default!r}.", field=name)
    return found


SECRET_KEY = ENVIRONMENT.get("TOCSIN_SECRET_KEY", "")
DEBUG = False
TOCSIN_HOST = check_host(ENVIRONMENT.get("TOCSIN_HOST", "").strip(), "TOCSIN_HOST")
"""The name that `make up HOST=name` serves TLS for; empty: loopback, plain HTTP."""
TOCSIN_URL = ENVIRONMENT.get("TOCSIN_URL", "http://localhost:8000")
ALLOWED_HOSTS = [name for name in ("localhost", "127.0.0.1", TOCSIN_HOST) if name]
ALLOWED_HOSTS += [name for name in ENVIRONMENT.get("TOCSIN_HOSTS", "").split(",") if name]
CSRF_TRUSTED_ORIGINS = [TOCSIN_URL]
TOCSIN_SECURE = TOCSIN_URL.startswith("https://")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "channels",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
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
    "recovery.failover",
    "recovery.backups",
    "recovery.restores",
    "recovery.brief",
    "recovery.drp",
    "recovery.traffic",
    "recovery.access",
]


PATIENCE = "-c statement_timeout=10s -c idle_in_transaction_session_timeout=30s"
"""A disk that hangs leads to no decision, never to a late one (I-CP-8)."""


def database_from_url(url: str, field: str = "TOCSIN_DATABASE_URL") -> dict[str, object]:
    """`postgresql://user:password@host:port/name`; a folder as `?host=` means its socket. Other
    options are the driver's, as `?sslmode=verify-full`."""
    parts, query = read_database_url(url, field)
    more = {name: query[name] for name in query if name not in ("host", "port", "options")}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.get("host") or unquote(parts.hostname or ""),
        "PORT": str(parts.port or query.get("port", "")),
        "OPTIONS": {
            "options": query.get("options", PATIENCE),
            "connect_timeout": 3,
            **more,
        },
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }


def _own_database() -> dict[str, object]:
    """The application's database, or, for `manage.py migrate`, the migrator's acting as owner."""
    if os.environ.get("TOCSIN_ACTS_AS") == "migrator":
        found = database_from_url(_migrator_url(), "TOCSIN_MIGRATOR_DATABASE_URL")
        found["OPTIONS"] = {"options": "-c role=tocsin_owner"}  # a migration may take long
        return found
    return database_from_url(ENVIRONMENT.get("TOCSIN_DATABASE_URL", "postgresql:///tocsin"))


def _migrator_url() -> str:
    """Only migrations read it; no long-running process has it in its environment."""
    given = os.environ.get("TOCSIN_MIGRATOR_DATABASE_URL")
    return given or (VAR / "secrets" / "migrator_url").read_text().strip()


DATABASES = {"default": _own_database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TOCSIN_APPLICATION_ROLE = ENVIRONMENT.get("TOCSIN_APPLICATION_ROLE", "tocsin_app")
TOCSIN_SEALER_ROLE = ENVIRONMENT.get("TOCSIN_SEALER_ROLE", "tocsin_sealer")
"""Who alone seals the audit log; a migration grants it where the role is there."""

USE_TZ = True
TIME_ZONE = "UTC"
TOCSIN_REDIS_URL = ENVIRONMENT.get("TOCSIN_REDIS_URL", "redis://127.0.0.1:6379/0")

# Mail: alarms leave by this server.
TOCSIN_MAIL_HOST = ENVIRONMENT.get("TOCSIN_MAIL_HOST", "127.0.0.1")
TOCSIN_MAIL_PORT = _number("TOCSIN_MAIL_PORT", 25)
TOCSIN_MAIL_FROM = ENVIRONMENT.get("TOCSIN_MAIL_FROM", "tocsin@localhost")
TOCSIN_MAIL_USER = ENVIRONMENT.get("TOCSIN_MAIL_USER", "")
TOCSIN_MAIL_PASSWORD = ENVIRONMENT.get("TOCSIN_MAIL_PASSWORD", "")
TOCSIN_MAIL_TLS = ENVIRONMENT.get("TOCSIN_MAIL_TLS", "") == "1"

# Gateways: where this one listens, and where the controllers find all of them.
TOCSIN_GATEWAY_HOST = ENVIRONMENT.get("TOCSIN_GATEWAY_HOST", "127.0.0.1")
TOCSIN_GATEWAY_PORT = _number("TOCSIN_GATEWAY_PORT", 8010)
TOCSIN_GATEWAY_PUBLIC = ENVIRONMENT.get("TOCSIN_GATEWAY_PUBLIC", TOCSIN_GATEWAY_HOST)
TOCSIN_GATEWAYS = ENVIRONMENT.get(
    "TOCSIN_GATEWAYS", f"{TOCSIN_GATEWAY_HOST}:{TOCSIN_GATEWAY_PORT}"
).split(",")
TOCSIN_GATEWAY_BACK_DOOR = _number("TOCSIN_GATEWAY_BACK_DOOR", 0)
"""Added to a host's probe port where the gateway itself looks at it; the lab uses 1."""
TOCSIN_VAULT_KEYS = ENVIRONMENT.get("TOCSIN_VAULT_KEYS", "")
"""What secrets in rows are sealed with: the newest first, older ones after it. Never in PostgreSQL;
who loses it has to give every database a new secret."""
TOCSIN_PINS = ENVIRONMENT.get("TOCSIN_PINS") or str(VAR / "secrets" / "approvers.json")
"""Public keys of those who may approve what is dangerous: a file, out of PostgreSQL's reach."""
TOCSIN_WEBHOOK_KEYS = ENVIRONMENT.get("TOCSIN_WEBHOOK_KEYS") or str(VAR / "secrets" / "webhooks")
"""A folder with the keys that sign the webhooks of recovery plans, by the names that plans use."""
TOCSIN_WEBHOOK_NETWORKS = ENVIRONMENT.get("TOCSIN_WEBHOOK_NETWORKS", "").split()
"""Networks beside public addresses that webhooks may go to, on any port: 10.0.0.0/8."""
TOCSIN_WEBHOOK_AUTHORITY = ENVIRONMENT.get("TOCSIN_WEBHOOK_AUTHORITY", "")
"""A file of certificates of whoever signs the receivers'; empty: the system's."""
TOCSIN_BACKUP_KEY = ENVIRONMENT.get("TOCSIN_BACKUP_KEY", "k1")
"""The id of the key that seals backups; the key itself is in each host's own file alone."""
TOCSIN_PROVEN_WITHIN_DAYS = _numbers("TOCSIN_PROVEN_WITHIN_DAYS", "30")[0]
"""Each backup replica is restored and read back at least so often, as a test; 0: never."""
TOCSIN_PROOF_PAUSE = _number("TOCSIN_PROOF_PAUSE", 600)
"""Seconds from one restore test to the next at least."""
TOCSIN_RPO_MINUTES = _numbers("TOCSIN_RPO_MINUTES", "30 15 24 5")
"""Of a log that is archived all the time: how much of it is lost at most, from which age on people
are told and rung, and how far an archive may lag behind an "ok" of its job."""
TOCSIN_PLACE = ENVIRONMENT.get("TOCSIN_PLACE", "")
"""The datacenter that Tocsin itself stands in; without it, where its backup replica 1 lies."""
# Its door for agents on other machines (wss://); 0: none. `make up HOST=name` opens it.
TOCSIN_GATEWAY_TLS_PORT = _number("TOCSIN_GATEWAY_TLS_PORT", 0)
TOCSIN_GATEWAY_CERTIFICATE = ENVIRONMENT.get("TOCSIN_GATEWAY_CERTIFICATE", "")
TOCSIN_GATEWAY_KEY = ENVIRONMENT.get("TOCSIN_GATEWAY_KEY", "")
TOCSIN_AUDIT_KEY_FILE = ENVIRONMENT.get("TOCSIN_AUDIT_KEY_FILE") or str(VAR / "secrets/audit-key")
"""The audit log's private key; the sealer alone opens it, and makes it once."""
TOCSIN_AUDIT_FOLDER = ENVIRONMENT.get("TOCSIN_AUDIT_FOLDER") or str(VAR / "audit")
"""Where checkpoints and leaf hashes are copied to: best on another machine's disk."""
TOCSIN_AUDIT_STORES = ENVIRONMENT.get("TOCSIN_AUDIT_STORES", "").split()
"""Stores of backups (`manage.py store`) that get the same copies."""
TOCSIN_REPORT_KEY_FILE = ENVIRONMENT.get("TOCSIN_REPORT_KEY_FILE") or str(
    VAR / "secrets/report-key"
)
"""What reports of runs and drills are signed with, and nothing else; made with the first one."""
TOCSIN_LINK_SECRET = ENVIRONMENT.get("TOCSIN_LINK_SECRET", "")

# The edge: it asks for its routes and says who it is.
TOCSIN_EDGE_PORT = _number("TOCSIN_EDGE_PORT", 8080)
TOCSIN_EDGE_ADMIN_PORT = _number("TOCSIN_EDGE_ADMIN_PORT", 0)
TOCSIN_EDGE_SECRET = ENVIRONMENT.get("TOCSIN_EDGE_SECRET", "")
"""Sent by the edge in `X-Tocsin-Edge` when it asks for its routes."""
TOCSIN_DATABASE_PORTS = read_block(ENVIRONMENT.get("TOCSIN_DATABASE_PORTS", "8100-8115"))
"""Where the edge listens for users of databases: one port each."""
TOCSIN_STANDBY_WELL = _number("TOCSIN_STANDBY_WELL", 60)
"""Seconds for which a standby must have followed before it may take over (I-DB-6)."""

# Celery is a doorbell: it carries ids; every piece of work is a row. JSON only, so that a
# task in Redis is data and never code (safety.md C1).
CELERY_BROKER_URL = TOCSIN_REDIS_URL
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_CONCURRENCY = 5
"""One more than there are kinds of jobs that ask stores (recovery/tasks.py)."""
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_BEAT_SCHEDULE = {
    "forget-sessions": {"task": "recovery.tasks.forget_sessions", "schedule": 3600.0},
    "forget-points": {"task": "recovery.tasks.forget_points", "schedule": 3600.0},
    "follow-backups": {
        "task": "recovery.tasks.follow_backups",
        "schedule": 3.0,
        "options": {"expires": 3.0},
    },
    "keep-snapshots": {
        "task": "recovery.tasks.keep_snapshots",
        "schedule": 15.0,
        "options": {"expires": 15.0},
    },
    "lend-volumes": {
        "task": "recovery.tasks.lend_volumes",
        "schedule": 3.0,
        "options": {"expires": 15.0},
    },
    "watch-sealing": {
        "task": "recovery.tasks.watch_sealing",
        "schedule": 15.0,
        "options": {"expires": 15.0},
    },
    "watch-meter": {
        "task": "recovery.tasks.watch_meter",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "write-reports": {
        "task": "recovery.tasks.write_reports",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "look-at-runbooks": {
        "task": "recovery.tasks.look_at_runbooks",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "watch-backups": {
        "task": "recovery.tasks.watch_backups",
        "schedule": 20.0,
        "options": {"expires": 20.0},
    },
}
CELERY_TIMEZONE = TIME_ZONE

# What people see: pages, login, sockets
ROOT_URLCONF = "dashboard.urls"
ASGI_APPLICATION = "dashboard.asgi.application"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "dashboard.middleware.NoNul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "dashboard.middleware.SessionAge",
    "dashboard.middleware.NoNulInForms",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
CHANNEL_LAYERS: dict[str, dict[str, object]] = {}
"""None: fan-out is the hub's (dashboard/hub.py); Channels routes, checks origin and login."""

# Login. A session lasts 12 h; who touched nothing for 30 min may look on, and rings, but
# signs in again before the next act (dashboard/middleware.py).
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "dashboard.adapter.ClosedDoor"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "/account/login/"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_RATE_LIMITS = {"login_failed": "30/m/ip,10/m/key"}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1
"""Half minutes before and after, as RFC 6238 (5.2) recommends: a code that is typed as its half
minute ends is right. None is taken twice (dashboard/codes.py)."""
MFA_FORMS = {
    "authenticate": "dashboard.codes.SignIn",
    "reauthenticate": "dashboard.codes.SignInAgain",
    "activate_totp": "dashboard.codes.SetUp",
}
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not TOCSIN_SECURE
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_AGE = 12 * 3600
TOCSIN_IDLE_SECONDS = 30 * 60
SESSION_COOKIE_NAME = "__Host-session" if TOCSIN_SECURE else "tocsin_session"
SESSION_COOKIE_SECURE = TOCSIN_SECURE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-csrf" if TOCSIN_SECURE else "tocsin_csrf"
CSRF_COOKIE_SECURE = TOCSIN_SECURE
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "dashboard.views.look.not_from_here"
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_TRUSTED_ORIGINS += [o for o in ENVIRONMENT.get("TOCSIN_ORIGINS", "").split(",") if o]

# What the browser may load: only ourselves (safety.md D3)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "connect-src": ["'self'"],
        "img-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if TOCSIN_SECURE else 0

# Doors for machines
TOCSIN_METRICS_SECRET = ENVIRONMENT.get("TOCSIN_METRICS_SECRET", "")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"django": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
}
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)
"""With a development package beside it, structlog draws each local of each frame: for seconds, in
the thread that detects."""
