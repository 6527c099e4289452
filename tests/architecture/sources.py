"""The project's own Python files, parsed."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {".git", ".venv", "var", "node_modules", "staticfiles", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its path from the root, its text, its tree."""

    path: Path
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def name(self) -> str:
        return str(self.path)


@cache
def tracked_files() -> tuple[Path, ...]:
    """What a clone holds, and what would be added to it; the folder's files outside of git."""
    argv = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others"]
    listed = subprocess.run(
        [*argv, "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode == 0:
        names = [Path(name) for name in listed.stdout.splitlines()]
        return tuple(name for name in names if (ROOT / name).is_file())
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return tuple(path for path in found if not LEFT_OUT & set(path.parts))


@cache
def sources(*tops: str) -> tuple[Source, ...]:
    """The Python files below these top folders, migrations left out."""
    return tuple(
        Source(path, (ROOT / path).read_text())
        for path in sorted(tracked_files())
        if path.suffix == ".py" and path.parts[0] in tops and "migrations" not in path.parts
    )
