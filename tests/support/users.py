"""An ordinary user with a copy of the project: what a developer without root has."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recovery.engines.edge.settings import find_traefik

ROOT = Path(__file__).resolve().parents[2]
NAME = "nobody"


@dataclass(frozen=True, slots=True)
class OrdinaryUser:
    """Who, with which copy of the project and which Python."""

    prefix: tuple[str, ...]
    home: Path
    copy: Path
    python: Path


@contextmanager
def as_ordinary_user() -> Iterator[OrdinaryUser]:
    """A home with a copy of the tracked files, owned by an unprivileged user; gone afterwards."""
    group = pwd.getpwnam(NAME).pw_gid
    prefix = ("setpriv", "--reuid", NAME, "--regid", str(group), "--clear-groups", "--")
    # On a disk, as the packages are: they can be linked there.
    home = Path(tempfile.mkdtemp(prefix="tocsin-user-", dir="/var/tmp"))
    try:
        home.chmod(0o755)
        copy = _copy_project(home / "tocsin")
        python = _usable_python(prefix, home / "venv")
        _give(copy)
        shutil.chown(home, NAME)
        yield OrdinaryUser(prefix, home, copy, python)
    finally:
        shutil.rmtree(home)


def _copy_project(target: Path) -> Path:
    trusted = f"safe.directory={ROOT}"
    argv = ["git", "-c", trusted, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(argv, cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def _usable_python(prefix: tuple[str, ...], place: Path) -> Path:
    """Our own Python where the user may run it, else an environment made of the same packages."""
    ours = Path(sys.executable)
    if _may_run(prefix, ours, "import django"):
        return ours
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for folder in ("/usr/bin", "/usr/local/bin"):
        base = Path(folder) / version
        if base.exists() and _may_run(prefix, base, "import venv"):
            return _same_packages(base, place)
    raise RuntimeError(f"no {version} that {NAME} may run: apt-get install python3")


def _may_run(prefix: tuple[str, ...], python: Path, statement: str) -> bool:
    """Through a shell, because setpriv itself still runs what only root may."""
    argv = [*prefix, "sh", "-c", 'exec "$0" -c "$1"', str(python), statement]
    return subprocess.run(argv, cwd="/", capture_output=True, check=False).returncode == 0


def _same_packages(base: Path, place: Path) -> Path:
    subprocess.run([str(base), "-m", "venv", "--without-pip", str(place)], check=True)
    target = Path(next(place.glob("lib/python3*/site-packages")))
    target.rmdir()
    packages = Path(sys.prefix) / target.relative_to(place)
    try:
        subprocess.run(["cp", "-al", str(packages), str(target)], check=True, capture_output=True)
    except subprocess.CalledProcessError:  # another disk
        subprocess.run(["cp", "-a", str(packages), str(target)], check=True)
    for program in (find_traefik(), Path(sys.executable).with_name("weed")):
        shutil.copy2(program, place / "bin" / program.name)
    return place / "bin" / "python"


def _give(folder: Path) -> None:
    shutil.chown(folder, NAME)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, pwd.getpwnam(NAME).pw_uid, -1, follow_symlinks=False)


def main(argv: list[str]) -> int:
    """`python -m tests.support.users python -m pytest …`: run it as an ordinary user."""
    with as_ordinary_user() as user:
        words = [str(user.python) if word == "python" else word for word in argv]
        env = {k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_TEST_")}
        env |= {"HOME": str(user.home), "TOCSIN_REQUIRE_ALL": "0"}
        return subprocess.run(
            [*user.prefix, *words], cwd=user.copy, env=env, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
