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
    "recovery.access",
]


def _database(url: str) -> dict[str, object]:
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


DATABASES = {"default": _database(os.environ.get("TOCSIN_DATABASE_URL", "postgresql:///tocsin"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TOCSIN_APPLICATION_ROLE = os.environ.get("TOCSIN_APPLICATION_ROLE", "tocsin_app")

USE_TZ = True
TIME_ZONE = "UTC"
TOCSIN_REDIS_URL = os.environ.get("TOCSIN_REDIS_URL", "redis://127.0.0.1:6379/0")

# What people see: pages, login, sockets
ROOT_URLCONF = "dashboard.urls"
ASGI_APPLICATION = "dashboard.asgi.application"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "dashboard.middleware.SessionAge",
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
TOCSIN_SECURE = os.environ.get("TOCSIN_SECURE", "") == "1"
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
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("TOCSIN_ORIGINS", "").split(",") if o]

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
TOCSIN_METRICS_SECRET = os.environ.get("TOCSIN_METRICS_SECRET", "")
TOCSIN_LAB = os.environ.get("TOCSIN_LAB", "")
"""The lab's control address while one runs; empty: no lab, no lab controls."""
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"django": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
}
