"""A small disk of a test's own, that can be filled."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.needs import needs


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """Inside, the folder is a disk of this size."""
    needs("root")
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={mebibytes}m,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tocsin", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> Path:
    """Until nothing fits any more; removing what it gives makes room again."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as out:
        for size in (1 << 20, 1 << 12):
            try:
                while out.write(os.urandom(size)) == size:
                    pass
            except OSError:
                continue
    return filler
