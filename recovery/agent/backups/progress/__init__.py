"""How far a restore is: kept by its shell as it goes, judged by eta.py."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from recovery.agent.backups.progress.eta import Flow, Paces, Point, seconds_left
from recovery.agent.disk import write_atomic
from recovery.core.clock import system

_log = logging.getLogger(__name__)
_MOST_POINTS = 512
_TELLING = 32 << 20
"""A replay shorter than that says nothing of how fast a host replays."""


@dataclass
class Measured:
    """What this host's last restore went like; shared by its restores, kept in `file`."""

    paces: Paces = field(default_factory=Paces)
    file: Path | None = None

    @classmethod
    def kept_in(cls, file: Path) -> Measured:
        """What nobody can read counts as never measured."""
        try:
            return cls(msgspec.json.decode(file.read_bytes(), type=Paces), file)
        except FileNotFoundError:
            return cls(file=file)
        except (msgspec.MsgspecError, OSError) as error:
            _log.warning("%s: what the last restore went like cannot be read: %s", file, error)
            return cls(file=file)

    def keep(self, paces: Paces) -> None:
        """A disk that takes it not costs the next agent its first words, and no restore."""
        self.paces = paces
        if self.file is None:
            return
        try:
            write_atomic(self.file, msgspec.json.encode(paces))
        except OSError as error:
            _log.warning("%s: what this restore went like is not kept: %s", self.file, error)


@dataclass
class Progress:
    """For people: `done` of `total` bytes are unpacked, since `began`; `phase` says what goes on.
    Of them `safe` are on the disk for good, the last `log` bytes are the log; then `replay` bytes
    of it are replayed."""

    phase: str = "planning"
    done: int = 0
    total: int = 0
    began: float = 0.0
    replay: int = 0
    log: int = 0
    measured: Measured = field(default_factory=Measured)
    _came: list[Point] = field(default_factory=list)
    _safe: list[Point] = field(default_factory=list)
    _replayed: list[Point] = field(default_factory=list)
    _brought_at: float | None = None
    _proof_since: float | None = None

    @property
    def speed(self) -> float:
        """Bytes a second, fetched and unpacked."""
        until = self._brought_at or system.monotonic()
        return self.done / max(1e-6, until - self.began)

    @property
    def seconds_left(self) -> float | None:
        """Until its data are in place; None while it is measured (eta.py)."""
        if self.phase == "done":
            return 0.0
        return seconds_left(
            Flow(self.total, tuple(self._came)),
            Flow(self.total, tuple(self._safe)),
            Flow(self.replay, tuple(self._replayed)),
            self.measured.paces,
            now=system.monotonic(),
            proof_since=self._proof_since,
            log=self.log,
        )

    @property
    def still(self) -> float | None:
        """Seconds since a byte came, was safe or was replayed; None before the first was asked
        for: whoever reads it sees the phase change."""
        known = [points[-1][0] for points in (self._came, self._safe, self._replayed) if points]
        return system.monotonic() - max(known) if known else None

    # ------------------------------------------------------------------ told by the restore

    def begin(self, phase: str, *, total: int, replay: int, log: int = 0) -> None:
        """The first byte is asked for."""
        self.total, self.replay, self.log = total, replay, log
        self.phase, self.began = phase, system.monotonic()
        self._came, self._safe = [(self.began, 0)], [(self.began, 0)]

    def came(self, size: int) -> None:
        """So many more bytes are unpacked."""
        self.done += size
        _note(self._came, self.done)

    def is_safe(self, upto: int) -> None:
        """The first `upto` bytes are on the disk for good."""
        _note(self._safe, upto)

    def brought(self) -> None:
        """Everything is, and the log's replay begins."""
        self._brought_at = system.monotonic()
        _note(self._safe, self.total)
        self._replayed = [(self._brought_at, 0)]

    def replayed(self, upto: int) -> None:
        """Of the log."""
        if self._replayed and upto > self._replayed[-1][1]:
            _note(self._replayed, min(upto, self.replay))

    def proving(self) -> None:
        """The replay has ended."""
        self._proof_since = system.monotonic()
        if self._replayed:
            _note(self._replayed, self.replay)

    def ended(self) -> None:
        """Its data are in place; what came after the last byte is known for the next one."""
        now = system.monotonic()
        paces = self.measured.paces
        if self._brought_at is not None and self._proof_since is not None:
            took = self._proof_since - self._brought_at
            replay, proof = paces.replay, now - self._proof_since
            if self.replay >= _TELLING:
                replay = self.replay / max(1e-3, took)
            else:
                proof += max(0.0, took - self.replay / replay)
            self.measured.keep(Paces(replay, proof, is_measured=True, log=self._log_pace()))
        self.phase = "done"

    def _log_pace(self) -> float:
        """Bytes of the log a second until they were safe; of too few, as it was known before."""
        since = max((at for at, done in self._safe if done <= self.total - self.log), default=None)
        if self.log < _TELLING or since is None or self._brought_at is None:
            return self.measured.paces.log
        return self.log / max(1e-3, self._brought_at - since)


def _note(points: list[Point], done: int) -> None:
    """Thinned out where there are many: the first and the newest stay."""
    points.append((system.monotonic(), done))
    if len(points) > _MOST_POINTS:
        points[1:-1] = points[2:-1:2]
