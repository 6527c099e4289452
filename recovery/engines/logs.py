"""Log files with a cap.

Invariant: a log and its predecessor together stay below two caps; the writers, which append,
go on undisturbed.
"""

from __future__ import annotations

from pathlib import Path

CAP_BYTES = 20 * 1024 * 1024


def trim(log: Path, cap: int = CAP_BYTES) -> bool:
    """Move a log that outgrew its cap to `.1` and empty it in place; True when it did."""
    try:
        if log.stat().st_size <= cap:
            return False
        with log.open("r+b") as full:
            full.seek(-cap, 2)
            log.with_name(f"{log.name}.1").write_bytes(full.read(cap))
            full.truncate(0)
    except OSError:
        return False  # gone, or the disk is full: looked at again at the next round
    return True


def last_line(log: Path, longest: int = 200) -> str:
    """The last words of a process, for the line that tells of its end."""
    try:
        with log.open("rb") as full:
            full.seek(max(0, log.stat().st_size - 4096))
            lines = [
                line for line in full.read().decode(errors="replace").splitlines() if line.strip()
            ]
    except OSError:
        return ""
    return lines[-1].strip()[:longest] if lines else ""
