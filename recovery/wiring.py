"""Which adapter stands behind which port."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

from django.conf import settings

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.s3 import Bucket, S3Store
from recovery.adapters.notifiers.chat import Chat
from recovery.adapters.notifiers.hook import Hook, read_key
from recovery.adapters.notifiers.mail import Mail
from recovery.adapters.snapshots.ec2 import Account, Ec2Provider
from recovery.adapters.snapshots.store import SnapshotStore
from recovery.core.errors import BadConfiguration
from recovery.core.ports import NotAccepted, Notifier, ObjectStore, Receiver, SnapshotProvider


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


def receiver_at(url: str, name: str) -> Receiver:
    """Of webhooks: the key of this name is a file that no row and no plan holds."""
    path = Path(settings.TOCSIN_WEBHOOK_KEYS) / name
    try:
        key = read_key(path.read_text())
    except (OSError, UnicodeError) as error:
        raise NotAccepted(
            f"There is no key {name} that can be read.",
            todo=f"Put the receiver's whsec_… into a file {name} in TOCSIN_WEBHOOK_KEYS.",
        ) from error
    try:
        networks = [ip_network(each) for each in settings.TOCSIN_WEBHOOK_NETWORKS]
    except ValueError as error:
        raise BadConfiguration(str(error), field="TOCSIN_WEBHOOK_NETWORKS") from error
    trust = ssl.create_default_context(cafile=settings.TOCSIN_WEBHOOK_AUTHORITY or None)
    return Hook(url, key, networks, trust)


def store_at(
    *,
    kind: str,
    name: str,
    address: str,
    bucket: str,
    credentials: Mapping[str, str],
    patience: float,
) -> ObjectStore:
    """The adapter for a store's kind: a folder, a bucket with its two keys, or a provider's
    snapshots, whose volumes appear in the folder `mounts` of its credentials."""
    if kind == "directory":
        return DirectoryStore(name, Path(address), patience=patience)
    if kind == "snapshot":
        provider = provider_at(
            name=name, address=address, region=bucket, credentials=credentials, patience=patience
        )
        mounts = Path(_part(name, credentials, "mounts"))
        return SnapshotStore(name, provider, mounts, patience=patience)
    if kind != "s3":
        raise BadConfiguration(f"{name}: nothing here reads a store of kind {kind}", field="kind")
    access, secret = (_part(name, credentials, part) for part in ("access_key", "secret_key"))
    region = {"region": credentials["region"]} if credentials.get("region") else {}
    return S3Store(name, Bucket(address, bucket, access, secret, **region), patience=patience)


def provider_at(
    *, name: str, address: str, region: str, credentials: Mapping[str, str], patience: float
) -> SnapshotProvider:
    """One site of the provider whose snapshots are replica 3."""
    access, secret = (_part(name, credentials, part) for part in ("access_key", "secret_key"))
    return Ec2Provider(name, Account(address, region, access, secret), patience=patience)


def volume_at(
    *, name: str, volume: str, credentials: Mapping[str, str], patience: float
) -> ObjectStore:
    """A volume that was made from a snapshot, where it appears as a folder."""
    mounts = Path(_part(name, credentials, "mounts"))
    return DirectoryStore(name, mounts / volume, patience=patience)


def _part(name: str, credentials: Mapping[str, str], part: str) -> str:
    try:
        return credentials[part]
    except KeyError as error:
        raise BadConfiguration(f"{name} has no {part}.", field="credentials") from error
