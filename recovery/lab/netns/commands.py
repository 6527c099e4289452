"""Runs `ip` and `nft`, in this namespace or in another one's; an `OSError` tells what they said."""

from __future__ import annotations

import subprocess


def told(*argv: str, text: str = "", inside: str = "") -> str:
    """What it wrote. `inside`: a path that stands for a network namespace."""
    where = ("nsenter", f"--net={inside}") if inside else ()
    done = subprocess.run([*where, *argv], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(done.returncode, f"{argv[0]}: {done.stderr.strip()}"[:400])
    return done.stdout


def ip(batch: str, *, inside: str = "") -> None:
    """Does all of these lines of `ip`."""
    told("ip", "-batch", "-", text=batch, inside=inside)


def nft(rules: str, *, inside: str = "") -> None:
    """Loads these rules, all or none."""
    told("nft", "-f", "-", text=rules, inside=inside)
