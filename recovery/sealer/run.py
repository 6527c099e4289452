"""The sealer's life: rounds until told to stop; whatever fails in one is tried in the next."""

from __future__ import annotations

import threading
from pathlib import Path

import structlog
from django.db import DatabaseError, close_old_connections

from recovery.audit import queries
from recovery.core.clock import Clock
from recovery.core.errors import Refused, TocsinError
from recovery.core.tlog.notes import SignerKey
from recovery.sealer import watch
from recovery.sealer.copies import Outside
from recovery.sealer.keys import Memory, load_key, make_key, memory_of
from recovery.sealer.seal import Altered, Sealer

log = structlog.get_logger()
ROUND_SECONDS = 0.5
WATCH_SECONDS = 10.0


def run_sealer(
    *,
    name: str,
    key_file: Path,
    host: str,
    copies: Outside,
    clock: Clock,
    stop: threading.Event,
    every: float = ROUND_SECONDS,
) -> None:
    """Seal until told to stop; the last act is a checkpoint over what is sealed."""
    sealer: Sealer | None = None
    watched_at = clock.monotonic()
    while not stop.wait(every):
        close_old_connections()
        try:
            if sealer is None or load_key(key_file) != sealer.key:
                sealer = begin(name, key_file, host, clock)
            if clock.monotonic() - watched_at >= WATCH_SECONDS:
                watched_at = clock.monotonic()
                watch.watch_sealing(now=clock.now())  # before the round: one that fails is told
            if not _round(sealer, copies, clock):
                sealer = None  # begins anew: people may have put the rows or the key right
        except DatabaseError as error:
            log.warning("rows are away", error=str(error).strip())
        except TocsinError:
            raise
        except Exception:  # an entry or a row that no one foresaw: `audit-late` rings meanwhile
            log.exception("a round of the sealer failed")
            sealer = None
    if sealer is not None:
        _last_checkpoint(sealer)


def begin(name: str, key_file: Path, host: str, clock: Clock) -> Sealer:
    """With the key of the log; a key is made only for a log that has none yet."""
    key = load_key(key_file) or _first_key(key_file, host)
    return Sealer(name, key, Memory(memory_of(key_file, key), key), clock)


def _first_key(path: Path, host: str) -> SignerKey:
    if queries.log_keys():
        raise Refused(
            f"{path} is missing: the key that this log is signed with.",
            kept="Entries are written as before; none is sealed.",
            todo="Put it back from where you keep it.",
        )
    return make_key(path, host)


def _round(sealer: Sealer, copies: Outside, clock: Clock) -> bool:
    """False: what was signed is no longer what is there, and people were rung."""
    try:
        sealer.round()
    except Altered as error:
        log.error("altered", reason=str(error))
        watch.ring_altered(said=str(error), now=clock.now())
        return False
    if sealer.epoch:
        copies.keep_up()
    return True


def _last_checkpoint(sealer: Sealer) -> None:
    try:
        if sealer.epoch:
            sealer.sign()
    except (DatabaseError, Altered) as error:
        log.warning("no last checkpoint", error=str(error).strip())
