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
    with _mounted(folder, "tmpfs", f"size={mebibytes}m,mode=0700"):
        yield folder


@contextmanager
def disk_of_pages(folder: Path) -> Iterator[Path]:
    """Inside, nothing can be written but through the page cache: there is nothing else."""
    with _mounted(folder, "ramfs", "mode=0700"):
        yield folder


@contextmanager
def _mounted(folder: Path, kind: str, options: str) -> Iterator[None]:
    needs("root")
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", kind, "-o", options, "tocsin", folder], check=True)
    try:
        yield
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
