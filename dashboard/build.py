"""Which build of the pages this process serves: wall screens reload on a new one."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from django.conf import settings


@cache
def build() -> str:
    """A short digest of templates, scripts and style sheets as they were at the start."""
    digest = hashlib.sha256()
    for folder in ("templates", "static"):
        root: Path = settings.ROOT / folder
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]
