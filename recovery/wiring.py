"""Which adapter stands behind which port."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from django.conf import settings

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.s3 import Bucket, S3Store
from recovery.adapters.notifiers.chat import Chat
from recovery.adapters.notifiers.mail import Mail
from recovery.core.errors import BadConfiguration
from recovery.core.ports import Notifier, ObjectStore


def notifier_for(kind: str, address: str) -> Notifier:
    """The adapter for a channel's kind ("mail" or "apprise") and address."""
    if kind == "mail":
        return Mail(
            recipient=address,
            sender=settings.TOCSIN_MAIL_FROM,
            host=settings.TOCSIN_MAIL_HOST,
            port=settings.TOCSIN_MAIL_PORT,
            user=settings.TOCSIN_MAIL_USER,
            password=settings.TOCSIN_MAIL_PASSWORD,
            use_tls=settings.TOCSIN_MAIL_TLS,
        )
    return Chat(address)


def store_at(
    *,
    kind: str,
    name: str,
    address: str,
    bucket: str,
    credentials: Mapping[str, str],
    patience: float,
) -> ObjectStore:
    """The adapter for a store's kind: a folder, or a bucket with its two keys."""
    if kind == "directory":
        return DirectoryStore(name, Path(address), patience=patience)
    if kind == "s3":
        try:
            keys = {part: credentials[part] for part in ("access_key", "secret_key")}
        except KeyError as error:
            raise BadConfiguration(
                f"{name} has no {error.args[0]}.", field="credentials"
            ) from error
        region = {"region": credentials["region"]} if credentials.get("region") else {}
        return S3Store(name, Bucket(address, bucket, **keys, **region), patience=patience)
    raise BadConfiguration(f"{name}: nothing here reads a store of kind {kind}.", field="kind")
