"""One site of the provider: snapshots and volumes as folders, and the copying of their bytes.

    snapshots/<id>/meta.json  what it is; written before anything is copied
    snapshots/<id>/frozen/    the volume as it was at one moment: hard links, until they are copied
    snapshots/<id>/content/   its bytes, whole
    volumes/<id>.json         what it is
    volumes/<id>/             its bytes, whole: where the volume appears

Invariants: nothing is `completed` or `available` before its bytes are on the disk under their final
name with the digest that was told for them; whatever a killed process left half-done is begun anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recovery.agent.disk import private_folder, sync_folder, write_atomic

_log = logging.getLogger("tocsin.lab.provider")
_PIECE = 1 << 20
_AGAIN = 2.0
Meta = dict[str, Any]


class Away(Exception):
    """The other site does not answer."""


class NotThere(Exception):
    """No such snapshot or volume; `code` as the API names it."""

    def __init__(self, code: str, what: str) -> None:
        super().__init__(f"The {what} does not exist.")
        self.code = code


class Disk:
    """`root`: of all sites. `sources`: this site's own volumes, name and folder by id. `reached`:
    whether another site can be reached now. `pace`: called before each piece of a file."""

    def __init__(
        self,
        root: Path,
        site: str,
        sources: Mapping[str, tuple[str, Path]],
        *,
        reached: Callable[[str], bool],
        pace: Callable[[], None] = lambda: None,
    ) -> None:
        self._root, self._sources = root, sources
        self._reached, self._pace = reached, pace
        self.snapshots = private_folder(root / site / "snapshots")
        self.volumes = private_folder(root / site / "volumes")
        self._lock = threading.RLock()
        self._ended = threading.Event()

    # ------------------------------------------------------------------ asked

    def all_snapshots(self) -> list[Meta]:
        return [_read(each) for each in sorted(self.snapshots.glob("*/meta.json"))]

    def all_volumes(self) -> list[Meta]:
        own: list[Meta] = [
            {"id": id_, "snapshot": "", "state": "in-use", "tags": {"Name": name}}
            for id_, (name, _) in self._sources.items()
        ]
        return own + [_read(each) for each in sorted(self.volumes.glob("*.json"))]

    def create(self, volume: str, tags: Mapping[str, str], now: datetime) -> Meta:
        if volume not in self._sources:
            raise NotThere("InvalidVolume.NotFound", f"volume {volume}")
        return self._begin({"volume": volume, "from": ""}, tags, now)

    def copy(self, site: str, snapshot: str, tags: Mapping[str, str], now: datetime) -> Meta:
        if not (self._root / site / "snapshots" / snapshot / "meta.json").exists():
            raise NotThere("InvalidSnapshot.NotFound", f"snapshot {snapshot}")
        return self._begin({"volume": "", "from": f"{site}/{snapshot}"}, tags, now)

    def create_volume(self, snapshot: str, tags: Mapping[str, str], now: datetime) -> Meta:
        source = self.snapshots / snapshot / "meta.json"
        if not source.exists() or _read(source)["state"] != "completed":
            raise NotThere("InvalidSnapshot.NotFound", f"snapshot {snapshot}")
        id_ = f"vol-{secrets.token_hex(8)}"
        made = {
            "id": id_,
            "snapshot": snapshot,
            "state": "creating",
            "begun": now.astimezone(UTC).isoformat(),
            "tags": dict(tags),
        }
        write_atomic(self.volumes / f"{id_}.json", json.dumps(made).encode())
        self._do(self._fill, id_)
        return made

    def delete_snapshot(self, id_: str) -> None:
        with self._lock:
            folder = self.snapshots / id_
            if not (folder / "meta.json").exists():
                raise NotThere("InvalidSnapshot.NotFound", f"snapshot {id_}")
            (folder / "meta.json").unlink()
            shutil.rmtree(folder, ignore_errors=True)

    def delete_volume(self, id_: str) -> None:
        with self._lock:
            meta = self.volumes / f"{id_}.json"
            if not meta.exists():
                raise NotThere("InvalidVolume.NotFound", f"volume {id_}")
            meta.unlink()
            for folder in (self.volumes / id_, self.volumes / f"{id_}.partial"):
                shutil.rmtree(folder, ignore_errors=True)

    def _begin(self, what: Meta, tags: Mapping[str, str], now: datetime) -> Meta:
        id_ = f"snap-{secrets.token_hex(8)}"
        begun = now.astimezone(UTC).isoformat()
        made = what | {"id": id_, "state": "pending", "begun": begun, "tags": dict(tags)}
        write_atomic(private_folder(self.snapshots / id_) / "meta.json", json.dumps(made).encode())
        sync_folder(self.snapshots)
        self._do(self._take, id_)
        return made

    # ------------------------------------------------------------------ copied

    def resume(self) -> None:
        """What a former process of this site had begun; what it had not even noted goes."""
        for folder in self.snapshots.iterdir():
            if not (folder / "meta.json").exists():
                shutil.rmtree(folder, ignore_errors=True)
        for meta in self.all_snapshots():
            if meta["state"] == "pending":
                self._do(self._take, meta["id"])
        for meta in self.all_volumes():
            if meta["state"] == "creating":
                self._do(self._fill, meta["id"])

    def close(self) -> None:
        self._ended.set()

    def _do(self, act: Callable[[str], None], id_: str) -> None:
        threading.Thread(target=self._until_done, args=(act, id_), daemon=True).start()

    def _until_done(self, act: Callable[[str], None], id_: str) -> None:
        while not self._ended.is_set():
            try:
                act(id_)
            except (Away, OSError) as error:
                _log.warning("%s: %s", id_, error)
            else:
                return
            self._ended.wait(_AGAIN)

    def _take(self, id_: str) -> None:
        folder = self.snapshots / id_
        if not (folder / "meta.json").exists():
            return
        meta = _read(folder / "meta.json")
        if meta["from"]:
            site, _, other = meta["from"].partition("/")
            there = self._root / site / "snapshots" / other
            origin, wanted = there / "content", self._digest_of(site, there)
        else:
            site, origin, wanted = "", self._frozen(folder, meta["volume"]), ""
        if wanted is None:
            self._note(folder / "meta.json", meta | {"state": "error"})
            return
        digest = self._copied(origin, folder / "content", site)
        state = "completed" if digest == (wanted or digest) else "error"
        self._note(folder / "meta.json", meta | {"state": state, "digest": digest})
        shutil.rmtree(folder / "frozen", ignore_errors=True)

    def _digest_of(self, site: str, there: Path) -> str | None:
        """None: it will never be whole."""
        if not self._reached(site):
            raise Away(f"{site} does not answer")
        if not (there / "meta.json").exists():
            return None
        meta = _read(there / "meta.json")
        if meta["state"] == "pending":
            raise Away("the snapshot that is copied is pending itself")
        return str(meta["digest"]) if meta["state"] == "completed" else None

    def _frozen(self, folder: Path, volume: str) -> Path:
        """The volume as it was at one moment: what was renamed into place before the walk began."""
        frozen, partial = folder / "frozen", folder / "frozen.partial"
        if frozen.exists():
            return frozen
        shutil.rmtree(partial, ignore_errors=True)
        private_folder(partial)
        source = self._sources[volume][1]
        cut = (partial.stat()).st_ctime_ns
        for path in _files(source):
            if _changed(path) > cut:
                continue
            target = partial / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(path, target)
        partial.rename(frozen)
        return frozen

    def _fill(self, id_: str) -> None:
        path = self.volumes / f"{id_}.json"
        if not path.exists():
            return
        meta = _read(path)
        origin = self.snapshots / meta["snapshot"]
        if not (origin / "meta.json").exists():
            self._note(path, meta | {"state": "error"})
            return
        wanted = _read(origin / "meta.json")["digest"]
        digest = self._copied(origin / "content", self.volumes / id_, "")
        state = "available" if digest == wanted else "error"
        self._note(path, meta | {"state": state})

    def _copied(self, origin: Path, target: Path, site: str) -> str:
        """All files of a folder, under a name that says partial until the last one is on the disk;
        the digest of their names and bytes."""
        partial = target.with_name(f"{target.name}.partial")
        for left in (partial, target):
            shutil.rmtree(left, ignore_errors=True)
        private_folder(partial)
        whole = hashlib.blake2b(digest_size=32)
        for path in sorted(_files(origin)):
            if site and not self._reached(site):
                raise Away(f"{site} does not answer any more")
            name = path.relative_to(origin)
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            whole.update(f"{name}\0{self._copy_file(path, partial / name)}\0".encode())
        _sync_tree(partial)
        partial.rename(target)
        sync_folder(target.parent)
        return whole.hexdigest()

    def _copy_file(self, path: Path, target: Path) -> str:
        seen = path.stat()
        found = hashlib.blake2b(digest_size=32)
        with path.open("rb") as source, target.open("wb") as sink:
            while piece := source.read(_PIECE):
                self._pace()
                found.update(piece)
                sink.write(piece)
            sink.flush()
            os.fsync(sink.fileno())
        os.utime(target, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        return found.hexdigest()

    def _note(self, path: Path, meta: Meta) -> None:
        """Unless it was deleted meanwhile."""
        with self._lock:
            if path.exists():
                write_atomic(path, json.dumps(meta).encode())


def _files(folder: Path) -> Iterator[Path]:
    """What has its final name; what begins with a dot is nobody's yet."""
    for place, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        yield from (Path(place) / each for each in files if not each.startswith("."))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_ctime_ns
    except FileNotFoundError:
        return 1 << 63


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except FileNotFoundError:
        return  # removed since: as if a moment later


def _sync_tree(folder: Path) -> None:
    for place, _, _ in os.walk(folder):
        sync_folder(Path(place))


def _read(path: Path) -> Meta:
    found: Meta = json.loads(path.read_text())
    return found
