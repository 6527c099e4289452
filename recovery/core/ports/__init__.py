"""The doors to the outside world, as protocols: adapters stand behind them.

Each port has one contract suite under tests/adapters/, which every adapter passes.
"""

from __future__ import annotations

from recovery.core.ports.containers import Containers, EngineAway, Sight, StartFailed
from recovery.core.ports.databases import (
    DATABASE,
    Command,
    DatabaseEngine,
    Divergence,
    EngineFailed,
    Kept,
    Login,
    Place,
    Rejoined,
    ServerFacts,
)
from recovery.core.ports.notifiers import NotAccepted, Notifier
from recovery.core.ports.snapshots import Snapshot, SnapshotProvider, Volume
from recovery.core.ports.stores import (
    NoSuchObject,
    ObjectInfo,
    ObjectStore,
    StoreAway,
    StoreError,
    StoreFull,
    StoreRefused,
)
from recovery.core.ports.webhooks import Receiver

__all__ = [
    "DATABASE",
    "Command",
    "Containers",
    "DatabaseEngine",
    "Divergence",
    "EngineAway",
    "EngineFailed",
    "Kept",
    "Login",
    "NoSuchObject",
    "NotAccepted",
    "Notifier",
    "ObjectInfo",
    "ObjectStore",
    "Place",
    "Receiver",
    "Rejoined",
    "ServerFacts",
    "Sight",
    "Snapshot",
    "SnapshotProvider",
    "StartFailed",
    "StoreAway",
    "StoreError",
    "StoreFull",
    "StoreRefused",
    "Volume",
]
