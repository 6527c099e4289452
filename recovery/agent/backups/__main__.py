"""By hand, on any host that has the keys, with no control plane:

    python -m recovery.agent.backups show    STORE [--database NAME]
    python -m recovery.agent.backups restore STORE --database NAME --into FOLDER --keys FILE
                                             [--version 18] [--to 2026-11-28T18:00:00Z]
    python -m recovery.agent.backups open    TAR --into FOLDER --keys FILE
    python -m recovery.agent.backups open    STORE --database NAME --export ID --into … --keys …

TAR: what was taken away of an export (what a returned copy held beyond its primary).
STORE: a folder, or http://HOST:PORT/BUCKET with --credentials FILE (a line `ID ACCESS-KEY SECRET`)
and --id ID. `show` needs no key: names alone tell what can be restored.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from recovery.adapters.backups.directory import DirectoryStore
from recovery.adapters.backups.sealing import read_keys
from recovery.agent.backups.exporting.opening import TarRead, open_export
from recovery.agent.backups.fetch import Source
from recovery.agent.backups.progress import Progress
from recovery.agent.backups.restore import Restore, sentence
from recovery.agent.backups.restore_valkey import RestoreValkey
from recovery.agent.backups.stores import credentials_of
from recovery.core.archive import Coverage, coverage, parse, told
from recovery.core.archive.exports import contents_of
from recovery.core.ending import end
from recovery.core.errors import BadConfiguration, TocsinError
from recovery.core.moments import BadMoment, read_moment
from recovery.core.ports import ObjectStore, Place

_EVERY = 1.0


def main(argv: list[str], say: Callable[[str], object]) -> int:
    """1 with the reason when it was refused."""
    given = _parser().parse_args(argv)
    try:
        asyncio.run(VERBS[given.verb](given, say))
    except TocsinError as error:
        say(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recovery.agent.backups", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    verbs = parser.add_subparsers(dest="verb", required=True)
    show, restore = verbs.add_parser("show"), verbs.add_parser("restore")
    opened = verbs.add_parser("open")
    for each in (show, restore, opened):
        each.add_argument("store")
        each.add_argument("--credentials", type=Path)
        each.add_argument("--id", default="")
    show.add_argument("--database", default="")
    opened.add_argument("--database", default="")
    opened.add_argument("--export", default="")
    opened.add_argument("--into", type=Path, required=True)
    opened.add_argument("--keys", type=Path, required=True)
    restore.add_argument("--database", required=True)
    restore.add_argument("--into", type=Path, required=True)
    restore.add_argument("--keys", type=Path, required=True)
    restore.add_argument("--engine", choices=("postgresql", "valkey"), default="postgresql")
    restore.add_argument("--version", default="18")
    restore.add_argument("--to", type=_moment)
    restore.add_argument("--check-pages", action="store_true")
    return parser


def _moment(text: str) -> datetime:
    """In UTC, or with its offset."""
    try:
        return read_moment(text)
    except BadMoment as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _store(given: argparse.Namespace) -> ObjectStore:
    text = str(given.store)
    if not text.startswith(("http://", "https://")):
        return DirectoryStore("the folder", Path(text))
    from recovery.adapters.backups.s3 import Bucket, S3Store  # noqa: PLC0415

    endpoint, _, bucket = text.rpartition("/")
    if given.credentials is None:
        raise BadConfiguration("A bucket needs --credentials FILE and --id ID.", field="store")
    access, secret = credentials_of(given.credentials, given.id)
    return S3Store("the bucket", Bucket(endpoint, bucket, access, secret))


async def _show(given: argparse.Namespace, say: Callable[[str], object]) -> None:
    store = _store(given)
    prefix = f"{given.database}/" if given.database else ""
    seen = await store.list(prefix)
    await store.close()
    databases = {name.line.database for each in seen if (name := parse(each.name))}
    for database in sorted(databases):
        found = coverage(each for each in seen if each.name.startswith(f"{database}/"))
        say(f"{database}: {_words(found)}\n")
    if not databases:
        say("There is no backup.\n")


def _words(found: Coverage) -> str:
    size = f"{found.objects} objects, {found.bytes / 1e6:.0f} MB"
    windows = "; ".join(f"any moment from {told(a)} to {told(b)}" for a, b in found.windows)
    newest = f"restorable up to {told(found.moment)}" if found.moment else "nothing restorable"
    return ". ".join(each for each in (newest, windows, size, *found.missing) if each)


async def _restore(given: argparse.Namespace, say: Callable[[str], object]) -> None:
    store = _store(given)
    source = Source(store, read_keys(given.keys), given.database)
    work: Restore | RestoreValkey
    if given.engine == "postgresql":
        work = Restore(source, Place(given.into.resolve(), "127.0.0.1"), given.version)
        running = asyncio.create_task(work.run(given.to, check_pages=given.check_pages))
    else:
        work = RestoreValkey(source, given.into.resolve(), given.version)
        running = asyncio.create_task(work.run(given.to))
    try:
        while not running.done():
            await asyncio.wait({running}, timeout=_EVERY)
            say(_line(work.progress))
        say(f"{sentence(await running)}\n")
    finally:
        await end([running], within=600.0)
        await store.close()


async def _open(given: argparse.Namespace, say: Callable[[str], object]) -> None:
    path, keys = Path(str(given.store)), read_keys(given.keys)
    if await asyncio.to_thread(path.is_file):
        tar = TarRead(path)
        try:
            found = await open_export(tar.get, tar.contents, keys, given.into)
        finally:
            tar.close()
    else:
        if not given.database or not given.export:
            raise BadConfiguration("A store needs --database NAME and --export ID.", field="export")
        store = _store(given)
        try:
            name = contents_of(given.database, given.export)
            found = await open_export(store.get, name, keys, given.into)
        finally:
            await store.close()
    for one in found.files:
        say(f"{one.name}: {one.size} bytes\n")


VERBS = {"show": _show, "restore": _restore, "open": _open}


def _line(progress: Progress) -> str:
    left = progress.seconds_left
    more = f", {left:.0f} s left" if left else ""
    done, total = progress.done / 1e6, progress.total / 1e6
    return f"{progress.phase}: {done:.0f} of {total:.0f} MB{more}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout.write))
