"""What `make up` says to the person who started it."""

from __future__ import annotations

import sys
from contextlib import suppress

from recovery.core.clock import system
from recovery.engines import certificates
from recovery.engines.state import State
from recovery.engines.wishes import Addresses


def say(line: str) -> None:
    """One line with the time; a closed terminal never stops Tocsin."""
    with suppress(OSError, ValueError):
        sys.stdout.write(f"{system.now():%H:%M:%S}  {line}\n")
        sys.stdout.flush()


def complain(sentence: str) -> None:
    """What went wrong and the way on."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"\nTocsin: {sentence}\n")
        sys.stderr.flush()


def final_block(addresses: Addresses, state: State, *, seconds: float, passwords: str) -> None:
    """Where to go, who one is, how to stop."""
    lines = ["", f"Tocsin is up after {seconds:.1f} s:  {addresses.url}", ""]
    if passwords:
        lines += ["  People of the demonstration (shown this once; make people shows new ones):"]
        lines += [f"    {line}" for line in passwords.splitlines()] + [""]
    lines += [f"  Applications answer at port {addresses.edge}; state and logs: {state.folder}"]
    if addresses.databases:
        lines += [f"  Databases answer from port {addresses.databases[0]} on."]
    if addresses.host:
        lines += _trust(addresses, state)
    lines += ["  Stop with Ctrl-C. Start again keeps everything; make reset removes it.", ""]
    with suppress(OSError, ValueError):
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


def _trust(addresses: Addresses, state: State) -> list[str]:
    return [
        "",
        f"  A phone or another machine trusts {addresses.host} after it has this authority:",
        f"    {state.tls / 'ca.crt'}   (send it by mail or a cable; it is not secret)",
        "    iPhone: open the file, Settings > Profile Downloaded > Install, then General >",
        "      About > Certificate Trust Settings > switch on 'Tocsin local authority'",
        "    Android: Settings > Security > Encryption & credentials > Install a certificate > CA",
        f"    its SHA-256: {certificates.fingerprint(state.tls)}",
        f"  Agents on other machines find us at wss://{addresses.host}:{addresses.agents}/agent",
        "    with the same file as their ca_file.",
        "",
    ]
