"""Addresses of external stores, read before anything is started with them.

Invariant: a bad one is refused with its variable's name and what is wrong; it is never shown, for
a password stands in it.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

from recovery.core.errors import BadConfiguration

POSTGRESQL = ("postgresql", "postgres")
STORES = ("redis", "rediss", "unix")
NAME = re.compile(
    r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.I
)


def read_database_url(url: str, field: str) -> tuple[SplitResult, dict[str, str]]:
    """Its parts and its options."""
    shape = "It is postgresql://user:password@host:port/name, with options as ?sslmode=require."
    parts = _split(url, field, POSTGRESQL, shape)
    try:
        options = dict(parse_qsl(parts.query.replace("+", "%2B"), strict_parsing=bool(parts.query)))
    except ValueError:
        raise BadConfiguration(
            "an option after the ? is not name=value.", field=field, todo=shape
        ) from None
    if not parts.path.strip("/"):
        raise BadConfiguration("the database's name is missing.", field=field, todo=shape)
    return parts, options


def check_store_url(url: str, field: str) -> None:
    """Redis or Valkey."""
    shape = "It is redis://:password@host:port/0; rediss:// for TLS, unix:///path for a socket."
    _split(url, field, STORES, shape)


def check_host(name: str, field: str) -> str:
    """A bare host name; "" where none was asked for."""
    if name and (not NAME.fullmatch(name) or len(name) > 253):
        raise BadConfiguration(
            f"{name!r} is not a host name.",
            field=field,
            todo="Give the bare name, without http://, port or path: HOST=tocsin.example",
        )
    return name


def _split(url: str, field: str, schemes: tuple[str, ...], shape: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it is read here so that a bad one is refused here
    except ValueError:
        raise BadConfiguration(
            "its host or port cannot be read.", field=field, todo=shape
        ) from None
    if parts.scheme not in schemes:
        begins = f"it begins with {parts.scheme}://" if parts.scheme else "it is no URL"
        raise BadConfiguration(f"{begins}.", field=field, todo=shape)
    return parts
