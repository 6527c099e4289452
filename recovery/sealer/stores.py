"""Where copies of the log go: a folder of its own, and stores of backups by their names."""

from __future__ import annotations

from pathlib import Path

import structlog
from django.conf import settings

from recovery import wiring
from recovery.backups.cycle import open_store
from recovery.backups.models import Store
from recovery.core.errors import TocsinError
from recovery.core.ports import ObjectStore
from recovery.sealer.copies import PREFIX

log = structlog.get_logger()
PATIENCE = 5.0


def own_folder() -> ObjectStore:
    """The folder of this installation; best a disk of another machine."""
    folder = Path(settings.TOCSIN_AUDIT_FOLDER)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return wiring.store_at(
        kind="directory",
        name="audit folder",
        address=str(folder),
        bucket="",
        credentials={},
        patience=PATIENCE,
    )


def copy_stores() -> list[ObjectStore]:
    """The folder, then each store that TOCSIN_AUDIT_STORES names."""
    found = [own_folder()]
    for name in settings.TOCSIN_AUDIT_STORES:
        row = Store.objects.filter(name=name).first()
        try:
            found += [open_store(row)] if row else []
        except TocsinError as error:
            log.warning("no copy of the log", store=name, error=str(error))
        if row is None:
            log.warning("no store of this name", store=name, field="TOCSIN_AUDIT_STORES")
    return found


def kept_notes() -> list[str]:
    """Every checkpoint that this machine keeps outside PostgreSQL: those copied into the folder,
    and what each key of the log signed last."""
    folder = Path(settings.TOCSIN_AUDIT_FOLDER) / PREFIX / "checkpoint"
    key_file = Path(settings.TOCSIN_AUDIT_KEY_FILE)
    signed = key_file.parent.glob(f"{key_file.name}-signed-*[0-9a-f]")
    return [path.read_text() for path in (*sorted(folder.glob("[0-9]*")), *sorted(signed))]
