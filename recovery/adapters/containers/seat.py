"""One container as a child process: how its command is filled in and how it is spawned."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

from recovery.adapters.containers.filling import fill
from recovery.core.ports import StartFailed
from recovery.core.wire import ContainerSpec

MARK = "TOCSIN_SEAT"
OUTPUT_CAP = 1024 * 1024
_MEMORY_FLOOR_MIB = 32
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Seat(msgspec.Struct, kw_only=True):
    """What the disk keeps of a container. `pid` 0: it was about to be spawned."""

    spec: ContainerSpec
    boot: str
    mark: str
    pid: int = 0
    started: int = 0


def spawn(seat: Seat, folder: Path, values: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts it in a session of its own, output to a file, limits as declared."""
    argv = fill(seat.spec.command, values)
    if not argv:
        raise StartFailed("the process adapter needs a command", field="command")
    environment = {"PATH": _PATH, "LANG": "C.UTF-8", "HOME": str(folder)}
    environment |= {f"TOCSIN_{k.upper()}": v for k, v in values.items() if k != "python"}
    environment |= seat.spec.environment
    environment[MARK] = seat.mark
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    output = os.open(folder / "output.log", flags, 0o600)
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise StartFailed(f"{argv[0]} cannot be started: {error}", field="command") from error
    finally:
        os.close(output)


def limit(pid: int, spec: ContainerSpec) -> None:
    """Data segment limited to the declared memory; no core files. CPU is not limited here."""
    data = max(spec.limits.memory_mib, _MEMORY_FLOOR_MIB) * 1024 * 1024
    with contextlib.suppress(OSError, ValueError):  # it may have ended already
        resource.prlimit(pid, resource.RLIMIT_DATA, (data, data))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def cap_output(folder: Path) -> None:
    """Keeps the log below its cap: the older half is dropped (the writer appends)."""
    path = folder / "output.log"
    with contextlib.suppress(OSError):
        if path.stat().st_size <= OUTPUT_CAP:
            return
        with path.open("r+b") as file:
            file.seek(-OUTPUT_CAP // 2, os.SEEK_END)
            tail = file.read()
            file.seek(0)
            file.write(tail)
            file.truncate()
